"""What scripts/audit makes of what pip-audit says; nobody is asked here."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest


def _script() -> ModuleType:
    """scripts/audit_report.py as a module."""
    path = Path(__file__).parent.parent / "scripts" / "audit_report.py"
    spec = importlib.util.spec_from_file_location("audit_report", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


told = _script().told

FLAW = {"id": "CVE-1", "fix_versions": ["2.1"]}
SOUND = {"name": "a", "version": "1", "vulns": []}
FLAWED = {"name": "b", "version": "2", "vulns": [FLAW]}
UNASKED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND], 0, ["set: nothing is known against its 1 packages"]),
        ([SOUND, FLAWED], 1, ["set: b 2: CVE-1, mended in 2.1"]),
        (
            [SOUND, UNASKED],
            3,
            ["set: the advisory service knows nothing of 1 of 2 packages (c), so they were not audited"],
        ),
    ],
)
def test_each_outcome_has_its_line_and_its_code(packages: list[object], code: int, said: list[str]) -> None:
    assert told("set", json.dumps({"dependencies": packages})) == (code, said)


def test_a_flaw_counts_more_than_what_could_not_be_asked() -> None:
    code, lines = told("set", json.dumps({"dependencies": [FLAWED, UNASKED]}))
    assert code == 1 and len(lines) == 2


@pytest.mark.parametrize("text", ["", "Traceback", "[]", "{}"])
def test_no_answer_is_no_good_news(text: str) -> None:
    assert told("set", text) == (3, ["set: no advisory service answers, so it was not audited"])
