"""A desk on a real SQLite file, and what cars and providers tell it."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from hardshoulder.core.actions import HazardState, State
from hardshoulder.events import incident_event
from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.core.checkin import Happening
from hardshoulder_fleet.core.views import Price, Quote
from hardshoulder_fleet.desk import Desk, Patience
from hardshoulder_fleet.store.database import open_database
from support.incidents import BEGIN, IDENTITY, incident, report, wall_time

ANSWER_WITHIN = timedelta(seconds=60)
LEASE = timedelta(seconds=30)
CONSENT = "I order a tow for 129.00 EUR."


def make_desk(path: Path) -> Desk:
    """A desk on this file, begun if it is not there."""
    return Desk(open_database(f"sqlite:///{path}"), Patience(ANSWER_WITHIN, LEASE))


def after(seconds: float) -> datetime:
    """So long after the incident began."""
    return BEGIN + timedelta(seconds=seconds)


def car_says(
    sequence: int = 1,
    state: State = State.ROLLING,
    *,
    incident_id: str = "incident-1",
    event_id: str | None = None,
    vehicle: str = "car-7",
    hazards: HazardState = HazardState.REQUESTED,
) -> IncidentEvent:
    """What the car says of its incident; the same id for the same number unless one is given."""
    told = replace(incident(incident_id, sequence), state=state, hazards=hazards)
    who = replace(IDENTITY, vehicle=vehicle)
    event = incident_event(who, replace(report(), incident=told), wall_time, clock_trusted=True)
    return event.model_copy(update={"id": event_id or f"{incident_id}-{sequence}"})


def quote(quote_id: str = "quote-1", valid_until: datetime | None = None) -> Quote:
    """129 euros, for a quarter of an hour."""
    return Quote(quote_id, Price(12900, "EUR"), "To the nearest garage.", 45, valid_until or after(900))


def order_tow(desk: Desk, at: datetime) -> None:
    """From the alert to the yes."""
    desk.take_event(car_says(), at)
    desk.answer("incident-1", Happening.WANTS_TOW, at)
    desk.keep_quote("incident-1", quote(), at)
    desk.order("incident-1", "quote-1", CONSENT, at)
