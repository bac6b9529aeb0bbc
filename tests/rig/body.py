"""Runs inside the guest: the car's body controller, which obeys hazard requests and says what its lamps do.

body.py CONFIG INTERFACE... speaks on all of them at once and prints `talking`, and `hazards on` or `hazards off`
whenever its lamps change. SIGUSR1 is the driver's press on the hazard switch, which ends what flashes until it is asked
for anew. It is no more than that, since an emulated machine is slow; the rest of the car is can-utils' canplayer.
"""

import select
import signal
import sys
import time
from pathlib import Path

from hardshoulder.core.protection import checksum_holds
from hardshoulder.core.vocabulary import Vss
from hardshoulder.edge.bus import Bus, BusError, open_bus
from hardshoulder.plan_cache import load_bundle
from support.talker import Talker

_MISSED_S = 0.3
"""Three periods without a request, and the lamps go dark."""

_HELD_S = 0.3
"""A finger stays on the switch for longer than a frame takes to say so."""


class Body:
    """One body controller on several interfaces; one that is down is opened again when there is something to say."""

    def __init__(self, config: Path, interfaces: list[str]) -> None:
        plan = load_bundle(config).plan
        assert plan.hazard.command is not None
        self._command = plan.hazard.command
        self._talker = Talker(plan)
        self._lamps = self._talker.carrier(Vss.HAZARD_SIGNALING)
        self._buses: dict[str, Bus | None] = dict.fromkeys(interfaces)
        self._asked_s = self._pressed_s = float("-inf")
        self._overruled = False

    def press(self, _number: int, _frame: object) -> None:
        """The driver's finger on the hazard switch."""
        self._pressed_s, self._overruled = time.monotonic(), True

    def live(self) -> None:
        """Until it is killed."""
        print("talking", flush=True)
        shown = False
        while True:
            self._hear(time.monotonic() + self._lamps.cycle_s)
            now_s = time.monotonic()
            asked = now_s < self._asked_s + _MISSED_S
            self._overruled = self._overruled and asked
            hazards = asked and not self._overruled
            if hazards is not shown:
                shown = hazards
                print("hazards", "on" if shown else "off", flush=True)
            self._talker.values |= {Vss.HAZARD_SIGNALING: hazards, Vss.HAZARD_SWITCH: now_s < self._pressed_s + _HELD_S}
            self._say()

    def _hear(self, until_s: float) -> None:
        while (left_s := until_s - time.monotonic()) > 0:
            for interface, bus in self._buses.items():
                if bus is not None:
                    self._obey(interface, bus)
            select.select([bus for bus in self._buses.values() if bus is not None], [], [], left_s)

    def _obey(self, interface: str, bus: Bus) -> None:
        try:
            frames = bus.receive_ready()
        except BusError:
            self._lose(interface, bus)
            return
        checksum = self._command.checksum
        assert checksum is not None
        for frame in frames:
            if checksum_holds(frame.can_id, frame.data, checksum):
                wanted = frame.data[1] >> 4 == self._command.on[1] >> 4
                self._asked_s = frame.at_s if wanted else float("-inf")

    def _say(self) -> None:
        frame = self._talker.frame(self._lamps, time.monotonic())
        for interface, bus in self._buses.items():
            try:
                opened = bus or open_bus("main", f"socketcan:{interface}", frozenset({self._command.can_id}))
                self._buses[interface] = opened
                opened.send(frame)
            except BusError:
                if bus is not None:
                    self._lose(interface, bus)

    def _lose(self, interface: str, bus: Bus) -> None:
        bus.close()
        self._buses[interface] = None


if __name__ == "__main__":
    body = Body(Path(sys.argv[1]), sys.argv[2:])
    signal.signal(signal.SIGUSR1, body.press)
    body.live()
