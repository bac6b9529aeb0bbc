"""A responder driven by a talking car on injected time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, inf
from typing import TypeVar

from hardshoulder.core.actions import Action, Incident, Notify, Report, State, Transmit, Use
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Value, Vss
from support.talker import SPEEDS, Talker

Kind = TypeVar("Kind", bound=Action)


DEAD: dict[str, Value] = {
    "engine_speed": 0.0, "engine_running": False, "drive_ready": False, "drive_torque": 0.0,
}  # fmt: skip
"""What a combustion car says whose engine and drive are gone."""


def numbered() -> Callable[[], str]:
    """Incident identifiers that a test can foresee."""
    made: list[int] = []

    def next_id() -> str:
        made.append(1)
        return f"incident-{len(made)}"

    return next_id


@dataclass
class Driven:
    """Sends every message at its cycle time unless it is muted; collects what comes out.

    on_frame: may change or drop a frame on its way (corruption, loss).
    fine: calls `tick` at every step, and not only when a deadline has come.
    """

    plan: CarPlan
    now_s: float = 0.0
    muted: set[str] = field(default_factory=set)
    log: list[tuple[float, Action]] = field(default_factory=list)
    on_frame: Callable[[Frame], Frame | None] = field(default=lambda frame: frame)
    step_s: float = 0.005
    fine: bool = False

    def __post_init__(self) -> None:
        self.talker = Talker(self.plan)
        self.responder = Responder(self.plan, numbered())
        self._cycles = {message.name: max(1, round(message.cycle_s / self.step_s)) for message in self.plan.messages}
        self._due = dict.fromkeys(self._cycles, 1)
        self._ticks = 0

    def say(self, **values: Value) -> None:
        """Changes what the car says: speed=100.0, power_state="OFF" (names of `Vss`); all speeds follow the speed."""
        if "speed" in values:
            self.talker.values |= dict.fromkeys(SPEEDS, abs(float(values["speed"])))
        self.talker.values |= {Vss[name.upper()]: value for name, value in values.items()}

    def run(self, seconds: float) -> "Driven":
        """Lets the car talk for a while."""
        until = self._ticks + round(seconds / self.step_s)
        while self._ticks < until:
            self._ticks = self._next(until)
            self.now_s = self._ticks * self.step_s
            self._speak()
            if self.fine or not self.log or self.responder.next_deadline() <= self.now_s:
                self.take(self.responder.tick(self.now_s))
        return self

    def _next(self, until: int) -> int:
        """The next step at which something can happen."""
        if self.fine:
            return self._ticks + 1
        deadline_s = self.responder.next_deadline()
        deadline = until if deadline_s == inf else ceil(deadline_s / self.step_s - 1e-6)
        return max(self._ticks + 1, min(until, deadline, *self._due.values()))

    def _speak(self) -> None:
        for message in self.plan.messages:
            if self._ticks < self._due[message.name]:
                continue
            self._due[message.name] = self._ticks + self._cycles[message.name]
            frame = self.on_frame(self.talker.frame(message, self.now_s))
            if frame is not None and message.name not in self.muted:
                self.take(self.responder.receive(frame))

    def take(self, actions: list[Action]) -> None:
        self.log += [(self.now_s, action) for action in actions]

    def skip(self, seconds: float) -> None:
        """Time that nobody saw."""
        self._ticks += round(seconds / self.step_s)

    def is_in(self, state: State) -> bool:
        """Whether the core is in this state."""
        return self.responder.state is state

    def mute(self, *signals: Vss) -> None:
        """The messages that carry these signals stop."""
        self.muted |= {self.talker.carrier(vss).name for vss in signals}

    def of(self, kind: type[Kind]) -> list[Kind]:
        """All actions of one kind so far."""
        return [action for _, action in self.log if isinstance(action, kind)]

    @property
    def notices(self) -> list[str]:
        return [action.notice.value for action in self.of(Notify)]

    @property
    def sent(self) -> list[Frame]:
        """Hazard frames."""
        return [action.frame for action in self.of(Transmit) if action.use is Use.HAZARDS]

    @property
    def incidents(self) -> list[Incident]:
        """The last word on each incident, in order."""
        return list({report.incident.incident_id: report.incident for report in self.of(Report)}.values())

    @property
    def incident(self) -> Incident:
        """The last word on the only incident."""
        (only,) = self.incidents
        return only


def driving(plan: CarPlan, speed_kph: float = 100.0, seconds: float = 4.0) -> Driven:
    """A car that has driven for a while."""
    driven = Driven(plan)
    driven.say(speed=speed_kph)
    return driven.run(seconds)


def broken(plan: CarPlan, **says: Value) -> Driven:
    """A car that broke down a second ago, its lamps flashing as asked."""
    driven = driving(plan, seconds=2)
    driven.say(**(says or DEAD))
    driven.run(0.5)
    driven.say(hazard_signaling=True)
    return driven.run(0.5)
