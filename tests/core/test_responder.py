"""The core as a whole on a talking reference car: what it does, in which order, at which time."""

from dataclasses import replace
from itertools import pairwise

import pytest

from hardshoulder.core.actions import Finding, HazardState, Health, Lease, Report, ReportStatus, State, Transmit
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Vss
from support.driven import Driven, driving
from support.talker import reference_plan

PLAN = reference_plan("combustion")


def stop_engine(driven: Driven) -> None:
    driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)


def test_a_daemon_that_has_heard_nothing_says_that_it_is_blind() -> None:
    responder = Driven(PLAN).responder
    (status,) = responder.tick(3.0)
    assert isinstance(status, ReportStatus)
    assert (status.state, status.health, status.speed_kph, status.at_s) == (State.PARKED, Health.BLIND, None, 3.0)
    assert set(status.missing) == {signal.vss for message in PLAN.messages for signal in message.signals}
    assert responder.tick(100.0) == [] and not responder.findings


def test_a_healthy_drive_is_driving_and_silent() -> None:
    driven = driving(PLAN, seconds=20)
    assert driven.is_in(State.DRIVING)
    assert not driven.incidents and not driven.sent and not driven.notices


def test_an_engine_that_stops_on_the_motorway_is_an_incident() -> None:
    driven = driving(PLAN)
    began_s = driven.now_s
    stop_engine(driven)
    driven.run(2)
    incident = driven.incident
    assert incident.kind is Finding.ENGINE_STOPPED
    assert 0.3 <= incident.opened_at_s - began_s <= 0.4
    assert incident.speed_kph_at_open == pytest.approx(100.0)
    assert incident.hazards_requested_at_s == incident.opened_at_s


def test_lamps_go_before_driver_and_fleet() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(1)
    opened_s = driven.incident.opened_at_s
    at_open = [action for at_s, action in driven.log if at_s == pytest.approx(opened_s, abs=driven.step_s)]
    kinds = [type(action) for action in at_open if not isinstance(action, ReportStatus)]
    assert kinds[:3] == [Lease, Lease, Transmit]
    assert kinds.index(Transmit) < kinds.index(Report)


def test_hazard_frames_go_on_every_period_with_a_counter() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(0.5)
    driven.say(hazard_signaling=True)
    driven.run(2.5)
    gaps = [b.at_s - a.at_s for a, b in pairwise(driven.sent)]
    assert len(driven.sent) > 20 and all(gap == pytest.approx(0.1, abs=1e-9) for gap in gaps)
    counts = [frame.data[1] & 0x0F for frame in driven.sent]
    assert all((b - a) % 16 == 1 for a, b in pairwise(counts))
    assert {frame.data[1] >> 4 for frame in driven.sent} == {1}


def test_lamps_that_are_seen_confirm() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(0.6)
    driven.say(hazard_signaling=True)
    driven.run(0.3)
    assert driven.incident.hazards is HazardState.CONFIRMED
    assert driven.notices == ["hazards-on"]


def test_lamps_that_are_not_seen_leave_the_driver_the_button_and_the_request_goes_on() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(3)
    assert driven.incident.hazards is HazardState.UNCONFIRMED
    assert driven.notices == ["hazard-button"]
    assert driven.sent[-1].at_s > driven.now_s - 0.2


def test_a_refusing_permit_leaves_the_driver_the_button_at_once() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    while not driven.sent:
        driven.run(driven.step_s)
    driven.take(driven.responder.hazards_refused(driven.now_s))
    assert driven.notices == ["hazard-button"]
    driven.run(3)
    assert len(driven.sent) == 1
    assert driven.incident.hazards is HazardState.REFUSED


def test_flashing_lamps_are_the_drivers_own() -> None:
    driven = driving(PLAN)
    driven.say(hazard_signaling=True)
    driven.run(1)
    stop_engine(driven)
    driven.run(3)
    assert driven.incident.hazards is HazardState.DRIVERS
    assert not driven.sent and driven.notices == ["hazards-on"]


def test_standing_still_is_stranded_and_told_once() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    for speed in range(100, -1, -5):
        driven.say(speed=float(speed))
        driven.run(0.5)
    driven.run(5)
    assert driven.incident.state is State.STRANDED
    assert driven.notices.count("stopped") == 1
    assert driven.incident.stopped_at_s is not None


def recovered(driven: Driven) -> Driven:
    stop_engine(driven)
    driven.run(0.6)
    driven.say(hazard_signaling=True)
    driven.run(3)
    driven.say(engine_speed=1900.0, engine_running=True, drive_ready=True, drive_torque=300.0)
    return driven.run(4)


@pytest.mark.slow
def test_a_car_that_drives_on_closes_the_incident_and_the_lamps_are_let_go() -> None:
    driven = recovered(driving(PLAN))
    assert driven.is_in(State.RECOVERED)
    driven.run(9.5)
    assert driven.is_in(State.DRIVING_ON) and driven.incident.hazards is HazardState.RELEASED
    driven.say(hazard_signaling=False)
    driven.run(1)
    off = [frame.data[1] >> 4 for frame in driven.sent][-3:]
    assert off == [2, 2, 2]
    lease = driven.of(Lease)[-1]
    assert driven.sent[-1].at_s < lease.until_s < driven.sent[-1].at_s + 1.0
    count = len(driven.sent)
    driven.run(60)
    assert len(driven.sent) == count
    assert driven.is_in(State.DRIVING) and driven.incident.state is State.CLOSED
    assert driven.incident.closed_at_s is not None


def test_a_car_that_breaks_again_before_driving_on_is_the_same_incident() -> None:
    driven = recovered(driving(PLAN))
    stop_engine(driven)
    driven.run(2)
    assert driven.is_in(State.ROLLING)
    assert len(driven.incidents) == 1
    assert driven.incident.hazards is HazardState.CONFIRMED


@pytest.mark.slow
def test_every_report_is_the_next_in_sequence() -> None:
    driven = recovered(driving(PLAN)).run(80)
    assert driven.incident.state is State.CLOSED
    sequences = [report.incident.sequence for report in driven.of(Report)]
    assert sequences == list(range(1, len(sequences) + 1))


@pytest.mark.slow
def test_a_second_breakdown_later_is_a_second_incident() -> None:
    driven = recovered(driving(PLAN)).run(12)
    driven.say(hazard_signaling=False)
    driven.run(60)
    stop_engine(driven)
    driven.run(2)
    assert [incident.incident_id for incident in driven.incidents] == ["incident-1", "incident-2"]


@pytest.mark.parametrize("speed_kph", [0.0, 5.0, 14.9, 24.9])
def test_below_the_alert_and_start_stop_speed_an_engine_stop_is_none(speed_kph: float) -> None:
    driven = driving(PLAN, speed_kph=30.0)
    driven.say(speed=speed_kph)
    driven.run(2)
    driven.say(engine_speed=0.0, engine_running=False)
    driven.run(10)
    assert not driven.incidents


def test_key_off_at_standstill_parks() -> None:
    driven = driving(PLAN)
    for speed in range(100, -1, -5):
        driven.say(speed=float(speed))
        driven.run(0.5)
    driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, power_state="OFF")
    driven.run(10)
    assert driven.is_in(State.PARKED) and not driven.incidents
    driven.muted = {message.name for message in PLAN.messages}
    driven.run(60)
    assert not driven.incidents


def test_a_car_towed_flat_never_arms() -> None:
    driven = Driven(PLAN)
    driven.say(speed=60.0, engine_speed=0.0, engine_running=False, drive_ready=False, power_state="ACC")
    driven.run(30)
    assert driven.is_in(State.PARKED) and not driven.incidents


def test_cranking_is_no_breakdown() -> None:
    driven = Driven(PLAN)
    driven.say(speed=0.0, engine_speed=0.0, engine_running=False, drive_ready=False)
    driven.run(2)
    driven.say(power_state="START", supply_voltage=6.5, engine_speed=180.0)
    driven.run(1)
    driven.say(engine_speed=900.0, engine_running=True, drive_ready=True, power_state="ON", supply_voltage=14.2)
    driven.run(5)
    assert not driven.incidents


@pytest.mark.parametrize("lie", [{"power_state": "OFF"}, {"engine_speed": 0.0}, {"airbag_deployed": True}])
def test_one_lying_frame_on_a_healthy_car_is_nothing(lie: dict[str, bool | float | str]) -> None:
    driven = driving(PLAN)
    healthy = {name: driven.talker.values[Vss[name.upper()]] for name in lie}
    carrier = driven.talker.carrier(Vss[next(iter(lie)).upper()])
    said: list[Frame] = []

    def lie_once(frame: Frame) -> Frame:
        if frame.can_id != carrier.can_id or said:
            return frame
        driven.say(**lie)
        said.append(driven.talker.frame(carrier, frame.at_s))
        driven.say(**healthy)
        return said[0]

    driven.on_frame = lie_once
    driven.run(5)
    assert said and not driven.incidents


def test_one_impossible_speed_arms_nothing() -> None:
    driven = Driven(PLAN)
    driven.say(speed=0.0)
    driven.run(1)
    driven.say(speed=196.0)
    driven.run(0.02)
    driven.say(speed=0.0)
    driven.run(5)
    assert driven.is_in(State.PARKED)


def test_a_drive_node_that_resets_for_two_seconds_is_nothing_and_one_that_stays_away_is_something() -> None:
    driven = driving(PLAN)
    driven.mute(Vss.ENGINE_SPEED, Vss.DRIVE_READY)
    driven.run(2)
    driven.muted.clear()
    driven.run(5)
    assert not driven.incidents
    driven.mute(Vss.ENGINE_SPEED, Vss.DRIVE_READY)
    silent_s = driven.now_s
    driven.run(5)
    assert driven.incident.kind is Finding.DRIVE_SILENT
    assert 2.9 <= driven.incident.opened_at_s - silent_s <= 3.1


def test_a_silent_drive_in_a_car_that_gets_faster_is_nothing() -> None:
    driven = driving(PLAN, speed_kph=60.0)
    driven.mute(Vss.ENGINE_SPEED, Vss.DRIVE_READY)
    for speed in range(60, 120, 2):
        driven.say(speed=float(speed))
        driven.run(0.25)
    assert not driven.incidents


def test_a_bus_of_which_nothing_comes_any_more_leaves_the_daemon_blind_and_not_alarmed() -> None:
    driven = driving(PLAN)
    driven.muted = {message.name for message in PLAN.messages}
    driven.run(30)
    assert not driven.incidents
    assert driven.of(ReportStatus)[-1].health is Health.BLIND


def two_buses(plan: CarPlan) -> CarPlan:
    """The reference car with brakes and body on a second bus."""
    body = {"ESC_Speed", "BCM_Power", "BCM_Lamps", "ACU_Crash"}
    messages = tuple(replace(m, bus="body") if m.name in body else m for m in plan.messages)
    return replace(plan, buses=("main", "body"), messages=messages)


def test_a_bus_that_falls_silent_while_another_speaks_is_a_finding() -> None:
    driven = driving(two_buses(PLAN))
    driven.muted = {message.name for message in driven.plan.messages if message.bus == "main"}
    silent_s = driven.now_s
    driven.run(3)
    assert driven.incident.kind is Finding.BUS_SILENT
    assert 0.9 <= driven.incident.opened_at_s - silent_s <= 1.1


def test_a_bus_that_we_lost_ourselves_is_no_finding() -> None:
    driven = driving(two_buses(PLAN))
    driven.muted = {message.name for message in driven.plan.messages if message.bus == "main"}
    driven.take(driven.responder.lost_bus("main", driven.now_s))
    driven.run(30)
    assert not driven.incidents
    assert driven.of(ReportStatus)[-1].health is Health.BLIND
    driven.muted.clear()
    driven.run(2)
    assert driven.of(ReportStatus)[-1].health is Health.WATCHING


def test_a_car_first_seen_at_speed_is_watched_at_once() -> None:
    driven = driving(PLAN, seconds=0.1)
    assert driven.is_in(State.DRIVING)
    stop_engine(driven)
    driven.run(2)
    assert driven.incident.opened_at_s < 0.8


def test_a_doubled_lie_is_still_one_lie() -> None:
    """A slow message without a counter, corrupt once and doubled on the wire, is not said twice."""
    plan = replace(PLAN, messages=tuple(replace(m, counter=None) for m in PLAN.messages))
    driven = driving(plan)
    carrier = driven.talker.carrier(Vss.AIRBAG_DEPLOYED)
    driven.say(airbag_deployed=True)
    lie = driven.talker.frame(carrier, driven.now_s)
    driven.say(airbag_deployed=False)
    driven.take([*driven.responder.receive(lie), *driven.responder.receive(lie)])
    driven.run(3)
    assert not driven.incidents


def test_a_hole_in_a_recording_is_not_silence() -> None:
    driven = driving(two_buses(PLAN))
    driven.responder.hole(driven.now_s + 6.7)
    driven.skip(6.7)
    driven.run(10)
    assert not driven.incidents


def test_a_crash_counts_at_any_speed() -> None:
    driven = driving(PLAN, speed_kph=30.0)
    driven.say(speed=0.0)
    driven.run(3)
    driven.say(airbag_deployed=True)
    driven.run(1)
    assert (driven.incident.kind, driven.incident.cause) == (Finding.CRASH, 92)


def test_worse_evidence_that_joins_renames_the_incident_and_its_cause() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(2)
    assert (driven.incident.kind, driven.incident.cause) == (Finding.ENGINE_STOPPED, 91)
    driven.say(airbag_deployed=True)
    driven.run(1)
    assert (driven.incident.kind, driven.incident.cause) == (Finding.CRASH, 92)
    assert driven.incident.evidence[0].finding is not Finding.CRASH, "what came first stays first"


def test_health_names_what_is_missing() -> None:
    driven = driving(PLAN)
    assert driven.of(ReportStatus)[-1].health is Health.WATCHING
    driven.mute(Vss.LATITUDE)
    driven.run(3)
    last = driven.of(ReportStatus)[-1]
    assert last.health is Health.DEGRADED and set(last.missing) == {Vss.LATITUDE, Vss.LONGITUDE}


def test_the_incident_knows_where() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(1)
    location = driven.incident.location
    assert location is not None
    assert (location.latitude, location.longitude, location.heading) == pytest.approx((48.0, 11.0, 90.0))


def test_stepping_finely_and_not_at_all_give_the_same_times() -> None:
    fine = driving(PLAN)
    stop_engine(fine)
    fine.run(5)
    frames: list[Frame] = []

    def record(frame: Frame) -> Frame:
        frames.append(frame)
        return frame

    again = Driven(PLAN, on_frame=record, fine=True)
    again.say(speed=100.0)
    again.run(4)
    stop_engine(again)
    again.run(5)
    batch = Driven(PLAN).responder
    out = [action for frame in frames for action in batch.receive(frame)]
    assert [a for a in out if isinstance(a, Report)] == fine.of(Report)
