"""docs/FLEET.md: every key of fleet.toml with its default, every option, and an example that loads."""

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from hardshoulder_fleet.__main__ import make_parser
from hardshoulder_fleet.config import Config, load_config
from hardshoulder_fleet.core.checkin import CheckIn, Tow

DOCUMENT = (Path(__file__).parent.parent / "docs" / "FLEET.md").read_text(encoding="utf-8")
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
