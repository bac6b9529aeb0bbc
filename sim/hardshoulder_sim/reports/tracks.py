"""What one signal said in the course of a drive: numbers thinned, words and truths by their changes."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from hardshoulder.core.vocabulary import UNITS, Unit, Value, Vss
from hardshoulder_sim.reports.thinning import Buckets, Point

CHANGES_LIMIT = 20_000
"""Changes and gaps of one signal that are kept; a page with more could not be opened."""
DETAIL_LIMIT = 20_000
"""Readings of one signal that are kept in full around what happened."""
RECENT = 512
"""Readings that wait, in case something happens right after them."""

_AFTER_S = 0.001
"""A gap stands behind the reading that it begins with."""

Said = tuple[float, Value | None]
"""From when on, what; None: nothing is known from there on."""


@dataclass(frozen=True, slots=True)
class Line:
    """A signal as it is drawn. readings: how many came. width_s: of the buckets it was thinned with, 0 for all of it.

    cut_s: from when on something is missing, because there was too much.
    """

    vss: Vss
    said: tuple[Said, ...]
    readings: int
    width_s: float
    cut_s: float | None


class Track(ABC):
    """One signal while it is recorded."""

    def __init__(self, vss: Vss, stale_after_s: float) -> None:
        self.vss = vss
        self.readings = 0
        self._stale_after_s = stale_after_s
        self._last: tuple[float, Value] | None = None
        self._gaps_s: list[float] = []
        self._hole_s: float | None = None
        self._cut_s: float | None = None

    def take(self, at_s: float, value: Value) -> None:
        """A believed reading."""
        self.readings += 1
        before, self._last = self._last, (at_s, value)
        anew = before is None
        if before is not None:
            silent_s = before[0] + self._stale_after_s
            if self._hole_s is not None:
                silent_s = min(silent_s, max(self._hole_s, before[0] + _AFTER_S))
            anew = silent_s <= at_s
            if anew:
                self._gap(silent_s)
        self._hole_s = None
        self._keep(at_s, value, anew=anew)

    def miss(self, from_s: float) -> None:
        """The recording has a hole."""
        self._hole_s = from_s

    def _gap(self, from_s: float) -> None:
        if len(self._gaps_s) < CHANGES_LIMIT:
            self._gaps_s.append(from_s)
        else:
            self._cut(from_s)

    def _cut(self, at_s: float) -> None:
        self._cut_s = at_s if self._cut_s is None else self._cut_s

    @abstractmethod
    def _keep(self, at_s: float, value: Value, *, anew: bool) -> None:
        """Keeps what is worth it. anew: nothing was known right before."""

    @abstractmethod
    def note(self, from_s: float, until_s: float) -> None:
        """Something happens: what is said between these times is worth more."""

    @abstractmethod
    def line(self, end_s: float) -> Line:
        """What is drawn. end_s: when the recording ends."""

    def _with_gaps(self, points: Iterable[Said]) -> tuple[Said, ...]:
        gaps: list[Said] = [(at_s, None) for at_s in self._gaps_s]
        if self._cut_s is not None:
            gaps.append((self._cut_s, None))
        return _without_repetition(sorted([*points, *gaps], key=lambda said: (said[0], said[1] is not None)))


class Numbers(Track):
    """A number, thinned but around what happened."""

    def __init__(self, vss: Vss, stale_after_s: float) -> None:
        super().__init__(vss, stale_after_s)
        self._buckets = Buckets()
        self._recent: deque[Point] = deque(maxlen=RECENT)
        self._detail: list[Point] = []
        self._detail_until_s = -1.0

    def _keep(self, at_s: float, value: Value, *, anew: bool) -> None:
        point = (at_s, float(value))
        self._buckets.add(*point)
        if at_s > self._detail_until_s:
            self._recent.append(point)
        elif len(self._detail) < DETAIL_LIMIT:
            self._detail.append(point)

    def note(self, from_s: float, until_s: float) -> None:
        self._detail_until_s = max(until_s, self._detail_until_s)
        if len(self._detail) < DETAIL_LIMIT:
            self._detail += [point for point in self._recent if point[0] >= from_s]
        self._recent.clear()

    def line(self, end_s: float) -> Line:
        said = self._with_gaps({*self._buckets.points(), *self._detail})
        return Line(self.vss, said, self.readings, self._buckets.width_s, self._cut_s)


class Steps(Track):
    """A word or a truth: every change."""

    def __init__(self, vss: Vss, stale_after_s: float) -> None:
        super().__init__(vss, stale_after_s)
        self._changes: list[Said] = []

    def _keep(self, at_s: float, value: Value, *, anew: bool) -> None:
        if not anew and self._changes and self._changes[-1][1] == value:
            return
        if len(self._changes) < CHANGES_LIMIT:
            self._changes.append((at_s, value))
        else:
            self._cut(at_s)

    def note(self, from_s: float, until_s: float) -> None:
        """Every change is kept anyway."""

    def line(self, end_s: float) -> Line:
        changes = self._changes
        if self._last is not None and self._cut_s is None:
            # Drawn on for as long as the last word was believed.
            changes = [*changes, (min(end_s, self._last[0] + self._stale_after_s), self._last[1])]
        return Line(self.vss, self._with_gaps(changes), self.readings, 0.0, self._cut_s)


def _without_repetition(said: list[Said]) -> tuple[Said, ...]:
    """Of a run of equal values only the ends: the line is the same."""
    kept: list[Said] = []
    for one in said:
        if len(kept) > 1 and kept[-2][1] == kept[-1][1] == one[1]:
            kept[-1] = one
        else:
            kept.append(one)
    return tuple(kept)


def track_of(vss: Vss, stale_after_s: float) -> Track:
    """The track that fits the signal."""
    kind = Steps if UNITS[vss] in (Unit.BOOLEAN, Unit.STATE) else Numbers
    return kind(vss, stale_after_s)
