"""What waits in tables: deadlines, errands, and the messages that could not be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import CallOff, Tow
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.store import reading
from hardshoulder_fleet.store.tables import (
    CheckInRow,
    DeadlineRow,
    ErrandKind,
    ErrandRow,
    QuoteRow,
    RejectedRow,
    TowRow,
)

REJECTED_LIMIT = 1000
BEGINNING_BYTES = 512


@dataclass(frozen=True, slots=True)
class TowJob:
    """The tow that an errand is about, as it stood when the errand was claimed. See `tables.TowRow`."""

    number: int
    quote_id: str
    reference: str
    order_ref: str
    state: Tow
    ended: bool
    unsettled: bool
    called_off: CallOff | None
    changed_at: datetime
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to be done outside, claimed. attempt: counts from 1; view: the check-in when it was claimed.

    tow: of the errands that are about one.
    """

    number: int
    kind: ErrandKind
    incident_id: str
    attempt: int
    view: CheckInView
    tow: TowJob | None


def take_deadlines(session: Session, now: datetime, limit: int) -> Sequence[CheckInRow]:
    """The check-ins whose time is over, the longest first; their deadlines are gone."""
    over = (
        select(CheckInRow)
        .join(DeadlineRow, DeadlineRow.incident_id == CheckInRow.incident_id)
        .where(DeadlineRow.due_at <= now)
        .order_by(DeadlineRow.due_at)
        .limit(limit)
    )
    rows = session.scalars(over).all()
    session.execute(delete(DeadlineRow).where(DeadlineRow.incident_id.in_([row.incident_id for row in rows])))
    return rows


def claim_errands(session: Session, now: datetime, lease: timedelta, limit: int) -> list[Errand]:
    """Errands that are due and that nobody is at."""
    due = (
        select(ErrandRow)
        .where(
            ErrandRow.ended_at.is_(None),
            ErrandRow.due_at <= now,
            or_(ErrandRow.leased_until.is_(None), ErrandRow.leased_until <= now),
        )
        .order_by(ErrandRow.due_at, ErrandRow.number)
        .limit(limit)
    )
    return [_claim(session, errand, now + lease) for errand in session.scalars(due).all()]


def _claim(session: Session, errand: ErrandRow, leased_until: datetime) -> Errand:
    errand.leased_until = leased_until
    errand.attempts += 1
    view = reading.view_of(session, session.get_one(CheckInRow, errand.incident_id))
    tow = None if errand.kind is ErrandKind.SEND_LINK else _tow_job(session, int(errand.subject))
    return Errand(errand.number, errand.kind, errand.incident_id, errand.attempts, view, tow)


def _tow_job(session: Session, number: int) -> TowJob:
    tow = session.get_one(TowRow, number)
    return TowJob(
        number=number,
        quote_id=session.get_one(QuoteRow, tow.quote_number).quote_id,
        reference=tow.reference,
        order_ref=tow.order_ref or "",
        state=tow.state,
        ended=tow.ended,
        unsettled=tow.unsettled,
        called_off=tow.called_off,
        changed_at=tow.changed_at,
        heard_at=tow.heard_at,
    )


def end_errand(session: Session, errand: Errand, now: datetime) -> bool:
    """Nothing is left to do. False: somebody else has said so."""
    row = session.get_one(ErrandRow, errand.number)
    if row.ended_at is not None:
        return False
    row.ended_at, row.leased_until = now, None
    return True


def fail_errand(session: Session, errand: Errand, reason: str, retry_at: datetime | None, now: datetime) -> bool:
    """Another time, or never. False: it is over, or somebody else is at it."""
    row = session.get_one(ErrandRow, errand.number)
    if row.ended_at is not None or row.attempts != errand.attempt:
        return False
    row.reason, row.leased_until = reason, None
    if retry_at is None:
        row.ended_at = now
    else:
        row.due_at = retry_at
    return True


def postpone_errand(session: Session, errand: Errand, until: datetime) -> None:
    """It went well, and is to be done again then."""
    row = session.get_one(ErrandRow, errand.number)
    if row.ended_at is None and row.attempts == errand.attempt:
        row.due_at, row.leased_until, row.reason = until, None, None


def take_over(session: Session, doubt_from: datetime) -> None:
    """What a former process left: nobody is at its errands, and it heard nobody while it was away."""
    session.execute(update(ErrandRow).where(ErrandRow.ended_at.is_(None)).values(leased_until=None))
    session.execute(update(TowRow).where(~TowRow.ended, TowRow.doubt_at < doubt_from).values(doubt_at=doubt_from))


def next_due(session: Session) -> datetime | None:
    """The earliest deadline, doubt, errand or end of a lease."""
    errands = select(ErrandRow.due_at, ErrandRow.leased_until).where(ErrandRow.ended_at.is_(None))
    waiting = [max(due_at, leased_until or due_at) for due_at, leased_until in session.execute(errands)]
    deadline = session.scalar(select(DeadlineRow.due_at).order_by(DeadlineRow.due_at).limit(1))
    doubt = session.scalar(select(func.min(TowRow.doubt_at)).where(~TowRow.ended))
    return min([*waiting, *(time for time in (deadline, doubt) if time is not None)], default=None)


def keep_rejected(session: Session, topic: str, payload: bytes, reason: str, now: datetime) -> None:
    """Keep the message's beginning, and of all such messages the newest."""
    row = RejectedRow(
        received_at=now,
        topic=topic,
        reason=reason,
        payload_bytes=len(payload),
        beginning=payload[:BEGINNING_BYTES].decode(errors="replace"),
    )
    session.add(row)
    session.flush()
    session.execute(delete(RejectedRow).where(RejectedRow.number <= row.number - REJECTED_LIMIT))
