"""The simulated car on the bus: its physical state as frames of reference.dbc, and its ears."""

import heapq
from bisect import insort
from collections.abc import Iterator
from math import inf
from random import Random
from typing import Protocol

from hardshoulder.core.bits import extract
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Field
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.disturber import Disturber, disturbers
from hardshoulder_sim.interference import ALL_NODES
from hardshoulder_sim.node_power import NodePower
from hardshoulder_sim.nodes import SENDERS, STANDING_BELOW_MPS, Instant, Sensors, messages_of, roughly_normal
from hardshoulder_sim.physics.course import Spell
from hardshoulder_sim.physics.journey import STEP_S, Journey, begin, proceed
from hardshoulder_sim.physics.vehicle import ignition_on
from hardshoulder_sim.physics.vehicle_spec import Fault
from hardshoulder_sim.reference import BUS, reference_messages
from hardshoulder_sim.scenarios import Begin, Run, Scenario, vary
from hardshoulder_sim.strangers import Foreign, foreigners, of_tester

_HAZARD_REQUEST_ID = 0x2A0
_DISPLAY_ID = 0x3C0
_NOTICE = Field(0, 8, little_endian=True)
_DRIVE_NODE = frozenset({"PCM"})


class Listener(Protocol):
    """Somebody who knows the car from inside and hears what it says: the keeper of the truth."""

    def said(self, name: str, at_s: float, journey: Journey) -> None:
        """The message went out at that time, when the car was like this."""

    def missed(self, name: str, at_s: float, journey: Journey) -> None:
        """The message was due and its sender was silent."""


class _Sender:
    """One message on its schedule."""

    __slots__ = (
        "bus", "can_id", "cycle_s", "disturber", "encode", "foreign", "name", "node", "phase_s", "sent", "slot",
        "values",
    )  # fmt: skip

    def __init__(self, name: str, bus: str, disturber: Disturber | None) -> None:
        message = reference_messages()[name]
        self.name, self.bus, self.node = name, bus, message.sender
        self.can_id, self.cycle_s, self.encode = message.can_id, message.cycle_s, message.encode
        self.values = SENDERS[name]
        self.disturber = disturber
        self.foreign: Foreign | None = None
        self.phase_s = 0.0
        self.slot = self.sent = 0


class SimulatedCar:
    """One run of a scenario, seen from the bus.

    Deterministic: the same run and received frames give the same frames, however the time is sliced into
    calls. All times are seconds since the scenario began. listener: hears every message as it is sent.
    """

    def __init__(self, scenario: Scenario, seed: int, run: Run | None = None, listener: Listener | None = None) -> None:
        """run: in place of the one that the seed makes of the scenario."""
        self.run = run = run or vary(scenario, seed)
        self.body = BodyController()
        self.notice_code = 0
        """What the responder last had the instrument cluster show, as `NoticeCode`."""
        self._journey = begin(run)
        self._listener = listener
        self._steps = 0
        random = Random(f"{scenario.name} {seed} bus")
        self._jitter = Random(random.random())
        self._chance = self._jitter.random
        self._jitter_share = run.wiring.jitter_share
        self._sensors = Sensors(Random(random.random()), run.wiring.noise)
        self._power = NodePower(Random(random.random()), awake=scenario.begin is Begin.ROLLING)
        self._instant = Instant(0.0, 0.0, self._journey, self.body, self._sensors)
        self._presses_s = sorted(scenario.hazard_switch_at_s)
        self._turns = _turns(run)
        self._dead_buses: set[str] = set()
        self._wakes = scenario.interference.wakes
        self._senders = self._make_senders(Random(random.random()))
        testers = scenario.interference.testers
        self._pending = list(of_tester(testers, run.wiring.buses.get("PCM", BUS)))
        """Frames off their sender's grid, in the order of time: a tester's, and what was garbled or held up."""
        self._due: list[tuple[float, int, _Sender]] = []
        for rank, sender in enumerate(self._senders):
            sender.phase_s = self._jitter.uniform(0.0, sender.cycle_s)
            self._due.append((self._slot_s(sender), rank, sender))
        self._due.extend(self._foreign(Random(random.random())))
        heapq.heapify(self._due)

    def _make_senders(self, random: Random) -> list[_Sender]:
        run = self.run
        names = sorted(messages_of(run.vehicle.propulsion), key=lambda name: reference_messages()[name].can_id)
        disturbed = disturbers(run.scenario.interference, names, random)
        buses = run.wiring.buses
        return [_Sender(name, buses.get(reference_messages()[name].sender, BUS), disturbed.get(name)) for name in names]

    def _foreign(self, random: Random) -> Iterator[tuple[float, int, _Sender]]:
        wiring = self.run.wiring
        buses = tuple(dict.fromkeys(wiring.buses.values())) or (BUS,)
        for rank, foreign in enumerate(foreigners(buses, wiring.foreign_per_s, wiring.clash, random)):
            sender = _Sender("ESC_Speed", foreign.bus, None)
            sender.foreign, sender.can_id, sender.cycle_s = foreign, foreign.can_id, foreign.cycle_s
            sender.phase_s = random.uniform(0.0, foreign.cycle_s)
            yield self._slot_s(sender), 100 + rank, sender

    @property
    def journey(self) -> Journey:
        """What is really going on in the car, for measuring a responder against."""
        return self._journey

    @property
    def next_due_s(self) -> float:
        """When the next frame is due."""
        return self._due[0][0]

    def _slot_s(self, sender: _Sender) -> float:
        """The next slot of the message: on its grid, with jitter that never adds up."""
        share = roughly_normal(self._chance) * self._jitter_share
        at_s = sender.phase_s + (sender.slot + share) * sender.cycle_s
        sender.slot += 1
        return round(at_s, 6) if at_s > 0.0 else 0.0

    # Time ---------------------------------------------------------------------------------

    def _advance_to(self, at_s: float) -> None:
        """Lets the car live up to the last whole step before at_s."""
        while (self._steps + 1) * STEP_S <= at_s:
            self._steps += 1
            now_s = self._steps * STEP_S
            self._journey = journey = proceed(self.run, self._journey)
            while self._presses_s and self._presses_s[0] <= now_s:
                self.body.press_button(self._presses_s.pop(0))
            vehicle = journey.vehicle
            awake = ignition_on(vehicle, journey.controls) or any(spell.holds(now_s) for spell in self._wakes)
            self._power.step(now_s, awake, vehicle.speed_mps < STANDING_BELOW_MPS, vehicle.supply.voltage_v)
            self.body.step(now_s, journey.driver.indicator)
            while self._turns and self._turns[-1][0] <= now_s:
                self._turn(*self._turns.pop())

    def _turn(self, at_s: float, node: str, out: bool) -> None:
        """An outage begins or ends; a node that starts anew counts from the beginning."""
        if out:
            self._power.silence(node)
        else:
            self._power.restart(node, at_s)
            for sender in self._senders:
                if sender.node == node:
                    sender.sent = 0
        # Where every node of ours is cut off, nobody else's frames come through either.
        heard = {sender.bus for sender in self._senders if not self._power.is_out(sender.node)}
        self._dead_buses = {sender.bus for sender in self._senders} - heard

    # Frames -------------------------------------------------------------------------------

    def _speak(self, at_s: float, sender: _Sender) -> Frame | None:
        """The frame the message's sender puts on the bus now; None while it sleeps."""
        if sender.foreign is not None:
            if sender.bus in self._dead_buses:
                return None
            payloads = sender.foreign.payloads
            return Frame(at_s, sender.bus, sender.can_id, payloads[sender.slot % len(payloads)])
        awake_s = self._power.awake_s(sender.node, at_s)
        if awake_s is None:
            if self._listener is not None:
                self._listener.missed(sender.name, at_s, self._journey)
            return None
        now = self._instant
        now.at_s, now.awake_s, now.journey = at_s, awake_s, self._journey
        values = sender.values(now)
        count, disturber = sender.sent, sender.disturber
        if disturber is not None and at_s >= disturber.from_s:
            values, count = disturber.bend(at_s, values), disturber.count(at_s, count)
        sender.sent += 1
        if self._listener is not None:
            self._listener.said(sender.name, at_s, self._journey)
        return Frame(at_s, sender.bus, sender.can_id, sender.encode(values, count))

    def step_until(self, at_s: float) -> list[Frame]:
        """All frames that fall due up to and including at_s, in the order of their times."""
        frames: list[Frame] = []
        due = self._due
        while due[0][0] <= at_s:
            due_s, rank, sender = due[0]
            if (self._steps + 1) * STEP_S <= due_s:
                self._advance_to(due_s)
            if self._pending:
                self._release_until(due_s, frames)
            frame = self._speak(due_s, sender)
            if frame is not None:
                if sender.disturber is not None and due_s >= sender.disturber.from_s:
                    for garbled in sender.disturber.garble(frame):
                        insort(self._pending, garbled)
                else:
                    frames.append(frame)
            heapq.heapreplace(due, (self._slot_s(sender), rank, sender))
        self._advance_to(at_s)
        self._release_until(at_s, frames)
        return frames

    def _release_until(self, at_s: float, frames: list[Frame]) -> None:
        """The frames off the grid whose time has come."""
        while self._pending and self._pending[0].at_s <= at_s:
            frames.append(self._pending.pop(0))

    def receive(self, frame: Frame) -> None:
        """Takes a frame from the bus; what nobody in the car listens to is ignored."""
        if frame.bus != self.run.wiring.buses.get("BCM", BUS):
            return
        if frame.can_id == _HAZARD_REQUEST_ID:
            self.body.receive(frame)
        elif frame.can_id == _DISPLAY_ID and frame.data:
            self.notice_code = extract(frame.data, _NOTICE)


def _turns(run: Run) -> list[tuple[float, str, bool]]:
    """When nodes fall out and come back, last first: (time, node, out)."""
    outages = list(run.scenario.interference.outages)
    for spell in run.course.faults:
        if spell.what in (Fault.DRIVE_NODE_DEAD, Fault.DRIVE_NODE_RESETS):
            outages.append(Spell(_DRIVE_NODE, spell.begin_s, spell.end_s))
        elif spell.what is Fault.BUS_BROKEN:
            outages.append(Spell(_powertrain(run), spell.begin_s, spell.end_s))
    turns = []
    for outage in outages:
        for node in sorted(outage.what):
            turns.append((outage.begin_s, node, True))
            if outage.end_s < inf:
                turns.append((outage.end_s, node, False))
    return sorted(turns, reverse=True)


def _powertrain(run: Run) -> frozenset[str]:
    """The nodes that share a bus with the drive."""
    buses = run.wiring.buses
    bus = buses.get("PCM", BUS)
    return frozenset(node for node in ALL_NODES if buses.get(node, BUS) == bus)
