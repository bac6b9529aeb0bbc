"""Calling a tow off inside a transaction: asked for once, carried out by an errand, and told when it cannot be."""

from datetime import datetime

from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import CallOff, Tow
from hardshoulder_fleet.store import reading, towing
from hardshoulder_fleet.store.changes import add_errand, find_errand, tell
from hardshoulder_fleet.store.tables import CheckInRow, ErrandKind, TowRow

_WHO = {CallOff.DRIVER: "driver", CallOff.OPERATOR: "operator", CallOff.CLOSING: "operator"}


def call_off(session: Session, row: CheckInRow, by: CallOff, now: datetime) -> None:
    """Have the tow on its way called off; nothing when there is none or when that is under way."""
    tow = reading.open_tow(session, row)
    if tow is None or (tow.called_off is not None and tow.refusal is None):
        return
    tow.called_off, tow.refusal = by, None
    tell(session, row, now, _WHO[by], "Call off the tow.")
    if tow.order_ref is not None:
        add_errand(session, row, ErrandKind.CANCEL_TOW, str(tow.number), now)
    else:
        _before_it_has_a_name(session, row, tow, now)


def _before_it_has_a_name(session: Session, row: CheckInRow, tow: TowRow, now: datetime) -> None:
    """What nobody has asked for yet is not asked for; what may have been heard is looked for first."""
    request = find_errand(session, ErrandKind.REQUEST_TOW, str(tow.number))
    if request is None or request.leased_until is not None:
        return  # It is in somebody's hands, who will see that the tow is not wanted any more.
    if request.attempts:
        request.due_at = now
        return
    request.ended_at, request.reason = now, "the tow was called off"
    towing.move(session, row, tow, Tow.CANCELLED, now, who="fleet")


def refused(session: Session, number: int, sentence: str, now: datetime) -> None:
    """The provider does not call it off: the truck comes, and whoever thought otherwise has to know."""
    row, tow = towing.of(session, number)
    if tow.ended and not tow.unsettled:
        return
    tow.refusal = sentence
    tell(session, row, now, "provider", f"Not called off: {sentence}")
    if tow.ended:
        towing.doubt(session, number, f"A truck that nobody wants may come; a person is called: {sentence}", now)
        tow.unsettled = False
    elif tow.called_off is CallOff.CLOSING:
        towing.doubt(session, number, f"This was closed, and the truck still comes: {sentence}", now)
    else:
        tow.called_off = None
