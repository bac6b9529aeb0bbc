"""Everything that moves the state of the car: one table, and the record of one incident.

The story it tells. A car is PARKED until it has driven under its own power; only then is there
anything to break (a car towed flat in accessory mode never arms). While DRIVING, the first
evidence makes it SUSPECT, which is only a note: evidence that goes away leads back. When the
findings weigh enough it is ROLLING: broken down and still moving, which is when hazards are
worth most. Standing still it is STRANDED. A drive that answers again makes it RECOVERED from
either, and a car that then drives on is DRIVING_ON: its hazards are released, and the incident is
closed when that has lasted, or when the driver parks. Until then it can break again: that continues
the same incident, so a car that coughs five times is one incident and not five.
CLOSED is a moment, not a place: the next step leads back to DRIVING.

What is not in the table does not move the state. There is at most one open incident.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from hardshoulder.core.actions import (
    Entry,
    Evidence,
    Finding,
    HazardState,
    Incident,
    Location,
    State,
)

TIMELINE_LIMIT = 200
"""Entries kept in one incident; a car that flaps for hours must not grow an alert without end."""


class Event(Enum):
    """What can happen to the state."""

    ARM = "arm"
    PARK = "park"
    SUSPECT = "suspect"
    CLEAR = "clear"
    BREAK = "break"
    STOP = "stop"
    RECOVER = "recover"
    DRIVE_ON = "drive-on"
    SETTLE = "settle"
    LEAVE = "leave"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.PARKED, Event.ARM): State.DRIVING,
    (State.DRIVING, Event.PARK): State.PARKED,
    (State.DRIVING, Event.SUSPECT): State.SUSPECT,
    (State.DRIVING, Event.BREAK): State.ROLLING,
    (State.SUSPECT, Event.PARK): State.PARKED,
    (State.SUSPECT, Event.CLEAR): State.DRIVING,
    (State.SUSPECT, Event.BREAK): State.ROLLING,
    (State.ROLLING, Event.STOP): State.STRANDED,
    (State.ROLLING, Event.RECOVER): State.RECOVERED,
    (State.STRANDED, Event.RECOVER): State.RECOVERED,
    (State.RECOVERED, Event.BREAK): State.ROLLING,
    (State.RECOVERED, Event.DRIVE_ON): State.DRIVING_ON,
    (State.DRIVING_ON, Event.BREAK): State.ROLLING,
    (State.DRIVING_ON, Event.SETTLE): State.CLOSED,
    (State.DRIVING_ON, Event.PARK): State.CLOSED,
    (State.CLOSED, Event.LEAVE): State.DRIVING,
}

OPEN_STATES = frozenset({State.ROLLING, State.STRANDED, State.RECOVERED, State.DRIVING_ON})
"""The states in which an incident is open."""


def next_state(state: State, event: Event) -> State:
    """The state after the event; the same state when the event means nothing there."""
    return TRANSITIONS.get((state, event), state)


_SUB_CAUSE_ENGINE, _SUB_CAUSE_BATTERY, _SUB_CAUSE_FUEL, _SUB_CAUSE_UNKNOWN = 3, 2, 1, 0
_SUB_CAUSE_COOLING, _SUB_CAUSE_BRAKES = 5, 6
_EMPTY_PERCENT = 1.0
_CAUSE_BREAKDOWN, _CAUSE_POST_CRASH = 91, 92
_BY_KIND = {
    Finding.ENGINE_STOPPED: _SUB_CAUSE_ENGINE,
    Finding.DRIVE_NOT_READY: _SUB_CAUSE_ENGINE,
    Finding.CONTACTORS_OPEN: _SUB_CAUSE_ENGINE,
    Finding.DRIVE_SILENT: _SUB_CAUSE_ENGINE,
    Finding.NO_DRIVE: _SUB_CAUSE_ENGINE,
    Finding.NO_TORQUE: _SUB_CAUSE_ENGINE,
    Finding.STALLED: _SUB_CAUSE_ENGINE,
    Finding.STOP_NOW: _SUB_CAUSE_ENGINE,
    Finding.LIMP_HOME: _SUB_CAUSE_ENGINE,
    Finding.MALFUNCTION: _SUB_CAUSE_ENGINE,
    Finding.SUPPLY_COLLAPSED: _SUB_CAUSE_BATTERY,
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else is known when a cause has to be named; percent, None where nobody knows."""

    fuel_percent: float | None = None
    charge_percent: float | None = None
    overheated: bool = False
    brakes_failing: bool = False


_NOTHING_KNOWN = Circumstances()


def denm_cause(kind: Finding, known: Circumstances = _NOTHING_KNOWN) -> tuple[int, int]:
    """(causeCode, subCauseCode) of ETSI EN 302 637-3 for this kind, given what else is known."""
    if kind is Finding.CRASH:
        return _CAUSE_POST_CRASH, _SUB_CAUSE_UNKNOWN
    if kind is Finding.SWITCHED_OFF:
        return _CAUSE_BREAKDOWN, _SUB_CAUSE_UNKNOWN
    return _CAUSE_BREAKDOWN, _known_cause(kind, known) or _BY_KIND.get(kind, _SUB_CAUSE_UNKNOWN)


def _known_cause(kind: Finding, known: Circumstances) -> int | None:
    engine_died = kind in (Finding.ENGINE_STOPPED, Finding.NO_TORQUE)
    if engine_died and known.fuel_percent is not None and known.fuel_percent < _EMPTY_PERCENT:
        return _SUB_CAUSE_FUEL
    if known.charge_percent is not None and known.charge_percent < _EMPTY_PERCENT:
        return _SUB_CAUSE_BATTERY
    if known.overheated:
        return _SUB_CAUSE_COOLING
    return _SUB_CAUSE_BRAKES if known.brakes_failing else None


def open_incident(
    incident_id: str,
    kind: Finding,
    evidence: Sequence[Evidence],
    now_s: float,
    speed_kph: float | None,
    location: Location | None,
    cause: tuple[int, int],
) -> Incident:
    """A new incident, not reported yet. kind: one of the findings in evidence."""
    assert kind in {item.finding for item in evidence}, "an incident needs evidence of its kind"
    suspected_s = min(item.at_s for item in evidence)
    return Incident(
        incident_id=incident_id,
        sequence=0,
        kind=kind,
        state=State.ROLLING,
        hazards=HazardState.OFF,
        suspected_at_s=suspected_s,
        opened_at_s=now_s,
        hazards_requested_at_s=None,
        stopped_at_s=None,
        closed_at_s=None,
        speed_kph_at_open=speed_kph,
        evidence=tuple(evidence),
        location=location,
        timeline=(
            Entry(suspected_s, f"suspected: {kind.value}"),
            Entry(now_s, "opened"),
        ),
        cause=cause[0],
        sub_cause=cause[1],
    )


def with_entry(incident: Incident, now_s: float, what: str) -> Incident:
    """The incident with one more line in its timeline."""
    return replace(incident, timeline=(*incident.timeline, Entry(now_s, what))[-TIMELINE_LIMIT:])


def reported(incident: Incident) -> Incident:
    """The incident as it goes out: numbered anew, so that the fleet sees gaps and order (1 is the first)."""
    return replace(incident, sequence=incident.sequence + 1)


def with_state(incident: Incident, state: State, now_s: float) -> Incident:
    """The incident in a new state, stamped where the state has a stamp."""
    moved = replace(with_entry(incident, now_s, state.value), state=state)
    if state is State.STRANDED and moved.stopped_at_s is None:
        return replace(moved, stopped_at_s=now_s)
    return replace(moved, closed_at_s=now_s) if state is State.CLOSED else moved


def with_evidence(incident: Incident, more: Sequence[Evidence], now_s: float) -> Incident:
    """The incident with findings it did not have yet; unchanged when there are none."""
    known = {item.finding for item in incident.evidence}
    new = [item for item in more if item.finding not in known]
    if not new:
        return incident
    named = with_entry(incident, now_s, "also: " + ", ".join(item.finding.value for item in new))
    return replace(named, evidence=(*incident.evidence, *new))


def with_kind(incident: Incident, kind: Finding, cause: tuple[int, int], now_s: float) -> Incident:
    """The incident under a name that tells more; unchanged when the new one tells less."""
    order = list(Finding)
    if order.index(kind) >= order.index(incident.kind):
        return incident
    named = with_entry(incident, now_s, f"now: {kind.value}")
    return replace(named, kind=kind, cause=cause[0], sub_cause=cause[1])


def with_hazards(incident: Incident, hazards: HazardState, now_s: float) -> Incident:
    """The incident with what is now known of the hazard lights."""
    named = with_entry(incident, now_s, f"hazards {hazards.value}")
    asked_s = incident.hazards_requested_at_s
    if hazards is HazardState.REQUESTED and asked_s is None:
        asked_s = now_s
    return replace(named, hazards=hazards, hazards_requested_at_s=asked_s)
