"""Who counts as driving, which status is the older, and how many silent cars are an outage."""

import pytest

from hardshoulder.core.actions import State
from hardshoulder_fleet.core.checkin import CheckIn, Happening, next_step, wants_help
from hardshoulder_fleet.core.contact import (
    UNDER_WAY,
    Moving,
    Stamp,
    is_older,
    is_outage,
    moving,
    went_together,
)
from support.desks import after

NOW = after(0)


def test_the_states_on_the_move_are_words_of_the_car() -> None:
    assert {state.value for state in State} > UNDER_WAY


@pytest.mark.parametrize(
    ("state", "speed_kph", "expected"),
    [
        (State.DRIVING, 110.0, 110.0),
        (State.SUSPECT, 80.0, 80.0),
        (State.ROLLING, 15.1, 15.1),
        (State.DRIVING, 15.0, None),
        (State.DRIVING, 0.0, None),
        (State.PARKED, 110.0, None),
        (State.STRANDED, 0.0, None),
        (State.CLOSED, 60.0, None),
    ],
)
def test_driving_is_a_state_and_a_speed(state: State, speed_kph: float, expected: float | None) -> None:
    found = moving(Moving(50.0, NOW), state.value, speed_kph, NOW, 15.0)
    assert (found and found.speed_kph) == expected


@pytest.mark.parametrize(("seconds", "counts"), [(1, True), (60, True), (60.1, False)])
def test_a_car_that_loses_its_speed_first_was_fast_a_moment_ago(seconds: float, counts: bool) -> None:
    before = Moving(110.0, NOW)
    assert moving(before, "suspect", None, after(seconds), 15.0) == (before if counts else None)
    assert moving(None, "suspect", None, after(seconds), 15.0) is None
    assert moving(before, "parked", None, after(seconds), 15.0) is None


@pytest.mark.parametrize(
    ("said", "said_trusted", "known", "known_trusted", "older"),
    [
        (-5, True, 0, True, True),
        (0, True, 0, True, False),
        (5, True, 0, True, False),
        (-5, False, 0, True, False),
        (-5, True, 0, False, False),
        (-(10**9), False, 0, False, False),
        # A stamp from the future, trusted or not, makes nobody unheard.
        (0, True, 10**9, True, False),
        (0, True, 61, True, False),
        (0, True, 60, True, True),
    ],
)
def test_arrival_decides_unless_two_good_clocks_say_otherwise(
    said: float, said_trusted: bool, known: float, known_trusted: bool, older: bool
) -> None:
    assert is_older(Stamp(after(said), said_trusted), Stamp(after(known), known_trusted), NOW) is older


@pytest.mark.parametrize(
    ("gone", "connected", "expected"),
    [(1, 1, False), (2, 2, False), (3, 5, True), (3, 6, False), (10, 100, False), (11, 1000, True), (11, 12, True)],
)
def test_too_many_at_once_are_an_outage(gone: int, connected: int, expected: bool) -> None:
    assert is_outage(gone, connected, 10) is expected


def test_together_is_within_a_minute() -> None:
    missed = [after(seconds) for seconds in (0, 60, 119, 121, 500)]
    assert [went_together(missed, one) for one in missed] == [2, 3, 3, 2, 1]


@pytest.mark.parametrize("before", CheckIn)
def test_a_car_that_speaks_again_ends_no_wish_for_help(before: CheckIn) -> None:
    assert next_step(before, Happening.CAR_HEARD, help_wanted=True) is before
    assert next_step(before, Happening.CAR_HEARD, tow_open=True) is before


def test_she_wants_help_from_her_word_until_she_is_safe() -> None:
    assert not wants_help(False, CheckIn.ASKED)
    assert not wants_help(False, CheckIn.ESCALATED)
    assert wants_help(False, CheckIn.TOW_WANTED)
    assert wants_help(False, CheckIn.EMERGENCY)
    assert wants_help(True, CheckIn.ESCALATED)
    assert not wants_help(True, CheckIn.SAFE)
