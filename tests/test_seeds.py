"""Every requirement has a row, and every row names files that exist or says that it is not met yet."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IDS = [f"C{number}" for number in range(1, 13)] + [f"S{number}" for number in range(1, 23)]
A_FILE = re.compile(r"[\w./-]+/[\w.-]+\.\w+")


def rows() -> dict[str, list[str]]:
    """Row id to its cells (asked, code, test)."""
    table = {}
    for line in (ROOT / "seeds" / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[CS]\d+", cells[0]):
            table[cells[0]] = cells[1:]
    return table


ROWS = rows()


def test_every_requirement_has_its_row() -> None:
    assert list(ROWS) == IDS


@pytest.mark.parametrize("row", IDS)
def test_a_row_names_files_that_exist_or_says_not_yet(row: str) -> None:
    asked, code, test = ROWS[row]
    assert asked
    for cell, folder in ((code, ""), (test, "tests/")):
        named = A_FILE.findall(cell)
        assert named or cell.startswith("not yet"), f"{row}: neither a file nor `not yet`: {cell!r}"
        for name in named:
            assert (ROOT / name).is_file(), f"{row} names {name}, which does not exist"
            assert name.startswith(folder)
