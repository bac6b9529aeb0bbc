"""Listens to a replay and keeps what a page can show of it; a long recording takes no more memory than a short one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hardshoulder.core.actions import Action, HazardState, Health, Notice, Notify, Report, ReportStatus, State
from hardshoulder.core.decode import Fault
from hardshoulder.core.frame import Frame
from hardshoulder.core.responder import Responder
from hardshoulder_sim.reports.bands import Band, Bands
from hardshoulder_sim.reports.tracks import Line, Track, track_of

BEFORE_S, AFTER_S = 5.0, 5.0
"""Around what happens, every reading is kept for so long."""
BANDS_LIMIT = 1000
MARKS_LIMIT = 5000
"""Of each kind; what is more is counted and said."""

Kept = TypeVar("Kept")
_WHOLE_FRAME = (Fault.LENGTH, Fault.CHECKSUM, Fault.COUNTER, Fault.UNTRUSTED)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the core took the car for, from this time on."""

    at_s: float
    state: State
    health: Health
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """All that a page shows. hazards: (time, what was known of the lamps). invalid: (time, message, why).

    left_out: what there was too much of, in words.
    """

    end_s: float
    lines: tuple[Line, ...]
    bands: tuple[Band, ...]
    conditions: tuple[Condition, ...]
    hazards: tuple[tuple[float, HazardState], ...]
    notices: tuple[tuple[float, Notice], ...]
    invalid: tuple[tuple[float, str, str], ...]
    holes: tuple[tuple[float, float], ...]
    left_out: tuple[str, ...]


class Recorder:
    """A `Listener`. Its recording is there once the replay is over."""

    def __init__(self) -> None:
        self._responder: Responder | None = None
        self._tracks: dict[str, Track] = {}
        self._by_message: dict[tuple[str, int], list[Track]] = {}
        self._bands: Bands | None = None
        self._conditions: list[Condition] = []
        self._hazards: list[tuple[float, HazardState]] = []
        self._notices: list[tuple[float, Notice]] = []
        self._invalid: list[tuple[float, str, str]] = []
        self._holes: list[tuple[float, float]] = []
        self._faults: dict[tuple[str, Fault], int] = {}
        self._more: dict[str, int] = {}
        self._end_s = 0.0

    def begin(self, responder: Responder) -> None:
        """Before the first frame."""
        self._responder, self._bands = responder, Bands(responder, BANDS_LIMIT)
        for message in responder.plan.messages:
            tracks = [track_of(signal.vss, signal.stale_after_s) for signal in message.signals]
            self._tracks |= {track.vss: track for track in tracks}
            self._by_message[message.bus, message.can_id] = tracks

    def took(self, actions: Sequence[Action]) -> None:
        """Keeps what is told of car, lamps and driver."""
        for action in actions:
            match action:
                case ReportStatus(state, health, missing, _, at_s):
                    self._mark("changes of state", self._conditions, Condition(at_s, state, health, missing), at_s)
                case Report(incident, at_s):
                    if not self._hazards or self._hazards[-1][1] is not incident.hazards:
                        self._mark("changes of the hazards", self._hazards, (at_s, incident.hazards), at_s)
                case Notify(notice, at_s):
                    self._mark("notices", self._notices, (at_s, notice), at_s)

    def heard(self, frame: Frame) -> None:
        """Keeps the readings of a frame that was believed, and the fault of one that was not."""
        assert self._responder is not None, "it has begun"
        at_s = self._end_s = frame.at_s
        signals = self._responder.senses.signals
        for track in self._by_message.get((frame.bus, frame.can_id), ()):
            sense = signals[track.vss]
            if sense.seen_s == at_s:
                track.take(at_s, sense.value)
        if self._responder.decoder.faults:
            self._note_faults(at_s)
        self._look(at_s)

    def passed(self, now_s: float) -> None:
        """A hold may have ended."""
        self._end_s = max(now_s, self._end_s)
        self._look(now_s)

    def missed(self, from_s: float, to_s: float) -> None:
        """Nothing is drawn across a hole."""
        self._keep("holes", self._holes, (from_s, to_s))
        for track in self._tracks.values():
            track.miss(from_s)
        self._end_s = to_s
        self._look(to_s)

    def recording(self, end_s: float) -> Recording:
        """What was recorded. end_s: the time of the last frame, wanted or not."""
        end_s = max(end_s, self._end_s)
        bands = () if self._bands is None else tuple(self._bands.all)
        left_out = dict(self._more)
        if self._bands is not None and self._bands.left_out:
            left_out["findings"] = self._bands.left_out
        return Recording(
            end_s=end_s,
            lines=tuple(track.line(end_s) for track in self._tracks.values()),
            bands=bands,
            conditions=tuple(self._conditions),
            hazards=tuple(self._hazards),
            notices=tuple(self._notices),
            invalid=tuple(self._invalid),
            holes=tuple(self._holes),
            left_out=tuple(f"{number:,} {what}" for what, number in left_out.items()),
        )

    def _look(self, now_s: float) -> None:
        assert self._bands is not None, "it has begun"
        if self._bands.look(now_s):
            self._note(now_s)

    def _note_faults(self, at_s: float) -> None:
        assert self._responder is not None, "it has begun"
        faults = self._responder.decoder.faults
        if faults == self._faults:
            return
        for (message, fault), number in faults.items():
            if number != self._faults.get((message, fault), 0) and fault in _WHOLE_FRAME:
                self._keep("invalid frames", self._invalid, (at_s, message, fault.value))
        self._faults = dict(faults)

    def _mark(self, what: str, kept: list[Kept], item: Kept, at_s: float) -> None:
        self._keep(what, kept, item)
        self._note(at_s)

    def _keep(self, what: str, kept: list[Kept], item: Kept) -> None:
        if len(kept) < MARKS_LIMIT:
            kept.append(item)
        else:
            self._more[what] = self._more.get(what, 0) + 1

    def _note(self, at_s: float) -> None:
        for track in self._tracks.values():
            track.note(at_s - BEFORE_S, at_s + AFTER_S)
