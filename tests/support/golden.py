"""The timeline of a scenario as a few lines of text: the simulated car and the core in one loop, on injected time."""

from collections.abc import Iterable, Iterator

from hardshoulder.core.actions import Action, Incident, Notify, Report, ReportStatus, Transmit
from hardshoulder.core.plan import CarPlan, as_text
from hardshoulder.core.responder import Responder
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.reports.bands import Bands
from hardshoulder_sim.scenarios import Scenario
from support.driven import numbered
from support.talker import reference_plan

_BANDS_LIMIT = 10_000


class Told:
    """One drive, told while it happens. The car hears what the core sends, so its lamps flash."""

    def __init__(self, scenario: Scenario, seed: int, plan: CarPlan) -> None:
        self._car = SimulatedCar(scenario, seed)
        self._duration_s = scenario.duration_s
        self._responder = Responder(plan, numbered())
        self._bands = Bands(self._responder, _BANDS_LIMIT)
        self._said: list[tuple[float, str]] = []
        self._incident: Incident | None = None
        self._state = ""
        if self._car.run.fault_at_s is not None and scenario.fault is not None:
            self._said.append((self._car.run.fault_at_s, f"fault: {scenario.fault.value}"))

    def lines(self) -> list[str]:
        """Drives to the end; what happened, in the order of time."""
        self._take(self._responder.tick(0.0))
        now_s = 0.0
        while now_s < self._duration_s:
            now_s = min(self._car.next_due_s, self._responder.next_deadline(), self._duration_s)
            for frame in self._car.step_until(now_s):
                self._take(self._responder.receive(frame))
                self._bands.look(now_s)
            self._take(self._responder.tick(now_s))
            self._bands.look(now_s)
        told = sorted([*self._said, *self._findings()], key=lambda said: said[0])
        return [f"{at_s:8.3f} {what}" for at_s, what in told]

    def _findings(self) -> Iterator[tuple[float, str]]:
        for band in self._bands.all:
            name, evidence = band.evidence.finding.value, band.evidence
            yield band.begun_s, f"evidence: {name}, {evidence.signal} = {as_text(evidence.value)}"
            if band.active_s is not None:
                yield band.active_s, f"holds: {name}"
            if band.ended_s is not None:
                yield band.ended_s, f"ends: {name}"

    def _take(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Transmit(frame):
                    self._car.receive(frame)
                case Notify(notice, at_s):
                    self._said.append((at_s, f"notice: {notice.value}"))
                case ReportStatus(state, health, _, _, at_s):
                    self._take_state(f"{state.value} ({health.value})", at_s)
                case Report(incident, at_s):
                    self._take_incident(incident, at_s)

    def _take_state(self, state: str, at_s: float) -> None:
        """Which signals are missing while a car wakes up is nobody's golden result."""
        if state != self._state:
            self._state = state
            self._said.append((at_s, f"state: {state}"))

    def _take_incident(self, incident: Incident, at_s: float) -> None:
        new = self._incident is None or self._incident.incident_id != incident.incident_id
        known = 0 if new or self._incident is None else len(self._incident.timeline)
        for entry in incident.timeline[known:]:
            self._said.append((entry.at_s, f"{incident.incident_id}: {entry.what}"))
        if new:
            self._said.append((at_s, f"{incident.incident_id}: {incident.kind.value}, cause {incident.cause}"))
        self._incident = incident


def timeline(scenario: Scenario, seed: int) -> list[str]:
    """What the core makes of the scenario with this seed, to the millisecond."""
    return Told(scenario, seed, reference_plan(scenario.propulsion.value)).lines()
