"""The payloads of docs/PROTOCOL.md as values: packed for the line, and read from it. Pure.

Reading gives None for a payload of the wrong size or with something out of range in it.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple, Self

from hardshoulder_bridge.codec import PAYLOAD_MAX
from hardshoulder_bridge.protocol import EXTENDED, End, Seen, Verdict, Wants

_HELLO = struct.Struct("<BBI8s")
_WELCOME = struct.Struct("<BBI8s3BBH")
_HEARTBEAT = struct.Struct("<IBBI")
_STATUS = struct.Struct("<IBBBBHIIIIHHHH")
_ACK = struct.Struct("<BBB")
NAME_MAX = 32


class Hello(NamedTuple):
    """Linux greets. session: 1 to 0xFFFFFFFF; credit: the first report that may not be sent yet."""

    version: int
    credit: int
    session: int
    hash: bytes

    def pack(self) -> bytes:
        """The payload."""
        return _HELLO.pack(*self)


class Welcome(NamedTuple):
    """The board answers.

    refused: version or hash differ; firmware: (major, minor, patch); deadline_ms: how long it waits for heartbeats.
    """

    version: int
    refused: bool
    session: int
    hash: bytes
    firmware: tuple[int, int, int]
    window: int
    deadline_ms: int
    name: str

    @classmethod
    def read(cls, payload: bytes) -> Self | None:
        """The payload's meaning."""
        if not _WELCOME.size <= len(payload) <= _WELCOME.size + NAME_MAX:
            return None
        version, refused, session, digest, *firmware, window, deadline_ms = _WELCOME.unpack_from(payload)
        name = payload[_WELCOME.size :].decode("ascii", "replace")
        return cls(
            version, refused != 0, session, digest, (firmware[0], firmware[1], firmware[2]), window, deadline_ms, name
        )


class Heartbeat(NamedTuple):
    """Linux is alive, and what it wants. lease_ms: `NO_END_MS` is until told otherwise."""

    session: int
    wants: Wants
    credit: int
    lease_ms: int

    def pack(self) -> bytes:
        """The payload."""
        return _HEARTBEAT.pack(*self)


class Status(NamedTuple):
    """The board is alive, and what it sees. session: 0 while it is not linked; supply_mv: `UNKNOWN_MV` is not known.

    The counters count since the board's start; those of two bytes stop at 65535.
    """

    session: int
    seen: Seen
    end: End
    next_report: int
    next_command: int
    supply_mv: int
    uptime_ms: int
    can_received: int
    can_dropped: int
    can_sent: int
    refused: int
    crc_errors: int
    malformed: int
    overruns: int

    @classmethod
    def read(cls, payload: bytes) -> Self | None:
        """The payload's meaning."""
        if len(payload) != _STATUS.size:
            return None
        session, seen, end, *rest = _STATUS.unpack(payload)
        if end > max(End) or seen >= 1 << len(Seen):
            return None
        return cls(session, Seen(seen), End(end), *rest)


class Ack(NamedTuple):
    """The board answers a command. next_command: the one it expects now; verdict: of command `number`."""

    next_command: int
    number: int
    verdict: Verdict

    @classmethod
    def read(cls, payload: bytes) -> Self | None:
        """The payload's meaning."""
        if len(payload) != _ACK.size or payload[2] not in set(Verdict):
            return None
        return cls(payload[0], payload[1], Verdict(payload[2]))


class Record(NamedTuple):
    """A CAN frame. at_us: the board's clock, 32 bits; can_id: with `EXTENDED` for 29 bits; data: at most 8 bytes."""

    at_us: int
    can_id: int
    data: bytes


_RECORDS_HEAD = 4
_DELTA_MAX = 0xFFFF
_STANDARD_ID_MAX, _EXTENDED_ID_MAX = 0x7FF, 0x1FFF_FFFF
_HEAD_EXTENDED, _HEAD_RESERVED, _HEAD_LENGTH = 0x80, 0x70, 0x0F
_SHORT, _LONG = struct.Struct("<BHH"), struct.Struct("<BHI")


def pack_records(records: Iterable[Record]) -> bytes:
    """The payload of RECEIVED or TRANSMIT. Raises ValueError when there are none or they do not fit one packet."""
    out, before_us = bytearray(), None
    for at_us, can_id, data in records:
        if before_us is None:
            out += at_us.to_bytes(4, "little")
            before_us = at_us
        delta_us = (at_us - before_us) & 0xFFFF_FFFF
        if delta_us > _DELTA_MAX or len(data) > 8:
            raise ValueError("too long after the frame before, or more than 8 bytes")
        if can_id & EXTENDED:
            out += _LONG.pack(_HEAD_EXTENDED | len(data), delta_us, can_id & _EXTENDED_ID_MAX)
        else:
            out += _SHORT.pack(len(data), delta_us, can_id)
        out += data
        before_us = at_us
    if not out or len(out) > PAYLOAD_MAX:
        raise ValueError("no frame, or more than fit a packet")
    return bytes(out)


def read_records(payload: bytes) -> list[Record] | None:
    """The frames; None when the list is empty, cut off or out of range."""
    if len(payload) <= _RECORDS_HEAD:
        return None
    time_us, at = int.from_bytes(payload[:_RECORDS_HEAD], "little"), _RECORDS_HEAD
    records: list[Record] = []
    while at < len(payload):
        head = payload[at]
        form, limit, flag = (
            (_LONG, _EXTENDED_ID_MAX, EXTENDED) if head & _HEAD_EXTENDED else (_SHORT, _STANDARD_ID_MAX, 0)
        )
        data_at, end = at + form.size, at + form.size + (head & _HEAD_LENGTH)
        if end > len(payload) or head & _HEAD_RESERVED or head & _HEAD_LENGTH > 8:
            return None
        _, delta_us, can_id = form.unpack_from(payload, at)
        if can_id > limit:
            return None
        time_us = (time_us + delta_us) & 0xFFFF_FFFF
        records.append(Record(time_us, can_id | flag, payload[data_at:end]))
        at = end
    return records
