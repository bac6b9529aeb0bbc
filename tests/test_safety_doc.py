"""docs/SAFETY.md: every hazard has what holds against it, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "SAFETY.md").read_text("utf-8")
NAMED = re.findall(r"(tests/[\w/]+\.py)::(\w+)", TEXT)
ROW = re.compile(r"^\| (H\d+) \| (.+) \|$", re.MULTILINE)


def test_every_hazard_has_its_measures() -> None:
    hazards, measures = TEXT.split("\n## What holds against each")
    named = [number for number, _ in ROW.findall(hazards)]
    assert named == [f"H{number}" for number in range(1, 10)]
    assert {number for number, _ in ROW.findall(measures)} == set(named)
    assert all("::" in cells.rsplit("|", 1)[1] for _, cells in ROW.findall(measures)), "a measure without its test"


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_it_says_plainly_that_it_is_not_certified() -> None:
    assert "**This software is not certified.**" in TEXT
