"""Wheels that others contradict: what is doubted, from when on, and what is believed all the same."""

from math import nextafter

import pytest

from hardshoulder.core.vocabulary import Value, Vss
from support.bench import Bench
from support.plain import plain_car

COMBUSTION = plain_car()
WHEELS_KPH = {"wheel_front_left": 60.0, "wheel_front_right": 60.0, "wheel_rear_left": 60.0, "wheel_rear_right": 60.0}


def rolling(until_s: float, **values: Value) -> Bench:
    """60 km/h by its speed, from 10 s on, while something else says otherwise."""
    bench, at_s = Bench(COMBUSTION), 10.0
    said: dict[str, Value] = {"speed": 60.0, "gnss_speed": 60.0, "selected_gear": "DRIVE", **WHEELS_KPH, **values}
    while at_s <= until_s:
        bench.say(at_s, **said)
        at_s = round(at_s + 0.25, 2)
    return bench


DOUBTS: dict[str, dict[str, Value]] = {
    "dynamometer": {"gnss_speed": 0.0},
    "nearly none by satellites": {"gnss_speed": nextafter(5.0, 0.0)},
    "front axle stands": {"wheel_front_left": 0.0, "wheel_front_right": 4.99},
    "rear axle stands": {"wheel_rear_left": -4.99, "wheel_rear_right": 0.0},
    "park": {"selected_gear": "PARK"},
}


@pytest.mark.parametrize("name", DOUBTS)
def test_wheels_that_others_contradict_are_doubted_after_a_while(name: str) -> None:
    car = rolling(11.5, **DOUBTS[name]).car
    assert car.moving_kph(nextafter(11.5, 0.0)) == 60.0
    assert car.moving_kph(11.5) is None
    assert car.senses.motion_kph(11.5) == 60.0
    # The deadline wakes the judges, and no other silence comes before it.
    assert rolling(11.25, **DOUBTS[name]).car.next_silence(11.25) == 11.5


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"gnss_speed": 5.0},
        {"wheel_front_left": 0.0},
        {"wheel_front_left": 5.0, "wheel_front_right": 0.0},
        {"wheel_rear_left": -5.0, "wheel_rear_right": 0.0},
        {"selected_gear": "NEUTRAL"},
        {"speed": nextafter(15.0, 0.0), "gnss_speed": 0.0, "selected_gear": "PARK"},
    ],
    ids=str,
)
def test_one_spinning_wheel_a_slow_car_and_a_walk_by_satellites_are_no_doubt(values: dict[str, Value]) -> None:
    assert rolling(14.0, **values).car.moving_kph(14.0) == values.get("speed", 60.0)


def test_doubt_begins_at_the_alert_speed() -> None:
    assert rolling(14.0, speed=15.0, selected_gear="PARK").car.moving_kph(14.0) is None


def test_satellites_that_lost_the_car_in_a_tunnel_are_not_heard() -> None:
    assert rolling(12.0).say(12.2, gnss_speed=0.0).keep(15.0).car.moving_kph(15.0) == 60.0


@pytest.mark.parametrize(("seen_kph", "doubted"), [(nextafter(10.0, 0.0), True), (10.0, False)])
def test_satellites_have_seen_it_move_from_ten_on(seen_kph: float, doubted: bool) -> None:
    bench = Bench(COMBUSTION).say(9.0, speed=60.0, gnss_speed=seen_kph).say(9.1, gnss_speed=0.0).keep(10.7)
    assert (bench.car.moving_kph(10.7) is None) is doubted


@pytest.mark.parametrize(("stood_kph", "doubted"), [(nextafter(2.0, 0.0), True), (2.0, False)])
def test_a_car_that_stood_in_between_has_to_be_seen_again(stood_kph: float, doubted: bool) -> None:
    bench = rolling(12.0).say(12.1, gnss_speed=0.0).say(13.9, speed=stood_kph).say(15.5, speed=60.0, gnss_speed=0.0)
    assert (bench.keep(17.5).car.moving_kph(17.5) is None) is doubted


def test_a_doubt_ends_with_its_cause_and_with_a_hole() -> None:
    bench = rolling(12.0, gnss_speed=0.0)
    assert bench.car.moving_kph(12.0) is None
    assert bench.say(12.1, gnss_speed=60.0).car.moving_kph(12.1) == 60.0
    bench = rolling(12.0, gnss_speed=0.0)
    bench.car.forget()
    assert bench.car.moving_kph(12.0) == 60.0


def behind_a_hole(**values: Value) -> Bench:
    """A car that says this, is not seen for a while, and says it again at 20 s."""
    bench = rolling(11.0, **values)
    bench.senses.forget()
    bench.car.forget()
    said: dict[str, Value] = {"speed": 60.0, "selected_gear": "DRIVE", **values}
    return bench.say(20.0, **said)


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_contradicted_behind_a_hole_has_been_so_all_the_time(name: str) -> None:
    bench = behind_a_hole(**(WHEELS_KPH | {"gnss_speed": 60.0} | DOUBTS[name]))
    assert bench.car.moving_kph(20.0) is None


def test_behind_a_hole_wheels_wait_for_their_witnesses_for_a_while() -> None:
    bench = behind_a_hole()
    assert bench.car.moving_kph(20.0) is None
    bench.say(20.1, **WHEELS_KPH)
    assert bench.car.moving_kph(20.1) is None, "the satellites have not spoken"
    assert bench.say(20.2, gnss_speed=60.0).car.moving_kph(20.2) == 60.0
    alone = behind_a_hole()
    alone.say(20.7, speed=60.0).say(21.4, speed=60.0)
    assert alone.car.moving_kph(nextafter(21.5, 0.0)) is None
    assert alone.car.next_silence(21.4) == 21.5
    assert alone.car.moving_kph(21.5) == 60.0


def test_what_is_contradicted_later_behind_a_hole_has_its_time_again() -> None:
    bench = behind_a_hole(**WHEELS_KPH, gnss_speed=60.0)
    for tenth in range(4, 40, 4):
        bench.say(20.0 + tenth / 10, speed=60.0, selected_gear="PARK" if tenth >= 16 else "DRIVE", **WHEELS_KPH)
    assert bench.car.moving_kph(nextafter(23.1, 0.0)) == 60.0
    assert bench.car.moving_kph(23.1) is None


def test_a_car_without_wheels_and_satellites_is_believed() -> None:
    plain = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED}))
    bench = Bench(plain).say(10.0, speed=60.0).say(10.5, speed=60.0).say(12.0, speed=60.0)
    assert bench.car.moving_kph(12.0) == 60.0


def test_one_mapped_wheel_stands_for_its_axle() -> None:
    plain = plain_car(only=frozenset({Vss.SPEED, Vss.WHEEL_REAR_LEFT}))
    bench = Bench(plain).say(10.0, speed=60.0, wheel_rear_left=0.0).keep(11.6)
    assert bench.car.moving_kph(11.6) is None


@pytest.mark.parametrize("at_s", [nextafter(12.0, 0.0), 12.0])
def test_satellites_stand_in_for_a_silent_speed(at_s: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0).say(11.8, gnss_speed=58.0)
    assert bench.senses.motion_kph(at_s) == (60.0 if at_s < 12.0 else 58.0)


# Parked -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "parked"),
    [
        ({}, None),
        ({"selected_gear": "PARK"}, True),
        ({"selected_gear": "NEUTRAL"}, False),
        ({"parking_brake": True}, True),
        ({"parking_brake": False}, False),
        ({"power_state": "OFF"}, True),
        ({"power_state": "ON"}, False),
        ({"power_state": "UNDEFINED"}, None),
        ({"selected_gear": "DRIVE", "parking_brake": True, "power_state": "ON"}, True),
        ({"selected_gear": "DRIVE", "parking_brake": False, "power_state": "ACC"}, True),
    ],
)
def test_parked(values: dict[str, Value], parked: bool | None) -> None:
    assert Bench(COMBUSTION).say(1.0, **values).car.parked(1.0) is parked
