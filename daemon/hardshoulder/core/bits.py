"""Bit fields of a payload: compiled readers for the hot path, plain read and write for the rest.

Bit numbering as in DBC files: bit n is bit n % 8 (0 the least significant) of byte n // 8.
A big-endian field is named by its most significant bit and runs towards higher bytes.
"""

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal

from hardshoulder.core.plan import Field, FieldKind

Number = int | float
Order = Literal["little", "big"]

_FLOAT_FORMATS = {16: "<e", 32: "<f", 64: "<d"}


def _order(field: Field) -> Order:
    return "little" if field.little_endian else "big"


def span(field: Field) -> tuple[int, int, int]:
    """(first byte, end byte, shift): the bytes that hold the field and the bits below it."""
    if field.little_endian:
        first, shift = divmod(field.start, 8)
        return first, (field.start + field.length + 7) // 8, shift
    begin = field.start // 8 * 8 + 7 - field.start % 8
    last = begin + field.length - 1
    return begin // 8, last // 8 + 1, 7 - last % 8


def fits(field: Field, payload_length: int) -> bool:
    """Whether the field lies inside a payload of that many bytes."""
    first, end, _ = span(field)
    return field.length > 0 and first >= 0 and end <= payload_length


class Packing:
    """Payloads of one length as one number, out of which each of the fields is a shift and a mask.

    A payload is turned into a number once, however many fields are read from it. doubled: fields of both byte orders
    stand in it, and the number is the payload twice, big-endian above little-endian.
    """

    __slots__ = ("_bits", "doubled", "order")

    def __init__(self, fields: Iterable[Field], length: int) -> None:
        orders = {field.little_endian for field in fields}
        self._bits = 8 * length
        self.doubled = len(orders) == 2
        self.order: Order = "big" if orders == {False} else "little"

    def number(self, data: bytes) -> int:
        """The number of a payload."""
        return int.from_bytes(data + data[::-1] if self.doubled else data, self.order)

    def place(self, field: Field) -> tuple[int, int]:
        """(shift, mask): number >> shift & mask is the field as an unsigned number."""
        _, end, shift = span(field)
        above = self._bits if self.doubled else 0
        low = field.start if field.little_endian else above + self._bits - 8 * end + shift
        return low, (1 << field.length) - 1


def compile_number(field: Field) -> Callable[[int], Number] | None:
    """What makes of the field's bits the number that its kind says; None where they are that number."""
    if field.kind is FieldKind.UNSIGNED:
        return None
    if field.kind is FieldKind.SIGNED:
        sign = 1 << field.length - 1
        return lambda bits: (bits ^ sign) - sign
    width, unpack = field.length // 8, struct.Struct(_FLOAT_FORMATS[field.length]).unpack
    return lambda bits: float(unpack(bits.to_bytes(width, "little"))[0])


_span = lru_cache(maxsize=4096)(span)


def extract(data: bytes, field: Field) -> int:
    """The field's bits as an unsigned number."""
    first, end, shift = _span(field)
    return int.from_bytes(data[first:end], _order(field)) >> shift & (1 << field.length) - 1


def insert(data: bytearray, field: Field, raw: int) -> None:
    """Writes the field's bits; a negative number goes in as two's complement."""
    first, end, shift = span(field)
    order = _order(field)
    mask = ((1 << field.length) - 1) << shift
    old = int.from_bytes(data[first:end], order)
    new = old & ~mask | raw << shift & mask
    data[first:end] = new.to_bytes(end - first, order)


def mask_of(fields: tuple[Field, ...], length: int) -> bytes:
    """A payload of `length` bytes with a one in every bit of the fields."""
    mask = bytearray(length)
    for field in fields:
        insert(mask, field, -1)
    return bytes(mask)
