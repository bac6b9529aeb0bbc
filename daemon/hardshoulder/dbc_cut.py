"""The needed messages, cut out of a DBC file as it was published.

A DBC file of a real car often has a broken line somewhere: an id that does not fit, a signal outside its
message, a malformed comment. Only what is needed has to be sound. What is left out or repaired is told; a broken
line that may have been about something needed is an error, for no reading of the rest would be sure.
"""

import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from hardshoulder.dbc_doubt import DIGITS, RANGES, TYPE, WORDS_LOOKED_AT, Seen, Stray, stray_of
from hardshoulder.dbc_grammar import (
    ABOUT,
    CYCLE,
    EXPECTED_MESSAGE,
    EXPECTED_SIGNAL,
    FLOAT_LENGTHS,
    LONGEST_PAYLOAD,
    MESSAGE,
    NAMED,
    OF_SIGNAL,
    CutMessage,
    CutSignal,
    id_fits,
    repaired_id,
    signal_of,
    take_selector,
    take_value_type,
)
from hardshoulder.dbc_text import WITH_TEXT, Statement

MOST_LINES = 100
"""Problems, and notes, that are told of one file."""

MOST_STRAYS = 10_000
"""Lines remembered that may have been about something needed."""

_HARMLESS = WITH_TEXT | {"VERSION", "NS_", "BS_:", "BU_:", "BO_TX_BU_", "SIG_GROUP_", "SGTYPE_", "SGTYPE_VAL_"}
"""Statements that do not say how bits are read."""


class Cutter:
    """Walks the statements of one file and keeps what is needed."""

    def __init__(self, path: Path, needed: Mapping[str, frozenset[str]]) -> None:
        self._path = path
        self._needed = needed
        self._inside: CutMessage | None = None  # the needed message whose signals are being read
        self._seen = Seen()
        self._lost: dict[str, tuple[int, str]] = {}  # needed messages, and the broken line that names one
        self._strays: list[Stray] = []
        self._cut_off: str | None = None  # the keyword of the line before, which broke off at once
        self._last_said: list[CutSignal] = []  # signals of which the line before told how they are read
        self._orphans: dict[tuple[int, str], int] = {}  # (id, signal) of which a comment or the like tells, and where
        self.blocks: dict[str, CutMessage] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def take(self, statement: Statement) -> None:
        """The next statement of the file."""
        number, text, doubt = statement
        keyword = text.split(None, 1)[0]
        if keyword == "BO_":
            self._seen.message(text)
            self._message(number, text, doubt)
        elif keyword == "SG_":
            self._signal(number, text, doubt)
        elif keyword in (TYPE, RANGES):
            self._inside = None
            self._about_signal(number, text, keyword, doubt)
        elif keyword in _HARMLESS:
            self._inside = None
            self._harmless(number, text, keyword)
        else:
            self._unknown(number, text)
        if keyword not in (TYPE, RANGES):
            self._cut_off, self._last_said = None, []

    def _problem(self, number: int, text: str) -> None:
        if len(self.problems) < MOST_LINES:
            self.problems.append(f"{self._path}:{number}: {text}")

    def _note(self, number: int, text: str) -> None:
        if len(self.notes) < MOST_LINES:
            self.notes.append(f"{self._path.name}:{number}: {text}")

    def _doubt(self, number: int, doubt: int, what: str) -> None:
        """A needed line that may as well stand inside a comment."""
        if doubt:
            self._problem(number, f'{what} may belong to the text that begins in line {doubt}; end that with `";`')

    # The statements -----------------------------------------------------------------------

    def _message(self, number: int, statement: str, doubt: int) -> None:
        self._inside = None
        match = MESSAGE.match(statement)
        if match is None:
            self._lose(number, statement)
            return
        name, known = match[2], self.blocks.get(match[2])
        if name not in self._needed:
            return
        self._doubt(number, doubt, f"message {name}")
        if known is None:
            self._open(number, name, int(match[1]), int(match[3]))
        elif (known.number, known.length) == (repaired_id(int(match[1])), int(match[3])):
            self._note(number, f"message {name} stands twice (first in line {known.line}); read as one")
            self._inside = known
        else:
            self._problem(number, f"message {name} stands twice (first in line {known.line}) and differs; remove one")

    def _lose(self, number: int, statement: str) -> None:
        """Remembers which needed messages a broken line may have been."""
        words = {word.rstrip(":") for word in statement.split(None, WORDS_LOOKED_AT)[:WORDS_LOOKED_AT]}
        words |= {word.lstrip(DIGITS) for word in words}
        for name in self._needed.keys() & words:
            self._lost.setdefault(name, (number, statement[:60]))

    def _open(self, number: int, name: str, written: int, length: int) -> None:
        repaired = repaired_id(written)
        if repaired != written:
            self._note(number, f"{name} has a 29-bit id without bit 31; read as extended")
        if not id_fits(repaired):
            self._problem(number, f"the id {written} of {name} is none; expected 11 bits, or 29 bits and bit 31")
        if length > LONGEST_PAYLOAD:
            self._problem(number, f"{name} has {length} bytes; expected at most {LONGEST_PAYLOAD}")
        self._inside = self.blocks[name] = CutMessage(name, number, repaired, length)

    def _signal(self, number: int, statement: str, doubt: int) -> None:
        block, named = self._inside, NAMED.match(statement)
        if named is not None:
            self._seen.inside.add(named[1])
        if block is None:
            return
        if named is None:
            block.broken.append(number)
            self._note(number, f"left out a line of {block.name} that is not a signal")
            return
        signal = signal_of(number, statement, named, block.length)
        twin = block.signals.setdefault(signal.name, signal)
        if signal.name in self._needed[block.name]:
            self._doubt(number, doubt, f"signal {signal.name} of {block.name}")
        if twin is not signal and twin.says_the_same(signal):
            self._note(number, f"signal {signal.name} of {block.name} stands twice (first in line {twin.line})")
        elif twin is not signal:
            twin.wrong = f"stands twice (again in line {number})"

    def _about_signal(self, number: int, statement: str, keyword: str, doubt: int) -> None:
        """SIG_VALTYPE_ and SG_MUL_VAL_ change how bits are read."""
        match = OF_SIGNAL.match(statement)
        if match is None or match[2] not in self._seen.signals.get(repaired_id(int(match[1])), ()):
            self._stray(number, statement, frozenset({keyword}))
            self._cut_off = keyword if match is None else None
        take = take_value_type if keyword == TYPE else take_selector
        self._last_said = []
        for block in self._blocks_of(match):
            assert match is not None
            signal = block.signals.get(match[2])
            if signal is not None and signal.wrong is None:
                self._last_said.append(signal)
                signal.wrong = take(signal, statement[match.end() :])
                signal.line = number if signal.wrong is not None else signal.line
                if signal.name in self._needed[block.name]:
                    self._doubt(number, doubt, f"what is said of {signal.name} of {block.name}")

    def _blocks_of(self, match: re.Match[str] | None) -> list[CutMessage]:
        """The needed messages with the id that was matched; two may share one on two buses."""
        number = None if match is None else repaired_id(int(match[1]))
        return [block for block in self.blocks.values() if block.number == number]

    def _harmless(self, number: int, statement: str, keyword: str) -> None:
        """Does not say how bits are read, but for what a lost line end has joined to it; and it names messages."""
        for kind in (TYPE, RANGES):
            if kind in statement:
                self._stray(number, statement[statement.index(kind) :], frozenset({kind}))
        if keyword == "BA_":
            self._cycle(statement)
        if (match := ABOUT.match(statement)) is not None and len(self._orphans) < MOST_STRAYS:
            self._orphans.setdefault((repaired_id(int(match[1])), match[2] or ""), number)

    def _cycle(self, statement: str) -> None:
        match = CYCLE.match(statement)
        for block in self._blocks_of(match):
            assert match is not None
            block.cycle_s = int(match[2]) / 1000 or block.cycle_s

    def _unknown(self, number: int, statement: str) -> None:
        """A line that is no statement: it may have been a signal, a message, or what says how to read one."""
        if self._inside is not None and "|" in statement and "@" in statement:
            self._inside.broken.append(number)
            self._note(number, f"left out a line of {self._inside.name} that is not a signal")
            return
        self._inside = None
        for signal in self._last_said if statement[0] in DIGITS else ():
            signal.wrong, signal.line = "has a line on its selectors that goes on here; write them in one line", number
        self._lose(number, statement)
        begun = frozenset(kind for kind in (TYPE, RANGES) if kind == self._cut_off or statement.startswith(kind))
        self._stray(number, statement, begun or frozenset({TYPE, RANGES}))

    def _stray(self, number: int, statement: str, kinds: frozenset[str]) -> None:
        stray = stray_of(number, statement, kinds)
        if stray is not None and len(self._strays) < MOST_STRAYS:
            self._strays.append(stray)

    # What comes of them -------------------------------------------------------------------

    def finish(self) -> None:
        """Finds what every needed signal depends on; problems where that is broken, notes for the rest."""
        for name, (number, statement) in self._lost.items():
            if name not in self.blocks:
                self._problem(number, f"{EXPECTED_MESSAGE}, got `{statement}`")
            else:
                self._note(
                    number, f"left out a line that names {name} and is no message; line {self.blocks[name].line} is"
                )
        self._tell_orphans()
        for block in self.blocks.values():
            for name in sorted(self._needed[block.name]):
                if (signal := block.signals.get(name)) is not None:
                    self._want(block, signal)
                elif block.broken:
                    self._problem(
                        block.broken[0], f"not a signal line, and {block.name} lacks signal {name}; {EXPECTED_SIGNAL}"
                    )
            self._tell(block)

    def _tell(self, block: CutMessage) -> None:
        for signal in block.signals.values():
            if signal.wrong is not None and signal.name not in block.wanted:
                self._note(signal.line, f"left out signal {signal.name} of {block.name}: {signal.wrong}")
        for signal in block.wanted.values():
            self._refuse_strays(block, signal)
        sound = [signal for signal in block.signals.values() if signal.wrong is None]
        for one, other in combinations(sound, 2):
            if {one.name, other.name} & block.wanted.keys() and _collide(one, other):
                self._note(
                    other.line,
                    f"signal {other.name} of {block.name} overlaps {one.name} of line {one.line}; read as written",
                )

    def _tell_orphans(self) -> None:
        """Something is said of a needed signal under an id that no message has: is the message's id damaged?"""
        for (number, name), line in self._orphans.items():
            owners = [block.name for block in self.blocks.values() if name in self._needed[block.name]]
            if owners and number not in self._seen.signals:
                self._note(
                    line, f"tells of signal {name} (as in {owners[0]}) under an id that no message has; is an id wrong?"
                )

    def _refuse_strays(self, block: CutMessage, signal: CutSignal) -> None:
        """A broken line that could have changed how this signal is read, which no other line settles."""
        could_be = {TYPE} if not signal.typed and signal.length in FLOAT_LENGTHS else set()
        if signal.mux.startswith("m") and not signal.ranges:
            could_be.add(RANGES)
        known = self._seen.words() if self._strays else set()
        for stray in self._strays:
            if could_be & stray.kinds and stray.may_be_about(block, signal, known):
                self._problem(
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
                self._problem(signal.line, f"signal {signal.name} of {block.name} {signal.wrong}; {EXPECTED_SIGNAL}")
                return
            if not signal.mux.startswith("m") and signal.selector is None:
                return
            signal.selector = signal.selector or _only_selector(block)
            selector = block.signals.get(signal.selector or "")
            if selector is None or selector.name in above:
                self._problem(
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
    apart = one.mux[:1] == other.mux[:1] == "m" and (one.mux != other.mux or one.ranges != other.ranges)
    return not apart and not one.bits().isdisjoint(other.bits())
