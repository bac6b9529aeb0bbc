"""The simulated car on the bus: its physical state as frames of reference.dbc, and its ears."""

import heapq
from random import Random

from hardshoulder.core.bits import extract
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Field
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.nodes import SENDERS, STANDING_BELOW_MPS, Instant, NodePower, Sensors, messages_of
from hardshoulder_sim.physics.journey import STEP_S, Journey, begin, proceed
from hardshoulder_sim.physics.vehicle import ignition_on
from hardshoulder_sim.reference import BUS, ReferenceMessage, reference_messages
from hardshoulder_sim.scenarios import Begin, Scenario, vary

JITTER_SHARE = 0.01
JITTER_LIMIT_SHARE = 0.04
_HAZARD_REQUEST_ID = 0x2A0
_DISPLAY_ID = 0x3C0
_NOTICE = Field(0, 8, little_endian=True)


class SimulatedCar:
    """One run of a scenario, seen from the bus.

    Deterministic: the same scenario, seed and received frames give the same frames, however the
    time is sliced into calls. All times are seconds since the scenario began.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.run = vary(scenario, seed)
        self.body = BodyController()
        self.notice_code = 0
        """What the responder last had the instrument cluster show, as `NoticeCode`."""
        self._journey = begin(self.run)
        self._steps = 0
        random = Random(f"{scenario.name} {seed} bus")
        self._jitter = Random(random.random())
        self._sensors = Sensors(Random(random.random()))
        self._power = NodePower(Random(random.random()), awake=scenario.begin is Begin.ROLLING)
        self._presses_s = sorted(scenario.hazard_switch_at_s)
        self._sent = dict.fromkeys(messages_of(scenario.propulsion), 0)
        self._phase_s = {name: self._jitter.uniform(0.0, self._message(name).cycle_s) for name in self._sent}
        self._slots = dict.fromkeys(self._sent, 0)
        self._due: list[tuple[float, int, str]] = []
        for name in self._sent:
            self._schedule(name)

    @staticmethod
    def _message(name: str) -> ReferenceMessage:
        return reference_messages()[name]

    @property
    def journey(self) -> Journey:
        """What is really going on in the car, for measuring a responder against."""
        return self._journey

    @property
    def next_due_s(self) -> float:
        """When the next frame is due."""
        return self._due[0][0]

    def _schedule(self, name: str) -> None:
        """The next slot of the message: on its grid, with jitter that never adds up."""
        message = self._message(name)
        limit = JITTER_LIMIT_SHARE * message.cycle_s
        jitter = self._jitter.gauss(0.0, JITTER_SHARE * message.cycle_s)
        at_s = self._phase_s[name] + self._slots[name] * message.cycle_s + min(max(jitter, -limit), limit)
        self._slots[name] += 1
        heapq.heappush(self._due, (max(round(at_s, 6), 0.0), message.can_id, name))

    def _advance_to(self, at_s: float) -> None:
        """Lets the car live up to the last whole step before at_s."""
        while (self._steps + 1) * STEP_S <= at_s:
            self._steps += 1
            now_s = self._steps * STEP_S
            self._journey = proceed(self.run, self._journey)
            while self._presses_s and self._presses_s[0] <= now_s:
                self.body.press_button(self._presses_s.pop(0))
            vehicle = self._journey.vehicle
            ignition = ignition_on(vehicle, self._journey.controls)
            standing = vehicle.speed_mps < STANDING_BELOW_MPS
            self._power.step(now_s, ignition, standing, vehicle.supply.voltage_v)
            self.body.step(now_s, self._journey.driver.indicator)

    def _speak(self, at_s: float, name: str) -> Frame | None:
        """The frame the message's sender puts on the bus now; None while it sleeps."""
        message = self._message(name)
        awake_s = self._power.awake_s(message.sender, at_s)
        if awake_s is None:
            return None
        values = SENDERS[name](Instant(at_s, awake_s, self._journey, self.body, self._sensors))
        self._sent[name] += 1
        return message.frame(at_s, self._sent[name] - 1, values)

    def step_until(self, at_s: float) -> list[Frame]:
        """All frames that fall due up to and including at_s, in the order of their times."""
        frames: list[Frame] = []
        while self._due[0][0] <= at_s:
            due_s, _, name = heapq.heappop(self._due)
            self._advance_to(due_s)
            frame = self._speak(due_s, name)
            if frame is not None:
                frames.append(frame)
            self._schedule(name)
        self._advance_to(at_s)
        return frames

    def receive(self, frame: Frame) -> None:
        """Takes a frame from the bus; what nobody in the car listens to is ignored."""
        if frame.bus != BUS:
            return
        if frame.can_id == _HAZARD_REQUEST_ID:
            self.body.receive(frame)
        elif frame.can_id == _DISPLAY_ID and frame.data:
            self.notice_code = extract(frame.data, _NOTICE)
