"""What cars say on `status` and `presence`, and a car on a real broker whose line can be cut without a goodbye."""

import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.core.actions import Health, ReportStatus, State
from hardshoulder.events import presence_event, status_event
from hardshoulder.wire import PresenceEvent, StatusEvent, encode, topic
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, Word
from support.desks import after, make_desk
from support.incidents import BEGIN, IDENTITY


def listening_desk(path: Path) -> Iterator[Desk]:
    """The body of a fixture: a desk that has been listening since the incident began."""
    made = make_desk(path)
    made.listening(after(0))
    yield made
    made._database.close()


def hear(desk: Desk, at: float, *events: StatusEvent | PresenceEvent, kept: bool = False) -> None:
    """The desk hears these. at: seconds since the incident began."""
    desk.hear([word(event, kept=kept) for event in events], after(at))


def lost(desk: Desk, at: float) -> list[CheckInView]:
    """Whom the desk misses by then."""
    return desk.claim_lost(after(at))


def status_says(
    state: State = State.DRIVING,
    speed_kph: float | None = 110.0,
    *,
    vehicle: str = "car-7",
    at: datetime = BEGIN,
    trusted: bool = True,
) -> StatusEvent:
    """What a car says of itself."""
    return status_event(
        replace(IDENTITY, vehicle=vehicle),
        ReportStatus(state, Health.WATCHING, (), speed_kph, 0.0),
        lambda _at_s: at,
        clock_trusted=trusted,
        buses={"powertrain": True},
        invalid_frames={},
        outbox_depth=0,
        storage_ok=True,
    )


def comes(*, vehicle: str = "car-7", at: datetime = BEGIN, connection: int | None = None) -> PresenceEvent:
    """The car is connected."""
    return presence_event(vehicle, online=True, at=at, connection=connection)


def goes(*, vehicle: str = "car-7", at: datetime = BEGIN, connection: int | None = None) -> PresenceEvent:
    """The broker says that its line broke."""
    return presence_event(vehicle, online=False, at=at, connection=connection)


def word(event: StatusEvent | PresenceEvent, *, kept: bool = False) -> Word:
    """As it comes to the desk. kept: by the broker, from before."""
    return Word(event, kept)


class TalkingCar:
    """Connects with a last will as the daemon does, says how it is, and can be cut off."""

    _numbers = itertools.count(1)

    def __init__(self, port: int, vehicle: str = "car-7") -> None:
        self.vehicle = vehicle
        self._port = port
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def connect(self) -> None:
        """As after a start: will, presence."""
        connected = threading.Event()
        client = Client(
            CallbackAPIVersion.VERSION2, f"{self.vehicle}-{next(self._numbers)}", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.will_set(topic(self.vehicle, "presence"), encode(goes(vehicle=self.vehicle)), qos=1, retain=True)
        client.on_connect = lambda *_: connected.set()
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        assert connected.wait(20)
        self._client = client
        self.say(comes(vehicle=self.vehicle))

    def say(self, event: StatusEvent | PresenceEvent) -> None:
        """One of its retained events; returns when the broker has it."""
        leaf = "status" if isinstance(event, StatusEvent) else "presence"
        self.send(leaf, encode(event))

    def drives(self, speed_kph: float = 110.0, state: State = State.DRIVING) -> None:
        """A status as of now."""
        self.say(status_says(state, speed_kph, vehicle=self.vehicle, at=datetime.now(UTC)))

    def send(self, leaf: str, payload: bytes) -> None:
        """Anything, on its own topic; returns when the broker has it."""
        assert self._client is not None
        self._client.publish(topic(self.vehicle, leaf), payload, qos=1, retain=True).wait_for_publish(20)

    def is_cut(self) -> None:
        """The line breaks without a word: nobody says DISCONNECT, so the broker publishes the will."""
        assert self._client is not None
        client, self._client = self._client, None
        client.on_disconnect = _stays_away
        line = client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_RDWR)
        client.loop_stop()


def _stays_away(client: Client, *_more: object) -> None:
    """It must not come back by itself."""
    client.disconnect()
