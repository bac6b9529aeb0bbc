"""The board's permit: nothing but the listed frames, whatever is thrown at it; and it judges as the daemon's does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Use
from hardshoulder.core.frame import EXTENDED
from hardshoulder.core.permit import Allowed, Permit, Refusal
from hardshoulder.core.plan import CarPlan, Readback
from hardshoulder.sending import allow_list
from hardshoulder_bridge.protocol import Verdict
from hardshoulder_sim.reference import reference_messages
from support.firmware import c_permit
from support.pair import ASKS, Pair, request
from support.talker import reference_plan

pytestmark = pytest.mark.slow

HAZARD_ID = 0x2A0
PASSES = [request(count, on=on) for count in range(16) for on in (True, False)]
VERDICTS = {
    None: Verdict.DONE,
    Refusal.CLOSED: Verdict.CLOSED,
    Refusal.NOT_LISTED: Verdict.NOT_LISTED,
    Refusal.WRONG_LENGTH: Verdict.WRONG_LENGTH,
    Refusal.WRONG_BITS: Verdict.WRONG_BITS,
    Refusal.TOO_FAST: Verdict.TOO_FAST,
}


def hazard_list(plan: CarPlan) -> tuple[Allowed, ...]:
    """The daemon's list without the display, which no board carries."""
    return tuple(entry for entry in allow_list(plan) if entry.use is Use.HAZARDS)


def python_permit(can_id: int, data: bytes, *, opened: bool) -> Verdict:
    """The daemon's judgement, by its list out of profile and DBC."""
    permit = Permit(hazard_list(reference_plan()), armed=True)
    if opened:
        permit.open_until(1.0, "incident-1")
    return VERDICTS[permit.check("main", can_id, data, 0.0)]


@pytest.mark.parametrize("opened", [True, False])
def test_of_all_2048_ids_one_passes_and_only_with_a_lease(opened: bool) -> None:
    passed = {can_id for can_id in range(0x800) for data in PASSES if not c_permit(can_id, data, opened=opened)}
    assert passed == ({HAZARD_ID} if opened else set())


def test_no_29_bit_id_passes() -> None:
    chance = random.Random(1)
    ids = {HAZARD_ID | EXTENDED, EXTENDED} | {chance.getrandbits(29) | EXTENDED for _ in range(20_000)}
    assert {c_permit(can_id, PASSES[0]) for can_id in ids} == {Verdict.NOT_LISTED}


def test_of_all_lengths_one_passes() -> None:
    assert [c_permit(HAZARD_ID, PASSES[0][:length]) for length in range(9)] == [Verdict.WRONG_LENGTH] * 8 + [0]


def test_every_frame_of_every_other_sender_of_the_car_is_refused() -> None:
    chance = random.Random(2)
    others = [message for message in reference_messages().values() if message.can_id != HAZARD_ID]
    assert len(others) > 10
    for message in others:
        assert c_permit(message.can_id, chance.randbytes(8)) == Verdict.NOT_LISTED


def test_a_bit_that_is_not_the_counters_or_the_checksums_is_fixed() -> None:
    changed = {
        bit: c_permit(HAZARD_ID, (int.from_bytes(PASSES[0], "little") ^ 1 << bit).to_bytes(8, "little"))
        for bit in range(64)
    }
    free = {bit for bit, verdict in changed.items() if verdict == Verdict.DONE}
    assert free == set(range(12)), "checksum and counter; request 0 and 3 are on no list"
    assert {changed[bit] for bit in range(12, 64)} == {Verdict.WRONG_BITS}


@given(
    st.one_of(st.just(HAZARD_ID), st.integers(0, 0x7FF)),
    st.one_of(st.sampled_from(PASSES), st.binary(max_size=8)),
    st.sets(st.integers(0, 63), max_size=2),
    st.booleans(),
)
def test_both_permits_judge_alike(can_id: int, data: bytes, flips: set[int], opened: bool) -> None:
    raw = int.from_bytes(data, "little")
    for bit in flips:
        raw ^= 1 << bit
    data = (raw & ((1 << 8 * len(data)) - 1)).to_bytes(len(data), "little")
    assert c_permit(can_id, data, opened=opened) == python_permit(can_id, data, opened=opened)


@pytest.mark.parametrize(("gap_s", "passes"), [(0.048, False), (0.05, True), (0.1, True)])
def test_the_rate_is_capped_where_the_daemons_is(gap_s: float, passes: bool) -> None:
    pair = Pair()
    pair.link()
    pair.want(ASKS)
    assert pair.session is not None
    pair.session.transmit(HAZARD_ID, request(0))
    pair.step(0.002)
    pair.run(gap_s - 0.002)
    pair.session.transmit(HAZARD_ID, request(1))
    pair.run(0.01)
    assert len(pair.board.sent()) == 1 + passes
    assert pair.session.refusals == ([] if passes else [Verdict.TOO_FAST])
    (entry,) = hazard_list(reference_plan())
    assert entry.min_gap_s == 0.05


@pytest.mark.parametrize("propulsion", ["combustion", "hybrid", "electric"])
def test_the_compiled_list_is_that_of_each_reference_profile(propulsion: str) -> None:
    plan = reference_plan(propulsion)
    (entry,) = hazard_list(plan)
    assert (entry.bus, entry.can_id, len(entry.mask)) == ("main", HAZARD_ID, 8)
    assert plan.hazard.readback is Readback.STATUS
    for payload in entry.payloads:
        assert c_permit(entry.can_id, payload) == Verdict.DONE


def test_two_sessions_of_frames_at_once_never_pass_what_is_not_listed() -> None:
    """Everything at once, in every state that a lease can have: only listed payloads ever reach the bus."""
    chance = random.Random(3)
    pair = Pair()
    pair.link()
    assert pair.session is not None
    for _ in range(2000):
        if chance.random() < 0.05:
            pair.want(ASKS if chance.random() < 0.7 else ASKS & 0, pair.now_s + chance.choice((-1, 0.05, 1, 100)))
        data = chance.choice((chance.randbytes(chance.randrange(9)), chance.choice(PASSES)))
        pair.session.transmit(chance.choice((HAZARD_ID, chance.randrange(0x800))), data)
        pair.run(0.01)
        for frame in pair.board.sent():
            assert frame.can_id == HAZARD_ID
            assert frame.data[1] >> 4 in (1, 2) and frame.data[2:] == bytes(6)
