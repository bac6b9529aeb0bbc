"""A broker, and lines to it that fail: what stands where the MQTT library would be, and speaks as it does."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

from paho.mqtt.client import MQTT_ERR_NO_CONN, MQTT_ERR_SUCCESS, MQTTMessage

from hardshoulder_sim.faults.simulated.crash import Fuse
from hardshoulder_sim.faults.simulated.timeline import Deed, Timeline

KEEPALIVE_S = 60.0
CONNECT_WITHIN_S = 5.0
ROUND_S = 0.002
_OVERHEAD_BYTES = 60
FINE, FAILED = SimpleNamespace(is_failure=False), SimpleNamespace(is_failure=True)


@dataclass
class Line:
    """The way of one party to the broker. down: nobody gets through. deaf: bytes vanish and nobody is told."""

    delay_s: float = ROUND_S
    bytes_per_s: float = 1e9
    down: bool = False
    deaf: bool = False
    free_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    held: deque[Deed] = field(default_factory=deque)

    def carry(self, timeline: Timeline, upwards: bool, size: int, deed: Deed) -> None:
        """The deed, when so many bytes have come through in their order."""
        busy_s = (size + _OVERHEAD_BYTES) / self.bytes_per_s
        at_s = max(timeline.now_s, self.free_s[upwards]) + busy_s
        self.free_s[upwards] = at_s
        timeline.at(at_s + self.delay_s, lambda: self.held.append(deed) if self.deaf else deed())

    def hear_again(self) -> None:
        """What was held up comes through, in its order."""
        self.deaf = False
        while self.held and not self.deaf:
            self.held.popleft()()


@dataclass
class Session:
    """What the broker keeps for one client id."""

    topics: set[str] = field(default_factory=set)
    waiting: dict[int, MQTTMessage] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    numbers: int = 0


class Broker:
    """Hands on with QoS 1. up: it runs. refuses: it takes no connection."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.up, self.refuses = True, False
        self.sessions: dict[str, Session] = {}
        self.clients: dict[str, SimulatedClient] = {}

    def fall(self, *, empty: bool) -> None:
        """It ends; empty: what comes back in its place knows nothing of before."""
        self.up = False
        for client in list(self.clients.values()):
            client.break_off()
        if empty:
            self.sessions.clear()

    def welcome(self, client: "SimulatedClient") -> bool:
        """Whether a session was there."""
        if (other := self.clients.pop(client.name, None)) is not None and other is not client:
            other.break_off()
        self.clients[client.name] = client
        known = client.keeps_session and client.name in self.sessions
        if not known:
            self.sessions[client.name] = Session()
        self.sessions[client.name].sent.clear()
        return known

    def leave(self, client: "SimulatedClient") -> None:
        """The connection is gone; the will is not looked at by anybody here."""
        if self.clients.get(client.name) is client:
            del self.clients[client.name]
            if not client.keeps_session:
                self.sessions.pop(client.name, None)

    def subscribe(self, client: "SimulatedClient", topics: list[str]) -> None:
        """From now on its session has what comes there; and what waited goes out."""
        self.sessions[client.name].topics.update(topics)
        self.hand_out(client.name)

    def take(self, topic: str, payload: bytes) -> None:
        """A message from a client."""
        for name, session in self.sessions.items():
            if any(_matches(pattern, topic) for pattern in session.topics):
                session.numbers += 1
                message = MQTTMessage(session.numbers, topic.encode())
                message.payload, message.qos = payload, 1
                session.waiting[session.numbers] = message
                self.hand_out(name)

    def hand_out(self, name: str) -> None:
        """What waits for this client and was not sent on its connection."""
        client, session = self.clients.get(name), self.sessions[name]
        if client is None:
            return
        for number, message in session.waiting.items():
            if number not in session.sent:
                session.sent.add(number)
                client.deliver(message)

    def acknowledged(self, name: str, number: int) -> None:
        """The client has this message."""
        if name in self.sessions:
            self.sessions[name].waiting.pop(number, None)


def _matches(pattern: str, topic: str) -> bool:
    wanted, parts = pattern.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all(w in ("+", part) for w, part in zip(wanted, parts, strict=True))


Meddle = Callable[[str, bytes], list[tuple[float, bytes]]]
"""What becomes of a message on its way out: (delay in seconds, payload) for each copy."""


class SimulatedClient:
    """Stands where `paho.mqtt.client.Client` does, with the part of it that daemon and fleet use."""

    def __init__(
        self, broker: Broker, line: Line, fuse: Fuse, chance: random.Random, meddle: Meddle,
        heard: Callable[[str, bytes], None],
    ) -> None:  # fmt: skip
        """heard: told of every message after the program has it."""
        self._heard = heard
        self._broker, self._line, self._fuse, self._chance = broker, line, fuse, chance
        self._timeline, self._meddle = broker.timeline, meddle
        self._connection = 0
        self._wait_s = 1.0
        self._published = 0
        self.connected = self.dead = False
        self.name, self.keeps_session, self._manual = "", False, False
        self.on_pre_connect = self.on_connect = self.on_connect_fail = self.on_disconnect = _nothing
        self.on_subscribe = self.on_message = self.on_publish = self.on_log = _nothing

    def begin(self, *_api: object, client_id: str, manual_ack: bool = False, **_options: object) -> "SimulatedClient":
        """What the constructor of the library takes."""
        self.name, self._manual = client_id, manual_ack
        return self

    # What the programs call -----------------------------------------------------------------

    def connect_async(self, _host: str, _port: int, *_rest: object, clean_start: bool, **_options: object) -> None:
        self.keeps_session = not clean_start

    def loop_start(self) -> None:
        self._timeline.after(0.0, self._try)

    def loop_stop(self) -> None:
        self.vanish()

    def disconnect(self) -> None:
        self._hang_up(FINE)

    def is_connected(self) -> bool:
        return self.connected

    def max_queued_messages_set(self, _limit: int) -> None:
        """There is no queue here."""

    def reconnect_delay_set(self, shortest_s: float, longest_s: float) -> None:
        self._shortest_s, self._longest_s = float(shortest_s), float(longest_s)

    def drop_out_messages(self) -> None:
        """There is no queue here."""

    def will_set(self, *_will: object, **_options: object) -> None:
        """Nobody here looks at presence."""

    def subscribe(self, what: Any, qos: int = 0) -> None:
        topics = [what] if isinstance(what, str) else [name for name, _ in what]

        def heard() -> None:
            self._broker.subscribe(self, topics)
            self._down(lambda: self.on_subscribe(self, None, 0, [FINE for _ in topics], None), 5)

        self._up(heard, 40)

    def publish(self, topic: str, payload: bytes, qos: int = 0, **_options: object) -> SimpleNamespace:
        if not self.connected:
            return SimpleNamespace(rc=MQTT_ERR_NO_CONN)
        self._published += 1
        kind = topic.rsplit("/", 1)[1]
        told = kind in ("incident", "ack")
        if told:
            self._fuse.here(f"before publish of {kind}")
        for delay_s, data in self._meddle(topic, payload):
            self._timeline.after(delay_s, partial(self._say, topic, data, self._published))
        if told:
            self._fuse.here(f"after publish of {kind}")
        return SimpleNamespace(rc=MQTT_ERR_SUCCESS, mid=self._published, is_published=lambda: True)

    def ack(self, mid: int, _qos: int) -> None:
        self._fuse.here("before PUBACK")
        self._up(lambda: self._broker.acknowledged(self.name, mid), 4)
        self._fuse.here("after PUBACK")

    # What happens to it ----------------------------------------------------------------------

    def deliver(self, message: MQTTMessage) -> None:
        """From the broker."""

        def take() -> None:
            self._fuse.here("before a message is heard")
            self.on_message(self, None, message)
            self._fuse.here("after a message is heard")
            self._heard(message.topic, bytes(message.payload))
            if not self._manual and not self.dead:
                self.ack(message.mid, 1)

        self._down(take, len(message.payload))

    def break_off(self) -> None:
        """The line broke: the program hears of it and tries again."""
        if self.connected:
            self._hang_up(FAILED)
            self._again()

    def vanish(self) -> None:
        """The process is dead; nobody calls anything of it again."""
        self.dead = True
        self._connection += 1
        self.connected = False
        self._broker.leave(self)

    def _say(self, topic: str, data: bytes, mid: int) -> None:
        self._up(lambda: self._arrived(topic, data, mid), len(data))

    def _arrived(self, topic: str, data: bytes, mid: int) -> None:
        self._broker.take(topic, data)
        self._down(lambda: self.on_publish(self, None, mid, FINE, None), 4)

    def _up(self, deed: Deed, size: int) -> None:
        self._carry(True, deed, size)

    def _down(self, deed: Deed, size: int) -> None:
        self._carry(False, deed, size)

    def _carry(self, upwards: bool, deed: Deed, size: int) -> None:
        connection = self._connection

        def through() -> None:
            if connection == self._connection and self.connected and self._broker.up:
                deed()

        self._line.carry(self._timeline, upwards, size, through)

    def _hang_up(self, reason: SimpleNamespace) -> None:
        was, self.connected = self.connected, False
        self._connection += 1
        self._broker.leave(self)
        if was:
            flags = SimpleNamespace(is_disconnect_packet_from_server=False)
            self.on_disconnect(self, None, flags, reason, None)

    def _again(self) -> None:
        self._timeline.after(self._wait_s * self._chance.uniform(0.9, 1.1), self._try)
        self._wait_s = min(self._wait_s * 2, self._longest_s)

    def _try(self) -> None:
        if self.dead or self.connected:
            return
        self.on_pre_connect(self, None)
        broker, line = self._broker, self._line
        if line.deaf:
            self._timeline.after(CONNECT_WITHIN_S, lambda: self._fail(TimeoutError("timed out")))
        elif line.down or not broker.up or broker.refuses:
            self._fail(ConnectionRefusedError(111, "Connection refused"))
        else:
            self._timeline.after(2 * line.delay_s, self._greeted)

    def _fail(self, error: OSError) -> None:
        if self.dead:
            return
        try:
            raise error
        except OSError:
            self.on_connect_fail(self, None)
        self._again()

    def _greeted(self) -> None:
        if self.dead or self.connected:
            return
        if not self._broker.up or self._line.down:
            self._fail(ConnectionResetError(104, "Connection reset by peer"))
            return
        self._wait_s, self.connected = self._shortest_s, True
        self._connection += 1
        known = self._broker.welcome(self)
        self.on_connect(self, None, SimpleNamespace(session_present=known), FINE, None)
        self._broker.hand_out(self.name)
        self._watch_line(self._connection)

    def _watch_line(self, connection: int) -> None:
        """Whoever hears nothing for one and a half keepalives hangs up, at both ends."""

        def look() -> None:
            if connection != self._connection or self.dead:
                return
            if self._line.deaf:
                self._line.held.clear()
                self.break_off()
            else:
                self._watch_line(connection)

        self._timeline.after(KEEPALIVE_S * 1.5, look)


def _nothing(*_arguments: object) -> None:
    """No callback is set."""
