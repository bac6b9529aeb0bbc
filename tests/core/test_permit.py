"""The gate: closed until armed and leased, and then open for nothing but the listed frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.config import allow_list
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.core.permit import Allowed, Permit, Refusal
from hardshoulder.core.protection import protect
from support.talker import reference_plan

COMMAND = reference_plan().hazard.command
assert COMMAND is not None
ALLOWED = allow_list(reference_plan())
GOOD = protect(
    COMMAND.can_id, COMMAND.on, (COMMAND.counter, 5) if COMMAND.counter is not None else None, COMMAND.checksum
)
OFF = protect(COMMAND.can_id, COMMAND.off, None, COMMAND.checksum)


def opened() -> Permit:
    permit = Permit(ALLOWED, armed=True)
    permit.open_until(100.0)
    return permit


def test_the_hazard_frames_pass() -> None:
    permit = opened()
    assert permit.check("main", 0x2A0, GOOD, 1.0) is None
    assert permit.check("main", 0x2A0, OFF, 2.0) is None


def test_it_starts_closed() -> None:
    assert Permit(ALLOWED, armed=True).check("main", 0x2A0, GOOD, 1.0) is Refusal.CLOSED


def test_monitor_never_sends() -> None:
    permit = Permit(ALLOWED, armed=False)
    permit.open_until(float("inf"))
    assert permit.check("main", 0x2A0, GOOD, 1.0) is Refusal.MONITOR


def test_the_lease_ends_at_its_time_and_at_once_when_closed() -> None:
    permit = opened()
    assert permit.check("main", 0x2A0, GOOD, 99.999) is None
    assert permit.check("main", 0x2A0, GOOD, 100.0) is Refusal.CLOSED
    permit.open_until(200.0)
    assert permit.check("main", 0x2A0, GOOD, 100.1) is None
    permit.close()
    assert permit.check("main", 0x2A0, GOOD, 101.0) is Refusal.CLOSED


def test_faster_than_listed_is_refused_and_does_not_count() -> None:
    permit = opened()
    assert permit.check("main", 0x2A0, GOOD, 1.0) is None
    assert permit.check("main", 0x2A0, GOOD, 1.04) is Refusal.TOO_FAST
    assert permit.check("main", 0x2A0, GOOD, 1.05) is None


@pytest.mark.parametrize("lease", [False, True])
@pytest.mark.parametrize("armed", [False, True])
def test_of_all_standard_ids_one_passes_and_only_armed_with_a_lease(lease: bool, armed: bool) -> None:
    passed = []
    for can_id in range(STANDARD_ID_MAX + 1):
        permit = Permit(ALLOWED, armed=armed)
        if lease:
            permit.open_until(100.0)
        passed += [can_id] * (permit.check("main", can_id, GOOD, 1.0) is None)
    assert passed == ([0x2A0] if lease and armed else [])


@given(st.integers(0, EXTENDED_ID_MAX), st.binary(max_size=64))
def test_no_extended_id_passes(can_id: int, data: bytes) -> None:
    assert opened().check("main", can_id | EXTENDED, data, 1.0) is Refusal.NOT_LISTED


def test_another_bus_is_not_listed() -> None:
    assert opened().check("body", 0x2A0, GOOD, 1.0) is Refusal.NOT_LISTED


@given(st.binary(max_size=64).filter(lambda data: len(data) != 8))
def test_another_length_is_refused(data: bytes) -> None:
    assert opened().check("main", 0x2A0, data, 1.0) is Refusal.WRONG_LENGTH


@given(st.binary(min_size=8, max_size=8))
def test_only_counter_and_checksum_bits_are_free(data: bytes) -> None:
    # Stated anew, apart from the masks: byte 0 checksum, low nibble of byte 1 counter, request 1 or 2 above it.
    fits = data[1] >> 4 in (1, 2) and not any(data[2:])
    assert opened().check("main", 0x2A0, data, 1.0) is (None if fits else Refusal.WRONG_BITS)


@given(st.binary(min_size=1, max_size=1), st.integers(0, 15), st.sampled_from([0x10, 0x20]))
def test_every_counter_and_checksum_passes(checksum: bytes, count: int, request: int) -> None:
    assert opened().check("main", 0x2A0, checksum + bytes([request | count]) + bytes(6), 1.0) is None


@given(st.integers(0, 63), st.integers(0, 255))
def test_one_flipped_fixed_bit_is_refused(bit: int, checksum: int) -> None:
    free = bit < 12
    data = bytearray(GOOD)
    data[0] = checksum
    data[bit // 8] ^= 1 << bit % 8
    # Request ON with one bit flipped is NONE or 3; neither is listed.
    assert (opened().check("main", 0x2A0, bytes(data), 1.0) is None) is free


def test_a_car_without_a_command_lets_nothing_pass() -> None:
    permit = Permit((), armed=True)
    permit.open_until(float("inf"))
    assert all(permit.check("main", can_id, GOOD, 1.0) is Refusal.NOT_LISTED for can_id in range(STANDARD_ID_MAX + 1))


def test_a_list_that_contradicts_itself_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="differ"):
        Permit((Allowed("main", 1, b"\xff\xff", (b"\x00",), 0.1),), armed=True)
