"""The reference car's messages, as reference.dbc has them.

A simulated hour is a million frames, so each message gets an encoder of its own, compiled from the DBC; it writes
counter and CRC as well. cantools and the core's protection are the oracle of the test that holds it
to account (`tests/sim/test_reference.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import cantools.database
from cantools.database.can import Database, Message, Signal

from hardshoulder.core.bits import span
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Checksum, ChecksumKind, Counter, Field

BUS = "main"
BITRATE = 500_000
COUNTER_MODULO = 16

Value = float | str
"""What a signal is given: a number in its unit, or a word of its value table."""


Encode = Callable[[Mapping[str, Value], int], bytes]
"""(values, count) to payload."""


@dataclass(frozen=True, slots=True)
class ReferenceMessage:
    """A message of reference.dbc and how it is protected; counter and checksum None: not at all."""

    definition: Message
    cycle_s: float
    counter: Counter | None
    checksum: Checksum | None
    encode: Encode

    @property
    def can_id(self) -> int:
        """The 11-bit identifier."""
        return self.definition.frame_id

    @property
    def sender(self) -> str:
        """The node that sends it."""
        return self.definition.senders[0]

    def frame(self, at_s: float, count: int, values: Mapping[str, Value]) -> Frame:
        """The message with these values as the frame number `count` of its sender.

        Raises ValueError for a value that the signal cannot hold.
        """
        return Frame(at_s, BUS, self.can_id, self.encode(values, count))


# Encoders -----------------------------------------------------------------------------------

_CRC_POLYNOMIAL = 0x1D


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (_CRC_POLYNOMIAL if byte & 0x80 else 0)
        table.append(byte & 0xFF)
    return tuple(table)


_CRC = _crc_table()


def _shift(message: Message, field: Field) -> int:
    """How far left the field stands in the payload, read as one big number of its byte order."""
    _, end, shift = span(field)
    return field.start if field.little_endian else (message.length - end) * 8 + shift


def _raw(signal: Signal) -> Callable[[Value], int]:
    """From a value, or a word of the value table, to the bits."""
    scale, offset = signal.scale, signal.offset
    words = {str(word): raw for raw, word in (signal.choices or {}).items()}
    half = 1 << signal.length - 1
    lowest, highest = (-half, half - 1) if signal.is_signed else (0, 2 * half - 1)
    mask = 2 * half - 1

    def raw(value: Value) -> int:
        bits = words[value] if isinstance(value, str) else round((value - offset) / scale)
        if not lowest <= bits <= highest:
            raise ValueError(f"{signal.name}: {value} does not fit")
        return bits & mask

    return raw


def _compile(message: Message, counter: Counter | None, checksum: Checksum | None) -> Encode:
    """The encoder of a message whose signals share one byte order, as all of reference.dbc do."""
    order: Literal["little", "big"] = "little" if message.signals[0].byte_order == "little_endian" else "big"
    parts = []
    for signal in message.signals:
        place = field_of(message, signal.name)
        assert place is not None and place.little_endian == (order == "little"), "one byte order in a message"
        if signal.name not in ("Counter", "Checksum"):
            parts.append((signal.name, _raw(signal), _shift(message, place)))
    length = message.length
    counts = None if counter is None else (counter.modulo, _shift(message, counter.field))
    seal = None if checksum is None else _sealer(message, checksum)

    def encode(values: Mapping[str, Value], count: int) -> bytes:
        word = 0
        for name, raw, shift in parts:
            word |= raw(values[name]) << shift
        if counts is not None:
            word |= count % counts[0] << counts[1]
        data = word.to_bytes(length, order)
        return data if seal is None else seal(data)

    return encode


def _sealer(message: Message, checksum: Checksum) -> Callable[[bytes], bytes]:
    """Writes the CRC-8/SAE-J1850 over data id and payload into its byte."""
    assert checksum.kind is ChecksumKind.CRC8_SAE_J1850 and checksum.field.length == 8, "the one of reference.dbc"
    place, begin, table = checksum.field.start // 8, 0xFF, _CRC
    assert checksum.data_id is not None
    for byte in checksum.data_id.to_bytes(2, "little"):
        begin = table[begin ^ byte]

    def seal(data: bytes) -> bytes:
        head, tail = data[:place], data[place + 1 :]
        crc = begin
        for byte in head:
            crc = table[crc ^ byte]
        for byte in tail:
            crc = table[crc ^ byte]
        return head + (crc ^ 0xFF).to_bytes(1, "little") + tail

    return seal


# The DBC file -------------------------------------------------------------------------------


def dbc_text() -> str:
    """The text of reference.dbc."""
    return files("hardshoulder_dbc").joinpath("reference.dbc").read_text(encoding="ascii")


@cache
def database() -> Database:
    """reference.dbc as cantools understands it."""
    loaded = cantools.database.load_string(dbc_text(), database_format="dbc", strict=True)
    assert isinstance(loaded, Database)
    return loaded


def field_of(message: Message, name: str) -> Field | None:
    """Where the signal lies; None when the message has none of that name."""
    for signal in message.signals:
        if signal.name == name:
            return Field(signal.start, signal.length, signal.byte_order == "little_endian")
    return None


def _reference(message: Message) -> ReferenceMessage:
    assert message.cycle_time, f"{message.name} has no cycle time"
    counter, checksum = field_of(message, "Counter"), field_of(message, "Checksum")
    kind = ChecksumKind.CRC8_SAE_J1850
    counts = None if counter is None else Counter(counter, COUNTER_MODULO)
    seals = None if checksum is None else Checksum(checksum, kind, data_id=message.frame_id)
    return ReferenceMessage(message, message.cycle_time / 1000.0, counts, seals, _compile(message, counts, seals))


@cache
def reference_messages() -> dict[str, ReferenceMessage]:
    """Every message of reference.dbc by its name."""
    return {message.name: _reference(message) for message in database().messages}
