"""Which of the simulated control units are awake: after-run, low voltage, outages, waking up."""

import math
from random import Random

_AFTER_RUN_S = {
    "PCM": (0.5, 2.0),
    "BMS": (0.8, 2.5),
    "TCU": (0.6, 3.0),
    "ACU": (0.5, 4.0),
    "ESC": (2.0, 5.0),
    "GNS": (2.0, 6.0),
    "SUP": (6.0, 15.0),
}
"""How long a node goes on after the ignition is off; the body controller never sleeps."""

_NEEDS_V = 5.5
_BODY_NEEDS_V = 4.5


class NodePower:
    """Which control units are awake.

    Each falls asleep after its own after-run, drawn by the seed, so the order varies; the brake
    controller's begins when the car stands. Low voltage silences a node at once, and so does an outage,
    after which it starts anew.
    """

    def __init__(self, random: Random, awake: bool) -> None:
        self._after_run_s = {node: random.uniform(*span) for node, span in _AFTER_RUN_S.items()}
        self._boot_s = {node: random.uniform(0.03, 0.25) for node in _AFTER_RUN_S}
        self._off_since_s: dict[str, float] = {}
        self._on_since_s = dict.fromkeys(_AFTER_RUN_S, -10.0) if awake else {}
        self._out: set[str] = set()
        self._voltage_v = 12.0

    def step(self, at_s: float, ignition: bool, standing: bool, voltage_v: float) -> None:
        """Lets time pass. ignition: also while something else keeps the bus awake."""
        self._voltage_v = voltage_v
        if ignition and not self._off_since_s and len(self._on_since_s) == len(_AFTER_RUN_S):
            return
        for node, after_run_s in self._after_run_s.items():
            if ignition or (node == "ESC" and not standing):
                self._off_since_s.pop(node, None)
                if ignition and node not in self._on_since_s:
                    self._on_since_s[node] = at_s + self._boot_s[node]
            elif node in self._on_since_s:
                off_since_s = self._off_since_s.setdefault(node, at_s)
                if at_s - off_since_s >= after_run_s:
                    del self._on_since_s[node], self._off_since_s[node]

    def silence(self, node: str) -> None:
        """The node is out, until it is let back."""
        self._out.add(node)

    def restart(self, node: str, at_s: float) -> None:
        """The node starts anew."""
        self._out.discard(node)
        if node in self._on_since_s:
            self._on_since_s[node] = at_s

    def is_out(self, node: str) -> bool:
        """Whether an outage holds the node."""
        return node in self._out

    def awake_s(self, node: str, at_s: float) -> float | None:
        """For how long the node has been awake; None: it is silent."""
        if node in self._out:
            return None
        if node == "BCM":
            return math.inf if self._voltage_v >= _BODY_NEEDS_V else None
        since_s = self._on_since_s.get(node)
        if since_s is None or at_s < since_s or self._voltage_v < (_BODY_NEEDS_V if node == "SUP" else _NEEDS_V):
            return None
        return at_s - since_s
