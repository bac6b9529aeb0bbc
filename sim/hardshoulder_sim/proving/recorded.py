"""Recordings of ordinary drives: what a logger makes of them, and what the replay makes of that."""

import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from random import Random

from hardshoulder.core.frame import Frame
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.drive import EPOCH_S
from hardshoulder_sim.proving.case import Case, Occurrence
from hardshoulder_sim.proving.generator import chance
from hardshoulder_sim.proving.trial import Alarm, DriveTrial
from hardshoulder_sim.proving.variants import LOG_CHANNELS
from hardshoulder_sim.recordings.channels import LogClock, hole_s
from hardshoulder_sim.recordings.logs import LogFrame, write_candump
from hardshoulder_sim.recordings.replay import ReplayOptions, replay

_EVERY_S = (8.0, 20.0)
_EDGE_S = 3.0
_WITHOUT_CLOCK = 0.65
_MOVES_KPH = 20.0


@dataclass(frozen=True, slots=True)
class Mishap:
    """What the logger does from a time on. shift_s: its clock is set by that much. hole_s: it misses that long.
    frames: so many frames are written out of order, or twice.
    """

    name: str
    at_s: float
    shift_s: float = 0.0
    hole_s: float = 0.0
    frames: int = 0


def mishaps(case: Case) -> list[Mishap]:
    """What happens to this recording, in the order of time."""
    random = chance(replace(case.case_id, name="logger"))
    made: list[Mishap] = []
    if random.random() < _WITHOUT_CLOCK:
        # A logger without a battery begins in 1970 and learns the time on the way.
        made.append(Mishap("clock-from-1970", random.uniform(4.0, 10.0), shift_s=float(EPOCH_S)))
    at_s = random.uniform(*_EVERY_S)
    while at_s < case.duration_s - 2.0 * _EDGE_S:
        made.append(_mishap(at_s, random))
        at_s += random.uniform(*_EVERY_S)
    return sorted(made, key=lambda mishap: mishap.at_s)


def _mishap(at_s: float, random: Random) -> Mishap:
    match random.randrange(5):
        case 0:
            return Mishap("hole", at_s, hole_s=random.uniform(0.6, 7.0))
        case 1:
            return Mishap("clock-forward", at_s, shift_s=random.choice((2.0, 60.0, 3600.0, 86_400.0)))
        case 2:
            return Mishap("clock-backward", at_s, shift_s=-random.choice((0.3, 1.5, 60.0, 3600.0)))
        case 3:
            return Mishap("log-out-of-order", at_s, frames=random.randint(1, 50))
        case _:
            return Mishap("log-doubled", at_s, frames=random.randint(1, 50))


def logged(case: Case, events: list[Mishap]) -> Iterator[tuple[float, LogFrame]]:
    """The frames as the logger writes them, each with its true time."""
    begin_s = 0.0 if any(event.name == "clock-from-1970" for event in events) else float(EPOCH_S)
    shift_s, missing_s, swaps, doubles = begin_s, -inf, 0, 0
    held: tuple[float, LogFrame] | None = None
    waiting = events[:]
    for frame in _frames(case):
        while waiting and waiting[0].at_s <= frame.at_s:
            event = waiting.pop(0)
            # No clock is set to before 1970.
            shift_s = max(shift_s + event.shift_s, -event.at_s)
            missing_s = max(missing_s, event.at_s + event.hole_s) if event.hole_s else missing_s
            swaps += event.frames if event.name == "log-out-of-order" else 0
            doubles += event.frames if event.name == "log-doubled" else 0
        if frame.at_s < missing_s:
            continue
        line = (frame.at_s, LogFrame(shift_s + frame.at_s, LOG_CHANNELS[frame.bus], frame.can_id, frame.data))
        if swaps and held is None:
            held, swaps = line, swaps - 1
            continue
        yield line
        if doubles:
            doubles -= 1
            yield line
        if held is not None:
            yield held
            held = None


def _frames(case: Case) -> Iterator[Frame]:
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run)
    until_s = 0.0
    while until_s < case.duration_s:
        until_s = min(until_s + 1.0, case.duration_s)
        yield from car.step_until(until_s)


class _Ruler:
    """From the replay's time back to the car's."""

    def __init__(self, plan_hole_s: float) -> None:
        self._hole_s = plan_hole_s
        self._clock: LogClock | None = None
        self._marks: list[tuple[float, float]] = []

    def measure(self, line: tuple[float, LogFrame]) -> LogFrame:
        """Notes where the two differ."""
        true_s, frame = line
        self._clock = self._clock or LogClock(self._hole_s, frame.at_s)
        now_s, _ = self._clock.advance(frame.at_s)
        if not self._marks or abs(true_s - now_s - self._marks[-1][1]) > 0.01:
            self._marks.append((now_s, true_s - now_s))
        return frame

    def true_s(self, replayed_s: float) -> float:
        """When it was, for the car."""
        place = bisect_right(self._marks, replayed_s, key=lambda mark: mark[0])
        return replayed_s + self._marks[max(place - 1, 0)][1]


def try_recording(case: Case) -> DriveTrial:
    """Writes the recording and replays it."""
    plan, ruler = case.plan, _Ruler(hole_s(case.plan))
    with tempfile.TemporaryDirectory(prefix="hardshoulder-") as folder:
        path = Path(folder) / "drive.log"
        write_candump(path, map(ruler.measure, logged(case, mishaps(case))))
        channels = {bus: (LOG_CHANNELS[bus],) for bus in plan.buses}
        result = replay(path, plan, ReplayOptions(log_channels=channels))
    alarms = tuple(
        Alarm(
            opened_s=ruler.true_s(incident.opened_at_s),
            kind=incident.kind.value,
            first_kind=incident.kind.value,
            speed_kph=incident.speed_kph_at_open,
            evidence=tuple(dict.fromkeys(item.finding.value for item in incident.evidence)),
        )
        for incident in result.incidents
    )
    return DriveTrial(alarms, result.frames)


def recorded_alikes(case: Case) -> tuple[Occurrence, ...]:
    """The case's look-alikes, those of the logger among them."""
    by_logger = [Occurrence(m.name, m.at_s, m.at_s + max(m.hole_s, 1.0)) for m in mishaps(case)]
    by_logger.append(Occurrence("begins-in-motion", 0.0, _EDGE_S))
    if case.run.course.target_kph(case.duration_s) > _MOVES_KPH:
        by_logger.append(Occurrence("ends-in-motion", case.duration_s - _EDGE_S, case.duration_s))
    return (*case.alikes, *by_logger)
