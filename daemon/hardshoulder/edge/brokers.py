"""Several brokers in order: which one is tried, when the next one is, and when the first is tried again.

One connection carries everything. A broker that refuses, hangs up or stays silent is left at once for the next; after a
whole round without an answer there is a pause. While a later broker is used, the earlier ones are tried beside it from
time to time, and it is left only when one of them has answered. What was not acknowledged goes out again on the new
line: the outbox has it.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import inf

from hardshoulder.edge.mqtt import LONGEST_RETRY_S, SHORTEST_RETRY_S, TROUBLES_LIMIT, Leaving, Link, LinkError, Presence
from hardshoulder.edge.surroundings import Say
from hardshoulder.settings import MqttSettings

SETUP_RETRY_S = 60.0
"""When a line is set up again that could not be: a certificate may have been put in place."""


class Numbers:
    """Numbers the connections: each higher than the one before, and than those before a restart if the clock is set.

    A fleet that listens to two brokers hears the last will of the connection that broke after the greeting of the next.
    """

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._last = 0

    def __call__(self) -> int:
        """The next number."""
        self._last = max(self._last + 1, int(self._wall_s()))
        return self._last


class Brokers:
    """The line to whichever broker answers; for one thread, and nothing here waits but `stop`."""

    def __init__(
        self, settings: MqttSettings, vehicle: str, presence: Presence, wake: Callable[[], None], say: Say
    ) -> None:
        first = replace(settings, fallbacks=())
        others = (replace(first, host=other.host, port=other.port) for other in settings.fallbacks)
        self._settings = (first, *others)
        self._return_after_s = settings.return_after_s
        self._answer_within_s = settings.answer_within_s
        self._vehicle, self._presence, self._wake, self._say = vehicle, presence, wake, say
        self._numbers = Numbers()
        self._troubles: list[deque[str]] = [deque(maxlen=TROUBLES_LIMIT) for _ in self._settings]
        self._link: Link | None = None
        self._turn = 0
        self._unanswered = 0
        self._pause_s = float(SHORTEST_RETRY_S)
        self._due_s = -inf
        self._patience_ends_s = inf
        self._return: Link | None = None
        self._return_turn = 0
        self._return_due_s = inf
        self._return_ends_s = inf
        self._acks: list[bytes] = []
        self._made = 0
        self._seen = 0

    @property
    def connected(self) -> bool:
        """Whether a broker is there."""
        return self._link is not None and self._link.connected

    @property
    def connections(self) -> int:
        """How often a connection was made; a new number means that all that waits is due."""
        return self._made + (self._link.connections if self._link else 0)

    def publish(self, to: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send with QoS 1. False: no broker is there or it does not keep up; ask again later."""
        return self._link is not None and self._link.publish(to, payload, retain=retain)

    def take_acks(self) -> list[bytes]:
        """The acknowledgements that have come in since the last time."""
        taken = self._acks + (self._link.take_acks() if self._link else [])
        self._acks = []
        return taken

    def tend(self, now_s: float) -> None:
        """Tries, gives up and comes back where it is time to."""
        if self._link is None and now_s >= self._due_s:
            self._link = self._open(self._turn, now_s)
            self._patience_ends_s = now_s + self._answer_within_s
        if self._link is None or len(self._settings) == 1:
            return
        if not self._link.connected:
            if self._link.failures or now_s >= self._patience_ends_s:
                self._give_up(now_s)
            return
        self._note_connected(now_s)
        if now_s >= self._link.silent_since_s() + self._answer_within_s:
            self._say("warning", f"The broker {self._name(self._turn)} does not answer any more.")
            self._give_up(now_s)
        elif self._turn:
            self._try_earlier(now_s)

    def next_due_s(self, now_s: float) -> float:
        """When `tend` has something to do; what comes from outside wakes the thread anyway."""
        if self._link is None:
            return self._due_s
        if len(self._settings) == 1:
            return inf
        if not self._link.connected:
            return self._patience_ends_s
        silent_s = self._link.silent_since_s() + self._answer_within_s
        if not self._turn:
            return silent_s
        return min(silent_s, self._return_due_s if self._return is None else self._return_ends_s)

    def rest(self, why: Leaving) -> None:
        """Say goodbye and stay away until `resume`."""
        if self._return is not None:
            self._return.abandon()
            self._return = None
        if self._link is not None:
            self._made += self._link.connections
            self._acks += self._link.take_acks()
            if self._link.connected:
                self._link.part(why)
            else:
                self._link.abandon()
        self._link, self._due_s = None, inf

    def resume(self, now_s: float) -> None:
        """Come back, to the first one first."""
        self._turn, self._unanswered, self._due_s = 0, 0, now_s

    def stop(self, timeout_s: float) -> None:
        """Say goodbye and hang up; after `timeout_s` the broker has to find out by itself."""
        if self._return is not None:
            self._return.abandon()
            self._return = None
        if self._link is not None:
            self._link.stop(timeout_s)

    def _name(self, turn: int) -> str:
        return f"{self._settings[turn].host}:{self._settings[turn].port}"

    def _open(self, turn: int, now_s: float) -> Link | None:
        try:
            link = Link(
                self._settings[turn], self._vehicle, self._presence, self._wake, self._say,
                number=self._numbers, troubles=self._troubles[turn],
            )  # fmt: skip
        except LinkError as error:
            if str(error) not in self._troubles[turn]:
                self._troubles[turn].append(str(error))
                self._say("warning", str(error))
            if turn == self._turn and self._link is None:
                self._next(now_s, SETUP_RETRY_S)
            return None
        link.start()
        return link

    def _note_connected(self, now_s: float) -> None:
        if self._seen != self.connections:
            self._seen = self.connections
            self._unanswered, self._pause_s = 0, float(SHORTEST_RETRY_S)
            self._return_due_s = now_s + self._return_after_s
        # What breaks from here on is a failure anew.
        assert self._link is not None, "it is connected"
        self._patience_ends_s = now_s + self._answer_within_s

    def _give_up(self, now_s: float) -> None:
        """This broker has failed: the next one."""
        assert self._link is not None, "somebody failed"
        self._leave(self._link)
        self._link = None
        if self._return is not None:
            self._return.abandon()
            self._return = None
        self._next(now_s, 0.0)

    def _leave(self, link: Link) -> None:
        self._made += link.connections
        self._acks += link.take_acks()
        link.abandon()

    def _next(self, now_s: float, at_least_s: float) -> None:
        """The next broker's turn: at once, or after a pause when all of them have failed."""
        self._turn = (self._turn + 1) % len(self._settings)
        self._unanswered += 1
        if self._unanswered % len(self._settings):
            self._due_s = now_s
            return
        # A whole round is over. It begins with the first one again, wherever it began.
        self._turn = 0
        self._due_s = now_s + max(self._pause_s, at_least_s)
        self._pause_s = min(self._pause_s * 2, float(LONGEST_RETRY_S))

    def _try_earlier(self, now_s: float) -> None:
        """Tries those before the one in use, one by one; the first that answers is used from then on."""
        if self._return is None:
            if now_s >= self._return_due_s:
                self._return = self._open(self._return_turn, now_s)
                self._return_ends_s = now_s + self._answer_within_s
                if self._return is None:
                    self._return_next(now_s)
        elif self._return.connected:
            assert self._link is not None, "it carries everything until now"
            self._say("info", f"The broker {self._name(self._return_turn)} is there again.")
            before, self._link = self._link, self._return
            self._made += before.connections
            self._acks += before.take_acks()
            before.part(None)
            self._turn, self._return, self._return_turn = self._return_turn, None, 0
            self._note_connected(now_s)
        elif self._return.failures or now_s >= self._return_ends_s:
            self._return.abandon()
            self._return_next(now_s)

    def _return_next(self, now_s: float) -> None:
        self._return = None
        self._return_turn += 1
        if self._return_turn >= self._turn:
            self._return_turn, self._return_due_s = 0, now_s + self._return_after_s
        else:
            self._return_due_s = now_s
