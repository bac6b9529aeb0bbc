"""A candidate ruleset from the configuration to the fleet: written, checked, compiled, run beside the active one."""

import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.candidate import CandidateFile, CandidateKeys, candidate_plan, candidate_problems, differences
from hardshoulder.check import describe
from hardshoulder.config import make_bundle
from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import Thresholds
from hardshoulder.core.shadow import TOGETHER_S
from hardshoulder.plan_cache import dump, parse
from hardshoulder.ruleset import RuleKeys, ThresholdKeys
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.fleet import Fleet
from support.live_car import LiveCar
from support.talker import reference_plan
from support.written import config_table, problems_of, write

PLAN = reference_plan("combustion")
DOCS = Path(__file__).parent.parent / "docs"
OPENING = (Finding.ENGINE_STOPPED, Finding.DRIVE_NOT_READY, Finding.NO_TORQUE, Finding.NO_DRIVE, Finding.STALLED)
"""What a car without its engine shows."""


def keys(**written: Any) -> CandidateKeys:
    """A candidate as it is written."""
    return CandidateKeys.model_validate({"ruleset": "2-rc1", **written})


def config(folder: Path, candidate: dict[str, Any] | None, **others: Any) -> Path:
    """A configuration with this candidate."""
    table = config_table() | others
    return write(folder / "config.toml", table if candidate is None else table | {"candidate": candidate})


# Written ------------------------------------------------------------------------------------


def test_what_is_not_said_stays_as_it_is() -> None:
    active = replace(PLAN, thresholds=replace(PLAN.thresholds, alert_above_kph=20.0), switched_off=("stalled",))
    plan = candidate_plan(active, keys(thresholds={"clear_after_s": 2}))
    assert plan == replace(active, thresholds=replace(active.thresholds, clear_after_s=2.0), ruleset="2-rc1")
    assert isinstance(plan.thresholds.clear_after_s, float)


def test_switches_go_both_ways_and_keep_the_order_of_the_table() -> None:
    active = replace(PLAN, switched_off=("stalled", "limp-home"))
    plan = candidate_plan(active, keys(rules={"stalled": True, "malfunction": False, "crash": False}))
    assert plan.switched_off == ("crash", "limp-home", "malfunction")
    assert differences(active, plan) == ["crash: off", "stalled: on", "malfunction: off"]


def test_differences_are_told_with_both_numbers() -> None:
    plan = candidate_plan(PLAN, keys(thresholds={"alert_above_kph": 20.5}))
    assert differences(PLAN, plan) == ["alert_above_kph: 15 -> 20.5"]
    assert differences(PLAN, replace(PLAN, ruleset="other")) == []


def test_a_candidate_says_the_same_keys_as_the_active_rules() -> None:
    """A threshold or a finding that is new can be tried as well."""
    of_rules = set(RuleKeys.model_fields) - {"ruleset"}
    assert set(CandidateKeys.model_fields["rules"].annotation.model_fields) == of_rules  # type: ignore[union-attr]
    assert CandidateKeys.model_fields["thresholds"].annotation is ThresholdKeys
    assert set(ThresholdKeys.model_fields) == {field.name for field in fields(Thresholds)}


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        ({}, "candidate.ruleset: required"),
        ({"ruleset": "has space"}, "candidate.ruleset: "),
        ({"ruleset": "x", "thresholds": {"alert_above_kph": 500.0}}, "candidate.thresholds.alert_above_kph: "),
        ({"ruleset": "x", "thresholds": {"alert_above": 5.0}}, "candidate.thresholds.alert_above: unknown key"),
        ({"ruleset": "x", "rules": {"ruleset": "y"}}, "candidate.rules.ruleset: unknown key"),
        ({"ruleset": "x", "rules": {"crash": "no"}}, "candidate.rules.crash: "),
        ({"ruleset": "x", "mode": "armed"}, "candidate.mode: unknown key"),
        ({"ruleset": "x", "thresholds": {"alert_above_kph": 5.0}}, "candidate.thresholds: impossible"),
    ],
)
def test_the_same_bounds_hold_for_a_candidate(tmp_path: Path, candidate: dict[str, Any], words: str) -> None:
    (problem,) = problems_of(lambda: make_bundle(config(tmp_path, candidate)))
    assert problem.startswith(f"{tmp_path / 'config.toml'}: {words}"), problem


def test_what_is_impossible_together_is_told() -> None:
    assert candidate_problems(PLAN) == []
    (problem,) = candidate_problems(candidate_plan(PLAN, keys(thresholds={"arm_above_kph": 30.0})))
    assert problem.startswith("candidate.thresholds: impossible")


def test_the_bundle_carries_it_and_the_active_plan_is_untouched(tmp_path: Path) -> None:
    without = make_bundle(config(tmp_path, None))
    assert without.candidate is None
    assert parse(dump(without)) == without
    candidate = {"ruleset": "2-rc1", "thresholds": {"clear_after_s": 2.0}, "rules": {"stalled": False}}
    bundle = make_bundle(config(tmp_path, candidate, thresholds={"alert_above_kph": 20.0}))
    assert bundle.plan.thresholds == replace(without.plan.thresholds, alert_above_kph=20.0)
    assert bundle.candidate is not None
    assert bundle.candidate.thresholds == replace(bundle.plan.thresholds, clear_after_s=2.0)
    assert bundle.candidate.switched_off == ("stalled",)
    assert bundle.allowed == without.allowed
    assert parse(dump(bundle)) == bundle


def test_check_lists_what_is_tried(tmp_path: Path) -> None:
    told = list(describe(make_bundle(config(tmp_path, {"ruleset": "2-rc1", "rules": {"stalled": False}}))))
    assert told[1:3] == ["tries the ruleset 2-rc1 silently:", "  stalled: off"]
    told = list(describe(make_bundle(config(tmp_path, {"ruleset": "2-rc1"}))))
    assert told[2] == "  the same as the active one"
    assert not any("tries" in line for line in describe(make_bundle(config(tmp_path, None))))


def test_the_examples_in_the_documents_are_sound() -> None:
    """Each is an indented block."""
    (block,) = re.findall(
        r"\n\n((?:    .*\n|\n)*    \[candidate\]\n(?:    .*\n|\n)+)", (DOCS / "CONFIGURATION.md").read_text()
    )
    CandidateKeys.model_validate(tomllib.loads(block)["candidate"])
    (block,) = re.findall(
        r"\n\n(    format = 1\n    ruleset = .*\n(?:    .*\n|\n)+)", (DOCS / "SIMULATOR.md").read_text()
    )
    CandidateFile.model_validate(tomllib.loads(block))


# At work ------------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def shadows(fleet: Fleet) -> list[dict[str, Any]]:
    """What the fleet was told of the candidate."""
    return [told["shadow"] for told in fleet.told("status") if told["shadow"] is not None]


@pytest.mark.slow
def test_a_candidate_that_alarms_moves_no_lamp_and_tells_nobody_but_the_status(
    stage: ExitStack, tmp_path: Path
) -> None:
    """The active ruleset looks for nothing, the candidate for everything, in an armed car that loses its engine."""
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(tmp_path / "can0", "combustion"))
    path = write_config(tmp_path, "reference-combustion", broker.port, f"slcan:{tmp_path / 'can0'}", mode="armed")
    off = "\n".join(f"{finding.value} = false" for finding in OPENING)
    on = "\n".join(f"{finding.value} = true" for finding in OPENING)
    more = f'\n[rules]\nruleset = "deaf"\n{off}\n[candidate]\nruleset = "2-rc1"\n[candidate.rules]\n{on}\n'
    path.write_text(path.read_text() + more)
    daemon = stage.enter_context(DaemonProcess(path))
    wait_until(lambda: any(told["state"] == "driving" for told in fleet.told("status")), "the car is known to drive")
    assert shadows(fleet)[-1] == {
        "ruleset": "2-rc1", "running": True, "agreed": 0, "other_kind": 0, "only_active": 0, "only_candidate": 0,
        "latest": [],
    }  # fmt: skip
    car.lose_drive()
    wait_until(lambda: shadows(fleet)[-1]["only_candidate"] == 1, "the disagreement is told", timeout_s=3 * TOGETHER_S)
    (disagreement,) = shadows(fleet)[-1]["latest"]
    assert (disagreement["verdict"], disagreement["kind"]) == ("only-candidate", None)
    assert disagreement["candidate_kind"] == Finding.ENGINE_STOPPED.value
    assert disagreement["speed_kph"] == pytest.approx(100.0, abs=1.0)
    assert {told["ruleset"] for told in fleet.told("status")} == {"deaf"}
    assert daemon.stop() == 0
    assert (fleet.incidents(), car.heard, car.hazards) == ([], [], False)
    assert "notice=" not in daemon.log() and "incident=" not in daemon.log() and "would have sent" not in daemon.log()


class BrokenCandidate(DaemonProcess):
    """The daemon with a candidate that fails."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "support.broken_candidate", str(self._config)]


@pytest.mark.slow
def test_a_candidate_that_fails_leaves_lamps_and_alerts_as_they_are(
    stage: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(tmp_path / "can0", "combustion"))
    path = write_config(tmp_path, "reference-combustion", broker.port, f"slcan:{tmp_path / 'can0'}")
    daemon = stage.enter_context(BrokenCandidate(path))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    wait_until(lambda: "broken failed and is let go" in daemon.log(), "the failure is said")
    car.lose_drive()
    wait_until(lambda: car.hazards, "the lamps flash")
    wait_until(lambda: bool(fleet.incidents()), "the alert is out")
    assert fleet.incidents()[0].data.ruleset == "1"
    wait_until(
        lambda: [shadow["running"] for shadow in shadows(fleet)][-1:] == [False],
        "the fleet knows that the trial is over",
    )
    assert daemon.log().count("is let go") == 1
    assert daemon.stop() == 0
