"""Holds and thresholds: exact to the last bit of a value and to the microsecond of a time, on every path."""

from math import inf, nextafter

import pytest

from hardshoulder.core.actions import Finding, State
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.cars import KINDS, Car
from support.driven import Driven, driving
from support.plain import on_second_bus, plain_car, with_cycles, with_limits

COMBUSTION, HYBRID, ELECTRIC = (plain_car(propulsion) for propulsion in Propulsion)
COASTING = KINDS["coasting in silence"].plan
DEAD: dict[str, Value] = {"drive_torque": 0.0, "drive_ready": False}


def at_the_deadline(driven: Driven) -> float:
    """Walks from deadline to deadline until an incident opens; nothing opens a moment before it is due."""
    for _ in range(2000):
        driven.run(driven.step_s)
        if driven.incidents:
            return driven.incident.opened_at_s
        due_s = driven.responder.next_deadline()
        if due_s <= driven.now_s + driven.step_s:
            driven.take(driven.responder.tick(nextafter(due_s, -inf)))
            assert not driven.incidents, "before its time"
    raise AssertionError("nothing opened")


HOLDS: list[tuple[CarPlan, str, dict[str, Value], Finding]] = [
    (COMBUSTION, "engine_stopped_hold_s", {"engine_speed": 0.0, "engine_running": False}, Finding.ENGINE_STOPPED),
    (COMBUSTION, "power_lost_hold_s", {"power_state": "OFF"}, Finding.POWER_LOST),
    (COMBUSTION, "power_lost_hold_s", {"power_state": "OFF", "ignition_switch": "ACC"}, Finding.SWITCHED_OFF),
    (COMBUSTION, "crash_hold_s", {"airbag_deployed": True}, Finding.CRASH),
    (ELECTRIC, "contactors_open_hold_s", {"power_connected": False}, Finding.CONTACTORS_OPEN),
    (HYBRID, "drive_not_ready_hold_s", {}, Finding.DRIVE_NOT_READY),
]


@pytest.mark.parametrize("hold_s", [0.1, 0.4321, 1.0 / 3.0, 2.71828])
@pytest.mark.parametrize(("plan", "limit", "says", "finding"), HOLDS)
def test_a_finding_that_opens_alone_does_so_at_the_microsecond(
    plan: CarPlan, limit: str, says: dict[str, Value], finding: Finding, hold_s: float
) -> None:
    driven = driving(with_limits(plan, **{limit: hold_s}), seconds=1.0)
    driven.say(**({"drive_torque": 0.0} if finding is not Finding.DRIVE_NOT_READY else DEAD), **says)
    if finding in (Finding.ENGINE_STOPPED, Finding.POWER_LOST, Finding.SWITCHED_OFF):
        driven.say(drive_ready=False)
    opened_s = at_the_deadline(driven)
    incident = driven.incident
    (evidence,) = [item for item in incident.evidence if item.finding is finding]
    assert incident.kind is finding
    # With 0.1 s the second word comes when the hold ends, a rounding of the step before or after it.
    assert opened_s == (pytest.approx(evidence.at_s + hold_s, abs=1e-9) if hold_s == 0.1 else evidence.at_s + hold_s)


ADDS: list[tuple[str, dict[str, Value], dict[str, Value], Finding]] = [
    ("supply_collapsed_hold_s", {"supply_voltage": 8.0}, DEAD, Finding.SUPPLY_COLLAPSED),
    ("stop_now_hold_s", {"overheated": True}, DEAD, Finding.STOP_NOW),
    ("drive_not_ready_hold_s", DEAD, {"supply_voltage": 8.0}, Finding.DRIVE_NOT_READY),
]


@pytest.mark.parametrize("hold_s", [0.4321, 2.71828])
@pytest.mark.parametrize(("limit", "says", "before", "finding"), ADDS)
def test_a_finding_that_only_adds_does_so_at_the_microsecond(
    limit: str, says: dict[str, Value], before: dict[str, Value], finding: Finding, hold_s: float
) -> None:
    driven = driving(with_limits(COMBUSTION, **{limit: hold_s}), seconds=1.0)
    driven.say(**before)
    assert not driven.run(1.5).incidents
    driven.say(**says)
    opened_s = at_the_deadline(driven)
    (evidence,) = [item for item in driven.incident.evidence if item.finding is finding]
    assert opened_s == evidence.at_s + hold_s


def test_limp_home_needs_its_time() -> None:
    """Of one message with readiness, so something else has to say that the drive is lost: 0.4, 0.2, and it."""
    car = Car(Propulsion.COMBUSTION, coasts=True, rests=False, ready=False).plan
    driven = driving(with_limits(car, limp_home_hold_s=0.777), seconds=1.0)
    driven.say(engine_speed=0.0, engine_running=False, malfunction=True, drive_torque=0.0, pedal_position=0.0)
    assert not driven.run(1.0).incidents
    driven.say(limp_home=True)
    opened_s = at_the_deadline(driven)
    (evidence,) = [item for item in driven.incident.evidence if item.finding is Finding.LIMP_HOME]
    assert opened_s == evidence.at_s + 0.777


def mute(driven: Driven, *names: str) -> Driven:
    driven.muted |= set(names)
    return driven


@pytest.mark.parametrize("after_s", [2.0, 3.0, 4.25])
def test_a_silent_drive_is_found_so_long_after_its_last_frame(after_s: float) -> None:
    driven = driving(with_limits(COMBUSTION, drive_silent_after_s=after_s), seconds=1.0)
    last_s = driven.now_s - (driven.now_s - 0.005) % 0.1
    mute(driven, "Engine", "Drive")
    opened_s = at_the_deadline(driven)
    assert driven.incident.kind is Finding.DRIVE_SILENT
    assert opened_s == pytest.approx(last_s + after_s, abs=1e-6)
    (evidence,) = driven.incident.evidence
    assert evidence.value == "silent" and evidence.at_s == pytest.approx(last_s, abs=1e-6)


def test_a_drive_that_is_slow_anyway_is_silent_when_it_is_overdue() -> None:
    slow = with_cycles(COMBUSTION, {"Engine": 1.0, "Drive": 1.0})
    driven = driving(slow, seconds=3.0)
    last_s = 2.005
    mute(driven, "Engine", "Drive")
    assert at_the_deadline(driven) == pytest.approx(last_s + 4.0, abs=1e-6)


@pytest.mark.parametrize(("after_s", "due_s"), [(0.2, 0.5), (1.0, 1.0), (1.7, 1.7)])
def test_a_silent_bus_is_found_so_long_after_its_last_frame(after_s: float, due_s: float) -> None:
    """Not before the drive's own signals are stale, until then they say that it lives."""
    plan = on_second_bus(with_limits(COMBUSTION, bus_silent_after_s=after_s), "Speed", "Power", "Lamps")
    driven = driving(plan, seconds=1.0)
    last_s = driven.now_s - (driven.now_s - 0.005) % 0.1
    mute(driven, *(message.name for message in plan.messages if message.bus == "main"))
    opened_s = at_the_deadline(driven)
    assert driven.incident.kind is Finding.BUS_SILENT
    assert opened_s == pytest.approx(last_s + due_s, abs=1e-6)


def healthy_again(driven: Driven) -> Driven:
    driven.say(engine_speed=2000.0, engine_running=True, power_state="ON", drive_ready=True, drive_torque=300.0)
    return driven


@pytest.mark.parametrize("frames", [1, 2])
def test_a_hold_that_is_broken_starts_anew(frames: int) -> None:
    driven = driving(COMBUSTION)
    for _ in range(5):
        driven.say(engine_speed=0.0, engine_running=False, **DEAD)
        driven.run(0.1 * frames)
        healthy_again(driven).run(0.1)
    assert not driven.run(2).incidents


def test_evidence_that_nobody_can_confirm_any_more_ends_a_hold_and_no_finding() -> None:
    driven = driving(with_limits(COMBUSTION, engine_stopped_hold_s=0.8))
    driven.say(engine_speed=0.0, engine_running=False, **DEAD)
    driven.run(0.2)
    mute(driven, "Engine")
    assert not driven.run(0.9).incidents, "it went stale before it held"
    held = driving(COMBUSTION)
    held.say(engine_speed=0.0, engine_running=False, **DEAD)
    held.run(0.5)
    mute(held, "Engine", "Drive").run(30)
    assert held.is_in(State.ROLLING), "silence recovers nothing"


@pytest.mark.parametrize("clear_s", [0.25, 1.0])
def test_a_finding_ends_when_the_contradiction_has_lasted(clear_s: float) -> None:
    driven = driving(with_limits(COMBUSTION, clear_after_s=clear_s, recovered_after_s=2.0))
    driven.say(engine_speed=0.0, engine_running=False, **DEAD)
    driven.run(1)
    healthy_again(driven).run(0.1)
    heard_s = driven.now_s - (driven.now_s - 0.005) % 0.1
    driven.run(clear_s + 2.0 - 0.15)
    assert driven.is_in(State.ROLLING)
    driven.run(0.2)
    assert driven.is_in(State.RECOVERED)
    entry = next(entry for entry in driven.incident.timeline if entry.what == "recovered")
    assert entry.at_s == pytest.approx(heard_s + clear_s + 2.0, abs=1e-6)


def test_a_contradiction_that_does_not_last_ends_nothing() -> None:
    driven = driving(COMBUSTION)
    driven.say(engine_speed=0.0, engine_running=False, **DEAD)
    driven.run(1)
    for _ in range(10):
        healthy_again(driven).run(0.9)
        driven.say(engine_speed=0.0, engine_running=False, **DEAD)
        driven.run(0.3)
    assert driven.is_in(State.ROLLING)
    assert "recovered" not in [entry.what for entry in driven.incident.timeline]


def test_a_supply_that_nobody_reports_any_more_has_not_collapsed() -> None:
    driven = driving(with_limits(COMBUSTION, supply_collapsed_hold_s=1.0))
    driven.say(supply_voltage=8.0, **DEAD)
    driven.run(0.3)
    assert not mute(driven, "Supply").run(3).incidents


# Values dense around each threshold ----------------------------------------------------------

SPEEDS_KPH = [nextafter(15.0, 0.0), 15.0, nextafter(15.0, 16.0)]


@pytest.mark.parametrize("kph", SPEEDS_KPH)
@pytest.mark.parametrize("limit_kph", [15.0, 40.0])
def test_the_alert_speed_is_sharp_and_the_profiles(kph: float, limit_kph: float) -> None:
    kph = kph * limit_kph / 15.0
    driven = driving(with_limits(ELECTRIC, alert_above_kph=limit_kph), kph)
    driven.say(power_connected=False, drive_torque=0.0)
    assert bool(driven.run(2).incidents) is (kph >= limit_kph)


@pytest.mark.parametrize("kph", [15.0, nextafter(25.0, 0.0), 25.0, 26.0])
@pytest.mark.parametrize("rests", [True, False])
def test_up_to_the_start_stop_speed_a_car_that_does_not_say_so_may_have_meant_it(kph: float, rests: bool) -> None:
    driven = driving(Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=rests, ready=False).plan, kph)
    driven.say(engine_speed=0.0, engine_running=False, drive_torque=0.0, pedal_position=0.0)
    assert bool(driven.run(2).incidents) is (rests or kph >= 25.0)


def test_a_start_stop_speed_below_the_alert_speed_changes_nothing() -> None:
    driven = driving(Car(Propulsion.COMBUSTION, start_stop_kph=5.0, rests=False, ready=False).plan, 14.0)
    driven.say(engine_speed=0.0, engine_running=False, drive_torque=0.0)
    assert not driven.run(2).incidents


@pytest.mark.parametrize("volts", [nextafter(9.0, 0.0), 9.0, nextafter(9.0, 10.0)])
def test_the_supply_is_sharp(volts: float) -> None:
    driven = driving(COMBUSTION)
    driven.say(supply_voltage=volts, **DEAD)
    assert bool(driven.run(2).incidents) is (volts < 9.0)


def test_a_starter_explains_a_low_supply() -> None:
    driven = driving(COMBUSTION)
    driven.say(supply_voltage=6.0, power_state="START", **DEAD)
    assert not driven.run(3).incidents


@pytest.mark.parametrize("rpm", [nextafter(400.0, 0.0), 400.0, nextafter(400.0, 401.0)])
def test_the_engines_speed_is_sharp(rpm: float) -> None:
    plan = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED}))
    driven = driving(plan)
    driven.say(engine_speed=rpm)
    assert bool(driven.run(2).incidents) is (rpm < 400.0)


@pytest.mark.parametrize("kph", [nextafter(8.0, 0.0), 8.0, nextafter(8.0, 9.0)])
def test_arming_is_sharp(kph: float) -> None:
    driven = driving(COMBUSTION, kph, seconds=0.9)
    assert driven.is_in(State.PARKED)
    assert driven.run(0.2).is_in(State.DRIVING) is (kph >= 8.0)


def test_a_drive_that_dies_within_the_second_arms_nothing() -> None:
    driven = driving(COMBUSTION, 10.0, seconds=0.9)
    driven.say(engine_speed=0.0, engine_running=False)
    driven.run(0.1)
    driven.say(engine_speed=900.0, engine_running=True)
    assert driven.run(0.9).is_in(State.PARKED)
    assert driven.run(0.3).is_in(State.DRIVING)


@pytest.mark.parametrize("kph", [nextafter(2.0, 0.0), 2.0])
def test_standstill_is_sharp(kph: float) -> None:
    driven = driving(COMBUSTION, 30.0)
    driven.say(engine_speed=0.0, engine_running=False, **DEAD)
    driven.run(1)
    driven.say(speed=kph)
    assert driven.run(1).is_in(State.STRANDED if kph < 2.0 else State.ROLLING)


@pytest.mark.parametrize("settled_s", [0.3, 1.7])
def test_a_control_unit_that_came_back_is_believed_when_it_has_settled(settled_s: float) -> None:
    driven = driving(with_limits(COMBUSTION, settled_after_s=settled_s), seconds=4)
    mute(driven, "Power").run(1.0)
    driven.muted.clear()
    driven.say(power_state="OFF", **DEAD)
    back_s = driven.now_s + 0.005
    driven.run(settled_s + 1)
    (evidence,) = [item for item in driven.incident.evidence if item.finding is Finding.POWER_LOST]
    assert settled_s <= evidence.at_s - back_s + 1e-6 and evidence.at_s - back_s < settled_s + 0.2
