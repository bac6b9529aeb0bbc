"""End-to-end protection as a state: whether what a message says may count at all.

After AUTOSAR "E2E Protocol Specification" (PRS_E2EProtocol): a profile check gives each frame a
status from checksum and alive counter, and a state machine over the last few statuses says whether
the message is valid. One corrupt frame is dropped; a message that is corrupt again and again is no
source any more, even where a frame of it happens to pass, until it has been right a few times in a row.
"""

from collections import deque

from hardshoulder.core.plan import Counter

WINDOW = 6
"""Frames over which is judged (AUTOSAR: WindowSizeValid)."""
ERRORS_ALLOWED = 2
"""Wrong ones among them before the message is no source any more (MaxErrorStateValid)."""
OK_NEEDED = 3
"""Right ones in a row, after which it is one again (MinOkStateInit)."""
_SLACK = 1.5
"""A frame may come this much earlier than its cycle says, on average: jitter and a fast sender."""


class Sequence:
    """The alive counter of one message: whether a count can follow the last one that was believed."""

    __slots__ = ("_at_s", "_cycle_s", "_last", "_max_step", "_modulo", "_went_round_s")

    def __init__(self, counter: Counter, cycle_s: float) -> None:
        self._modulo = counter.modulo
        self._max_step = counter.max_step
        self._cycle_s = cycle_s
        self._went_round_s = cycle_s * (counter.modulo - _SLACK)
        self._last: int | None = None
        self._at_s = 0.0

    def take(self, count: int, at_s: float) -> bool | None:
        """Takes the count of a frame whose checksum holds: None where it repeats the last, else whether it follows."""
        last = self._last
        if last is not None and 0 < (count - last) % self._modulo <= self._max_step:
            self._last, self._at_s = count, at_s  # nearly always
            return True
        return None if self.repeats(count, at_s) else self.follows(count, at_s)

    def repeats(self, count: int, at_s: float) -> bool:
        """Whether this is the last frame once more: doubled on the way, or a sender that hangs.

        After so long a gap that the counter may have gone round, it is a new one. The gap is counted from
        the last repetition, so a sender that hangs never becomes new by going on.
        """
        if count != self._last or at_s - self._at_s >= self._went_round_s:
            return False
        self._at_s = at_s
        return True

    def follows(self, count: int, at_s: float) -> bool:
        """Takes the count of a frame whose checksum holds and that is no repetition.

        False for a step larger than what was missed can explain. After a gap any step counts for which
        the time was enough: that is the re-synchronisation.
        """
        last, before_s = self._last, self._at_s
        self._last, self._at_s = count, at_s
        if last is None:
            return True
        missed = (at_s - before_s) / self._cycle_s * _SLACK
        return (count - last) % self._modulo <= self._max_step + missed


class EndToEnd:
    """The state of one message: valid, or not to be believed for the time being."""

    __slots__ = ("_recent", "_right_in_a_row", "valid")

    def __init__(self) -> None:
        self.valid = True
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._right_in_a_row = 0

    def take(self, right: bool) -> bool:
        """Takes the status of one frame; True when the frame counts."""
        if right and self.valid and self._right_in_a_row >= WINDOW:
            return True  # nothing wrong in the window: the usual case, and cheap
        self._recent.append(right)
        self._right_in_a_row = self._right_in_a_row + 1 if right else 0
        if self.valid:
            self.valid = self._recent.count(False) <= ERRORS_ALLOWED
        elif self._right_in_a_row >= OK_NEEDED:
            self.valid = True
            self._recent.clear()
        return right and self.valid
