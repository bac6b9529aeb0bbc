"""Each finding on each kind of car: what opens an incident alone, what only together, what never."""

from dataclasses import replace

import pytest

from hardshoulder.core.actions import Finding
from hardshoulder.core.findings import RULES
from hardshoulder.core.plan import CarPlan, Traits
from hardshoulder.core.vocabulary import Value, Vss
from support.driven import Driven, driving
from support.plain import each
from support.talker import reference_plan

COASTING = replace(reference_plan("combustion"), traits=Traits(coasts_engine_off=True))
SILENT = each(
    COASTING, lambda m: replace(m, signals=tuple(signal for signal in m.signals if signal.vss is not Vss.ENGINE_RESTS))
)
PLANS = {name: reference_plan(name) for name in ("combustion", "hybrid", "electric")}
PLANS |= {"coasting": COASTING, "silent": SILENT}

DEAD: dict[str, Value] = {"drive_ready": False, "drive_torque": 0.0}
STOPPED: dict[str, Value] = {"engine_speed": 0.0, "engine_running": False}
LIFTED: dict[str, Value] = {"pedal_position": 0.0}

# car, what the car says, the incident's kind (None: no incident), seconds until it opens
CASES: list[tuple[str, dict[str, Value], Finding | None, float]] = [
    ("combustion", DEAD | STOPPED, Finding.ENGINE_STOPPED, 0.3),
    ("combustion", {**DEAD, "engine_speed": 399.75, "engine_running": False}, Finding.ENGINE_STOPPED, 0.3),
    ("combustion", {**DEAD, "engine_speed": 400.0, "engine_running": True}, None, 0),
    ("combustion", {**DEAD, "engine_speed": 0.0}, None, 0),  # the running flag disagrees: nobody knows
    ("combustion", STOPPED, None, 0),  # and the drive is ready, and pushes
    ("combustion", {**STOPPED, "drive_torque": 0.0}, None, 0),
    ("combustion", {**STOPPED, "drive_ready": False}, None, 0),
    ("combustion", {**STOPPED, "drive_ready": False, "supply_voltage": 8.0}, Finding.ENGINE_STOPPED, 0.7),
    ("combustion", {**DEAD, "power_state": "OFF"}, Finding.POWER_LOST, 0.6),
    ("combustion", {**DEAD, "power_state": "ACC"}, Finding.POWER_LOST, 0.6),
    ("combustion", {**DEAD, "power_state": "LOCK"}, Finding.POWER_LOST, 0.6),
    ("combustion", {**DEAD, "power_state": "OFF", "ignition_switch": "OFF"}, Finding.SWITCHED_OFF, 0.6),
    ("combustion", {**DEAD, "power_state": "START"}, None, 0),
    ("combustion", {"power_state": "OFF"}, None, 0),
    ("combustion", {"power_state": "OFF", **STOPPED}, None, 0),  # one word of the drive speaks against both
    ("combustion", {"supply_voltage": 6.0}, None, 0),
    ("combustion", DEAD, None, 0),
    ("combustion", {**DEAD, "supply_voltage": 8.0}, Finding.DRIVE_NOT_READY, 0.7),
    ("combustion", {**DEAD, "limp_home": True}, None, 0),  # the same message, and only one word of it can be true
    ("combustion", {"airbag_deployed": True}, Finding.CRASH, 0.1),
    ("coasting", {"engine_rests": True}, None, 0),
    ("coasting", DEAD | STOPPED, Finding.ENGINE_STOPPED, 0.3),  # it says when its engine rests, and does not
    ("silent", DEAD | STOPPED | LIFTED, Finding.DRIVE_NOT_READY, 0.3),
    ("silent", {"drive_torque": 0.0, **STOPPED}, None, 0),
    ("silent", {"drive_torque": 0.0, "supply_voltage": 8.9, **STOPPED, **LIFTED}, None, 0),
    ("silent", {"drive_torque": 0.0, **STOPPED, "drive_ready": False}, Finding.ENGINE_STOPPED, 0.3),  # in the end
    ("hybrid", STOPPED, None, 0),
    ("hybrid", {"power_connected": False}, None, 0),
    ("hybrid", {**DEAD, **STOPPED, "power_connected": False}, Finding.CONTACTORS_OPEN, 0.2),
    ("hybrid", DEAD, Finding.DRIVE_NOT_READY, 0.3),
    ("hybrid", {"drive_ready": False}, None, 0),  # and it pushes
    ("electric", {"power_connected": False, "drive_torque": 0.0}, Finding.CONTACTORS_OPEN, 0.2),
    ("electric", {"power_connected": False}, None, 0),
    ("electric", DEAD, Finding.DRIVE_NOT_READY, 0.3),
    ("electric", {**DEAD, "power_state": "OFF"}, Finding.POWER_LOST, 0.3),
    ("electric", {"state_of_charge": 0.0}, None, 0),
]


@pytest.mark.parametrize(("car", "says", "kind", "after_s"), CASES, ids=lambda value: str(value).replace(" ", ""))
def test_what_the_car_says_at_100_kph(car: str, says: dict[str, Value], kind: Finding | None, after_s: float) -> None:
    driven = driving(PLANS[car])
    began_s = driven.now_s
    driven.say(**says)
    driven.run(4)
    if kind is None:
        assert not driven.incidents
    else:
        assert driven.incident.kind is kind
        # The cycle of the slowest message (0.1 s) stands between saying and hearing, and again for the second time.
        assert after_s <= driven.incident.opened_at_s - began_s <= after_s + 0.2


@pytest.mark.parametrize("speed_kph", [14.9, 15.0, 15.1])
def test_the_alert_speed_is_sharp(speed_kph: float) -> None:
    driven = driving(PLANS["electric"], speed_kph=speed_kph)
    driven.say(power_connected=False, drive_torque=0.0)
    driven.run(3)
    assert bool(driven.incidents) is (speed_kph >= 15.0)


@pytest.mark.parametrize("speed_kph", [14.9, 15.0, 24.9, 25.0, 25.1])
@pytest.mark.parametrize("says_so", [True, False])
def test_the_start_stop_speed_is_sharp_for_the_engine_of_a_car_that_does_not_say_when_it_rests(
    speed_kph: float, says_so: bool
) -> None:
    start_stop = PLANS["combustion"] if says_so else replace(SILENT, traits=Traits(start_stop_below_kph=25.0))
    driven = driving(start_stop, speed_kph=speed_kph)
    driven.say(**DEAD, **STOPPED, **LIFTED)
    driven.run(3)
    assert bool(driven.incidents) is (speed_kph >= (15.0 if says_so else 25.0))


@pytest.mark.parametrize("held_s", [0.1, 0.2, 0.28])
def test_evidence_that_does_not_last_opens_nothing(held_s: float) -> None:
    driven = driving(PLANS["combustion"])
    driven.say(**DEAD, **STOPPED)
    driven.run(held_s)
    driven.say(engine_speed=1500.0, engine_running=True, drive_ready=True)
    driven.run(5)
    assert not driven.incidents


def slow_down(driven: Driven, from_kph: float, to_kph: float, seconds: float, **restless: float) -> None:
    """The car gets slower; what is restless is never the same twice, as a torque is."""
    steps = round(seconds / 0.1)
    for step in range(steps + 1):
        driven.say(**{name: value + step % 2 for name, value in restless.items()})
        driven.say(speed=from_kph + (to_kph - from_kph) * step / steps)
        driven.run(0.1)


def test_a_pressed_pedal_without_answer_and_a_drive_not_ready_add_up() -> None:
    driven = driving(PLANS["combustion"])
    driven.say(pedal_position=60.0)
    slow_down(driven, 100, 85, 4)
    assert not driven.incidents, "uphill with a trailer looks the same"
    driven.say(**DEAD)
    driven.run(0.6)
    assert driven.incident.kind is Finding.DRIVE_NOT_READY
    assert {item.finding for item in driven.incident.evidence} == {Finding.DRIVE_NOT_READY, Finding.NO_DRIVE}


def test_a_released_pedal_is_no_evidence() -> None:
    driven = driving(PLANS["combustion"])
    driven.say(pedal_position=0.0, drive_ready=False)
    slow_down(driven, 100, 60, 8)
    assert not driven.incidents


@pytest.mark.parametrize("name", PLANS)
def test_every_finding_is_a_rule_and_worse_kinds_come_first(name: str) -> None:
    plan: CarPlan = PLANS[name]
    order = list(Finding)
    assert [rule.finding for rule in RULES] == order
    assert all(0.0 <= rule.weight(plan) <= 1.0 for rule in RULES)


def test_a_pressed_pedal_without_torque_is_enough() -> None:
    """In gear a dead engine is dragged by the wheels: its speed shows nothing."""
    driven = driving(PLANS["combustion"])
    driven.say(pedal_position=60.0)
    slow_down(driven, 100, 96, 1.2, drive_torque=-30.0)
    assert driven.incident.kind is Finding.NO_TORQUE


def test_a_torque_that_never_moves_is_no_witness_that_there_is_none() -> None:
    driven = driving(PLANS["combustion"])
    driven.say(pedal_position=60.0, drive_torque=-30.0)
    slow_down(driven, 100, 96, 1.2)
    assert not driven.incidents


@pytest.mark.parametrize("torque_nm", [25.0, 300.0])
def test_a_pressed_pedal_with_torque_is_a_hill(torque_nm: float) -> None:
    driven = driving(PLANS["combustion"])
    driven.say(pedal_position=100.0, drive_torque=torque_nm)
    slow_down(driven, 100, 60, 8)
    assert not driven.incidents
