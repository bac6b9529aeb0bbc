"""Stalled in traffic, switched off by the driver's own hand, and the lamp of the diagnosis."""

import pytest

from hardshoulder.core.actions import Finding, Notify, State
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.cars import Car
from support.driven import DEAD, Driven, broken, driving
from support.plain import plain_car

PLAN = plain_car()


# Stalled in traffic ---------------------------------------------------------------------------


def in_traffic(plan: CarPlan = PLAN, kph: float = 6.0) -> Driven:
    driven = driving(plan, 30.0, seconds=2)
    driven.say(speed=kph)
    driven.run(2)
    driven.say(**DEAD)
    return driven


def test_a_stall_that_is_not_restarted_is_an_incident_after_twenty_seconds() -> None:
    driven = in_traffic()
    began_s = driven.now_s + 0.005
    driven.run(1)
    driven.say(speed=0.0)
    driven.run(18.9)
    assert not driven.incidents
    driven.run(0.3)
    assert driven.incident.kind is Finding.STALLED and driven.incident.state is State.STRANDED
    assert driven.incident.opened_at_s == pytest.approx(began_s + 20.0, abs=0.11)
    assert driven.notices[-1] == "stopped"


@pytest.mark.slow
@pytest.mark.parametrize(
    "excuse",
    [
        {"selected_gear": "PARK"},
        {"parking_brake": True},
        {"power_state": "OFF"},
        {"drive_ready": True},
        {"engine_rests": True},
        {"engine_speed": 800.0, "engine_running": True},
    ],
    ids=str,
)
def test_parked_restarted_or_meant_is_no_stall(excuse: dict[str, Value]) -> None:
    driven = in_traffic()
    driven.run(1)
    driven.say(speed=0.0)
    driven.run(15)
    driven.say(**excuse)
    driven.run(120)
    assert not driven.incidents


def test_a_car_that_cannot_say_whether_it_is_parked_does_not_stall() -> None:
    few = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED}))
    assert not in_traffic(few, 0.0).run(60).incidents


def test_a_start_stop_car_that_does_not_say_so_waits_at_the_light() -> None:
    silent = Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=False, ready=False).plan
    assert not in_traffic(silent, 0.0).run(120).incidents


def test_what_broke_at_speed_keeps_its_name() -> None:
    driven = broken(PLAN)
    driven.say(speed=0.0)
    driven.run(60)
    assert {item.finding for item in driven.incident.evidence} == {Finding.ENGINE_STOPPED, Finding.DRIVE_NOT_READY}


# The driver's own hand, and the lamp of the diagnosis ------------------------------------------


@pytest.mark.parametrize("hand", ["OFF", "LOCK", "ACC"])
def test_a_driver_who_switches_off_while_moving_is_named(hand: str) -> None:
    driven = broken(PLAN, power_state="OFF", ignition_switch=hand, drive_ready=False, drive_torque=0.0)
    assert (driven.incident.kind, driven.incident.sub_cause) == (Finding.SWITCHED_OFF, 0)


@pytest.mark.parametrize("hand", ["ON", "START", "UNDEFINED"])
def test_power_that_goes_without_a_hand_is_lost(hand: str) -> None:
    driven = broken(PLAN, power_state="OFF", ignition_switch=hand, drive_ready=False, drive_torque=0.0)
    assert driven.incident.kind is Finding.POWER_LOST


def test_a_hand_without_a_consequence_is_nothing() -> None:
    driven = driving(PLAN)
    driven.say(ignition_switch="OFF")
    assert not driven.run(5).incidents


@pytest.mark.parametrize(("before_s", "counts"), [(0.0, True), (8.0, True), (11.0, False), (30.0, False)])
def test_the_lamp_of_the_diagnosis_counts_while_it_is_new(before_s: float, counts: bool) -> None:
    """A stopped engine (0.4) and limp-home (0.4) are not enough without it (0.2), which ends 1 s after its 10 s."""
    car = Car(Propulsion.COMBUSTION, coasts=True, rests=False, ready=False).plan
    driven = driving(car)
    driven.say(malfunction=True)
    driven.run(0.3 + before_s)
    driven.say(engine_speed=0.0, engine_running=False, drive_torque=0.0, limp_home=True, pedal_position=0.0)
    driven.run(2)
    assert bool(driven.incidents) is counts


def test_a_lamp_that_was_lit_before_anybody_looked_is_old() -> None:
    driven = Driven(Car(Propulsion.COMBUSTION, coasts=True, rests=False, ready=False).plan)
    driven.say(speed=100.0, malfunction=True)
    driven.run(2)
    driven.say(engine_speed=0.0, engine_running=False, drive_torque=0.0, limp_home=True, pedal_position=0.0)
    assert not driven.run(3).incidents


def test_notices_come_with_the_time_of_their_cause() -> None:
    driven = broken(PLAN)
    assert all(notify.at_s <= at_s for at_s, notify in driven.log if isinstance(notify, Notify))


@pytest.mark.parametrize(("kph", "stalls"), [(0.0, True), (14.9, True), (15.0, False), (60.0, False)])
def test_what_was_not_enough_at_speed_may_be_a_stall_where_the_car_goes_slowly(kph: float, stalls: bool) -> None:
    """A drive that says that it cannot answer, while its engine runs on for a while."""
    driven = driving(PLAN, seconds=2)
    driven.say(drive_ready=False, drive_torque=0.0, pedal_position=0.0)
    assert not driven.run(2).incidents
    driven.say(speed=kph)
    driven.run(3)
    driven.say(engine_running=False, engine_speed=0.0)
    driven.run(19.8)
    assert bool(driven.incidents) is not stalls
    driven.run(2)
    assert {item.finding for item in driven.incident.evidence} == {
        Finding.DRIVE_NOT_READY, Finding.STALLED if stalls else Finding.ENGINE_STOPPED,
    }  # fmt: skip


def test_what_broke_at_speed_and_rolls_out_does_not_stall_as_well() -> None:
    driven = broken(Car(Propulsion.ELECTRIC).plan, drive_ready=False, drive_torque=0.0, pedal_position=0.0)
    for kph in (60.0, 14.0, 1.0, 0.0):
        driven.say(speed=kph)
        driven.run(15)
    assert {item.finding for item in driven.incident.evidence} == {Finding.DRIVE_NOT_READY}
