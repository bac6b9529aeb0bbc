"""What the courier's thread does: store, publish, wait for the acknowledgement, publish again.

Imports the MQTT client and the models; only the courier's thread imports this.
"""

import math
import random
import traceback
from collections.abc import Callable
from datetime import timedelta

from hardshoulder.core.actions import Report
from hardshoulder.edge.brokers import Brokers
from hardshoulder.edge.mailbox import Mailbox, StatusReport
from hardshoulder.edge.outbox import INCIDENT_PRIORITY, PendingEvent
from hardshoulder.edge.resend import ResendSchedule
from hardshoulder.edge.storage import RETRY_AFTER_S, Storage
from hardshoulder.edge.surroundings import Clock, Say
from hardshoulder.events import Leaving, incident_event, presence_event, status_event
from hardshoulder.settings import Identity, MqttSettings, StorageSettings
from hardshoulder.stamps import corrected
from hardshoulder.wire import WireError, encode, parse_ack, topic

WINDOW = 256
"""Events looked at in one turn."""
SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 60.0
RESTS_FOR_S = 600.0
"""How long the thread sleeps while the module does; what is to be done wakes it."""
CLOCK_LOOK_S = 2.0
"""How often a clock that was not set is looked at while an event waits for it."""


class Delivery:
    """Everything between the mailbox and the fleet; to be used from one thread."""

    def __init__(
        self,
        mailbox: Mailbox,
        identity: Identity,
        mqtt: MqttSettings,
        storage: StorageSettings,
        clock: Clock,
        say: Say,
        chance: Callable[[], float] = random.random,
        acknowledged: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.failures = 0
        """How many errors of the program itself were caught."""
        self.depth = 0
        """Events stored and not acknowledged, as of the last turn."""
        self._mailbox, self._identity = mailbox, identity
        self._clock, self._say, self._chance = clock, say, chance
        self._acknowledged = acknowledged
        self._storage = Storage(storage, say)
        self._schedule = ResendSchedule(mqtt.resend_after_s)
        self._incident_topic = topic(identity.vehicle, "incident")
        self._status_topic = topic(identity.vehicle, "status")
        self._link = Brokers(mqtt, identity.vehicle, self._presence, mailbox.wake.set, say)
        self._connections = 0
        self._status: StatusReport | None = None
        self._status_due = False
        self._told_storage_ok = True
        self._last_complaint = ""
        self._rests: Leaving | None = None
        # What an earlier process of this boot left may wait, too.
        self._to_correct = True

    @property
    def connected(self) -> bool:
        """Whether a broker is there."""
        return self._link.connected

    @property
    def finished(self) -> bool:
        """Whether nothing is left to tell to a broker that is there."""
        return self.depth == 0 and not (self._status_due and self.connected)

    def turn(self) -> float:
        """Do all that is to be done now; returns the seconds until it is worth looking again."""
        now_s = self._clock.now_s()
        self._storage.tend(now_s)
        self._store(now_s)
        self._correct()
        self._mind_rest(now_s)
        self._tend_link(now_s)
        self._hear()
        sent = self._send(now_s) if self.connected else 0
        if self.connected:
            self._send_status()
        self.depth = self._storage.depth()
        self._mailbox.settle()
        return 0.0 if sent else self._wait_s(now_s)

    def fail(self, what: str, error: Exception) -> None:
        """Report an error of the program and go on: the next alert may be the one that matters."""
        self.failures += 1
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._say("error", f"{what}: {type(error).__name__}: {error} ({place.filename}, line {place.lineno}).")

    def close(self, timeout_s: float) -> None:
        """Store what is left, say goodbye to the broker, close the files."""
        try:
            self._store(self._clock.now_s())
            # Due or not: this is the last chance for what is only in memory.
            self._storage.tend(math.inf)
            self._link.stop(timeout_s)
        finally:
            self.depth = self._storage.depth()
            self._mailbox.settle()
            self._storage.close()

    def _store(self, now_s: float) -> None:
        mail = self._mailbox.take()
        for report in mail.reports:
            try:
                self._storage.add(self._pending(report, now_s))
            except Exception as error:
                self.fail(f"The report of the incident {report.incident.incident_id} cannot be sent", error)
        if mail.status is not None:
            self._status, self._status_due = mail.status, True

    def _pending(self, report: Report, now_s: float) -> PendingEvent:
        # Asked first: a clock that is set between the two is taken for one that was not, and never the other way.
        trusted = self._clock.trusted() and report.dated
        # One distance for all of it, so that no step of the wall clock tears an event.
        now_at = self._clock.wall_time(now_s)
        event = incident_event(
            self._identity, report, lambda at_s: now_at + timedelta(seconds=at_s - now_s), clock_trusted=trusted
        )
        correctable = not trusted and report.dated and self._clock.boot != ""
        self._to_correct = self._to_correct or correctable
        return PendingEvent(
            event_id=event.id,
            topic=self._incident_topic,
            subject=event.subject,
            payload=encode(event),
            priority=INCIDENT_PRIORITY,
            created_at=now_at.timestamp(),
            boot=self._clock.boot if correctable else None,
            ahead_s=now_at.timestamp() - self._clock.since_boot_s() if correctable else None,
        )

    def _mind_rest(self, now_s: float) -> None:
        """The radio is let go and taken up again as the mailbox says."""
        rests = self._mailbox.rests
        if rests == self._rests:
            return
        if rests is not None and self._rests is None:
            if self.connected:
                # The last word says that it sleeps.
                self._send_status()
            self._link.rest(rests)
        elif rests is None:
            self._link.resume(now_s)
        self._rests = rests

    def _correct(self) -> None:
        """Once the wall clock is set: right stamps for what was stamped before in this boot of the machine."""
        if not self._to_correct or not self._clock.trusted():
            return
        ahead_s = self._clock.wall_time(self._clock.now_s()).timestamp() - self._clock.since_boot_s()
        done = self._storage.correct(self._clock.boot, lambda event: self._restamped(event, ahead_s))
        if done is None:
            return
        self._to_correct = False
        for event_id in done:
            # Somebody may have it with the wrong ones: it is told again now.
            self._schedule.forget(event_id)
        if done:
            self._say("info", f"The clock was set: {len(done)} waiting events have their right times now.")

    def _restamped(self, event: PendingEvent, ahead_s: float) -> bytes | None:
        assert event.ahead_s is not None, "it was chosen for that"
        try:
            return corrected(event.payload, ahead_s - event.ahead_s)
        except WireError as error:
            self._say("error", f"The times of a waiting event stay as they are. {error}")
            return None

    def _tend_link(self, now_s: float) -> None:
        self._link.tend(now_s)
        if self._link.connections != self._connections:
            self._connections = self._link.connections
            self._schedule.reconnected()
            self._status_due = self._status is not None

    def _presence(self, online: bool, connection: int, leaving: Leaving | None) -> bytes:
        at = self._clock.wall_time(self._clock.now_s())
        vehicle = self._identity.vehicle
        return encode(presence_event(vehicle, online=online, at=at, connection=connection, leaving=leaving))

    def _hear(self) -> None:
        for payload in self._link.take_acks():
            try:
                ack = parse_ack(payload)
            except WireError as error:
                self._complain(str(error))
                continue
            if self._storage.forget(ack.event_id):
                self._schedule.forget(ack.event_id)
                self._acknowledged(ack.incident_id)

    def _send(self, now_s: float) -> int:
        """Publish what is due; returns how many events were."""
        sent: list[str] = []
        for event in self._storage.pending(WINDOW):
            if not self._schedule.is_due(event.event_id, now_s):
                continue
            if not self._link.publish(event.topic, event.payload):
                break
            self._schedule.sent(event.event_id, now_s, self._chance())
            sent.append(event.event_id)
        if sent:
            self._storage.mark_sent(sent, self._clock.wall_time(now_s).timestamp())
        return len(sent)

    def _send_status(self) -> None:
        storage_ok = self._storage.ok
        if self._status is None or not (self._status_due or storage_ok != self._told_storage_ok):
            return
        self._status_due = False
        try:
            payload = self._status_payload(self._status, storage_ok)
        except Exception as error:
            self.fail("The status cannot be sent", error)
            self._status = None
            return
        # What the broker does not take now is due in the next turn.
        self._status_due = not self._link.publish(self._status_topic, payload, retain=True)
        self._told_storage_ok = storage_ok

    def _status_payload(self, report: StatusReport, storage_ok: bool) -> bytes:
        event = status_event(
            self._identity,
            report.status,
            self._clock.wall_time,
            clock_trusted=self._clock.trusted(),
            buses=report.buses,
            invalid_frames=report.invalid_frames,
            outbox_depth=self._storage.depth(),
            storage_ok=storage_ok,
            shadow=report.shadow,
            bus_errors=report.bus_errors,
            power=report.power,
            place=report.place,
        )
        return encode(event)

    def _wait_s(self, now_s: float) -> float:
        """Until the first deadline; what comes from outside wakes the thread anyway."""
        deadlines_s = [now_s + (LONGEST_WAIT_S if self._rests is None else RESTS_FOR_S), self._link.next_due_s(now_s)]
        if not self._storage.ok:
            deadlines_s.append(now_s + RETRY_AFTER_S)
        if self._to_correct and self._rests is None:
            deadlines_s.append(now_s + CLOCK_LOOK_S)
        next_due_at_s = self._schedule.next_due_at_s()
        if self.connected and next_due_at_s is not None:
            deadlines_s.append(next_due_at_s)
        return max(SHORTEST_WAIT_S, min(deadlines_s) - now_s)

    def _complain(self, text: str) -> None:
        """Say it, unless it was the last thing said."""
        if text != self._last_complaint:
            self._last_complaint = text
            self._say("warning", text)
