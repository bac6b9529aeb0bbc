"""docs/RELIABILITY.md: every fault has its test, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "RELIABILITY.md").read_text("utf-8")
NAMED = re.findall(r"(tests/[\w/]+\.py)::(\w+)", TEXT)
TABLE = TEXT.split("## The faults, and the test of each")[1].split("\n## ")[0]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]


def test_every_fault_has_its_test() -> None:
    assert len(ROWS) > 25
    for row in ROWS:
        assert "::" in row.rsplit("|", 2)[1] or row.rstrip(" |").endswith("simulated"), row


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_it_says_what_is_not_promised() -> None:
    assert "\n## What is not promised\n" in TEXT
