"""The needed messages, cut out of a DBC file as it was published.

A DBC file of a real car often has a broken line somewhere: an id that does not fit, a signal outside its
message, a malformed comment. Only what is needed has to be sound. What is left out or repaired is told; a broken
line that may have been about something needed is an error, for no reading of the rest would be sure.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from hardshoulder.dbc_doubt import DIGITS, RANGES, TYPE, WORDS_LOOKED_AT, joined_to, kinds_of, stray_of
from hardshoulder.dbc_found import MOST_STRAYS, Found
from hardshoulder.dbc_grammar import (
    ABOUT,
    CYCLE,
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

_HARMLESS = WITH_TEXT | {"VERSION", "NS_", "BS_:", "BU_:", "BO_TX_BU_", "SIG_GROUP_", "SGTYPE_", "SGTYPE_VAL_"}
"""Statements that do not say how bits are read."""

_GOES_ON = "is told of in the statement before, which may go on here; write it in one line that ends with `;`"


class Cutter:
    """Walks the statements of one file and keeps what is needed."""

    def __init__(self, path: Path, needed: Mapping[str, frozenset[str]]) -> None:
        self.found = Found(path, needed)
        self._inside: CutMessage | None = None  # the needed message whose signals are being read
        self._ended_by: str | None = None  # the statement that ended the message before it and was no other message
        self._cut_off: str | None = None  # the keyword of the line before, which broke off at once
        self._last_said: list[CutSignal] = []  # signals of which the line before told how they are read

    def take(self, statement: Statement) -> None:
        """The next statement of the file."""
        number, text, doubt = statement
        keyword = text.split(None, 1)[0]
        if keyword == "BO_":
            self.found.seen.message(text)
            self._message(number, text, doubt)
        elif keyword == "SG_":
            self._signal(number, text, doubt)
        elif keyword in (TYPE, RANGES):
            self._end_message(number, text)
            self._about_signal(number, text, keyword, doubt)
        elif keyword in _HARMLESS:
            self._end_message(number, text)
            self._harmless(number, text, keyword)
        else:
            self._unknown(number, text)
        if keyword not in (TYPE, RANGES):
            self._cut_off, self._last_said = None, []

    def _end_message(self, number: int, statement: str) -> None:
        self._inside, self._ended_by = None, self._ended_by or f"line {number} (`{statement[:60]}`)"

    def _doubt(self, number: int, doubt: int, what: str) -> None:
        """A needed line that may as well stand inside a comment."""
        if doubt:
            self.found.problem(number, f'{what} may belong to the text that begins in line {doubt}; end that with `";`')

    # The statements -----------------------------------------------------------------------

    def _message(self, number: int, statement: str, doubt: int) -> None:
        self._inside = self._ended_by = None
        match = MESSAGE.match(statement)
        if match is None:
            self._lose(number, statement)
            self._joined(number, statement)
            return
        name, known = match[2], self.found.blocks.get(match[2])
        if name not in self.found.needed:
            return
        self._doubt(number, doubt, f"message {name}")
        if known is None:
            self._open(number, name, int(match[1]), int(match[3]))
        elif (known.number, known.length) == (repaired_id(int(match[1])), int(match[3])):
            self.found.note(number, f"message {name} stands twice (first in line {known.line}); read as one")
            self._inside = known
        else:
            self.found.problem(
                number, f"message {name} stands twice (first in line {known.line}) and differs; remove one"
            )

    def _lose(self, number: int, statement: str) -> None:
        """Remembers which needed messages a broken line may have been."""
        words = {word.partition(":")[0] for word in statement.split(None, WORDS_LOOKED_AT)[:WORDS_LOOKED_AT]}
        words |= {word.lstrip(DIGITS) for word in words}
        for name in self.found.needed.keys() & words:
            self.found.lost.setdefault(name, (number, statement[:60]))

    def _open(self, number: int, name: str, written: int, length: int) -> None:
        repaired = repaired_id(written)
        if repaired != written:
            self.found.note(number, f"{name} has a 29-bit id without bit 31; read as extended")
        if not id_fits(repaired):
            self.found.problem(number, f"the id {written} of {name} is none; expected 11 bits, or 29 bits and bit 31")
        if length > LONGEST_PAYLOAD:
            self.found.problem(number, f"{name} has {length} bytes; expected at most {LONGEST_PAYLOAD}")
        self._inside = self.found.blocks[name] = CutMessage(name, number, repaired, length)

    def _signal(self, number: int, statement: str, doubt: int) -> None:
        block, named = self._inside, NAMED.match(statement)
        if named is not None:
            self.found.seen.inside.add(named[1])
        else:
            self._joined(number, statement)
        if block is None:
            self._behind(number, statement)
            return
        if named is None:
            block.broken.append(number)
            self.found.note(number, f"left out a line of {block.name} that is not a signal")
            return
        signal = signal_of(number, statement, named, block.length)
        twin = block.signals.setdefault(signal.name, signal)
        if signal.name in self.found.needed[block.name]:
            self._doubt(number, doubt, f"signal {signal.name} of {block.name}")
        if twin is not signal and twin.says_the_same(signal):
            self.found.note(number, f"signal {signal.name} of {block.name} stands twice (first in line {twin.line})")
        elif twin is not signal:
            twin.wrong = f"stands twice (again in line {number})"

    def _behind(self, number: int, statement: str) -> None:
        """A signal line behind the end of its message: this line, or what ended that, has got there by a mishap."""
        if self._ended_by is not None:
            self.found.note(number, f"left out `{statement[:60]}`: {self._ended_by} ended the message before it")
        self._ended_by = None

    def _about_signal(self, number: int, statement: str, keyword: str, doubt: int) -> None:
        """SIG_VALTYPE_ and SG_MUL_VAL_ change how bits are read."""
        match = OF_SIGNAL.match(statement)
        self._joined(number, statement)
        self._orphan(number, match, True)
        if match is None or match[2] not in self.found.seen.signals.get(repaired_id(int(match[1])), ()):
            self._stray(number, statement, frozenset({keyword}))
            self._cut_off = keyword if match is None else None
        take = take_value_type if keyword == TYPE else take_selector
        self._last_said = []
        for block in self._blocks_of(match):
            assert match is not None
            signal = block.signals.get(match[2])
            if signal is not None and signal.wrong is None:
                self._last_said.append(signal)
                if signal.typed if keyword == TYPE else signal.selector is not None:
                    # Alike, it does no harm here; but it may have been meant for another signal.
                    self.found.note(number, f"a second {keyword} line of signal {signal.name} of {block.name}")
                signal.wrong = take(signal, statement[match.end() :])
                signal.line = number if signal.wrong is not None else signal.line
                if not statement.endswith(";"):
                    signal.odd[number] = "is told of in a line that does not end with `;`; read as written"
                if signal.name in self.found.needed[block.name]:
                    self._doubt(number, doubt, f"what is said of {signal.name} of {block.name}")

    def _blocks_of(self, match: re.Match[str] | None) -> list[CutMessage]:
        """The needed messages with the id that was matched; two may share one on two buses."""
        number = None if match is None else repaired_id(int(match[1]))
        return [block for block in self.found.blocks.values() if block.number == number]

    def _harmless(self, number: int, statement: str, keyword: str) -> None:
        """Does not say how bits are read, but for what a lost line end has joined to it; and it names messages."""
        self._joined(number, statement)
        if keyword == "BA_":
            self._cycle(statement)
        self._orphan(number, ABOUT.match(statement), False)

    def _orphan(self, number: int, match: re.Match[str] | None, how_to_read: bool) -> None:
        if match is not None and len(self.found.orphans) < MOST_STRAYS:
            self.found.orphans.setdefault((repaired_id(int(match[1])), match[2]), (number, how_to_read))

    def _joined(self, number: int, statement: str) -> None:
        if (joined := joined_to(statement)) is not None:
            self._stray(number, *joined)

    def _cycle(self, statement: str) -> None:
        match = CYCLE.match(statement)
        for block in self._blocks_of(match):
            assert match is not None
            block.cycle_s = int(match[2]) / 1000 or block.cycle_s

    def _unknown(self, number: int, statement: str) -> None:
        """A line that is no statement: it may have been a signal, a message, or what says how to read one."""
        if self._inside is not None and "|" in statement and "@" in statement:
            self._inside.broken.append(number)
            self.found.note(number, f"left out a line of {self._inside.name} that is not a signal")
            return
        if statement == ";":
            for signal in self._last_said:
                signal.odd.setdefault(number, "is told of before a `;` that ends nothing; read as written")
            return
        self._inside = self._ended_by = None
        for signal in self._last_said:
            if signal.wrong is None:
                signal.wrong, signal.line = f"{_GOES_ON}, or remove this line", number
        self._lose(number, statement)
        self._stray(number, statement, kinds_of(statement, self._cut_off))

    def _stray(self, number: int, statement: str, kinds: frozenset[str]) -> None:
        stray = stray_of(number, statement, kinds)
        if stray is not None and len(self.found.strays) < MOST_STRAYS:
            self.found.strays.append(stray)
