"""Every state meets every event, and the record tells what happened."""

from dataclasses import FrozenInstanceError

import pytest

from hardshoulder.core.actions import Evidence, Finding, HazardState, Incident, State
from hardshoulder.core.incident import (
    OPEN_STATES,
    TIMELINE_LIMIT,
    TRANSITIONS,
    Circumstances,
    Event,
    denm_cause,
    next_state,
    open_incident,
    reported,
    with_entry,
    with_evidence,
    with_hazards,
    with_kind,
    with_state,
)

# An independent statement of the story: (from, event, to). Everything else stays.
STORY = """
parked arm driving
driving park parked
driving suspect suspect
driving break rolling
suspect park parked
suspect clear driving
suspect break rolling
rolling stop stranded
rolling recover recovered
stranded recover recovered
recovered break rolling
recovered drive-on driving-on
driving-on break rolling
driving-on settle closed
driving-on park closed
closed leave driving
"""
MOVES = {(State(a), Event(b)): State(c) for a, b, c in (line.split() for line in STORY.split("\n") if line)}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_state_meets_every_event(state: State, event: Event) -> None:
    assert next_state(state, event) is MOVES.get((state, event), state)


def test_no_state_is_a_trap_and_none_is_out_of_reach() -> None:
    left = {state for state, _ in TRANSITIONS}
    reached = set(TRANSITIONS.values())
    assert left == set(State) and reached == set(State)


def test_an_open_incident_leaves_by_closing_only() -> None:
    for state in OPEN_STATES:
        after = {next_state(state, event) for event in Event}
        assert after <= OPEN_STATES | {State.CLOSED}
        assert State.CLOSED not in after or state is State.DRIVING_ON


def evidence(finding: Finding = Finding.ENGINE_STOPPED, at_s: float = 9.5) -> Evidence:
    return Evidence(finding, "Vehicle.Powertrain.CombustionEngine.Speed", 120.0, at_s)


def opened() -> Incident:
    return open_incident("i-1", Finding.ENGINE_STOPPED, [evidence()], 10.0, 98.0, None, (91, 3))


def test_opening_takes_the_earliest_suspicion() -> None:
    found = [evidence(Finding.POWER_LOST, 9.7), evidence(Finding.ENGINE_STOPPED, 9.2)]
    incident = open_incident("i-1", Finding.POWER_LOST, found, 10.0, 98.0, None, (91, 3))
    assert (incident.cause, incident.sub_cause, incident.speed_kph_at_open) == (91, 3, 98.0)
    stamps = (incident.hazards_requested_at_s, incident.stopped_at_s, incident.closed_at_s, incident.location)
    assert stamps == (None, None, None, None)
    assert (incident.kind, incident.suspected_at_s, incident.opened_at_s) == (Finding.POWER_LOST, 9.2, 10.0)
    assert (incident.sequence, incident.state, incident.hazards) == (0, State.ROLLING, HazardState.OFF)


def test_reports_are_numbered_from_one() -> None:
    first = reported(opened())
    assert (first.sequence, reported(first).sequence) == (1, 2)


def test_every_change_is_a_line() -> None:
    incident = with_state(with_hazards(opened(), HazardState.REQUESTED, 10.0), State.STRANDED, 30.0)
    assert (incident.hazards_requested_at_s, incident.stopped_at_s) == (10.0, 30.0)
    assert [entry.what for entry in incident.timeline] == [
        "suspected: engine-stopped", "opened", "hazards requested", "stranded",
    ]  # fmt: skip


def test_first_stop_and_first_request_stay() -> None:
    again = with_state(with_state(opened(), State.STRANDED, 30.0), State.STRANDED, 50.0)
    assert again.stopped_at_s == 30.0
    asked = with_hazards(with_hazards(opened(), HazardState.REQUESTED, 10.0), HazardState.REQUESTED, 20.0)
    assert asked.hazards_requested_at_s == 10.0
    assert with_hazards(opened(), HazardState.UNAVAILABLE, 10.0).hazards_requested_at_s is None


def test_closing_is_stamped() -> None:
    assert with_state(opened(), State.CLOSED, 99.0).closed_at_s == 99.0


def test_known_evidence_changes_nothing_and_new_evidence_is_added() -> None:
    incident = opened()
    assert with_evidence(incident, [evidence(at_s=11.0)], 11.0) is incident
    more = with_evidence(incident, [evidence(), evidence(Finding.SUPPLY_COLLAPSED, 11.0)], 11.0)
    assert [item.finding for item in more.evidence] == [Finding.ENGINE_STOPPED, Finding.SUPPLY_COLLAPSED]
    assert more.timeline[-1].what == "also: supply-collapsed"


def test_the_timeline_is_bounded() -> None:
    incident = opened()
    assert TIMELINE_LIMIT == 200
    for step in range(2 * TIMELINE_LIMIT):
        incident = with_entry(incident, 10.0 + step, str(step))
    assert len(incident.timeline) == TIMELINE_LIMIT
    assert incident.timeline[-1].what == str(2 * TIMELINE_LIMIT - 1)


@pytest.mark.parametrize(
    ("kind", "known", "cause"),
    [
        (Finding.CRASH, Circumstances(0.0, 0.0, True, True), (92, 0)),
        (Finding.SWITCHED_OFF, Circumstances(0.0, 0.0, True, True), (91, 0)),
        (Finding.ENGINE_STOPPED, Circumstances(fuel_percent=0.999), (91, 1)),
        (Finding.ENGINE_STOPPED, Circumstances(fuel_percent=1.0), (91, 3)),
        (Finding.ENGINE_STOPPED, Circumstances(fuel_percent=50.0), (91, 3)),
        (Finding.ENGINE_STOPPED, Circumstances(charge_percent=50.0), (91, 3)),
        (Finding.ENGINE_STOPPED, Circumstances(), (91, 3)),
        (Finding.ENGINE_STOPPED, Circumstances(fuel_percent=0.0, charge_percent=0.0), (91, 1)),
        (Finding.ENGINE_STOPPED, Circumstances(charge_percent=0.0, overheated=True), (91, 2)),
        (Finding.ENGINE_STOPPED, Circumstances(overheated=True, brakes_failing=True), (91, 5)),
        (Finding.NO_TORQUE, Circumstances(fuel_percent=0.0), (91, 1)),
        (Finding.CONTACTORS_OPEN, Circumstances(fuel_percent=0.0, charge_percent=0.999), (91, 2)),
        (Finding.CONTACTORS_OPEN, Circumstances(charge_percent=1.0), (91, 3)),
        (Finding.CONTACTORS_OPEN, Circumstances(fuel_percent=0.0), (91, 3)),
        (Finding.DRIVE_NOT_READY, Circumstances(brakes_failing=True), (91, 6)),
        (Finding.SUPPLY_COLLAPSED, Circumstances(50.0, 50.0), (91, 2)),
        (Finding.POWER_LOST, Circumstances(50.0, 50.0), (91, 0)),
        (Finding.BUS_SILENT, Circumstances(), (91, 0)),
    ],
)
def test_denm_cause(kind: Finding, known: Circumstances, cause: tuple[int, int]) -> None:
    assert denm_cause(kind, known) == cause


ENGINE = {
    Finding.ENGINE_STOPPED, Finding.CONTACTORS_OPEN, Finding.DRIVE_NOT_READY, Finding.NO_TORQUE, Finding.DRIVE_SILENT,
    Finding.NO_DRIVE, Finding.STALLED, Finding.STOP_NOW, Finding.LIMP_HOME, Finding.MALFUNCTION,
}  # fmt: skip


@pytest.mark.parametrize("kind", Finding)
def test_where_nothing_else_is_known_the_kind_alone_names_the_cause(kind: Finding) -> None:
    cause, sub_cause = denm_cause(kind)
    assert cause == (92 if kind is Finding.CRASH else 91)
    assert sub_cause == (3 if kind in ENGINE else 2 if kind is Finding.SUPPLY_COLLAPSED else 0)


def test_an_incident_without_evidence_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="evidence"):
        open_incident("i-1", Finding.CRASH, [evidence()], 10.0, 98.0, None, (92, 0))


@pytest.mark.parametrize("kind", Finding)
def test_an_incident_is_renamed_only_by_what_tells_more(kind: Finding) -> None:
    incident = opened()
    renamed = with_kind(incident, kind, (1, 2), 11.0)
    if kind in (Finding.CRASH, Finding.SWITCHED_OFF, Finding.POWER_LOST, Finding.CONTACTORS_OPEN):
        assert (renamed.kind, renamed.cause, renamed.sub_cause) == (kind, 1, 2)
        assert renamed.timeline[-1].what == f"now: {kind.value}"
    else:
        assert renamed is incident


def test_what_is_known_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        Circumstances().overheated = True  # type: ignore[misc]
