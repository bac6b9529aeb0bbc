"""The last ten seconds of every mapped signal, ten values a second: what a breakdown is judged by afterwards.

Values are looked at on a fixed grid of times, before anything later is taken in. So it does not matter how often time
is told, and a car that drives costs one comparison a frame.
"""

from collections import deque
from math import floor

from hardshoulder.core.actions import Window
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Value

PER_SECOND = 10
LENGTH_S = 10
_KEPT = PER_SECOND * LENGTH_S + 1
"""Both ends are in it."""


class Track:
    """Samples the senses. due_s: the next time of the grid; call `advance` before anything at that time or later."""

    def __init__(self, senses: Senses) -> None:
        self.due_s = float("-inf")
        self._senses = senses
        self._step = 0
        self._rows: deque[tuple[Value | None, ...]] = deque(maxlen=_KEPT)

    def advance(self, now_s: float) -> None:
        """Looks at every signal for each time of the grid up to now."""
        if self.due_s == float("-inf"):
            self._step = floor(now_s * PER_SECOND)
        elif now_s >= self.due_s + LENGTH_S:
            # Nothing came for longer than is kept.
            self._step = floor(now_s * PER_SECOND) - _KEPT + 1
        while (at_s := self._step / PER_SECOND) <= now_s:
            self._rows.append(tuple(self._senses.value(vss, at_s) for vss in self._senses.signals))
            self._step += 1
        self.due_s = at_s

    def window(self, now_s: float) -> Window:
        """What was said up to now, of every signal that said anything."""
        if now_s >= self.due_s:
            self.advance(now_s)
        columns = zip(self._senses.signals, zip(*self._rows, strict=True), strict=True)
        said = tuple((str(vss), values) for vss, values in columns if any(value is not None for value in values))
        return Window((self._step - len(self._rows)) / PER_SECOND, 1 / PER_SECOND, said)
