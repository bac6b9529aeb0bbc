"""Silence of the drive, of a part of it, and of a bus: when it says something, and what speaks against it."""

from dataclasses import replace
from math import inf, nextafter

import pytest

from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.bench import Bench
from support.driven import driving
from support.plain import on_second_bus, plain_car, with_cycles

COMBUSTION, HYBRID = plain_car(), plain_car(Propulsion.HYBRID)


def test_a_drive_is_silent_when_every_message_of_it_is() -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0, engine_speed=900.0).say(10.3, drive_ready=True)
    assert bench.car.silence.drive_stale_s == 0.5
    bench.say(10.7, speed=60.0)
    assert bench.car.silence.drive_silent(nextafter(10.8, 0.0)) is False
    assert bench.car.silence.drive_silent(10.8) is True


@pytest.mark.parametrize("kph", [0.0, 62.9, 63.0, nextafter(63.0, 64.0)])
def test_a_car_that_gets_faster_is_driven(kph: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
    bench.say(12.4, speed=kph)
    assert bench.car.silence.drive_silent(12.4) is (kph <= 63.0)


def test_a_drive_never_heard_and_a_speed_that_nobody_knows() -> None:
    assert Bench(COMBUSTION).say(10.0, speed=60.0).car.silence.drive_silent(11.0) is None
    assert Bench(COMBUSTION).say(10.0, engine_speed=900.0).car.silence.drive_silent(11.0) is None
    assert Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0).car.silence.drive_silent(12.0) is None
    late = Bench(COMBUSTION).say(10.0, engine_speed=900.0).say(10.1, speed=60.0)
    assert late.car.silence.drive_silent(11.0) is None, "at which speed it was heard last, nobody knows"
    hole = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
    hole.car.forget()
    assert hole.car.silence.drive_silent(11.0) is None


def slower(kph: float, at_s: float = 11.0, **values: Value) -> Bench:
    """A traction battery that is connected to a drive of which nothing was heard since 10 s, and the speed then."""
    bench = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0, **values)
    return bench.say(10.0, power_connected=True).say(at_s, power_connected=True).say(at_s, speed=kph)


@pytest.mark.parametrize("kph", [40.0, 59.5, nextafter(59.5, 60.0), 60.0])
def test_a_drive_that_is_silent_in_part_while_the_car_gets_slower(kph: float) -> None:
    assert slower(kph).car.silence.drive_silent(11.0) is (kph <= 59.5)


@pytest.mark.parametrize("at_s", [nextafter(10.5, 0.0), 10.5])
def test_a_part_of_the_drive_is_silent_when_it_is_overdue(at_s: float) -> None:
    assert slower(50.0, at_s).car.silence.drive_silent(at_s) is (at_s >= 10.5)


def test_a_part_that_still_says_that_it_drives_speaks_for_the_rest() -> None:
    ready = slower(50.0).say(11.0, drive_ready=True)
    assert ready.car.silence.drive_silent(11.0) is False
    turning = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0).say(11.0, engine_speed=900.0)
    assert turning.say(11.0, speed=50.0).car.silence.drive_silent(11.0) is False
    dead = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, drive_torque=0.0).say(11.0, engine_speed=0.0)
    assert dead.say(11.0, speed=50.0).car.silence.drive_silent(11.0) is True


def test_a_part_that_was_never_heard_or_at_no_known_speed_is_not_silent() -> None:
    never = Bench(HYBRID).say(10.0, speed=60.0).say(10.0, power_connected=True).say(10.4, power_connected=True)
    assert never.say(10.6, speed=50.0).car.silence.drive_silent(10.6) is False
    unknown = Bench(HYBRID).say(10.0, drive_torque=0.0).say(10.1, speed=60.0).say(10.9, power_connected=True)
    assert unknown.say(11.0, speed=50.0).car.silence.drive_silent(11.0) is False


def test_in_the_end_the_speed_has_to_have_been_heard_since() -> None:
    """A speed that counts for seconds would outlive a plug that was pulled."""
    for spoke_s, silent in ((10.0, None), (nextafter(10.25, 0.0), None), (10.25, True), (12.9, True)):
        bench = Bench(with_cycles(COMBUSTION, {"Speed": 1.0})).say(10.0, speed=60.0).say(10.0, engine_speed=900.0)
        bench.say(spoke_s, speed=60.0)
        assert bench.car.silence.drive_silent(10.8) is silent, spoke_s
        assert bench.car.silence.drive_silent(nextafter(10.8 - 1e-6, 0.0)) is True
    satellites = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0).say(10.7, gnss_speed=58.0)
    assert satellites.car.silence.drive_silent(10.8) is True


@pytest.mark.parametrize("at_s", [12.9, nextafter(13.0 - 1e-6, 0.0), 13.0])
def test_a_drive_that_starts_anew_would_be_back(at_s: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0, engine_speed=900.0).keep(10.0).say(12.5, speed=60.0)
    assert bench.car.silence.tells(at_s) is (at_s >= 13.0)
    deaf = Bench(COMBUSTION).say(10.0, speed=60.0).say(10.0, engine_speed=900.0).say(10.9, speed=60.0)
    assert deaf.car.silence.tells(at_s) is False, "nobody knows whether it goes on"


@pytest.mark.parametrize("kph", [59.5, nextafter(59.5, 60.0)])
@pytest.mark.parametrize("at_s", [nextafter(13.0, 0.0), 13.0])
def test_a_part_that_starts_anew_would_be_back(at_s: float, kph: float) -> None:
    car = slower(60.0).say(12.8, power_connected=True).say(12.8, speed=kph).car
    assert car.silence.tells(at_s) is (at_s >= 13.0 and kph <= 59.5)
    assert slower(50.0).car.silence.tells(13.5) is False, "and then it is silent as a whole, at no known speed"


def faltering(pedal: float, lost_kph: float, seconds: float) -> Bench:
    """A car that keeps 60 km/h until 10 s, loses so much until its drive falls silent, and 0.5 km/h from then on."""
    bench = Bench(COMBUSTION).say(9.0, speed=60.0, pedal_position=0.0)
    bench.say(9.5, speed=60.0, engine_speed=900.0, pedal_position=pedal).say(10.0, speed=60.0, pedal_position=pedal)
    end_s = 10.0 + seconds
    for tenth in range(1, round(seconds * 10)):
        bench.say(
            10.0 + tenth / 10, speed=60.0 - lost_kph * tenth / 10 / seconds, pedal_position=pedal + 0.1 * (tenth % 2)
        )
    bench.say(end_s, speed=60.0 - lost_kph).say(end_s, engine_speed=900.0, pedal_position=pedal)
    return bench.say(end_s + 0.8, speed=60.0 - lost_kph - 0.5)


@pytest.mark.parametrize(
    ("pedal", "lost_kph", "seconds", "tells"),
    [
        (25.0, 1.5, 1.0, True),
        (24.9, 1.5, 1.0, False),  # a pedal that hardly asks
        (25.0, 1.0, 0.6, True),
        (25.0, 0.9, 0.6, False),  # no more than a speed signal trembles
        (25.0, 2.0, 2.4, False),  # a hill begins
        (25.0, 9.0, 1.0, True),
        (25.0, 3.0, 2.0, True),
        (25.0, 6.0, 6.0, False),  # a long hill
    ],
)
def test_what_failed_before_it_fell_silent_does_not_start_anew(
    pedal: float, lost_kph: float, seconds: float, tells: bool
) -> None:
    bench = faltering(pedal, lost_kph, seconds)
    now_s = 10.0 + seconds + 0.8
    assert bench.car.silence.tells(now_s) is tells
    assert bench.say(now_s, speed=60.0 - lost_kph - 0.4).car.silence.tells(now_s) is False, "and goes on getting slower"


def test_a_brake_that_is_heard_after_the_pedal_takes_nothing_back() -> None:
    bench = faltering(30.0, 3.0, 1.0).say(11.8, brake_pressed=False)
    assert bench.car.silence.tells(11.8) is True


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


@pytest.mark.parametrize("others", [(), ("Gear",)])
def test_a_bus_that_may_be_one_control_unit_is_silent_when_no_reset_lasts_so_long(others: tuple[str, ...]) -> None:
    bench = Bench(on_second_bus(COMBUSTION, "Engine", "Drive", *others)).say(10.0, speed=60.0)
    bench.say(10.0, engine_speed=900.0, drive_torque=0.0, **({"selected_gear": "DRIVE"} if others else {}))
    for tenth in range(101, 131):
        bench.say(tenth / 10, speed=60.0)
    limits = bench.plan.thresholds
    due_s = 10.0 + (limits.bus_silent_after_s if others else limits.drive_silent_after_s)
    assert bench.car.bus_silent(nextafter(due_s, 0.0)) is False
    assert bench.car.bus_silent(due_s) is True


@pytest.mark.parametrize("later_s", [0.0, 0.3, nextafter(10.5, 0.0) - 10.0, 0.5, 0.9])
def test_buses_that_fall_asleep_together_are_no_witnesses(later_s: float) -> None:
    """The other has to have been heard well after the first fell silent."""
    both = Bench(on_second_bus(COMBUSTION, "Speed")).say(9.95, speed=60.0).say(9.95, engine_speed=0.0)
    bench = both.say(10.0, engine_speed=0.0).say(10.0 + later_s, speed=60.0)
    assert bench.car.bus_silent(11.0) is (later_s >= 0.5 and later_s < 1.0)
    both = Bench(on_second_bus(COMBUSTION, "Speed")).say(9.95, speed=60.0).say(9.95, engine_speed=0.0)
    first = both.say(10.0, speed=60.0).say(10.0 + later_s, engine_speed=0.0)
    assert first.car.bus_silent(11.0) is (later_s >= 0.5), "whichever of them it is"


@pytest.mark.parametrize("woken_s", [10.9, 11.0, 20.0])
def test_a_bus_that_woke_before_the_other_is_no_witness(woken_s: float) -> None:
    """Behind a gateway that was asleep they come back one after the other."""
    both = Bench(on_second_bus(COMBUSTION, "Speed")).say(10.0, engine_speed=0.0).say(10.0, speed=60.0)
    woken = both.say(woken_s, speed=60.0)
    assert woken.car.bus_silent(max(woken_s, 11.0)) is (woken_s < 11.0)
    later_s = woken_s + 0.9
    assert woken.say(later_s, speed=60.0).car.bus_silent(later_s) is (woken_s < 11.0)


def test_a_bus_is_a_witness_from_its_first_word_behind_a_hole_on() -> None:
    bench = Bench(on_second_bus(COMBUSTION, "Speed")).say(10.0, engine_speed=0.0).say(10.0, speed=60.0)
    bench.senses.forget()
    bench.car.forget()
    bench.say(10.4, engine_speed=0.0).say(10.5, speed=60.0).say(11.3, speed=60.0)
    assert bench.car.bus_silent(11.4) is False, "it was not heard before the other fell silent"
    bench.say(11.4, engine_speed=0.0).say(12.2, speed=60.0).say(12.4, speed=60.0)
    assert bench.car.bus_silent(12.4) is True


def test_one_witness_among_three_buses_is_enough() -> None:
    two = on_second_bus(COMBUSTION, "Speed", "Power")
    messages = tuple(replace(m, bus="chassis") if m.name == "Power" else m for m in two.messages)
    bench = Bench(replace(two, buses=("main", "body", "chassis"), messages=messages))
    bench.say(10.0, speed=60.0).say(10.0, engine_speed=0.0).say(10.0, power_state="ON").say(10.9, speed=60.0)
    assert bench.car.bus_silent(11.0) is True
    assert bench.car.bus_silent(nextafter(11.0, 0.0)) is False


def test_a_car_of_whose_drive_nothing_is_mapped_has_no_silent_drive() -> None:
    bare = plain_car(only=frozenset({Vss.SPEED, Vss.PEDAL_POSITION}))
    assert Bench(bare).say(10.0, speed=60.0).say(10.5, speed=50.0).car.silence.drive_silent(10.6) is None


def test_what_was_lost_with_our_own_link_is_not_silent() -> None:
    bench = Bench(on_second_bus(HYBRID, "Drive")).say(10.0, speed=60.0).say(10.0, drive_torque=0.0)
    bench.say(10.0, power_connected=True).say(11.0, power_connected=True).say(11.0, speed=50.0)
    assert bench.car.silence.drive_silent(11.0) is True
    bench.senses.lose_bus("body")
    assert bench.car.silence.drive_silent(11.0) is False


def test_the_next_silence_is_never_after_the_true_one() -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=60.0)
    assert bench.car.next_silence(10.0) == 11.0, "the bus"
    bench.say(10.0, engine_speed=900.0)
    assert bench.car.next_silence(10.0) == 10.5, "the drive"
    bench.say(10.4, engine_speed=900.0)
    assert bench.car.next_silence(10.4) == 10.5, "early, which is harmless"
    assert bench.car.next_silence(10.5) == 10.9
    assert bench.car.next_silence(10.9) == 11.4
    assert bench.car.next_silence(11.4) == 13.4, "and when a drive that starts anew would be back"
    assert bench.car.next_silence(13.4) == inf


DYING: dict[str, Value] = {"drive_torque": 0.0, "drive_ready": False}


@pytest.mark.parametrize(("says", "opens_after_s"), [(DYING, 3.0), ({"supply_voltage": 8.0}, 0.8)])
def test_the_last_word_of_a_drive_and_its_silence_are_one_witness(says: dict[str, Value], opens_after_s: float) -> None:
    """What starts anew may say anything before; what another unit says is another matter."""
    driven = driving(COMBUSTION)
    driven.say(**says)
    driven.run(1.0)
    assert not driven.incidents
    heard_s = driven.now_s
    driven.muted |= {"Engine", "Drive"}
    driven.run(4.0)
    assert driven.incident.opened_at_s == pytest.approx(heard_s + opens_after_s, abs=0.1)


def test_silence_ends_with_a_word() -> None:
    driven = driving(COMBUSTION)
    driven.muted |= {"Engine", "Drive"}
    driven.run(1.5)
    assert [watch.active for watch in driven.responder.findings] == [True]
    driven.muted.clear()
    driven.run(0.2)
    assert not driven.responder.findings
    assert not driven.run(5.0).incidents
