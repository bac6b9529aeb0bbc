"""A candidate ruleset beside the active one over recordings: the core's own shadow, listening to a replay."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardshoulder import __version__
from hardshoulder.core.actions import Action
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.shadow import Comparison, Opening, Shadow, Verdict
from hardshoulder_sim.recordings.replay import ReplayOptions, replay

FORMAT = "org.hardshoulder.shadow.v1"


class ShadowListener:
    """Lets a candidate hear what the active ruleset hears. compared: every breakdown that either saw."""

    def __init__(self, plan: CarPlan) -> None:
        self._shadow = Shadow(plan)
        self.compared: list[Comparison] = []

    def begin(self, responder: Responder) -> None:
        """The shadow has a responder of its own."""

    def took(self, actions: Sequence[Action]) -> None:
        """What the active ruleset did."""
        self._shadow.watch(actions)

    def heard(self, frame: Frame) -> None:
        """The candidate's turn."""
        self.compared += self._shadow.receive(frame)

    def passed(self, now_s: float) -> None:
        """Deadlines of the active ruleset; the candidate keeps its own."""
        self.compared += self._shadow.tick(now_s)

    def missed(self, from_s: float, to_s: float) -> None:
        """Neither concludes anything from a hole."""
        self.compared += self._shadow.hole(to_s)

    def finish(self) -> list[Comparison]:
        """After the last frame."""
        self.compared += self._shadow.finish()
        return self.compared


@dataclass(frozen=True, slots=True)
class Shadowed:
    """One recording under both."""

    log: str
    duration_s: float
    compared: tuple[Comparison, ...]


def shadow(log: Path, active: CarPlan, candidate: CarPlan, options: ReplayOptions) -> Shadowed:
    """Replays the recording under both rulesets. Raises what `replay` raises."""
    listener = ShadowListener(candidate)
    told = ReplayOptions(options.log_channels, options.channels, options.trust_gaps, options.progress, listener)
    result = replay(log, active, told)
    return Shadowed(result.log, result.duration_s, tuple(listener.finish()))


# What comes of it -------------------------------------------------------------------------------


def counts(shadowed: Iterable[Shadowed]) -> Counter[Verdict]:
    """How often each verdict was given."""
    return Counter(comparison.verdict for one in shadowed for comparison in one.compared)


def as_record(active: CarPlan, candidate: CarPlan, changes: list[str], shadowed: Sequence[Shadowed]) -> dict[str, Any]:
    """The comparison as one JSON object; times in seconds since each log's first frame."""
    numbers = counts(shadowed)
    return {
        "format": FORMAT,
        "version": __version__,
        "profile": active.profile,
        "ruleset": active.ruleset,
        "candidate": candidate.ruleset,
        "changes": changes,
        "duration_s": round(sum(one.duration_s for one in shadowed), 6),
        "counts": {verdict.value: numbers[verdict] for verdict in Verdict},
        "logs": [
            {"log": one.log, "duration_s": round(one.duration_s, 6), "compared": [_compared(c) for c in one.compared]}
            for one in shadowed
        ],
    }


def _compared(comparison: Comparison) -> dict[str, Any]:
    return {
        "verdict": comparison.verdict.value,
        "active": _opening(comparison.active),
        "candidate": _opening(comparison.candidate),
    }


def _opening(opening: Opening | None) -> dict[str, Any] | None:
    if opening is None:
        return None
    speed_kph = None if opening.speed_kph is None else round(opening.speed_kph, 6)
    return {"kind": opening.kind.value, "opened_at_s": round(opening.at_s, 6), "speed_kph": speed_kph}


def as_lines(one: Shadowed) -> Iterator[str]:
    """A recording for a person: every breakdown that either saw."""
    yield f"{one.log}: {len(one.compared)} compared"
    for comparison in one.compared:
        yield f"  {comparison.verdict.value:>14}  {_told(comparison)}"


def _told(comparison: Comparison) -> str:
    first = comparison.first
    speed = "- km/h" if first.speed_kph is None else f"{first.speed_kph:.1f} km/h"
    sides = [
        f"{name} {'nothing' if opening is None else f'{opening.kind.value} at {opening.at_s:.3f} s'}"
        for name, opening in (("active", comparison.active), ("candidate", comparison.candidate))
    ]
    later = ""
    if comparison.active is not None and comparison.candidate is not None:
        later = f" ({comparison.candidate.at_s - comparison.active.at_s:+.3f} s)"
    return f"{', '.join(sides)}{later}, {speed}"


def summary(shadowed: Sequence[Shadowed]) -> str:
    """One line for all recordings."""
    numbers = counts(shadowed)
    told = ", ".join(f"{numbers[verdict]} {verdict.value}" for verdict in Verdict)
    return f"{len(shadowed)} recordings, {sum(one.duration_s for one in shadowed):.1f} s: {told}"
