"""How a check-in changes inside a transaction: what the car says, one step of its state, its story and deadline."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.core.checkin import CheckIn, Happening, next_step, wants_help
from hardshoulder_fleet.store import reading
from hardshoulder_fleet.store.reported import read_report
from hardshoulder_fleet.store.tables import (
    ChangeRow,
    CheckInRow,
    DeadlineRow,
    ErrandKind,
    ErrandRow,
    EventRow,
    StoryRow,
)

SEQUENCE_LIMIT = 1_000_000
"""No incident has more to say; a number above it is a mistake or a trick."""

_WAITS_FOR_THE_DRIVER = frozenset({CheckIn.ASKED, CheckIn.TOW_WANTED})
_CHANGED = "changed"


class DeskError(Exception):
    """Something that cannot be done; the text is one sentence for the person who asked for it."""


def get(session: Session, incident_id: str) -> CheckInRow:
    """The check-in of an incident. Raises DeskError when it is not known."""
    row = reading.find(session, incident_id)
    if row is None:
        raise DeskError("This breakdown is not known here.")
    return row


def take_event(session: Session, event: IncidentEvent, now: datetime, answer_within: timedelta) -> bool:
    """Keep the event; False: it is here. Raises DeskError when it cannot belong to its incident."""
    known = session.get(EventRow, event.id)
    if known is not None:
        _take_times(session, known, event, now)
        return False
    row = _check_in_for(session, event, now, answer_within)
    session.add(
        EventRow(
            event_id=event.id,
            incident_id=row.incident_id,
            sequence=event.data.sequence,
            received_at=now,
            payload=event.model_dump_json(),
        )
    )
    # The id settles what no car should send, two reports with one number, the same way in any order.
    if (event.data.sequence, event.id) > (row.newest_sequence, row.newest_event_id):
        row.newest_sequence, row.newest_event_id = event.data.sequence, event.id
    touch(session, row, now)
    if event.data.state.value == "closed":
        step(session, row, Happening.CAR_CLOSED, now)
    return True


def _take_times(session: Session, known: EventRow, event: IncidentEvent, now: datetime) -> None:
    """The same event with the times that its car has corrected since, when its clock was set."""
    if event.data.clock_corrected_by_s is None or known.incident_id != event.data.incident_id:
        return
    row = session.get_one(CheckInRow, known.incident_id)
    before = read_report(known.payload)
    if row.vehicle == event.data.vehicle and not before.clock_trusted:
        known.payload = event.model_dump_json()
        touch(session, row, now)


def _check_in_for(session: Session, event: IncidentEvent, now: datetime, answer_within: timedelta) -> CheckInRow:
    incident = event.data
    if incident.sequence > SEQUENCE_LIMIT:
        raise DeskError(f"The sequence number {incident.sequence} is above {SEQUENCE_LIMIT}.")
    row = reading.find(session, incident.incident_id)
    if row is None:
        return _open(session, event, now, answer_within)
    if row.vehicle != incident.vehicle:
        raise DeskError(f"The incident {incident.incident_id!r} belongs to {row.vehicle!r}, not {incident.vehicle!r}.")
    return row


def _open(session: Session, event: IncidentEvent, now: datetime, answer_within: timedelta) -> CheckInRow:
    row = CheckInRow(
        incident_id=event.data.incident_id,
        vehicle=event.data.vehicle,
        state=CheckIn.ASKED,
        opened_at=now,
        changed_at=now,
        newest_sequence=event.data.sequence,
        newest_event_id=event.id,
    )
    begin(session, row, now, answer_within)
    return row


def begin(session: Session, row: CheckInRow, now: datetime, answer_within: timedelta) -> None:
    """A check-in that is new: its driver is asked, and has so long to answer."""
    session.add(row)
    session.flush()  # What follows refers to it.
    tell(session, row, now, "fleet", "Check-in opened.")
    set_deadline(session, row, now + answer_within)
    add_errand(session, row, ErrandKind.SEND_LINK, row.incident_id, now)


def step(session: Session, row: CheckInRow, happening: Happening, now: datetime) -> bool:
    """Let this happen to the check-in. False: it means nothing there."""
    tow_open = reading.open_tow(session, row) is not None
    after = next_step(row.state, happening, tow_open=tow_open, help_wanted=row.wants_help)
    if after is row.state:
        return False
    row.state, row.wants_help = after, wants_help(row.wants_help, after)
    touch(session, row, now)
    if after not in _WAITS_FOR_THE_DRIVER:
        session.execute(delete(DeadlineRow).where(DeadlineRow.incident_id == row.incident_id))
    if after is CheckIn.CLOSED:
        _drop_the_link(session, row, now)
    return True


def _drop_the_link(session: Session, row: CheckInRow, now: datetime) -> None:
    """Nobody has to be asked any more."""
    unsent = select(ErrandRow).where(
        ErrandRow.incident_id == row.incident_id,
        ErrandRow.kind == ErrandKind.SEND_LINK,
        ErrandRow.ended_at.is_(None),
        ErrandRow.leased_until.is_(None),
    )
    for errand in session.scalars(unsent).all():
        errand.ended_at, errand.reason = now, "the check-in was closed"


def touch(session: Session, row: CheckInRow, now: datetime) -> None:
    """Something that is shown of this check-in has changed."""
    row.changed_at = now
    mark(session)


def mark(session: Session) -> None:
    """Something that is shown or waited for has changed."""
    session.info[_CHANGED] = True


def tell(session: Session, row: CheckInRow, now: datetime, who: str, what: str) -> None:
    """Add a line to the story."""
    session.add(StoryRow(incident_id=row.incident_id, at=now, who=who, what=what))
    touch(session, row, now)


def set_deadline(session: Session, row: CheckInRow, due_at: datetime) -> None:
    """The driver has until then."""
    session.merge(DeadlineRow(incident_id=row.incident_id, due_at=due_at))


def add_errand(session: Session, row: CheckInRow, kind: ErrandKind, subject: str, due_at: datetime) -> None:
    """Have something done outside; what was done or given up before is begun anew."""
    errand = find_errand(session, kind, subject)
    if errand is None:
        session.add(ErrandRow(incident_id=row.incident_id, kind=kind, subject=subject, due_at=due_at))
    elif errand.ended_at is not None:
        errand.due_at, errand.attempts = due_at, 0
        errand.ended_at = errand.leased_until = errand.reason = None


def find_errand(session: Session, kind: ErrandKind, subject: str) -> ErrandRow | None:
    """The one errand of its kind for this subject."""
    one = select(ErrandRow).where(ErrandRow.kind == kind, ErrandRow.subject == subject)
    return session.scalars(one).one_or_none()


def count_change(session: Session) -> bool:
    """Before the commit: a new version if anything that is shown has changed."""
    changed = bool(session.info.pop(_CHANGED, False))
    if changed:
        session.execute(update(ChangeRow).values(count=ChangeRow.count + 1))
    return changed
