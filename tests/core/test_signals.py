"""Three-valued senses: fresh, stale, never; and what follows from them together."""

from math import inf, nextafter

import pytest

from hardshoulder.core.signals import MOTION_BRIDGE_S, Freshness, Senses, SpeedFilter
from hardshoulder.core.vocabulary import Vss
from support.talker import reference_plan


def senses(propulsion: str = "combustion") -> Senses:
    return Senses(reference_plan(propulsion))


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


@pytest.mark.parametrize(
    ("propulsion", "readings", "alive"),
    [
        ("combustion", {}, None),
        ("combustion", {Vss.ENGINE_SPEED: 800.0}, True),
        ("combustion", {Vss.ENGINE_SPEED: 0.0}, False),
        ("combustion", {Vss.ENGINE_RUNNING: True}, True),
        ("combustion", {Vss.ENGINE_RUNNING: True, Vss.ENGINE_SPEED: 0.0}, None),
        ("combustion", {Vss.ENGINE_SPEED: 800.0, Vss.POWER_STATE: "OFF"}, False),
        ("combustion", {Vss.ENGINE_SPEED: 800.0, Vss.POWER_STATE: "ON"}, True),
        ("electric", {Vss.POWER_CONNECTED: True}, True),
        ("electric", {Vss.POWER_CONNECTED: True, Vss.DRIVE_READY: False}, False),
        ("electric", {}, None),
        ("hybrid", {Vss.ENGINE_SPEED: 0.0, Vss.POWER_CONNECTED: True}, True),
        ("hybrid", {Vss.ENGINE_SPEED: 900.0, Vss.POWER_CONNECTED: False}, True),
        ("hybrid", {Vss.ENGINE_SPEED: 0.0, Vss.POWER_CONNECTED: False}, False),
        ("hybrid", {Vss.ENGINE_SPEED: 0.0}, None),
        ("hybrid", {Vss.POWER_CONNECTED: True, Vss.DRIVE_READY: False}, False),
    ],
)
def test_whether_the_drive_lives(propulsion: str, readings: dict[Vss, bool | float | str], alive: bool | None) -> None:
    known = senses(propulsion)
    for vss, value in readings.items():
        known.update(vss, value, 1.0)
    assert known.drive_alive(1.0) is alive


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
