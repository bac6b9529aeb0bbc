"""The gate: closed until armed and leased, and then open for nothing but the listed frames.

The list is written down here and not made by the compiler, so that the two cannot be wrong together;
tests/test_permit_list.py throws the rest of every shipped profile at the lists that are made.
"""

from enum import Enum
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hardshoulder.core.actions import Use
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.core.permit import OTHER_SENDER_QUIET_S, TEST_AT_MOST_S, Allowed, Permit, Refusal

ID, LONG_ID, DISPLAY_ID = 0x2A0, 0x18FEF100 | EXTENDED, 0x3C0
MASK = bytes.fromhex("00f0ffffffffffff")
ON, OFF = bytes.fromhex("0010000000000000"), bytes.fromhex("0020000000000000")
GOOD = bytes.fromhex("ab15000000000000")
HAZARDS = Allowed("main", ID, MASK, (ON, OFF), 0.05)
HAZARDS_29_BITS = Allowed("body", LONG_ID, b"\xff\xff", (b"\x01\x02",), 0.05)
DISPLAY = Allowed("main", DISPLAY_ID, b"\xff", (b"\x01", b"\x02"), 0.5, Use.DISPLAY)
ALLOWED = (HAZARDS, HAZARDS_29_BITS, DISPLAY)
HAZARD_KEYS = {("main", ID), ("body", LONG_ID)}
LENGTHS = [*range(9), 12, 16, 20, 24, 32, 48, 64]
"""Those of classic CAN and of CAN FD."""


class Gate(Enum):
    """Every state the gate can be in."""

    MONITOR = Refusal.MONITOR
    CLOSED = Refusal.CLOSED
    LEASED = None
    LEASE_OVER = "over"
    SHUT = "shut"
    OTHER_SENDER = Refusal.OTHER_SENDER


def gate(state: Gate = Gate.LEASED) -> Permit:
    """A permit in this state at 1.0 s."""
    permit = Permit(ALLOWED, armed=state is not Gate.MONITOR)
    if state is not Gate.CLOSED:
        until_s = 1.0 if state is Gate.LEASE_OVER else 100.0
        permit.open_until(until_s, "incident-1")
        permit.open_until(until_s, "incident-1", Use.DISPLAY)
    if state is Gate.SHUT:
        permit.close()
    if state is Gate.OTHER_SENDER:
        for entry in ALLOWED:
            permit.overhear(entry.bus, entry.can_id, 0.5)
    return permit


def listed(bus: str, can_id: int, data: bytes) -> bool:
    """Stated anew, apart from masks and tables: what may be seen on the wire."""
    if (bus, can_id) == ("main", ID):
        return len(data) == 8 and data[1] >> 4 in (1, 2) and not any(data[2:])
    return (bus, can_id, data) in {
        ("body", LONG_ID, b"\x01\x02"), ("main", DISPLAY_ID, b"\x01"), ("main", DISPLAY_ID, b"\x02"),
    }  # fmt: skip


def test_the_listed_frames_pass() -> None:
    permit = gate()
    assert permit.check("main", ID, GOOD, 1.0) is None
    assert permit.check("main", ID, OFF, 2.0) is None
    assert permit.check("body", LONG_ID, b"\x01\x02", 2.0) is None
    assert permit.check("main", DISPLAY_ID, b"\x02", 2.0) is None


def test_what_is_listed_is_what_has_to_be_listened_to() -> None:
    assert gate().listed == {("main", ID), ("body", LONG_ID), ("main", DISPLAY_ID)}


def test_the_words_of_every_refusal() -> None:
    """They stand in the log, where a person looks for the reason."""
    assert {refusal.name: refusal.value for refusal in Refusal} == {
        "MONITOR": "mode is monitor: nothing is ever sent",
        "CLOSED": "no lease is open",
        "NOT_LISTED": "bus and id are not on the list",
        "OTHER_SENDER": "another sender was heard on this id",
        "WRONG_LENGTH": "the length is not the listed one",
        "WRONG_BITS": "a fixed bit differs from the list",
        "TOO_FAST": "faster than the listed rate",
    }


# Everything that is not on the list, in every state -----------------------------------------


@pytest.mark.parametrize("state", Gate)
@pytest.mark.parametrize("bus", ["main", "body", ""])
def test_of_all_standard_ids_the_listed_pass_and_only_with_a_lease(state: Gate, bus: str) -> None:
    for data in (GOOD, b"\x01", b"\x01\x02"):
        permit = gate(state)
        passed = [can_id for can_id in range(STANDARD_ID_MAX + 1) if permit.check(bus, can_id, data, 1.0) is None]
        wanted = {can_id for can_id in (ID, DISPLAY_ID) if state is Gate.LEASED and listed(bus, can_id, data)}
        assert set(passed) == wanted


@pytest.mark.parametrize("state", Gate)
@given(can_id=st.integers(0, EXTENDED_ID_MAX), data=st.binary(max_size=64))
def test_no_extended_id_passes(state: Gate, can_id: int, data: bytes) -> None:
    can_id |= EXTENDED
    verdict = gate(state).check("main", can_id, data, 1.0)
    assert verdict is (Refusal.MONITOR if state is Gate.MONITOR else Refusal.NOT_LISTED)


@pytest.mark.parametrize("state", Gate)
@pytest.mark.parametrize("length", LENGTHS)
def test_only_the_listed_length_passes(state: Gate, length: int) -> None:
    for entry in ALLOWED:
        for payload in (*entry.payloads, bytes(64)):
            data = (payload + bytes(64))[:length]
            permit = gate(state)
            passed = permit.check(entry.bus, entry.can_id, data, 1.0) is None
            assert passed is (state is Gate.LEASED and listed(entry.bus, entry.can_id, data))
            if state is Gate.LEASED and length != len(entry.mask):
                assert permit.check(entry.bus, entry.can_id, data, 1.0) is Refusal.WRONG_LENGTH


@pytest.mark.parametrize("state", Gate)
@given(
    bus=st.sampled_from(["main", "body", "Main", ""]),
    can_id=st.sampled_from([ID, LONG_ID, DISPLAY_ID]) | st.integers(0, 2**32 - 1),
    data=st.binary(max_size=64) | st.sampled_from([GOOD, ON, OFF, b"\x01", b"\x01\x02"]),
)
def test_nothing_but_the_listed_frames_passes_in_any_state(state: Gate, bus: str, can_id: int, data: bytes) -> None:
    passed = gate(state).check(bus, can_id, data, 1.0) is None
    assert passed is (state is Gate.LEASED and listed(bus, can_id, data))


@given(st.binary(min_size=8, max_size=8))
def test_only_counter_and_checksum_bits_are_free(data: bytes) -> None:
    wanted = None if listed("main", ID, data) else Refusal.WRONG_BITS
    assert gate().check("main", ID, data, 1.0) is wanted


@given(st.binary(min_size=1, max_size=1), st.integers(0, 15), st.sampled_from([0x10, 0x20]))
def test_every_counter_and_checksum_passes(checksum: bytes, count: int, request: int) -> None:
    assert gate().check("main", ID, checksum + bytes([request | count]) + bytes(6), 1.0) is None


@given(st.integers(0, 63), st.integers(0, 255))
def test_one_flipped_fixed_bit_is_refused(bit: int, checksum: int) -> None:
    data = bytearray(GOOD)
    data[0] = checksum
    data[bit // 8] ^= 1 << bit % 8
    # Request ON with one bit flipped is NONE or 3; neither is listed.
    assert (gate().check("main", ID, bytes(data), 1.0) is None) is (bit < 12)


def test_a_car_without_a_command_lets_nothing_pass() -> None:
    permit = Permit((), armed=True)
    permit.open_until(inf, "incident-1")
    assert all(permit.check("main", can_id, GOOD, 1.0) is Refusal.NOT_LISTED for can_id in range(STANDARD_ID_MAX + 1))


# The lease ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in Gate if state is not Gate.LEASED])
@pytest.mark.parametrize("entry", ALLOWED)
def test_each_state_says_why(state: Gate, entry: Allowed) -> None:
    why = state.value if isinstance(state.value, Refusal) else Refusal.CLOSED
    assert gate(state).check(entry.bus, entry.can_id, entry.payloads[0], 1.0) is why


def test_monitor_never_sends_whatever_lease_there_is() -> None:
    permit = Permit(ALLOWED, armed=False)
    for use in Use:
        permit.open_until(inf, "incident-1", use)
    permit.open_for_test(0.0, 3.0)
    for entry in ALLOWED:
        for payload in entry.payloads:
            assert permit.check(entry.bus, entry.can_id, payload, 1.0) is Refusal.MONITOR


def test_the_lease_ends_at_its_time_and_at_once_when_closed() -> None:
    permit = gate()
    assert permit.check("main", ID, GOOD, 99.999) is None
    assert permit.check("main", ID, GOOD, 100.0) is Refusal.CLOSED
    permit.open_until(200.0, "incident-1")
    assert permit.check("main", ID, GOOD, 100.1) is None
    permit.close()
    assert permit.check("main", ID, GOOD, 101.0) is Refusal.CLOSED


def test_a_lease_without_an_incident_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="for somebody"):
        gate().open_until(10.0, "")


def test_a_lease_for_the_lamps_opens_no_display_and_the_other_way_round() -> None:
    permit = Permit(ALLOWED, armed=True)
    permit.open_until(10.0, "incident-1")
    assert permit.check("main", DISPLAY_ID, b"\x01", 1.0) is Refusal.CLOSED
    permit = Permit(ALLOWED, armed=True)
    permit.open_until(10.0, "incident-1", Use.DISPLAY)
    assert permit.check("main", ID, GOOD, 1.0) is Refusal.CLOSED
    assert permit.check("main", DISPLAY_ID, b"\x01", 1.0) is None


def test_a_drivers_test_opens_the_lamps_alone_and_ends_by_itself() -> None:
    permit = Permit(ALLOWED, armed=True)
    permit.open_for_test(5.0, 3.0)
    assert permit.check("main", ID, GOOD, 5.0) is None
    assert permit.check("main", ID, GOOD, 7.999) is None
    assert permit.check("main", ID, GOOD, 8.0) is Refusal.CLOSED
    assert permit.check("main", DISPLAY_ID, b"\x01", 6.0) is Refusal.CLOSED
    permit.open_for_test(10.0, inf)
    assert permit.check("main", ID, GOOD, 10.0 + TEST_AT_MOST_S - 0.001) is None
    assert permit.check("main", ID, GOOD, 10.0 + TEST_AT_MOST_S) is Refusal.CLOSED
    assert TEST_AT_MOST_S == 10.0


@pytest.mark.parametrize("entry", ALLOWED)
def test_not_a_number_opens_nothing(entry: Allowed) -> None:
    frame = (entry.bus, entry.can_id, entry.payloads[0])
    assert gate().check(*frame, nan) is Refusal.CLOSED
    permit = gate(Gate.CLOSED)
    permit.open_until(nan, "incident-1", entry.use)
    assert permit.check(*frame, 1.0) is Refusal.CLOSED


# The rate -----------------------------------------------------------------------------------


def test_faster_than_listed_is_refused_and_does_not_count() -> None:
    permit = gate()
    assert permit.check("main", ID, GOOD, 1.0) is None
    assert permit.check("main", ID, GOOD, 1.04) is Refusal.TOO_FAST
    assert permit.check("main", ID, GOOD, 1.05) is None


def test_a_refused_frame_does_not_count_against_the_rate() -> None:
    permit = gate()
    assert permit.check("main", ID, bytes(8), 1.0) is Refusal.WRONG_BITS
    assert permit.check("main", ID, GOOD, 1.0) is None


def test_each_frame_has_a_rate_of_its_own_that_outlasts_its_lease() -> None:
    permit = gate()
    assert permit.check("main", ID, GOOD, 1.0) is None
    assert permit.check("body", LONG_ID, b"\x01\x02", 1.0) is None
    permit.close()
    permit.open_until(100.0, "incident-2")
    assert permit.check("main", ID, GOOD, 1.04) is Refusal.TOO_FAST


def test_a_clock_that_runs_backwards_sends_nothing() -> None:
    permit = gate()
    assert permit.check("main", ID, GOOD, 5.0) is None
    assert permit.check("main", ID, GOOD, 1.0) is Refusal.TOO_FAST


# Another sender -----------------------------------------------------------------------------


def test_another_sender_is_news_once_and_shuts_his_id_alone() -> None:
    permit = gate()
    assert permit.overhear("main", ID, 1.0)
    assert not permit.overhear("main", ID, 1.1)
    assert permit.check("main", ID, GOOD, 1.2) is Refusal.OTHER_SENDER
    assert permit.check("body", LONG_ID, b"\x01\x02", 1.2) is None
    assert permit.check("main", DISPLAY_ID, b"\x01", 1.2) is None


def test_another_sender_is_believed_gone_when_he_was_silent_for_long_enough() -> None:
    permit = gate()
    permit.overhear("main", ID, 1.0)
    permit.overhear("main", ID, 3.0)
    assert permit.check("main", ID, GOOD, 3.0 + OTHER_SENDER_QUIET_S - 0.001) is Refusal.OTHER_SENDER
    assert permit.check("main", ID, GOOD, 3.0 + OTHER_SENDER_QUIET_S) is None
    assert permit.overhear("main", ID, 3.0 + OTHER_SENDER_QUIET_S), "he is news again"
    assert OTHER_SENDER_QUIET_S == 10.0


@pytest.mark.parametrize(("bus", "can_id"), [("main", ID + 1), ("body", ID), ("main", ID | EXTENDED), ("", 0)])
def test_everybody_elses_frames_are_no_news(bus: str, can_id: int) -> None:
    permit = gate()
    assert not permit.overhear(bus, can_id, 1.0)
    assert permit.check("main", ID, GOOD, 1.0) is None


def test_another_sender_is_news_while_the_gate_is_closed_and_in_monitor_too() -> None:
    for state in (Gate.MONITOR, Gate.CLOSED):
        assert gate(state).overhear("main", ID, 1.0)


def test_a_lease_does_not_drive_the_other_sender_away() -> None:
    permit = gate(Gate.OTHER_SENDER)
    permit.open_until(inf, "incident-2")
    assert permit.check("main", ID, GOOD, 1.0) is Refusal.OTHER_SENDER


def test_a_stranger_heard_at_no_time_shuts_the_id() -> None:
    permit = gate()
    permit.overhear("main", ID, nan)
    assert permit.check("main", ID, GOOD, 1.0) is Refusal.OTHER_SENDER


# The list -----------------------------------------------------------------------------------


def test_a_list_that_contradicts_itself_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="differ"):
        Permit((Allowed("main", 1, b"\xff\xff", (b"\x00\x00", b"\x00"), 0.1),), armed=True)
    with pytest.raises(AssertionError, match="differ"):
        Permit((Allowed("main", 1, b"\xff", (b"\x00", b"\x00\x00"), 0.1),), armed=True)
    with pytest.raises(AssertionError, match="twice"):
        Permit((HAZARDS, HAZARDS), armed=True)


def test_nobody_arms_it_in_passing() -> None:
    with pytest.raises(TypeError):
        Permit(ALLOWED, True)  # type: ignore[call-arg]


def test_what_is_allowed_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        HAZARDS.mask = bytes(8)  # type: ignore[misc]


class Sequences(RuleBasedStateMachine):
    """Leases, closings and strangers in any order, against a model that only knows the last word of each."""

    def __init__(self) -> None:
        super().__init__()
        self.permit = Permit(ALLOWED, armed=True)
        self.now_s = 0.0
        self.until_s = dict.fromkeys(Use, -inf)
        self.stranger_s: dict[tuple[str, int], float] = {}
        self.last_s: dict[tuple[str, int], float] = {}

    @rule(seconds=st.sampled_from([0.01, 0.05, 1.0, 9.99, 10.0, 50.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(seconds=st.sampled_from([0.0, 0.4, 20.0, inf]), use=st.sampled_from(Use))
    def lend(self, seconds: float, use: Use) -> None:
        self.until_s[use] = self.now_s + seconds
        self.permit.open_until(self.now_s + seconds, "incident-1", use)

    @rule(seconds=st.sampled_from([3.0, 60.0]))
    def test_lamps(self, seconds: float) -> None:
        self.until_s[Use.HAZARDS] = self.now_s + min(seconds, 10.0)
        self.permit.open_for_test(self.now_s, seconds)

    @rule()
    def close(self) -> None:
        self.until_s = dict.fromkeys(Use, -inf)
        self.permit.close()

    @rule(entry=st.sampled_from(ALLOWED))
    def hear_a_stranger(self, entry: Allowed) -> None:
        self.permit.overhear(entry.bus, entry.can_id, self.now_s)
        self.stranger_s[entry.bus, entry.can_id] = self.now_s

    @rule(entry=st.sampled_from(ALLOWED), data=st.sampled_from([GOOD, OFF, b"\x01", b"\x01\x02", b"", bytes(8)]))
    def send(self, entry: Allowed, data: bytes) -> None:
        key = (entry.bus, entry.can_id)
        may = (
            self.now_s < self.until_s[entry.use]
            and self.now_s >= self.stranger_s.get(key, -inf) + 10.0
            and listed(*key, data)
            and self.now_s >= self.last_s.get(key, -inf) + entry.min_gap_s
        )
        assert (self.permit.check(*key, data, self.now_s) is None) is may
        if may:
            self.last_s[key] = self.now_s

    @invariant()
    def other_ids_stay_out(self) -> None:
        assert self.permit.check("main", ID + 1, GOOD, self.now_s) is Refusal.NOT_LISTED


TestSequences = Sequences.TestCase
