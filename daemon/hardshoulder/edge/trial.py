"""The candidate ruleset beside the active one, walled off: whatever happens to it, the car is watched as before.

It gets its turn once everything the active ruleset asked for has been done. Its first error is its last: it is said,
the candidate is let go, and the status says that it no longer runs.
"""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from hardshoulder.core.actions import Action, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.edge.surroundings import Say

if TYPE_CHECKING:
    from hardshoulder.core.shadow import Comparison, Shadow, ShadowStatus


class Trial:
    """A candidate on trial. plan: None for no candidate; then nothing here costs anything."""

    def __init__(self, plan: CarPlan | None, say: Say) -> None:
        self._say = say
        self._shadow: Shadow | None = None
        self._last: ShadowStatus | None = None
        self._frames: list[Frame] = []
        self._reports: list[Report] = []
        if plan is not None:
            self._last = _untried(plan)
            self._guarded(lambda: self._start(plan))

    @property
    def running(self) -> bool:
        """Whether a candidate is at work."""
        return self._shadow is not None

    @property
    def status(self) -> "ShadowStatus | None":
        """How the two have agreed so far; None where there never was a candidate."""
        return self._last

    def note(self, actions: Iterable[Action], frame: Frame | None = None) -> None:
        """Keeps what the active ruleset did, and the frame it did it on, until the candidate has its turn."""
        if self._shadow is None:
            return
        self._reports += [action for action in actions if isinstance(action, Report)]
        if frame is not None:
            self._frames.append(frame)

    def follow(self, lost: Iterable[str], now_s: float) -> None:
        """The candidate's turn, up to now. lost: buses whose link went away."""
        shadow = self._shadow
        if shadow is not None:
            self._guarded(lambda: self._follow(shadow, lost, now_s))

    def _start(self, plan: CarPlan) -> None:
        from hardshoulder.core.shadow import Shadow

        self._shadow = Shadow(plan)
        self._last = self._shadow.status

    def _follow(self, shadow: "Shadow", lost: Iterable[str], now_s: float) -> None:
        frames, self._frames = self._frames, []
        reports, self._reports = self._reports, []
        judged: list[Comparison] = []
        shadow.watch(reports)
        for frame in frames:
            judged += shadow.receive(frame)
        for bus in lost:
            judged += shadow.lost_bus(bus, now_s)
        judged += shadow.tick(now_s)
        if judged:
            self._last = shadow.status

    def _guarded(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._shadow, self._frames, self._reports = None, [], []
            assert self._last is not None, "what fails was there"
            self._last = replace(self._last, running=False)
            self._say(
                "error",
                f"the candidate ruleset {self._last.ruleset} failed and is let go, the car is watched as before: "
                f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})",
            )


def _untried(plan: CarPlan) -> "ShadowStatus":
    from hardshoulder.core.shadow import ShadowStatus  # on demand: few cars have a candidate

    return ShadowStatus(plan.ruleset, True, (), ())
