"""The fleet without its process: the production ingest and desk on a real database, stepped by the simulation."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from paho.mqtt.client import MQTTMessage
from sqlalchemy import create_engine, event

from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.ingest import SUBSCRIPTION, BrokerSettings, Ingest
from hardshoulder_fleet.store import database as fleet_database
from hardshoulder_fleet.store.database import Database, open_database
from hardshoulder_sim.faults.simulated.crash import Fuse


def make_template(path: Path) -> None:
    """An empty database of the newest schema."""
    open_database(f"sqlite:///{path}").close()


def _opened(path: Path) -> Database:
    """As `open_database` does, for a file that is known to be of the newest schema."""
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", fleet_database._prepare)
    event.listen(engine, "begin", fleet_database._begin)
    return Database(engine)


class _FusedDesk(Desk):
    """The desk in a process that may end around a commit."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        super().__init__(database)
        self._fuse = fuse

    def take_event(self, event: IncidentEvent, now: datetime) -> bool:
        self._fuse.here("before commit at the fleet")
        new = super().take_event(event, now)
        self._fuse.here("after commit at the fleet")
        return new


class SimulatedFleet(Ingest):
    """From the start of the process to its end. What comes on `status` and `presence` is not looked at."""

    def __init__(self, path: Path, fuse: Fuse, clock: Callable[[], datetime], wake: Callable[[], None]) -> None:
        self._database = _opened(path)
        super().__init__(_FusedDesk(self._database, fuse), BrokerSettings("broker", 1883), clock)
        self._wake = wake

    def start(self) -> None:
        """Begin to connect."""
        self._client.loop_start()

    def step(self) -> None:
        """The thread's turn: all that has come."""
        self._messages.put(None)
        self._work()

    def fall(self) -> None:
        """SIGKILL."""
        self._client.vanish()  # type: ignore[attr-defined]  # it is the simulated one
        self._database.close()

    def _on_message(self, client: object, userdata: object, message: MQTTMessage) -> None:
        if message.topic.endswith(SUBSCRIPTION.rsplit("/", 1)[1]):
            self._messages.put((self._connection, message))
            self._wake()
        else:
            self._acknowledge(self._connection, message)
