"""The threads that watch what is due: deadlines, doubts, and the errands that `deeds` carries out.

Everything here is a row first. A thread takes the rows that are due and does what they say; one
that hangs with a row in its hands loses it after the lease, and another takes it up. What a dead
process had in its hands is taken up at the start, see `Desk.take_over`.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from hardshoulder_fleet.deeds import Deeds, GiveUp
from hardshoulder_fleet.desk import Desk, Errand

SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
RUNNERS = 4
"""A channel that takes its time must not hold up the tow of somebody else."""
log = logging.getLogger("hardshoulder_fleet.errands")


class Errands:
    """Threads: one that only watches the deadlines and doubts, and some that may have to wait for others."""

    def __init__(self, desk: Desk, deeds: Deeds, clock: Callable[[], datetime]) -> None:
        self._desk = desk
        self._deeds = deeds
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
        """Call a person for everybody who did not answer, and every tow not heard of, in time; ask after silent cars.

        Returns for how many.
        """
        late = self._desk.claim_deadlines(self._clock())
        for view in late:
            log.warning("no answer in time: %s of %s", ascii(view.incident_id), view.vehicle)
        doubted = self._desk.claim_doubts(self._clock())
        for view in doubted:
            log.warning("nothing good was heard of the tow in time: %s of %s", ascii(view.incident_id), view.vehicle)
        lost = self._desk.claim_lost(self._clock())
        for view in lost:
            log.warning("lost contact: %s of %s, which was driving", ascii(view.incident_id), view.vehicle)
        return len(late) + len(doubted) + len(lost)

    def run_due(self) -> int:
        """Run the errands that are due; returns how many."""
        # One at a time: the lease of the last of many would run out while the first is at work.
        errands = self._desk.claim_errands(self._clock(), limit=1)
        for errand in errands:
            self._run(errand)
        return len(errands)

    def _run(self, errand: Errand) -> None:
        try:
            again_at = self._deeds.run(errand)
        except SQLAlchemyError:
            raise
        except GiveUp as error:
            self._give_up(errand, error)
        except Exception as error:
            self._try_again(errand, error)
        else:
            if again_at is None:
                self._desk.errand_done(errand, self._clock())
            else:
                self._desk.errand_again(errand, again_at)

    def _try_again(self, errand: Errand, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        log.warning("%s for %s, attempt %d: %s", errand.kind.value, ascii(errand.incident_id), errand.attempt, reason)
        pause = self._deeds.pause(errand)
        if pause is None:
            self._give_up(errand, error)
            return
        self._deeds.failed(errand, error)
        now = self._clock()
        self._desk.errand_failed(errand, reason, now + pause, now)

    def _give_up(self, errand: Errand, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        log.error("%s for %s is given up: %s", errand.kind.value, ascii(errand.incident_id), reason)
        # First what follows, then the errand: dying in between does it twice, which changes nothing.
        self._deeds.given_up(errand, error)
        self._desk.errand_failed(errand, reason, None, self._clock())

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
