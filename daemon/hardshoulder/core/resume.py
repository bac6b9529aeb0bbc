"""An open incident that survives the daemon: what is kept of it, and on which terms it goes on after a start.

Three cases. The daemon alone fell and is back within minutes: hazards go on at once. The whole module started anew: the
incident goes on, but hazards wait until the car has said, freshly and for a while, that it is without drive, because a
car that was repaired says at its next key-on what a dead one says, until its engine is started. Too long ago, or
nobody knows how long: the incident is closed and nothing flashes.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from math import inf
from typing import Any, TypeVar

from hardshoulder.core.actions import Incident
from hardshoulder.core.hold import Hold

RESUMED_WITHIN_S = 300.0
"""A restart of the daemon takes seconds, that of a module less than a minute; nobody is towed and repaired by then."""

PROOF_WITHIN_S = 30.0
PROOF_LASTS_S = 8.0
"""Whoever sits down in a car that works has started it by then."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is kept of an open incident. overruled: the driver switched the hazards off."""

    incident: Incident
    overruled: bool


class Terms(Enum):
    """On which terms a kept incident goes on."""

    AT_ONCE = "at-once"
    WITH_PROOF = "with-proof"
    NOT_AT_ALL = "not-at-all"


def terms(age_s: float | None, *, same_boot: bool) -> Terms:
    """age_s: seconds since it was kept; None: nobody knows, because the clock was not set."""
    if age_s is None or not 0.0 <= age_s <= RESUMED_WITHIN_S:
        return Terms.NOT_AT_ALL
    return Terms.AT_ONCE if same_boot else Terms.WITH_PROOF


Kept = TypeVar("Kept")


def shifted(value: Kept, by_s: float) -> Kept:
    """The value with every time in it (`at_s`, `…_at_s`) moved to another clock."""
    changes: dict[str, Any] = {}
    for field in fields(value):  # type: ignore[arg-type]
        held = getattr(value, field.name)
        if (field.name == "at_s" or field.name.endswith("_at_s")) and held is not None:
            changes[field.name] = held + by_s
        elif isinstance(held, tuple):
            changes[field.name] = tuple(shifted(item, by_s) if is_dataclass(item) else item for item in held)
        elif is_dataclass(held) and not isinstance(held, type):
            changes[field.name] = shifted(held, by_s)
    return replace(value, **changes)  # type: ignore[type-var]


class Proof:
    """Waits for the car to say that it still is without drive. Times are arguments."""

    def __init__(self) -> None:
        self._hold = Hold(PROOF_LASTS_S)
        self._by_s = inf

    @property
    def awaited(self) -> bool:
        """Whether hazards wait for it."""
        return self._by_s < inf

    def begin(self, now_s: float) -> None:
        """From now on it is waited for."""
        self._by_s = now_s + PROOF_WITHIN_S

    def end(self) -> None:
        """It is not needed any more."""
        self._by_s = inf

    def given(self, drive_dead: bool, now_s: float) -> bool:
        """Whether the car has said for long enough that it is without drive."""
        return self._hold.update(drive_dead, now_s)

    def overdue(self, now_s: float) -> bool:
        """Whether it did not come in time."""
        return now_s >= self._by_s

    def next_deadline(self, now_s: float) -> float:
        """When it is given, or overdue."""
        return min(self._by_s, self._hold.deadline_after(now_s)) if self.awaited else inf
