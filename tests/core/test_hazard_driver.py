"""The hazard lights and the driver: her switch, her stalk, her own lamps; and lamps that fail."""

from dataclasses import replace

import pytest

from core.test_hazard import Car, asked, flashing
from hardshoulder.core.actions import HazardState
from hardshoulder.core.hazard import RENEWALS
from hardshoulder.core.plan import CommandStyle, Readback
from hardshoulder.core.vocabulary import Vss
from support.plain import each
from support.talker import reference_plan

PLAN = reference_plan()
NO_SWITCH = each(PLAN, lambda m: replace(m, signals=tuple(s for s in m.signals if s.vss is not Vss.HAZARD_SWITCH)))


# A press of the switch ------------------------------------------------------------------------


def test_a_press_that_ends_them_is_obeyed() -> None:
    car = flashing()
    car.status, sent = False, len(car.frames)
    car.press()
    assert car.shows(HazardState.RELEASED) and car.hazard.overruled
    assert car.frames[sent:][-3:] == [2, 2, 2]
    car.run(60)
    assert car.frames[-3:] == [2, 2, 2] and len(car.frames) <= sent + 4


def test_after_a_real_off_they_are_not_asked_for_until_a_crash() -> None:
    car = flashing()
    car.status = False
    car.press()
    sent = len(car.frames)
    car.hazard.request(car.now_s)
    car.run(5)
    assert car.shows(HazardState.RELEASED) and len(car.frames) == sent
    car.hazard.request(car.now_s, crash=True)
    car.run(0.2)
    assert car.shows(HazardState.REQUESTED) and car.frames[-1] == 1 and not car.hazard.overruled


def test_after_a_real_off_they_are_asked_for_when_the_car_has_driven_on() -> None:
    car = flashing()
    car.status = False
    car.press()
    car.hazard.release(car.now_s)
    car.hazard.drove_on()
    car.hazard.request(car.now_s)
    assert car.shows(HazardState.REQUESTED)


@pytest.mark.parametrize("after_s", [0.1, 1.0, 1.9])
def test_a_press_soon_after_they_came_on_means_on(after_s: float) -> None:
    car = flashing(for_s=after_s)
    car.press()
    car.run(3)
    assert car.shows(HazardState.CONFIRMED) and not car.hazard.overruled
    assert car.frames[-1] == 1


def test_two_seconds_after_they_came_on_a_press_means_off() -> None:
    car = flashing(for_s=2.0)
    car.press()
    assert car.hazard.overruled


@pytest.mark.parametrize("style", CommandStyle)
def test_a_reflex_that_switched_them_off_is_made_good(style: CommandStyle) -> None:
    car = flashing(style, for_s=1.0)
    sent = len(car.frames)
    car.status = False
    car.press()
    car.run(1.5)
    anew = car.frames[sent:]
    assert anew[-1] == 1
    assert (2 in anew) is (style is not CommandStyle.TOGGLE), "the body controller sees an edge"
    car.status = True
    car.run(1)
    assert car.shows(HazardState.CONFIRMED)


def test_after_the_reflex_the_next_press_means_off() -> None:
    car = flashing(for_s=0.5)
    car.press()
    car.press()
    assert car.hazard.overruled


@pytest.mark.parametrize("style", CommandStyle)
def test_lamps_that_she_wanted_on_are_not_ours_to_take_back(style: CommandStyle) -> None:
    car = flashing(style, for_s=0.5)
    car.press()
    car.run(1)
    sent = len(car.frames)
    car.hazard.release(car.now_s)
    car.run(5)
    assert car.frames[sent:] == [], "nothing is said, so that only our own request ends"


def test_a_press_for_lamps_that_did_not_come_on_means_on() -> None:
    car = asked()
    car.run(1)
    assert car.shows(HazardState.UNCONFIRMED)
    car.press()
    car.press()
    assert car.shows(HazardState.UNCONFIRMED) and not car.hazard.overruled
    car.status = True
    car.run(0.1)
    assert car.shows(HazardState.CONFIRMED)


def test_where_nobody_sees_the_lamps_the_first_press_is_for_on_and_the_next_for_off() -> None:
    car = asked(readback=Readback.NONE)
    car.run(10)
    car.press()
    assert not car.hazard.overruled
    car.press()
    assert car.hazard.overruled


def test_a_toggle_that_her_own_hand_flipped_is_not_flipped_back() -> None:
    car = flashing(CommandStyle.TOGGLE)
    sent = len(car.frames)
    car.status = False
    car.press()
    car.run(5)
    assert car.hazard.overruled and car.frames[sent:] == []


def test_a_switch_that_is_first_heard_pressed_or_after_a_silence_is_no_edge() -> None:
    car = flashing()
    car.silent = True
    car.run(1)
    car.silent, car.pressed = False, True
    car.run(1)
    assert not car.hazard.overruled


# Her own lamps --------------------------------------------------------------------------------


def drivers() -> Car:
    car = Car(CommandStyle.LEVEL, Readback.STATUS)
    car.status = True
    car.run(1)
    car.hazard.request(car.now_s)
    assert car.shows(HazardState.DRIVERS)
    return car


def test_her_own_lamps_end_by_her_own_switch() -> None:
    car = drivers()
    car.status = False
    car.press()
    car.run(10)
    assert car.shows(HazardState.RELEASED) and car.hazard.overruled and car.frames == []


def test_her_own_lamps_that_go_dark_by_themselves_are_asked_for() -> None:
    car = drivers()
    car.status = False
    car.run(0.9)
    assert car.frames == []
    car.run(0.3)
    assert car.shows(HazardState.REQUESTED) and car.frames[-1] == 1


def test_where_no_switch_is_heard_her_lamps_that_go_dark_stay_hers() -> None:
    car = Car(CommandStyle.LEVEL, Readback.STATUS, NO_SWITCH)
    car.status = True
    car.run(1)
    car.hazard.request(car.now_s)
    car.status = False
    car.run(10)
    assert car.shows(HazardState.DRIVERS) and car.frames == []


@pytest.mark.parametrize("how", ["refused", "overruled"])
def test_lamps_that_she_switches_on_herself_are_hers(how: str) -> None:
    car = flashing()
    if how == "refused":
        car.hazard.refuse(car.now_s)
    else:
        car.press()
    car.status = False
    car.run(1)
    sent = len(car.frames)
    car.status = True
    car.press()
    assert car.shows(HazardState.DRIVERS) and not car.hazard.overruled
    car.run(5)
    assert len(car.frames) == sent


# Lamps that fail ------------------------------------------------------------------------------


def test_a_silent_readback_ends_nothing() -> None:
    car = flashing()
    car.silent, sent = True, len(car.frames)
    car.run(60)
    assert car.shows(HazardState.CONFIRMED)
    assert set(car.frames[sent:]) == {1} and len(car.frames) - sent >= 599


def test_lamps_that_go_dark_are_asked_for_anew_a_few_times_and_never_given_up() -> None:
    car = flashing()
    sent = len(car.frames)
    car.status = False
    car.run(1.2)
    assert car.shows(HazardState.REQUESTED)
    car.run(30)
    assert car.shows(HazardState.UNCONFIRMED)
    assert car.frames[sent:].count(2) == RENEWALS
    assert car.frames[-100:] == [1] * 100
    assert car.states[-2:] == ["requested", "unconfirmed"]


def test_a_short_darkness_is_none() -> None:
    car = flashing()
    for _ in range(20):
        car.status = False
        car.run(0.9)
        car.status = True
        car.run(0.5)
    assert car.shows(HazardState.CONFIRMED) and 2 not in car.frames


@pytest.mark.parametrize("style", [CommandStyle.PULSE, CommandStyle.TOGGLE])
@pytest.mark.parametrize("seen_first", [False, True])
def test_a_pulse_or_toggle_is_never_repeated_blindly(style: CommandStyle, seen_first: bool) -> None:
    car = flashing(style) if seen_first else asked(style)
    car.status = False
    car.run(60)
    assert car.shows(HazardState.UNCONFIRMED) and car.frames == [1, 1, 1]


def test_a_level_whose_lamps_never_came_is_renewed_only_while_they_are_seen_dark() -> None:
    car = asked()
    car.run(0.6)
    car.silent = True
    car.run(30)
    assert 2 not in car.frames[:-1] and car.shows(HazardState.UNCONFIRMED)
    car.silent = False
    car.run(5)
    assert car.frames.count(2) == RENEWALS


@pytest.mark.parametrize(("rate", "seen"), [(40, False), (60, True), (120, True), (180, False)])
def test_only_lawful_flashing_confirms(rate: int, seen: bool) -> None:
    car = asked(readback=Readback.LAMPS)
    car.flashes_per_minute = rate
    car.run(2.6)
    assert car.shows(HazardState.CONFIRMED) is seen


def test_lamps_that_are_read_go_dark_too() -> None:
    car = asked(readback=Readback.LAMPS)
    car.flashes_per_minute = 90
    car.run(5)
    car.flashes_per_minute = None
    car.run(2.5)
    assert car.shows(HazardState.REQUESTED)
    car.run(3)
    assert car.shows(HazardState.UNCONFIRMED)


# The indicator stalk --------------------------------------------------------------------------


@pytest.mark.parametrize("style", [CommandStyle.LEVEL, CommandStyle.PULSE])
def test_the_stalk_suspends_what_masks_it(style: CommandStyle) -> None:
    car = flashing(style, masks_indicators=True)
    sent = len(car.frames)
    car.stalk, car.status = "RIGHT", False
    car.run(5)
    assert car.frames[sent:] == [2, 2, 2] and car.shows(HazardState.REQUESTED)
    car.stalk = "NEUTRAL"
    car.run(0.3)
    assert car.frames[-2:] == [1, 1]
    car.status = True
    car.run(0.3)
    assert car.shows(HazardState.CONFIRMED)


def test_a_stalk_that_was_forgotten_keeps_no_car_dark() -> None:
    car = flashing(masks_indicators=True)
    car.stalk = "LEFT"
    car.run(29.9)
    assert car.frames[-1] == 2
    car.run(0.3)
    assert car.frames[-1] == 1
    car.run(60)
    assert car.frames[-1] == 1, "it has to come back before it counts again"
    car.stalk = "NEUTRAL"
    car.run(1)
    car.stalk = "LEFT"
    car.run(1)
    assert car.frames[-1] == 2


def test_a_stalk_that_is_not_heard_any_more_suspends_nothing() -> None:
    car = flashing(masks_indicators=True)
    car.stalk = "LEFT"
    car.run(1)
    car.silent = True
    car.run(2)
    assert car.frames[-1] == 1


def test_where_hazards_mask_nothing_the_stalk_is_only_a_stalk() -> None:
    car = flashing()
    car.stalk = "LEFT"
    car.run(5)
    assert set(car.frames) == {1} and car.shows(HazardState.CONFIRMED)
