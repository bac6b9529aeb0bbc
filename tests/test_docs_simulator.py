"""The document of the simulator: every command, option, scenario and key, and none that is not there."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.profile import shipped_profiles
from hardshoulder_sim import __main__ as simulator
from hardshoulder_sim import demo_options
from hardshoulder_sim.recordings.replay import replay
from hardshoulder_sim.recordings.replay_report import as_record
from hardshoulder_sim.recordings.shutdown import ShutdownKind
from hardshoulder_sim.scenarios import SCENARIOS
from support.talker import reference_plan

DOC = (Path(__file__).parent.parent / "docs" / "SIMULATOR.md").read_text(encoding="utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^## (.+)$", DOC, flags=re.MULTILINE)[1:])] * 2, strict=True))
TOP = DOC.partition("\n## ")[0]


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command of the simulator."""
    (found,) = (action for action in simulator._parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Its long options but for --help, which all have."""
    return {option for action in parser._actions for option in action.option_strings if option[:2] == "--"} - {"--help"}


def rows(text: str, pattern: str) -> list[str]:
    """What stands in the first column of the tables, where it is of this form."""
    return re.findall(rf"^\| `({pattern})` \|", text, flags=re.MULTILINE)


def test_there_is_a_section_for_each_command_and_the_demo() -> None:
    assert list(SECTIONS) == [*commands(), "The demo"]
    assert set(rows(TOP, "--.+")) == options(simulator._parser()) | {"--help"}


@pytest.mark.parametrize("command", commands())
def test_every_option_of_a_command_is_explained(command: str) -> None:
    section = SECTIONS[command]
    assert f"\n    hardshoulder-sim {command} " in section
    assert set(rows(section, "--.+")) == options(commands()[command])


def test_every_option_of_the_demo_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo_options.read(["--help"])
    told = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, flags=re.MULTILINE))
    assert len(told) > 3
    assert set(rows(SECTIONS["The demo"], "--.+")) == told - {"--help"}


def test_every_scenario_and_fault_stands_in_its_table() -> None:
    written = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (yes|no) \|$", SECTIONS["drive"], flags=re.MULTILINE)
    assert written == [(name, one.title, "yes" if one.incident else "no") for name, one in SCENARIOS.items()]
    assert rows(SECTIONS["splice"], "[a-z][a-z-]+") == [kind.value for kind in ShutdownKind]


@pytest.mark.slow
def test_the_keys_of_a_replay_are_those_it_writes(tmp_path: Path) -> None:
    log = tmp_path / "drive.log"
    simulator.main(["drive", "motorway-shutdown-combustion", "--out", str(log)])
    record: dict[str, Any] = as_record(replay(log, reference_plan("combustion")))
    (block,) = re.findall(r"```json\n(.+?)```", SECTIONS["replay"], flags=re.DOTALL)
    example = json.loads(block)
    assert list(example) == list(record)
    for list_of in ("incidents", "notices"):
        assert list(example[list_of][0]) == list(record[list_of][0])
    assert list(example["incidents"][0]["evidence"][0]) == list(record["incidents"][0]["evidence"][0])
    for key in record:
        assert f"`{key}`" in SECTIONS["replay"]


def test_the_profiles_in_the_examples_ship() -> None:
    named = re.findall(r"--profile ([a-z0-9-]+)(?=\s)", DOC)
    assert named
    assert set(named) <= set(shipped_profiles())
