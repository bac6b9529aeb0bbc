"""Simulated time: what is to happen, in the order of its times; nothing waits."""

import heapq
from collections.abc import Callable
from itertools import count

Deed = Callable[[], None]


class Timeline:
    """The monotonic clock of the simulation, and what is due on it."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s
        self._due: list[tuple[float, int, Deed]] = []
        self._order = count()

    def at(self, at_s: float, deed: Deed) -> None:
        """Do this then; what is due at one time is done in the order of its entry."""
        heapq.heappush(self._due, (max(at_s, self.now_s), next(self._order), deed))

    def after(self, delay_s: float, deed: Deed) -> None:
        """Do this so much later."""
        self.at(self.now_s + delay_s, deed)

    def run(self, until_s: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Everything that is due until then; stops early when it is enough."""
        while self._due and self._due[0][0] <= until_s and not enough():
            self.now_s, _, deed = heapq.heappop(self._due)
            deed()
        if not enough():
            self.now_s = max(self.now_s, until_s)
