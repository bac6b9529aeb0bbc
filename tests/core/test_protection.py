"""Checksums and counters: published check values, a bit-by-bit CRC, and what a flipped bit does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.bits import extract, mask_of
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX
from hardshoulder.core.plan import Checksum, ChecksumKind, Counter, Field
from hardshoulder.core.protection import (
    checksum_holds,
    checksum_of,
    compile_checksum,
    crc8_h2f,
    crc8_sae_j1850,
    protect,
)

CHECK = b"123456789"
CRC_KINDS = (ChecksumKind.CRC8_SAE_J1850, ChecksumKind.CRC8_H2F)
POLYNOMIALS = {ChecksumKind.CRC8_SAE_J1850: 0x1D, ChecksumKind.CRC8_H2F: 0x2F}
FIRST_BYTE, LAST_BYTE = Field(0, 8, True), Field(63, 8, False)

payloads = st.binary(min_size=8, max_size=8)
can_ids = st.one_of(st.integers(0, 0x7FF), st.integers(0, EXTENDED_ID_MAX).map(EXTENDED.__or__))
data_ids = st.none() | st.integers(0, 0xFFFF)


def crc_bit_by_bit(data: bytes, polynomial: int) -> int:
    """A CRC-8 that starts with 0xFF and ends with an inversion, as a shift register does it."""
    register = 0xFF
    for byte in data:
        for place in range(7, -1, -1):
            carry = register >> 7 ^ byte >> place & 1
            register = (register << 1 & 0xFF) ^ (polynomial if carry else 0)
    return register ^ 0xFF


@st.composite
def checksums(draw: st.DrawFn) -> Checksum:
    """Any checksum of an eight-byte payload; the summed fields lie outside it."""
    kind = draw(st.sampled_from(ChecksumKind))
    field = draw(st.sampled_from([FIRST_BYTE, LAST_BYTE, Field(12, 4, True), Field(4, 8, True), Field(19, 8, False)]))
    if kind is not ChecksumKind.SUM8_FIELDS_INVERTED:
        return Checksum(field, kind, draw(data_ids))
    covers = (Field(32, 16, True), Field(55, 6, False))
    return Checksum(field, kind, None, draw(st.sampled_from([covers, covers[:1]])))


@pytest.mark.parametrize(("crc", "expected"), [(crc8_sae_j1850, 0x4B), (crc8_h2f, 0xDF)])
def test_check_value(crc: object, expected: int) -> None:
    assert callable(crc)
    assert crc(CHECK) == expected


@given(st.binary(max_size=64))
def test_crc_is_that_of_a_shift_register(data: bytes) -> None:
    assert crc8_sae_j1850(data) == crc_bit_by_bit(data, 0x1D)
    assert crc8_h2f(data) == crc_bit_by_bit(data, 0x2F)


@given(st.sampled_from(CRC_KINDS), can_ids, payloads, data_ids, st.sampled_from([FIRST_BYTE, LAST_BYTE]))
def test_a_crc_covers_data_id_and_all_other_bytes(
    kind: ChecksumKind, can_id: int, data: bytes, data_id: int | None, field: Field
) -> None:
    covered = data[1:] if field is FIRST_BYTE else data[:-1]
    prefix = b"" if data_id is None else bytes([data_id & 0xFF, data_id >> 8])
    expected = crc_bit_by_bit(prefix + covered, POLYNOMIALS[kind])
    assert checksum_of(can_id, data, Checksum(field, kind, data_id)) == expected


@given(can_ids, payloads)
def test_sum8_with_id_adds_payload_and_bytes_of_the_id(can_id: int, data: bytes) -> None:
    number = can_id & EXTENDED_ID_MAX
    expected = sum(data[1:]) + sum(number >> shift & 0xFF for shift in (0, 8, 16, 24))
    assert checksum_of(can_id, data, Checksum(FIRST_BYTE, ChecksumKind.SUM8_WITH_ID)) == expected % 256


@given(can_ids, payloads, data_ids)
def test_sum8_and_xor8(can_id: int, data: bytes, data_id: int | None) -> None:
    covered = ([] if data_id is None else [data_id & 0xFF, data_id >> 8]) + list(data[:-1])
    assert checksum_of(can_id, data, Checksum(LAST_BYTE, ChecksumKind.SUM8, data_id)) == sum(covered) % 256
    folded = 0
    for byte in covered:
        folded ^= byte
    assert checksum_of(can_id, data, Checksum(LAST_BYTE, ChecksumKind.XOR8, data_id)) == folded


@given(can_ids, payloads)
def test_sum8_fields_inverted_adds_the_bytes_of_each_field(can_id: int, data: bytes) -> None:
    covers = (Field(7, 16, False), Field(19, 4, False), Field(32, 2, True))
    speed, count, quality = data[0] + data[1], data[2] & 0x0F, data[4] & 0x03
    checksum = Checksum(LAST_BYTE, ChecksumKind.SUM8_FIELDS_INVERTED, None, covers)
    assert checksum_of(can_id, data, checksum) == (255 - speed - count - quality) % 256


@given(can_ids, payloads, checksums())
def test_what_is_protected_holds(can_id: int, data: bytes, checksum: Checksum) -> None:
    made = protect(can_id, data, None, checksum)
    assert checksum_holds(can_id, made, checksum)
    free = mask_of((checksum.field,), 8)
    assert all((new ^ old) & ~moving & 0xFF == 0 for new, old, moving in zip(made, data, free, strict=True))


@given(can_ids, st.binary(min_size=8, max_size=64), checksums(), st.booleans())
def test_what_is_compiled_says_the_same(can_id: int, data: bytes, checksum: Checksum, right: bool) -> None:
    data = protect(can_id, data, None, checksum) if right else data
    assert compile_checksum(can_id, checksum)(data) == checksum_holds(can_id, data, checksum)


@given(can_ids, payloads, checksums(), st.integers(0, 100_000), st.integers(2, 16))
def test_the_counter_is_written_before_the_checksum(
    can_id: int, data: bytes, checksum: Checksum, count: int, modulo: int
) -> None:
    counter = Counter(Field(56, 4, True) if checksum.field != LAST_BYTE else Field(8, 4, True), modulo)
    made = protect(can_id, data, (counter, count), checksum)
    assert extract(made, counter.field) == count % modulo
    assert checksum_holds(can_id, made, checksum)


@given(payloads)
def test_without_protection_nothing_changes(data: bytes) -> None:
    assert protect(0x2A0, data, None, None) == data


@given(
    st.sampled_from(CRC_KINDS),
    can_ids,
    st.binary(min_size=1, max_size=64),
    data_ids,
    st.booleans(),
    st.data(),
)
def test_every_flipped_bit_is_caught(
    kind: ChecksumKind, can_id: int, data: bytes, data_id: int | None, first: bool, drawn: st.DataObject
) -> None:
    field = FIRST_BYTE if first else Field(len(data) * 8 - 1, 8, False)
    checksum = Checksum(field, kind, data_id)
    made = int.from_bytes(protect(can_id, data, None, checksum), "little")
    flip = drawn.draw(st.integers(0, len(data) * 8 - 1))
    assert not checksum_holds(can_id, (made ^ 1 << flip).to_bytes(len(data), "little"), checksum)


@given(st.sampled_from(CRC_KINDS), payloads, st.integers(0, 0xFFFF), st.integers(0, 15))
def test_a_wrong_data_id_is_caught(kind: ChecksumKind, data: bytes, data_id: int, flip: int) -> None:
    made = protect(0x110, data, None, Checksum(LAST_BYTE, kind, data_id))
    assert not checksum_holds(0x110, made, Checksum(LAST_BYTE, kind, data_id ^ 1 << flip))
