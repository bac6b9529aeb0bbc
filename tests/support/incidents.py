"""Core values for tests of the edges."""

from datetime import UTC, datetime, timedelta

from hardshoulder.core.actions import (
    Entry,
    Evidence,
    Finding,
    HazardState,
    Health,
    Incident,
    Location,
    Report,
    ReportStatus,
    State,
)
from hardshoulder.core.vocabulary import Vss
from hardshoulder.edge.mailbox import StatusReport
from hardshoulder.settings import Identity

BEGIN = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)
IDENTITY = Identity(
    vehicle="car-7",
    profile="example",
    profile_digest="ab" * 32,
    software="0.1.0",
    armed=True,
    hazard_button="the red triangle",
    ruleset="1",
)


def wall_time(at_s: float) -> datetime:
    """The wall time of a moment of the monotonic clock."""
    return BEGIN + timedelta(seconds=at_s)


def incident(incident_id: str = "incident-1", sequence: int = 1) -> Incident:
    """An engine that stopped at 80 km/h."""
    return Incident(
        incident_id=incident_id,
        sequence=sequence,
        kind=Finding.ENGINE_STOPPED,
        state=State.ROLLING,
        hazards=HazardState.REQUESTED,
        suspected_at_s=10.0,
        opened_at_s=10.5,
        hazards_requested_at_s=10.5,
        stopped_at_s=None,
        closed_at_s=None,
        speed_kph_at_open=80.0,
        evidence=(Evidence(Finding.ENGINE_STOPPED, Vss.ENGINE_SPEED, 0.0, 10.0),),
        location=Location(48.1, 11.6, 90.0, 0.5),
        timeline=(Entry(10.0, "suspected: engine-stopped"), Entry(10.5, "opened")),
        cause=91,
        sub_cause=3,
    )


def report(incident_id: str = "incident-1", sequence: int = 1, at_s: float = 10.5) -> Report:
    """The report of that incident."""
    return Report(incident(incident_id, sequence), at_s)


def status(state: State = State.DRIVING, at_s: float = 5.0) -> ReportStatus:
    """A car that drives and sees everything."""
    return ReportStatus(state, Health.WATCHING, (), 50.0, at_s)


def status_report(state: State = State.DRIVING) -> StatusReport:
    """The same with what the edges add: one bus, one refused frame."""
    return StatusReport(status(state), {"powertrain": True}, {"checksum": 1})
