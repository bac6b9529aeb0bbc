"""Three-valued senses: fresh, stale, never; and what follows from them together."""

from dataclasses import replace
from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.signals import (
    JUMP_KPH_PER_S,
    JUMP_MARGIN_KPH,
    MOTION_BRIDGE_S,
    Freshness,
    Senses,
    SpeedFilter,
)
from hardshoulder.core.vocabulary import Propulsion, Vss
from support.plain import on_second_bus, plain_car, with_cycles


def senses(propulsion: str = "combustion") -> Senses:
    return Senses(plain_car(Propulsion(propulsion)))


def test_never_fresh_stale() -> None:
    known = senses()
    assert known.freshness(Vss.SUPPLY_VOLTAGE, 0.0) is Freshness.NEVER
    known.update(Vss.SUPPLY_VOLTAGE, 12.5, 1.0)
    stale_s = 1.0 + known.signals[Vss.SUPPLY_VOLTAGE].stale_after_s
    assert known.freshness(Vss.SUPPLY_VOLTAGE, nextafter(stale_s, -inf)) is Freshness.FRESH
    assert known.freshness(Vss.SUPPLY_VOLTAGE, stale_s) is Freshness.STALE
    assert known.value(Vss.SUPPLY_VOLTAGE, stale_s) is None
    assert known.next_expiry(1.0) == stale_s


def test_a_signal_the_car_does_not_map_was_never_seen() -> None:
    assert senses().freshness(Vss.POWER_CONNECTED, 0.0) is Freshness.NEVER
    assert senses().value(Vss.POWER_CONNECTED, 0.0) is None


def test_motion_bridges_a_short_silence_only() -> None:
    known = senses()
    known.update(Vss.SPEED, 90.0, 1.0)
    assert known.motion_kph(nextafter(1.0 + MOTION_BRIDGE_S, -inf)) == 90.0
    assert known.motion_kph(1.0 + MOTION_BRIDGE_S) is None
    assert known.last_speed_kph() == 90.0


def test_backwards_is_moving() -> None:
    known = senses()
    known.update(Vss.SPEED, -12.0, 1.0)
    assert known.motion_kph(1.0) == 12.0


def test_forgetting_makes_everything_stale_but_keeps_what_was_last() -> None:
    known = senses()
    known.update(Vss.SPEED, 90.0, 1.0)
    known.update(Vss.LATITUDE, 48.0, 1.0)
    known.forget()
    assert known.motion_kph(1.0) is None
    assert known.freshness(Vss.LATITUDE, 1.0) is Freshness.STALE
    assert known.last_speed_kph() == 90.0 and known.signals[Vss.LATITUDE].seen_s == 1.0


@pytest.mark.parametrize(
    ("speeds", "believed"),
    [
        ([100.0, 99.0, 98.5], [True, True, True]),
        ([100.0, 0.0, 98.5], [True, False, True]),
        ([100.0, 0.0, 0.0, 0.0], [True, False, True, True]),
        ([0.0, 327.66, 511.9, 0.0], [True, False, False, True]),
        ([0.0, 196.0, 0.0], [True, False, True]),
    ],
)
def test_an_impossible_speed_has_to_be_said_twice(speeds: list[float], believed: list[bool]) -> None:
    judge = SpeedFilter()
    assert [judge.accepts(speed, 0.02 * number) for number, speed in enumerate(speeds)] == believed


def test_a_slow_logger_does_not_make_braking_impossible() -> None:
    judge = SpeedFilter()
    assert all(judge.accepts(speed, at_s) for speed, at_s in ((80.0, 0.0), (60.0, 0.6), (38.0, 1.2)))


@pytest.mark.parametrize("change_kph", [6.0, 11.0, nextafter(11.0, 12.0), -11.0, nextafter(-11.0, -12.0), 60.0])
def test_how_fast_a_car_can_change_its_speed(change_kph: float) -> None:
    judge = SpeedFilter()
    assert judge.accepts(0.0, 8.0)
    assert judge.accepts(change_kph, 8.125) is (abs(change_kph) <= 11.0)
    assert (JUMP_KPH_PER_S, JUMP_MARGIN_KPH, MOTION_BRIDGE_S) == (40.0, 6.0, 2.0)


@pytest.mark.parametrize("again_kph", [200.0, 205.5, 206.0, nextafter(206.0, 207.0), 194.0, nextafter(194.0, 0.0)])
def test_said_twice_is_nearly_the_same_twice(again_kph: float) -> None:
    judge = SpeedFilter()
    assert judge.accepts(0.0, 0.0) and not judge.accepts(200.0, 0.0)
    assert judge.accepts(again_kph, 0.0) is (194.0 <= again_kph <= 206.0)


def test_a_speed_that_was_believed_in_between_makes_the_impossible_one_new() -> None:
    judge = SpeedFilter()
    assert [judge.accepts(kph, 0.0) for kph in (0.0, 200.0, 1.0, 200.0, 200.0)] == [True, False, True, False, True]


def test_an_impossible_speed_is_no_reading() -> None:
    known = senses()
    assert known.update(Vss.SPEED, 50.0, 1.0) is True
    assert known.update(Vss.SPEED, 500.0, 1.1) is False
    assert (known.signals[Vss.SPEED].value, known.signals[Vss.SPEED].samples) == (50.0, 1)
    assert known.update(Vss.GNSS_SPEED, 500.0, 1.1) is True, "only the car's own speed is filtered"


# What was heard, and when ---------------------------------------------------------------------

PLAN = plain_car()
ENGINE = next(message for message in PLAN.messages if message.name == "Engine")


def test_a_message_comes_back_when_it_was_overdue() -> None:
    known = Senses(PLAN)
    hearing = known.hearing["Engine"]
    assert known.bus_heard_s == {"main": -inf}
    assert (hearing.overdue_after_s, hearing.present_s, hearing.believed_s, hearing.back_s) == (0.5, -inf, -inf, -inf)
    known.heard(ENGINE, 1.0, believed=False)
    assert (hearing.present_s, hearing.believed_s, hearing.back_s) == (1.0, -inf, 1.0)
    known.heard(ENGINE, nextafter(1.5, 0.0), believed=True)
    assert hearing.believed_s == hearing.present_s == nextafter(1.5, 0.0) and hearing.back_s == 1.0
    known.heard(ENGINE, 2.0, believed=True)
    assert hearing.back_s == 2.0
    known.heard(ENGINE, 2.5, believed=True)
    assert hearing.back_s == 2.5, "overdue from the very moment"
    assert known.bus_heard_s == {"main": 2.5}


def test_a_message_without_signals_is_overdue_after_four_cycles() -> None:
    bare = replace(ENGINE, signals=(), name="Bare")
    assert Senses(replace(PLAN, messages=(bare,))).hearing["Bare"].overdue_after_s == 4 * bare.cycle_s


def test_a_message_is_overdue_with_its_most_patient_signal() -> None:
    first, *others = ENGINE.signals
    patient = replace(ENGINE, signals=(replace(first, stale_after_s=3.0), *others))
    assert Senses(replace(PLAN, messages=(patient,))).hearing["Engine"].overdue_after_s == 3.0


def test_a_signal_that_is_heard_again_is_news_once() -> None:
    known = senses()
    assert known.revived is False
    known.update(Vss.SUPPLY_VOLTAGE, 12.0, 1.0)
    assert known.revived is True
    known.revived = False
    known.update(Vss.SUPPLY_VOLTAGE, 12.0, nextafter(1.5, 0.0))
    assert known.revived is False
    known.update(Vss.SUPPLY_VOLTAGE, 12.0, 2.0)
    assert known.revived is True
    known.revived = False
    known.update(Vss.SUPPLY_VOLTAGE, 12.0, 2.5)
    assert known.revived is True, "stale from the very moment"


def test_when_a_signal_last_said_something_else() -> None:
    known = senses()
    sense = known.signals[Vss.MALFUNCTION]
    assert (sense.at_s, sense.seen_s, sense.changed_s, sense.samples) == (-inf, -inf, -inf, 0)
    for at_s, lit in ((1.0, True), (2.0, True)):
        known.update(Vss.MALFUNCTION, lit, at_s)
    assert sense.changed_s == -inf, "nobody saw it come on"
    known.update(Vss.MALFUNCTION, False, 3.0)
    known.update(Vss.MALFUNCTION, False, 4.0)
    assert (sense.changed_s, sense.at_s, sense.seen_s, sense.samples) == (3.0, 4.0, 4.0, 4)


def test_the_same_number_said_again_is_no_change() -> None:
    known = senses()
    for text in ("900.5", "900.5", "900.5"):
        known.update(Vss.ENGINE_SPEED, float(text), 1.0)
    assert known.signals[Vss.ENGINE_SPEED].changed_s == -inf


def heard_on_two_buses() -> Senses:
    """A car that said everything it has a quarter of a second after its clock began."""
    known = Senses(on_second_bus(PLAN, "Speed", "Power"))
    for message in known.plan.messages:
        known.heard(message, 0.25, believed=True)
        for signal in message.signals:
            known.update(signal.vss, 0.0, 0.25)
    return known


ON_BODY = {Vss.SPEED, Vss.BRAKE_PRESSED, Vss.BRAKE_FAILING, Vss.POWER_STATE, Vss.IGNITION_SWITCH}
BODY = "".join(("bo", "dy"))
"""The name of the second bus as somebody else read it: equal, and another object."""


@pytest.mark.parametrize("lost", ["main", BODY])
def test_a_lost_bus_takes_its_own_messages_along(lost: str) -> None:
    known = heard_on_two_buses()
    known.lose_bus("a bus of which the profile knows nothing")
    known.lose_bus(lost)
    assert known.bus_heard_s == {"main": 0.25, "body": 0.25} | {lost: -inf}
    gone = ON_BODY if lost == "body" else set(known.signals) - ON_BODY
    assert {vss for vss in known.signals if known.freshness(vss, 0.25) is Freshness.STALE} == gone
    times_s = {name: (hearing.present_s, hearing.believed_s) for name, hearing in known.hearing.items()}
    silent, heard = ("Power", "Engine") if lost == "body" else ("Engine", "Power")
    assert (times_s[silent], times_s[heard]) == ((-inf, -inf), (0.25, 0.25))


def test_a_hole_takes_everything_along() -> None:
    known = Senses(PLAN)
    known.heard(ENGINE, 1.0, believed=True)
    known.update(Vss.SPEED, 100.0, 1.0)
    known.forget()
    assert (known.hearing["Engine"].present_s, known.hearing["Engine"].believed_s) == (-inf, -inf)
    assert known.bus_heard_s == {"main": -inf}
    assert known.update(Vss.SPEED, 0.0, 1.0), "whatever the speed is now, it can be"


@pytest.mark.parametrize(("value", "truth"), [(True, True), (False, False), (1.0, False), ("ON", False)])
def test_truth_and_number(value: bool | float | str, truth: bool) -> None:
    known = senses()
    known.update(Vss.DRIVE_READY, value, 1.0)
    assert known.truth(Vss.DRIVE_READY, 1.0) is truth
    assert known.truth(Vss.DRIVE_READY, 1.5) is None and known.number(Vss.DRIVE_READY, 1.5) is None
    known.update(Vss.ENGINE_SPEED, 1, 1.0)
    assert repr(known.number(Vss.ENGINE_SPEED, 1.0)) == "1.0"


def test_a_car_without_speed_has_no_last_speed() -> None:
    assert senses().last_speed_kph() is None
    assert Senses(plain_car(only=frozenset({Vss.ENGINE_SPEED}))).last_speed_kph() is None
    known = senses()
    known.update(Vss.SPEED, -3.0, 1.0)
    assert known.last_speed_kph() == 3.0


@pytest.mark.parametrize(("cycle_s", "bridge_s"), [(0.1, 2.0), (0.4, 2.0), (0.5, 2.5), (1.0, 5.0)])
def test_a_slow_speed_is_bridged_for_longer_than_it_counts(cycle_s: float, bridge_s: float) -> None:
    known = Senses(with_cycles(PLAN, {"Speed": cycle_s}))
    known.update(Vss.SPEED, 50.0, 3.0)
    until_s = 3.0 + bridge_s
    assert known.motion_kph(nextafter(until_s, 0.0)) == 50.0 and known.motion_kph(until_s) is None
    stale_s = 3.0 + known.signals[Vss.SPEED].stale_after_s
    assert [known.next_expiry(now_s) for now_s in (3.0, stale_s, until_s)] == [stale_s, until_s, inf]


@given(
    st.lists(st.tuples(st.sampled_from([Vss.SPEED, Vss.ENGINE_SPEED, Vss.LATITUDE]), st.floats(0.0, 0.7)), max_size=30)
)
def test_the_next_expiry_is_never_after_the_true_one(row: list[tuple[Vss, float]]) -> None:
    known, now_s = Senses(PLAN), 1.0
    for vss, later_s in row:
        now_s += later_s
        known.update(vss, 50.0, now_s)
        ages = [sense.at_s + sense.stale_after_s for sense in known.signals.values()]
        ages.append(known.signals[Vss.SPEED].at_s + 2.0)
        true_s = min((age for age in ages if age > now_s), default=inf)
        assert now_s < known.next_expiry(now_s) <= true_s


def test_the_expiry_of_the_bridge_is_the_last() -> None:
    known = Senses(PLAN)
    assert known.next_expiry(0.0) == inf
    known.update(Vss.SPEED, 50.0, 1.0)
    known.update(Vss.ENGINE_SPEED, 900.0, 1.2)
    assert [known.next_expiry(now_s) for now_s in (1.2, 1.5, 1.7, 3.0)] == [1.5, 1.7, 3.0, inf]
    without = Senses(plain_car(only=frozenset({Vss.ENGINE_SPEED})))
    without.update(Vss.ENGINE_SPEED, 900.0, 1.0)
    assert [without.next_expiry(now_s) for now_s in (1.0, 1.5)] == [1.5, inf]


def test_the_next_expiry_is_looked_for_anew_only_when_it_is_reached() -> None:
    known = Senses(PLAN)
    for at_s in (1.0, 1.25):
        known.update(Vss.SUPPLY_VOLTAGE, 12.0, at_s)
    assert [known.next_expiry(now_s) for now_s in (1.25, nextafter(1.5, 0.0), 1.5)] == [1.5, 1.5, 1.75]
