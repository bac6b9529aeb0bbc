"""Wheels that show more speed than a car can have reached."""

from math import nextafter

import pytest

from hardshoulder.core.actions import Finding
from hardshoulder.core.motion import Earned
from hardshoulder.core.vocabulary import Vss
from support.bench import Bench
from support.driven import driving
from support.plain import plain_car

COMBUSTION = plain_car()
LEAN = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED, Vss.PEDAL_POSITION}))


def rising(kph_per_s: float, seconds: float = 1.0) -> Earned:
    earned = Earned()
    for step in range(round(seconds * 50) + 1):
        earned.update(kph_per_s * step / 50, 10.0 + step / 50)
    return earned


@pytest.mark.parametrize(("kph_per_s", "spins"), [(10.0, False), (25.0, False), (30.9, False), (31.2, True)])
def test_no_car_gets_faster_like_a_wheel_on_ice(kph_per_s: float, spins: bool) -> None:
    """25 km/h in a second, and a margin of 6."""
    assert rising(kph_per_s).spins is spins


@pytest.mark.parametrize("kph", [31.0, nextafter(31.0, 32.0)])
def test_the_margin_is_sharp(kph: float) -> None:
    earned = Earned()
    earned.update(0.0, 10.0)
    earned.update(kph, 11.0)
    assert earned.spins is (kph > 31.0)


def test_a_wheel_that_grips_again_is_believed_at_once() -> None:
    earned = rising(60.0)
    earned.update(32.0, 11.02)
    assert earned.spins, "25.5 so far"
    earned.update(20.0, 11.04)
    assert not earned.spins


def test_a_car_that_goes_on_as_fast_has_reached_it_in_the_end() -> None:
    earned = rising(60.0)
    for step in range(1, 100):
        earned.update(60.0, 11.0 + step / 50)
    assert not earned.spins


def test_a_speed_that_is_new_is_believed() -> None:
    earned = rising(60.0)
    earned.update(None, 11.0)
    assert not earned.spins
    earned.update(120.0, 11.02)
    assert not earned.spins


def test_nobody_knows_how_fast_a_car_goes_whose_wheels_spin() -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=0.0)
    for tenth in range(1, 6):
        bench.say(10.0 + tenth / 10, speed=8.0 * tenth)
    assert bench.car.moving_kph(10.5) is None
    assert bench.senses.motion_kph(10.5) == 40.0
    bench.car.forget()
    assert bench.car.moving_kph(10.5) == 40.0


@pytest.mark.parametrize(("seconds", "found"), [(0.8, False), (8.0, True)])
def test_an_engine_that_starts_while_the_wheels_spin_has_not_stopped_in_motion(seconds: float, found: bool) -> None:
    """As at the lights, on ice: the wheels are at 60 km/h before the engine turns."""
    driven = driving(LEAN, 60.0)
    driven.say(speed=0.0)
    driven.run(2)
    driven.say(engine_speed=0.0)
    for step in range(1, 21):
        driven.say(speed=3.0 * step)
        driven.run(seconds / 20)
    driven.run(0.4)
    assert [incident.kind for incident in driven.incidents] == ([Finding.ENGINE_STOPPED] if found else [])
