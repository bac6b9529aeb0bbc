"""The whole core under random treatment, against a small model that knows only what must always be true."""

import os
from math import inf

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hardshoulder.core.actions import Action, Incident, Lease, Report, State, Transmit
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Propulsion, Value
from support.driven import Driven, numbered
from support.plain import TESTER, on_second_bus, plain_car, unprotected, with_cycles, with_limits

LONG = bool(os.environ.get("HARDSHOULDER_LONG_MACHINE"))
"""Set to try for minutes: `HARDSHOULDER_LONG_MACHINE=1 pytest tests/core/test_machine.py`."""

PLANS: list[CarPlan] = [
    *(plain_car(propulsion) for propulsion in Propulsion),
    on_second_bus(plain_car(), "Speed", "Power", "Lamps"),
    unprotected(plain_car(Propulsion.HYBRID)),
    with_limits(with_cycles(plain_car(), {"Engine": 0.5, "Drive": 0.5}), closed_after_s=4.0, drove_on_after_s=2.0),
]
HEALTHY: dict[str, Value] = {
    "engine_speed": 2000.0, "engine_running": True, "engine_rests": False, "drive_ready": True, "drive_torque": 300.0,
    "power_state": "ON", "ignition_switch": "ON", "power_connected": True, "supply_voltage": 14.0,
    "selected_gear": "DRIVE", "pedal_position": 12.0, "overheated": False, "airbag_deployed": False,
    "parking_brake": False, "limp_home": False,
}  # fmt: skip
CONCLUSIVE: list[dict[str, Value]] = [
    {"airbag_deployed": True},
    {"power_state": "OFF", "drive_ready": False, "drive_torque": 0.0},
    {"power_connected": False, "drive_ready": False, "drive_torque": 0.0, "engine_speed": 0.0, "engine_running": False},
]
WORDS: dict[str, st.SearchStrategy[Value]] = {
    "engine_speed": st.sampled_from([0.0, 399.0, 400.0, 2000.0]),
    "engine_running": st.booleans(),
    "engine_rests": st.booleans(),
    "drive_ready": st.booleans(),
    "drive_torque": st.sampled_from([-50.0, 0.0, 19.0, 300.0]),
    "power_state": st.sampled_from(["OFF", "ACC", "ON", "START"]),
    "ignition_switch": st.sampled_from(["OFF", "ON"]),
    "power_connected": st.booleans(),
    "supply_voltage": st.sampled_from([6.0, 14.0]),
    "selected_gear": st.sampled_from(["PARK", "NEUTRAL", "DRIVE"]),
    "pedal_position": st.sampled_from([0.0, 24.0, 80.0]),
    "overheated": st.booleans(),
    "airbag_deployed": st.sampled_from([False, False, False, True]),
    "hazard_signaling": st.booleans(),
    "gnss_speed": st.sampled_from([0.0, 50.0]),
    "speed": st.sampled_from([0.0, 5.0, 16.0, 60.0, 130.0]),
}
OPEN = {State.ROLLING, State.STRANDED, State.RECOVERED, State.DRIVING_ON}
NEXT: dict[State, set[State]] = {
    State.ROLLING: {State.ROLLING, State.STRANDED, State.RECOVERED},
    State.STRANDED: {State.STRANDED, State.RECOVERED},
    State.RECOVERED: {State.RECOVERED, State.ROLLING, State.DRIVING_ON, State.STRANDED},
    State.DRIVING_ON: {State.DRIVING_ON, State.ROLLING, State.CLOSED, State.STRANDED},
    State.CLOSED: set(),
}
"""From report to report; breaking again and standing still may come in one step."""


class Model:
    """What must be true of everything that comes out, said without the code's own words."""

    def __init__(self) -> None:
        self.last: Incident | None = None
        self.lease_until_s = -inf
        self.closed: set[str] = set()
        self.count = 0

    def take(self, action: Action) -> None:
        if isinstance(action, Lease):
            assert action.holder, "a lease for nobody"
            self.lease_until_s = action.until_s
        elif isinstance(action, Transmit):
            assert action.frame.at_s < self.lease_until_s, "a hazard frame without a lease"
        elif isinstance(action, Report):
            self.report(action.incident)

    def report(self, incident: Incident) -> None:
        before = self.last
        if before is None or before.state is State.CLOSED:
            self.count += 1
            assert (incident.incident_id, incident.sequence) == (f"incident-{self.count}", 1)
            assert incident.state in (State.ROLLING, State.STRANDED)
        else:
            assert incident.incident_id == before.incident_id, "a second incident while one is open"
            assert incident.sequence == before.sequence + 1
            assert incident.state in NEXT[before.state]
            assert incident.timeline[: len(before.timeline)] == before.timeline or len(incident.timeline) == 200
            assert incident.evidence[: len(before.evidence)] == before.evidence
        assert incident.suspected_at_s <= incident.opened_at_s
        assert incident.kind in {item.finding for item in incident.evidence}
        if incident.state is State.CLOSED:
            assert self.lease_until_s < inf, "a lease that outlives its incident"
        self.last = incident


class Thorough(Responder):
    """Judges every frame."""

    def _nothing_follows(self, message: MessagePlan) -> bool:
        return False


class Core(RuleBasedStateMachine):
    """A car, what is done to it, and what the model makes of the answers."""

    @initialize(plan=st.sampled_from(PLANS))
    def begin(self, plan: CarPlan) -> None:
        self.driven, self.model = Driven(plan), Model()
        self.twin = Thorough(plan, numbered())
        self.healthy, self.drove, self.rested_until_s = True, False, -inf
        self.driven.on_frame = self.carry
        self.corrupt = False
        self.seen = 0
        self.driven.say(speed=0.0, **HEALTHY)
        self.twin.tick(0.0)
        self.driven.take(self.driven.responder.tick(0.0))

    def carry(self, frame: Frame) -> Frame | None:
        """Every frame also goes to the twin; what it answers is compared in `receive`."""
        if self.corrupt:
            frame = frame._replace(data=frame.data[::-1])
        muted = {self.driven.talker.message(name).can_id for name in self.driven.muted}
        if frame.can_id not in muted:
            self.twin_said += self.twin.receive(frame)
        return frame

    twin_said: list[Action]

    def run_for(self, seconds: float) -> None:
        self.twin_said, before = [], len(self.driven.log)
        self.driven.run(seconds)
        self.twin_said += self.twin.tick(self.driven.now_s)
        self.driven.take(self.driven.responder.tick(self.driven.now_s))
        done = [action for _, action in self.driven.log[before:]]
        assert done == self.twin_said, "the short way left something out"
        for action in done:
            self.model.take(action)
        incident = self.driven.responder.incident
        if incident is not None and not self.seen:
            assert self.drove, "an incident in a car that never drove"
            assert not (self.rested_until_s - 5.0 <= incident.opened_at_s < self.rested_until_s), "at rest"
        self.seen = 0 if incident is None else 1
        values = {vss.name.lower(): value for vss, value in self.driven.talker.values.items()}
        self.drove |= bool(float(values["speed"]) >= 8.0)

    @rule(seconds=st.sampled_from([0.1, 0.3, 0.7, 2.0, 6.0]))
    def drive(self, seconds: float) -> None:
        self.run_for(seconds)

    @rule(kph=st.sampled_from([0.0, 10.0, 20.0, 50.0, 100.0]))
    def change_speed(self, kph: float) -> None:
        """As fast as a car can, and the driver keeps the drive alive."""
        speed = float(self.driven.talker.values[next(iter(self.driven.talker.values))])
        while abs(speed - kph) > 1e-9:
            speed += max(-3.0, min(3.0, kph - speed))
            self.driven.say(speed=speed)
            self.run_for(0.1)

    @rule(said=st.lists(st.sampled_from(list(WORDS)), min_size=1, max_size=3, unique=True), data=st.data())
    def say(self, said: list[str], data: st.DataObject) -> None:
        self.healthy = False
        self.driven.say(**{name: data.draw(WORDS[name]) for name in said})
        self.run_for(0.5)

    @rule()
    def recover(self) -> None:
        self.driven.muted.clear()
        self.corrupt = False
        self.driven.say(**HEALTHY)
        self.run_for(1.0)

    @rule(number=st.integers(0, 12))
    def mute(self, number: int) -> None:
        self.healthy = False
        messages = self.driven.plan.messages
        self.driven.muted |= {messages[number % len(messages)].name}
        self.run_for(0.7)

    @rule()
    def corrupt_everything(self) -> None:
        """No reason for an incident in a healthy car: present and not believed is not silent."""
        self.corrupt = not self.corrupt
        self.run_for(1.0)

    @rule(seconds=st.sampled_from([0.5, 7.0, 100.0]))
    def hole(self, seconds: float) -> None:
        self.driven.skip(seconds)
        at_s = self.driven.now_s + seconds
        self.both(self.driven.responder.hole(at_s), self.twin.hole(at_s))

    @rule(number=st.integers(0, 1))
    def lose_a_bus(self, number: int) -> None:
        at_s, buses = self.driven.now_s, self.driven.plan.buses
        bus = buses[number % len(buses)]
        self.both(self.driven.responder.lost_bus(bus, at_s), self.twin.lost_bus(bus, at_s))

    @rule()
    def refuse(self) -> None:
        at_s = self.driven.now_s
        self.both(self.driven.responder.hazards_refused(at_s), self.twin.hazards_refused(at_s))

    @rule(
        request=st.sampled_from([b"\x02\x3e\x00", b"\x02\x10\x03", b"\x02\x01\x0c"]), early_s=st.sampled_from([0, 50])
    )
    def ask_as_a_tester(self, request: bytes, early_s: float) -> None:
        frame = Frame(self.driven.now_s - early_s, *TESTER, request)
        self.both(self.driven.responder.receive(frame), self.twin.receive(frame))
        if request[1] != 0x01:
            self.rested_until_s = self.driven.now_s + 5.0

    def both(self, one: list[Action], other: list[Action]) -> None:
        assert one == other
        for action in one:
            self.model.take(action)
        self.driven.take(one)

    @precondition(lambda self: self.driven.responder.incident is None)
    @rule(says=st.sampled_from(CONCLUSIVE))
    def break_down(self, says: dict[str, Value]) -> None:
        """From a car that drives well: conclusive evidence that lasts opens an incident."""
        self.recover()
        self.driven.say(speed=60.0, hazard_signaling=False)
        self.run_for(8.0)
        if self.driven.responder.incident is None:
            self.healthy = False
            self.driven.say(**says)
            self.run_for(2.5)
            assert self.driven.responder.incident is not None, "a breakdown was missed"

    @invariant()
    def a_healthy_car_has_no_incident(self) -> None:
        assert not (self.healthy and self.model.count)

    @invariant()
    def an_incident_is_open_in_an_open_state(self) -> None:
        responder = self.driven.responder
        assert (responder.incident is not None) is (responder.state in OPEN)
        assert responder.next_deadline() > self.driven.now_s or responder.next_deadline() == inf


pytestmark = pytest.mark.timeout(3600 if LONG else 120)
Core.TestCase.settings = settings(
    max_examples=1000 if LONG else max(5, settings().max_examples // 8),
    stateful_step_count=60 if LONG else 20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate] if not LONG else list(Phase),
)
TestCore = Core.TestCase
