"""End-to-end protection as a state: window, re-synchronisation, doubled and corrupt frames, against a plain model."""

import random
from collections.abc import Sequence as Row
from math import inf, nextafter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardshoulder.core.decode import Decoder, Fault
from hardshoulder.core.e2e import ERRORS_ALLOWED, OK_NEEDED, WINDOW, EndToEnd, Sequence
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Counter, Field
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import Vss
from support.plain import plain_car
from support.talker import Talker

CYCLE_S = 0.1
PLAN = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED}))


def counts(text: str) -> list[bool]:
    """Which frames count, of a row of right (.) and wrong (x) ones."""
    message = EndToEnd()
    return [message.take(status == ".") for status in text]


def test_the_numbers_are_those_of_the_document() -> None:
    assert (WINDOW, ERRORS_ALLOWED, OK_NEEDED) == (6, 2, 3)


@pytest.mark.parametrize(
    ("frames", "believed"),
    [
        ("......", "yyyyyy"),
        (".x.x..", "y-y-yy"),
        ("xx....", "--yyyy"),
        # The third wrong one within six: no source any more, until three in a row are right.
        ("xxx....", "-----yy"),
        ("x.x.x....", "-y-y---yy"),
        ("xxx..x..." + ".", "--------yy"),
        # A wrong one that has left the window is forgotten.
        ("xx....x.", "--yyyy-y"),
        ("xx...x..", "--yyy---"),
        # Believed anew, the window is empty: two more may be wrong.
        ("xxx...xx.", "-----y--y"),
        ("xxx...xxx", "-----y---"),
        ("." * 20 + "xx.", "y" * 20 + "--y"),
        ("." * 20 + "xxx..", "y" * 20 + "-----"),
        ("." * 20 + "xxx...", "y" * 20 + "-----y"),
    ],
)
def test_the_window(frames: str, believed: str) -> None:
    assert counts(frames) == [mark == "y" for mark in believed]


class PlainModel:
    """The same in other words: a list of everything, judged from its end."""

    def __init__(self) -> None:
        self.all: list[bool] = []
        self.since = 0
        self.valid = True

    def take(self, right: bool) -> bool:
        self.all.append(right)
        if self.valid:
            wrong = sum(not status for status in self.all[max(self.since, len(self.all) - 6) :])
            self.valid = wrong < 3
        elif len(self.all) >= 3 and all(self.all[-3:]):
            self.valid, self.since = True, len(self.all)
        return right and self.valid


@given(st.lists(st.booleans(), max_size=60))
@example([True] * 10 + [False, False, True, False, True, True, True])
def test_it_is_the_plain_model(statuses: list[bool]) -> None:
    message, model = EndToEnd(), PlainModel()
    for status in statuses:
        assert message.take(status) is model.take(status)
        assert message.valid is model.valid


# The alive counter --------------------------------------------------------------------------


def sequence(modulo: int = 16, max_step: int = 3) -> Sequence:
    return Sequence(Counter(Field(0, 4, True), modulo, max_step), CYCLE_S)


@pytest.mark.parametrize("step", range(1, 16))
def test_a_step_larger_than_what_may_be_missing_is_out_of_sequence(step: int) -> None:
    row = sequence()
    assert row.follows(7, 10.0)
    assert not row.repeats((7 + step) % 16, 10.0)
    assert row.follows((7 + step) % 16, 10.0) is (step <= 3)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 15), st.sampled_from([0.0, 0.5, 1.0, 7.0, 14.5, 40.0])), max_size=20),
)
def test_what_is_taken_is_asked_both_at_once(max_step: int, frames: list[tuple[int, float]]) -> None:
    row, other, at_s = sequence(max_step=max_step), sequence(max_step=max_step), 10.0
    for count, cycles in frames:
        at_s += cycles * CYCLE_S
        asked = None if other.repeats(count, at_s) else other.follows(count, at_s)
        assert row.take(count, at_s) is asked


@pytest.mark.parametrize("max_step", [1, 2, 5])
def test_the_greatest_step_is_the_profiles(max_step: int) -> None:
    for step in range(1, 16):
        row = sequence(max_step=max_step)
        row.follows(0, 10.0)
        assert row.follows(step, 10.0) is (step <= max_step)


def test_after_a_gap_any_step_counts_for_which_the_time_was_enough() -> None:
    row = sequence(max_step=1)
    row.follows(0, 10.0)
    assert not row.follows(12, 10.7)
    row = sequence(max_step=1)
    row.follows(0, 10.0)
    assert row.follows(12, 10.8)


def test_an_out_of_sequence_count_is_the_next_ones_measure() -> None:
    row = sequence()
    row.follows(0, 10.0)
    assert not row.follows(9, 10.0)
    assert row.follows(10, 10.0)


def test_the_same_count_is_a_repetition_until_it_may_have_gone_round() -> None:
    row = sequence()
    assert not row.repeats(0, 0.0), "the first is never one"
    row.follows(5, 10.0)
    assert not row.repeats(6, 10.0)
    assert row.repeats(5, nextafter(10.0 + CYCLE_S * 14.5, 0.0))
    row = sequence()
    row.follows(5, 10.0)
    assert not row.repeats(5, 10.0 + CYCLE_S * 14.5 + 1e-9)
    row = sequence(modulo=4)
    row.follows(1, 10.0)
    assert row.repeats(1, 10.2) and not row.repeats(1, 10.5)


def test_a_sender_that_hangs_never_becomes_new() -> None:
    row = sequence()
    row.follows(5, 10.0)
    assert all(row.repeats(5, 10.0 + tenth / 10) for tenth in range(1, 1000))
    assert row.follows(6, 110.0)


class PlainCounter:
    """The same in other words: how many cycles went by, and how far the counter came."""

    def __init__(self, modulo: int, max_step: int) -> None:
        self.modulo, self.max_step = modulo, max_step
        self.last: tuple[int, float] | None = None

    def status(self, count: int, at_s: float) -> str:
        before, self.last = self.last, (count, at_s)
        if before is None:
            return "first"
        cycles = (at_s - before[1]) / CYCLE_S
        step = (count - before[0]) % self.modulo
        if step == 0 and cycles < self.modulo - 1.5:
            return "repeated"
        return "in sequence" if step <= self.max_step + 1.5 * cycles else "out of sequence"


@given(
    st.integers(2, 16),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 15), st.sampled_from([0.0, 0.03, 0.1, 0.37, 1.01, 2.03])), max_size=40),
)
def test_it_is_the_plain_counter(modulo: int, max_step: int, row: list[tuple[int, float]]) -> None:
    tested, model, at_s = sequence(modulo, max_step), PlainCounter(modulo, max_step), 10.0
    for count, later_s in row:
        count, at_s = count % modulo, at_s + later_s
        expected = model.status(count, at_s)
        if tested.repeats(count, at_s):
            assert expected == "repeated"
        else:
            assert tested.follows(count, at_s) is (expected in ("first", "in sequence"))


# A message as it comes in ------------------------------------------------------------------


def speed_frames(count: int) -> list[Frame]:
    talker = Talker(PLAN)
    return [talker.frame(talker.message("Speed"), number * CYCLE_S) for number in range(count)]


def believed(frames: Row[Frame]) -> tuple[list[bool], Decoder]:
    decoder = Decoder(PLAN)
    decoded = [decoder.decode(frame) for frame in frames]
    assert all(each is not None and each.message.name == "Speed" for each in decoded), "present, believed or not"
    assert all(bool(each.readings) is each.believed for each in decoded if each is not None)
    return [each is not None and each.believed for each in decoded], decoder


def corrupt(frame: Frame) -> Frame:
    return frame._replace(data=bytes([frame.data[0] ^ 0x10]) + frame.data[1:])


def test_a_right_frame_of_a_message_that_is_often_wrong_is_untrusted() -> None:
    frames = [corrupt(frame) if place % 2 else frame for place, frame in enumerate(speed_frames(100))]
    counted, decoder = believed(frames)
    assert counted == [True, False] * 2 + [True] + [False] * 95
    assert decoder.faults == {("Speed", Fault.CHECKSUM): 50, ("Speed", Fault.UNTRUSTED): 47}


@pytest.mark.parametrize("seed", range(5))
def test_half_the_frames_corrupt_and_little_is_believed(seed: int) -> None:
    chance = random.Random(seed)
    frames = [corrupt(frame) if chance.random() < 0.5 else frame for frame in speed_frames(2000)]
    counted, decoder = believed(frames)
    assert sum(counted) < 700
    assert sum(decoder.faults.values()) == 2000 - sum(counted)
    sound = set(speed_frames(2000))
    assert all(frame in sound for frame, counts in zip(frames, counted, strict=True) if counts)


@pytest.mark.parametrize("times", [2, 3])
def test_doubled_frames_say_nothing_new_and_nothing_against_their_message(times: int) -> None:
    doubled = [frame for frame in speed_frames(50) for _ in range(times)]
    counted, decoder = believed(doubled)
    assert counted == [place % times == 0 for place in range(len(doubled))]
    assert decoder.faults == {("Speed", Fault.COUNTER): 50 * (times - 1)}


def test_a_hole_of_any_length_costs_no_frame() -> None:
    for missing in range(1, 60):
        frames = speed_frames(80)
        counted, _ = believed(frames[:10] + frames[10 + missing :])
        assert all(counted), missing


def test_two_frames_that_changed_places_cost_one_and_not_the_message() -> None:
    frames = speed_frames(30)
    frames[10], frames[11] = frames[11]._replace(at_s=frames[10].at_s), frames[10]._replace(at_s=frames[11].at_s)
    counted, decoder = believed(frames)
    assert counted.count(False) == 1 and not counted[11]
    assert decoder.faults == {("Speed", Fault.COUNTER): 1}


def test_a_counter_that_jumps_about_is_no_source() -> None:
    plan = PLAN.messages[0]
    assert plan.counter is not None
    payload = speed_frames(1)[0].data
    jumps = [0, 8, 1, 9, 2, 10, 3, 11]
    frames = [
        Frame(place * CYCLE_S, "main", plan.can_id, protect(plan.can_id, payload, (plan.counter, count), plan.checksum))
        for place, count in enumerate(jumps)
    ]
    counted, decoder = believed(frames)
    assert counted == [True] + [False] * 7
    assert decoder.faults == {("Speed", Fault.COUNTER): 7}


def test_a_wrong_length_is_dropped_and_says_nothing_of_the_others() -> None:
    frames = speed_frames(40)
    frames[1::2] = [frame._replace(data=frame.data[:-1]) for frame in frames[1::2]]
    counted, decoder = believed(frames)
    assert counted == [True, False] * 20
    assert decoder.faults == {("Speed", Fault.LENGTH): 20}


def test_time_before_all_time_is_no_repetition() -> None:
    assert not sequence().repeats(0, -inf)
