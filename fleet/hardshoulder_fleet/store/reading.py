"""From rows to the plain values that the pages are told."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, case, or_, select
from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import CheckIn
from hardshoulder_fleet.core.views import CheckInView, Clock, Entry, Price, Quote, TowView, Track
from hardshoulder_fleet.store.reported import Reported, read_report, read_stamp, read_window
from hardshoulder_fleet.store.tables import ChangeRow, CheckInRow, DeadlineRow, EventRow, QuoteRow, StoryRow, TowRow

CLOSED_SHOWN_FOR = timedelta(days=1)
BOARD_LIMIT = 500
GAPS_SHOWN = 100
COARSE_M = 1000.0
"""What a place is worth that a car tells without an incident: degrees with two decimals."""


def find(session: Session, incident_id: str) -> CheckInRow | None:
    """The check-in of an incident."""
    return session.get(CheckInRow, incident_id)


def version(session: Session) -> int:
    """How often anything that is shown has changed."""
    return session.scalars(select(ChangeRow.count)).one()


def board_rows(session: Session, now: datetime) -> Sequence[CheckInRow]:
    """The operator's list: emergencies, escalated, others, silent cars, those closed of late; each newest first."""
    # Nobody has said that anything is wrong with a car that is merely silent.
    silent = and_(CheckInRow.lost_contact, ~CheckInRow.wants_help)
    rank = case(
        (CheckInRow.state == CheckIn.EMERGENCY, 0),
        (CheckInRow.state == CheckIn.CLOSED, 5),
        (and_(silent, CheckInRow.state == CheckIn.ESCALATED), 3),
        (silent, 4),
        (CheckInRow.state == CheckIn.ESCALATED, 1),
        else_=2,
    )
    shown = or_(CheckInRow.state != CheckIn.CLOSED, CheckInRow.changed_at > now - CLOSED_SHOWN_FOR)
    ordered = select(CheckInRow).where(shown).order_by(rank, CheckInRow.opened_at.desc(), CheckInRow.incident_id)
    return session.scalars(ordered.limit(BOARD_LIMIT)).all()


def view_of(session: Session, row: CheckInRow) -> CheckInView:
    """One check-in with all that belongs to it."""
    session.flush()
    event = session.get_one(EventRow, row.newest_event_id)
    incident = read_report(event.payload)
    deadline = session.get(DeadlineRow, row.incident_id)
    tow = newest_tow(session, row)
    place = incident.location
    return CheckInView(
        incident_id=row.incident_id,
        vehicle=row.vehicle,
        kind=incident.kind,
        cause=f"{incident.cause.name}: {incident.cause.sub_name}",
        car_state=incident.state,
        hazards=incident.hazards,
        hazard_button=incident.hazard_button or None,
        speed_kph=incident.speed_kph_at_open,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        noticed=tuple(evidence.sentence for evidence in incident.evidence),
        ruleset=incident.ruleset or None,
        recording=incident.recording.name if incident.recording else None,
        last_heard_at=incident.last_heard_at,
        wants_help=row.wants_help,
        state=row.state,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        answer_due_at=deadline.due_at if deadline else None,
        quote=shown_quote(session, row),
        tow=_tow_view(session, tow) if tow else None,
        gaps=_gaps(session, row),
        story=_story(session, row, incident, _late_by(event, incident)),
        clock=_clock(incident),
        place_age_s=place.age_s if place else None,
        place_within_m=COARSE_M if place and incident.coarse else place.accuracy_m if place else None,
    )


def newest_tow(session: Session, row: CheckInRow) -> TowRow | None:
    """The tow that was ordered last."""
    ordered = select(TowRow).where(TowRow.incident_id == row.incident_id).order_by(TowRow.number.desc())
    return session.scalars(ordered.limit(1)).first()


def open_tow(session: Session, row: CheckInRow) -> TowRow | None:
    """The tow that is on its way or being called off; unique by its index."""
    return session.scalars(select(TowRow).where(TowRow.incident_id == row.incident_id, ~TowRow.ended)).one_or_none()


def _clock(incident: Reported) -> Clock:
    if incident.clock_corrected_by_s is not None:
        return Clock.CORRECTED
    return Clock.SET if incident.clock_trusted else Clock.UNSET


def _late_by(event: EventRow, incident: Reported) -> timedelta:
    """How far the times of a car are moved that did not know what time it was: as if the event had come at once."""
    return timedelta(0) if incident.clock_trusted else event.received_at - read_stamp(event.payload)


def tracks_of(session: Session, incident_id: str) -> tuple[Track, ...]:
    """The evidence window, which the first event alone carries; nothing until that has come."""
    first = select(EventRow.payload).where(EventRow.incident_id == incident_id).order_by(EventRow.sequence).limit(1)
    payload = session.scalars(first).first()
    window = read_window(payload) if payload else None
    if window is None:
        return ()
    return tuple(Track(signal, window.step_s, values) for signal, values in window.signals.items())


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at  # A time that leaves the calendar is nonsense, and no reason to show nothing.


def _story(session: Session, row: CheckInRow, incident: Reported, late_by: timedelta) -> tuple[Entry, ...]:
    told = [Entry(_later(entry.at, late_by), "car", entry.what) for entry in incident.timeline]
    ours = select(StoryRow).where(StoryRow.incident_id == row.incident_id).order_by(StoryRow.number)
    told += [Entry(line.at, line.who, line.what) for line in session.scalars(ours)]
    return tuple(sorted(told, key=lambda entry: entry.at))


def shown_quote(session: Session, row: CheckInRow) -> Quote | None:
    """The price of the tow on its way; without one, the last that was offered since the last tow."""
    tow = newest_tow(session, row)
    if tow is not None and not tow.ended:
        return quote_of(session.get_one(QuoteRow, tow.quote_number))
    offered = select(QuoteRow).where(QuoteRow.incident_id == row.incident_id, QuoteRow.used.is_(False))
    if tow is not None:
        offered = offered.where(QuoteRow.number > tow.quote_number)
    last = session.scalars(offered.order_by(QuoteRow.number.desc()).limit(1)).first()
    return quote_of(last) if last else None


def quote_of(row: QuoteRow) -> Quote:
    """The price as it was given."""
    price = Price(row.amount_minor, row.currency)
    return Quote(row.quote_id, price, row.terms, row.arrives_within_minutes, row.valid_until)


def _tow_view(session: Session, tow: TowRow) -> TowView:
    return TowView(
        number=tow.number,
        order_ref=tow.order_ref or "",
        state=tow.state,
        price=quote_of(session.get_one(QuoteRow, tow.quote_number)).price,
        consent_text=tow.consent_text,
        ordered_at=tow.ordered_at,
        changed_at=tow.changed_at,
        ended=tow.ended,
        unsettled=tow.unsettled,
        called_off=tow.called_off,
        refusal=tow.refusal or "",
        eta_minutes=tow.eta_minutes,
        eta_at=tow.eta_at,
        heard_at=tow.heard_at,
    )


def _gaps(session: Session, row: CheckInRow) -> tuple[int, ...]:
    """The numbers below the newest that have not come; a car counts from 1."""
    have = session.scalars(select(EventRow.sequence).where(EventRow.incident_id == row.incident_id))
    return tuple(_missing(set(have), row.newest_sequence))


def _missing(have: set[int], newest: int) -> Iterable[int]:
    found = 0
    for sequence in range(1, newest):
        if sequence not in have:
            yield sequence
            found += 1
        if found == GAPS_SHOWN:
            return
