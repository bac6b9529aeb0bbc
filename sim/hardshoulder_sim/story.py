"""A story told by several parties at once, said in the order in which things happened."""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUIET_S = 0.3


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the story. at_s: wall time in seconds. again: told each time it happens, not only the first."""

    name: str
    at_s: float
    detail: str
    again: bool = False


Events = queue.Queue[Stage]
Tell = Callable[[Stage], None]


@dataclass(slots=True)
class Story:
    """The stages as they are told; stages: the first of each name.

    Several parties tell of the same moments from different ends, so lines wait until it is quiet.
    needed: the stages without which the story is not complete.
    """

    needed: tuple[str, ...]
    say: Callable[[str], None]
    began_s: float = field(default_factory=time.time)
    stages: dict[str, Stage] = field(default_factory=dict)
    _waiting: list[Stage] = field(default_factory=list)
    _last_s: float | None = None

    def tell(self, stage: Stage) -> None:
        """Adds a stage."""
        if stage.again or stage.name not in self.stages:
            self.stages.setdefault(stage.name, stage)
            self._waiting.append(stage)

    def speak(self) -> None:
        """Says what waits."""
        for stage in sorted(self._waiting, key=lambda stage: stage.at_s):
            gap = "" if self._last_s is None else f"{(stage.at_s - self._last_s) * 1000:+.0f} ms"
            self.say(f"{stage.at_s - self.began_s:8.3f} s  {stage.name:<22} {gap:>11}   {stage.detail}")
            self._last_s = stage.at_s
        self._waiting.clear()

    @property
    def missing(self) -> list[str]:
        """The needed stages that have not been told."""
        return [name for name in self.needed if name not in self.stages]

    def follow(self, events: Events, over: Callable[[], bool]) -> None:
        """Tells what comes, until it is over; that is asked whenever it is quiet and everything is said."""
        while True:
            try:
                self.tell(events.get(timeout=QUIET_S))
            except queue.Empty:
                self.speak()
                if over():
                    return

    def between_ms(self, earlier: str, later: str) -> float:
        """Milliseconds between two told stages."""
        return (self.stages[later].at_s - self.stages[earlier].at_s) * 1000
