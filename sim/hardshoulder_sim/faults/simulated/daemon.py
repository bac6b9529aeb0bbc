"""The daemon without its process: production core, permit, journal, outbox and delivery, stepped by simulated time."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hardshoulder.core.actions import Action, Lease, Report, ReportStatus, Transmit, Use, latest_frames
from hardshoulder.core.frame import Frame
from hardshoulder.core.permit import Permit
from hardshoulder.core.responder import Responder
from hardshoulder.core.resume import Snapshot
from hardshoulder.edge.delivery import Delivery
from hardshoulder.edge.diary import Diary
from hardshoulder.edge.journal import Journal
from hardshoulder.edge.mailbox import Mailbox, StatusReport
from hardshoulder.edge.surroundings import Clock
from hardshoulder.plan_cache import Bundle
from hardshoulder.settings import Identity, MqttSettings, StorageSettings
from hardshoulder_sim.faults.simulated.timeline import Timeline

FAILURE_WAIT_S = 1.0
_STATUS_EVERY_S = 10.0
_IMPORTS_S = (0.05, 0.4)
"""How long the courier's thread takes until it can work."""
_THREAD_S = (0.0, 0.02)
"""How long another thread waits for its turn."""


class SteppedJournal(Journal):
    """The journal whose thread is the simulation. wake: asks for the thread's turn."""

    wake: Callable[[], None] = staticmethod(lambda: None)

    def keep(self, snapshot: Snapshot | None, behind: Callable[[], None] = lambda: None) -> None:
        """As ever; the write comes with the thread's turn."""
        super().keep(snapshot, behind)
        self.wake()

    def step(self) -> None:
        """The thread's turn."""
        if self._waiting:
            self._turn()


class SimulatedDaemon:
    """From its start to its end. reported, requested: told of every report and of every hazard request that passed."""

    def __init__(
        self, bundle: Bundle, folder: Path, timeline: Timeline, wall_s: Callable[[], float],
        chance: random.Random, say: Callable[[str, str], None], new_id: Callable[[], str],
        reported: Callable[[Report], None], requested: Callable[[], None],
    ) -> None:  # fmt: skip
        self._timeline, self._wall_s, self._chance = timeline, wall_s, chance
        self._reported, self._requested = reported, requested
        self.dead = False
        self._bundle, self._folder = bundle, folder
        self._responder = Responder(bundle.plan, new_id)
        self._permit = Permit(bundle.allowed, armed=bundle.settings.armed)
        self._diary = Diary(folder, Handing(self), say)  # type: ignore[arg-type]  # the part of a courier that it uses
        journal = self._diary._journal
        assert isinstance(journal, SteppedJournal), "it was put in place"
        journal.wake = lambda: self._later(chance.uniform(*_THREAD_S), journal.step)
        self.mailbox = Mailbox()
        self._delivery: Delivery | None = None
        self._acknowledged: list[str] = []
        self._say = say
        self._turns = 0
        self._tick_at_s = 0.0

    def start(self, clock_trusted: bool) -> None:
        """With the incident that was open, if one was."""
        kept = self._diary.reopen(clock_trusted=clock_trusted)
        if kept is not None:
            self._perform(self._responder.restore(kept.snapshot, kept.terms, self._timeline.now_s))
        self._later(self._chance.uniform(*_IMPORTS_S), self._begin_delivery)
        self._later(_STATUS_EVERY_S, self._forget_told)
        self._tick()

    def hear(self, frames: tuple[Frame, ...], begin_s: float) -> None:
        """What came on the bus; times from `begin_s`."""
        for frame in frames:
            self._perform(self._responder.receive(frame._replace(at_s=begin_s + frame.at_s)))
        self._tick()

    @property
    def clock(self) -> Clock:
        """The times of the simulation."""

        def wall_time(at_s: float) -> datetime:
            return datetime.fromtimestamp(self._wall_s() + at_s - self._timeline.now_s, UTC)

        return Clock(lambda: self._timeline.now_s, wall_time, lambda: True)

    @property
    def incident_open(self) -> bool:
        """Whether the core has one."""
        return self._responder.snapshot is not None

    def waiting(self) -> int:
        """Reports that are not acknowledged, counted in the car's own tables."""
        return len(self.mailbox) + (1 if self._delivery is None else self._delivery.depth)

    def poke(self) -> None:
        """Lets the courier's thread have its turn, if it was woken."""
        if self.mailbox.wake.is_set() and self._delivery is not None:
            self.mailbox.wake.clear()
            self._turn_in(self._chance.uniform(*_THREAD_S))

    def _later(self, delay_s: float, deed: Callable[[], None]) -> None:
        self._timeline.after(delay_s, lambda: None if self.dead else deed())

    def _forget_told(self) -> None:
        if self._responder.incident is None:
            self._diary.forget_told()
        self._later(_STATUS_EVERY_S, self._forget_told)

    def _begin_delivery(self) -> None:
        settings, plan = self._bundle.settings, self._bundle.plan
        names = (settings.vehicle, plan.profile, plan.digest, self._bundle.version)
        identity = Identity(*names, settings.armed, plan.hazard_button, plan.ruleset)
        mqtt = MqttSettings(host="broker", port=1883, resend_after_s=5.0)
        storage = StorageSettings(self._folder)
        self._delivery = Delivery(
            self.mailbox, identity, mqtt, storage, self.clock, self._say,
            chance=self._chance.random, acknowledged=self._acknowledged.append,
        )  # fmt: skip
        self._turn_in(0.0)

    def _turn_in(self, delay_s: float) -> None:
        """Only the newest appointment counts."""
        self._turns += 1
        number = self._turns

        def turn() -> None:
            if number == self._turns and self._delivery is not None:
                self._turn(self._delivery)

        self._later(delay_s, turn)

    def _turn(self, delivery: Delivery) -> None:
        try:
            wait_s = delivery.turn()
        except Exception as error:
            delivery.fail("The courier stumbled and goes on", error)
            wait_s = FAILURE_WAIT_S
        while self._acknowledged:
            self._perform(self._responder.acknowledged(self._acknowledged.pop(0), self._timeline.now_s))
        self._turn_in(wait_s)

    def _tick(self) -> None:
        self._perform(self._responder.tick(self._timeline.now_s))
        due_s = self._responder.next_deadline()
        if due_s < float("inf") and due_s != self._tick_at_s:
            self._tick_at_s = due_s
            self._timeline.at(due_s, lambda: self._tick_due(due_s))

    def _tick_due(self, due_s: float) -> None:
        if not self.dead and due_s == self._tick_at_s:
            self._tick_at_s = 0.0
            self._tick()

    def _perform(self, actions: list[Action]) -> None:
        for action in latest_frames(actions):
            if isinstance(action, Lease):
                self._permit.open_until(action.until_s, action.holder, action.use)
            elif isinstance(action, Transmit):
                frame = action.frame
                refusal = self._permit.check(frame.bus, frame.can_id, frame.data, self._timeline.now_s)
                if refusal is None and action.use is Use.HAZARDS:
                    self._requested()
            elif isinstance(action, Report):
                self._report(action)
            elif isinstance(action, ReportStatus):
                self.mailbox.put(StatusReport(action, {"main": True}, {}))
        self.poke()

    def _report(self, report: Report) -> None:
        """In the order of `hardshoulder.app`."""
        self._reported(report)
        self._diary.tell(report, self._responder.snapshot)


class Handing:
    """What of the courier the diary uses."""

    def __init__(self, daemon: SimulatedDaemon) -> None:
        self._daemon = daemon

    def submit(self, report: Report) -> None:
        """See `Courier.submit`."""
        self._daemon.mailbox.put(report)
        self._daemon.poke()

    def depth(self) -> int:
        """See `Courier.depth`."""
        return self._daemon.waiting()
