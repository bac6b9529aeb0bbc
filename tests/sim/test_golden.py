"""Golden results: what the core makes of every scenario, to the millisecond. `pytest --update` writes them anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.core.actions import State
from hardshoulder_sim.scenarios import SCENARIOS
from support.golden import timeline

FOLDER = Path(__file__).parent.parent / "golden"
SEEDS = (0, 1, 2)
QUICK = "motorway-crash"
"""The shortest scenario; the others take their time."""

NAMES = [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SCENARIOS]


def golden(name: str) -> dict[str, Any]:
    """What is kept of a scenario."""
    kept: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return kept


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_told_as_it_was(name: str, update: bool) -> None:
    told = {"scenario": name, "seeds": {str(seed): timeline(SCENARIOS[name], seed) for seed in SEEDS}}
    if update:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    assert told == golden(name)


def test_every_scenario_is_kept_and_nothing_else() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_kept_is_what_the_scenario_expects(name: str) -> None:
    """So that nobody writes down a missed breakdown, or a false alarm, as the right result."""
    for seed in SEEDS:
        lines = golden(name)["seeds"][str(seed)]
        assert any(f"state: {State.DRIVING.value}" in line for line in lines), "it never armed, so it proves nothing"
        opened = [line for line in lines if line.endswith(": opened")]
        assert len(opened) == int(SCENARIOS[name].incident)
        assert [float(line[:8]) for line in lines] == sorted(float(line[:8]) for line in lines)
