"""The newest word of each vehicle inside a transaction: who is missed, and the check-in of a car that fell silent."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hardshoulder.wire import PresenceEvent, StatusEvent, new_event_id
from hardshoulder_fleet.core.checkin import CheckIn, Happening
from hardshoulder_fleet.core.contact import LOST_CONTACT, Moving, Stamp, is_older, is_outage, moving, went_together
from hardshoulder_fleet.core.views import OutageView
from hardshoulder_fleet.store.changes import begin, mark, step, tell, touch
from hardshoulder_fleet.store.tables import CheckInRow, ContactRow, EventRow, StoryRow


@dataclass(frozen=True, slots=True)
class Limits:
    """above_kph: what counts as driving. at_once: the most that are taken for single cars when they go together."""

    above_kph: float = 15.0
    at_once: int = 10


@dataclass(frozen=True, slots=True)
class Word:
    """What came on `status` or `presence`. kept: by the broker from before (retained), and not said just now."""

    event: StatusEvent | PresenceEvent
    kept: bool


def hear(session: Session, word: Word, now: datetime, limits: Limits) -> None:
    """Keep a word if it is news, and judge anew whether its car is missed."""
    vehicle = word.event.data.vehicle
    row = session.get(ContactRow, vehicle)
    if row is None:
        row = ContactRow(vehicle=vehicle, held=False, told=False)
        session.add(row)
    if isinstance(word.event, StatusEvent):
        news = _hear_status(row, word.event, word.kept, now, limits)
    else:
        news = _hear_presence(row, word.event, word.kept, now)
    if not news:
        return
    _judge(session, row, now)
    if row.online and row.heard_at == now:
        _is_back(session, row, now)


def _hear_status(row: ContactRow, event: StatusEvent, kept: bool, now: datetime, limits: Limits) -> bool:
    if event.id == row.status_id:
        return False
    data, said = event.data, Stamp(event.time, event.data.clock_trusted)
    if row.status is not None and row.status_at is not None:
        known = Stamp(row.status_at, bool(_data(row)["clock_trusted"]))
        if is_older(said, known, now):
            return False
    before = Moving(row.moving_kph, row.moving_at) if row.moving_kph is not None and row.moving_at is not None else None
    after = moving(before, data.state.value, data.speed_kph, _heard_at(row, said, kept, now), limits.above_kph)
    row.moving_kph, row.moving_at = (after.speed_kph, after.at) if after is not None else (None, None)
    row.status_id, row.status, row.status_at = event.id, event.model_dump_json(), event.time
    if not kept:
        row.heard_at = now
        if row.online is False and row.changed_at is not None and row.changed_at < now:
            # Whoever speaks is connected: by another broker than the one whose line broke.
            row.online, row.changed_at = True, now
    return True


def _heard_at(row: ContactRow, said: Stamp, kept: bool, now: datetime) -> datetime:
    """When a status was true: what the broker has kept may be old."""
    if not kept:
        return now
    return min(said.at if said.trusted else row.heard_at or now, now)


def _hear_presence(row: ContactRow, event: PresenceEvent, kept: bool, now: datetime) -> bool:
    if event.id == row.presence_id:
        return False
    if _is_overtaken(row, event, kept):
        return False
    row.connection = event.data.connection
    if event.data.leaving == "asleep":
        # It has parked and says good night itself, whatever its last status said.
        row.moving_kph, row.moving_at = None, None
    before, row.presence_id, row.online = row.online, event.id, event.data.online
    if before is row.online:
        return False
    # Of a car that this fleet has never heard connected, what the broker has kept tells no beginning.
    row.changed_at = None if kept and before is None else now
    return True


def _is_overtaken(row: ContactRow, event: PresenceEvent, kept: bool) -> bool:
    """Whether it is about a connection that is no longer the car's newest: it has several brokers.

    A car whose clock was lost numbers from below: when nothing is known to be connected, what it says counts.
    """
    said, known = event.data.connection, row.connection
    if said is None or known is None or said >= known:
        return False
    return not event.data.online or bool(row.online) or kept


def _judge(session: Session, row: ContactRow, now: datetime) -> None:
    """Begin to wait for a car that is missed, or stop."""
    gone = row.online is False and row.changed_at is not None
    if gone and (row.moving_at is not None or _open_check_in(session, row.vehicle) is not None):
        if row.missed_at is None:
            row.missed_at = row.wait_from = row.changed_at
            mark(session)
        return
    if row.held:
        mark(session)
    row.missed_at, row.wait_from, row.held = None, None, False


def _is_back(session: Session, row: ContactRow, now: datetime) -> None:
    """The car is connected and has said how it is."""
    if row.incident_id is None:
        return
    check_in = session.get_one(CheckInRow, row.incident_id)
    closed = check_in.lost_contact and step(session, check_in, Happening.CAR_HEARD, now)
    if closed or row.told:
        row.told = False
        tell(session, check_in, now, "fleet", f"The car is heard again.{' Closed.' if closed else ''}")
    if check_in.state is CheckIn.CLOSED or not check_in.lost_contact:
        row.incident_id = None


def taken_over(session: Session, vehicle: str, now: datetime) -> None:
    """The car has reported an incident, which has a check-in of its own: nobody need be asked twice."""
    row = session.get(ContactRow, vehicle)
    if row is None or row.incident_id is None:
        return
    check_in = session.get_one(CheckInRow, row.incident_id)
    if not check_in.lost_contact or check_in.state is CheckIn.CLOSED:
        return
    stays = not step(session, check_in, Happening.CAR_HEARD, now)
    tell(session, check_in, now, "fleet", "The car has reported an incident, which has a check-in of its own.")
    if not stays:
        row.incident_id, row.told = None, False


def claim(session: Session, now: datetime, grace: timedelta, answer: timedelta, limits: Limits) -> list[CheckInRow]:
    """The check-ins opened for the cars whose grace is over; others are held, or have one already."""
    waiting = select(ContactRow).where(ContactRow.wait_from.is_not(None)).order_by(ContactRow.missed_at)
    rows = session.scalars(waiting).all()
    due = [row for row in rows if row.wait_from is not None and row.wait_from + grace <= now]
    if not due:
        return []
    connected = len(rows) + (session.scalar(select(func.count()).where(ContactRow.online.is_(True))) or 0)
    missed = [row.missed_at for row in rows if row.missed_at is not None]
    return list(_opened(session, due, missed, connected, now, answer, limits))


def _opened(
    session: Session,
    due: Iterable[ContactRow],
    missed: list[datetime],
    connected: int,
    now: datetime,
    answer: timedelta,
    limits: Limits,
) -> Iterable[CheckInRow]:
    for row in due:
        assert row.missed_at is not None, "who is waited for is missed"
        check_in = _open_check_in(session, row.vehicle)
        if check_in is None and is_outage(went_together(missed, row.missed_at), connected, limits.at_once):
            # It is looked at again after another grace: whoever is still silent then was not in the outage alone.
            row.held, row.wait_from = True, now
            mark(session)
            continue
        opened = check_in is None
        if check_in is None:
            check_in = _open(session, row, now, answer)
        row.incident_id, row.wait_from, row.held, row.told = check_in.incident_id, None, False, True
        session.add(StoryRow(incident_id=check_in.incident_id, at=row.missed_at, who="fleet", what=_BROKE))
        touch(session, check_in, now)
        if opened:
            yield check_in


_BROKE = "The car's line broke."


def _open(session: Session, row: ContactRow, now: datetime, answer: timedelta) -> CheckInRow:
    """A check-in with a report of the fleet's own, in the place of the one that the car cannot send."""
    incident_id = f"lost-{new_event_id()}"
    check_in = CheckInRow(
        incident_id=incident_id,
        vehicle=row.vehicle,
        state=CheckIn.ASKED,
        opened_at=now,
        changed_at=now,
        newest_sequence=1,
        newest_event_id=f"{incident_id}-1",
        lost_contact=True,
    )
    begin(session, check_in, now, answer)
    payload = json.dumps({"data": _report(row)})
    session.add(
        EventRow(
            event_id=check_in.newest_event_id, incident_id=incident_id, sequence=1, received_at=now, payload=payload
        )
    )
    return check_in


def _report(row: ContactRow) -> dict[str, object]:
    """What is known of it, as `store.reported` reads it."""
    return {
        "kind": LOST_CONTACT,
        "cause": {"name": "lost contact", "sub_name": "the car's line broke while it was driving"},
        "state": _data(row)["state"] if row.status is not None else "driving",
        "hazards": "unknown",
        "hazard_button": "",
        "speed_kph_at_open": row.moving_kph,
        "location": _data(row).get("coarse_location") if row.status is not None else None,
        "coarse": True,
        "evidence": [],
        "timeline": [],
        "last_heard_at": row.moving_at.isoformat() if row.moving_at is not None else None,
    }


def _data(row: ContactRow) -> dict[str, object]:
    """The newest status, as it was sent."""
    assert row.status is not None, "a status was heard"
    data: dict[str, object] = json.loads(row.status)["data"]
    return data


def _open_check_in(session: Session, vehicle: str) -> CheckInRow | None:
    """The check-in in which this car already is; its own report before one of silence."""
    session.flush()
    is_open = select(CheckInRow).where(CheckInRow.vehicle == vehicle, CheckInRow.state != CheckIn.CLOSED)
    newest = is_open.order_by(CheckInRow.lost_contact, CheckInRow.opened_at.desc()).limit(1)
    return session.scalars(newest).first()


def outage(session: Session) -> OutageView | None:
    """The cars that are held because they went together; None: there are none."""
    held = select(func.count(), func.min(ContactRow.missed_at)).where(ContactRow.held)
    cars, since = session.execute(held).one()
    return OutageView(cars, since) if since is not None else None


def next_due(session: Session, since: datetime, grace: timedelta) -> datetime | None:
    """When the first grace is over. since: the fleet hears the cars from then on."""
    first = session.scalar(select(func.min(ContactRow.wait_from)))
    return max(first, since) + grace if first is not None else None
