"""Vector's .asc, read line by line.

Not through python-can: it drops garbled lines without a word, the first frame where no line on "internal
events" stands before it, and the base of relative time stamps; and it takes a CAN FD frame without data for a
remote one. The tests hold both readers against each other where python-can is right.
"""

import re
from collections.abc import Iterator

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder_sim.recordings.candump import CLASSIC_LENGTH, LONGEST, Kind, LogFrame
from hardshoulder_sim.recordings.source import Source
from hardshoulder_sim.recordings.text_lines import Lines, decimal, whole

EXPECTED = "`seconds channel id Rx d length bytes`"

_BASE = re.compile(r"base\s+(hex|dec)(?:\s+timestamps\s+(absolute|relative))?", re.IGNORECASE)
_HEADER = re.compile(r"(?:date\s|base\s|//|(?:no\s+)?internal\s+events\s|(?:begin|end)\s+triggerblock)", re.IGNORECASE)
_STAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
_DIRECTIONS = frozenset({"rx", "tx"})
_QUIET = frozenset({"statistic:", "overloadframe", "txrq"})
"""Events of a CAN channel that are no frame on the bus, and none that anybody misses."""

_EDL, _REMOTE = 0x1000, 0x10
"""Bits in the flags of a CANFD line: the frame is an FD one; it is a remote one."""


def read_asc(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; the channel is the number in the file."""
    lines, reader = Lines(source, notes), _Reader()
    for line in lines:
        if _HEADER.match(line):
            reader.header(line)
            continue
        words = line.split()
        if reader.is_no_frame(words):
            if not reader.is_quiet(words):
                lines.other(line)
            continue
        try:
            frame = reader.frame(words)
        except (ValueError, LookupError):
            lines.broken(line, EXPECTED)
            continue
        if frame is not None:
            yield frame


class _Reader:
    """What the header says of the lines, and the clock where stamps are relative to each other."""

    def __init__(self) -> None:
        self._base = 16
        self._relative = False
        self._at_s = 0.0

    def header(self, line: str) -> None:
        """A line that tells of the file."""
        if match := _BASE.match(line):
            self._base = 10 if match[1].lower() == "dec" else 16
            self._relative = (match[2] or "").lower() == "relative"

    def is_no_frame(self, words: list[str]) -> bool:
        """Whether the line is of something else than a frame; keeps the clock going by it."""
        if _STAMP.fullmatch(words[0]) is None:
            return not _has_frame(words)
        stamp = decimal(words[0])
        self._at_s = self._at_s + stamp if self._relative else stamp
        return len(words) > 1 and not words[1].isdecimal() and words[1] != "CANFD" and not _has_frame(words)

    @staticmethod
    def is_quiet(words: list[str]) -> bool:
        """Whether the line is one that every log has and nobody misses."""
        return words[1:4] == ["Start", "of", "measurement"] or (
            words[1:2] == ["CAN"] and any(word.startswith("Status:") for word in words[2:4])
        )

    def frame(self, words: list[str]) -> LogFrame | None:
        """The frame; None for an event of the channel. Raises ValueError or LookupError for a line that is none."""
        if _STAMP.fullmatch(words[0]) is None:
            raise ValueError
        if words[1] == "CANFD":
            return self._flexible(words)
        channel = str(whole(words[1]))
        if words[2].lower() == "errorframe":
            return LogFrame(self._at_s, channel, 0, b"", "error")
        if words[2].lower() in _QUIET or words[3].lower() in _QUIET or words[2] == "J1939TP":
            return None
        if words[3].lower() not in _DIRECTIONS:
            raise ValueError
        can_id, kind = self._identifier(words[2]), words[4].lower()
        if kind == "r":
            asked = whole(words[5], 16) if len(words) > 5 and len(words[5]) == 1 else 0
            return LogFrame(self._at_s, channel, can_id, bytes(min(asked, CLASSIC_LENGTH)), "remote")
        if kind != "d":
            raise ValueError
        # A length code from 9 to 15 stands for eight bytes too.
        code = whole(words[5], self._base)
        if code >= len(_LENGTHS):
            raise ValueError
        length = min(code, CLASSIC_LENGTH)
        return LogFrame(self._at_s, channel, can_id, self._bytes(words[6:], length))

    def _flexible(self, words: list[str]) -> LogFrame:
        """`CANFD channel Rx id [name] brs esi code length bytes… duration bits flags …`"""
        channel, direction = str(whole(words[2])), words[3].lower()
        if direction not in _DIRECTIONS:
            raise ValueError
        if words[4].lower() == "errorframe":
            return LogFrame(self._at_s, channel, 0, b"", "error")
        can_id = self._identifier(words[4])
        named = not words[5].isdecimal()
        rates, code, length, *rest = words[6:8] if named else words[5:7], *words[8 if named else 7 :]
        count = whole(length)
        if not set(rates) <= {"0", "1"} or count > LONGEST or count not in _LENGTHS or whole(code, 16) > 15:
            raise ValueError
        data = self._bytes(rest, count)
        marks = whole(rest[count + 2], 16) if len(rest) > count + 2 else _EDL
        kind: Kind = "remote" if marks & _REMOTE and not marks & _EDL else "data"
        if kind == "remote":
            data = bytes(min(whole(code, 16), CLASSIC_LENGTH))
        flags = int(rates[0]) | int(rates[1]) << 1 if marks & _EDL else None
        return LogFrame(self._at_s, channel, can_id, data, kind, flags)

    def _identifier(self, word: str) -> int:
        extended = word[-1] in "xX"
        can_id = whole(word.removesuffix("x").removesuffix("X"), self._base)
        if can_id > (EXTENDED_ID_MAX if extended else STANDARD_ID_MAX):
            raise ValueError
        return can_id | EXTENDED if extended else can_id

    def _bytes(self, words: list[str], length: int) -> bytes:
        # A direction behind the data: the line end between two frames was lost.
        if len(words) < length or any(word.lower() in _DIRECTIONS for word in words[length:]):
            raise ValueError
        return bytes(whole(word, self._base) for word in words[:length])


def _has_frame(words: list[str]) -> bool:
    """Whether a line whose begin is garbled looks like a frame further on."""
    lower = [word.lower() for word in words[:7]]
    return any(
        word in _DIRECTIONS and lower[place + 1 : place + 2] in (["d"], ["r"]) for place, word in enumerate(lower)
    )
