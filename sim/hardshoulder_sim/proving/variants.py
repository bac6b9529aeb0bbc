"""The reference car as other cars would show it: fewer signals, two buses, no protection.

Each variant is made by code from a shipped profile, written as a profile of its own and compiled like one, so
that a change of the shipped profiles changes the variants too.
"""

import json
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from hardshoulder.compile import compile_profile
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Vss
from hardshoulder.profile import shipped_profiles
from hardshoulder_sim.proving.cars import CarKind

POWERTRAIN, BODY = "powertrain", "body"
NODE_BUSES = {
    "PCM": POWERTRAIN, "BMS": POWERTRAIN, "ESC": POWERTRAIN, "TCU": POWERTRAIN, "ACU": POWERTRAIN,
    "BCM": BODY, "SUP": BODY, "GNS": BODY, "HSR": BODY, "DSP": BODY,
}  # fmt: skip
"""Who is where in a car with two buses."""

LOG_CHANNELS = {"main": "can0", POWERTRAIN: "can0", BODY: "can1"}
_SENT = frozenset({"HSR_HazardRequest", "HSR_Display"})
_LEAN = frozenset({Vss.SPEED, Vss.ENGINE_SPEED, Vss.POWER_CONNECTED, Vss.PEDAL_POSITION})


class Variant(StrEnum):
    """How much of the reference car a profile shows.

    WHOLE: every signal, one bus. TWO_BUS: powertrain and body apart. LEAN: speed, engine speed or contactors,
    and pedal. UNPROTECTED: every signal, without counters and checksums.
    """

    WHOLE = "whole"
    TWO_BUS = "two-bus"
    LEAN = "lean"
    UNPROTECTED = "unprotected"


def variant_profile(car: CarKind, variant: Variant) -> dict[str, Any]:
    """The profile of that car in that variant, as it would stand in a TOML file."""
    shipped = shipped_profiles()[car.profile]
    profile = tomllib.loads(shipped.read_text(encoding="utf-8"))
    profile["name"] = f"{car.value}-{variant.value}"
    profile["dbc"] = str((shipped.parent / profile["dbc"]).resolve())
    profile["traits"] = {
        "start_stop_below_kph": profile["traits"]["start_stop_below_kph"],
        "coasts_engine_off": profile["traits"]["coasts_engine_off"] or car is CarKind.MILD_HYBRID,
    }
    {Variant.TWO_BUS: _two_buses, Variant.LEAN: _lean, Variant.UNPROTECTED: _unprotected}.get(variant, _whole)(profile)
    return profile


def _whole(_profile: dict[str, Any]) -> None:
    """As it is."""


def _two_buses(profile: dict[str, Any]) -> None:
    profile["bus"] = [{"name": name, "log_channels": [LOG_CHANNELS[name]]} for name in (POWERTRAIN, BODY)]
    names = {*_SENT, *(keys["message"] for keys in profile["signals"].values())}
    for name in sorted(names):
        profile["messages"].setdefault(name, {})["bus"] = NODE_BUSES[name.partition("_")[0]]


def _lean(profile: dict[str, Any]) -> None:
    profile["signals"] = {vss: keys for vss, keys in profile["signals"].items() if vss in _LEAN}
    names = {*_SENT, *(keys["message"] for keys in profile["signals"].values())}
    profile["messages"] = {name: keys for name, keys in profile["messages"].items() if name in names}
    profile["hazard"]["readback"] = "none"


def _unprotected(profile: dict[str, Any]) -> None:
    profile["messages"] = {name: keys for name, keys in profile["messages"].items() if name in _SENT}


@cache
def plan_of(car: CarKind, variant: Variant) -> CarPlan:
    """The compiled plan."""
    with tempfile.TemporaryDirectory(prefix="hardshoulder-") as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(as_toml(variant_profile(car, variant)), encoding="utf-8")
        return compile_profile(path)


def mapped(plan: CarPlan) -> frozenset[Vss]:
    """The signals that the plan reads."""
    return frozenset(signal.vss for message in plan.messages for signal in message.signals)


# TOML ---------------------------------------------------------------------------------------


def as_toml(profile: Mapping[str, Any]) -> str:
    """The profile as a TOML file; Python reads that format and writes none."""
    return "\n".join(_table((), profile)) + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    if path:
        yield f"\n[{'.'.join(json.dumps(part) for part in path)}]"
    below = {key: value for key, value in table.items() if isinstance(value, dict)}
    lists = {key: value for key, value in table.items() if isinstance(value, list) and value and _is_table(value[0])}
    for key, value in table.items():
        if key not in below and key not in lists:
            yield f"{json.dumps(key)} = {json.dumps(value)}"
    for key, value in lists.items():
        for item in value:
            yield f"\n[[{json.dumps(key)}]]"
            yield from (f"{json.dumps(name)} = {json.dumps(part)}" for name, part in item.items())
    for key, value in below.items():
        yield from _table((*path, key), value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)
