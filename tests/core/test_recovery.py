"""After the incident is open: joining evidence, recovery, driving on, breaking again, parking, closing."""

from dataclasses import replace

import pytest

from hardshoulder.core.actions import Finding, HazardState, Lease, Report, State
from hardshoulder.core.plan import CarPlan, CommandStyle
from hardshoulder.core.vocabulary import Value
from support.driven import DEAD, Driven, broken, driving
from support.plain import COMMAND, plain_car, with_limits

PLAN = plain_car()
ALIVE: dict[str, Value] = {
    "engine_speed": 2000.0, "engine_running": True, "drive_ready": True, "drive_torque": 300.0, "power_state": "ON",
}  # fmt: skip


def driving_on(plan: CarPlan = PLAN) -> Driven:
    """A car that broke down and has driven on; its lamps are let go and dark."""
    driven = broken(plan)
    driven.say(**ALIVE)
    driven.run(13.2)
    assert driven.is_in(State.DRIVING_ON)
    driven.say(hazard_signaling=False)
    return driven.run(1)


def test_nobody_is_calm_from_the_first_evidence_to_the_end_of_the_incident() -> None:
    driven = driving(PLAN)
    assert driven.responder.calm
    driven.say(**DEAD)
    driven.run(0.15)
    assert driven.responder.incident is None and not driven.responder.calm
    driven.run(5)
    assert driven.responder.incident is not None and not driven.responder.calm
    assert driving_on().run(61).responder.calm


def said_of_hazards(driven: Driven) -> list[str]:
    return [notice for notice in driven.notices if notice.startswith("hazard")]


# Recovery and driving on ---------------------------------------------------------------------


def test_recovered_needs_a_healthy_drive_for_two_seconds() -> None:
    driven = broken(PLAN)
    driven.say(**ALIVE)
    driven.run(2.9)
    assert driven.is_in(State.ROLLING), "a second to clear, two to recover"
    driven.run(0.2)
    assert driven.is_in(State.RECOVERED) and driven.notices[-1] == "recovered"


def test_a_car_that_stands_recovered_does_not_drive_on() -> None:
    driven = broken(PLAN)
    driven.say(speed=0.0, **ALIVE)
    driven.run(60)
    assert driven.is_in(State.RECOVERED) and driven.incident.hazards is HazardState.CONFIRMED
    driven.say(speed=7.9)
    driven.run(30)
    assert driven.is_in(State.RECOVERED)
    driven.say(speed=8.0)
    driven.run(9.9)
    assert driven.is_in(State.RECOVERED)
    driven.run(0.2)
    assert driven.is_in(State.DRIVING_ON)


def test_driving_on_releases_the_hazards_and_the_lease_ends_soon_after() -> None:
    driven = broken(PLAN)
    driven.say(**ALIVE)
    driven.run(14)
    assert [frame.data[1] >> 4 for frame in driven.sent][-4:] == [1, 2, 2, 2]
    until_s = driven.of(Lease)[-1].until_s
    assert until_s == pytest.approx(driven.sent[-3].at_s + 0.4)
    assert [entry.what for entry in driven.incident.timeline][-2:] == ["driving-on", "hazards released"]


def test_who_sleeps_through_the_release_has_no_leave_to_send_any_more() -> None:
    driven = broken(PLAN)
    driven.say(**ALIVE)
    driven.run(14)
    until_s, sent = driven.of(Lease)[-1].until_s, len(driven.sent)
    other = broken(PLAN)
    other.say(**ALIVE)
    while not other.is_in(State.DRIVING_ON):
        other.run(0.005)
    released = len(other.sent)
    assert released < sent, "its last frames were still to come"
    other.take(other.responder.hole(until_s))
    other.skip(until_s - other.now_s)
    assert len(other.run(1).sent) == released


@pytest.mark.parametrize("closed_after_s", [5.0, 60.0])
def test_driving_on_closes_when_it_has_lasted(closed_after_s: float) -> None:
    driven = broken(with_limits(PLAN, closed_after_s=closed_after_s))
    driven.say(**ALIVE)
    driven.run(13.2)
    on_s = next(entry.at_s for entry in driven.incident.timeline if entry.what == "driving-on")
    driven.say(hazard_signaling=False)
    driven.run(closed_after_s)
    # Asked with the state as it was, so it counts from the first word after it.
    assert driven.incident.closed_at_s == pytest.approx(on_s + closed_after_s, abs=0.11)
    assert driven.is_in(State.DRIVING)
    assert driven.responder.incident is None


def test_parking_closes_what_drives_on() -> None:
    driven = driving_on()
    driven.say(speed=0.0)
    driven.run(1)
    driven.say(power_state="OFF", engine_speed=0.0, engine_running=False, drive_ready=False)
    driven.run(6)
    assert driven.incident.state is State.CLOSED and driven.is_in(State.PARKED)
    assert [entry.what for entry in driven.incident.timeline][-1] == "closed"


@pytest.mark.parametrize("parked_after_s", [3.0, 8.0])
def test_parking_needs_its_time(parked_after_s: float) -> None:
    driven = driving(with_limits(PLAN, parked_after_s=parked_after_s))
    driven.say(speed=0.0)
    driven.run(1)
    driven.say(power_state="OFF")
    driven.run(parked_after_s)
    assert driven.is_in(State.DRIVING)
    driven.run(0.2)
    assert driven.is_in(State.PARKED)


@pytest.mark.parametrize("state", [State.ROLLING, State.STRANDED, State.RECOVERED])
def test_no_other_open_incident_is_parked_away(state: State) -> None:
    driven = broken(PLAN)
    if state is State.RECOVERED:
        driven.say(**ALIVE)
        driven.run(4)
    driven.say(speed=2.0 if state is State.ROLLING else 0.0)
    driven.run(1)
    driven.say(speed=0.0 if state is not State.ROLLING else 2.0, power_state="OFF")
    driven.run(30)
    assert driven.is_in(state)


# Breaking again -------------------------------------------------------------------------------


def test_breaking_again_while_driving_on_asks_and_tells_anew() -> None:
    driven = driving_on()
    told = len(said_of_hazards(driven))
    driven.say(**DEAD)
    driven.run(0.5)
    assert driven.is_in(State.ROLLING) and driven.incident.hazards is HazardState.REQUESTED
    assert driven.of(Lease)[-1].until_s == float("inf")
    driven.say(hazard_signaling=True)
    driven.run(0.5)
    assert said_of_hazards(driven)[told:] == ["hazards-on"]
    assert driven.incident.incident_id == "incident-1"
    assert [entry.what for entry in driven.incident.timeline].count("rolling") == 1


def test_breaking_again_before_driving_on_tells_anew_and_asks_no_second_time() -> None:
    driven = broken(PLAN)
    driven.say(**ALIVE)
    driven.run(5)
    told, leases = len(said_of_hazards(driven)), len(driven.of(Lease))
    driven.say(**DEAD)
    driven.run(4)
    assert driven.is_in(State.ROLLING)
    assert said_of_hazards(driven)[told:] == ["hazards-on"]
    assert len(driven.of(Lease)) == leases


def test_a_second_breakdown_after_the_minute_is_a_second_incident() -> None:
    driven = driving_on().run(60)
    driven.say(**DEAD)
    driven.run(1)
    assert [incident.incident_id for incident in driven.incidents] == ["incident-1", "incident-2"]
    assert driven.incidents[1].hazards is HazardState.UNCONFIRMED


def test_lamps_that_fade_are_ours_and_not_the_drivers() -> None:
    """Released a moment ago and still flashing: another breakdown must not end in the dark."""
    driven = broken(with_limits(PLAN, drove_on_after_s=0.1, crash_hold_s=0.4))
    driven.say(**ALIVE)
    driven.run(2.95)
    driven.say(airbag_deployed=True)
    driven.run(0.6)
    assert driven.is_in(State.ROLLING)
    hazards = [entry.what for entry in driven.incident.timeline if entry.what.startswith("hazards")]
    assert hazards[-3:] == ["hazards released", "hazards requested", "hazards confirmed"]
    assert driven.sent[-1].data[1] >> 4 == 1


def test_a_driver_who_presses_the_button_while_driving_on_has_his_own_lamps() -> None:
    driven = driving_on()
    driven.say(hazard_signaling=True)
    driven.run(1)
    sent = len(driven.sent)
    driven.say(**DEAD)
    driven.run(2)
    assert driven.incident.hazards is HazardState.DRIVERS and len(driven.sent) == sent
    driven.say(**ALIVE)
    driven.run(15)
    assert len(driven.sent) == sent, "and they are not ours to take back"


# Evidence that joins --------------------------------------------------------------------------


def test_a_crash_in_an_open_incident_is_told_anew() -> None:
    driven = broken(PLAN)
    told = len(said_of_hazards(driven))
    driven.say(airbag_deployed=True)
    driven.run(4)
    assert (driven.incident.kind, driven.incident.cause) == (Finding.CRASH, 92)
    assert said_of_hazards(driven)[told:] == ["hazards-on"], "once"


def test_a_crash_that_is_also_the_second_breakdown_is_one_reason_and_not_two() -> None:
    driven = broken(PLAN)
    driven.say(**ALIVE)
    driven.run(5)
    told = len(said_of_hazards(driven))
    driven.say(airbag_deployed=True)
    driven.run(2)
    assert driven.is_in(State.ROLLING)
    assert said_of_hazards(driven)[told:] == ["hazards-on"]


def test_a_crash_on_the_hard_shoulder_asks_for_lamps_that_were_let_go() -> None:
    driven = driving_on()
    driven.say(airbag_deployed=True)
    driven.run(0.3)
    assert driven.incident.kind is Finding.CRASH and driven.incident.hazards is HazardState.REQUESTED


def test_a_stranded_car_that_is_hit_is_still_stranded_and_told_anew() -> None:
    driven = broken(PLAN)
    driven.say(speed=0.0)
    driven.run(8)
    told = len(said_of_hazards(driven))
    driven.say(airbag_deployed=True)
    driven.run(4)
    assert driven.is_in(State.STRANDED) and driven.incident.kind is Finding.CRASH
    assert said_of_hazards(driven)[told:] == ["hazards-on"]


def test_other_evidence_joins_in_silence() -> None:
    driven = broken(PLAN)
    told, reports = len(driven.notices), len(driven.of(Report))
    driven.say(supply_voltage=8.0)
    driven.run(2)
    assert len(driven.notices) == told and len(driven.of(Report)) == reports + 1
    assert driven.incident.kind is Finding.ENGINE_STOPPED
    assert driven.incident.timeline[-1].what == "also: supply-collapsed"


def test_a_crash_first_and_the_rest_later_is_a_crash() -> None:
    driven = broken(PLAN, airbag_deployed=True)
    told = len(said_of_hazards(driven))
    driven.say(**DEAD)
    driven.run(3)
    assert driven.incident.kind is Finding.CRASH
    assert said_of_hazards(driven)[told:] == []


# Hazards by the car's means -------------------------------------------------------------------


def test_a_car_that_takes_no_command_gets_the_button_each_time() -> None:
    driven = broken(replace(PLAN, hazard=replace(PLAN.hazard, command=None)))
    hazards = [entry.what for entry in driven.incident.timeline if entry.what.startswith("hazards")]
    assert hazards == ["hazards unavailable", "hazards drivers"], "and she found it"
    driven.run(4)
    assert driven.notices == ["hazard-button", "hazards-on"]
    driven.say(**ALIVE, hazard_signaling=False)
    driven.run(5)
    driven.say(**DEAD)
    driven.run(6)
    assert driven.notices[2:] == ["hazard-button", "recovered", "hazard-button"]
    assert not driven.sent and not driven.of(Lease)


def test_a_refused_request_is_tried_again_when_it_breaks_again() -> None:
    driven = driving(PLAN)
    driven.say(**DEAD)
    while not driven.sent:
        driven.run(driven.step_s)
    driven.take(driven.responder.hazards_refused(driven.now_s))
    driven.take(driven.responder.hazards_refused(driven.now_s))
    assert driven.notices == ["hazard-button"] and driven.incident.hazards.value == "refused"
    assert driven.responder.next_deadline() > driven.now_s
    driven.say(**ALIVE)
    driven.run(5)
    driven.say(**DEAD)
    driven.run(0.5)
    assert driven.incident.hazards is HazardState.REQUESTED and len(driven.sent) > 1


def test_her_press_ends_the_lease_and_is_told_to_the_fleet() -> None:
    driven = broken(PLAN)
    driven.run(3)
    driven.say(hazard_switch=True, hazard_signaling=False)
    driven.run(2)
    assert driven.incident.hazards is HazardState.RELEASED
    assert [entry.what for entry in driven.incident.timeline][-2:] == [
        "the driver switched the hazards off", "hazards released",
    ]  # fmt: skip
    assert driven.sent[-1].at_s < driven.of(Lease)[-1].until_s < driven.now_s
    assert [frame.data[1] >> 4 for frame in driven.sent][-3:] == [2, 2, 2]


def test_a_refusal_without_an_incident_is_nothing() -> None:
    driven = driving(PLAN)
    assert driven.responder.hazards_refused(driven.now_s) == []


@pytest.mark.parametrize("style", CommandStyle)
def test_every_style_lets_go_in_the_end(style: CommandStyle) -> None:
    driven = broken(replace(PLAN, hazard=replace(PLAN.hazard, command=replace(COMMAND, style=style))))
    asked = len(driven.sent)
    assert asked == (7 if style is CommandStyle.LEVEL else 3)
    driven.say(**ALIVE)
    driven.run(14)
    last = [frame.data[1] >> 4 for frame in driven.sent][-3:]
    assert last == ([1, 1, 1] if style is CommandStyle.TOGGLE else [2, 2, 2])


def test_a_hole_in_a_recording_closes_nothing() -> None:
    driven = broken(PLAN)
    driven.take(driven.responder.hole(driven.now_s + 30.0))
    driven.skip(30.0)
    assert driven.is_in(State.ROLLING)
    driven.run(2)
    assert driven.is_in(State.ROLLING) and len(driven.incidents) == 1
    driven.say(**ALIVE)
    assert driven.run(3.5).is_in(State.RECOVERED)


@pytest.mark.parametrize(("kph", "hole_s", "state"), [
    (0.0, 4.9, State.DRIVING), (0.0, 5.1, State.PARKED), (60.0, 30.0, State.DRIVING),
])  # fmt: skip
def test_a_car_that_stood_before_a_long_hole_may_have_been_parked(kph: float, hole_s: float, state: State) -> None:
    driven = driving(PLAN, 60.0)
    driven.say(speed=kph)
    driven.run(0.5)
    driven.take(driven.responder.hole(driven.now_s + hole_s))
    assert driven.responder.state is state
