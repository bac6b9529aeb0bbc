"""Our format of raw frames, written and read: docs/RECORDINGS.md has it byte by byte.

A file is a row of chunks and nothing else. Each says its own length, time and checksums, so that a cut costs the last
one alone, and a damaged one costs itself. Pure: bytes in, values out; the standard library is all it needs.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from mmap import mmap
from typing import NamedTuple

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, Frame

SUFFIX = ".hsr"
MARK = b"\x89HSR"
"""Begins every chunk, and so the file. No text file begins so, and a transfer as text breaks it visibly."""

VERSION = 1
CHUNK_S = 0.5
"""Frames of one chunk lie within this time. With the time to write it that is less than the second a cut may cost."""

BODY_LIMIT = 1 << 20
"""Bytes; a chunk that says that it is longer is damaged."""

PIECE_LIMIT = BODY_LIMIT // 4
"""Bytes after which a chunk is full, however short its time."""

_HEADER = struct.Struct("<4sBBHIIIQqI")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CRC.size
_RECORD = struct.Struct("<iIBBB")
_NO_ID = 0xFFFF_FFFF ^ EXTENDED ^ EXTENDED_ID_MAX
_TRUSTED = 1
_CLASSIC_LENGTH = 8

FLEXIBLE, RATE_SWITCH, ERROR_STATE, OWN = 1, 2, 4, 8
"""Flags of a record: a CAN FD frame, its bit rate switch and error state indicator, and one that we sent ourselves."""


class Kind(IntEnum):
    """What a chunk holds."""

    HEAD = 1
    FRAMES = 2
    END = 3


class Own(Frame):
    """A frame that the daemon itself put on the bus."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What is recorded and of what; it names neither the car nor a person.

    profile, profile_digest: the vehicle profile's name and its SHA-256 (hex). buses: by the number in a record.
    """

    incident: str
    profile: str
    profile_digest: str
    software: str
    buses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames as they stand in a chunk. base_us, last_us: of its first and its latest frame, on the monotonic clock."""

    base_us: int
    last_us: int
    frames: int
    body: bytes


class Moment(NamedTuple):
    """When a chunk begins: on the monotonic clock and on the wall (µs since 1970), and whether that had been set."""

    base_us: int
    wall_us: int
    trusted: bool


class Record(NamedTuple):
    """A frame of a recording. at_us: on the monotonic clock; flags: see `FLEXIBLE` and those beside it."""

    at_us: int
    bus: int
    can_id: int
    data: bytes
    flags: int


# Writing ----------------------------------------------------------------------------------


def pieces(frames: Iterable[Frame], buses: Mapping[str, int]) -> Iterator[Piece]:
    """The frames in their order, a chunk's worth at a time."""
    pack, begun_us, last_us, size = _RECORD.pack, 0, 0, 0
    parts: list[bytes] = []
    for frame in frames:
        at_us, data = round(frame.at_s * 1e6), frame.data
        if parts and (abs(at_us - begun_us) >= CHUNK_S * 1e6 or size >= PIECE_LIMIT):
            yield Piece(begun_us, last_us, len(parts), b"".join(parts))
            parts, size = [], 0
        if not parts:
            begun_us = last_us = at_us
        length = len(data)
        flags = (FLEXIBLE if length > _CLASSIC_LENGTH else 0) | (OWN if type(frame) is Own else 0)
        parts.append(pack(at_us - begun_us, frame.can_id, buses[frame.bus], flags, length) + data)
        last_us = max(last_us, at_us)
        size += _RECORD.size + length
    if parts:
        yield Piece(begun_us, last_us, len(parts), b"".join(parts))


def chunk(kind: Kind, number: int, at: Moment, body: bytes, frames: int = 0) -> bytes:
    """One chunk. number: counts up from 0, which is the head's."""
    flags = _TRUSTED if at.trusted else 0
    header = _HEADER.pack(
        MARK, VERSION, kind, flags, number, len(body), frames, at.base_us, at.wall_us, zlib.crc32(body)
    )
    return header + _CRC.pack(zlib.crc32(header)) + body


def head_body(head: Head) -> bytes:
    """The body of the chunk that begins a part."""
    return json.dumps(asdict(head), separators=(",", ":")).encode()


def end_body(why: str) -> bytes:
    """The body of the chunk that ends a part."""
    return json.dumps({"why": why}).encode()


# Reading ----------------------------------------------------------------------------------


Buffer = bytes | mmap


@dataclass(frozen=True, slots=True)
class Chunk:
    """A sound chunk of `source`, and at which byte it stands there. Its body is fetched when it is asked for."""

    source: Buffer
    at_byte: int
    kind: int
    number: int
    length: int
    moment: Moment
    frames: int

    @property
    def body(self) -> bytes:
        """Without the header."""
        begin = self.at_byte + HEADER_BYTES
        return self.source[begin : begin + self.length]


class Fault(NamedTuple):
    """Something that is wrong with a recording, in a sentence. cut: no more than that its end is missing."""

    text: str
    cut: bool


class _Header(NamedTuple):
    version: int
    kind: int
    flags: int
    number: int
    length: int
    frames: int
    base_us: int
    wall_us: int
    body_crc: int


class NotOurs(ValueError):
    """The bytes are no recording of ours that this program can read; the text says why."""


def chunks(data: Buffer, faults: list[Fault]) -> Iterator[Chunk]:
    """Every sound chunk, in order. faults: takes what was damaged or cut.

    Raises NotOurs for a recording of a newer format.
    """
    at = 0
    while at < len(data):
        header = _header_at(data, at)
        body_at = at + HEADER_BYTES
        if header is not None and header.version != VERSION:
            raise NotOurs(f"its format has the version {header.version}, and {VERSION} is read here")
        if header is not None and _is_sound(data, body_at, header):
            moment = Moment(header.base_us, header.wall_us, bool(header.flags & _TRUSTED))
            yield Chunk(data, at, header.kind, header.number, header.length, moment, header.frames)
            at = body_at + header.length
            continue
        # Not behind the length that it says: after a cut the next part begins inside it.
        following = _next_header(data, at + 1)
        faults.append(_fault(data, at, header, following))
        at = following


def _is_sound(data: Buffer, body_at: int, header: _Header) -> bool:
    body = data[body_at : body_at + header.length]
    return len(body) == header.length and zlib.crc32(body) == header.body_crc


def _fault(data: Buffer, at: int, header: _Header | None, following: int) -> Fault:
    short = header is None or at + HEADER_BYTES + header.length > following
    if following == len(data) and short:
        return Fault(f"breaks off at byte {at}, inside a chunk; what came before is sound", cut=True)
    after = _header_at(data, following)
    if after is not None and after.kind == Kind.HEAD:
        return Fault(f"was cut at byte {at} and goes on at byte {following}, after a restart", cut=True)
    name = "a chunk" if header is None else f"chunk {header.number} ({header.frames} frames)"
    return Fault(f"{name} from byte {at} to {following} is damaged and left out", cut=False)


def _header_at(data: Buffer, at: int) -> _Header | None:
    """The header of a chunk, when it is sound."""
    raw = data[at : at + HEADER_BYTES]
    if len(raw) < HEADER_BYTES or raw[:4] != MARK:
        return None
    if _CRC.unpack_from(raw, _HEADER.size)[0] != zlib.crc32(raw[: _HEADER.size]):
        return None
    header = _Header(*_HEADER.unpack_from(raw)[1:])
    return header if header.length <= BODY_LIMIT else None


def _next_header(data: Buffer, at: int) -> int:
    """Where the next sound header begins; the end when there is none."""
    while (at := data.find(MARK, at)) >= 0:
        if _header_at(data, at) is not None:
            return at
        at += 1
    return len(data)


def records(body: bytes, base_us: int) -> Iterator[Record]:
    """The frames of a chunk. Raises ValueError where they do not fill it, which no writer of ours does."""
    at, end = 0, len(body)
    while at < end:
        try:
            offset_us, can_id, bus, flags, length = _RECORD.unpack_from(body, at)
        except struct.error as error:
            raise ValueError(str(error)) from None
        at += _RECORD.size + length
        if at > end or length > 64:
            raise ValueError("a frame is longer than its chunk")
        if can_id & _NO_ID:
            raise ValueError("an identifier has more than 29 bits")
        yield Record(base_us + offset_us, bus, can_id, bytes(body[at - length : at]), flags)


def parse_head(body: bytes) -> Head:
    """What a head says; what a newer one says beside it is passed over. Raises ValueError."""
    try:
        said = json.loads(body)
        known = {field.name: said[field.name] for field in fields(Head)}
        known["buses"] = tuple(known["buses"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"the head lacks {error}") from None
    except RecursionError:
        raise ValueError("the head is nested too deeply") from None
    buses = known.pop("buses")
    if not all(isinstance(word, str) for word in (*known.values(), *buses)):
        raise ValueError("the head holds something else than words")
    return Head(buses=buses, **known)
