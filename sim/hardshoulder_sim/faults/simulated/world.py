"""One car, its daemon, its disk, a broker, a fleet, and the lines between them; what is counted, is counted here."""

import random
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from hardshoulder.core.actions import Report
from hardshoulder.edge import diary, mqtt
from hardshoulder.plan_cache import Bundle
from hardshoulder_fleet import ingest
from hardshoulder_sim.faults.simulated.car import breakdown
from hardshoulder_sim.faults.simulated.crash import Crash, Fuse
from hardshoulder_sim.faults.simulated.daemon import SimulatedDaemon, SteppedJournal
from hardshoulder_sim.faults.simulated.disk import Disk, in_place
from hardshoulder_sim.faults.simulated.fleet import SimulatedFleet
from hardshoulder_sim.faults.simulated.network import Broker, Line, SimulatedClient
from hardshoulder_sim.faults.simulated.timeline import Timeline

WALL_S = 1_790_000_000.0
"""September 2026."""
DAEMON_AWAY_S = (0.5, 6.0)
FLEET_AWAY_S = (0.5, 20.0)
AGAIN_S = 15.0
"""A breakdown that met no daemon is one that did not happen; the car breaks down so much later."""


class World:
    """Everything between the bus and the fleet's database, on one timeline.

    opened: by breakdown, the incidents that the core opened. last: by incident, the number of its last report.
    asked: breakdowns for which hazards were asked. committed: incidents that were in the car's outbox; told: those that
    were acknowledged to it.
    """

    def __init__(self, bundle: Bundle, root: Path, template: Path, chance: random.Random) -> None:
        self.chance, self.timeline = chance, Timeline()
        self._bundle, self._root = bundle, root
        self.car_fuse, self.fleet_fuse = Fuse(), Fuse()
        self.disk = Disk(root, self.car_fuse, chance)
        self.disk.committed = self._on_commit
        self.car_fuse.spared = self._in_memory_alone
        self.broker = Broker(self.timeline)
        self.lines = {"car": Line(), "fleet": Line()}
        self.wall_ahead_s = 0.0
        self.boots = 0
        self.power_cut = False
        self.database = root / "fleet.sqlite3"
        shutil.copy(template, self.database)
        self.daemon: SimulatedDaemon | None = None
        self.fleet: SimulatedFleet | None = None
        self.meddle: Callable[[str, bytes], list[tuple[float, bytes]]] = straight
        self.opened: defaultdict[int, list[str]] = defaultdict(list)
        self.last: dict[str, int] = {}
        self.asked: set[int] = set()
        self.committed: set[str] = set()
        self.told: set[str] = set()
        self.errors: list[str] = []
        self.breakdowns = 0
        self.driving = False
        self.first_commit: Callable[[], None] = lambda: None

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The production modules in this world."""
        with ExitStack() as stack:
            wall = lambda: WALL_S + self.timeline.now_s + self.wall_ahead_s  # noqa: E731
            self._wall_s = wall
            stack.enter_context(in_place(self.disk, lambda: self.timeline.now_s, wall, lambda: f"boot-{self.boots}"))
            stack.enter_context(patch.object(diary, "Journal", SteppedJournal))
            stack.enter_context(patch.object(diary, "place", lambda _folder: self._ram))
            stack.enter_context(patch.object(diary, "os", SimpleNamespace(urandom=self.chance.randbytes)))
            stack.enter_context(patch.object(mqtt, "Client", self._client_of("car", self.car_fuse)))
            stack.enter_context(patch.object(ingest, "Client", self._client_of("fleet", self.fleet_fuse)))
            yield

    def run(self, until_s: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Goes on until then, over the death of processes."""
        while True:
            try:
                self.timeline.run(until_s, enough)
                return
            except Crash as crash:
                if crash.fuse is self.car_fuse:
                    # What a disk refuses is in memory alone: with the power it would be lost.
                    self.kill_daemon(power=self.power_cut and self.disk.sound_for(self.timeline.now_s))
                else:
                    self.kill_fleet()

    def start(self) -> None:
        """Fleet and daemon begin."""
        self._start_fleet()
        self._start_daemon()

    def kill_daemon(self, *, power: bool = False) -> None:
        """SIGKILL now, or the power goes; it comes back by itself."""
        if self.daemon is None:
            return
        self.daemon.dead, self.daemon = True, None
        self.car_fuse.put_out()
        self.power_cut = False
        for client in [client for name, client in self.broker.clients.items() if name != "hardshoulder-fleet"]:
            client.vanish()
        self._silence("car")
        self.disk.lose_process(power=power)
        if power:
            self.boots += 1
            self._ram.unlink(missing_ok=True)
        self.timeline.after(self.chance.uniform(*DAEMON_AWAY_S), self._start_daemon)

    def kill_fleet(self) -> None:
        """SIGKILL now; it comes back by itself."""
        if self.fleet is None:
            return
        self.fleet.fall()
        self.fleet = None
        self.fleet_fuse.put_out()
        self._silence("fleet")
        self.timeline.after(self.chance.uniform(*FLEET_AWAY_S), self._start_fleet)

    def drive(self, number: int) -> None:
        """The car drives and breaks down; a drive that meets no daemon is put off."""
        if self.daemon is None:
            self.timeline.after(1.0, lambda: self.drive(number))
            return
        recorded, begin_s = breakdown(), self.timeline.now_s
        self.number, self.driving, met = number, True, self.daemon

        def slice_of(place: int) -> None:
            if self.daemon is not met and not self.opened[number]:
                if self.driving and self.number == number:
                    self.driving = False
                    self.timeline.after(AGAIN_S, lambda: self.drive(number))
                return
            if self.daemon is not None:
                self.daemon.hear(recorded.slices[place], begin_s)
            if place + 1 == len(recorded.slices):
                self.driving = False
                self.breakdowns += bool(self.opened[number])

        for place in range(len(recorded.slices)):
            self.timeline.at(begin_s + (place + 1) * recorded.step_s, partial(slice_of, place))

    def drive_on(self) -> None:
        """The car has drive again: a drive without a breakdown."""
        if self.daemon is None:
            self.timeline.after(1.0, self.drive_on)
            return
        recorded, begin_s = breakdown(), self.timeline.now_s
        healthy = int(recorded.fault_s / recorded.step_s) - 1

        def hear(place: int) -> None:
            if self.daemon is not None:
                self.daemon.hear(recorded.slices[place], begin_s)

        for place in range(healthy):
            self.timeline.at(begin_s + (place + 1) * recorded.step_s, partial(hear, place))

    @property
    def unacknowledged(self) -> bool:
        """Whether an incident is on the car's disk that the fleet has not acknowledged to it."""
        return bool(self.committed - self.told)

    @property
    def _ram(self) -> Path:
        return self._root / "word"

    def _start_daemon(self) -> None:
        self.daemon = SimulatedDaemon(
            self._bundle, self.disk.folder, self.timeline, self._wall_s, self.chance, self._say,
            self._new_id, self._on_report, self._on_request,
        )  # fmt: skip
        self.daemon.start(clock_trusted=True)

    def _start_fleet(self) -> None:
        self.fleet = SimulatedFleet(self.database, self.fleet_fuse, self._fleets_clock, self._fleet_wakes)
        self.fleet.start()

    def _fleets_clock(self) -> datetime:
        return datetime.fromtimestamp(WALL_S + self.timeline.now_s, UTC)

    def _fleet_wakes(self) -> None:
        fleet = self.fleet
        self.timeline.after(0.001, lambda: fleet.step() if fleet is not None and fleet is self.fleet else None)

    def _silence(self, whose: str) -> None:
        """What its dead process had under way is gone with its socket."""
        self.lines[whose].held.clear()

    def _client_of(self, whose: str, fuse: Fuse) -> Callable[..., SimulatedClient]:
        def make(*api: object, **options: object) -> SimulatedClient:
            client = SimulatedClient(self.broker, self.lines[whose], fuse, self.chance, self._meddled, self._heard)
            return client.begin(*api, **options)  # type: ignore[arg-type]

        return make

    def _meddled(self, topic: str, payload: bytes) -> list[tuple[float, bytes]]:
        return self.meddle(topic, payload)

    def _heard(self, topic: str, payload: bytes) -> None:
        """A message was handed to a client: an acknowledgement that names an incident is one that the car has heard."""
        if topic.endswith("/ack"):
            self.told.update(name for name in self.last if name.encode() in payload)
        if self.daemon is not None:
            self.daemon.poke()

    def _on_report(self, report: Report) -> None:
        incident = report.incident
        if incident.incident_id not in self.last:
            self.opened[self.number].append(incident.incident_id)
        self.last[incident.incident_id] = max(incident.sequence, self.last.get(incident.incident_id, 0))

    def _on_request(self) -> None:
        self.asked.add(self.number)

    def _in_memory_alone(self) -> bool:
        """Whether what waits for the fleet may be in the daemon's memory alone, and no incident is open that tells it
        again: the disk refuses, or its file was damaged a moment ago. The daemon says so; a second fault loses it.
        """
        at_risk = not self.disk.sound_for(self.timeline.now_s)
        return at_risk and (self.daemon is None or not self.daemon.incident_open or self.disk.damaged)

    def _on_commit(self) -> None:
        first = not self.committed
        self.committed.update(self.last)
        if first and self.committed:
            self.timeline.after(0.0, self.first_commit)

    def _say(self, level: str, text: str) -> None:
        if level == "error":
            self.errors.append(text)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


def straight(_topic: str, payload: bytes) -> list[tuple[float, bytes]]:
    """Nobody meddles."""
    return [(0.0, payload)]
