"""The car's values as events of the contract: monotonic seconds become wall times, codes become words."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from hardshoulder.core.actions import (
    Entry,
    Evidence,
    Finding,
    Location,
    Recording,
    Report,
    ReportStatus,
    Window,
)
from hardshoulder.core.plan import as_text
from hardshoulder.core.shadow import Comparison, ShadowStatus, Verdict
from hardshoulder.core.vocabulary import UNITS, Unit, Value, Vss
from hardshoulder.settings import Identity
from hardshoulder.wire import (
    INCIDENT_TYPE,
    PRESENCE_TYPE,
    STATUS_TYPE,
    WINDOW_SIGNALS,
    CauseData,
    DisagreementData,
    EntryData,
    EvidenceData,
    IncidentData,
    IncidentEvent,
    LocationData,
    PresenceData,
    PresenceEvent,
    RecordingData,
    ShadowData,
    StatusData,
    StatusEvent,
    WindowData,
    new_event_id,
    report_id,
    schema_id,
)

WallTime = Callable[[float], datetime]
"""Maps a time of the monotonic clock to the wall time of that moment, with a time zone."""

EVIDENCE_LIMIT = 64
TIMELINE_LIMIT = 256
"""What one event carries at most; of a longer timeline the end counts."""

_CAUSES: dict[int, tuple[str, tuple[str, ...]]] = {
    91: (
        "vehicleBreakdown",
        (
            "unavailable",
            "lackOfFuel",
            "lackOfBatteryPower",
            "engineProblem",
            "transmissionProblem",
            "engineCoolingProblem",
            "brakingSystemProblem",
            "steeringProblem",
            "tyrePuncture",
            "tyrePressureProblem",
            "vehicleOnFire",
        ),
    ),
    92: (
        "postCrash",
        (
            "unavailable",
            "accidentWithoutECallTriggered",
            "accidentWithECallManuallyTriggered",
            "accidentWithECallAutomaticallyTriggered",
            "accidentWithECallTriggeredWithoutAccessToCellularNetwork",
        ),
    ),
    94: (
        "stationaryVehicle",
        (
            "unavailable",
            "humanProblem",
            "vehicleBreakdown",
            "postCrash",
            "publicTransportStop",
            "carryingDangerousGoods",
            "vehicleOnFire",
        ),
    ),
}
"""The names of ETSI TS 102 894-2 by causeCode; a subCauseCode is the place in the list."""

_WORDS: dict[Finding, str] = {
    Finding.CRASH: "An airbag deployed",
    Finding.BUS_SILENT: "The vehicle bus fell silent",
    Finding.POWER_LOST: "The power was lost while the car moved",
    Finding.CONTACTORS_OPEN: "The traction battery was cut off",
    Finding.DRIVE_NOT_READY: "The drive was no longer ready",
    Finding.ENGINE_STOPPED: "The engine stopped",
    Finding.DRIVE_SILENT: "The drive's control unit fell silent",
    Finding.SUPPLY_COLLAPSED: "The 12 V supply collapsed",
    Finding.NO_DRIVE: "The car slowed down though the pedal was pressed",
    Finding.SWITCHED_OFF: "The car was switched off while it moved",
    Finding.NO_TORQUE: "The drive did not answer the pedal",
    Finding.STALLED: "The drive stopped in traffic and was not restarted",
    Finding.STOP_NOW: "A red warning lamp came on",
    Finding.LIMP_HOME: "The drive went on with reduced power",
    Finding.MALFUNCTION: "The drive stored a fault",
}

_DISAGREEMENTS: dict[Verdict, Literal["other-kind", "only-active", "only-candidate"]] = {
    Verdict.OTHER_KIND: "other-kind",
    Verdict.ONLY_ACTIVE: "only-active",
    Verdict.ONLY_CANDIDATE: "only-candidate",
}

_WITHOUT_SYMBOL = frozenset({Unit.BOOLEAN, Unit.STATE})


def incident_event(identity: Identity, report: Report, wall_time: WallTime, *, clock_trusted: bool) -> IncidentEvent:
    """The event that tells the fleet of an incident."""
    incident = report.incident
    return IncidentEvent(
        specversion="1.0",
        id=report_id(incident.incident_id, incident.sequence, report.run) if report.run else new_event_id(),
        source=_source(identity),
        type=INCIDENT_TYPE,
        subject=report.incident.incident_id,
        time=wall_time(report.at_s),
        datacontenttype="application/json",
        dataschema=schema_id(INCIDENT_TYPE),
        data=_incident_data(identity, report, wall_time, clock_trusted),
    )


def status_event(
    identity: Identity,
    status: ReportStatus,
    wall_time: WallTime,
    *,
    clock_trusted: bool,
    buses: Mapping[str, bool],
    invalid_frames: Mapping[str, int],
    outbox_depth: int,
    storage_ok: bool,
    shadow: ShadowStatus | None = None,
    bus_errors: Mapping[str, int] | None = None,
) -> StatusEvent:
    """The event that tells how the car is. buses: which are up; invalid_frames: counted by reason; bus_errors: what CAN
    controllers reported, as `bus.kind`.
    """
    data = StatusData(
        schema_version=1,
        vehicle=identity.vehicle,
        state=status.state,
        mode=_mode(identity),
        health=status.health,
        missing=status.missing,
        speed_kph=_finite(status.speed_kph),
        clock_trusted=clock_trusted,
        buses={bus: "up" if up else "down" for bus, up in buses.items()},
        invalid_frames=dict(invalid_frames),
        outbox_depth=outbox_depth,
        storage_ok=storage_ok,
        profile=identity.profile,
        profile_digest=identity.profile_digest,
        software=identity.software,
        ruleset=identity.ruleset,
        shadow=None if shadow is None else _shadow(shadow, wall_time),
        bus_errors=dict(bus_errors or {}),
    )
    return _status_event(identity, data, wall_time(status.at_s))


def _status_event(identity: Identity, data: StatusData, at: datetime) -> StatusEvent:
    return StatusEvent(
        specversion="1.0",
        id=new_event_id(),
        source=_source(identity),
        type=STATUS_TYPE,
        subject=identity.vehicle,
        time=at,
        datacontenttype="application/json",
        dataschema=schema_id(STATUS_TYPE),
        data=data,
    )


def presence_event(vehicle: str, *, online: bool, at: datetime) -> PresenceEvent:
    """The event that says the car is there or gone. at: with a time zone."""
    return PresenceEvent(
        specversion="1.0",
        id=new_event_id(),
        source=f"/hardshoulder/{vehicle}",
        type=PRESENCE_TYPE,
        subject=vehicle,
        time=at,
        datacontenttype="application/json",
        dataschema=schema_id(PRESENCE_TYPE),
        data=PresenceData(schema_version=1, vehicle=vehicle, online=online),
    )


def sentence(evidence: Evidence) -> str:
    """The evidence for a person: `The engine stopped: Vehicle.….Speed was 0 rpm.`"""
    words = _WORDS[evidence.finding]
    if not evidence.signal:
        return f"{words}."
    unit = UNITS[Vss(evidence.signal)] if evidence.signal in UNITS else Unit.STATE
    symbol = "" if unit in _WITHOUT_SYMBOL else f" {unit}"
    return f"{words}: {evidence.signal} was {as_text(evidence.value)}{symbol}."


def _incident_data(identity: Identity, report: Report, wall_time: WallTime, clock_trusted: bool) -> IncidentData:
    incident = report.incident
    return IncidentData(
        schema_version=1,
        vehicle=identity.vehicle,
        incident_id=incident.incident_id,
        sequence=incident.sequence,
        kind=incident.kind,
        cause=_cause(incident.cause, incident.sub_cause),
        state=incident.state,
        mode=_mode(identity),
        hazards=incident.hazards,
        clock_trusted=clock_trusted,
        suspected_at=wall_time(incident.suspected_at_s),
        opened_at=wall_time(incident.opened_at_s),
        hazards_requested_at=_maybe(incident.hazards_requested_at_s, wall_time),
        stopped_at=_maybe(incident.stopped_at_s, wall_time),
        closed_at=_maybe(incident.closed_at_s, wall_time),
        speed_kph_at_open=_finite(incident.speed_kph_at_open),
        evidence=tuple(_evidence(item, wall_time) for item in incident.evidence[:EVIDENCE_LIMIT]),
        location=_location(incident.location),
        timeline=tuple(_entry(item, wall_time) for item in incident.timeline[-TIMELINE_LIMIT:]),
        profile=identity.profile,
        hazard_button=identity.hazard_button,
        profile_digest=identity.profile_digest,
        software=identity.software,
        ruleset=identity.ruleset,
        evidence_window=None if report.window is None else _window(report.window, wall_time),
        recording=None if report.recording is None else _recording(report.recording, wall_time),
    )


def _window(window: Window, wall_time: WallTime) -> WindowData:
    signals = {name: tuple(map(_short, values)) for name, values in window.signals[:WINDOW_SIGNALS]}
    return WindowData(begins_at=wall_time(window.begins_at_s), step_s=window.step_s, signals=signals)


def _short(value: Value | None) -> Value | None:
    """Six digits are more than any sensor in a car has, and they bound what a window weighs."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _recording(recording: Recording, wall_time: WallTime) -> RecordingData:
    return RecordingData(
        name=recording.name, begins_at=wall_time(recording.begins_at_s), ends_at=wall_time(recording.ends_at_s)
    )


def _shadow(status: ShadowStatus, wall_time: WallTime) -> ShadowData:
    counts = dict(status.counts)
    return ShadowData(
        ruleset=status.ruleset,
        running=status.running,
        agreed=counts.get(Verdict.AGREED, 0),
        other_kind=counts.get(Verdict.OTHER_KIND, 0),
        only_active=counts.get(Verdict.ONLY_ACTIVE, 0),
        only_candidate=counts.get(Verdict.ONLY_CANDIDATE, 0),
        latest=tuple(_disagreement(comparison, wall_time) for comparison in status.latest),
    )


def _disagreement(comparison: Comparison, wall_time: WallTime) -> DisagreementData:
    active, candidate, first = comparison.active, comparison.candidate, comparison.first
    return DisagreementData(
        verdict=_DISAGREEMENTS[comparison.verdict],
        at=wall_time(first.at_s),
        kind=None if active is None else active.kind,
        candidate_kind=None if candidate is None else candidate.kind,
        speed_kph=_finite(first.speed_kph),
    )


def _source(identity: Identity) -> str:
    return f"/hardshoulder/{identity.vehicle}"


def _mode(identity: Identity) -> Literal["monitor", "armed"]:
    return "armed" if identity.armed else "monitor"


def _cause(code: int, sub_code: int) -> CauseData:
    """A code without a name is told as `unknown`: an alert must not be lost over a table."""
    name, sub_names = _CAUSES.get(code, ("unknown", ()))
    sub_name = sub_names[sub_code] if 0 <= sub_code < len(sub_names) else "unknown"
    return CauseData(code=code, name=name, sub_code=sub_code, sub_name=sub_name)


def _evidence(evidence: Evidence, wall_time: WallTime) -> EvidenceData:
    return EvidenceData(
        finding=evidence.finding,
        signal=evidence.signal,
        value=_plain(evidence.value),
        at=wall_time(evidence.at_s),
        sentence=sentence(evidence),
    )


def _entry(entry: Entry, wall_time: WallTime) -> EntryData:
    return EntryData(at=wall_time(entry.at_s), what=entry.what)


def _maybe(at_s: float | None, wall_time: WallTime) -> datetime | None:
    return None if at_s is None else wall_time(at_s)


def _plain(value: Value) -> Value:
    """JSON has no word for "not a number" and infinity; they are told as text."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _location(location: Location | None) -> LocationData | None:
    """A place that is not on the globe is no place; the alert goes out without it."""
    if location is None or not math.isfinite(location.age_s):
        return None
    # Written so that "not a number" fails the comparison too.
    if not (abs(location.latitude) <= 90 and abs(location.longitude) <= 180):
        return None
    return LocationData(
        latitude=location.latitude,
        longitude=location.longitude,
        heading=_finite(location.heading),
        age_s=location.age_s,
    )
