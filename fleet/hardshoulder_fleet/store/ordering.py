"""From a price to a yes inside a transaction: nothing is ordered without a yes, nothing is ordered twice."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow
from hardshoulder_fleet.core.patience import Patience
from hardshoulder_fleet.core.views import Quote
from hardshoulder_fleet.store import reading
from hardshoulder_fleet.store.changes import DeskError, add_errand, step, tell, touch
from hardshoulder_fleet.store.tables import CheckInRow, ErrandKind, QuoteRow, TowRow

_MAY_SAY_YES = frozenset({CheckIn.TOW_WANTED, CheckIn.ESCALATED})


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


def no_price(session: Session, row: CheckInRow, reason: str, now: datetime) -> bool:
    """No price can be had. False: another tab has one that holds, or has ordered; that stays as it is."""
    quote = reading.shown_quote(session, row)
    if reading.open_tow(session, row) is not None or (quote is not None and quote.valid_until > now):
        return False
    if step(session, row, Happening.NO_PRICE, now):
        tell(session, row, now, "fleet", f"No price can be had; a person is called: {reason}")
    return True


def order(
    session: Session, row: CheckInRow, quote_id: str, consent_text: str, now: datetime, patience: Patience
) -> None:
    """Order a tow for this price, unless that has been done. Raises DeskError."""
    quote = _find_quote(session, row, quote_id)
    if reading.open_tow(session, row) is not None:
        return
    if row.state is CheckIn.CLOSED and quote is not None and quote.used:
        return  # Her tow came and went; the page is an old one.
    _refuse(row, quote, consent_text, now)
    assert quote is not None, "without one it is refused"
    quote.used = True
    step(session, row, Happening.SAYS_YES, now)
    # Whatever a person was called for before, from here on this tow counts.
    session.execute(update(TowRow).where(TowRow.incident_id == row.incident_id).values(doubted=False))
    tow = _new_tow(row, quote, consent_text, now, patience)
    session.add(tow)
    session.flush()  # It gets its number.
    tow.reference = f"{row.incident_id}/{tow.number}"
    add_errand(session, row, ErrandKind.REQUEST_TOW, str(tow.number), now)
    tell(session, row, now, "driver", f"Yes to a tow for {reading.quote_of(quote).price.text()}.")


def _new_tow(row: CheckInRow, quote: QuoteRow, consent_text: str, now: datetime, patience: Patience) -> TowRow:
    return TowRow(
        incident_id=row.incident_id,
        quote_number=quote.number,
        reference="",
        state=Tow.REQUESTED,
        consent_text=consent_text,
        ordered_at=now,
        changed_at=now,
        heard_at=now,
        doubt_at=patience.doubt_at(Tow.REQUESTED, now, now),
    )


def _refuse(row: CheckInRow, quote: QuoteRow | None, consent_text: str, now: datetime) -> None:
    """Raises DeskError when a yes cannot count."""
    if row.state not in _MAY_SAY_YES:
        raise DeskError("No tow was asked for here, so nothing was ordered.")
    if quote is None:
        raise DeskError("This price is not known, so nothing was ordered; please look at the price again.")
    if quote.used or now >= quote.valid_until:
        raise DeskError("This price is no longer valid, so nothing was ordered; please look at the new one.")
    if not consent_text.strip():
        raise DeskError("The terms were not shown, so nothing was ordered; please look at the price again.")


def _find_quote(session: Session, row: CheckInRow, quote_id: str) -> QuoteRow | None:
    known = select(QuoteRow).where(QuoteRow.incident_id == row.incident_id, QuoteRow.quote_id == quote_id)
    return session.scalars(known).one_or_none()
