"""Thresholds and switches of profile and configuration, and the name under which alerts carry them."""

import re
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.compile import compile_profile
from hardshoulder.config import make_bundle
from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import CarPlan
from hardshoulder.plan_cache import dump, parse, still_true
from hardshoulder.profile import find_profile, shipped_profiles
from hardshoulder.ruleset import RULESET, Layer, RuleKeys, ThresholdKeys
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.logs import write_candump
from hardshoulder_sim.recordings.replay import ReplayOptions, replay
from hardshoulder_sim.recordings.shutdown import ShutdownKind
from hardshoulder_sim.recordings.splice import splice
from support.recorded import compiled, drive
from support.written import Keys, change, changed, config_table, shipped, write

OWN = (("name",), "my-car")
"""A profile that the package does not ship."""
STRICTER = (("thresholds", "alert_above_kph"), 20.0)
ENGINE = Finding.ENGINE_STOPPED.value
WITH_DIGEST = re.compile(r"(.+)\+[0-9a-f]{8}")


def config(thresholds: dict[str, float] | None = None, rules: dict[str, Any] | None = None) -> Layer:
    """What a configuration says."""
    return Layer(ThresholdKeys.model_validate(thresholds or {}), RuleKeys.model_validate(rules or {}))


def named(path: Path, layer: Layer | None = None) -> str:
    """The ruleset that alerts would carry."""
    return compile_profile(path, config=layer).ruleset


def base_of(name: str) -> str:
    """The name before the digest; a failure when there is none."""
    match = WITH_DIGEST.fullmatch(name)
    assert match is not None, name
    return match[1]


# Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in shipped_profiles() if name.startswith(("reference-", "obd2"))])
def test_shipped_rules_have_the_packages_name(name: str) -> None:
    plan = compile_profile(find_profile(name))
    assert plan.ruleset == RULESET == CarPlan.__dataclass_fields__["ruleset"].default
    assert plan.switched_off == ()


def test_other_numbers_get_a_digest(tmp_path: Path) -> None:
    path = find_profile("reference-combustion")
    names = [named(path, config({"alert_above_kph": kph})) for kph in (16.0, 20.0, 20.0)]
    assert [base_of(name) for name in names] == [RULESET] * 3
    assert names[0] != names[1] == names[2]
    # The same numbers have the same name, wherever they were written.
    assert named(changed(tmp_path, STRICTER)) == names[1]
    assert named(changed(tmp_path, OWN, STRICTER)) == names[1]


def test_numbers_that_change_nothing_are_no_other_rules(tmp_path: Path) -> None:
    path = find_profile("reference-combustion")
    default = compile_profile(path).thresholds.alert_above_kph
    assert named(path, config({"alert_above_kph": default}, {ENGINE: True})) == RULESET
    assert named(changed(tmp_path, OWN, (("thresholds", "alert_above_kph"), default))) == RULESET
    # What the profile changed and the configuration sets back is again what the package ships.
    assert named(changed(tmp_path, STRICTER), config({"alert_above_kph": default})) == RULESET


def test_a_switch_is_another_rule_as_well(tmp_path: Path) -> None:
    path = find_profile("reference-combustion")
    names = {named(path, config(rules={finding.value: False})) for finding in Finding}
    assert len(names) == len(Finding)
    assert {base_of(name) for name in names} == {RULESET}
    assert named(changed(tmp_path, (("rules", ENGINE), False))) in names


def test_the_author_of_a_profile_names_its_rules(tmp_path: Path) -> None:
    path = changed(tmp_path, OWN, STRICTER, (("rules", "ruleset"), "acme-7"))
    assert named(path) == "acme-7"
    assert named(path, config({"alert_above_kph": 20.0})) == "acme-7"
    assert base_of(named(path, config({"alert_above_kph": 21.0}))) == "acme-7"


def test_a_name_in_the_configuration_is_taken_as_it_is(tmp_path: Path) -> None:
    layer = config({"alert_above_kph": 21.0}, {"ruleset": "2.trial"})
    assert named(find_profile("reference-combustion"), layer) == "2.trial"
    assert named(changed(tmp_path, (("rules", "ruleset"), "acme-7")), layer) == "2.trial"


# Switches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_can_be_switched_off(finding: Finding) -> None:
    plan = compile_profile(find_profile("reference-hybrid"), config=config(rules={finding.value: False}))
    assert plan.switched_off == (finding.value,)


def test_the_configuration_wins_over_the_profile(tmp_path: Path) -> None:
    crash = Finding.CRASH.value
    path = changed(tmp_path, (("rules", ENGINE), False))
    assert compile_profile(path).switched_off == (ENGINE,)
    assert compile_profile(path, config=config(rules={ENGINE: True})).switched_off == ()
    assert compile_profile(path, config=config(rules={crash: False})).switched_off == (crash, ENGINE)


@pytest.mark.parametrize(("switches", "incidents"), [({}, 1), ({finding.value: False for finding in Finding}, 0)])
def test_what_is_switched_off_opens_nothing(tmp_path: Path, switches: dict[str, bool], incidents: int) -> None:
    car = compiled("reference-combustion")
    whole, broken = tmp_path / "drive.log", tmp_path / "broken.log"
    write_candump(whole, drive(car.plan, 12.0))
    splice(whole, car.profile, car.plan, 5.0, ShutdownKind.ENGINE_STOP, broken)
    plan = compile_profile(find_profile("reference-combustion"), config=config(rules=switches))
    assert len(replay(broken, plan, ReplayOptions(log_channels(car.profile))).incidents) == incidents


# The way into the daemon --------------------------------------------------------------------


def test_the_bundle_carries_rules_and_testers(tmp_path: Path) -> None:
    table = config_table() | {"rules": {ENGINE: False}, "thresholds": {"alert_above_kph": 20.0}}
    bundle = make_bundle(write(tmp_path / "config.toml", table))
    assert bundle.plan.switched_off == (ENGINE,)
    assert bundle.plan.thresholds.alert_above_kph == 20.0
    assert base_of(bundle.plan.ruleset) == RULESET
    assert bundle.plan.workshop[0] == ("main", 0x7DF)
    assert parse(dump(bundle)) == bundle


def test_a_bundle_lives_as_long_as_the_profile_by_which_its_rules_are_named(tmp_path: Path) -> None:
    keys: list[tuple[Keys, object]] = [(("name",), "reference-combustion"), STRICTER]
    table = shipped("reference-combustion")
    for place, value in keys:
        change(table, place, value)
    profile = write(tmp_path / "car.toml", table)
    bundle = make_bundle(write(tmp_path / "config.toml", config_table(str(profile))))
    sources = [source.path for source in bundle.sources]
    assert find_profile("reference-combustion").resolve() in sources
    assert profile.resolve() in sources
    assert len(sources) == len(set(sources))
    assert still_true(bundle)
