"""Every change of a check-in, in one transaction each, and what the pages are told of it.

A change is committed before anybody is told of it: what has to be done outside (a link sent, a tow
requested) is an errand's row first and a deed afterwards, see `errands`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.core.patience import Patience
from hardshoulder_fleet.core.views import CheckInView, Order, OutageView, Quote, Track
from hardshoulder_fleet.store import calling_off, changes, contacts, ordering, queues, reading, towing
from hardshoulder_fleet.store.changes import DeskError
from hardshoulder_fleet.store.contacts import Limits, Word
from hardshoulder_fleet.store.database import Database
from hardshoulder_fleet.store.queues import Errand, TowJob
from hardshoulder_fleet.store.tables import ErrandKind
from hardshoulder_fleet.store.towing import Heard

__all__ = ["ANSWERS", "Desk", "DeskError", "Errand", "ErrandKind", "Heard", "Limits", "Patience", "TowJob", "Word"]

ANSWERS = {
    Happening.SAYS_SAFE: "I'm safe.",
    Happening.WANTS_TOW: "I need a tow.",
    Happening.SAYS_EMERGENCY: "This is an emergency.",
}
"""What the driver can say with one tap, in the words of the story."""

_USUAL = Patience()
_USUAL_LIMITS = Limits()


class Desk:
    """The desk of the fleet; may be used from any thread. Every `now` is a time with a time zone.

    Methods that name an incident raise DeskError, one sentence for the person who asked, when no
    such incident is known.
    """

    def __init__(self, database: Database, patience: Patience = _USUAL, limits: Limits = _USUAL_LIMITS) -> None:
        self._database = database
        self.patience = patience
        self._limits = limits
        self._hears_since: datetime | None = None
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
            new = changes.take_event(session, event, now, self.patience.answer)
            if new:
                contacts.taken_over(session, event.data.vehicle, now)
            return new

    def listening(self, since: datetime | None) -> None:
        """Whether the fleet hears its cars, and since when: who hears nobody misses nobody."""
        self._hears_since = since
        self._tell_listeners()

    def hear(self, words: Sequence[Word], now: datetime) -> None:
        """Keep what came on `status` and `presence`, in this order; what is no news changes nothing."""
        with self._change() as session:
            for word in words:
                contacts.hear(session, word, now, self._limits)

    def outage(self) -> OutageView | None:
        """The cars that fell silent together, for which nobody is asked; None: there are none."""
        with self._database.read() as session:
            return contacts.outage(session)

    def view(self, incident_id: str) -> CheckInView | None:
        """One check-in as it stands; None: not known."""
        with self._database.read() as session:
            row = reading.find(session, incident_id)
            return reading.view_of(session, row) if row else None

    def tracks(self, incident_id: str) -> tuple[Track, ...]:
        """What its signals said in the seconds before the incident; empty where the car sent no window."""
        with self._database.read() as session:
            return reading.tracks_of(session, incident_id)

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
                if row.state is CheckIn.SAFE:
                    towing.doubt_anew(session, row)
                if row.state is CheckIn.TOW_WANTED:
                    # A price that is shown and never answered ends with a person too.
                    changes.set_deadline(session, row, now + self.patience.answer)
            return reading.view_of(session, row)

    def keep_quote(self, incident_id: str, quote: Quote, now: datetime) -> CheckInView:
        """Keep a price before it is shown, so that a yes can be held against it."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.keep_quote(session, row, quote, now)
            return reading.view_of(session, row)

    def no_price(self, incident_id: str, reason: str, now: datetime) -> bool:
        """No price can be had: a person is called. reason: one sentence.

        Returns False when another tab has a price that holds or an order: that stays as it is.
        """
        with self._change() as session:
            return ordering.no_price(session, changes.get(session, incident_id), reason, now)

    def order(self, incident_id: str, quote_id: str, consent_text: str, now: datetime) -> CheckInView:
        """The driver's yes to the price shown; a second yes finds the same order.

        consent_text: the words she agreed to, as they were shown. Raises DeskError when no tow
        was asked for, or the price is not known or no longer valid.
        """
        with self._change() as session:
            row = changes.get(session, incident_id)
            ordering.order(session, row, quote_id, consent_text, now, self.patience)
            return reading.view_of(session, row)

    def call_off(self, incident_id: str, by: CallOff, now: datetime, tow: int | None = None) -> CheckInView:
        """The tow on its way is to be called off, by the driver or the operator.

        tow: the number of the tow that was meant; another one is left alone.
        """
        with self._change() as session:
            row = changes.get(session, incident_id)
            meant = reading.open_tow(session, row)
            if meant is not None and tow in (None, meant.number):
                calling_off.call_off(session, row, by, now)
            return reading.view_of(session, row)

    def operator_done(self, incident_id: str, note: str, now: datetime) -> CheckInView:
        """A person says that this is over. A tow on its way is called off, unless the provider refused that."""
        with self._change() as session:
            row = changes.get(session, incident_id)
            tow = reading.open_tow(session, row)
            if tow is not None and tow.refusal is None:
                calling_off.call_off(session, row, CallOff.CLOSING, now)
            if changes.step(session, row, Happening.OPERATOR_DONE, now):
                changes.tell(session, row, now, "operator", f"Closed: {note}" if note else "Closed.")
            return reading.view_of(session, row)

    def requested(self, tow: int, order_ref: str, now: datetime) -> CheckInView:
        """The provider has taken the order and calls it `order_ref`; what it said before that counts now.

        Raises DeskError when another tow of ours has that name.
        """
        return self._for_tow(tow, lambda session: towing.requested(session, tow, order_ref, now, self.patience))

    def provider_said(
        self, order_ref: str, state: Tow, sequence: int, now: datetime, eta_minutes: int | None = None
    ) -> Heard:
        """A provider's report; late, doubled and early ones do no harm.

        Raises DeskError for a sequence that is no count, or when too many unknown orders are reported.
        """
        with self._change() as session:
            return towing.provider_said(session, Order(order_ref, state, eta_minutes), sequence, now, self.patience)

    def provider_answered(self, tow: int, order: Order, now: datetime) -> CheckInView:
        """What the provider answered when it was asked about this tow, or to call it off."""
        return self._for_tow(
            tow, lambda session: towing.hear(session, tow, order.state, order.eta_minutes, now, self.patience)
        )

    def given_up(self, tow: int, reason: str, now: datetime, *, unclear: bool) -> CheckInView:
        """The tow could not be ordered. unclear: the provider may have heard the order, so it is looked for."""
        return self._for_tow(tow, lambda session: towing.given_up(session, tow, reason, now, unclear=unclear))

    def found(self, tow: int, order: Order | None, now: datetime) -> CheckInView:
        """What came of looking for an order that may have been heard; None: the provider does not have it.

        Raises DeskError when another tow of ours has that name.
        """
        if order is None:
            return self._for_tow(tow, lambda session: towing.not_there(session, tow, now))
        return self._for_tow(tow, lambda session: towing.found(session, tow, order, now, self.patience))

    def doubt(self, tow: int, sentence: str, now: datetime) -> CheckInView:
        """A person is called for this tow, which stays as it is."""
        return self._for_tow(tow, lambda session: towing.doubt(session, tow, sentence, now))

    def not_called_off(self, tow: int, sentence: str, now: datetime) -> CheckInView:
        """The provider sends the truck all the same. sentence: why."""
        return self._for_tow(tow, lambda session: calling_off.refused(session, tow, sentence, now))

    def lost(self, tow: int, sentence: str, now: datetime) -> CheckInView:
        """Nothing will be heard of this tow any more. sentence: why."""
        return self._for_tow(tow, lambda session: towing.lost(session, tow, sentence, now))

    def take_over(self, now: datetime) -> None:
        """At the start of the only fleet on this database: what a former process was at is nobody's.

        A provider could not be heard in the meantime; it gets one more question before a person is called.
        """
        with self._database.write() as session:
            queues.take_over(session, now + self.patience.ask_tow)

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

    def claim_doubts(self, now: datetime, limit: int = 100) -> list[CheckInView]:
        """Call a person for tows of which no good word came in time, each exactly once."""
        with self._change() as session:
            rows = towing.take_doubts(session, now, limit, self.patience)
            return [reading.view_of(session, row) for row in rows]

    def claim_lost(self, now: datetime) -> list[CheckInView]:
        """Open a check-in for every car that fell silent on the road and whose grace is over, each exactly once."""
        since, grace = self._hears_since, self.patience.contact
        if since is None or now < since + grace:
            return []
        with self._change() as session:
            rows = contacts.claim(session, now, grace, self.patience.answer, self._limits)
            return [reading.view_of(session, row) for row in rows]

    def claim_errands(self, now: datetime, limit: int = 10) -> list[Errand]:
        """Take up to `limit` errands that are due; whoever dies with one loses it after the lease."""
        with self._database.write() as session:
            return queues.claim_errands(session, now, self.patience.lease, limit)

    def errand_done(self, errand: Errand, now: datetime) -> None:
        """The errand is run, or nobody needs it any more."""
        with self._change() as session:
            if queues.end_errand(session, errand, now) and errand.kind is ErrandKind.SEND_LINK:
                changes.tell(session, changes.get(session, errand.incident_id), now, "fleet", "Asked the driver.")

    def errand_failed(self, errand: Errand, reason: str, retry_at: datetime | None, now: datetime) -> None:
        """It did not work. retry_at: when to try again; None: not any more."""
        with self._change() as session:
            if not queues.fail_errand(session, errand, reason, retry_at, now) or errand.kind not in _WORDS:
                return
            row = changes.get(session, errand.incident_id)
            if retry_at is not None and errand.attempt == 1:
                changes.tell(session, row, now, "fleet", f"{_WORDS[errand.kind]} did not work at first: {reason}")
            elif retry_at is None and errand.kind is ErrandKind.SEND_LINK:
                changes.tell(session, row, now, "fleet", f"{_WORDS[errand.kind]} did not work: {reason}")

    def errand_again(self, errand: Errand, at: datetime) -> None:
        """It is run, and is to be run again then."""
        with self._database.write() as session:
            queues.postpone_errand(session, errand, at)

    def next_due(self) -> datetime | None:
        """When the next deadline, doubt, silence or errand is due; None: nothing waits."""
        with self._database.read() as session:
            since = self._hears_since
            lost = contacts.next_due(session, since, self.patience.contact) if since is not None else None
            return min((time for time in (queues.next_due(session), lost) if time is not None), default=None)

    def reject(self, topic: str, payload: bytes, reason: str, now: datetime) -> None:
        """Keep a message that could not be taken, for whoever wants to know why."""
        with self._database.write() as session:
            queues.keep_rejected(session, topic, payload, reason, now)

    def _for_tow(self, tow: int, change: Callable[[Session], object]) -> CheckInView:
        """Make a change of this tow; the check-in it belongs to, afterwards."""
        with self._change() as session:
            change(session)
            return reading.view_of(session, towing.of(session, tow)[0])

    @contextmanager
    def _change(self) -> Iterator[Session]:
        with self._database.write() as session:
            yield session
            changed = changes.count_change(session)
        if changed:
            self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()


_WORDS = {
    ErrandKind.SEND_LINK: "Asking the driver",
    ErrandKind.REQUEST_TOW: "Requesting the tow",
    ErrandKind.CANCEL_TOW: "Calling off the tow",
}
"""The errands whose troubles belong into the story; a provider that is asked now and then has its own."""
