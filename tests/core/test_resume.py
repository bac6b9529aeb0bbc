"""An incident that outlives the daemon: gone on with at once, with proof, or not at all."""

from dataclasses import replace
from math import inf

import pytest

from hardshoulder.core.actions import HazardState, Lease, Report, State, Use
from hardshoulder.core.plan import CarPlan, CommandStyle
from hardshoulder.core.resume import (
    PROOF_LASTS_S,
    PROOF_WITHIN_S,
    RESUMED_WITHIN_S,
    Snapshot,
    Terms,
    shifted,
    terms,
)
from hardshoulder.core.vocabulary import Value
from support.driven import DEAD, Driven, broken
from support.plain import COMMAND, plain_car
from support.talker import reference_plan

PLAN = plain_car()
ALIVE: dict[str, Value] = {
    "engine_speed": 2000.0, "engine_running": True, "drive_ready": True, "drive_torque": 300.0, "power_state": "ON",
}  # fmt: skip


def kept(plan: CarPlan = PLAN, *, hazards: HazardState | None = None, overruled: bool = False) -> Snapshot:
    """What is kept of a car that broke down and stands."""
    driven = broken(plan)
    driven.say(speed=0.0)
    driven.run(2)
    snapshot = driven.responder.snapshot
    assert snapshot is not None and snapshot.incident.hazards is HazardState.CONFIRMED
    incident = replace(snapshot.incident, hazards=hazards or snapshot.incident.hazards)
    return Snapshot(incident, overruled)


def restored(
    snapshot: Snapshot,
    kept_terms: Terms,
    plan: CarPlan = PLAN,
    *,
    says: dict[str, Value] = DEAD,
    speed_kph: float = 0.0,
) -> Driven:
    """A daemon that has just started in that car, which stands and says this."""
    driven = Driven(plan)
    driven.say(speed=speed_kph, **says)
    driven.take(driven.responder.tick(0.0))
    driven.take(driven.responder.restore(snapshot, kept_terms, 0.0))
    return driven


def test_without_an_incident_nothing_is_kept() -> None:
    assert Driven(PLAN).responder.snapshot is None


@pytest.mark.parametrize(
    ("age_s", "same_boot", "wanted"),
    [
        (0.0, True, Terms.AT_ONCE),
        (RESUMED_WITHIN_S, True, Terms.AT_ONCE),
        (RESUMED_WITHIN_S, False, Terms.WITH_PROOF),
        (RESUMED_WITHIN_S + 0.1, True, Terms.NOT_AT_ALL),
        (RESUMED_WITHIN_S + 0.1, False, Terms.NOT_AT_ALL),
        (-0.1, True, Terms.NOT_AT_ALL),
        (None, False, Terms.NOT_AT_ALL),
    ],
)
def test_the_terms(age_s: float | None, same_boot: bool, wanted: Terms) -> None:
    assert terms(age_s, same_boot=same_boot) is wanted


def test_times_move_to_another_clock_and_nothing_else_does() -> None:
    snapshot = kept()
    moved = shifted(snapshot, 100.0)
    before, after = snapshot.incident, moved.incident
    assert after.opened_at_s == before.opened_at_s + 100.0 and after.closed_at_s is None
    assert [entry.at_s for entry in after.timeline] == [entry.at_s + 100.0 for entry in before.timeline]
    assert after.evidence[0].at_s == before.evidence[0].at_s + 100.0
    assert (after.speed_kph_at_open, after.location) == (before.speed_kph_at_open, before.location)
    assert (after.sequence, after.kind, moved.overruled) == (before.sequence, before.kind, snapshot.overruled)


# The daemon alone fell ------------------------------------------------------------------------


def test_after_a_quick_restart_the_hazards_go_on_under_the_same_incident() -> None:
    snapshot = kept()
    driven = restored(snapshot, Terms.AT_ONCE)
    driven.run(1)
    assert driven.sent[0].at_s == 0.0 and {frame.data[1] >> 4 for frame in driven.sent} == {1}
    reports = [report.incident for report in driven.of(Report)]
    assert {incident.incident_id for incident in reports} == {snapshot.incident.incident_id}
    first = snapshot.incident.sequence + 1
    assert [incident.sequence for incident in reports] == list(range(first, first + len(reports)))
    assert driven.is_in(State.STRANDED)
    assert "the daemon started anew" in [entry.what for entry in reports[0].timeline]
    assert driven.of(Lease)[0].until_s == inf


def test_a_bus_that_says_nothing_after_the_restart_keeps_no_lamp_dark() -> None:
    driven = restored(kept(), Terms.AT_ONCE)
    driven.muted = {message.name for message in PLAN.messages}
    driven.run(60)
    assert driven.sent[-1].at_s > 59.8 and driven.sent[-1].data[1] >> 4 == 1


def test_the_drivers_off_survives() -> None:
    driven = restored(kept(overruled=True), Terms.AT_ONCE)
    driven.run(30)
    assert driven.sent == [] and driven.responder.snapshot is not None
    assert driven.responder.snapshot.overruled
    driven.say(airbag_deployed=True)
    driven.run(1)
    assert driven.sent, "but a crash is a new reason"


@pytest.mark.parametrize("was", [HazardState.OFF, HazardState.RELEASED])
def test_lamps_that_were_let_go_stay_so(was: HazardState) -> None:
    driven = restored(kept(hazards=was), Terms.AT_ONCE)
    driven.run(5)
    assert driven.sent == []


def test_her_own_lamps_stay_hers() -> None:
    driven = restored(kept(hazards=HazardState.DRIVERS), Terms.AT_ONCE)
    driven.say(hazard_signaling=True)
    driven.run(5)
    assert driven.sent == [] and driven.incident.hazards is HazardState.DRIVERS


def test_a_toggle_is_not_flipped_by_a_restart() -> None:
    plan = replace(PLAN, hazard=replace(PLAN.hazard, command=replace(COMMAND, style=CommandStyle.TOGGLE)))
    driven = restored(kept(plan), Terms.AT_ONCE, plan)
    driven.say(hazard_signaling=True)
    driven.run(5)
    assert driven.sent == [] and driven.incident.hazards is HazardState.CONFIRMED


def test_an_incident_that_went_on_ends_as_any_other() -> None:
    driven = restored(kept(), Terms.AT_ONCE)
    driven.run(2)
    driven.say(speed=60.0, **ALIVE)
    driven.run(16)
    assert driven.is_in(State.DRIVING_ON) and driven.sent[-1].data[1] >> 4 == 2
    driven.run(70)
    assert driven.incident.state is State.CLOSED


def test_the_display_has_its_lease_again() -> None:
    plan = reference_plan()
    driven = broken(plan)
    snapshot = driven.responder.snapshot
    assert snapshot is not None
    again = restored(snapshot, Terms.AT_ONCE, plan)
    assert {lease.use for lease in again.of(Lease)} == set(Use)


# The whole module fell ------------------------------------------------------------------------


def test_after_a_start_of_the_module_hazards_wait_for_the_cars_word() -> None:
    driven = restored(kept(), Terms.WITH_PROOF)
    driven.run(PROOF_LASTS_S - 0.1)
    assert driven.sent == [] and driven.is_in(State.STRANDED)
    driven.run(0.5)
    assert driven.sent[-1].data[1] >> 4 == 1


def test_a_repaired_car_never_flashes_at_its_next_key_on() -> None:
    """Ignition on, a moment later the engine is started, as ever."""
    driven = restored(kept(), Terms.WITH_PROOF)
    driven.run(PROOF_LASTS_S - 1.0)
    driven.say(**ALIVE)
    driven.run(10)
    assert driven.is_in(State.RECOVERED)
    driven.run(60)
    assert driven.sent == [] and driven.incident.state is State.CLOSED
    assert "not seen without drive after the start" in [entry.what for entry in driven.incident.timeline]


def test_a_car_that_says_nothing_in_time_flashes_nothing_and_the_incident_is_closed() -> None:
    driven = restored(kept(), Terms.WITH_PROOF)
    driven.muted = {message.name for message in PLAN.messages}
    driven.run(PROOF_WITHIN_S - 0.1)
    assert driven.is_in(State.STRANDED)
    driven.run(0.2)
    assert driven.sent == [] and driven.incident.state is State.CLOSED and driven.is_in(State.PARKED)


def test_a_fresh_breakdown_is_proof_enough() -> None:
    driven = restored(kept(), Terms.WITH_PROOF, speed_kph=60.0, says=ALIVE)
    driven.run(4)
    assert driven.is_in(State.RECOVERED)
    driven.say(**DEAD)
    driven.run(1)
    assert driven.is_in(State.ROLLING) and driven.sent[-1].data[1] >> 4 == 1


def test_an_incident_that_ends_before_its_proof_is_due_is_over() -> None:
    """It drives on at once: nothing waits for the proof any more, and nothing is closed a second time."""
    quick = replace(
        PLAN, thresholds=replace(PLAN.thresholds, recovered_after_s=1.0, drove_on_after_s=1.0, closed_after_s=1.0)
    )
    driven = restored(kept(), Terms.WITH_PROOF, quick, speed_kph=60.0, says=ALIVE)
    driven.run(PROOF_WITHIN_S - 1.0)
    assert driven.is_in(State.DRIVING) and driven.incident.state is State.CLOSED
    said = driven.incident
    driven.run(3)
    assert driven.is_in(State.DRIVING) and driven.incident == said and driven.sent == []


def test_an_incident_of_long_ago_is_closed_and_told() -> None:
    snapshot = kept()
    driven = restored(snapshot, Terms.NOT_AT_ALL)
    driven.run(30)
    assert driven.sent == [] and driven.is_in(State.PARKED)
    (report,) = driven.of(Report)
    assert (report.incident.incident_id, report.incident.state) == (snapshot.incident.incident_id, State.CLOSED)
    assert report.incident.sequence == snapshot.incident.sequence + 1


def test_what_the_driver_said_of_a_closed_incident_does_not_count_for_the_next() -> None:
    driven = restored(kept(overruled=True), Terms.NOT_AT_ALL)
    driven.say(speed=100.0, **ALIVE)
    driven.run(5)
    driven.say(**DEAD)
    driven.run(1)
    assert driven.sent


def test_only_a_responder_that_has_just_started_takes_an_incident() -> None:
    driven = broken(PLAN)
    with pytest.raises(AssertionError, match="at the start"):
        driven.responder.restore(kept(), Terms.AT_ONCE, driven.now_s)
