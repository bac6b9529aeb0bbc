"""One line of a candump log, read and written: the form of `-L`, and the one that candump shows to people."""

import re
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, id_text

Kind = Literal["data", "error", "remote"]

EXPECTED = "`(seconds.microseconds) channel id#data`"

ERROR_FLAG = 0x2000_0000
"""Set in the identifier of an error frame, as CAN_ERR_FLAG in linux/can.h."""

CLASSIC_LENGTH = 8
LONGEST = 64
"""Bytes of a CAN FD frame."""

STAMP_END_S = 1e12
"""No clock of a recording says more; the year 33658."""


class LogFrame(NamedTuple):
    """One frame of a recording.

    at_s: seconds on the recording's own clock. channel: as the recording names it.
    can_id: with `EXTENDED` set for 29 bits; an error frame's is its error class.
    data: the payload; of a remote frame as many zero bytes as it asks for.
    fd_flags: None for a classic frame, else bit 0 bit rate switch, bit 1 error state.
    """

    at_s: float
    channel: str
    can_id: int
    data: bytes
    kind: Kind = "data"
    fd_flags: int | None = None


_LINE = re.compile(
    r"\s*\((?P<stamp>\d{1,12}(?:\.\d{1,9})?)\)\s+(?P<channel>\S+)\s+"
    r"(?P<id>[0-9A-Fa-f]{8}|[0-9A-Fa-f]{3})#"
    r"(?:#(?P<flags>[0-9A-Fa-f])(?P<fd>(?:[0-9A-Fa-f]{2}){0,64})"
    r"|R(?P<asked>[0-8]?)"
    r"|(?P<data>(?:[0-9A-Fa-f]{2}){0,8})(?:_[0-9A-Fa-f])?)"
    r"(?:\s+[TR])?\s*",
    re.ASCII,
)


def _identifier(text: str) -> tuple[int, Kind] | None:
    value = int(text, 16)
    if len(text) == 3:
        return (value, "data") if value <= STANDARD_ID_MAX else None
    if value & ERROR_FLAG and value < ERROR_FLAG << 1:
        return value & ~ERROR_FLAG, "error"
    return (value | EXTENDED, "data") if value <= EXTENDED_ID_MAX else None


def parse_line(line: str) -> LogFrame | None:
    """The frame of one line; None when it is no line of a candump log.

    Reads every form that candump writes with -L: classic, FD (`##`), remote (`#R`), error
    frames, the raw length code (`_9`) and the direction at the end of the line.
    """
    match = _LINE.fullmatch(line)
    named = None if match is None else _identifier(match["id"])
    if match is None or named is None:
        return None
    can_id, kind = named
    at_s, channel = float(match["stamp"]), match["channel"]
    if match["asked"] is not None:
        return LogFrame(at_s, channel, can_id, bytes(int(match["asked"] or "0")), "remote")
    if match["flags"] is not None:
        return LogFrame(at_s, channel, can_id, bytes.fromhex(match["fd"]), kind, int(match["flags"], 16))
    return LogFrame(at_s, channel, can_id, bytes.fromhex(match["data"]), kind)


class Shown(NamedTuple):
    """A frame as candump shows it to people. stamped: whether the line says when."""

    frame: LogFrame
    stamped: bool


_SHOWN = re.compile(
    r"(?:\((?:(?P<stamp>\d{1,12}(?:\.\d{1,9})?)|(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?))\)\s+)?"
    r"(?P<channel>[^\s()]+)\s+(?:[RT]X (?P<flags>[B-] [E-])\s+)?"
    r"(?P<id>[0-9A-Fa-f]{8}|[0-9A-Fa-f]{3})\s+"
    r"(?:\[(?P<length>\d{1,2})\]|\{(?P<code>[9A-Fa-f])\})"
    r"(?:\s+(?P<asked>remote request)"
    r"|(?P<data>(?:\s+[0-9A-Fa-f]{2})*+)|\s+(?P<swapped>[0-9A-Fa-f]{2}(?:`[0-9A-Fa-f]{2})*+)"
    r"|(?P<bits>(?:\s+[01]{8})++))"
    r"(?:\s+(?:ERRORFRAME|'.*'|`.*`))*+",
    re.ASCII,
)


def parse_shown(line: str) -> Shown | None:
    """The frame of one stripped line as candump writes it without -L; None when it is none.

    Reads the stamps of -ta, -tz, -td (as they stand) and -tA or none, the data of -i, -S and -a, the direction
    and flags of -x, and the raw length code of -8. A length of two digits is that of a CAN FD frame.
    """
    match = _SHOWN.fullmatch(line)
    named = None if match is None else _identifier(match["id"])
    if match is None or named is None:
        return None
    data, at_s = _shown_data(match), _shown_stamp(match)
    length = match["length"] or "8"
    flexible = len(length) == 2
    longest = LONGEST if flexible and not match["asked"] else CLASSIC_LENGTH
    if at_s is None or len(data) != int(length) or len(data) > longest:
        return None
    flags = _FLAGS.index(match["flags"] or "- -") if flexible else None
    kind: Kind = "remote" if match["asked"] else named[1]
    stamped = match["stamp"] is not None or match["date"] is not None
    return Shown(LogFrame(at_s, match["channel"], named[0], data, kind, flags), stamped)


_FLAGS = ("- -", "B -", "- E", "B E")


def _shown_stamp(match: re.Match[str]) -> float | None:
    """A date is that of a clock on the wall; which zone it was in does not matter to a recording."""
    if match["date"] is None:
        return float(match["stamp"] or "0")
    try:
        return datetime.fromisoformat(match["date"]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _shown_data(match: re.Match[str]) -> bytes:
    if match["asked"]:
        return bytes(int(match["length"] or "8"))
    if match["swapped"]:
        return bytes.fromhex(match["swapped"].replace("`", ""))[::-1]
    if match["bits"]:
        return bytes(int(byte, 2) for byte in match["bits"].split())
    return bytes.fromhex(match["data"] or "")


def format_line(frame: LogFrame) -> str:
    """The line without its end; stamps to the microsecond, hex digits in capitals."""
    name = f"{frame.can_id | ERROR_FLAG:08X}" if frame.kind == "error" else id_text(frame.can_id)
    if frame.kind == "remote":
        payload = f"R{len(frame.data) or ''}"
    elif frame.fd_flags is not None:
        payload = f"#{frame.fd_flags:X}{frame.data.hex().upper()}"
    else:
        payload = frame.data.hex().upper()
    return f"({frame.at_s:017.6f}) {frame.channel} {name}#{payload}"
