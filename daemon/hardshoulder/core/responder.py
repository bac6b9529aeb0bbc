"""The core as its callers see it: frames and time go in, actions come out.

`receive(frame)`, `tick(now_s)` and `next_deadline()` are all there is. The live daemon, the log
replay, the simulator and the tests drive the same object. Deadlines that lie before a frame are
fired first and at their own time, so it does not matter how often anybody calls `tick`.
"""

from collections.abc import Callable
from math import inf

from hardshoulder.core.actions import (
    Action,
    Evidence,
    Finding,
    HazardState,
    Health,
    Incident,
    Lease,
    Notice,
    Notify,
    Report,
    ReportStatus,
    State,
    Transmit,
    by_severity,
)
from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.hazard import Hazard
from hardshoulder.core.health import health, location
from hardshoulder.core.hold import Hold
from hardshoulder.core.incident import (
    OPEN_STATES,
    Event,
    denm_cause,
    next_state,
    open_incident,
    reported,
    with_evidence,
    with_hazards,
    with_kind,
    with_state,
)
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.rules import Rules
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss

_NOTICE_OF_HAZARDS = {
    HazardState.CONFIRMED: Notice.HAZARDS_ON,
    HazardState.DRIVERS: Notice.HAZARDS_ON,
    HazardState.UNAVAILABLE: Notice.HAZARD_BUTTON,
    HazardState.UNCONFIRMED: Notice.HAZARD_BUTTON,
    HazardState.REFUSED: Notice.HAZARD_BUTTON,
}
_NOTICE_OF_STATE = {State.STRANDED: Notice.STOPPED, State.RECOVERED: Notice.RECOVERED}


class Responder:
    """One car, watched.

    new_id: makes the identifier of a new incident (randomness is an argument).
    """

    def __init__(self, plan: CarPlan, new_id: Callable[[], str]) -> None:
        self.plan = plan
        self.decoder = Decoder(plan)
        self.senses = Senses(plan)
        self.state = State.PARKED
        self.incident: Incident | None = None
        self._reported: Incident | None = None
        self._rules = Rules(self.senses)
        self._hazard = Hazard(plan.hazard, plan.thresholds, self.senses)
        self._new_id = new_id
        self._now_s = -inf
        self._deadline_s = inf
        self._actions: list[Action] = []
        limits = plan.thresholds
        self._arm = Hold(limits.arm_after_s)
        self._park = Hold(limits.parked_after_s)
        self._recover = Hold(limits.recovered_after_s)
        self._drive_on = Hold(limits.drove_on_after_s)
        self._status: tuple[State, Health, tuple[str, ...]] | None = None

    # What callers use -------------------------------------------------------------------

    def receive(self, frame: Frame) -> list[Action]:
        """Takes one frame; its time may equal the last one but a smaller one counts as now."""
        at_s = max(frame.at_s, self._now_s)
        if at_s >= self._deadline_s:
            self._fire_until(at_s)
        self._now_s = at_s
        decoded = self.decoder.decode(frame)
        if decoded is not None:
            message, readings = decoded
            self.senses.heard(message, at_s)
            for vss, value in readings:
                if self.senses.update(vss, value, at_s):
                    self._rules.on_reading(vss, at_s, armed=self._armed)
            self._judge(at_s, look_around=self.senses.revived)
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
        """A recording misses the time up to at_s: nothing seen before counts as silence."""
        self._now_s = max(self._now_s, at_s)
        self.senses.forget()
        if self.state not in OPEN_STATES:
            self._rules.reset()
        for hold in (self._arm, self._park, self._recover, self._drive_on):
            hold.update(False, at_s)
        self._judge(self._now_s, look_around=True)
        return self._take()

    def lost_bus(self, bus: str, at_s: float) -> list[Action]:
        """Our own link to a bus went away: a pulled plug is not a dead car."""
        self._now_s = max(self._now_s, at_s)
        self.senses.lose_bus(bus)
        self._judge(self._now_s, look_around=True)
        return self._take()

    def hazards_refused(self, now_s: float) -> list[Action]:
        """The permit let a frame of ours not pass: say so, and tell the driver where the button is."""
        before = self._hazard.state
        self._hazard.refuse()
        if self._hazard.state is not before:
            self._note_hazards(now_s)
            self._report(now_s)
            self._deadline_s = self._find_deadline()
        return self._take()

    # Time ---------------------------------------------------------------------------------

    def _fire_until(self, now_s: float) -> None:
        while self._deadline_s <= now_s:
            self._now_s = max(self._deadline_s, self._now_s)
            self._rules.on_time(self._now_s, armed=self._armed)
            self._judge(self._now_s, look_around=True)

    def _find_deadline(self) -> float:
        holds = (self._arm, self._park, self._recover, self._drive_on)
        return min(
            self._rules.next_deadline(self._now_s),
            self._hazard.next_deadline(),
            self.senses.next_expiry(self._now_s),
            *(hold.deadline_after(self._now_s) for hold in holds),
        )

    @property
    def _armed(self) -> bool:
        return self.state is not State.PARKED

    # Judgement ----------------------------------------------------------------------------

    def _judge(self, now_s: float, *, look_around: bool) -> None:
        """Everything that can follow from what is known now, in one pass.

        look_around: whether a signal may have gone stale or come back, so that health is due.
        """
        before = self.state
        for event in self._events(now_s):
            self._step(event, now_s)
        self._collect_evidence(now_s)
        if self._hazard.look(now_s):
            self._note_hazards(now_s)
        self._actions.extend(Transmit(frame) for frame in self._hazard.due(now_s))
        self._report(now_s)
        if look_around or self.state is not before:
            self._report_status(now_s)
        self._deadline_s = self._find_deadline()

    def _events(self, now_s: float) -> list[Event]:
        """What holds now, as events; the table decides which of them mean anything here."""
        limits = self.plan.thresholds
        speed_kph, alive = self.senses.motion_kph(now_s), self.senses.drive_alive(now_s)
        driving = speed_kph is not None and speed_kph >= limits.arm_above_kph and alive is True
        # Found at speed, as after a start on the motorway: there is no second to lose.
        at_speed = driving and speed_kph is not None and speed_kph >= limits.alert_above_kph
        healthy = alive is True and not self._rules.active
        opened = self.state in OPEN_STATES
        held = (
            (
                self._arm.update(self.state is State.PARKED and driving, now_s) or at_speed,
                Event.ARM,
            ),
            (self._rules.conclusive, Event.BREAK),
            (bool(self._rules.suspicious), Event.SUSPECT),
            (not self._rules.suspicious, Event.CLEAR),
            (
                speed_kph is not None and speed_kph < limits.standstill_below_kph,
                Event.STOP,
            ),
            (self._recover.update(opened and healthy, now_s), Event.RECOVER),
            (
                self._drive_on.update(self.state is State.RECOVERED and driving and healthy, now_s),
                Event.DRIVE_ON,
            ),
            (self._park.update(not opened and self._at_rest(now_s), now_s), Event.PARK),
        )
        return [event for condition, event in held if condition]

    def _at_rest(self, now_s: float) -> bool:
        """Stands with the power off, or stands with nothing to say about its drive."""
        last_kph = self.senses.last_speed_kph()
        if last_kph is None or last_kph >= self.plan.thresholds.standstill_below_kph:
            return False
        power_up = self.senses.power_up(now_s)
        return power_up is False or (power_up is None and self.senses.drive_alive(now_s) is not True)

    def _step(self, event: Event, now_s: float) -> None:
        before = self.state
        self.state = next_state(before, event)
        if self.state is before:
            return
        if before not in OPEN_STATES and self.state is State.ROLLING:
            self._open(now_s)
        elif self.incident is not None:
            self._move_incident(now_s)
        if self.state is State.PARKED:
            self._rules.reset()

    # The incident ---------------------------------------------------------------------------

    def _open(self, now_s: float) -> None:
        leading = self._rules.leading
        assert leading is not None, "what opens an incident is active"
        kind = leading.rule.finding
        self.incident = open_incident(
            self._new_id(),
            kind,
            self._evidence(),
            now_s,
            self.senses.motion_kph(now_s),
            location(self.senses, now_s),
            self._cause(kind, now_s),
        )
        self._hazard.request(now_s)
        self._note_hazards(now_s)

    def _move_incident(self, now_s: float) -> None:
        assert self.incident is not None
        self.incident = with_state(self.incident, self.state, now_s)
        if self.state is State.CLOSED:
            self._actions.append(Lease(self._hazard.release(now_s)))
            self.incident = with_hazards(self.incident, self._hazard.state, now_s)
        if self.state is State.ROLLING:
            self._hazard.request(now_s)
            self.incident = with_hazards(self.incident, self._hazard.state, now_s)
        self._notify(_NOTICE_OF_STATE.get(self.state), now_s)
        if self.state is State.CLOSED:
            self._report(now_s)
            self.incident = None
            self._step(Event.LEAVE, now_s)

    def _note_hazards(self, now_s: float) -> None:
        """The lamps changed: the lease, the driver and the fleet follow."""
        state = self._hazard.state
        if state is HazardState.REQUESTED:
            self._actions.append(Lease(inf))
        if self.incident is not None:
            self.incident = with_hazards(self.incident, state, now_s)
            self._notify(_NOTICE_OF_HAZARDS.get(state), now_s)

    def _notify(self, notice: Notice | None, now_s: float) -> None:
        if notice is not None:
            self._actions.append(Notify(notice, now_s))

    def _collect_evidence(self, now_s: float) -> None:
        if self.incident is not None:
            self.incident = with_evidence(self.incident, self._evidence(), now_s)
            if (leading := self._rules.leading) is not None and leading.rule.finding is not self.incident.kind:
                kind = leading.rule.finding
                self.incident = with_kind(self.incident, kind, self._cause(kind, now_s), now_s)

    def _report(self, now_s: float) -> None:
        """One report for all that changed at this instant."""
        if self.incident is not None and self.incident is not self._reported:
            self.incident = self._reported = reported(self.incident)
            self._actions.append(Report(self.incident, now_s))

    def _evidence(self) -> list[Evidence]:
        return [watch.begun for watch in self._rules.active if watch.begun is not None]

    def _cause(self, kind: Finding, now_s: float) -> tuple[int, int]:
        fuel = self.senses.number(Vss.FUEL_LEVEL, now_s)
        return denm_cause(kind, fuel, self.senses.number(Vss.STATE_OF_CHARGE, now_s))

    # Status -----------------------------------------------------------------------------------

    def _report_status(self, now_s: float) -> None:
        self.senses.revived = False
        verdict, missing = health(self.senses, now_s)
        status = (self.state, verdict, missing)
        if status != self._status:
            self._status = status
            self._actions.append(ReportStatus(self.state, verdict, missing, self.senses.motion_kph(now_s), now_s))

    def _take(self) -> list[Action]:
        taken, self._actions = self._actions, []
        return by_severity(taken) if len(taken) > 1 else taken
