"""What is done outside a transaction: deadlines claimed, links sent, tows requested.

Everything here is a row first. A thread takes the rows that are due and does what they say; one
that dies with a row in its hands loses it after the lease, and another takes it up.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from hardshoulder_fleet.core.checkin import CheckIn, Tow
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, Errand, ErrandKind

SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
RUNNERS = 4
"""A channel that takes its time must not hold up the tow of somebody else."""
FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=1)
ATTEMPTS: dict[ErrandKind, int] = {ErrandKind.SEND_LINK: 20, ErrandKind.REQUEST_TOW: 6}
"""A link is worth trying for long, because the deadline calls a person anyway. A tow that cannot be
requested within about half a minute is a person's business."""

log = logging.getLogger("hardshoulder_fleet.errands")


class GiveUp(Exception):
    """What was asked for will not work later either; the text is one sentence for an operator."""


class Errands:
    """Threads: one that only watches the deadlines, and some that may have to wait for others.

    send_link: brings the driver her link. request_tow: has the tow of `view.quote` come, and
    returns what the provider calls the order; asked twice for the same, it gives the same. Both
    may raise anything, which means another try, or GiveUp.
    """

    def __init__(
        self,
        desk: Desk,
        send_link: Callable[[CheckInView], None],
        request_tow: Callable[[CheckInView], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._send_link = send_link
        self._request_tow = request_tow
        self._clock = clock
        runners = [_Loop(f"errands-{number}", self.run_due, self._wait_s) for number in range(1, RUNNERS + 1)]
        self._loops = (_Loop("deadlines", self.watch_deadlines, self._wait_s), *runners)
        desk.listen(self.wake)

    def start(self) -> None:
        """Begin."""
        for loop in self._loops:
            loop.start()

    def wake(self) -> None:
        """Something has changed: look again."""
        for loop in self._loops:
            loop.wake()

    def stop(self) -> None:
        """Finish what is at hand."""
        for loop in self._loops:
            loop.stop()

    def watch_deadlines(self) -> int:
        """Call a person for everybody who did not answer in time; returns for how many."""
        late = self._desk.claim_deadlines(self._clock())
        for view in late:
            log.warning("no answer in time: %s of %s", ascii(view.incident_id), view.vehicle)
        return len(late)

    def run_due(self) -> int:
        """Run the errands that are due; returns how many."""
        # One at a time: the lease of the last of many would run out while the first is at work.
        errands = self._desk.claim_errands(self._clock(), limit=1)
        for errand in errands:
            self._run(errand)
        return len(errands)

    def _run(self, errand: Errand) -> None:
        try:
            self._perform(errand)
        except SQLAlchemyError:
            raise
        except GiveUp as reason:
            self._give_up(errand, str(reason))
        except Exception as error:
            self._try_again(errand, str(error) or type(error).__name__)
        else:
            self._desk.errand_done(errand, self._clock())

    def _perform(self, errand: Errand) -> None:
        view = errand.view
        if errand.kind is ErrandKind.SEND_LINK:
            if view.state is not CheckIn.CLOSED:
                self._send_link(view)
        elif view.tow is not None and view.tow.state is Tow.REQUESTED and not view.tow.order_ref:
            order_ref = self._request_tow(view)
            self._desk.requested(errand.incident_id, order_ref, self._clock())

    def _try_again(self, errand: Errand, reason: str) -> None:
        log.warning("%s for %s, attempt %d: %s", errand.kind.value, ascii(errand.incident_id), errand.attempt, reason)
        if errand.attempt >= ATTEMPTS[errand.kind]:
            self._give_up(errand, reason)
            return
        now = self._clock()
        pause = min(FIRST_RETRY * 2 ** (errand.attempt - 1), LONGEST_RETRY)
        self._desk.errand_failed(errand, reason, now + pause, now)

    def _give_up(self, errand: Errand, reason: str) -> None:
        log.error("%s for %s is given up: %s", errand.kind.value, ascii(errand.incident_id), reason)
        now = self._clock()
        if errand.kind is ErrandKind.REQUEST_TOW:
            # First the person, then the errand: dying in between calls her twice, which changes nothing.
            self._desk.no_help(errand.incident_id, reason, now)
        self._desk.errand_failed(errand, reason, None, now)

    def _wait_s(self) -> float:
        """How long until something is due."""
        due_at = self._desk.next_due()
        if due_at is None:
            return LONGEST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, (due_at - self._clock()).total_seconds()))


class _Loop:
    """A thread that works off what is due, then waits until more is or until somebody wakes it."""

    def __init__(self, name: str, work: Callable[[], int], wait_s: Callable[[], float]) -> None:
        """work: returns how much it did; it is called again until that is nothing."""
        self._work = work
        self._wait_s = wait_s
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                if self._work():
                    continue
                pause_s = self._wait_s()
            except SQLAlchemyError as error:
                # What is due stays due; a busy or full disk is tried again.
                log.error("the database does not answer: %s", getattr(error, "orig", None) or error)
                pause_s = 1.0
            self._woken.wait(pause_s)
