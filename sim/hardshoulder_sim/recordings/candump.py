"""One line of a candump log, read and written."""

import re
from typing import Literal, NamedTuple

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, id_text

Kind = Literal["data", "error", "remote"]

EXPECTED = "`(seconds.microseconds) channel id#data`"

ERROR_FLAG = 0x2000_0000
"""Set in the identifier of an error frame, as CAN_ERR_FLAG in linux/can.h."""

CLASSIC_LENGTH = 8
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
