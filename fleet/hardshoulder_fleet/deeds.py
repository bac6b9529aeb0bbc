"""What an errand does outside a transaction: a link sent; a tow requested, watched, looked for, called off."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hardshoulder_fleet.assistance.interface import Assistance, NoHelp
from hardshoulder_fleet.core.checkin import ENDS, CheckIn
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, DeskError, Errand, ErrandKind, TowJob

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY: dict[ErrandKind, timedelta] = {
    ErrandKind.SEND_LINK: timedelta(minutes=1),
    ErrandKind.REQUEST_TOW: timedelta(minutes=1),
    ErrandKind.WATCH_TOW: timedelta(minutes=10),
    ErrandKind.FIND_TOW: timedelta(minutes=10),
    ErrandKind.CANCEL_TOW: timedelta(minutes=10),
}
ATTEMPTS: dict[ErrandKind, int] = {
    ErrandKind.SEND_LINK: 20,
    ErrandKind.REQUEST_TOW: 6,
    ErrandKind.FIND_TOW: 45,
    ErrandKind.CANCEL_TOW: 45,
}
"""A link is worth trying for long, because the deadline calls a person anyway. A tow that cannot be
requested within about half a minute is a person's business. A truck that nobody wants is worth six hours."""
ALARM_AFTER = 6
"""Attempts to look for an order or to call it off, until a person is called; about half a minute."""
LOST_AFTER = timedelta(hours=6)
"""A tow whose provider is silent for so long is not waited for any more."""
NOT_THERE_AFTER = timedelta(minutes=10)
"""A provider may still be at a request it took long ago; until then a "no such order" is not the last word."""

_ALARMS = {
    ErrandKind.FIND_TOW: "Whether the tow was ordered cannot be found out; a person is called:",
    ErrandKind.CANCEL_TOW: "Calling off the tow does not work; a person is called:",
}


class GiveUp(Exception):
    """What was asked for will not work later either; the text is one sentence for an operator.

    unclear: somebody may have heard it all the same.
    """

    def __init__(self, sentence: str, *, unclear: bool = False) -> None:
        super().__init__(sentence)
        self.unclear = unclear


class NotYet(Exception):
    """The provider is there and has nothing final to say; the text is one sentence."""


class Deeds:
    """Carries out errands and what follows when they fail.

    send_link: brings the driver her link; it may raise anything, which means another try.
    """

    def __init__(
        self,
        desk: Desk,
        send_link: Callable[[CheckInView], None],
        assistance: Assistance,
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._send_link = send_link
        self._assistance = assistance
        self._clock = clock

    def run(self, errand: Errand) -> datetime | None:
        """When to run it again; None: it is done. Raises GiveUp, or anything else for another try."""
        if errand.kind is ErrandKind.SEND_LINK:
            if errand.view.state is not CheckIn.CLOSED:
                self._send_link(errand.view)
            return None
        tow = errand.tow
        assert tow is not None, "all other errands are about a tow"
        if errand.kind is ErrandKind.WATCH_TOW:
            return self._watch(tow)
        if errand.kind is ErrandKind.REQUEST_TOW:
            self._request(tow, errand.attempt)
        elif errand.kind is ErrandKind.FIND_TOW:
            self._find(tow)
        else:
            self._cancel(tow)
        return None

    def failed(self, errand: Errand, error: Exception) -> None:
        """It will be tried again. Some things are a person's business by then."""
        if errand.attempt >= ALARM_AFTER and errand.kind in _ALARMS and not _nothing_found(errand, error):
            assert errand.tow is not None
            self._desk.doubt(errand.tow.number, f"{_ALARMS[errand.kind]} {_text(error)}", self._clock())

    def given_up(self, errand: Errand, error: Exception) -> None:
        """It will not be tried again."""
        if errand.tow is None:
            return
        number, now = errand.tow.number, self._clock()
        if errand.kind is ErrandKind.REQUEST_TOW:
            unclear = not isinstance(error, GiveUp) or error.unclear
            self._desk.given_up(number, _text(error), now, unclear=unclear)
        elif errand.kind is ErrandKind.CANCEL_TOW:
            self._desk.not_called_off(number, _text(error), now)
        elif errand.kind is ErrandKind.FIND_TOW:
            self._desk.doubt(number, f"{_ALARMS[errand.kind]} {_text(error)}", now)

    def pause(self, errand: Errand) -> timedelta | None:
        """Until the next try after a failure; None: there is none."""
        longest = LONGEST_RETRY[errand.kind]
        if errand.kind is ErrandKind.WATCH_TOW:
            assert errand.tow is not None
            # The longer the silence, the rarer the question.
            return min(longest, max(self._desk.patience.ask_tow, (self._clock() - errand.tow.heard_at) / 5))
        if errand.attempt >= ATTEMPTS[errand.kind]:
            return None
        # The exponent is bounded: it would leave the floats.
        return min(longest, FIRST_RETRY * 2.0 ** min(errand.attempt - 1, 32))

    def _request(self, tow: TowJob, attempt: int) -> None:
        if tow.ended or tow.order_ref:
            return
        if tow.called_off is not None:
            raise GiveUp("It was called off before the provider had answered.", unclear=True)
        try:
            order_ref = self._assistance.request(tow.quote_id, tow.reference)
            self._desk.requested(tow.number, order_ref, self._clock())
        except NoHelp as refusal:
            if refusal.may_pass:
                raise
            # A refusal is the last word unless an earlier request may have been heard.
            raise GiveUp(refusal.sentence, unclear=attempt > 1) from refusal
        except DeskError as error:
            raise GiveUp(str(error), unclear=True) from error

    def _watch(self, tow: TowJob) -> datetime | None:
        now, ask_tow = self._clock(), self._desk.patience.ask_tow
        if tow.ended:
            return None
        if now < tow.heard_at + ask_tow:
            return tow.heard_at + ask_tow
        try:
            order = self._assistance.status(tow.order_ref)
        except NoHelp as error:
            if now < tow.heard_at + LOST_AFTER:
                raise
            hours = int(LOST_AFTER.total_seconds()) // 3600
            self._desk.lost(tow.number, f"The provider has said nothing for {hours} h: {error.sentence}", now)
            return None
        view = self._desk.provider_answered(tow.number, order, self._clock())
        return None if view.tow is None or view.tow.ended else now + ask_tow

    def _find(self, tow: TowJob) -> None:
        if not tow.unsettled or tow.order_ref:
            return
        try:
            order = self._assistance.find(tow.reference)
            now = self._clock()
            if order is None and now < tow.changed_at + NOT_THERE_AFTER:
                raise NotYet("The towing provider has no such order so far.")
            self._desk.found(tow.number, order, now)
        except NoHelp as refusal:
            if refusal.may_pass:
                raise
            raise GiveUp(refusal.sentence) from refusal
        except DeskError as error:
            raise GiveUp(str(error)) from error

    def _cancel(self, tow: TowJob) -> None:
        if tow.called_off is None or not tow.order_ref or (tow.ended and not tow.unsettled):
            return
        try:
            order = self._assistance.cancel(tow.order_ref)
        except NoHelp as refusal:
            if refusal.may_pass:
                raise
            raise GiveUp(refusal.sentence) from refusal
        self._desk.provider_answered(tow.number, order, self._clock())
        if order.state not in ENDS:
            raise NotYet(f"The towing provider was asked, and its order is still {order.state.value}.")


def _nothing_found(errand: Errand, error: Exception) -> bool:
    """It was heard that there is no order: good news so far, and no reason for an alarm."""
    return errand.kind is ErrandKind.FIND_TOW and isinstance(error, NotYet)


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
