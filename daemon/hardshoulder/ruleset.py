"""Which rules are at work in a car: thresholds and switches as they are written, merged, and given a name.

What is written stands in up to three layers: what the package ships for the profile, the profile itself, and
the configuration. The name tells an alert's reader whether the rules were the shipped ones.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from pydantic import Field as Key
from pydantic import create_model

from hardshoulder.core.actions import Finding
from hardshoulder.core.plan import Thresholds
from hardshoulder.toml_file import Strict

RULESET = "1"
"""The name of what this package ships; it grows with every change of a rule or of a default."""

DIGEST_DIGITS = 8

# What a threshold of this unit can sensibly be.
_BOUNDS: dict[str, Any] = {
    "_kph": Key(gt=0, le=150),
    "_s": Key(ge=0, le=60),
    "_rpm": Key(gt=0, le=1500),
    "_v": Key(gt=0, le=60),
    "_percent": Key(gt=0, le=100),
    "_nm": Key(ge=0, le=1000),
}


def _threshold_keys() -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for field in fields(Thresholds):
        bounds = next(bounds for unit, bounds in _BOUNDS.items() if field.name.endswith(unit))
        keys[field.name] = (Annotated[float, bounds] | None, None)
    return keys


def _rule_keys() -> dict[str, Any]:
    name = Annotated[str, Key(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    return {"ruleset": (name | None, None)} | {finding.value: (bool | None, None) for finding in Finding}


ThresholdKeys = create_model("ThresholdKeys", __base__=Strict, **_threshold_keys())
RuleKeys = create_model("RuleKeys", __base__=Strict, **_rule_keys())
_NO_THRESHOLDS = ThresholdKeys()
_NO_RULES = RuleKeys()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file says of the rules; nothing, when made without arguments."""

    thresholds: Strict = _NO_THRESHOLDS
    rules: Strict = _NO_RULES

    @property
    def name(self) -> str | None:
        """The name that the file gives to what it says."""
        named: str | None = self.rules.model_dump()["ruleset"]
        return named


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What holds in the end. switched_off: names of findings, in the order of the table."""

    thresholds: Thresholds
    switched_off: tuple[str, ...]

    def digest(self) -> str:
        """Eight hex digits that differ wherever a threshold or a switch does."""
        said = json.dumps([asdict(self.thresholds), list(self.switched_off)], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:DIGEST_DIGITS]


def merged(*layers: Layer) -> Ruleset:
    """The defaults with what each layer says, later ones winning."""
    numbers: dict[str, float] = {}
    switches: dict[str, bool] = {}
    for layer in layers:
        numbers |= {name: float(v) for name, v in layer.thresholds.model_dump(exclude_none=True).items()}
        switches |= layer.rules.model_dump(exclude_none=True, exclude={"ruleset"})
    off = tuple(finding.value for finding in Finding if switches.get(finding.value) is False)
    return Ruleset(Thresholds(**numbers), off)


def name_of(shipped: Layer, profile: Layer, config: Layer) -> str:
    """What alerts and evaluations call the rules at work.

    A name in the configuration is taken as it is. Otherwise it is that of the profile, or the
    package's, and says with a digest where the rules are not those that the name stands for.
    """
    if config.name is not None:
        return config.name
    known = merged(shipped if profile.name is None else profile)
    effective = merged(profile, config)
    name = profile.name or RULESET
    return name if effective == known else f"{name}+{effective.digest()}"


def threshold_problems(thresholds: Thresholds) -> list[str]:
    """What cannot be among the thresholds that hold in the end."""
    limits = thresholds.standstill_below_kph, thresholds.arm_above_kph, thresholds.alert_above_kph
    if limits[0] < limits[1] <= limits[2]:
        return []
    return [
        "thresholds: impossible: standstill_below_kph < arm_above_kph <= alert_above_kph must hold, "
        f"got {limits[0]:g}, {limits[1]:g}, {limits[2]:g}"
    ]
