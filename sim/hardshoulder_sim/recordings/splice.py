"""Lays a shutdown over a recorded drive: frames are rewritten, stopped or added, and still hold.

Only signals that the profile maps change. Where a message goes on, its recorded counter stays
and its checksum is made right; a frame in which nothing changes stays as it is, bit for bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.errors import UserError
from hardshoulder.profile import Profile
from hardshoulder_sim.recordings.channels import SURVEY_FRAMES, Channels, LogClock, hole_s, log_channels
from hardshoulder_sim.recordings.logs import LogFrame, is_among, open_log, write_candump
from hardshoulder_sim.recordings.rewrite import Rewriter, Said, healthy_payload
from hardshoulder_sim.recordings.shutdown import (
    Before,
    Shutdown,
    ShutdownKind,
    drive_messages,
    impossible,
)

_ADDED = {
    ShutdownKind.POWER_OFF: Vss.POWER_STATE,
    ShutdownKind.CONTACTORS_OPEN: Vss.POWER_CONNECTED,
}


@dataclass(frozen=True, slots=True)
class SpliceResult:
    """The truth about a spliced recording, in seconds since its first frame.

    first_changed_at_s, first_changed_id: the first frame that differs, is missing, or was added
    with what the fault makes of it; nothing can be observed before it. None: nothing changed.
    changed, dropped, added: frames; untouched: those that are as they were.
    """

    kind: ShutdownKind
    at_s: float
    speed_kph: float
    first_changed_at_s: float | None
    first_changed_id: int | None
    untouched: int
    changed: int
    dropped: int
    added: int
    notes: tuple[str, ...]


def splice(
    log: Path,
    profile: Profile,
    plan: CarPlan,
    at_s: float,
    fault: ShutdownKind,
    out: Path,
    seed: int = 0,
    guarded: frozenset[str] = frozenset(),
) -> SpliceResult:
    """Writes `out`, the drive of `log` with the shutdown at `at_s`.

    guarded: messages with a checksum that we cannot write (see `rewrite.guarded_messages`); of them
    only the signals of the drive itself are rewritten. Raises UserError for what this car or
    this recording cannot show.
    """
    if reason := impossible(fault, plan):
        raise UserError(f"{fault}: {reason}")
    if is_among(out, (log,)):
        raise UserError(f"{out}: is the recording itself; give another file for the spliced one")
    survey = _survey(log, profile, plan, at_s)
    before = _before(log, survey, at_s)
    _refuse_absent(log, survey, plan, fault)
    stopped = before.engine_rpm is not None and before.engine_rpm < plan.thresholds.engine_stopped_below_rpm
    if fault is ShutdownKind.ENGINE_STOP and stopped:
        raise UserError(f"{log}: the engine does not run at {at_s:g} s; nothing can stop")
    if before.speed_kph < plan.thresholds.alert_above_kph:
        survey.notes.append(f"at {before.speed_kph:.1f} km/h the car is slower than the alert speed")
    work = _Splice(plan, survey, Shutdown(fault, plan, before, seed), fault, at_s, guarded)
    write_candump(out, work.frames(open_log(log)))
    return work.result(before.speed_kph)


# The first pass -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Survey:
    """What the recording holds, as far as the splice has to know."""

    channels: Channels
    duration_s: float = 0.0
    seen: set[str] = field(default_factory=set)
    values: dict[Vss, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _survey(log: Path, profile: Profile, plan: CarPlan, at_s: float) -> _Survey:
    channels = Channels(plan, log_channels(profile), {})
    survey, decoder = _Survey(channels), Decoder(plan)
    frames = open_log(log, survey.notes)
    first = list(islice(frames, SURVEY_FRAMES))
    channels.survey(first)
    for now_s, frame in _timed(plan, chain(first, frames)):
        survey.duration_s = now_s
        bus = channels.routes.get((frame.channel, frame.can_id))
        if bus is None and channels.unsettled:
            bus = channels.meet(frame.channel, frame.can_id)
        if bus is None or frame.kind != "data":
            continue
        decoded = decoder.decode(Frame(now_s, bus, frame.can_id, frame.data))
        if decoded is not None:
            survey.seen.add(decoded[0].name)
            for vss, value in decoded[1]:
                # What comes only later is the best there is for a signal not yet seen.
                if now_s <= at_s or vss not in survey.values:
                    survey.values[vss] = value
    survey.notes += channels.check(log)
    return survey


def _timed(plan: CarPlan, frames: Iterator[LogFrame]) -> Iterator[tuple[float, LogFrame]]:
    """Each frame with its time since the first, as the replay counts it."""
    clock: LogClock | None = None
    for frame in frames:
        clock = clock or LogClock(hole_s(plan), frame.at_s)
        yield clock.advance(frame.at_s)[0], frame


def _before(log: Path, survey: _Survey, at_s: float) -> Before:
    if not 0.0 <= at_s <= survey.duration_s:
        raise UserError(f"{log}: --at {at_s:g} lies outside the recording, which lasts {survey.duration_s:.3f} s")
    speed_kph = survey.values.get(Vss.SPEED)
    if speed_kph is None:
        raise UserError(f"{log}: no believable {Vss.SPEED} in it; is it a recording of this car?")
    if float(speed_kph) <= 0.0:
        raise UserError(f"{log}: the car does not drive forward at {at_s:g} s; choose another instant")
    numbers = [
        None if (value := survey.values.get(vss)) is None else float(value)
        for vss in (Vss.ENGINE_SPEED, Vss.SUPPLY_VOLTAGE, Vss.PEDAL_POSITION, Vss.DRIVE_TORQUE)
    ]
    return Before(float(speed_kph), *numbers)


def _refuse_absent(log: Path, survey: _Survey, plan: CarPlan, kind: ShutdownKind) -> None:
    """Messages that can be added may be absent; the drive's own may not."""
    if kind in {ShutdownKind.ENGINE_STOP, ShutdownKind.DRIVE_SILENT}:
        names = drive_messages(plan) if kind is ShutdownKind.DRIVE_SILENT else _carriers(plan)
        if not survey.seen.intersection(names):
            raise UserError(f"{log}: {kind}: the recording holds none of {', '.join(names)}")


def _carriers(plan: CarPlan) -> tuple[str, ...]:
    engine = {Vss.ENGINE_SPEED, Vss.ENGINE_RUNNING}
    return tuple(message.name for message in plan.messages if any(signal.vss in engine for signal in message.signals))


# The second pass ----------------------------------------------------------------------------


class _Splice:
    """The frames of the recording on their way into the new one."""

    def __init__(
        self,
        plan: CarPlan,
        survey: _Survey,
        shutdown: Shutdown,
        kind: ShutdownKind,
        at_s: float,
        guarded: frozenset[str],
    ) -> None:
        self._plan, self._survey, self._shutdown = plan, survey, shutdown
        self._kind, self._at_s = kind, at_s
        self._messages = {(m.bus, m.can_id): m for m in plan.messages}
        self._rewriters = {m.name: Rewriter(m, evidence_only=m.name in guarded) for m in plan.messages}
        self._silent_channel = self._channel_to_silence() if kind is ShutdownKind.BUS_SILENT else None
        self._accessory_said = False
        self._first: tuple[float, int] | None = None
        self._untouched = self._changed = self._dropped = self._added = 0

    def frames(self, recorded: Iterator[LogFrame]) -> Iterator[LogFrame]:
        """Everything that stands in the new recording, in the order of time."""
        added = self._frames_added()
        next_added = next(added, None)
        for now_s, frame in _timed(self._plan, recorded):
            while next_added is not None and next_added[0] <= now_s:
                yield self._added_at(next_added, now_s, frame.at_s)
                next_added = next(added, None)
            if now_s < self._at_s:
                self._untouched += 1
                yield frame
            elif (kept := self._after(now_s, frame)) is not None:
                yield kept

    def _after(self, now_s: float, frame: LogFrame) -> LogFrame | None:
        """The frame as the shutdown leaves it; None when it is not sent any more."""
        bus = self._survey.channels.routes.get((frame.channel, frame.can_id))
        message = None if bus is None else self._messages[bus, frame.can_id]
        since_s = now_s - self._at_s
        silent_s = float("inf") if message is None else self._shutdown.silent_s.get(message.name, float("inf"))
        if frame.channel == self._silent_channel or since_s >= silent_s:
            self._dropped += 1
            self._note_change(now_s, frame.can_id)
            return None
        data = frame.data
        if message is not None and frame.kind == "data":
            data = self._rewriters[message.name].rewrite(frame.can_id, frame.data, self._said(since_s))
        if data == frame.data:
            self._untouched += 1
            return frame
        self._changed += 1
        self._note_change(now_s, frame.can_id)
        return frame._replace(data=data)

    def _said(self, since_s: float) -> Said:
        def said(vss: Vss) -> Value | None:
            value = self._shutdown.value(vss, since_s)
            if vss is Vss.POWER_STATE and value == "OFF" and not self._accessory_said:
                value = "ACC"  # the key passes accessory on its way, however slowly the message repeats
            self._accessory_said |= value == "ACC"
            return value

        return said

    def _note_change(self, now_s: float, can_id: int) -> None:
        if self._first is None:
            self._first = (now_s, can_id)

    def _channel_to_silence(self) -> str:
        names = drive_messages(self._plan) or tuple(message.name for message in self._plan.messages)
        bus = next(message.bus for message in self._plan.messages if message.name in names)
        channel = self._survey.channels.channel_of(bus)
        if channel is None:
            raise UserError(f"bus-silent: bus {bus} is not in the recording")
        return channel

    def _added_at(self, added: tuple[float, LogFrame], now_s: float, stamp_s: float) -> LogFrame:
        """The added frame with its stamp on the recording's own clock, which may have been set meanwhile."""
        added_s, frame = added
        self._added += 1
        if added_s >= self._at_s:
            self._note_change(added_s, frame.can_id)
        return frame._replace(at_s=stamp_s - (now_s - added_s))

    # Messages that the recording lacks --------------------------------------------------

    def _frames_added(self) -> Iterator[tuple[float, LogFrame]]:
        """Frames, with their times, of the message that has to show the fault and was not recorded."""
        message = self._message_to_add()
        if message is None:
            return
        channel = self._survey.channels.channel_of(message.bus)
        if channel is None:
            raise UserError(f"{self._kind}: bus {message.bus} is not in the recording, so nothing can be added to it")
        healthy = healthy_payload(message)
        rewriter = self._rewriters[message.name]
        number, now_s = 0, self._shutdown.phase_s
        while now_s <= self._survey.duration_s:
            counter = None if message.counter is None else (message.counter, number)
            data = protect(message.can_id, healthy, counter, message.checksum)
            if now_s >= self._at_s:
                data = rewriter.rewrite(message.can_id, data, self._said(now_s - self._at_s))
            yield now_s, LogFrame(0.0, channel, message.can_id, data)
            number += 1
            now_s = self._shutdown.phase_s + number * message.cycle_s

    def _message_to_add(self) -> MessagePlan | None:
        vss = _ADDED.get(self._kind)
        for message in self._plan.messages:
            if vss in {signal.vss for signal in message.signals} and message.name not in self._survey.seen:
                return message
        return None

    def result(self, speed_kph: float) -> SpliceResult:
        """After the last frame."""
        first_s, first_id = self._first or (None, None)
        return SpliceResult(
            kind=self._kind,
            at_s=self._at_s,
            speed_kph=speed_kph,
            first_changed_at_s=first_s,
            first_changed_id=first_id,
            untouched=self._untouched,
            changed=self._changed,
            dropped=self._dropped,
            added=self._added,
            notes=tuple(self._survey.notes),
        )
