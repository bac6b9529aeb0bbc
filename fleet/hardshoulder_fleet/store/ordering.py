"""From a price to a tow inside a transaction: nothing is ordered without a yes, nothing is ordered twice."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow, happening_of, next_tow
from hardshoulder_fleet.core.views import Quote
from hardshoulder_fleet.store import reading
from hardshoulder_fleet.store.changes import DeskError, add_errand, step, tell, touch
from hardshoulder_fleet.store.tables import CheckInRow, ErrandKind, QuoteRow, ReportRow, TowRow

REPORT_SEQUENCE_LIMIT = 2**31 - 1
STRAY_REPORTS_LIMIT = 1000
"""Reports of orders that we do not know (yet)."""

_ENDS = frozenset({Tow.COMPLETED, Tow.CANCELLED, Tow.FAILED})


def keep_quote(session: Session, row: CheckInRow, quote: Quote, now: datetime) -> None:
    """Keep the price; one that is here already stays as it was shown."""
    if _find_quote(session, row, quote.quote_id) is not None:
        return
    session.add(
        QuoteRow(
            incident_id=row.incident_id,
            quote_id=quote.quote_id,
            amount_minor=quote.price.amount_minor,
            currency=quote.price.currency,
            terms=quote.terms,
            arrives_within_minutes=quote.arrives_within_minutes,
            valid_until=quote.valid_until,
        )
    )
    touch(session, row, now)


def order(session: Session, row: CheckInRow, quote_id: str, consent_text: str, now: datetime) -> None:
    """Order a tow for this price, unless that has been done. Raises DeskError."""
    quote = _find_quote(session, row, quote_id)
    tow = reading.newest_tow(session, row)
    if tow is not None and not tow.ended:
        return
    if row.state is CheckIn.CLOSED and quote is not None and quote.used:
        return  # Her tow came and went; the page is an old one.
    _refuse(row, quote, consent_text, now)
    assert quote is not None, "without one it is refused"
    quote.used = True
    tow = TowRow(
        incident_id=row.incident_id,
        quote_number=quote.number,
        state=Tow.REQUESTED,
        consent_text=consent_text,
        ordered_at=now,
        changed_at=now,
    )
    session.add(tow)
    session.flush()  # It gets its number.
    add_errand(session, row, ErrandKind.REQUEST_TOW, str(tow.number), now)
    step(session, row, Happening.SAYS_YES, now)
    tell(session, row, now, "driver", f"Yes to a tow for {reading.quote_of(quote).price.text()}.")


def _refuse(row: CheckInRow, quote: QuoteRow | None, consent_text: str, now: datetime) -> None:
    """Raises DeskError when a yes cannot count."""
    if row.state is not CheckIn.TOW_WANTED:
        raise DeskError("No tow was asked for here, so nothing was ordered.")
    if quote is None:
        raise DeskError("This price is not known, so nothing was ordered; please look at the price again.")
    if quote.used or now >= quote.valid_until:
        raise DeskError("This price is no longer valid, so nothing was ordered; please look at the new one.")
    if not consent_text.strip():
        raise DeskError("The terms were not shown, so nothing was ordered; please look at the price again.")


def requested(session: Session, row: CheckInRow, order_ref: str, now: datetime) -> None:
    """Note what the provider calls the order, and apply what it reported before."""
    tow = reading.newest_tow(session, row)
    assert tow is not None, "an order is requested before it has a reference"
    if tow.order_ref is not None:
        return
    tow.order_ref = order_ref
    tell(session, row, now, "provider", f"Tow requested, order {order_ref}.")
    session.flush()
    early = select(ReportRow).where(ReportRow.order_ref == order_ref).order_by(ReportRow.sequence)
    for report in session.scalars(early):
        _move(session, row, tow, report.state, now)


def provider_said(session: Session, order_ref: str, state: Tow, sequence: int, now: datetime) -> bool:
    """Keep a report and apply it. False: it says nothing new. Raises DeskError."""
    if not 0 <= sequence <= REPORT_SEQUENCE_LIMIT:
        raise DeskError(f"The sequence number {sequence} is not between 0 and {REPORT_SEQUENCE_LIMIT}.")
    if session.get(ReportRow, (order_ref, sequence)) is not None:
        return False
    tow = session.scalars(select(TowRow).where(TowRow.order_ref == order_ref)).one_or_none()
    if tow is None and _stray_reports(session) >= STRAY_REPORTS_LIMIT:
        raise DeskError("This order is not known.")
    session.add(ReportRow(order_ref=order_ref, sequence=sequence, state=state, received_at=now))
    if tow is None:
        # The provider may call back before its answer to our request has been noted.
        return False
    return _move(session, session.get_one(CheckInRow, tow.incident_id), tow, state, now)


def no_help(session: Session, row: CheckInRow, reason: str, now: datetime) -> None:
    """No tow comes; an order that is open ends."""
    tow = reading.newest_tow(session, row)
    expected = False
    if tow is not None and not tow.ended:
        expected = True
        tow.state, tow.ended, tow.changed_at = Tow.FAILED, True, now
    if step(session, row, Happening.NO_HELP, now) or expected:
        tell(session, row, now, "fleet", f"No tow can be had; a person is called: {reason}")


def _move(session: Session, row: CheckInRow, tow: TowRow, reported: Tow, now: datetime) -> bool:
    after = next_tow(tow.state, reported)
    if after is tow.state:
        return False
    tow.state, tow.ended, tow.changed_at = after, after in _ENDS, now
    tell(session, row, now, "provider", f"Tow {after.value}.")
    happening = happening_of(after)
    if happening is not None:
        step(session, row, happening, now)
    return True


def _find_quote(session: Session, row: CheckInRow, quote_id: str) -> QuoteRow | None:
    known = select(QuoteRow).where(QuoteRow.incident_id == row.incident_id, QuoteRow.quote_id == quote_id)
    return session.scalars(known).one_or_none()


def _stray_reports(session: Session) -> int:
    ours = select(TowRow.order_ref).where(TowRow.order_ref.is_not(None))
    return session.scalar(select(func.count()).select_from(ReportRow).where(ReportRow.order_ref.not_in(ours))) or 0
