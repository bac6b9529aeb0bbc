"""The wall around a candidate ruleset: its turn comes last, and its first error is its last."""

from dataclasses import replace
from typing import Any

import pytest

from hardshoulder.core.actions import Finding, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.shadow import TOGETHER_S, ShadowStatus, Verdict
from hardshoulder.edge.trial import Trial
from support.driven import Driven
from support.talker import reference_plan

ACTIVE = reference_plan("combustion")
DEAF = replace(ACTIVE, switched_off=tuple(finding.value for finding in Finding), ruleset="deaf")


def broken(plan: CarPlan = ACTIVE) -> CarPlan:
    """A candidate that fails at the first speed it hears."""
    wrong: Any = "fast"
    return replace(plan, thresholds=replace(plan.thresholds, arm_above_kph=wrong), ruleset="broken")


class Said(list[tuple[str, str]]):
    """What was said."""

    def __call__(self, level: str, text: str) -> None:
        self.append((level, text))


class Road:
    """A car that breaks down, followed by a trial as the daemon's loop does it."""

    def __init__(self, plan: CarPlan | None) -> None:
        self.said = Said()
        self.trial = Trial(plan, self.said)
        self.driven = Driven(ACTIVE, on_frame=self._hear)
        self.driven.say(speed=100.0)
        self._frames: list[Frame] = []
        self._taken = 0

    def _hear(self, frame: Frame) -> Frame:
        self._frames.append(frame)
        return frame

    def run(self, seconds: float, lost: tuple[str, ...] = ()) -> "Road":
        for _ in range(round(seconds / 0.5)):
            self.driven.run(0.5)
            self.trial.note([action for _, action in self.driven.log[self._taken :]])
            self._taken = len(self.driven.log)
            for frame in self._frames:
                self.trial.note([], frame)
            self._frames = []
            self.trial.follow(lost, self.driven.now_s)
        return self

    def break_down(self) -> "Road":
        self.driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)
        return self

    @property
    def status(self) -> ShadowStatus:
        assert self.trial.status is not None
        return self.trial.status

    def count(self, verdict: Verdict) -> int:
        return dict(self.status.counts)[verdict]


def test_without_a_candidate_there_is_nothing() -> None:
    road = Road(None).run(2.0)
    assert (road.trial.running, road.trial.status, road.said) == (False, None, [])


def test_a_candidate_is_compared_and_disagreements_are_told() -> None:
    road = Road(DEAF).run(4.0).break_down().run(1.0)
    assert (road.status.ruleset, road.status.running) == ("deaf", True)
    assert road.count(Verdict.ONLY_ACTIVE) == 0
    road.run(TOGETHER_S)
    assert road.count(Verdict.ONLY_ACTIVE) == 1
    (comparison,) = road.status.latest
    assert comparison.first.kind is Finding.ENGINE_STOPPED
    assert road.said == []


def test_the_same_rules_agree() -> None:
    road = Road(replace(ACTIVE, ruleset="same")).run(4.0).break_down().run(1.0 + TOGETHER_S)
    assert [(verdict, n) for verdict, n in road.status.counts if n] == [(Verdict.AGREED, 1)]


def test_a_lost_bus_is_no_silence_for_the_candidate() -> None:
    road = Road(replace(ACTIVE, ruleset="same")).run(4.0).run(0.5, lost=("main",))
    assert road.trial.running and road.status.latest == ()


def test_a_candidate_that_fails_is_let_go_once_and_said_once() -> None:
    road = Road(broken()).run(4.0)
    assert (road.trial.running, road.status.running, road.status.ruleset) == (False, False, "broken")
    road.break_down().run(1.0 + TOGETHER_S)
    assert len(road.driven.of(Report)) > 0
    ((level, text),) = road.said
    assert level == "error"
    assert "broken failed and is let go" in text and "TypeError" in text and ".py, line " in text


def test_what_was_counted_before_a_failure_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    road = Road(DEAF).run(4.0).break_down().run(1.0 + TOGETHER_S)

    def fail(_shadow: object, _frame: Frame) -> None:
        raise ZeroDivisionError("a fault of the candidate")

    monkeypatch.setattr("hardshoulder.core.shadow.Shadow.receive", fail)
    road.run(1.0)
    assert not road.status.running
    assert road.count(Verdict.ONLY_ACTIVE) == 1
    assert len(road.status.latest) == 1


def test_a_candidate_that_cannot_even_begin_hurts_nobody() -> None:
    wrong: Any = None
    road = Road(replace(ACTIVE, messages=wrong, ruleset="hollow"))
    assert (road.trial.running, road.status.running, len(road.said)) == (False, False, 1)
    road.run(1.0)
    assert len(road.said) == 1


def test_an_end_of_the_program_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    road = Road(DEAF).run(1.0)

    def interrupt(_shadow: object, _frame: Frame) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hardshoulder.core.shadow.Shadow.receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        road.run(0.5)
