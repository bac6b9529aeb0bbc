"""The driver's display on CAN: which frame shows a notice, at once and again while there is something to tell."""

from math import inf

from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import DisplayPlan
from hardshoulder.core.protection import protect

CLEAR_FRAMES = 3
"""So that one lost frame leaves no notice standing."""


class Display:
    """One car's display; without a plan it shows nothing. Times are arguments."""

    def __init__(self, plan: DisplayPlan | None) -> None:
        self._plan = plan
        self._saying = b""
        self._shows = False
        self._frames_left: float = 0
        self._count = 0
        self._last_s = self._over_s = -inf
        self.due_s = inf

    def show(self, key: str, now_s: float) -> None:
        """Shows the text of this name, or of the name before its last `-`; one that the car has no frame for changes
        nothing.
        """
        payloads = dict(self._plan.payloads) if self._plan is not None else {}
        payload = payloads.get(key, payloads.get(key.rpartition("-")[0]))
        if payload is not None:
            self._play(payload, inf, now_s)

    def clear(self, now_s: float) -> float:
        """There is nothing to tell any more. Returns the time by which the last frame is out."""
        if self._plan is None:
            return now_s
        if self._shows:
            self._play(self._plan.clear, CLEAR_FRAMES, now_s)
            self._shows = False
        self._over_s = now_s + (CLEAR_FRAMES + 1) * self._plan.period_s
        return self._over_s

    def _play(self, payload: bytes, frames: float, now_s: float) -> None:
        """At once, but not so soon after the last frame that the permit would take it for a flood."""
        assert self._plan is not None, "what is shown has a frame"
        self._saying, self._frames_left, self._over_s = payload, frames, inf
        self._shows = True
        self.due_s = max(now_s, self._last_s + 0.6 * self._plan.period_s)

    def due(self, now_s: float) -> list[Frame]:
        """The frame that has to go out now, if one has."""
        plan = self._plan
        if plan is None or now_s < self.due_s:
            return []
        if now_s >= self._over_s:
            self.due_s = inf
            return []
        self._frames_left -= 1
        self._last_s = now_s
        self.due_s = now_s + plan.period_s if self._frames_left > 0 else inf
        counter = None if plan.counter is None else (plan.counter, self._count)
        self._count += 1
        return [Frame(now_s, plan.bus, plan.can_id, protect(plan.can_id, self._saying, counter, plan.checksum))]
