"""The core as its callers see it: frames and time go in, actions come out.

`receive(frame)`, `tick(now_s)` and `next_deadline()` are all there is. The live daemon, the log
replay, the simulator and the tests drive the same object. Deadlines that lie before a frame are
fired first and at their own time, so it does not matter how often anybody calls `tick`.
"""

from collections.abc import Callable
from math import inf

from hardshoulder.core.actions import Action, Health, Incident, ReportStatus, State, by_severity
from hardshoulder.core.condition import Condition
from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.health import health
from hardshoulder.core.hold import Hold
from hardshoulder.core.incident import OPEN_STATES, Event, next_state
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.response import Response
from hardshoulder.core.resume import Proof, Snapshot, Terms
from hardshoulder.core.rules import Rules, Watch
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss
from hardshoulder.core.workshop import Workshop

_LAMPS = frozenset(
    {Vss.HAZARD_SIGNALING, Vss.INDICATOR_LEFT, Vss.INDICATOR_RIGHT, Vss.HAZARD_SWITCH, Vss.INDICATOR_STALK}
)


class Responder:
    """One car, watched.

    new_id: makes the identifier of a new incident (randomness is an argument).
    """

    def __init__(self, plan: CarPlan, new_id: Callable[[], str]) -> None:
        self.plan = plan
        self.decoder = Decoder(plan)
        self.senses = Senses(plan)
        self.state = State.PARKED
        self._car = Condition(self.senses)
        self._rules = Rules(self._car)
        self._response = Response(self._car, self._rules, new_id)
        self._track = self._response.track
        self._workshop = Workshop(plan)
        self._lamp_messages = frozenset(m.name for m in plan.messages if any(s.vss in _LAMPS for s in m.signals))
        self._now_s = -inf
        self._deadline_s = inf
        limits = plan.thresholds
        self._arm = Hold(limits.arm_after_s)
        self._park = Hold(limits.parked_after_s)
        self._recover = Hold(limits.recovered_after_s)
        self._drive_on = Hold(limits.drove_on_after_s)
        self._settle = Hold(limits.closed_after_s)
        self._holds = (self._arm, self._park, self._recover, self._drive_on, self._settle)
        self._proof = Proof()
        self._status: tuple[State, Health, tuple[str, ...]] | None = None

    # What callers use -------------------------------------------------------------------

    @property
    def wanted(self) -> frozenset[tuple[str, int]]:
        """The (bus, id) pairs that have to be received."""
        return self.decoder.wanted | self._workshop.wanted

    @property
    def incident(self) -> Incident | None:
        """The open incident."""
        return self._response.incident

    @property
    def findings(self) -> list[Watch]:
        """The findings whose evidence has begun, for whoever draws or writes them down; to be looked at only."""
        return self._rules.busy

    @property
    def calm(self) -> bool:
        """Whether nothing is suspected: no evidence has begun, and no incident is open."""
        return self.incident is None and not self._rules.busy

    def receive(self, frame: Frame) -> list[Action]:
        """Takes one frame; its time may equal the last one but a smaller one counts as now."""
        if frame.at_s < self._now_s:
            frame = frame._replace(at_s=self._now_s)
        at_s = frame.at_s
        if at_s >= self._deadline_s:
            self._fire_until(at_s)
        if at_s >= self._track.due_s:
            self._track.advance(at_s)
        self._now_s = at_s
        decoded = self.decoder.decode(frame)
        if decoded is not None:
            self._hear(decoded.message, decoded.readings, at_s, believed=decoded.believed)
        elif self._workshop.wanted and self._workshop.hears(frame, at_s):
            self._rest(at_s)
        return self._take()

    def tick(self, now_s: float) -> list[Action]:
        """Lets time pass up to now_s."""
        if self._status is None:
            self._now_s = now_s
            self._report_status(now_s)
        self._fire_until(now_s)
        self._now_s = max(now_s, self._now_s)
        return self._take()

    def next_deadline(self) -> float:
        """The next time at which `tick` has something to do; infinity when only a frame can."""
        return self._deadline_s

    def hole(self, at_s: float) -> list[Action]:
        """A recording misses the time up to at_s: nothing seen before counts as silence.

        A car that stood when a long one began may have been parked meanwhile, and whatever moves it then is not
        known to be its drive: it has to drive again before it can break down.
        """
        if at_s >= self._now_s + self.plan.thresholds.parked_after_s and self._stands():
            self._step(Event.PARK, at_s)
        self._now_s = max(self._now_s, at_s)
        self._track.advance(self._now_s)
        self.senses.forget()
        self._car.forget()
        if self.state not in OPEN_STATES:
            self._rules.reset()
        for hold in self._holds:
            # A car that stood still before and says nothing new may go on being parked.
            if hold is not self._park:
                hold.update(False, at_s)
        self._judge(self._now_s, look_around=True)
        return self._take()

    def lost_bus(self, bus: str, at_s: float) -> list[Action]:
        """Our own link to a bus went away: a pulled plug is not a dead car."""
        self._now_s = max(self._now_s, at_s)
        self._track.advance(self._now_s)
        self.senses.lose_bus(bus)
        self._car.forget()
        self._judge(self._now_s, look_around=True)
        return self._take()

    def hazards_refused(self, now_s: float) -> list[Action]:
        """The permit let a frame of ours not pass: say so, and tell the driver where the button is."""
        if self._response.refused(now_s):
            self._deadline_s = self._find_deadline()
        return self._take()

    @property
    def snapshot(self) -> Snapshot | None:
        """What the next start of the daemon goes on with; None while no incident is open."""
        return self._response.snapshot

    def restore(self, kept: Snapshot, kept_terms: Terms, now_s: float) -> list[Action]:
        """Goes on with the incident that was open when the daemon ended; before the first frame."""
        assert self.state is State.PARKED and kept.incident.state in OPEN_STATES, "at the start, with an open incident"
        self._now_s, self.state = now_s, kept.incident.state
        self._response.restore(kept, now_s)
        if kept_terms is Terms.AT_ONCE:
            self._response.resume_hazards(now_s)
        elif kept_terms is Terms.WITH_PROOF:
            self._proof.begin(now_s)
        else:
            self._abandon("too long ago to go on with", now_s)
        self._judge(now_s, look_around=True)
        return self._take()

    def _abandon(self, why: str, now_s: float) -> None:
        self._proof.end()
        self._response.abandon(why, now_s)
        self.state = State.PARKED

    def _mind_proof(self, now_s: float) -> None:
        """Hazards of an incident that outlived the whole module wait for a fresh word of the car."""
        if self._proof.given(self._car.drive_alive(now_s) is False, now_s):
            self._proof.end()
            self._response.resume_hazards(now_s)
        elif self._proof.overdue(now_s):
            self._abandon("not seen without drive after the start", now_s)

    def acknowledged(self, incident_id: str, now_s: float) -> list[Action]:
        """The fleet has an alert of this incident in its database."""
        self._fire_until(now_s)
        self._now_s = max(self._now_s, now_s)
        self._response.acknowledged(incident_id)
        self._judge(self._now_s, look_around=False)
        return self._take()

    # What came in -------------------------------------------------------------------------

    def _hear(
        self, message: MessagePlan, readings: list[tuple[Vss, bool | float | str]], at_s: float, *, believed: bool
    ) -> None:
        self.senses.heard(message, at_s, believed=believed)
        self._car.silence.heard(message, at_s)
        read = [vss for vss, value in readings if self.senses.update(vss, value, at_s)]
        if read:
            self._car.note(message, at_s)
            if self._armed(at_s):
                self._rules.on_readings(tuple(read), at_s)
        if self._nothing_follows(message):
            self._deadline_s = min(
                self.senses.next_expiry(at_s), self._car.next_silence(at_s), self._workshop_end(at_s)
            )
        else:
            self._judge(at_s, look_around=self.senses.revived)

    def _nothing_follows(self, message: MessagePlan) -> bool:
        """A car that drives, and nothing new in it: nearly every frame of a life."""
        if self.state is not State.DRIVING or self._rules.busy or self.senses.revived:
            return False
        if message.name in self._lamp_messages or self._park.since_s is not None:
            return False
        speed_kph = self.senses.last_speed_kph()
        still = speed_kph is None or speed_kph < self.plan.thresholds.standstill_below_kph
        return not still and self._response.next_deadline() == inf

    def _rest(self, at_s: float) -> None:
        """A workshop is at work: what was suspected is its doing."""
        if self.state not in OPEN_STATES:
            self._rules.reset()
        self._judge(at_s, look_around=True)

    # Time ---------------------------------------------------------------------------------

    def _fire_until(self, now_s: float) -> None:
        while self._deadline_s <= now_s:
            self._now_s = max(self._deadline_s, self._now_s)
            if self._armed(self._now_s):
                self._rules.on_time(self._now_s)
            self._judge(self._now_s, look_around=True)

    def _find_deadline(self) -> float:
        now_s = self._now_s
        return min(
            self._rules.next_deadline(now_s),
            self._response.next_deadline(),
            self.senses.next_expiry(now_s),
            self._car.next_silence(now_s),
            self._workshop_end(now_s),
            self._proof.next_deadline(now_s),
            *(hold.deadline_after(now_s) for hold in self._holds),
        )

    def _workshop_end(self, now_s: float) -> float:
        return self._workshop.until_s if self._workshop.at_work(now_s) else inf

    def _armed(self, now_s: float) -> bool:
        return self.state is not State.PARKED and not self._workshop.at_work(now_s)

    # Judgement ----------------------------------------------------------------------------

    def _judge(self, now_s: float, *, look_around: bool) -> None:
        """Everything that can follow from what is known now, in one pass.

        look_around: whether a signal may have gone stale or come back, so that health is due.
        What follows is ordered by severity within this instant, however many a caller lets pass at once.
        """
        before, earlier = self.state, self._response.actions
        self._response.actions = []
        for event in self._events(now_s):
            self._step(event, now_s)
        if self._proof.awaited:
            self._mind_proof(now_s)
        self._response.look(now_s)
        if look_around or self.state is not before:
            self._report_status(now_s)
        self._response.actions = [*earlier, *by_severity(self._response.actions)]
        self._deadline_s = self._find_deadline()

    def _events(self, now_s: float) -> list[Event]:
        """What holds now, as events; the table decides which of them mean anything here."""
        limits, state = self.plan.thresholds, self.state
        speed_kph, alive = self.senses.motion_kph(now_s), self._car.drive_alive(now_s)
        driving = speed_kph is not None and speed_kph >= limits.arm_above_kph and alive is True
        # Found at speed, as after a start on the motorway: there is no second to lose.
        at_speed = driving and speed_kph is not None and speed_kph >= limits.alert_above_kph
        lost = any(watch.rule.opens for watch in self._rules.active)
        suspicious = any(watch.rule.opens for watch in self._rules.busy)
        opened, healthy = state in OPEN_STATES, alive is True and not lost
        may_park = not opened or state is State.DRIVING_ON
        held = (
            (self._arm.update(state is State.PARKED and driving, now_s) or at_speed, Event.ARM),
            (lost and self._rules.conclusive(now_s), Event.BREAK),
            (suspicious, Event.SUSPECT),
            (not suspicious, Event.CLEAR),
            (speed_kph is not None and speed_kph < limits.standstill_below_kph, Event.STOP),
            (self._recover.update(opened and healthy, now_s), Event.RECOVER),
            (self._drive_on.update(state is State.RECOVERED and driving and healthy, now_s), Event.DRIVE_ON),
            (self._settle.update(state is State.DRIVING_ON and healthy, now_s), Event.SETTLE),
            (self._park.update(may_park and self._at_rest(now_s), now_s), Event.PARK),
        )
        return [event for condition, event in held if condition]

    def _at_rest(self, now_s: float) -> bool:
        """Stands with the power off, or stands with nothing to say about its drive."""
        if not self._stands():
            return False
        power_up = self._car.power_up(now_s)
        return power_up is False or (power_up is None and self._car.drive_alive(now_s) is not True)

    def _stands(self) -> bool:
        last_kph = self.senses.last_speed_kph()
        return last_kph is not None and last_kph < self.plan.thresholds.standstill_below_kph

    def _step(self, event: Event, now_s: float) -> None:
        before = self.state
        self.state = next_state(before, event)
        if self.state is before:
            return
        if self.state is State.ROLLING or self.state not in OPEN_STATES:
            # A fresh breakdown is proof enough, and what is over needs none.
            self._proof.end()
        if before not in OPEN_STATES and self.state is State.ROLLING:
            self._response.open(now_s)
        elif self.incident is not None:
            self._response.move(self.state, now_s)
        if self.state is State.CLOSED:
            self._step(Event.LEAVE, now_s)
        if self.state is State.PARKED:
            self._rules.reset()

    # Status -----------------------------------------------------------------------------------

    def _report_status(self, now_s: float) -> None:
        self.senses.revived = False
        verdict, missing = health(self.senses, now_s, resting=self._workshop.at_work(now_s))
        status = (self.state, verdict, missing)
        if status != self._status:
            self._status = status
            speed_kph = self.senses.motion_kph(now_s)
            self._response.actions.append(ReportStatus(self.state, verdict, missing, speed_kph, now_s))

    def _take(self) -> list[Action]:
        taken, self._response.actions = self._response.actions, []
        return taken
