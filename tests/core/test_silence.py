"""Silence of the drive, of a part of it, and of a bus: when it says something, and what speaks against it."""

from dataclasses import replace
from math import inf, nextafter

import pytest

from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.bench import Bench
from support.plain import on_second_bus, plain_car, with_cycles

COMBUSTION, HYBRID = plain_car(), plain_car(Propulsion.HYBRID)


def test_a_drive_is_silent_when_every_message_of_it_is() -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0, engine_speed=900.0).say(10.3, drive_ready=True)
    assert bench.car.drive_stale_s == 0.5
    bench.say(10.7, speed=60.0)
    assert bench.car.drive_silent(nextafter(10.8, 0.0)) is False
    assert bench.car.drive_silent(10.8) is True


@pytest.mark.parametrize("kph", [0.0, 62.9, 63.0, nextafter(63.0, 64.0)])
def test_a_car_that_gets_faster_is_driven(kph: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
    bench.say(12.4, speed=kph)
    assert bench.car.drive_silent(12.4) is (kph <= 63.0)


def test_a_drive_never_heard_and_a_speed_that_nobody_knows() -> None:
    assert Bench(COMBUSTION).say(10.0, speed=60.0).car.drive_silent(11.0) is None
    assert Bench(COMBUSTION).say(10.0, engine_speed=900.0).car.drive_silent(11.0) is None
    assert Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0).car.drive_silent(12.0) is None
    late = Bench(COMBUSTION).say(10.0, engine_speed=900.0).say(10.1, speed=60.0)
    assert late.car.drive_silent(11.0) is None, "at which speed it was heard last, nobody knows"
    hole = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
    hole.car.forget()
    assert hole.car.drive_silent(11.0) is None


def slower(kph: float, at_s: float = 11.0, **values: Value) -> Bench:
    """A traction battery that is connected to a drive of which nothing was heard since 10 s, and the speed then."""
    bench = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0, **values)
    return bench.say(10.0, power_connected=True).say(at_s, power_connected=True).say(at_s, speed=kph)


@pytest.mark.parametrize("kph", [40.0, 59.5, nextafter(59.5, 60.0), 60.0])
def test_a_drive_that_is_silent_in_part_while_the_car_gets_slower(kph: float) -> None:
    assert slower(kph).car.drive_silent(11.0) is (kph <= 59.5)


@pytest.mark.parametrize("at_s", [nextafter(10.5, 0.0), 10.5])
def test_a_part_of_the_drive_is_silent_when_it_is_overdue(at_s: float) -> None:
    assert slower(50.0, at_s).car.drive_silent(at_s) is (at_s >= 10.5)


def test_a_part_that_still_says_that_it_drives_speaks_for_the_rest() -> None:
    ready = slower(50.0).say(11.0, drive_ready=True)
    assert ready.car.drive_silent(11.0) is False
    turning = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0).say(11.0, engine_speed=900.0)
    assert turning.say(11.0, speed=50.0).car.drive_silent(11.0) is False
    dead = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0).say(11.0, engine_speed=0.0)
    assert dead.say(11.0, speed=50.0).car.drive_silent(11.0) is True


def test_a_part_that_was_never_heard_or_at_no_known_speed_is_not_silent() -> None:
    never = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, power_connected=True).say(10.4, power_connected=True)
    assert never.say(10.6, speed=50.0).car.drive_silent(10.6) is False
    unknown = Bench(HYBRID).say(10.0, drive_torque=0.0).say(10.1, speed=60.0).say(10.9, power_connected=True)
    assert unknown.say(11.0, speed=50.0).car.drive_silent(11.0) is False


def test_in_the_end_the_speed_has_to_have_been_heard_since() -> None:
    """A speed that counts for seconds would outlive a plug that was pulled."""
    for spoke_s, silent in ((10.0, None), (nextafter(10.25, 0.0), None), (10.25, True), (12.9, True)):
        bench = Bench(with_cycles(COMBUSTION, {"Speed": 1.0})).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
        bench.say(spoke_s, speed=60.0)
        assert bench.car.drive_silent(13.0) is silent, spoke_s
        assert bench.car.drive_silent(12.9) is True
    satellites = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0).say(12.8, gnss_speed=58.0)
    assert satellites.car.drive_silent(13.0) is True


def test_the_silence_of_one_bus_needs_another_that_speaks_and_no_living_drive() -> None:
    plan = on_second_bus(COMBUSTION, "Speed", "Power")
    bench = Bench(plan).say(10.0, speed=60.0, engine_speed=900.0).say(10.9, speed=60.0)
    assert bench.car.bus_silent(nextafter(11.0, 0.0)) is False
    assert bench.car.bus_silent(11.0) is True
    assert bench.car.bus_silent(11.9) is False, "now both are silent"
    alive = Bench(plan).say(10.0, speed=60.0, engine_speed=900.0).say(10.9, engine_speed=900.0)
    assert alive.car.bus_silent(11.1) is False, "the body sleeps, the drive lives"
    assert Bench(plan).say(10.0, engine_speed=900.0).car.bus_silent(20.0) is None, "the other was never heard"
    assert Bench(COMBUSTION).say(10.0, engine_speed=900.0).car.bus_silent(20.0) is None


@pytest.mark.parametrize(("cycle_s", "limit_s"), [(0.1, 1.0), (0.25, 1.0), (0.5, 2.0), (1.0, 4.0)])
def test_a_bus_of_slow_messages_may_be_silent_for_longer(cycle_s: float, limit_s: float) -> None:
    slow = with_cycles(on_second_bus(COMBUSTION, "Supply"), {"Supply": cycle_s})
    bench = Bench(replace(slow, buses=("body", "main"))).say(10.0, supply_voltage=12.0)
    for tenth in range(100, 101 + round(limit_s * 10)):
        bench.say(tenth / 10, engine_speed=0.0)
    due_s = 10.0 + limit_s
    assert bench.car.bus_silent(nextafter(due_s, 0.0)) is False
    assert bench.car.bus_silent(due_s) is True


@pytest.mark.parametrize("later_s", [0.0, 0.3, nextafter(10.5, 0.0) - 10.0, 0.5, 0.9])
def test_buses_that_fall_asleep_together_are_no_witnesses(later_s: float) -> None:
    """The other has to have been heard well after the first fell silent."""
    bench = Bench(on_second_bus(COMBUSTION, "Speed")).say(10.0, engine_speed=0.0).say(10.0 + later_s, speed=60.0)
    assert bench.car.bus_silent(11.0) is (later_s >= 0.5 and later_s < 1.0)
    first = Bench(on_second_bus(COMBUSTION, "Speed")).say(10.0, speed=60.0).say(10.0 + later_s, engine_speed=0.0)
    assert first.car.bus_silent(11.0) is (later_s >= 0.5), "whichever of them it is"


def test_one_witness_among_three_buses_is_enough() -> None:
    two = on_second_bus(COMBUSTION, "Speed", "Power")
    messages = tuple(replace(m, bus="chassis") if m.name == "Power" else m for m in two.messages)
    bench = Bench(replace(two, buses=("main", "body", "chassis"), messages=messages))
    bench.say(10.0, engine_speed=0.0).say(10.0, power_state="ON").say(10.9, speed=60.0)
    assert bench.car.bus_silent(11.0) is True
    assert bench.car.bus_silent(nextafter(11.0, 0.0)) is False


def test_a_car_of_whose_drive_nothing_is_mapped_has_no_silent_drive() -> None:
    bare = plain_car(only=frozenset({Vss.SPEED, Vss.PEDAL_POSITION}))
    assert Bench(bare).say(10.0, speed=60.0).say(10.5, speed=50.0).car.drive_silent(10.6) is None


def test_what_was_lost_with_our_own_link_is_not_silent() -> None:
    bench = Bench(on_second_bus(HYBRID, "Drive")).say(10.0, speed=60.0).say(10.0, drive_torque=0.0)
    bench.say(10.0, power_connected=True).say(11.0, power_connected=True).say(11.0, speed=50.0)
    assert bench.car.drive_silent(11.0) is True
    bench.senses.lose_bus("body")
    assert bench.car.drive_silent(11.0) is False


def test_the_next_silence_is_never_after_the_true_one() -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0)
    assert bench.car.next_silence(10.0) == 11.0, "the bus"
    bench.say(10.0, engine_speed=900.0)
    assert bench.car.next_silence(10.0) == 10.5, "the drive"
    bench.say(10.4, engine_speed=900.0)
    assert bench.car.next_silence(10.4) == 10.5, "early, which is harmless"
    assert bench.car.next_silence(10.5) == 10.9
    assert bench.car.next_silence(10.9) == 11.4
    assert bench.car.next_silence(11.4) == inf
