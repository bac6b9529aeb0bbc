"""What the walk through a DBC file found, and what comes of it: signals to use, notes, problems."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

from hardshoulder.dbc_doubt import RANGES, TYPE, Seen, Stray
from hardshoulder.dbc_grammar import EXPECTED_MESSAGE, EXPECTED_SIGNAL, FLOAT_LENGTHS, CutMessage, CutSignal

MOST_LINES = 100
"""Problems, and notes, that are told of one file."""

MOST_STRAYS = 10_000
"""Lines remembered that may have been about something needed."""


@dataclass(slots=True)
class Found:
    """What one file has of the needed messages, and what it has to be told of.

    lost: needed messages, and the broken line that names one. orphans: (id, signal) of which a line tells, where,
    and whether it is one on how to read it, not a comment or the like.
    """

    path: Path
    needed: Mapping[str, frozenset[str]]
    seen: Seen = field(default_factory=Seen)
    blocks: dict[str, CutMessage] = field(default_factory=dict)
    lost: dict[str, tuple[int, str]] = field(default_factory=dict)
    strays: list[Stray] = field(default_factory=list)
    orphans: dict[tuple[int, str], tuple[int, bool]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, number: int, text: str) -> None:
        """Tells of a line for which the file is refused."""
        if len(self.problems) < MOST_LINES:
            self.problems.append(f"{self.path}:{number}: {text}")

    def note(self, number: int, text: str) -> None:
        """Tells of a line that was repaired or left out."""
        if len(self.notes) < MOST_LINES:
            self.notes.append(f"{self.path.name}:{number}: {text}")

    def finish(self) -> None:
        """Finds what every needed signal depends on; problems where that is broken, notes for the rest."""
        self._tell_lost()
        self._tell_orphans()
        for block in self.blocks.values():
            for name in sorted(self.needed[block.name]):
                if (signal := block.signals.get(name)) is not None:
                    self._want(block, signal)
                elif block.broken:
                    self.problem(
                        block.broken[0], f"not a signal line, and {block.name} lacks signal {name}; {EXPECTED_SIGNAL}"
                    )
            self._tell(block)

    def _tell_lost(self) -> None:
        for name, (number, statement) in self.lost.items():
            if name not in self.blocks:
                self.problem(number, f"{EXPECTED_MESSAGE}, got `{statement}`")
            else:
                self.note(
                    number, f"left out a line that names {name} and is no message; line {self.blocks[name].line} is"
                )

    def _tell(self, block: CutMessage) -> None:
        for signal in block.signals.values():
            if signal.wrong is not None and signal.name not in block.wanted:
                self.note(signal.line, f"left out signal {signal.name} of {block.name}: {signal.wrong}")
        for signal in block.wanted.values():
            self._refuse_strays(block, signal)
            for line, text in signal.odd.items():
                self.note(line, f"signal {signal.name} of {block.name} {text}")
        sound = [signal for signal in block.signals.values() if signal.wrong is None]
        for one, other in combinations(sound, 2):
            if {one.name, other.name} & block.wanted.keys() and _collide(one, other):
                self.note(
                    other.line,
                    f"signal {other.name} of {block.name} overlaps {one.name} of line {one.line}; read as written",
                )

    def _tell_orphans(self) -> None:
        """Something is said of a needed signal under an id that no message has: is the message's id damaged?"""
        for (number, name), (line, how_to_read) in self.orphans.items():
            owners = [
                block.name
                for block in self.blocks.values()
                if name in self.needed[block.name] or (how_to_read and name in block.signals)
            ]
            if owners and number not in self.seen.signals:
                where = ", ".join(owners[:3])
                self.note(
                    line, f"tells of signal {name} (as in {where}) under an id that no message has; is an id wrong?"
                )

    def _refuse_strays(self, block: CutMessage, signal: CutSignal) -> None:
        """A broken line that could have changed how this signal is read, which no other line settles."""
        could_be = {TYPE} if not signal.typed and signal.length in FLOAT_LENGTHS else set()
        if signal.mux.startswith("m") and not signal.ranges:
            could_be.add(RANGES)
        known = self.seen.words() if self.strays else set()
        for stray in self.strays:
            if could_be & stray.kinds and stray.may_be_about(block, signal, known):
                self.problem(
                    stray.line,
                    f"cannot be read and may be about {signal.name} of {block.name}; "
                    f"expected `{TYPE} id name : type;` or `{RANGES} id name selector from-to;`, or remove it",
                )

    def _want(self, block: CutMessage, signal: CutSignal) -> None:
        """Takes the signal and the selectors above it."""
        above = {signal.name}
        while True:
            block.wanted[signal.name] = signal
            if signal.wrong is not None:
                self.problem(signal.line, f"signal {signal.name} of {block.name} {signal.wrong}; {EXPECTED_SIGNAL}")
                return
            if not signal.mux.startswith("m") and signal.selector is None:
                return
            signal.selector = signal.selector or _only_selector(block)
            selector = block.signals.get(signal.selector or "")
            if selector is None or selector.name in above:
                self.problem(
                    signal.line,
                    f"signal {signal.name} of {block.name} is multiplexed, but no sound line says by which signal; "
                    "expected one signal with `M`, or `SG_MUL_VAL_ id name selector from-to;`",
                )
                return
            above.add(selector.name)
            signal = selector


def _only_selector(block: CutMessage) -> str | None:
    found = [signal.name for signal in block.signals.values() if signal.mux.endswith("M")]
    return found[0] if len(found) == 1 else None


def _collide(one: CutSignal, other: CutSignal) -> bool:
    """Whether two signals of one frame share bits; those of two multiplexed branches are in two frames."""
    return not one.bits().isdisjoint(other.bits()) and not _apart(one, other)


def _apart(one: CutSignal, other: CutSignal) -> bool:
    if not one.mux[:1] == other.mux[:1] == "m":
        return False
    if one.selector == other.name or other.selector == one.name:
        return False
    if None not in (one.selector, other.selector) and one.selector != other.selector:
        return True
    values = sorted((*one.selected(), *other.selected()))
    return all(last < first for (_, last), (first, _) in pairwise(values))
