"""One case through the core: what was reported, beside what was true."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardshoulder.core.actions import Action, Incident, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.proving.case import Case
from hardshoulder_sim.proving.faults import Shutdown
from hardshoulder_sim.proving.truth import Truth, Witness
from hardshoulder_sim.proving.variants import Variant

SLICE_S = 0.5
"""The car lives and is heard in slices; every frame and every deadline keeps its own time."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An incident that the core opened. kind: its last name; first_kind: the one it was opened with."""

    opened_s: float
    kind: str
    first_kind: str
    speed_kph: float | None
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Closest:
    """How near the core came to an incident: the sum of the weights, and what they were, heaviest first."""

    weight: float = 0.0
    findings: tuple[tuple[str, float], ...] = ()


NOT_CLOSE = Closest()


class Ear:
    """A responder and the incidents it opened."""

    def __init__(self, plan: CarPlan, begin_s: float = 0.0) -> None:
        self._made = 0
        self.responder = Responder(plan, self._next_id)
        self._last: dict[str, Incident] = {}
        self._first_kinds: dict[str, str] = {}
        self.closest = NOT_CLOSE
        self.take(self.responder.tick(begin_s))

    def _next_id(self) -> str:
        self._made += 1
        return f"incident-{self._made}"

    def hear(self, frames: list[Frame], until_s: float) -> None:
        """All frames of a slice, and the silence up to its end."""
        receive = self.responder.receive
        for frame in frames:
            if actions := receive(frame):
                self.take(actions)
        if actions := self.responder.tick(until_s):
            self.take(actions)

    def weigh(self, now_s: float) -> None:
        """Keeps the heaviest of all that was never heavy enough."""
        active = [watch for watch in self.responder.findings if watch.active]
        weights = [(watch.rule.finding.value, round(watch.weight(now_s), 3)) for watch in active]
        total = sum(weight for _, weight in weights)
        if total > self.closest.weight:
            self.closest = Closest(total, tuple(sorted(weights, key=_lightness)))

    def take(self, actions: list[Action]) -> None:
        """Keeps the last word on each incident."""
        for action in actions:
            if isinstance(action, Report):
                incident = action.incident
                self._first_kinds.setdefault(incident.incident_id, incident.kind.value)
                self._last[incident.incident_id] = incident

    def alarms(self) -> tuple[Alarm, ...]:
        """In the order in which they were opened."""
        return tuple(
            Alarm(
                opened_s=incident.opened_at_s,
                kind=incident.kind.value,
                first_kind=self._first_kinds[name],
                speed_kph=incident.speed_kph_at_open,
                evidence=tuple(dict.fromkeys(item.finding.value for item in incident.evidence)),
            )
            for name, incident in self._last.items()
        )


def _lightness(weighed: tuple[str, float]) -> float:
    return -weighed[1]


def slices(car: SimulatedCar, duration_s: float) -> Iterator[tuple[float, list[Frame]]]:
    """The car's frames, slice by slice: (end of the slice, frames)."""
    number = 0
    until_s = 0.0
    while until_s < duration_s:
        number += 1
        until_s = min(number * SLICE_S, duration_s)
        yield until_s, car.step_until(until_s)


@dataclass(frozen=True, slots=True)
class FaultTrial:
    """What came of a fault case."""

    truth: Truth
    alarms: tuple[Alarm, ...]
    frames: int
    closest: Closest


def try_fault(case: Case) -> FaultTrial:
    """Drives the case and lets the core hear it."""
    assert case.begin_s is not None, "a fault case has a fault"
    plan = case.plan
    witness = Witness(case.car, plan, case.run.vehicle, case.begin_s)
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run, witness)
    ear, frames = Ear(plan), 0
    for until_s, heard in slices(car, case.duration_s):
        ear.hear(heard, until_s)
        ear.weigh(until_s)
        frames += len(heard)
    return FaultTrial(truth_of(case, witness), ear.alarms(), frames, ear.closest)


def truth_of(case: Case, witness: Witness) -> Truth:
    """What the witness saw, with what follows from it."""
    shown = witness.shown_s is not None
    return Truth(
        begin_s=case.begin_s,
        lost_s=witness.lost_s,
        observable_s=witness.shown_s,
        shown_by=witness.shown_by,
        speed_kph=witness.speed_kph,
        kinds=case.kinds,
        incident=shown,
        unobservable="" if shown else _why_not(case, witness),
    )


def _why_not(case: Case, witness: Witness) -> str:
    if witness.lost_s is None:
        return "the drive was never lost for good"
    if case.variant is Variant.LEAN:
        return f"{case.shutdown}: speed, pedal and engine speed or contactors do not show it while the car is fast"
    if case.shutdown == Shutdown.BUS:
        return f"{case.shutdown}: with one bus nobody can tell a dead car from a pulled plug"
    return f"{case.shutdown}: shown by nothing while the car was faster than the alert speed"


@dataclass(frozen=True, slots=True)
class DriveTrial:
    """What came of an ordinary drive: every alarm is one too many."""

    alarms: tuple[Alarm, ...]
    frames: int


RESTS_AFTER_ALARM_S = 30.0
"""After a false alarm a fresh responder takes over, or one alarm would hide the next."""


def try_drive(case: Case) -> DriveTrial:
    """Drives the case and lets the core hear it live."""
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run)
    ear, frames = Ear(case.plan), 0
    alarms: list[Alarm] = []
    relieved_s: float | None = None
    for until_s, heard in slices(car, case.duration_s):
        ear.hear(heard, until_s)
        frames += len(heard)
        if relieved_s is None and ear.alarms():
            relieved_s = until_s + RESTS_AFTER_ALARM_S
        elif relieved_s is not None and until_s >= relieved_s:
            alarms += ear.alarms()
            ear, relieved_s = Ear(case.plan, until_s), None
    return DriveTrial((*alarms, *ear.alarms()), frames)
