"""What changed from one file of results to another, case by case."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hardshoulder.core.shadow import TOGETHER_S
from hardshoulder_sim.comparing.results import Found, Results

SAME_S = 0.0005
"""Times are told to the millisecond; what lies closer together is no other time."""


class Change(Enum):
    """How a case differs."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    KIND = "other kind"
    DELAY = "other time"
    REST = "otherwise"
    NEW_CASE = "only in the second"
    LOST_CASE = "only in the first"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change of one case, in words."""

    case: str
    change: Change
    what: str


def compare(before: Results, after: Results) -> list[Difference]:
    """All changes, in the order of the first file's cases; the new ones follow."""
    made = [difference for case in before.cases for difference in _of_case(case, before, after)]
    return made + [Difference(case, Change.NEW_CASE, "") for case in after.cases if case not in before.cases]


def _of_case(case: str, before: Results, after: Results) -> Iterator[Difference]:
    if case not in after.cases:
        yield Difference(case, Change.LOST_CASE, "")
        return
    changes = [_change(old, new) for old, new in _pairs(before.cases[case], after.cases[case])]
    told = [Difference(case, change, what) for each in changes for change, what in each]
    yield from told
    if not told and before.told.get(case) != after.told.get(case):
        yield Difference(case, Change.REST, "notices or hazard frames")


def _pairs(before: tuple[Found, ...], after: tuple[Found, ...]) -> Iterator[tuple[Found | None, Found | None]]:
    """The nearest in time belong together, as far as they can be the same breakdown."""
    near = sorted(
        (abs(new.opened_s - old.opened_s), place, other)
        for place, old in enumerate(before)
        for other, new in enumerate(after)
        if abs(new.opened_s - old.opened_s) < TOGETHER_S
    )
    taken: dict[int, int] = {}
    for _, place, other in near:
        if place not in taken and other not in taken.values():
            taken[place] = other
    for place, old in enumerate(before):
        yield old, after[taken[place]] if place in taken else None
    yield from ((None, new) for other, new in enumerate(after) if other not in taken.values())


def _change(old: Found | None, new: Found | None) -> list[tuple[Change, str]]:
    if old is None or new is None:
        one = old or new
        assert one is not None, "a pair has at least one side"
        return [(Change.APPEARED if old is None else Change.VANISHED, f"{one.kind} at {one.opened_s:.3f} s")]
    changes = []
    if old.kind != new.kind:
        changes.append((Change.KIND, f"{old.kind} -> {new.kind} at {new.opened_s:.3f} s"))
    if abs(new.opened_s - old.opened_s) >= SAME_S:
        later = f"{new.opened_s - old.opened_s:+.3f} s"
        changes.append((Change.DELAY, f"{new.kind}: {old.opened_s:.3f} s -> {new.opened_s:.3f} s ({later})"))
    if not changes and old.rest != new.rest:
        changes.append((Change.REST, f"{new.kind} at {new.opened_s:.3f} s: evidence, hazards or later times"))
    return changes


def as_lines(before: Results, after: Results, differences: list[Difference]) -> Iterator[str]:
    """The changes for a person, and one line that counts them."""
    yield f"- {before.path}: ruleset {', '.join(before.rulesets)}, {len(before.cases):,} cases"
    yield f"+ {after.path}: ruleset {', '.join(after.rulesets)}, {len(after.cases):,} cases"
    case = None
    for difference in differences:
        if difference.case != case:
            case = difference.case
            yield case
        yield f"  {difference.change.value:>10}  {difference.what}".rstrip()
    numbers = Counter(difference.change for difference in differences)
    told = ", ".join(f"{numbers[change]:,} {change.value}" for change in Change if numbers[change])
    yield told or "no difference"
