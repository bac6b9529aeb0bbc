"""The vehicle profile as it is written: which signal is which, how it is protected, what may be sent.

A profile is a TOML file. These models are its format, version 1; docs/schemas/profile.json is
generated from them and docs/PROFILES.md explains each key.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field as Key
from pydantic import model_validator

from hardshoulder.core.frame import EXTENDED_ID_MAX
from hardshoulder.core.plan import ChecksumKind, Readback
from hardshoulder.core.vocabulary import STATES, UNITS, Propulsion, Unit, Vss
from hardshoulder.errors import UserError
from hardshoulder.hands import DisplayKeys, HazardKeys, VinKeys
from hardshoulder.ruleset import Layer, RuleKeys, ThresholdKeys, merged, threshold_problems
from hardshoulder.toml_file import Problems, Strict, load

FORMAT = 1
PROFILES_FOLDER = "profiles"

# From the unit written in a profile to the unit of the signal: value * factor.
FACTORS: dict[Unit, dict[str, float]] = {
    Unit.KPH: {"km/h": 1.0, "m/s": 3.6, "mph": 1.609344},
    Unit.RPM: {"rpm": 1.0, "rad/s": 9.549296585513721},
    Unit.VOLT: {"V": 1.0, "mV": 0.001},
    Unit.PERCENT: {"%": 1.0, "ratio": 100.0},
    Unit.NEWTON_METRE: {"Nm": 1.0},
    Unit.DEGREE: {"deg": 1.0, "rad": 57.29577951308232},
}

_RAW = r"(0|-?[1-9][0-9]{0,19})"
_RAWS = re.compile(rf"{_RAW}(?:\.\.{_RAW})?")
"""A raw number as a key of `values`, or all from one to another; one spelling each, so that none stands twice."""

MOST_RAWS = 4096
"""Raw numbers that the values of one signal may list: a field of twelve bits."""

Seconds = Annotated[float, Key(gt=0, le=60)]


def raws_of(key: str) -> range:
    """The raw numbers that a key of `values` names: `7`, or `1..6`. Raises ValueError."""
    match = _RAWS.fullmatch(key)
    if match is None:
        raise ValueError(f"values maps raw whole numbers like 7, or 1..6; {key!r} is none")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if last < first:
        raise ValueError(f"values: {key!r} runs backwards")
    if last - first >= MOST_RAWS:
        raise ValueError(f"values: {key!r} lists more than {MOST_RAWS} raw numbers")
    return range(first, last + 1)


class BusKeys(Strict):
    """A bus of the car. log_channels: what recordings call it, most usual first."""

    name: Annotated[str, Key(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    log_channels: list[str] = []


class CounterKeys(Strict):
    """The alive counter of a message. max_step: the largest step at which it is in sequence."""

    signal: str
    modulo: Annotated[int, Key(ge=2, le=65536)]
    max_step: Annotated[int, Key(ge=1, le=65535)] = 3

    @model_validator(mode="after")
    def _step_shorter_than_the_round(self) -> Self:
        if "max_step" in self.model_fields_set and self.max_step >= self.modulo:
            raise ValueError(f"`max_step` {self.max_step} lets every count pass; give less than the modulo")
        return self


class ChecksumKeys(Strict):
    """The checksum of a message. covers: the fields that sum8-fields-inverted adds up."""

    signal: str
    kind: Annotated[ChecksumKind, Key(strict=False)]
    data_id: Annotated[int, Key(ge=0, le=0xFFFF)] | None = None
    covers: list[str] = []

    @model_validator(mode="after")
    def _covers_where_needed(self) -> Self:
        sums_fields = self.kind is ChecksumKind.SUM8_FIELDS_INVERTED
        if sums_fields != bool(self.covers):
            raise ValueError("`covers` lists the summed fields for kind sum8-fields-inverted, and only for that")
        if sums_fields and self.data_id is not None:
            raise ValueError("`data_id` has no part in kind sum8-fields-inverted; remove it")
        return self


class MessageKeys(Strict):
    """What the DBC does not say of a message."""

    bus: str | None = None
    cycle_s: Seconds | None = None
    length: Annotated[int, Key(ge=0, le=64)] | None = None
    counter: CounterKeys | None = None
    checksum: ChecksumKeys | None = None


class SignalKeys(Strict):
    """Where a VSS signal comes from. values: raw number, or several, to truth or state word.

    The DBC's value, times scale plus offset, is in `unit`.
    valid_while: other signals of the message, and the raw numbers at which this one can be believed.
    """

    message: str
    signal: str
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    valid: Annotated[list[float], Key(min_length=2, max_length=2)] | None = None
    not_available: list[int] = []
    values: dict[str, bool | str] = {}
    valid_while: dict[str, Annotated[list[int], Key(min_length=1)]] = {}
    cycle_s: Seconds | None = None
    stale_after_s: Seconds | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.valid is not None and self.valid[0] >= self.valid[1]:
            raise ValueError(f"valid = [lowest, highest]; {self.valid[0]:g} is not below {self.valid[1]:g}")
        raws = [raw for key in self.values for raw in raws_of(key)]
        if len(raws) > MOST_RAWS:
            raise ValueError(f"values lists {len(raws)} raw numbers; at most {MOST_RAWS}")
        if len(set(raws)) < len(raws):
            twice = next(raw for raw in raws if raws.count(raw) > 1)
            raise ValueError(f"values names the raw number {twice} twice")
        return self


class TraitKeys(Strict):
    """What the car does that looks like a breakdown and is none."""

    start_stop_below_kph: Annotated[float, Key(ge=0, le=60)] = 0.0
    coasts_engine_off: bool = False


class RequestKeys(Strict):
    """Ids on which a workshop's tester asks the control units. bus: every bus, where it is left out."""

    bus: str | None = None
    ids: Annotated[list[Annotated[int, Key(ge=0, le=EXTENDED_ID_MAX)]], Key(min_length=1)]


class DiagnosticsKeys(Strict):
    """How a workshop's tester is known. requests: None for the ids of ISO 15765-4."""

    requests: list[RequestKeys] | None = None


class Profile(Strict):
    """A vehicle profile, format 1."""

    format: Literal[1]
    name: Annotated[str, Key(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    description: str
    propulsion: Annotated[Propulsion, Key(strict=False)]
    dbc: str | Annotated[list[str], Key(min_length=1)] | None = None
    traits: TraitKeys = TraitKeys()
    bus: Annotated[list[BusKeys], Key(min_length=1, max_length=8)]
    messages: dict[str, MessageKeys] = {}
    signals: Annotated[dict[Annotated[Vss, Key(strict=False)], SignalKeys], Key(min_length=1)]
    hazard: HazardKeys = HazardKeys(readback=Readback.NONE)
    display: DisplayKeys | None = None
    vin: VinKeys | None = None
    hazard_button: dict[str, Annotated[str, Key(min_length=1, max_length=120)]]
    diagnostics: DiagnosticsKeys = DiagnosticsKeys()
    thresholds: ThresholdKeys = ThresholdKeys()  # type: ignore[valid-type]
    rules: RuleKeys = RuleKeys()  # type: ignore[valid-type]

    @property
    def layer(self) -> Layer:
        """What this profile says of the rules."""
        return Layer(self.thresholds, self.rules)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [
            *self._bus_problems(),
            *self._signal_problems(),
            *self._readback_problems(),
            *threshold_problems(merged(self.layer).thresholds),
        ]
        if "en" not in self.hazard_button:
            problems.append("hazard_button: the English text `en` is the fallback of every language; add it")
        if problems:
            raise Problems(problems)
        return self

    def _bus_problems(self) -> list[str]:
        names = [bus.name for bus in self.bus]
        problems = [f"bus: the name {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
        for message, keys in self.messages.items():
            if keys.bus is not None and keys.bus not in names:
                problems.append(f"messages.{message}.bus: no bus is called {keys.bus!r}; there is {', '.join(names)}")
        for place, asked in enumerate(self.diagnostics.requests or []):
            if asked.bus is not None and asked.bus not in names:
                key = f"diagnostics.requests[{place}].bus"
                problems.append(f"{key}: no bus is called {asked.bus!r}; there is {', '.join(names)}")
        return problems

    def _signal_problems(self) -> list[str]:
        return [f'signals."{vss}": {problem}' for vss, keys in self.signals.items() for problem in _mapping(vss, keys)]

    def _readback_problems(self) -> list[str]:
        needed = {
            Readback.STATUS: (Vss.HAZARD_SIGNALING,),
            Readback.LAMPS: (Vss.INDICATOR_LEFT, Vss.INDICATOR_RIGHT),
            Readback.NONE: (),
        }[self.hazard.readback]
        kind = self.hazard.readback.value
        problems = [
            f"hazard.readback: {kind} needs the signal {vss}; map it" for vss in needed if vss not in self.signals
        ]
        command = self.hazard.command
        if command is not None and command.masks_indicators and Vss.INDICATOR_STALK not in self.signals:
            problems.append(f"hazard.command.masks_indicators needs the signal {Vss.INDICATOR_STALK}; map it")
        return problems


def _mapping(vss: Vss, keys: SignalKeys) -> list[str]:
    """What is wrong with one mapping, given what kind of signal it is."""
    unit = UNITS[vss]
    if unit in FACTORS:
        known = ", ".join(FACTORS[unit])
        if keys.values:
            return ["this is a number; give `unit` instead of `values`"]
        return [] if keys.unit in FACTORS[unit] else [f"unit {keys.unit!r} does not measure this; use one of: {known}"]
    if not keys.values:
        return ["give `values`: which raw number means what"]
    if idle := sorted({"unit", "valid", "scale", "offset"} & keys.model_fields_set):
        return [f"{', '.join(idle)}: only for numbers; this one has `values`, remove the rest"]
    if unit is Unit.BOOLEAN:
        return [] if all(isinstance(v, bool) for v in keys.values.values()) else ["`values` must be true or false"]
    wrong = [str(word) for word in keys.values.values() if word not in STATES[vss]]
    return [f"{word!r} is no state of it; use {', '.join(sorted(STATES[vss]))}" for word in wrong]


def shipped_profiles() -> dict[str, Path]:
    """The profiles that come with the package, by name."""
    import hardshoulder_dbc

    folder = Path(hardshoulder_dbc.__file__).parent / PROFILES_FOLDER
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_profile(name_or_file: str, beside: Path | None = None) -> Path:
    """The profile's file: a shipped name, or a path (relative to `beside`, if given).

    Raises UserError when there is neither.
    """
    shipped = shipped_profiles()
    if name_or_file in shipped:
        return shipped[name_or_file]
    path = Path(name_or_file) if beside is None else beside / name_or_file
    try:
        if path.is_file():
            return path
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise UserError(f"{name_or_file}: {error.strerror or error}; check the path of the profile") from None
    raise UserError(
        f"{name_or_file}: no such profile file, and none shipped by that name; shipped: {', '.join(shipped)}"
    )


def load_profile(path: Path) -> Profile:
    """The checked profile. Raises UserError with every problem of the file."""
    return load(path, Profile)
