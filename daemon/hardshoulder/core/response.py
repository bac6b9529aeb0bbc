"""What is done about an incident: its record, the lamps, the driver, the fleet."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

from hardshoulder.core.actions import (
    Action,
    Evidence,
    Finding,
    HazardState,
    Incident,
    Lease,
    Location,
    Notice,
    Notify,
    Report,
    State,
    Transmit,
    Use,
)
from hardshoulder.core.condition import Condition
from hardshoulder.core.display import Display
from hardshoulder.core.hazard import Hazard
from hardshoulder.core.health import location
from hardshoulder.core.incident import (
    Circumstances,
    denm_cause,
    open_incident,
    reported,
    with_entry,
    with_evidence,
    with_hazards,
    with_kind,
    with_state,
)
from hardshoulder.core.notices import Board, text_key
from hardshoulder.core.plan import Release
from hardshoulder.core.position import Whereabouts
from hardshoulder.core.resume import Snapshot
from hardshoulder.core.rules import Rules
from hardshoulder.core.vocabulary import Vss
from hardshoulder.core.window import Track

_NOTICE_OF_HAZARDS = {
    HazardState.CONFIRMED: Notice.HAZARDS_ON,
    HazardState.DRIVERS: Notice.HAZARDS_ON,
    HazardState.UNAVAILABLE: Notice.HAZARD_BUTTON,
    HazardState.UNCONFIRMED: Notice.HAZARD_BUTTON,
    HazardState.REFUSED: Notice.HAZARD_BUTTON,
}
_RELEASED_IN = {
    Release.DRIVE_ON: State.DRIVING_ON,
    Release.DRIVE_RETURNS: State.RECOVERED,
    Release.CLOSED: State.CLOSED,
}
_ASKED_FOR = frozenset({HazardState.REQUESTED, HazardState.CONFIRMED, HazardState.UNCONFIRMED})
_NOTICE_OF_STATE = {State.STRANDED: Notice.STOPPED, State.RECOVERED: Notice.RECOVERED}


class Response:
    """The open incident, if there is one, and everything that is asked of the edges for it.

    new_id: makes the identifier of a new incident.
    """

    def __init__(self, car: Condition, rules: Rules, new_id: Callable[[], str]) -> None:
        self.incident: Incident | None = None
        self.hazard = Hazard(car.plan.hazard, car.plan.thresholds, car.senses)
        self.actions: list[Action] = []
        self.track = Track(car.senses)
        self.whereabouts = Whereabouts()
        self._board = Board()
        self._display = Display(car.plan.display)
        self._acknowledged = ""
        """The incident of which the fleet said that it has it."""
        self._car = car
        self._rules = rules
        self._new_id = new_id
        self._reported: Incident | None = None
        self._asked_s = -inf

    def open(self, now_s: float) -> None:
        """The findings are conclusive: an incident, and the lamps at once."""
        leading = self._rules.leading(now_s)
        assert leading is not None, "what opens an incident is active"
        kind = leading.rule.finding
        self.incident = open_incident(
            self._new_id(),
            kind,
            self._evidence(),
            now_s,
            self._car.senses.motion_kph(now_s),
            self.place(now_s),
            self._cause(kind, now_s),
        )
        if self._car.plan.display is not None:
            self.actions.append(Lease(inf, self.incident.incident_id, Use.DISPLAY))
        self.hazard.request(now_s)
        self._note_hazards(now_s)

    def place(self, now_s: float) -> Location | None:
        """Where the car is, as well as anybody knows."""
        return self.whereabouts.best(location(self._car.senses, now_s), now_s)

    @property
    def snapshot(self) -> Snapshot | None:
        """What the next start of the daemon goes on with; None while no incident is open."""
        return None if self.incident is None else Snapshot(self.incident, self.hazard.overruled)

    def restore(self, kept: Snapshot, now_s: float) -> None:
        """The incident that was open goes on under its id; the lamps wait to be resumed."""
        self.incident = with_entry(kept.incident, now_s, "the daemon started anew")
        if kept.overruled:
            self.hazard.resume(kept.incident.hazards, now_s, overruled=True)
        if self._car.plan.display is not None:
            self.actions.append(Lease(inf, self.incident.incident_id, Use.DISPLAY))

    def resume_hazards(self, now_s: float) -> None:
        """The lamps go on as they were."""
        assert self.incident is not None, "there is an incident to go on with"
        if not self.hazard.overruled:
            self.hazard.resume(self.incident.hazards, now_s, overruled=False)
            self._note_hazards(now_s)

    def give_up_hazards(self, now_s: float) -> bool:
        """The car's supply is nearly gone: take the request back, and tell the driver; whether there was one."""
        if self.incident is None or self.incident.hazards not in _ASKED_FOR:
            return False
        self.incident = with_entry(self.incident, now_s, "hazards given up: the supply stayed below its floor")
        self.actions.append(Lease(self.hazard.release(now_s), self.incident.incident_id))
        self.incident = with_hazards(self.incident, self.hazard.state, now_s)
        self._notify(Notice.HAZARD_BUTTON)
        self._show(now_s)
        self.report(now_s)
        return True

    def abandon(self, why: str, now_s: float) -> None:
        """The incident that was open is not gone on with."""
        assert self.incident is not None, "there is an incident to close"
        self.hazard.release(now_s)
        self.hazard.drove_on()
        self.incident = with_hazards(with_entry(self.incident, now_s, why), self.hazard.state, now_s)
        self.move(State.CLOSED, now_s)

    def move(self, state: State, now_s: float) -> None:
        """The open incident comes into this state."""
        assert self.incident is not None, "only an open incident moves"
        self.incident = with_state(self.incident, state, now_s)
        if state is State.STRANDED and (stands := self.place(now_s)) is not None:
            # Whoever comes to help looks where she stands, and not where the drive was lost.
            self.incident = replace(self.incident, location=stands)
        if state is _RELEASED_IN[self._car.plan.hazard.until]:
            self.actions.append(Lease(self.hazard.release(now_s), self.incident.incident_id))
            self.incident = with_hazards(self.incident, self.hazard.state, now_s)
        if state is State.DRIVING_ON:
            self.hazard.drove_on()
        if state is State.ROLLING:
            self._ask_anew(now_s)
        self._notify(_NOTICE_OF_STATE.get(state))
        self._tell_of_help()
        if state is State.CLOSED:
            if self._car.plan.display is not None:
                self.actions.append(Lease(self._display.clear(now_s), self.incident.incident_id, Use.DISPLAY))
            self.report(now_s)
            self.incident = None

    def _ask_anew(self, now_s: float, *, crash: bool = False) -> None:
        """It broke again: hazards are asked for where they are not asked for already, and the driver is told.

        Once at an instant: a crash that is also the second breakdown is one reason and not two.
        """
        if self._asked_s == now_s:
            return
        before, self._asked_s = self.hazard.state, now_s
        self.hazard.request(now_s, crash=crash)
        if self.hazard.state is before:
            self._notify(_NOTICE_OF_HAZARDS.get(before))
        else:
            self._note_hazards(now_s)

    def look(self, now_s: float) -> None:
        """Takes in evidence, lamps and time, and reports what came of it."""
        self._collect_evidence(now_s)
        if self.hazard.look(now_s):
            self._note_hazards(now_s)
        self.actions.extend(Transmit(frame) for frame in self.hazard.due(now_s))
        self._show(now_s)
        self.report(now_s)

    def refused(self, now_s: float) -> bool:
        """The permit let a frame of ours not pass; whether that is news."""
        before = self.hazard.state
        self.hazard.refuse(now_s)
        if self.hazard.state is before:
            return False
        self._note_hazards(now_s)
        self._show(now_s)
        self.report(now_s)
        return True

    def report(self, now_s: float) -> None:
        """One report for all that changed at this instant."""
        if self.incident is not None and self.incident is not self._reported:
            self.incident = self._reported = reported(self.incident)
            first = self.incident.sequence == 1
            self.actions.append(Report(self.incident, now_s, self.track.window(now_s) if first else None))

    def _collect_evidence(self, now_s: float) -> None:
        if self.incident is None:
            return
        known = {item.finding for item in self.incident.evidence}
        self.incident = with_evidence(self.incident, self._evidence(), now_s)
        leading = self._rules.leading(now_s)
        if leading is not None and leading.rule.finding is not self.incident.kind:
            kind = leading.rule.finding
            self.incident = with_kind(self.incident, kind, self._cause(kind, now_s), now_s)
        if Finding.CRASH not in known and self.incident.kind is Finding.CRASH:
            # Whatever was said of hazards before, a crash is a new reason.
            self._ask_anew(now_s, crash=True)

    def _note_hazards(self, now_s: float) -> None:
        """The lamps changed: the lease, the driver and the fleet follow."""
        state = self.hazard.state
        assert self.incident is not None, "hazards are asked for by an incident, and let go before it is closed"
        if state is HazardState.REQUESTED:
            self.actions.append(Lease(inf, self.incident.incident_id))
        elif state is HazardState.RELEASED and self.hazard.overruled:
            self.incident = with_entry(self.incident, now_s, "the driver switched the hazards off")
            self.actions.append(Lease(self.hazard.leave_until_s(now_s), self.incident.incident_id))
        self.incident = with_hazards(self.incident, state, now_s)
        self._notify(_NOTICE_OF_HAZARDS.get(state))

    # The driver ---------------------------------------------------------------------------

    def acknowledged(self, incident_id: str) -> None:
        """The fleet has the alert: somebody knows, and the driver may know that."""
        if self.incident is not None and incident_id == self.incident.incident_id != self._acknowledged:
            self._acknowledged = incident_id
            self._tell_of_help()

    def _tell_of_help(self) -> None:
        """Once, and to somebody who has stopped: nobody reads a phone while she steers to the roadside."""
        incident = self.incident
        if incident is not None and incident.state is State.STRANDED and incident.incident_id == self._acknowledged:
            self._notify(Notice.HELP_ASKED)

    def _notify(self, notice: Notice | None) -> None:
        if notice is not None:
            self._board.post(notice)

    def _show(self, now_s: float) -> None:
        """The notice whose turn it is: to the cabin, and on the car's own display."""
        notice = self._board.take(now_s)
        if notice is not None:
            self.actions.append(Notify(notice, now_s))
            if self.incident is not None:
                self._display.show(text_key(notice, self._car.plan.get_out), now_s)
        self.actions.extend(Transmit(frame, Use.DISPLAY) for frame in self._display.due(now_s))

    def next_deadline(self) -> float:
        """When a frame or a notice is due, or patience ends."""
        return min(self.hazard.next_deadline(), self._board.next_deadline(), self._display.due_s)

    # What is known ------------------------------------------------------------------------

    def _evidence(self) -> list[Evidence]:
        return [watch.begun for watch in self._rules.active if watch.begun is not None]

    def _cause(self, kind: Finding, now_s: float) -> tuple[int, int]:
        senses = self._car.senses
        known = Circumstances(
            fuel_percent=senses.number(Vss.FUEL_LEVEL, now_s),
            charge_percent=senses.number(Vss.STATE_OF_CHARGE, now_s),
            overheated=senses.truth(Vss.OVERHEATED, now_s) is True,
            brakes_failing=senses.truth(Vss.BRAKE_FAILING, now_s) is True,
        )
        return denm_cause(kind, known)
