"""The table of findings in docs/DETECTION.md is the table in the code."""

from dataclasses import replace
from pathlib import Path

from hardshoulder.core.plan import CarPlan, Thresholds, Traits
from hardshoulder.core.rules import RULES
from hardshoulder.core.signals import Senses
from support.talker import reference_plan

DOC = Path(__file__).parent.parent / "docs" / "DETECTION.md"
COASTING = replace(reference_plan("combustion"), traits=Traits(coasts_engine_off=True))
CARS: tuple[CarPlan, ...] = (
    reference_plan("combustion"),
    COASTING,
    reference_plan("hybrid"),
    reference_plan("electric"),
)


def table() -> dict[str, list[str]]:
    """Finding to (held, weights...)."""
    rows = (line.strip("|").split("|") for line in DOC.read_text("utf-8").splitlines() if line.startswith("| "))
    return {cells[0].strip(): [cell.strip() for cell in cells[2:]] for cells in rows}


def test_every_weight_and_hold_stands_in_the_document() -> None:
    documented = table()
    for rule in RULES:
        held, *weights = documented[rule.finding.value]
        assert weights == [f"{rule.weight(car):g}" if rule.weight(car) else "-" for car in CARS], rule.finding
        senses = Senses(CARS[0])
        hold_s = rule.hold_s(Thresholds(), senses)
        if rule.finding.value == "drive-silent":
            hold_s += senses.drive_stale_s()  # counted from the last frame, not from when it is overdue
        assert held == (f"{hold_s:g} s" if hold_s else "-"), rule.finding


def test_no_finding_is_missing() -> None:
    assert [name for name in table() if name != "finding"] == [rule.finding.value for rule in RULES]
