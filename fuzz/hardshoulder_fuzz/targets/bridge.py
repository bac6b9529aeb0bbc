"""Bytes of the serial line at our end: the codec and the session (the board's end: firmware_bridge/firmware/fuzz).

The first byte of an input chooses: the line's bytes as they are, or a row of packets, framed as the board does.
"""

from collections.abc import Iterator
from pathlib import Path

from hardshoulder_bridge.codec import ENCODED_MAX, PAYLOAD_MAX, Decoder, Packet, encode
from hardshoulder_bridge.messages import Record, pack_records
from hardshoulder_bridge.protocol import HASH, VERSION, Kind, Wants
from hardshoulder_bridge.session import OUT_MAX, LinkFault, Session
from hardshoulder_fuzz.target import Check, Target

RAW, PACKETS = 0, 1
NUMBER = 7
"""Of the session: the board has to name it."""

_PIECES = (1, 3, 64, 4096)
_KINDS = (Kind.STATUS, Kind.RECEIVED, Kind.ACK, Kind.WELCOME)
_OUT_AT_MOST = OUT_MAX + 16 * (ENCODED_MAX + 1)


def _welcome(session: int = NUMBER) -> bytes:
    head = bytes((VERSION, 0)) + session.to_bytes(4, "little") + HASH
    return head + bytes((0, 1, 0, 8)) + (500).to_bytes(2, "little") + b"host/reference"


def packets_of(data: bytes) -> Iterator[Packet]:
    """`kind number length payload`, one behind the other; a kind below four is one of the board's."""
    at = 0
    while at + 3 <= len(data):
        kind, number, length = data[at], data[at + 1], min(data[at + 2], PAYLOAD_MAX)
        yield Packet(_KINDS[kind] if kind < len(_KINDS) else kind, number, data[at + 3 : at + 3 + length])
        at += 3 + length


class Line:
    """A session that is linked, and the bytes that come to it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._begin()

    def _begin(self) -> None:
        self._session = Session(lambda: NUMBER, self.now_s)
        self._session.tick(self.now_s)
        self._session.receive(encode(Packet(Kind.WELCOME, 0, _welcome())), self.now_s)
        assert self._session.linked

    def input(self, data: bytes) -> bool:
        """False: the session said that it cannot talk to this; as the bus does then, it begins anew."""
        try:
            self._hear(data)
        except LinkFault:
            self._begin()
            return False
        return True

    def _hear(self, data: bytes) -> None:
        if not data:
            return
        if data[0] % 2 == PACKETS:
            pieces = [encode(packet) for packet in packets_of(data[1:])]
        else:
            size = _PIECES[data[0] // 2 % len(_PIECES)]
            pieces = [data[at : at + size] for at in range(1, len(data), size)]
        for number, piece in enumerate(pieces):
            self.now_s += 0.001 * (number % 50)
            for heard in self._session.receive(piece, self.now_s):
                assert heard.at_s <= self.now_s, "heard before it came"
                assert len(heard.data) <= 8
            self._session.want(Wants(number % 8), self.now_s + number % 3, self.now_s)
            self._session.transmit(0x2A0, b"\x01\x02")
            self._session.tick(self.now_s)
            assert len(self._session.take_outgoing()) <= _OUT_AT_MOST, "more waits for the port than may"
            self._session.refusals.clear()


def _make(_folder: Path) -> Check:
    return lambda data: Line().input(data)


def _lasting(_folder: Path) -> Check:
    return Line().input


def _seeds() -> list[bytes]:
    records = pack_records([Record(1000, 0x110, b"\x01\x02"), Record(1400, 0x98FEF100, b"\x03" * 8)])
    status = NUMBER.to_bytes(4, "little") + bytes(4) + (12_500).to_bytes(2, "little") + bytes(24)
    said = [(1, records), (0, status), (2, b"\x01\x00\x00"), (3, _welcome())]
    packed = b"".join(bytes((kind, 0, len(body))) + body for kind, body in said)
    line = b"".join(encode(packet) for packet in packets_of(packed))
    assert len(Decoder().feed(line)) == len(said)
    return [bytes((PACKETS,)) + packed, *(bytes((2 * place,)) + line for place in range(len(_PIECES)))]


BRIDGE = Target("bridge", "packets or nothing, else LinkFault; a bounded wait for the port", _seeds, _make, _lasting)
