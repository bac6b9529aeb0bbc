"""The life of an ordered tow inside a transaction: named, heard of, doubted, lost and found again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hardshoulder_fleet.core.checkin import ENDS, CallOff, CheckIn, Happening, Tow, happening_of, next_tow
from hardshoulder_fleet.core.patience import Patience
from hardshoulder_fleet.core.views import Order
from hardshoulder_fleet.store import reading
from hardshoulder_fleet.store.changes import DeskError, add_errand, step, tell, touch
from hardshoulder_fleet.store.tables import CheckInRow, ErrandKind, ReportRow, TowRow

REPORT_SEQUENCE_LIMIT = 2**31 - 1
STRAY_REPORTS_LIMIT = 1000
"""Reports of orders that we do not know (yet)."""

LOOK_AFTER = timedelta(seconds=5)
"""A provider that was slow to answer is slow to have the order, too."""

_STILL_WANTED = frozenset({CheckIn.ESCALATED, CheckIn.TOW_WANTED, CheckIn.EMERGENCY})


class Heard(Enum):
    """What became of a report: taken, nothing new, or kept until its order is known."""

    TAKEN = "taken"
    KNOWN = "known"
    KEPT = "kept"


def of(session: Session, number: int) -> tuple[CheckInRow, TowRow]:
    """A tow and the check-in it belongs to."""
    tow = session.get_one(TowRow, number)
    return session.get_one(CheckInRow, tow.incident_id), tow


def requested(session: Session, number: int, order_ref: str, now: datetime, patience: Patience) -> None:
    """Note what the provider calls the order, and apply what it reported before. Raises DeskError."""
    row, tow = of(session, number)
    if tow.order_ref == order_ref:
        return
    if tow.ended and tow.order_ref is None:
        # The answer of a request that had been given up, or was thought not to have been heard.
        tow.unsettled = True
        found(session, number, Order(order_ref, Tow.REQUESTED), now, patience)
        return
    _name(session, tow, order_ref)
    tell(session, row, now, "provider", f"Tow requested, order {order_ref}.")
    _follow(session, row, tow, now, patience)
    if tow.called_off is not None and not tow.ended:
        add_errand(session, row, ErrandKind.CANCEL_TOW, str(number), now)


def provider_said(session: Session, order: Order, sequence: int, now: datetime, patience: Patience) -> Heard:
    """Keep a report and apply it. Raises DeskError."""
    if not 0 <= sequence <= REPORT_SEQUENCE_LIMIT:
        raise DeskError(f"The sequence number {sequence} is not between 0 and {REPORT_SEQUENCE_LIMIT}.")
    tow = session.scalars(select(TowRow).where(TowRow.order_ref == order.order_ref)).one_or_none()
    if session.get(ReportRow, (order.order_ref, sequence)) is not None:
        return Heard.KEPT if tow is None else Heard.KNOWN
    if tow is None and _stray_reports(session) >= STRAY_REPORTS_LIMIT:
        raise DeskError("This order is not known.")
    newest = session.scalar(select(func.max(ReportRow.sequence)).where(ReportRow.order_ref == order.order_ref)) or 0
    session.add(
        ReportRow(
            order_ref=order.order_ref,
            sequence=sequence,
            state=order.state,
            eta_minutes=order.eta_minutes,
            received_at=now,
        )
    )
    if tow is None:
        # The provider may call back before its answer to our request has been noted.
        return Heard.KEPT
    # An older report than the newest says nothing about when the truck comes.
    eta_minutes = order.eta_minutes if sequence > newest else None
    news = hear(session, tow.number, order.state, eta_minutes, now, patience)
    return Heard.TAKEN if news else Heard.KNOWN


def hear(session: Session, number: int, state: Tow, eta_minutes: int | None, now: datetime, patience: Patience) -> bool:
    """Apply a provider's word, from a report or an answer. False: it says nothing new."""
    row, tow = of(session, number)
    tow.heard_at = max(tow.heard_at, now)
    if tow.ended:
        return _hear_loose(session, row, tow, state, now)
    moved = move(session, row, tow, state, now)
    said_when = _note_eta(tow, state, eta_minutes, now)
    if said_when:
        touch(session, row, now)
    _calm(session, row, tow, now, patience)
    return moved or said_when


def move(session: Session, row: CheckInRow, tow: TowRow, reported: Tow, now: datetime, who: str = "provider") -> bool:
    """Let the tow go on, and its check-in with it. False: it is there, or further."""
    after = next_tow(tow.state, reported)
    if after is tow.state:
        return False
    tow.state, tow.ended, tow.changed_at = after, after in ENDS, now
    tell(session, row, now, who, f"Tow {after.value}.")
    if not tow.ended:
        return True
    tow.doubt_at, tow.doubted = None, False
    happening = happening_of(after, tow.called_off)
    if happening is None or (happening is not Happening.TOW_LOST and _doubted(session, row)):
        # Somebody was called for another truck, and this one's end must not send her away.
        return True
    if step(session, row, happening, now) and happening is Happening.TOW_LOST:
        tell(session, row, now, "fleet", "The tow does not come; a person is called.")
    return True


def given_up(session: Session, number: int, reason: str, now: datetime, *, unclear: bool) -> None:
    """The order did not work. unclear: the provider may have heard it; it is looked for."""
    row, tow = of(session, number)
    if tow.ended or tow.order_ref is not None:
        return
    tow.state, tow.ended, tow.changed_at, tow.unsettled = Tow.FAILED, True, now, unclear
    tow.doubt_at, tow.doubted = None, False
    if unclear:
        add_errand(session, row, ErrandKind.FIND_TOW, str(number), now + LOOK_AFTER)
    happening = happening_of(Tow.FAILED, tow.called_off)
    if happening is not None:
        step(session, row, happening, now)
    if tow.called_off is not None:
        tell(session, row, now, "fleet", f"The order {_fate(unclear)}; if it was heard, it is called off: {reason}")
    else:
        tell(session, row, now, "fleet", f"The order {_fate(unclear)}; a person is called: {reason}")


def _fate(unclear: bool) -> str:
    return "failed, and it may have been heard" if unclear else "failed"


def found(session: Session, number: int, order: Order, now: datetime, patience: Patience) -> None:
    """An order that was given up exists: it is taken up again, or called off when nobody wants it. Raises DeskError."""
    row, tow = of(session, number)
    if not tow.unsettled or tow.order_ref is not None:
        return
    _name(session, tow, order.order_ref)
    tow.heard_at = now
    newest = reading.newest_tow(session, row)
    wanted = newest is tow and tow.called_off is None and row.state in _STILL_WANTED
    if order.state in (Tow.CANCELLED, Tow.FAILED):
        tell(session, row, now, "provider", f"Order {order.order_ref} was heard, and is {order.state.value}.")
        settle(session, row, tow, now)
    elif wanted:
        _take_up(session, row, tow, order, now, patience)
    else:
        tow.called_off = tow.called_off or CallOff.SPARE
        tell(session, row, now, "fleet", f"Order {order.order_ref} was heard after all; it is called off.")
        add_errand(session, row, ErrandKind.CANCEL_TOW, str(number), now)


def _take_up(session: Session, row: CheckInRow, tow: TowRow, order: Order, now: datetime, patience: Patience) -> None:
    tow.state, tow.ended, tow.unsettled, tow.doubted, tow.changed_at = Tow.REQUESTED, False, False, False, now
    step(session, row, Happening.TOW_HEARD, now)
    tell(session, row, now, "fleet", f"Order {order.order_ref} was heard after all; the tow goes on.")
    _follow(session, row, tow, now, patience)
    hear(session, tow.number, order.state, order.eta_minutes, now, patience)


def not_there(session: Session, number: int, now: datetime) -> None:
    """The provider has no such order, and nobody waits for a truck that does not come."""
    row, tow = of(session, number)
    if tow.unsettled and tow.order_ref is None:
        tell(session, row, now, "fleet", "The provider has no such order: no truck was ordered.")
        settle(session, row, tow, now)


def settle(session: Session, row: CheckInRow, tow: TowRow, now: datetime) -> None:
    """Nothing is unclear about this tow any more."""
    tow.unsettled = tow.doubted = False
    touch(session, row, now)
    if reading.open_tow(session, row) is not None:
        _go_on(session, row, now)


def doubt(session: Session, number: int, sentence: str, now: datetime) -> None:
    """A person is called for this tow, once; it stays as it is. sentence: one, for her."""
    row, tow = of(session, number)
    if tow.doubted or (tow.ended and not tow.unsettled):
        return
    tow.doubted = True
    if step(session, row, Happening.TOW_DOUBTFUL, now) or row.state is CheckIn.EMERGENCY:
        tell(session, row, now, "fleet", sentence)


def lost(session: Session, number: int, sentence: str, now: datetime) -> None:
    """Nothing will be heard of it any more. sentence: why, for an operator."""
    row, tow = of(session, number)
    if tow.ended:
        return
    tell(session, row, now, "fleet", sentence)
    move(session, row, tow, Tow.FAILED, now, who="fleet")


def take_doubts(session: Session, now: datetime, limit: int, patience: Patience) -> Sequence[CheckInRow]:
    """Call a person for the tows whose time for a better word is over."""
    over = select(TowRow).where(~TowRow.ended, TowRow.doubt_at <= now).order_by(TowRow.doubt_at).limit(limit)
    rows = []
    for tow in session.scalars(over).all():
        row = session.get_one(CheckInRow, tow.incident_id)
        tow.doubt_at = None
        if row.state is not CheckIn.CLOSED:
            doubt(session, tow.number, _why(tow, now, patience), now)
            rows.append(row)
    return rows


def _why(tow: TowRow, now: datetime, patience: Patience) -> str:
    """Not heard of at all is worse than not assigned."""
    if now >= tow.heard_at + patience.silence:
        what, since = "The towing provider has said nothing", tow.heard_at
    else:
        what, since = "No truck has been assigned", tow.ordered_at
    minutes = int((now - since).total_seconds()) // 60
    return f"{what} for {minutes} min; a person is called. The tow was not called off."


def _calm(session: Session, row: CheckInRow, tow: TowRow, now: datetime, patience: Patience) -> None:
    """After a word: when to doubt next, and whether the last doubt is over."""
    if tow.ended:
        return
    doubt_at = patience.doubt_at(tow.state, tow.ordered_at, tow.heard_at)
    over = doubt_at > now and tow.called_off is None
    tow.doubt_at = doubt_at if over or not tow.doubted else None
    if over and tow.doubted:
        tow.doubted = False
        _go_on(session, row, now)


def _go_on(session: Session, row: CheckInRow, now: datetime) -> None:
    """The tow on its way is all there is to wait for, unless another one still is in doubt."""
    if not _doubted(session, row) and step(session, row, Happening.TOW_HEARD, now):
        tell(session, row, now, "fleet", "The provider is heard again; the tow goes on.")


def _doubted(session: Session, row: CheckInRow) -> bool:
    """Whether a person was called for any tow of this check-in and the reason is still there."""
    session.flush()
    doubted = select(TowRow.number).where(TowRow.incident_id == row.incident_id, TowRow.doubted)
    return session.scalars(doubted).first() is not None


def doubt_anew(session: Session, row: CheckInRow) -> None:
    """She says that she is safe. An order that still is looked for may call a person once more."""
    loose = update(TowRow).where(TowRow.incident_id == row.incident_id, TowRow.unsettled)
    session.execute(loose.values(doubted=False))


def _follow(session: Session, row: CheckInRow, tow: TowRow, now: datetime, patience: Patience) -> None:
    """From here on the provider is asked about this tow; what it has reported already counts."""
    add_errand(session, row, ErrandKind.WATCH_TOW, str(tow.number), now + patience.ask_tow)
    session.flush()
    hear(session, tow.number, Tow.REQUESTED, None, now, patience)
    early = select(ReportRow).where(ReportRow.order_ref == tow.order_ref).order_by(ReportRow.sequence)
    for report in session.scalars(early).all():
        hear(session, tow.number, report.state, None, now, patience)
        _note_eta(tow, report.state, report.eta_minutes, report.received_at)


def _note_eta(tow: TowRow, state: Tow, eta_minutes: int | None, said_at: datetime) -> bool:
    if tow.ended or eta_minutes is None or state is not tow.state:
        return False
    tow.eta_minutes, tow.eta_at = eta_minutes, said_at
    return True


def _hear_loose(session: Session, row: CheckInRow, tow: TowRow, state: Tow, now: datetime) -> bool:
    """Of an order that has ended for us only its end matters."""
    if not tow.unsettled or state not in ENDS:
        return False
    tell(session, row, now, "provider", f"Order {tow.order_ref}: {state.value}.")
    settle(session, row, tow, now)
    return True


def _name(session: Session, tow: TowRow, order_ref: str) -> None:
    """Raises DeskError for a name that cannot be this order's."""
    twice = session.scalars(select(TowRow.number).where(TowRow.order_ref == order_ref)).first()
    if twice is not None or tow.order_ref is not None:
        raise DeskError(f"The towing provider's answer cannot be used: its order {order_ref} is not this tow's.")
    tow.order_ref = order_ref


def _stray_reports(session: Session) -> int:
    ours = select(TowRow.order_ref).where(TowRow.order_ref.is_not(None))
    return session.scalar(select(func.count()).select_from(ReportRow).where(ReportRow.order_ref.not_in(ours))) or 0
