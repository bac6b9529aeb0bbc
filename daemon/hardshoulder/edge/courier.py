"""Carries reports to the fleet on a thread of its own, so that the loop never waits for disk or network.

Light to import: SQLite, the MQTT client and the models are loaded by the thread, when the car
is watched already.
"""

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Literal

from hardshoulder.core.actions import Report
from hardshoulder.edge.mailbox import Mailbox, StatusReport
from hardshoulder.edge.surroundings import Clock, Say
from hardshoulder.settings import Identity, MqttSettings, StorageSettings

if TYPE_CHECKING:
    from hardshoulder.edge.delivery import Delivery

__all__ = ["Clock", "Courier", "Say", "StatusReport"]

ACKNOWLEDGED_LIMIT = 100
"""Acknowledgements that the loop has not taken; it takes them many times a second."""

FAILURE_WAIT_S = 1.0
"""After an error of the program itself, so that a thread that cannot go on does not spin."""


class Courier:
    """Keeps every report of an incident until the fleet acknowledges it, over restarts and power cuts.

    Only `drain` and `stop` wait, and both for a bounded time; everything else returns at once.
    """

    def __init__(
        self, identity: Identity, mqtt: MqttSettings, storage: StorageSettings, clock: Clock, say: Say
    ) -> None:
        self._identity, self._mqtt, self._storage = identity, mqtt, storage
        self._clock, self._say = clock, say
        self._mailbox = Mailbox()
        self._delivery: Delivery | None = None
        self._acknowledged: deque[str] = deque(maxlen=ACKNOWLEDGED_LIMIT)
        self._failures = 0
        self._turned = threading.Condition()
        self._stopping = threading.Event()
        self._goodbye_s = 0.0
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._delivery is not None and self._delivery.connected

    @property
    def failures(self) -> int:
        """How many errors of the program itself were caught and said."""
        return self._failures + (self._delivery.failures if self._delivery else 0)

    def start(self) -> None:
        """Start the thread; what is still in the outbox is sent first."""
        self._thread.start()

    def submit(self, mail: Report | StatusReport) -> None:
        """Hand over a report or the status. Neither blocks nor touches disk or network."""
        self._mailbox.put(mail)

    def rest(self, why: Literal["asleep", "low-supply"] | None) -> None:
        """Says goodbye to the broker and stays away; None: comes back. Reports are stored all the same."""
        self._mailbox.rest(why)

    def take_acknowledged(self) -> list[str]:
        """The incidents of which the fleet acknowledged an alert since the last call, for the loop's own thread."""
        return [self._acknowledged.popleft() for _ in range(len(self._acknowledged))]

    def depth(self) -> int:
        """How many reports the fleet has not acknowledged, as far as is known without waiting."""
        return len(self._mailbox) + (self._delivery.depth if self._delivery else 0)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the fleet has acknowledged everything. False: it has not within this time.

        What is left then stays in the outbox and is sent after the next start.
        """
        with self._turned:
            self._turned.wait_for(self._is_finished, timeout_s)
        return self.depth() == 0

    def stop(self, timeout_s: float, *, goodbye: bool = True) -> bool:
        """Store what was submitted, tell the broker that the car goes offline, end the thread.

        goodbye: False leaves it to the broker to find out, because there is no time.

        False: that took too long, and the thread was left behind.
        """
        if not self._thread.is_alive():
            return True
        until_s = time.monotonic() + timeout_s
        # The goodbye gets less than the whole time, so that the files can be closed within it.
        self._goodbye_s = timeout_s * 0.8 if goodbye else 0.0
        self._stopping.set()
        self._mailbox.wake.set()
        self._thread.join(max(0.0, until_s - time.monotonic()))
        return not self._thread.is_alive()

    def _is_finished(self) -> bool:
        return self._delivery is not None and len(self._mailbox) == 0 and self._delivery.finished

    def _run(self) -> None:
        try:
            from hardshoulder.edge.delivery import Delivery

            delivery = Delivery(
                self._mailbox, self._identity, self._mqtt, self._storage, self._clock, self._say,
                acknowledged=self._acknowledged.append,
            )  # fmt: skip
        except Exception as error:
            self._failures += 1
            self._say("error", f"Nothing can be sent to the fleet: {type(error).__name__}: {error}.")
            return
        self._delivery = delivery
        while not self._stopping.is_set():
            self._mailbox.wake.wait(self._turn(delivery))
            self._mailbox.wake.clear()
        try:
            delivery.close(self._goodbye_s)
        except Exception as error:
            delivery.fail("The courier did not stop cleanly", error)

    def _turn(self, delivery: "Delivery") -> float:
        try:
            wait_s = delivery.turn()
        except Exception as error:
            delivery.fail("The courier stumbled and goes on", error)
            wait_s = FAILURE_WAIT_S
        with self._turned:
            self._turned.notify_all()
        return wait_s
