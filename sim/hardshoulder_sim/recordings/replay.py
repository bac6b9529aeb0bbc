"""Replays a recording through the core, as fast as it goes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path

from hardshoulder.core.actions import (
    Action,
    Health,
    Incident,
    Notify,
    Report,
    ReportStatus,
    State,
    Transmit,
)
from hardshoulder.core.decode import Fault
from hardshoulder.core.frame import Frame
from hardshoulder.core.incident import OPEN_STATES
from hardshoulder.core.plan import CarPlan, as_text
from hardshoulder.core.responder import Responder
from hardshoulder.core.signals import Freshness
from hardshoulder.core.vocabulary import Vss
from hardshoulder_sim.recordings.channels import (
    SURVEY_FRAMES,
    Channels,
    LogClock,
    Passage,
    hole_s,
)
from hardshoulder_sim.recordings.listening import Deaf, Listener
from hardshoulder_sim.recordings.logs import LogFrame, Progress, open_log

_WHOLE_FRAME = frozenset({Fault.LENGTH, Fault.CHECKSUM, Fault.COUNTER})
LINES_LIMIT = 10_000
"""Lines of a timeline that are kept; a recording of a flapping car must not fill the memory."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """log_channels: bus to its usual channels, of the profile. channels: bus to channel, given by
    the user and stronger. trust_gaps: silence of the whole recording is silence of the car.
    progress: told which part (0 to 1) is read. listener: hears all that happens.
    """

    log_channels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    trust_gaps: bool = False
    progress: Progress | None = None
    listener: Listener = field(default_factory=Deaf)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. speed_kph: None when the speed was not known."""

    at_s: float
    speed_kph: float | None
    what: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What the core made of a recording; times in seconds since its first frame.

    ruleset: the name of the thresholds and switches that were at work.
    transmitted: hazard frames that a car would have been sent. holes: begin and end.
    signals: how many believable readings each gave, and what it was worth at the end.
    """

    log: str
    profile: str
    ruleset: str
    frames: int
    duration_s: float
    incidents: tuple[Incident, ...]
    notices: tuple[Notify, ...]
    signals: Mapping[Vss, tuple[int, Freshness]]
    holes: tuple[tuple[float, float], ...]
    invalid_frames: int
    faults: Mapping[str, int]
    error_frames: int
    remote_frames: int
    transmitted: int
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def replay(path: Path, plan: CarPlan, options: ReplayOptions | None = None) -> ReplayResult:
    """Steps the core through the recording; the permit is not in the path, so nothing is refused.

    The last frame ends it: nothing is concluded from the silence after it. Raises UserError
    as `open_log` does, and for channels that cannot be told apart.
    """
    options = options or ReplayOptions()
    run = _Replay(path, plan, Channels(plan, options.log_channels, options.channels), options)
    frames = open_log(path, run.notes, options.progress)
    first = list(islice(frames, SURVEY_FRAMES))
    run.channels.survey(first)
    run.feed(chain(first, frames))
    return run.result()


class _Replay:
    """One recording on its way through the core."""

    def __init__(self, path: Path, plan: CarPlan, channels: Channels, options: ReplayOptions) -> None:
        self.channels = channels
        self.notes: list[str] = []
        self._path = path
        self._plan = plan
        self._trust_gaps = options.trust_gaps
        self._listener = options.listener
        numbers = count(1)
        self._responder = Responder(plan, lambda: f"incident-{next(numbers)}")
        self._frames = self._errors = self._remotes = self._disorder = self._transmitted = 0
        self._last_s = 0.0
        self._state: State | None = None
        self._incidents: dict[str, Incident] = {}
        self._notices: list[Notify] = []
        self._holes: list[tuple[float, float]] = []
        self._lines: list[Line] = []

    def feed(self, frames: Iterable[LogFrame]) -> None:
        """Every frame in its order. Only wanted frames reach the core; between them its deadlines are kept."""
        responder, routes, channels = self._responder, self.channels.routes, self.channels
        receive, take, heard = responder.receive, self._take, self._listener.heard
        frames = iter(frames)
        first = next(frames)
        clock = LogClock(hole_s(self._plan), first.at_s)
        self._listener.begin(responder)
        take(responder.tick(0.0))
        self._listener.passed(0.0)
        deadline_s = responder.next_deadline()
        base_s, last_s, longest_s = clock.base_s, 0.0, clock.hole_s
        for at_s, channel, can_id, data, kind, _ in chain((first,), frames):
            self._frames += 1
            now_s = at_s - base_s
            if not last_s <= now_s <= last_s + longest_s:
                clock.last_s = last_s
                now_s = self._mend(clock, at_s)
                base_s, deadline_s = clock.base_s, responder.next_deadline()
            last_s = now_s
            bus = routes.get((channel, can_id))
            if kind != "data":
                self._count_other(kind)
                bus = None
            elif bus is None and channels.unsettled:
                bus = channels.meet(channel, can_id)
            if bus is not None:
                if now_s >= deadline_s:
                    self._let_pass(now_s)
                frame = Frame(now_s, bus, can_id, data)
                if actions := receive(frame):
                    take(actions)
                heard(frame)
                deadline_s = responder.next_deadline()
            elif now_s >= deadline_s:
                self._let_pass(now_s)
                deadline_s = responder.next_deadline()
        self._last_s = last_s

    def _let_pass(self, now_s: float) -> None:
        """One deadline after the other, so that whoever listens sees each at its own time."""
        while (deadline_s := self._responder.next_deadline()) <= now_s:
            self._take(self._responder.tick(deadline_s))
            self._listener.passed(deadline_s)

    def _mend(self, clock: LogClock, at_s: float) -> float:
        """The time of a frame that does not simply follow the one before."""
        before_s, was_s = clock.last_s, clock.base_s
        now_s, passage = clock.advance(at_s)
        if passage is Passage.DISORDER:
            self._disorder += 1
        elif passage is Passage.CLOCK_SET:
            self.notes.append(
                f"{now_s:.3f} s: the recording's clock jumps by {at_s - was_s - before_s:+.3f} s; treated as a hole"
            )
        if passage is Passage.CLOCK_SET or (passage is Passage.HOLE and not self._trust_gaps):
            self._holes.append((before_s, now_s))
            self._say(now_s, f"hole of {now_s - before_s:.3f} s in the recording")
            self._take(self._responder.hole(now_s))
            self._listener.missed(before_s, now_s)
        return now_s

    def _count_other(self, kind: str) -> None:
        if kind == "error":
            self._errors += 1
        else:
            self._remotes += 1

    # What the core asks for --------------------------------------------------------------

    def _take(self, actions: Sequence[Action]) -> None:
        self._listener.took(actions)
        for action in actions:
            match action:
                case Report(incident, at_s):
                    self._take_incident(incident, at_s)
                case Notify(notice, at_s):
                    self._notices.append(action)
                    self._say(at_s, f"notice: {notice.value}")
                case ReportStatus(state, health, _, _, at_s):
                    self._take_state(state, health, at_s)
                case Transmit():
                    self._transmitted += 1

    def _take_incident(self, incident: Incident, at_s: float) -> None:
        known = self._incidents.get(incident.incident_id)
        new = len(incident.timeline) if known is None else incident.sequence - known.sequence
        news = incident.timeline[-new:] if new else ()
        said = frozenset() if known is None else frozenset(known.evidence)
        self._incidents[incident.incident_id] = incident
        for entry in news:
            self._say(entry.at_s, f"{incident.incident_id}: {entry.what}", told_s=at_s)
        for item in incident.evidence:
            if item not in said:
                self._say(item.at_s, f"  {item.finding.value}: {item.signal} = {as_text(item.value)}", told_s=at_s)

    def _take_state(self, state: State, health: Health, at_s: float) -> None:
        """An open incident tells its own states."""
        if state is not self._state and state not in OPEN_STATES:
            self._say(at_s, f"{state.value} ({health.value})")
        self._state = state

    def _say(self, at_s: float, what: str, told_s: float | None = None) -> None:
        """told_s: when it became known; of what lies before that the speed is only known from a line of then."""
        if len(self._lines) >= LINES_LIMIT:
            return
        speed_kph = self._responder.senses.motion_kph(at_s)
        if told_s is not None and at_s < told_s:
            speed_kph = next((line.speed_kph for line in reversed(self._lines) if line.at_s == at_s), None)
        self._lines.append(Line(at_s, speed_kph, what))

    # What comes of it --------------------------------------------------------------------

    def result(self) -> ReplayResult:
        """After the last frame."""
        senses, faults = self._responder.senses, self._responder.decoder.faults
        self.notes += self.channels.check(self._path)
        if self._disorder:
            self.notes.append(f"{self._disorder} frames were out of order by up to a second")
        if not any(sense.samples for sense in senses.signals.values()):
            wanted = ", ".join(message.name for message in self._plan.messages)
            self.notes.append(f"none of this car's messages is in the recording ({wanted}); is it another car's?")
        return ReplayResult(
            log=str(self._path),
            profile=self._plan.profile,
            ruleset=self._plan.ruleset,
            frames=self._frames,
            duration_s=self._last_s,
            incidents=tuple(self._incidents.values()),
            notices=tuple(self._notices),
            signals={
                vss: (sense.samples, senses.freshness(vss, self._last_s)) for vss, sense in senses.signals.items()
            },
            holes=tuple(self._holes),
            invalid_frames=sum(number for (_, fault), number in faults.items() if fault in _WHOLE_FRAME),
            faults={f"{name}: {fault.value}": number for (name, fault), number in sorted(faults.items(), key=str)},
            error_frames=self._errors,
            remote_frames=self._remotes,
            transmitted=self._transmitted,
            lines=tuple(self._lines),
            notes=tuple(self.notes),
        )
