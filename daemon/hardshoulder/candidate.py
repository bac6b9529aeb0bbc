"""A candidate ruleset as it is written, in the configuration or in a file of its own, and the plan it makes of a car.

It says only what would change: every other threshold and switch stays what it is in the active ruleset.
"""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field as Key
from pydantic import create_model

from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import CarPlan
from hardshoulder.ruleset import ThresholdKeys, threshold_problems
from hardshoulder.toml_file import Strict

SwitchKeys = create_model("SwitchKeys", __base__=Strict, **{finding.value: (bool | None, None) for finding in Finding})  # type: ignore[call-overload]


class CandidateKeys(Strict):
    """A ruleset that is tried and not obeyed. ruleset: the name under which its verdicts are told."""

    ruleset: Annotated[str, Key(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    thresholds: ThresholdKeys = ThresholdKeys()  # type: ignore[valid-type]
    rules: SwitchKeys = SwitchKeys()  # type: ignore[valid-type]


class CandidateFile(CandidateKeys):
    """The same in a file of its own, format 1."""

    format: Literal[1]


def candidate_plan(plan: CarPlan, keys: CandidateKeys) -> CarPlan:
    """The same car under the candidate."""
    thresholds: Strict = keys.thresholds
    rules: Strict = keys.rules
    numbers = {name: float(value) for name, value in thresholds.model_dump(exclude_none=True).items()}
    switches: dict[str, bool] = rules.model_dump(exclude_none=True)
    off = {name for name in plan.switched_off if switches.get(name) is not True}
    off |= {name for name, on in switches.items() if not on}
    return replace(
        plan,
        thresholds=replace(plan.thresholds, **numbers),
        switched_off=tuple(finding.value for finding in Finding if finding.value in off),
        ruleset=keys.ruleset,
    )


def candidate_problems(plan: CarPlan) -> list[str]:
    """What cannot be in a candidate's plan."""
    return [f"candidate.{problem}" for problem in threshold_problems(plan.thresholds)]


def differences(active: CarPlan, candidate: CarPlan) -> list[str]:
    """What the candidate changes, a line each: `alert_above_kph: 15 -> 20`."""
    before, after = active.thresholds, candidate.thresholds
    changed = [name for name in before.__slots__ if getattr(before, name) != getattr(after, name)]
    lines = [f"{name}: {getattr(before, name):g} -> {getattr(after, name):g}" for name in changed]
    switched = [f.value for f in Finding if (f.value in active.switched_off) is not (f.value in candidate.switched_off)]
    return lines + [f"{name}: {'off' if name in candidate.switched_off else 'on'}" for name in switched]
