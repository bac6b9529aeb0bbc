"""Every change of a check-in, in one transaction each, and what the pages are told of it.

A change is committed before anybody is told of it: what has to be done outside (a link sent, a tow
requested) is an errand's row first and a deed afterwards, see `errands`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import CheckInView, Quote
from hardshoulder_fleet.store import changes, ordering, queues, reading
from hardshoulder_fleet.store.changes import DeskError
from hardshoulder_fleet.store.database import Database
from hardshoulder_fleet.store.queues import Errand
from hardshoulder_fleet.store.tables import ErrandKind

__all__ = ["ANSWERS", "Desk", "DeskError", "Errand", "ErrandKind"]

ANSWERS = {
    Happening.SAYS_SAFE: "I'm safe.",
    Happening.WANTS_TOW: "I need a tow.",
    Happening.SAYS_EMERGENCY: "This is an emergency.",
}
"""What the driver can say with one tap, in the words of the story."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited: for the driver's answer, and for whoever took an errand."""

    answer: timedelta = timedelta(seconds=90)
    lease: timedelta = timedelta(seconds=30)


class Desk:
    """The desk of the fleet; may be used from any thread. Every `now` is a time with a time zone.

    Methods that name an incident raise DeskError, one sentence for the person who asked, when no
    such incident is known.
    """

    def __init__(self, database: Database, patience: Patience = Patience()) -> None:
        self._database = database
        self._patience = patience
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Have this called after every committed change, in the thread that made it; it must return at once."""
        self._listeners.append(listener)

    def take_event(self, event: IncidentEvent, now: datetime) -> bool:
        """Keep what a car says; the first word of an incident opens its check-in.

        Returns False for an event that is here already. Raises DeskError for one that cannot be
        of this incident: of another vehicle, or with an absurd sequence number.
        """
        with self._change() as session:
            return changes.take_event(session, event, now, self._patience.answer)

    def view(self, incident_id: str) -> CheckInView | None:
        """One check-in as it stands; None: not known."""
        with self._database.read() as session:
            row = reading.find(session, incident_id)
            return reading.view_of(session, row) if row else None

    def board(self, now: datetime) -> list[CheckInView]:
        """The operator's list: who needs a person, then the newest, then those closed within a day."""
        with self._database.read() as session:
            return [reading.view_of(session, row) for row in reading.board_rows(session, now)]

    def version(self) -> int:
        """A number that is higher after every change."""
        with self._database.read() as session:
            return reading.version(session)

    def answer(self, incident_id: str, says: Happening, now: datetime) -> CheckInView:
        """What the driver says, one of `ANSWERS`; a second tap changes nothing."""
        assert says in ANSWERS, "a driver cannot say that with one tap"
        with self._change() as session:
            row = changes.get(session, incident_id)
            if changes.step(session, row, says, now):
                changes.tell(session, row, now, "driver", ANSWERS[says])
                if row.state is CheckIn.TOW_WANTED:
                    # A price that is shown and never answered ends with a person too.
                    changes.set_deadline(session, row, now + self._patience.answer)
            return reading.view_of(session, row)

    def keep_quote(self, incident_id: str, quote: Quote, now: datetime) -> CheckInView:
        """Keep a price before it is shown, so that a yes can be held against it."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.keep_quote(session, row, quote, now)
            return reading.view_of(session, row)

    def order(self, incident_id: str, quote_id: str, consent_text: str, now: datetime) -> CheckInView:
        """The driver's yes to the price shown; a second yes finds the same order.

        consent_text: the words she agreed to, as they were shown. Raises DeskError when no tow
        was asked for, or the price is not known or no longer valid.
        """
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.order(session, row, quote_id, consent_text, now)
            return reading.view_of(session, row)

    def requested(self, incident_id: str, order_ref: str, now: datetime) -> CheckInView:
        """The provider has taken the order and calls it `order_ref`; what it said before that counts now."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.requested(session, row, order_ref, now)
            return reading.view_of(session, row)

    def provider_said(self, order_ref: str, state: Tow, sequence: int, now: datetime) -> bool:
        """A provider's report; late, doubled and early ones do no harm. False: it changes nothing.

        Raises DeskError for a sequence that is no count, or when too many unknown orders are reported.
        """
        with self._change() as session:
            return ordering.provider_said(session, order_ref, state, sequence, now)

    def no_help(self, incident_id: str, reason: str, now: datetime) -> CheckInView:
        """No tow can be had; a person has to find another way. reason: one sentence."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.no_help(session, row, reason, now)
            return reading.view_of(session, row)

    def operator_done(self, incident_id: str, note: str, now: datetime) -> CheckInView:
        """A person says that this is over."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            if changes.step(session, row, Happening.OPERATOR_DONE, now):
                changes.tell(session, row, now, "operator", f"Closed: {note}" if note else "Closed.")
            return reading.view_of(session, row)

    def claim_deadlines(self, now: datetime, limit: int = 100) -> list[CheckInView]:
        """Take up to `limit` deadlines that are over, each exactly once, and call a person for them.

        Claimed and carried out in the same transaction, so nothing is lost between the two.
        """
        with self._change() as session:
            rows = queues.take_deadlines(session, now, limit)
            for row in rows:
                if changes.step(session, row, Happening.NO_ANSWER, now):
                    changes.tell(session, row, now, "fleet", "No answer in time; a person is called.")
            return [reading.view_of(session, row) for row in rows]

    def claim_errands(self, now: datetime, limit: int = 10) -> list[Errand]:
        """Take up to `limit` errands that are due; whoever dies with one loses it after the lease."""
        with self._database.write() as session:
            return queues.claim_errands(session, now, self._patience.lease, limit)

    def errand_done(self, errand: Errand, now: datetime) -> None:
        """The errand is run, or nobody needs it any more."""
        with self._change() as session:
            if queues.end_errand(session, errand, now) and errand.kind is ErrandKind.SEND_LINK:
                changes.tell(session, changes.get(session, errand.incident_id), now, "fleet", "Asked the driver.")

    def errand_failed(self, errand: Errand, reason: str, retry_at: datetime | None, now: datetime) -> None:
        """It did not work. retry_at: when to try again; None: not any more."""
        with self._change() as session:
            if not queues.fail_errand(session, errand, reason, retry_at, now):
                return
            row = changes.get(session, errand.incident_id)
            if retry_at is not None and errand.attempt == 1:
                changes.tell(session, row, now, "fleet", f"{_WORDS[errand.kind]} did not work at first: {reason}")
            elif retry_at is None and errand.kind is ErrandKind.SEND_LINK:
                changes.tell(session, row, now, "fleet", f"{_WORDS[errand.kind]} did not work: {reason}")

    def next_due(self) -> datetime | None:
        """When the next deadline or errand is due; None: nothing waits."""
        with self._database.read() as session:
            return queues.next_due(session)

    def reject(self, topic: str, payload: bytes, reason: str, now: datetime) -> None:
        """Keep a message that could not be taken, for whoever wants to know why."""
        with self._database.write() as session:
            queues.keep_rejected(session, topic, payload, reason, now)

    @contextmanager
    def _change(self) -> Iterator[Session]:
        with self._database.write() as session:
            yield session
            changed = changes.count_change(session)
        if changed:
            for listener in self._listeners:
                listener()


_WORDS = {ErrandKind.SEND_LINK: "Asking the driver", ErrandKind.REQUEST_TOW: "Requesting the tow"}
