"""When each finding of a drive began, held and ended."""

from dataclasses import dataclass

from hardshoulder.core.actions import Evidence
from hardshoulder.core.responder import Responder
from hardshoulder.core.rules import Watch


@dataclass(slots=True)
class Band:
    """One finding from its first evidence to its end. active_s: None while it never held for long enough."""

    evidence: Evidence
    begun_s: float
    active_s: float | None = None
    ended_s: float | None = None


class Bands:
    """Looks at a responder's findings after every step. limit: how many are kept; `left_out` counts the rest."""

    def __init__(self, responder: Responder, limit: int) -> None:
        self.all: list[Band] = []
        self.left_out = 0
        self._responder = responder
        self._limit = limit
        self._open: dict[Watch, Band] = {}

    def look(self, now_s: float) -> bool:
        """Whether something began, held or ended."""
        busy = self._responder.findings
        if not busy and not self._open:
            return False
        changed = self._end(busy, now_s)
        for watch in busy:
            band = self._open.get(watch) or self._begin(watch, now_s)
            if watch.active and band.active_s is None:
                band.active_s = now_s
                changed = True
            changed = changed or band.begun_s == now_s
        return changed

    def _begin(self, watch: Watch, now_s: float) -> Band:
        assert watch.begun is not None, "what is busy has begun"
        band = self._open[watch] = Band(watch.begun, now_s)
        if len(self.all) < self._limit:
            self.all.append(band)
        else:
            self.left_out += 1
        return band

    def _end(self, busy: list[Watch], now_s: float) -> bool:
        """One that begins anew in the same step is another one: its evidence is."""
        over = [watch for watch, band in self._open.items() if watch not in busy or watch.begun is not band.evidence]
        for watch in over:
            self._open.pop(watch).ended_s = now_s
        return bool(over)
