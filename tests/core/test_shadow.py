"""The candidate beside the active ruleset: what counts as one breakdown, who agreed, and that it does nothing."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from hardshoulder.core.actions import Finding, Incident, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.shadow import KEPT, TOGETHER_S, Comparison, Shadow, Verdict
from support.driven import Driven
from support.incidents import incident
from support.talker import reference_plan

ACTIVE = reference_plan("combustion")
JUST = 1e-6


def candidate(off: Iterable[Finding] = (), **numbers: float) -> CarPlan:
    """The same car under other rules."""
    switched_off = tuple(finding.value for finding in off)
    return replace(ACTIVE, thresholds=replace(ACTIVE.thresholds, **numbers), switched_off=switched_off, ruleset="2-rc1")


ALL_OFF = candidate(Finding)


def opening(name: str, at_s: float, kind: Finding = Finding.ENGINE_STOPPED, speed_kph: float | None = 80.0) -> Report:
    """The report of an incident that was opened then."""
    made: Incident = replace(incident(name), opened_at_s=at_s, kind=kind, speed_kph_at_open=speed_kph)
    return Report(made, at_s)


class Pair:
    """An active car on the road, and a candidate that hears what it hears."""

    def __init__(self, plan: CarPlan) -> None:
        self.shadow = Shadow(plan)
        self.judged: list[Comparison] = []
        self._taken = 0
        self.driven = Driven(ACTIVE, on_frame=self._hear)
        self.driven.say(speed=100.0)

    def _hear(self, frame: Frame) -> Frame:
        self.judged += self.shadow.receive(frame)
        return frame

    def run(self, seconds: float) -> "Pair":
        """Both hear the car for a while; the active one's actions are handed over first."""
        for _ in range(round(seconds / 0.1)):
            self.driven.run(0.1)
            self.shadow.watch(action for _, action in self.driven.log[self._taken :])
            self._taken = len(self.driven.log)
            self.judged += self.shadow.tick(self.driven.now_s)
        return self

    def stop_engine(self) -> "Pair":
        self.driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)
        return self


def counts(shadow: Shadow) -> dict[str, int]:
    """How often each verdict was given, of those that were."""
    return {verdict.value: number for verdict, number in shadow.status.counts if number}


# On the road --------------------------------------------------------------------------------


def test_the_same_rules_agree_and_say_nothing_else() -> None:
    pair = Pair(replace(ACTIVE, ruleset="same")).run(4.0).stop_engine().run(2.0)
    assert pair.judged == [], "the other may still come"
    pair.run(TOGETHER_S)
    (comparison,) = pair.judged
    assert comparison.verdict is Verdict.AGREED
    assert comparison.active is not None and comparison.candidate is not None
    assert comparison.active.at_s == comparison.candidate.at_s == pair.driven.incident.opened_at_s
    status = pair.shadow.status
    assert (status.ruleset, status.running, status.latest) == ("same", True, ())
    assert counts(pair.shadow) == {"agreed": 1}


def test_a_deaf_candidate_misses_it() -> None:
    pair = Pair(ALL_OFF).run(4.0).stop_engine().run(2.0 + TOGETHER_S)
    (comparison,) = pair.judged
    assert (comparison.verdict, comparison.candidate) == (Verdict.ONLY_ACTIVE, None)
    assert comparison.first.kind is Finding.ENGINE_STOPPED
    assert comparison.first.speed_kph == pytest.approx(100.0)
    assert pair.shadow.status.latest == (comparison,)


def test_a_hasty_candidate_stands_alone() -> None:
    """One that alerts at town speed in a car that crawls."""
    hasty = candidate(alert_above_kph=9.0, arm_above_kph=3.0)
    pair = Pair(hasty)
    pair.driven.say(speed=12.0)
    pair.run(4.0).stop_engine().run(2.0 + TOGETHER_S)
    assert pair.driven.incidents == []
    (comparison,) = pair.judged
    assert (comparison.verdict, comparison.active) == (Verdict.ONLY_CANDIDATE, None)
    assert comparison.first.kind is Finding.ENGINE_STOPPED


def test_a_later_candidate_means_the_same_breakdown() -> None:
    slow = candidate(engine_stopped_hold_s=4.0, drive_not_ready_hold_s=4.0)
    pair = Pair(slow).run(4.0).stop_engine().run(2.0 + TOGETHER_S)
    (comparison,) = pair.judged
    assert comparison.verdict is Verdict.AGREED
    assert comparison.active is not None and comparison.candidate is not None
    assert comparison.candidate.at_s - comparison.active.at_s == pytest.approx(3.7, abs=0.1)
    assert comparison.first is comparison.active


def test_the_last_name_counts_and_not_the_first() -> None:
    """The candidate opens on a weaker finding first, and knows better a moment later."""
    other = candidate(engine_stopped_hold_s=1.5)
    pair = Pair(other).run(4.0).stop_engine().run(2.0 + TOGETHER_S)
    (comparison,) = pair.judged
    assert comparison.verdict is Verdict.AGREED
    assert comparison.candidate is not None and comparison.candidate.kind is Finding.ENGINE_STOPPED


@pytest.mark.slow
def test_another_name_is_a_disagreement() -> None:
    pair = Pair(candidate([Finding.ENGINE_STOPPED], no_torque_hold_s=0.1)).run(4.0)
    pair.driven.say(pedal_position=60.0)
    pair.stop_engine()
    for speed in range(100, 60, -1):
        pair.driven.say(speed=float(speed))
        pair.run(0.3)
    pair.run(TOGETHER_S)
    (comparison,) = pair.judged
    assert comparison.verdict is Verdict.OTHER_KIND
    assert comparison.active is not None and comparison.candidate is not None
    assert comparison.active.kind is Finding.ENGINE_STOPPED
    assert comparison.candidate.kind is not Finding.ENGINE_STOPPED


def test_a_candidate_does_nothing_to_the_car() -> None:
    """What it asks for goes nowhere: the active ruleset's actions are those of a car without it."""
    alone = Driven(ACTIVE)
    alone.say(speed=100.0)
    alone.run(4.0)
    pair = Pair(candidate(engine_stopped_hold_s=0.0, drive_not_ready_hold_s=0.0)).run(4.0)
    alone.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)
    alone.run(5.0)
    pair.stop_engine().run(5.0)
    assert [action for _, action in pair.driven.log] == [action for _, action in alone.log]
    assert pair.driven.sent and pair.driven.notices


# When two openings are one ------------------------------------------------------------------


def test_what_lies_apart_is_not_one_breakdown_even_when_nobody_ticks() -> None:
    pair = Pair(ALL_OFF)
    pair.shadow.watch([opening("a", 100.0)])
    pair.shadow._take([opening("c", 100.0 + TOGETHER_S)], active=False)
    assert [c.verdict for c in pair.shadow.finish()] == [Verdict.ONLY_ACTIVE, Verdict.ONLY_CANDIDATE]


@pytest.mark.parametrize("first_is_active", [True, False])
def test_what_lies_close_together_is_one_whoever_comes_first(first_is_active: bool) -> None:
    shadow = Shadow(ALL_OFF)
    shadow._take([opening("one", 100.0)], active=first_is_active)
    shadow._take([opening("other", 100.0 + TOGETHER_S - JUST)], active=not first_is_active)
    assert shadow.tick(100.0 + TOGETHER_S - JUST) == []
    (comparison,) = shadow.tick(100.0 + TOGETHER_S)
    assert comparison.verdict is Verdict.AGREED
    assert comparison.first.incident_id == "one"
    assert shadow.finish() == [], "it is judged once"


def test_two_of_one_side_are_two_breakdowns() -> None:
    shadow = Shadow(ALL_OFF)
    shadow.watch([opening("a", 100.0), opening("b", 101.0)])
    shadow._take([opening("c", 101.5)], active=False)
    verdicts = [comparison.verdict for comparison in shadow.finish()]
    assert sorted(verdict.value for verdict in verdicts) == ["agreed", "only-active"]


def test_news_of_an_incident_is_not_another_one() -> None:
    shadow = Shadow(ALL_OFF)
    shadow.watch([opening("a", 100.0, Finding.NO_TORQUE), opening("a", 100.0, Finding.CRASH)])
    shadow._take([opening("c", 100.0, Finding.CRASH)], active=False)
    (comparison,) = shadow.finish()
    assert comparison.verdict is Verdict.AGREED
    shadow.watch([opening("a", 100.0, Finding.POWER_LOST)])
    assert shadow.finish() == [], "what was judged stays judged"


def test_a_better_name_goes_to_its_own_incident() -> None:
    shadow = Shadow(ALL_OFF)
    shadow.watch([opening("a", 100.0, Finding.NO_TORQUE), opening("b", 101.0, Finding.NO_TORQUE)])
    shadow.watch([opening("b", 101.0, Finding.CRASH)])
    assert [comparison.first.kind for comparison in shadow.finish()] == [Finding.NO_TORQUE, Finding.CRASH]


def test_only_reports_are_compared() -> None:
    shadow = Shadow(ALL_OFF)
    driven = Driven(ACTIVE)
    driven.say(speed=100.0)
    driven.run(4.0)
    shadow.watch([action for _, action in driven.log])
    assert shadow.finish() == []


def test_the_last_disagreements_are_kept_and_all_are_counted() -> None:
    shadow = Shadow(ALL_OFF)
    for number in range(KEPT + 3):
        shadow.watch([opening(f"a{number}", 100.0 * number, speed_kph=None)])
        shadow.tick(100.0 * number + TOGETHER_S)
    assert counts(shadow) == {"only-active": KEPT + 3}
    assert [c.first.incident_id for c in shadow.status.latest] == [f"a{number}" for number in range(3, KEPT + 3)]


# Holes and lost buses -----------------------------------------------------------------------


def test_a_hole_and_a_lost_bus_are_no_silence_for_the_candidate_either() -> None:
    """Half a second of evidence, and then nothing: only time that was seen may conclude anything."""
    for how in ("hole", "lost"):
        pair = Pair(candidate(engine_stopped_hold_s=1.0, drive_not_ready_hold_s=1.0)).run(4.0).stop_engine()
        for _ in range(5):
            pair.driven.run(0.1)
        now_s = pair.driven.now_s
        shadow = pair.shadow
        assert (shadow.hole(now_s + 3.0) if how == "hole" else shadow.lost_bus("main", now_s)) == []
        assert shadow.tick(now_s + 3.0) == []
        assert shadow.finish() == [], how


def test_a_hole_lets_time_pass_for_what_waits() -> None:
    shadow = Shadow(ALL_OFF)
    shadow.watch([opening("a", 100.0)])
    (comparison,) = shadow.hole(100.0 + TOGETHER_S)
    assert comparison.verdict is Verdict.ONLY_ACTIVE
    shadow.watch([opening("b", 200.0)])
    (comparison,) = shadow.lost_bus("main", 200.0 + TOGETHER_S)
    assert comparison.first.incident_id == "b"
