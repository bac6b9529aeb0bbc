"""The tables of docs/DETECTION.md are those of the code, and nothing that has a number is missing from them."""

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.core.actions import Finding
from hardshoulder.core.findings import RULES
from hardshoulder.core.plan import Thresholds

ROOT = Path(__file__).parent.parent
DOC = ROOT / "docs" / "DETECTION.md"


@pytest.fixture(scope="module")
def tables() -> Any:
    """scripts/detection_tables.py as a module."""
    spec = importlib.util.spec_from_file_location("detection_tables", ROOT / "scripts" / "detection_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(section: str) -> dict[str, list[str]]:
    """The cells of a generated table by their first one."""
    text = DOC.read_text("utf-8").split(f"<!-- generated: {section} -->")[1].split(f"<!-- end: {section} -->")[0]
    lines = [line.strip("|").split("|") for line in text.strip().splitlines()[2:]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_document_is_what_the_code_says(tables: Any) -> None:
    text = DOC.read_text("utf-8")
    assert tables.fill(text) == text, "run scripts/contract"


def test_a_changed_table_is_noticed(tables: Any) -> None:
    text = DOC.read_text("utf-8").replace("| airbag deployed", "| airbag lost")
    assert tables.fill(text) != text


@pytest.mark.parametrize("section", ["findings", "truth"])
def test_no_finding_is_missing(section: str) -> None:
    assert list(rows(section)) == [finding.value for finding in Finding]


def test_every_threshold_has_a_number_and_a_reason() -> None:
    documented = rows("numbers")
    for item in fields(Thresholds):
        default, why = documented[f"`{item.name}`"]
        assert float(default) == getattr(Thresholds(), item.name) and len(why) > 10


def test_the_truth_table_says_what_is_enough_alone() -> None:
    """Two cells that must never change unnoticed, and the shape of the rest."""
    truth = rows("truth")
    assert truth["engine-stopped"] == ["**1**", "**1**", "0.4", "0.4", "0.4", "-"]
    assert truth["contactors-open"] == ["-", "-", "-", "-", "**1**", "**1**"]
    never_alone = [rule.finding.value for rule in RULES if not rule.opens]
    assert never_alone and not [name for name in never_alone if "**" in "".join(truth[name])]


def test_there_is_a_place_for_what_was_measured() -> None:
    text = DOC.read_text("utf-8")
    assert text.index("<!-- measured: begin -->") < text.index("<!-- measured: end -->")
