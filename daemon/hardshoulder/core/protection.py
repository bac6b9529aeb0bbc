"""Checksums and alive counters of CAN messages: reading, checking and writing them.

Sources: CRC-8/SAE-J1850 and CRC-8/H2F as in AUTOSAR "Specification of CRC Routines"
(polynomials 0x1D and 0x2F, start value 0xFF, final XOR 0xFF; check values over "123456789"
are 0x4B and 0xDF). The plain sums are those of the cars named in the profiles.
"""

from collections.abc import Callable

from hardshoulder.core.bits import extract, insert
from hardshoulder.core.frame import EXTENDED_ID_MAX
from hardshoulder.core.plan import Checksum, ChecksumKind, Counter, Field


def _crc_table(polynomial: int) -> bytes:
    table = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (polynomial if byte & 0x80 else 0)
        table.append(byte & 0xFF)
    return bytes(table)


_J1850 = _crc_table(0x1D)
_H2F = _crc_table(0x2F)
_TABLES = {ChecksumKind.CRC8_SAE_J1850: _J1850, ChecksumKind.CRC8_H2F: _H2F}


def _crc8(table: bytes, data: bytes) -> int:
    crc = 0xFF
    for byte in data:
        crc = table[crc ^ byte]
    return crc ^ 0xFF


def crc8_sae_j1850(data: bytes) -> int:
    """CRC-8/SAE-J1850 over data."""
    return _crc8(_J1850, data)


def crc8_h2f(data: bytes) -> int:
    """CRC-8/H2F (polynomial 0x2F) over data."""
    return _crc8(_H2F, data)


def _id_bytes(number: int) -> bytes:
    return (number & EXTENDED_ID_MAX).to_bytes(4, "little")


def _xor8(data: bytes) -> int:
    result = 0
    for byte in data:
        result ^= byte
    return result


def _data_id(checksum: Checksum) -> bytes:
    return b"" if checksum.data_id is None else checksum.data_id.to_bytes(2, "little")


def _is_whole_byte(field: Field) -> bool:
    return field.length == 8 and field.start % 8 == (0 if field.little_endian else 7)


def _without_checksum(data: bytes, checksum: Checksum) -> bytes:
    """The payload as it is covered: without the checksum's byte, or with its bits zero."""
    field = checksum.field
    if _is_whole_byte(field):
        position = field.start // 8
        return data[:position] + data[position + 1 :]
    blank = bytearray(data)
    insert(blank, field, 0)
    return bytes(blank)


_OVER_BYTES: dict[ChecksumKind, Callable[[bytes], int]] = {
    ChecksumKind.CRC8_SAE_J1850: crc8_sae_j1850,
    ChecksumKind.CRC8_H2F: crc8_h2f,
    ChecksumKind.SUM8: lambda data: sum(data) & 0xFF,
    ChecksumKind.SUM8_WITH_ID: lambda data: sum(data) & 0xFF,
    ChecksumKind.XOR8: _xor8,
}


def _field_bytes_sum(data: bytes, checksum: Checksum) -> int:
    total = 0
    for field in checksum.covers:
        raw = extract(data, field)
        total += sum(raw.to_bytes((field.length + 7) // 8, "little"))
    return total


def checksum_of(can_id: int, data: bytes, checksum: Checksum) -> int:
    """The checksum that `data`, sent under `can_id`, has to carry.

    crc8-*, xor8, sum8: over the data id (low byte, high byte; left out when the profile
    gives none), then the payload without the checksum's byte. sum8-with-id: the sum of payload
    and of the bytes of the CAN id. sum8-fields-inverted: 0xFF minus the sum of the bytes of
    the covered fields.
    """
    if checksum.kind is ChecksumKind.SUM8_FIELDS_INVERTED:
        full = (0xFF - _field_bytes_sum(data, checksum)) & 0xFF
    else:
        prefix = _data_id(checksum)
        if checksum.kind is ChecksumKind.SUM8_WITH_ID:
            prefix += _id_bytes(can_id)
        full = _OVER_BYTES[checksum.kind](prefix + _without_checksum(data, checksum))
    return full & ((1 << checksum.field.length) - 1)


def checksum_holds(can_id: int, data: bytes, checksum: Checksum) -> bool:
    """Whether the payload carries the checksum it should."""
    return extract(data, checksum.field) == checksum_of(can_id, data, checksum)


def compile_checksum(can_id: int, checksum: Checksum) -> Callable[[bytes], bool]:
    """`checksum_holds` for one message, with all that is the same for each of its frames done beforehand."""
    table = _TABLES.get(checksum.kind)
    if table is None or not _is_whole_byte(checksum.field):
        return lambda data: checksum_holds(can_id, data, checksum)
    begin, position = _crc8(table, _data_id(checksum)) ^ 0xFF, checksum.field.start // 8

    def holds(data: bytes) -> bool:
        crc = begin
        for byte in data[:position] + data[position + 1 :] if position else data[1:]:
            crc = table[crc ^ byte]
        return crc ^ 0xFF == data[position]

    return holds


def protect(
    can_id: int,
    data: bytes,
    counter: tuple[Counter, int] | None,
    checksum: Checksum | None,
) -> bytes:
    """`data` with the counter's value written (modulo its range) and the checksum made right."""
    payload = bytearray(data)
    if counter is not None:
        plan, value = counter
        insert(payload, plan.field, value % plan.modulo)
    if checksum is not None:
        insert(payload, checksum.field, checksum_of(can_id, bytes(payload), checksum))
    return bytes(payload)
