"""The composition root: one loop around the core, and the one place that knows everything.

A frame or a deadline goes into the responder, actions come out and are performed, worst first:
lamps through the permit and onto the bus, then the driver, then the fleet. Disk and network
belong to the courier's thread, so nothing in this loop waits for either.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from hardshoulder import __version__
from hardshoulder.core.actions import (
    Action,
    HazardState,
    Lease,
    Notify,
    Report,
    ReportStatus,
    Transmit,
    Use,
    latest_frames,
)
from hardshoulder.core.asking import whole_cycle
from hardshoulder.core.frame import Frame, id_text
from hardshoulder.core.permit import Permit, Refusal
from hardshoulder.core.responder import Responder
from hardshoulder.edge.broadcast import Broadcaster, admitted
from hardshoulder.edge.clocks import Trust, wall_time
from hardshoulder.edge.courier import Clock, Courier, StatusReport
from hardshoulder.edge.descriptors import DescriptorStore
from hardshoulder.edge.diary import Diary
from hardshoulder.edge.links import Links
from hardshoulder.edge.location import Receiver
from hardshoulder.edge.notice import Cabin
from hardshoulder.edge.pace import Pace
from hardshoulder.edge.power import PowerWatch
from hardshoulder.edge.recorder import Recorder
from hardshoulder.edge.snapshot import LastIncident, Snapshot
from hardshoulder.edge.status_socket import StatusSocket
from hardshoulder.edge.tended import QUIET, Wish
from hardshoulder.edge.trial import Trial
from hardshoulder.edge.watchdog import Watchdog
from hardshoulder.plan_cache import Bundle
from hardshoulder.settings import Identity

log = logging.getLogger("hardshoulder")

STATUS_EVERY_S = 10.0
SHOWN_EVERY_S = 1.0
RETRY_ASLEEP_S = 5.0
STOP_WITHIN_S = 2.0
RECORDING_WITHIN_S = 0.2
POWER_FAILS_WITHIN_S = 0.08
"""For each of journal and courier: 0.2 s are left when the supply fails."""

_ASKED_FOR = frozenset({HazardState.REQUESTED, HazardState.CONFIRMED, HazardState.UNCONFIRMED})
_LOG_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _new_id() -> str:
    import uuid  # not above: the car is watched first; then the courier's thread imports it, long before it is needed

    return str(uuid.uuid4())


def say(level: str, text: str) -> None:
    """A line of the log, for the edges."""
    log.log(_LOG_LEVELS[level], "%s", text)


class Daemon:
    """One car, watched until somebody says stop."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        settings, plan = bundle.settings, bundle.plan
        self._responder = Responder(plan, _new_id)
        self._permit = Permit(bundle.allowed, armed=settings.armed)
        self._store = DescriptorStore()
        self._links = self._make_links()
        self._pace = Pace(self._links.selector)
        self._cabin = Cabin(settings.notice_command, bundle.texts, plan.hazard_button, plan.get_out)
        self._trial = Trial(bundle.candidate, say)
        self._trust = Trust(settings.clock_by_date_alone)
        clock = Clock(time.monotonic, wall_time, self._trust)
        self._courier = self._make_courier(clock)
        self._recorder = self._make_recorder(clock)
        self._receiver = Receiver(settings.location, self._trust, say)
        self._power = PowerWatch(settings.power, say, time.monotonic())
        self._diary = Diary(settings.storage.folder, self._courier, say, self._trust)
        self._watchdog = Watchdog()
        self._status_socket = StatusSocket(settings.asked_at, say)
        self._snapshot = self._first_snapshot()
        self._refused: dict[Use, Refusal] = {}
        self._lease_until_s = QUIET.lease_until_s
        self._status: ReportStatus | None = None
        self._status_due_s = self._shown_due_s = 0.0
        self._stop = self._power_fails = False

    def _make_links(self) -> Links:
        """With a request that outlives us, where the gate lets the whole of its cycle pass."""
        bundle = self._bundle
        cycle = whole_cycle(bundle.plan.hazard.command) if bundle.settings.armed else None
        if cycle is not None and not admitted(cycle, bundle.allowed):
            cycle = None
        broadcaster = Broadcaster(cycle, self._store)
        return Links(bundle.settings.buses, self._responder.wanted | self._permit.listed, broadcaster.open)

    def _first_snapshot(self) -> Snapshot:
        settings, plan = self._bundle.settings, self._bundle.plan
        mode, now_s = "armed" if settings.armed else "monitor", time.monotonic()
        names = (settings.vehicle, __version__, plan.profile, plan.digest, plan.ruleset, mode)
        return Snapshot(*names, process=os.getpid(), started_at_s=now_s, turned_at_s=now_s)

    def _who(self) -> Identity:
        settings, plan = self._bundle.settings, self._bundle.plan
        return Identity(
            settings.vehicle, plan.profile, plan.digest, __version__, settings.armed, plan.hazard_button, plan.ruleset
        )

    def _make_courier(self, clock: Clock) -> Courier | None:
        settings = self._bundle.settings
        if settings.mqtt is None:
            log.error("no [mqtt] in the configuration: alerts reach nobody")
            return None
        return Courier(self._who(), settings.mqtt, settings.storage, clock, say)

    def _make_recorder(self, clock: Clock) -> Recorder:
        settings = self._bundle.settings
        buses = tuple(bus.name for bus in settings.buses)
        return Recorder(settings.recorder, settings.storage.folder, self._who(), buses, clock, say)

    def run(self) -> None:
        """Watches the car until SIGTERM or SIGINT."""
        self._catch_signals()
        self._links.open_missing(time.monotonic())
        self._store.clear()
        self._say_what_runs()
        if self._courier is not None:
            self._courier.start()
        self._diary.start()
        self._status_socket.start()
        self._recorder.start()
        self._receiver.start()
        try:
            self._go_on()
            while not self._stop:
                self._turn()
        finally:
            self._close()

    def _go_on(self) -> None:
        """With the incident that was open when the daemon ended, if one was."""
        trust = self._trust
        kept = self._diary.reopen(clock_plausible=trust.plausible, clock_trusted=trust())
        if kept is not None:
            incident = kept.snapshot.incident
            log.warning(
                "incident=%s was open when the daemon ended; goes on: %s", incident.incident_id, kept.terms.value
            )
            self._decided(self._responder.restore(kept.snapshot, kept.terms, time.monotonic()))

    def _say_what_runs(self) -> None:
        settings, plan, candidate = self._bundle.settings, self._bundle.plan, self._bundle.candidate
        mode = "armed" if settings.armed else "monitor"
        log.info(
            "watching vehicle=%s profile=%s mode=%s ruleset=%s", settings.vehicle, plan.profile, mode, plan.ruleset
        )
        if candidate is not None:
            log.info("trying candidate=%s silently beside it", candidate.ruleset)

    def _catch_signals(self) -> None:
        """A signal wakes the selector, so that the loop ends at once."""
        read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        self._links.selector.register(read_end, 1, None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPWR):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        log.info("stopping: %s", signal.Signals(number).name)
        self._watchdog.stopping()
        self._stop, self._power_fails = True, number == signal.SIGPWR

    def _turn(self) -> None:
        """One round of the loop: wait for a frame or a deadline, decide, perform."""
        now_s = time.monotonic()
        self._listen(now_s)
        now_s = time.monotonic()
        lost = self._links.take_lost()
        for bus in lost:
            self._decided(self._responder.lost_bus(bus, now_s))
        for incident_id in self._courier.take_acknowledged() if self._courier is not None else ():
            self._decided(self._responder.acknowledged(incident_id, now_s))
        self._decided(self._responder.tick(now_s))
        self._links.keep_alive(self._wish(), now_s)
        self._links.open_missing(now_s)
        self._trial.follow(lost, now_s)
        self._mind_power(now_s)
        if (fix := self._receiver.take()) is not None:
            self._responder.place(fix)
        if self._status is not None and now_s >= self._status_due_s and not self._power.asleep:
            self._send_status(self._status, now_s)
            if self._responder.incident is None:
                self._diary.forget_told()
        self._watchdog.turned(now_s)
        if now_s >= self._shown_due_s:
            self._show(now_s)

    def _mind_power(self, now_s: float) -> None:
        """Sleeps and wakes, and gives up what the supply does not bear."""
        courier = self._courier
        busy = courier is not None and courier.connected and courier.depth() > 0
        if not self._power.look(self._responder, now_s, busy=busy):
            return
        if self._status is not None:
            self._send_status(self._status, now_s)
        self._power.obey(courier, self._recorder, self._receiver)
        if not self._power.report.hazards:
            self._decided(self._responder.give_up_hazards(now_s))
        self._shown_due_s = now_s

    def _show(self, now_s: float) -> None:
        """Leaves behind how we do, for whoever asks."""
        self._shown_due_s = now_s + SHOWN_EVERY_S
        courier, status = self._courier, self._status
        self._snapshot = replace(
            self._snapshot,
            turned_at_s=now_s,
            state="starting" if status is None else status.state.value,
            health="starting" if status is None else status.health.value,
            missing=() if status is None else tuple(status.missing),
            buses=self._links.up,
            bus_errors=dict(self._links.errors),
            invalid_frames=self._invalid_frames(),
            power=self._power.report.state.value,
            broker_connected=courier is not None and courier.connected,
            outbox=0 if courier is None else courier.depth(),
        )
        self._status_socket.show(self._snapshot)

    def _invalid_frames(self) -> dict[str, int]:
        return {f"{name}.{fault.value}": n for (name, fault), n in self._responder.decoder.faults.items()}

    def _listen(self, now_s: float) -> None:
        """Waits, and hears what came."""
        count = 0
        for key, _ in self._pace.wait(max(0.0, self._next_s(now_s) - now_s), calm=self._responder.calm):
            if key.data is not None:
                frames = self._links.receive(key.data, now_s)
                count += len(frames)
                if frames:
                    self._power.heard(now_s)
                for frame in frames:
                    self._hear(frame, now_s)
        self._pace.came(count)

    def _hear(self, frame: Frame, now_s: float) -> None:
        self._recorder.hear(frame)
        if self._permit.overhear(frame.bus, frame.can_id, now_s):
            text = _frame_text(frame)
            log.error("another sender: bus=%s frame=%s; nothing of ours is sent on this id", frame.bus, text)
            self._links.hush(frame.bus, frame.can_id)
        self._decided(self._responder.receive(frame), frame)

    def _next_s(self, now_s: float) -> float:
        retry_s = self._links.next_retry_s()
        if self._power.asleep:
            retry_s = max(retry_s, now_s + RETRY_ASLEEP_S)
        return min(self._responder.next_deadline(), retry_s, self._watchdog.due_s(), now_s + self._power.turn_s)

    def _decided(self, actions: list[Action], frame: Frame | None = None) -> None:
        """frame: what was heard, when it was that."""
        self._perform(actions)
        self._trial.note(actions, frame)

    def _perform(self, actions: list[Action]) -> None:
        for action in latest_frames(actions):
            self._handlers[type(action)](self, action)

    def _on_lease(self, action: Lease) -> None:
        self._refused.pop(action.use, None)
        self._permit.open_until(action.until_s, action.holder, action.use)
        if action.use is Use.HAZARDS:
            self._lease_until_s = action.until_s
            # A microcontroller has a permit of its own, which has to be open before the first frame comes.
            self._links.keep_alive(self._wish(), time.monotonic())

    def _wish(self) -> Wish:
        """What a microcontroller is to keep up when we fall silent; in monitor mode nothing."""
        if not self._bundle.settings.armed:
            return QUIET
        incident = self._responder.incident
        if incident is None:
            return QUIET._replace(lease_until_s=self._lease_until_s)
        hazards = incident.hazards
        return Wish(True, hazards in _ASKED_FOR, hazards is HazardState.CONFIRMED, self._lease_until_s)

    def _on_transmit(self, action: Transmit) -> None:
        frame, now_s = action.frame, time.monotonic()
        refusal = self._permit.check(frame.bus, frame.can_id, frame.data, now_s)
        if refusal is None:
            if self._links.send(frame, now_s):
                self._recorder.sent(frame, now_s)
        elif refusal is Refusal.TOO_FAST:
            log.debug("frame=%s not sent: %s", _frame_text(frame), refusal.value)
        else:
            self._refuse(action, refusal, now_s)

    def _refuse(self, action: Transmit, refusal: Refusal, now_s: float) -> None:
        frame, use = action.frame, action.use
        if refusal is not self._refused.get(use):
            self._refused[use] = refusal
            log.warning("would have sent bus=%s frame=%s: %s", frame.bus, _frame_text(frame), refusal.value)
        if use is Use.HAZARDS:
            self._links.hush(frame.bus, frame.can_id)
            self._perform(self._responder.hazards_refused(now_s))

    def _on_notify(self, action: Notify) -> None:
        self._cabin.show(action.notice)

    def _on_report(self, action: Report) -> None:
        incident = action.incident
        log.warning(
            "incident=%s sequence=%d kind=%s state=%s hazards=%s",
            incident.incident_id, incident.sequence, incident.kind.value, incident.state.value, incident.hazards.value,
        )  # fmt: skip
        # Behind the action: what is told has happened.
        recording = self._recorder.follow(incident, action.at_s)
        self._diary.tell(replace(action, recording=recording), self._responder.snapshot)
        values = (incident.kind.value, incident.state.value, incident.hazards.value, incident.closed_at_s is None)
        last = LastIncident(incident.incident_id, incident.sequence, *values)
        known, self._shown_due_s = self._snapshot.last_incident, 0.0
        opened = known is None or known.incident_id != last.incident_id
        self._snapshot = replace(self._snapshot, last_incident=last, incidents=self._snapshot.incidents + opened)

    def _on_status(self, action: ReportStatus) -> None:
        if self._status is None or (action.state, action.health) != (self._status.state, self._status.health):
            log.info("state=%s health=%s missing=%s", action.state.value, action.health.value, ",".join(action.missing))
        self._status = action
        self._send_status(action, time.monotonic())

    def _send_status(self, status: ReportStatus, now_s: float) -> None:
        self._status_due_s = now_s + STATUS_EVERY_S
        buses = ", ".join(f"{name} {'up' if up else 'down'}" for name, up in self._links.up.items())
        waiting = self._courier.depth() if self._courier is not None else 0
        self._watchdog.say(f"{status.state.value}, {status.health.value}; {buses}; {waiting} alerts wait for the fleet")
        if self._courier is not None:
            current = ReportStatus(
                status.state, status.health, status.missing, self._responder.senses.motion_kph(now_s), now_s
            )
            faults, errors = self._invalid_frames(), dict(self._links.errors)
            agreed = self._bundle.settings.location.coarse_in_status
            place = self._responder.whereabouts(now_s) if agreed else None
            trial, power = self._trial.status, self._power.report
            self._courier.submit(StatusReport(current, self._links.up, faults, trial, errors, power, place))

    _handlers: dict[type, Callable[..., None]] = {  # noqa: RUF012 - a table of methods, never changed
        Lease: _on_lease,
        Transmit: _on_transmit,
        Notify: _on_notify,
        Report: _on_report,
        ReportStatus: _on_status,
    }

    def _close(self) -> None:
        """What matters first: the open incident and the alerts. A supply that fails leaves 0.2 s, and no goodbye."""
        within_s = POWER_FAILS_WITHIN_S if self._power_fails else STOP_WITHIN_S
        self._permit.close()
        if not self._diary.stop(within_s):
            log.error("the journal did not stop within %g s; a restart may not know the last change", within_s)
        if self._courier is not None and not self._courier.stop(within_s, goodbye=not self._power_fails):
            log.error("the courier did not stop within %g s; what it had stored is sent after the next start", within_s)
        if not self._recorder.stop(RECORDING_WITHIN_S):
            log.error("the recorder did not stop within %g s; the end of its recording is missing", RECORDING_WITHIN_S)
        self._receiver.stop(within_s)
        self._status_socket.stop(within_s)
        self._links.close()
        self._watchdog.close()


def _frame_text(frame: Frame) -> str:
    return f"{id_text(frame.can_id)}#{frame.data.hex().upper()}"
