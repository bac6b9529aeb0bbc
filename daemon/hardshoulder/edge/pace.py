"""How a busy bus is waited for: waking up for every frame would cost more than all that is done with it."""

import selectors
import time

REST_S = 0.003
"""How long frames may gather, and so the most that the first word of a breakdown waits to be heard. The kernel stamps
a frame when it comes, so that no time which is counted from it is any longer."""

_WORTH = 2
"""Frames that have to be expected: a rest for fewer costs a wake-up and saves none."""


class Pace:
    """Waits for frames, and while all is calm lets several gather where they come quickly.

    The wanted messages of a usual car, a few hundred a second, are read one by one; from 700 a second on they gather.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._read_s = time.monotonic()
        self._rest_s = 0.0

    def wait(self, seconds: float, *, calm: bool) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready, after so many seconds at the latest. calm: nothing is suspected, so a rest harms nobody."""
        if calm and self._rest_s:
            rest_s = min(self._rest_s, seconds)
            time.sleep(rest_s)
            seconds -= rest_s
        return self._selector.select(seconds)

    def came(self, count: int) -> None:
        """So many frames were read: from their pace follows whether it is worth to rest before the next reading."""
        now_s = time.monotonic()
        passed_s, self._read_s = now_s - self._read_s, now_s
        self._rest_s = REST_S if count * REST_S >= _WORTH * passed_s else 0.0
