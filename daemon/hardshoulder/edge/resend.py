"""When an event goes out again that the fleet has not acknowledged."""

LONGEST_DELAY_S = 300.0
JITTER = 0.2
"""Up to this part of a delay is left out, so that a thousand cars do not come back in one second."""


def resend_delay_s(attempts: int, first_delay_s: float, chance: float) -> float:
    """How long to wait after an event was sent for the `attempts`-th time.

    Doubles from `first_delay_s` up to five minutes. chance: 0 (the whole delay) to 1 (less jitter).
    """
    assert attempts >= 1, "a delay begins with an attempt"
    # 2**20 is far over the cap, and a float that never overflows.
    whole_s = min(first_delay_s * 2.0 ** min(attempts - 1, 20), LONGEST_DELAY_S)
    return whole_s * (1 - JITTER * chance)


class ResendSchedule:
    """Which of the waiting events are due; knows only those that were sent on this connection."""

    def __init__(self, first_delay_s: float) -> None:
        self._first_delay_s = first_delay_s
        self._due_at_s: dict[str, float] = {}
        self._attempts: dict[str, int] = {}

    def is_due(self, event_id: str, now_s: float) -> bool:
        """Whether the event is to be published now: never sent here, or long enough ago."""
        return self._due_at_s.get(event_id, now_s) <= now_s

    def sent(self, event_id: str, now_s: float, chance: float) -> None:
        """The event has just been sent. chance: as in `resend_delay_s`."""
        attempts = self._attempts.get(event_id, 0) + 1
        self._attempts[event_id] = attempts
        self._due_at_s[event_id] = now_s + resend_delay_s(attempts, self._first_delay_s, chance)

    def forget(self, event_id: str) -> None:
        """The fleet has the event."""
        self._due_at_s.pop(event_id, None)
        self._attempts.pop(event_id, None)

    def reconnected(self) -> None:
        """A new connection: nobody knows what became of the last one, so everything is due."""
        self._due_at_s.clear()
        self._attempts.clear()

    def next_due_at_s(self) -> float | None:
        """The next deadline; None when nothing waits."""
        return min(self._due_at_s.values(), default=None)
