"""The documents of profile and configuration: every key in them, with its default, and nothing that is not there."""

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from hardshoulder import candidate, config, hands, profile, ruleset
from hardshoulder.__main__ import make_parser
from hardshoulder.core.plan import ChecksumKind, CommandStyle, Readback, Thresholds
from hardshoulder.core.vocabulary import STATES, UNITS, Propulsion, Vss
from hardshoulder.profile import FACTORS, shipped_profiles
from support.written import GONE, Keys, change, config_table, shipped

DOCS = Path(__file__).parent.parent / "docs"
PROFILES = (DOCS / "PROFILES.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "CONFIGURATION.md").read_text(encoding="utf-8")
SCHEMAS: dict[str, Any] = {
    name: json.loads((DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8")) for name in ("profile", "config")
}
SECTIONS: list[tuple[str, str, type[BaseModel]]] = [
    (PROFILES, "(top)", profile.Profile),
    (PROFILES, "[traits]", profile.TraitKeys),
    (PROFILES, "[[bus]]", profile.BusKeys),
    (PROFILES, "[messages.NAME]", profile.MessageKeys),
    (PROFILES, "counter", profile.CounterKeys),
    (PROFILES, "checksum", profile.ChecksumKeys),
    (PROFILES, '[signals."NAME"]', profile.SignalKeys),
    (PROFILES, "[hazard]", hands.HazardKeys),
    (PROFILES, "[hazard.command]", hands.CommandKeys),
    (PROFILES, "[display]", hands.DisplayKeys),
    (PROFILES, "[vin]", hands.VinKeys),
    (PROFILES, "[[vin.parts]]", hands.VinPartKeys),
    (PROFILES, "[diagnostics]", profile.DiagnosticsKeys),
    (PROFILES, "[[diagnostics.requests]]", profile.RequestKeys),
    (PROFILES, "[rules]", ruleset.RuleKeys),
    (PROFILES, "[thresholds]", ruleset.ThresholdKeys),
    (CONFIGURATION, "(top)", config.Config),
    (CONFIGURATION, "[[bus]]", config.BusKeys),
    (CONFIGURATION, "[market]", config.MarketKeys),
    (CONFIGURATION, "[mqtt]", config.MqttKeys),
    (CONFIGURATION, "[[mqtt.fallback]]", config.FallbackKeys),
    (CONFIGURATION, "[storage]", config.StorageKeys),
    (CONFIGURATION, "[recorder]", config.RecorderKeys),
    (CONFIGURATION, "[notice]", config.NoticeKeys),
    (CONFIGURATION, "[status]", config.StatusKeys),
    (CONFIGURATION, "[location]", config.LocationKeys),
    (CONFIGURATION, "[power]", config.PowerKeys),
    (CONFIGURATION, "[clock]", config.ClockKeys),
    (CONFIGURATION, "[candidate]", candidate.CandidateKeys),
]
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MODELS: dict[str, type[BaseModel]] = {"profile": profile.Profile, "config": config.Config}


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The table below a heading: key to the other cells."""
    _, found, below = text.partition(f"\n### {heading}\n")
    assert found, f"no section {heading}"
    found_rows = ROW.finditer(below.split("\n#")[0])
    return {match[1]: [cell.strip() for cell in match[2].split("|")] for match in found_rows}


def written(value: object) -> str:
    """A default as the documents write it."""
    if value is None:
        return "–"
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, dict) and value:
        return "`{ " + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + " }`"
    return f"`{json.dumps(value.value if isinstance(value, Enum) else value)}`"


def default_of(model: type[BaseModel], key: str) -> str:
    """What the document has to say under "Default"."""
    field = model.model_fields[key]
    if model is ruleset.ThresholdKeys:
        return written(asdict(Thresholds())[key])
    return "required" if field.is_required() else written(field.default)


@pytest.mark.parametrize(("text", "heading", "model"), SECTIONS)
def test_every_key_is_documented_and_no_other(text: str, heading: str, model: type[BaseModel]) -> None:
    assert list(rows(text, heading)) == list(model.model_fields)


@pytest.mark.parametrize(("text", "heading", "model"), SECTIONS)
def test_every_default_is_the_real_one(text: str, heading: str, model: type[BaseModel]) -> None:
    documented = {key: cells[2] for key, cells in rows(text, heading).items()}
    assert documented == {key: default_of(model, key) for key in model.model_fields}


@pytest.mark.parametrize(("text", "heading", "model"), SECTIONS)
def test_every_key_has_type_and_meaning_and_the_unit_of_its_name(
    text: str, heading: str, model: type[BaseModel]
) -> None:
    units = {"_s": "s", "_kph": "km/h", "_rpm": "rpm", "_v": "V", "_percent": "%", "_nm": "Nm"}
    for key, (kind, unit, _, meaning) in rows(text, heading).items():
        assert kind
        assert len(meaning) > 10
        named = next((unit for ending, unit in units.items() if key.endswith(ending)), None)
        assert named is None or unit == named, (model, key)


def reached(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The models that a file of this one can hold."""
    found, new = {model}, [model]
    while new:
        names = new.pop().model_json_schema().get("$defs", {})
        module = config if model is config.Config else profile
        for name in names:
            below = getattr(module, name, None) or getattr(hands, name, None)
            if isinstance(below, type) and issubclass(below, BaseModel) and below not in found:
                found.add(below)
                new.append(below)
    return found


def test_every_table_has_a_section() -> None:
    assert {model for text, _, model in SECTIONS if text is PROFILES} == reached(profile.Profile)
    shared: set[type[BaseModel]] = {ruleset.ThresholdKeys, ruleset.RuleKeys}
    assert {model for text, _, model in SECTIONS if text is CONFIGURATION} | shared == reached(config.Config)


@pytest.mark.parametrize("word", [*ChecksumKind, *CommandStyle, *Readback, *Propulsion])
def test_every_word_is_documented(word: ChecksumKind | CommandStyle | Readback | Propulsion) -> None:
    assert f"`{word.value}`" in PROFILES or f'`"{word.value}"`' in PROFILES


@pytest.mark.parametrize("vss", Vss)
def test_every_signal_is_documented_with_its_units_or_words(vss: Vss) -> None:
    (cell,) = re.findall(rf"^\| `{re.escape(vss)}` \| (.*) \|$", PROFILES, re.MULTILINE)
    unit = UNITS[vss]
    if unit in FACTORS:
        assert cell == ", ".join(f"`{name}`" for name in FACTORS[unit])
    elif vss in STATES:
        assert set(re.findall(r"`(\w+)`", cell)) == STATES[vss]
    else:
        assert cell.startswith("true, false")


def test_every_command_and_option_is_documented() -> None:
    parser = make_parser()
    options = {option for action in parser._actions for option in action.option_strings}
    for name, command in leaves(parser):
        assert re.search(rf"\n    hardshoulder{name} (NAME --to FILE )?--config FILE  ", CONFIGURATION), name
        options |= {option for action in command._actions for option in action.option_strings}
    assert len(options) > 3
    for option in options:
        assert f"`{option}`" in CONFIGURATION
    assert set(rows_anywhere(CONFIGURATION, "--")) == {option for option in options if option.startswith("--")}


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands that have no commands below them."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for word, command in action.choices.items():
            yield from leaves(command, f"{name} {word}")


def rows_anywhere(text: str, prefix: str) -> list[str]:
    return [match[1] for match in ROW.finditer(text) if match[1].startswith(prefix)]


@pytest.mark.parametrize("language", config.LANGUAGES)
def test_every_language_is_documented(language: str) -> None:
    assert f'`"{language}"`' in CONFIGURATION
    assert f"`{language}`" in PROFILES


@pytest.mark.parametrize(("name", "text"), [("profile", PROFILES), ("config", CONFIGURATION)])
def test_the_example_is_sound(name: str, text: str) -> None:
    (example,) = TOML.findall(text)
    table = tomllib.loads(example)
    MODELS[name].model_validate(table)
    assert validator(name).is_valid(table)


def validator(name: str) -> Any:
    """A checker of files against the published schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    return jsonschema.Draft202012Validator(SCHEMAS[name])


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_is_documented(name: str) -> None:
    assert re.search(rf"^\| .*`{name}`.* \|$", PROFILES, re.MULTILINE)


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_is_valid(name: str) -> None:
    validator("profile").validate(shipped(name))


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("profile", ("colour",), "red"),
        ("profile", ("propulsion",), "steam"),
        ("profile", ("signals", "Vehicle.Sped"), {"message": "A", "signal": "B"}),
        ("profile", ("signals", "Vehicle.Speed", "message"), GONE),
        ("profile", ("messages", "ESC_Speed", "length"), 65),
        ("profile", ("thresholds", "arm_after_s"), -1),
        ("profile", ("rules", "engine-stopped"), "off"),
        ("profile", ("diagnostics", "requests"), [{"bus": "main", "ids": []}]),
        ("profile", ("dbc",), []),
        ("config", ("rules", "ruleset"), "my rules"),
        ("config", ("vehicle",), "car+7"),
        ("config", ("mode",), "arm"),
        ("config", ("bus", 0, "bitrate"), "500000"),
        ("config", ("storage",), GONE),
    ],
)
def test_the_schema_refuses_what_the_program_refuses(name: str, keys: Keys, value: object) -> None:
    table = shipped("reference-combustion") if name == "profile" else config_table()
    check = validator(name)
    assert check.is_valid(table)
    change(table, keys, value)
    assert not check.is_valid(table)
    with pytest.raises(ValueError, match="validation error"):
        MODELS[name].model_validate(table)


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_has_every_key(name: str) -> None:
    assert SCHEMAS[name]["properties"].keys() == MODELS[name].model_fields.keys()
    assert SCHEMAS[name]["additionalProperties"] is False
