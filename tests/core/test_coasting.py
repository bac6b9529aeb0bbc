"""The engine off at speed, as a mild hybrid does it: nothing while it rests, and a breakdown when it stays so."""

import pytest

from hardshoulder.core.actions import Finding, State
from hardshoulder.core.vocabulary import Propulsion, Value
from support.cars import Car
from support.driven import Driven, driving

CARS = {
    "says that it rests": Car(Propulsion.COMBUSTION, coasts=True),
    "does not say so": Car(Propulsion.COMBUSTION, coasts=True, rests=False),
    "says neither rest nor readiness": Car(Propulsion.COMBUSTION, coasts=True, rests=False, ready=False),
    "nor torque": Car(Propulsion.COMBUSTION, coasts=True, rests=False, ready=False, torque=False),
    "hybrid": Car(Propulsion.HYBRID, coasts=True),
    "hybrid that does not say so": Car(Propulsion.HYBRID, coasts=True, rests=False),
}
SPEEDS_KPH = (60.0, 130.0)
RESTS: dict[str, Value] = {"engine_speed": 0.0, "engine_running": False, "engine_rests": True, "drive_torque": 0.0}
RUNS: dict[str, Value] = {"engine_speed": 2000.0, "engine_running": True, "engine_rests": False}
EVERY_CAR = pytest.mark.parametrize("name", CARS)


def coasting(name: str, kph: float) -> Driven:
    """A car whose engine has been off for half a minute, 12 V healthy and no foot on the pedal."""
    driven = driving(CARS[name].plan, kph, seconds=3)
    driven.say(pedal_position=0.0)
    driven.run(1)
    driven.say(**RESTS, supply_voltage=12.6)
    for second in range(30):
        driven.say(speed=kph - 0.2 * second)
        driven.run(1)
    return driven


@EVERY_CAR
@pytest.mark.parametrize("kph", SPEEDS_KPH)
@pytest.mark.parametrize("start_s", [0.3, 1.4])
def test_an_engine_that_comes_back_with_the_pedal_has_not_stopped(name: str, kph: float, start_s: float) -> None:
    """1.5 s is the longest start of an engine that rested."""
    driven = coasting(name, kph)
    assert not driven.incidents
    driven.say(pedal_position=40.0)
    driven.run(start_s)
    driven.say(**RUNS, drive_torque=300.0, supply_voltage=14.2)
    driven.run(3)
    assert not driven.incidents and driven.is_in(State.DRIVING)


@EVERY_CAR
def test_the_same_engine_that_does_not_come_back_is_a_breakdown(name: str) -> None:
    driven = coasting(name, 120.0)
    driven.say(pedal_position=80.0, engine_rests=False, drive_ready=False)
    for second in range(8):
        driven.say(speed=114.0 - 4.0 * second)
        driven.run(1)
    assert driven.incident.kind in (
        Finding.ENGINE_STOPPED, Finding.NO_TORQUE, Finding.DRIVE_NOT_READY, Finding.NO_DRIVE,
    )  # fmt: skip
