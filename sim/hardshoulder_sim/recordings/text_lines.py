"""The lines of a text recording, and an account of those that gave no frame."""

import re
from collections.abc import Iterator

from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.source import Source

SHOWN = 60
"""Characters of a broken line that are shown."""


_BLANK = " \t\r\0\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0"
"""NUL, and all that `str.split` takes for space: a line of these alone has no words."""

_DIGITS = {10: re.compile("[0-9]{1,18}"), 16: re.compile("[0-9A-Fa-f]{1,16}")}
_DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")


def whole(word: str, base: int = 10) -> int:
    """The number. Raises ValueError for all but digits: Python itself takes `1_0`, `+1` and `0x1` too."""
    if _DIGITS[base].fullmatch(word) is None:
        raise ValueError
    return int(word, base)


def decimal(word: str) -> float:
    """The number with its decimals, under the same rule."""
    if _DECIMAL.fullmatch(word) is None:
        raise ValueError
    return float(word)


class Lines:
    """The lines of a recording, one after the other.

    number: of the line last given, from 1. unfinished: whether it has no end; power was cut while it was written.
    """

    def __init__(self, source: Source, notes: list[str]) -> None:
        self.number = 0
        self.unfinished = False
        self._source, self._notes = source, notes
        self._broken = self._others = 0
        self._first_broken = self._first_other = ""

    def __iter__(self) -> Iterator[str]:
        """Every line with something in it, stripped; at the end the notes are written."""
        for lines, unfinished in self._source.line_chunks():
            self.unfinished = unfinished
            for line in lines:
                self.number += 1
                if text := line.strip(_BLANK):
                    yield text.removeprefix("\xef\xbb\xbf") if self.number == 1 else text
        self._tell()

    def broken(self, line: str, expected: str) -> None:
        """A line that should be a frame and is none: left out and counted, the first one shown."""
        if self.unfinished:
            self._notes.append(f"line {self.number}, the last, is cut off and was left out")
            return
        self._broken += 1
        self._first_broken = self._first_broken or f"line {self.number}: expected {expected}, got {line[:SHOWN]!r}"

    def refuse(self, line: str, expected: str) -> None:
        """The same in a format that has no other lines than frames: an error, but for a last line that is cut off."""
        if self.unfinished:
            self.broken(line, expected)
            return
        raise UserError(
            f"{self._source.path}:{self.number}: expected {expected}, got {line[:SHOWN]!r}; mend or remove the line"
        )

    def other(self, line: str) -> None:
        """A line that is something else than a CAN frame."""
        self._others += 1
        self._first_other = self._first_other or f"line {self.number}: {line[:SHOWN]!r}"

    def _tell(self) -> None:
        if self._broken:
            self._notes.append(
                f"{_counted(self._broken, 'line')} cannot be read and left out, first {self._first_broken}"
            )
        if self._others:
            self._notes.append(f"{_counted(self._others, 'line')} no CAN frame and left out, first {self._first_other}")


def _counted(number: int, noun: str) -> str:
    return f"1 {noun} is" if number == 1 else f"{number} {noun}s are"
