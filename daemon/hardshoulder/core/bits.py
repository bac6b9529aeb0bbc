"""Bit fields of a payload: compiled readers for the hot path, plain read and write for the rest.

Bit numbering as in DBC files: bit n is bit n % 8 (0 the least significant) of byte n // 8.
A big-endian field is named by its most significant bit and runs towards higher bytes.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from hardshoulder.core.plan import Field, FieldKind

Reader = Callable[[bytes], int]
Number = int | float

_FLOAT_FORMATS = {16: "<e", 32: "<f", 64: "<d"}


def _order(field: Field) -> Literal["little", "big"]:
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


@lru_cache(maxsize=4096)
def compile_unsigned(field: Field) -> Reader:
    """A function that reads the field's bits as an unsigned number."""
    first, end, shift = span(field)
    mask = (1 << field.length) - 1
    if end - first == 1:
        if shift == 0 and field.length == 8:
            return lambda data: data[first]
        return lambda data: data[first] >> shift & mask
    order = _order(field)
    from_bytes = int.from_bytes
    if shift == 0 and field.length % 8 == 0:
        return lambda data: from_bytes(data[first:end], order)
    return lambda data: from_bytes(data[first:end], order) >> shift & mask


def compile_number(field: Field) -> Callable[[bytes], Number]:
    """A function that reads the field as its kind says."""
    read = compile_unsigned(field)
    if field.kind is FieldKind.UNSIGNED:
        return read
    if field.kind is FieldKind.SIGNED:
        sign, modulus = 1 << (field.length - 1), 1 << field.length
        return lambda data: raw - modulus if (raw := read(data)) & sign else raw
    width, unpack = (
        field.length // 8,
        struct.Struct(_FLOAT_FORMATS[field.length]).unpack,
    )
    return lambda data: float(unpack(read(data).to_bytes(width, "little"))[0])


def extract(data: bytes, field: Field) -> int:
    """The field's bits as an unsigned number."""
    return compile_unsigned(field)(data)


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
