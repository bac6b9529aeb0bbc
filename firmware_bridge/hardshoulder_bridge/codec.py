"""Packets to bytes and back: COBS frames with a CRC. Pure; bytes in, packets out, whatever the pieces.

Sources: COBS as in Cheshire and Baker, "Consistent Overhead Byte Stuffing" (SIGCOMM 1997);
CRC-32/ISO-HDLC, which zlib has, with the check value 0xCBF43926 over "123456789".
"""

from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from hardshoulder_bridge.protocol import BODY_MAX, BODY_MIN

_HEAD, _CRC = 2, 4
PAYLOAD_MAX = BODY_MAX - _HEAD - _CRC
ENCODED_MAX = BODY_MAX + 1
"""Bytes of an encoded frame without the zero that ends it."""


class Packet(NamedTuple):
    """One frame. kind: the type byte, known or not; number: 0 to 255; payload: at most `PAYLOAD_MAX` bytes."""

    kind: int
    number: int
    payload: bytes


def cobs(body: bytes) -> bytes:
    """The body without zeros, one byte longer; for at most 254 bytes."""
    assert len(body) <= 254, "a longer run would need a second code byte"
    return b"".join(bytes((len(run) + 1,)) + run for run in body.split(b"\0"))


def uncobs(encoded: bytes) -> bytes | None:
    """The body; None when a code byte points beyond the end or is zero."""
    runs, at = [], 0
    while at < len(encoded):
        code = encoded[at]
        run = encoded[at + 1 : at + code]
        if code == 0 or len(run) != code - 1:
            return None
        runs.append(run)
        at += code
    return b"\0".join(runs)


def encode(packet: Packet) -> bytes:
    """The packet as it goes on the line, with the zero that ends it."""
    assert len(packet.payload) <= PAYLOAD_MAX, "the payload does not fit a frame"
    body = bytes((packet.kind, packet.number)) + packet.payload
    return cobs(body + crc32(body).to_bytes(_CRC, "little")) + b"\0"


@dataclass(slots=True)
class Faults:
    """What came and was no packet, counted. noise: bytes of it."""

    overlong: int = 0
    malformed: int = 0
    crc_errors: int = 0
    noise: int = 0


class Decoder:
    """Takes the line's bytes in any pieces; what is broken costs itself, the next zero begins anew."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._held = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that these bytes complete."""
        *ends, rest = data.split(b"\0")
        packets = []
        for part in ends:
            self._hold(part)
            packet = self._finish()
            if packet is not None:
                packets.append(packet)
        self._hold(rest)
        return packets

    def _hold(self, part: bytes) -> None:
        """Keeps a piece of a frame, unless it has become longer than any frame is."""
        if self._skipping:
            self.faults.noise += len(part)
            return
        self._held += part
        if len(self._held) > ENCODED_MAX:
            self.faults.overlong += 1
            self.faults.noise += len(self._held)
            self._held.clear()
            self._skipping = True

    def _finish(self) -> Packet | None:
        encoded, skipped = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        if skipped or not encoded:
            return None
        packet = self._packet(encoded)
        if packet is None:
            self.faults.noise += len(encoded)
        return packet

    def _packet(self, encoded: bytes) -> Packet | None:
        body = uncobs(encoded)
        if body is None or len(body) < BODY_MIN:
            self.faults.malformed += 1
            return None
        if crc32(body[:-_CRC]) != int.from_bytes(body[-_CRC:], "little"):
            self.faults.crc_errors += 1
            return None
        return Packet(body[0], body[1], body[_HEAD:-_CRC])
