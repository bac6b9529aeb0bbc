"""docs/FLEET.md and the schema of fleet.toml: every key with type, default and bounds, and an example that loads."""

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from hardshoulder_fleet.__main__ import make_parser
from hardshoulder_fleet.config import Config, ConfigError, load_config
from hardshoulder_fleet.core.checkin import CheckIn, Tow
from support.written import GONE, Keys, change, toml

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENT = (DOCS / "FLEET.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((DOCS / "schemas" / "fleet.json").read_text(encoding="utf-8"))
TYPES = {"integer": "whole number", "number": "number", "string": "text", "array": "list of texts", "object": "table"}
BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "minItems", "maxItems")
ROW = re.compile(r"^\| `([^`]+)` \| (.*) \|$", re.MULTILINE)
EXAMPLE = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def tables(model: type[BaseModel], heading: str = "(top)") -> Iterator[tuple[str, type[BaseModel]]]:
    """The heading and the model of this table and of those inside."""
    yield heading, model
    prefix = "" if heading == "(top)" else heading.strip("[]") + "."
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from tables(field.annotation, f"[{prefix}{name}]")


def commands(parser: argparse.ArgumentParser, name: str = "serve") -> Iterator[tuple[str, argparse.Action]]:
    """Every option of the program and of its commands, with the command's name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, command in action.choices.items():
                yield from commands(command, below)
        else:
            yield name, action


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: key to the other cells."""
    _, found, below = DOCUMENT.partition(f"\n### {heading}\n")
    assert found, f"no section {heading}"
    return {match[1]: [cell.strip() for cell in match[2].split("|")] for match in ROW.finditer(below.split("\n#")[0])}


def written(model: type[BaseModel], key: str) -> str:
    """What stands under "Default"."""
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    default = field.default
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json", exclude_unset=True)
    return "–" if default is None else f"`{json.dumps(default)}`"


@pytest.mark.parametrize(("heading", "model"), list(tables(Config)))
def test_every_key_and_no_other_with_its_default(heading: str, model: type[BaseModel]) -> None:
    told = rows(heading)
    assert list(told) == list(model.model_fields)
    assert {key: cells[1] for key, cells in told.items()} == {key: written(model, key) for key in told}


def keys_in_schema(model: type[BaseModel]) -> dict[str, Any]:
    """What the schema says of each key of this table."""
    table = SCHEMA if model is Config else SCHEMA["$defs"][model.__name__]
    assert table["additionalProperties"] is False
    found: dict[str, Any] = table["properties"]
    return found


@pytest.mark.parametrize(("heading", "model"), list(tables(Config)))
def test_every_key_has_the_type_and_the_bounds_of_the_schema(heading: str, model: type[BaseModel]) -> None:
    told, schema = rows(heading), keys_in_schema(model)
    assert {key: cells[0] for key, cells in told.items()} == {
        key: TYPES["object" if "$ref" in of_key else of_key["type"]] for key, of_key in schema.items()
    }
    for key, of_key in schema.items():
        assert len(told[key][2]) > 10
        numbers = {float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)", told[key][2])}
        assert {float(of_key[bound]) for bound in BOUNDS if bound in of_key} <= numbers, key


def test_no_table_that_the_configuration_does_not_have() -> None:
    assert re.findall(r"^### (.*)$", DOCUMENT, re.MULTILINE) == [heading for heading, _ in tables(Config)]


def test_the_example_loads_and_shows_every_key(tmp_path: Path) -> None:
    (example,) = EXAMPLE.findall(DOCUMENT)
    path = tmp_path / "fleet.toml"
    path.write_text(example, encoding="utf-8")
    load_config(path)
    table = tomllib.loads(example)
    for heading, model in tables(Config):
        below = table if heading == "(top)" else table[heading.strip("[]")]
        assert set(below) == set(model.model_fields)


def example() -> dict[str, Any]:
    """The documented example as a table."""
    (text,) = EXAMPLE.findall(DOCUMENT)
    return tomllib.loads(text)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("colour",), "red"),
        (("format",), 2),
        (("base_url",), "fleet.example"),
        (("base_url",), "https://fleet.example/?a=b"),
        (("base_url",), "https://fleet example"),
        (("provider", "callback_url"), "fleet.example"),
        (("provider", "url"), "ftp://tows.example"),
        (("provider", "timeout_s"), 11),
        (("provider", "webhook_secret_file"), GONE),
        (("emergency_number",), 112),
        (("emergency_number",), "one one two"),
        (("emergency_number",), "1"),
        (("answer_within_s",), "90"),
        (("link_valid_h",), 0),
        (("listen", "port"), 0),
        (("mqtt", "port"), "1883"),
        (("mqtt", "host"), GONE),
        (("notify", "urls"), []),
        (("notify", "urls"), "json://127.0.0.1"),
        (("notify",), GONE),
    ],
)
def test_the_schema_refuses_what_the_program_refuses_in_one_line(keys: Keys, value: object, tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    check = jsonschema.Draft202012Validator(SCHEMA)
    table = example()
    check.validate(table)
    change(table, keys, value)
    assert not check.is_valid(table)
    path = tmp_path / "fleet.toml"
    path.write_text(toml(table), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    [line] = caught.value.problems
    assert line.startswith(f"{path}: {'.'.join(map(str, keys))}")


def test_the_example_names_the_schema_that_is_made_for_it() -> None:
    (text,) = EXAMPLE.findall(DOCUMENT)
    named = re.search(r"^#:schema (\S+)$", text, re.MULTILINE)
    assert named and (DOCS.parent / named[1]).samefile(DOCS / "schemas" / "fleet.json")
    assert SCHEMA["$id"] == "urn:hardshoulder:schema:fleet:v1"


@pytest.mark.parametrize(("command", "action"), list(commands(make_parser())))
def test_every_option(command: str, action: argparse.Action) -> None:
    assert f"hardshoulder-fleet {command}" in DOCUMENT
    option = max(action.option_strings, key=len)
    takes = f" {action.metavar}" if action.metavar else ""
    assert re.search(rf"(?<![\w-]){re.escape(option + takes)}(?![\w-])", DOCUMENT)


def test_no_option_that_the_program_does_not_have() -> None:
    known = {option for _, action in commands(make_parser()) for option in action.option_strings}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", DOCUMENT)) <= known


def test_every_state() -> None:
    for state in (*CheckIn, *Tow):
        assert f"`{state.value}`" in DOCUMENT
