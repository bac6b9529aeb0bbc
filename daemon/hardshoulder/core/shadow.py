"""A candidate ruleset that runs silently beside the active one: it sees every frame and does nothing.

What it would have opened is compared with what was opened; only disagreements are worth telling. So new
thresholds are tried in every car before they reach any driver.

What the candidate asks for is dropped here, but for the incidents it opens: there is no way from it to lamps,
driver or fleet. Two openings are compared once the time has passed in which the other could still follow, because
an incident's name may get better in its first seconds.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import count
from math import inf

from hardshoulder.core.actions import Action, Finding, Incident, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder

TOGETHER_S = 10.0
"""Two rulesets that open within this time of each other mean the same breakdown."""
KEPT = 10
"""Disagreements that are kept; all are counted."""


class Verdict(Enum):
    """How the two saw one breakdown."""

    AGREED = "agreed"
    OTHER_KIND = "other-kind"
    ONLY_ACTIVE = "only-active"
    ONLY_CANDIDATE = "only-candidate"


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident that one of the two opened. kind: what it was called when the two were compared."""

    incident_id: str
    at_s: float
    kind: Finding
    speed_kph: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One breakdown as the two saw it; None: not at all."""

    verdict: Verdict
    active: Opening | None
    candidate: Opening | None

    @property
    def first(self) -> Opening:
        """The earlier opening; the active one's when both are as early."""
        return min(_there(self.active, self.candidate), key=lambda opening: opening.at_s)


def _there(*openings: Opening | None) -> list[Opening]:
    return [opening for opening in openings if opening is not None]


@dataclass(frozen=True, slots=True)
class ShadowStatus:
    """How the two have agreed so far. running: False once the candidate has failed. latest: disagreements, oldest
    first.
    """

    ruleset: str
    running: bool
    counts: tuple[tuple[Verdict, int], ...]
    latest: tuple[Comparison, ...]


@dataclass(slots=True)
class _Breakdown:
    """One that is not judged yet."""

    active: Opening | None = None
    candidate: Opening | None = None

    @property
    def begun_s(self) -> float:
        return min(opening.at_s for opening in _there(self.active, self.candidate))

    def of(self, *, active: bool) -> Opening | None:
        return self.active if active else self.candidate

    def put(self, opening: Opening, *, active: bool) -> None:
        if active:
            self.active = opening
        else:
            self.candidate = opening

    def awaits(self, at_s: float, *, active: bool) -> bool:
        """Whether an opening of that side at that time is about this breakdown."""
        other = self.of(active=not active)
        return self.of(active=active) is None and other is not None and abs(at_s - other.at_s) < TOGETHER_S

    def judged(self) -> Comparison:
        if self.active is None:
            return Comparison(Verdict.ONLY_CANDIDATE, None, self.candidate)
        if self.candidate is None:
            return Comparison(Verdict.ONLY_ACTIVE, self.active, None)
        same = self.active.kind is self.candidate.kind
        return Comparison(Verdict.AGREED if same else Verdict.OTHER_KIND, self.active, self.candidate)


class Shadow:
    """The candidate at work. plan: the same car with the candidate's thresholds and switches.

    The active ruleset's actions may be handed over before the frames they came from, never after: a breakdown is
    judged by the candidate's time, and by then both must have had their word. What is judged by a call is returned.
    """

    def __init__(self, plan: CarPlan) -> None:
        numbers = count(1)
        self._ruleset = plan.ruleset
        self._counts = dict.fromkeys(Verdict, 0)
        self._latest: deque[Comparison] = deque(maxlen=KEPT)
        self._candidate = Responder(plan, lambda: f"candidate-{next(numbers)}")
        self._newest: dict[bool, str] = {}
        self._open: list[_Breakdown] = []

    @property
    def status(self) -> ShadowStatus:
        """How the two have agreed so far."""
        return ShadowStatus(self._ruleset, True, tuple(self._counts.items()), tuple(self._latest))

    def watch(self, actions: Iterable[Action]) -> None:
        """Takes what the active ruleset did."""
        self._take(actions, active=True)

    def receive(self, frame: Frame) -> list[Comparison]:
        """Takes a frame, as the active ruleset does."""
        return self._follow(self._candidate.receive(frame), frame.at_s)

    def tick(self, now_s: float) -> list[Comparison]:
        """Lets time pass."""
        return self._follow(self._candidate.tick(now_s), now_s)

    def hole(self, at_s: float) -> list[Comparison]:
        """A recording misses the time up to at_s."""
        return self._follow(self._candidate.hole(at_s), at_s)

    def lost_bus(self, bus: str, at_s: float) -> list[Comparison]:
        """Our own link to a bus went away."""
        return self._follow(self._candidate.lost_bus(bus, at_s), at_s)

    def finish(self) -> list[Comparison]:
        """Nothing more comes: what waits for an answer gets none."""
        return self._judge_until(inf)

    def _follow(self, actions: list[Action], now_s: float) -> list[Comparison]:
        if actions:
            self._take(actions, active=False)
        return self._judge_until(now_s) if self._open else []

    def _take(self, actions: Iterable[Action], *, active: bool) -> None:
        for action in actions:
            if isinstance(action, Report):
                self._hear(action.incident, active=active)

    def _hear(self, incident: Incident, *, active: bool) -> None:
        opening = Opening(incident.incident_id, incident.opened_at_s, incident.kind, incident.speed_kph_at_open)
        if self._newest.get(active) == incident.incident_id:
            self._rename(opening, active=active)
            return
        self._newest[active] = incident.incident_id
        for breakdown in self._open:
            if breakdown.awaits(opening.at_s, active=active):
                breakdown.put(opening, active=active)
                return
        alone = _Breakdown()
        alone.put(opening, active=active)
        self._open.append(alone)

    def _rename(self, opening: Opening, *, active: bool) -> None:
        """More is known of an incident; what was judged stays judged."""
        for breakdown in self._open:
            known = breakdown.of(active=active)
            if known is not None and known.incident_id == opening.incident_id:
                breakdown.put(opening, active=active)

    def _judge_until(self, now_s: float) -> list[Comparison]:
        due = [breakdown for breakdown in self._open if now_s >= breakdown.begun_s + TOGETHER_S]
        made = [breakdown.judged() for breakdown in due]
        self._open = [breakdown for breakdown in self._open if breakdown not in due]
        for comparison in made:
            self._counts[comparison.verdict] += 1
            if comparison.verdict is not Verdict.AGREED:
                self._latest.append(comparison)
        return made
