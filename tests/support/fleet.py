"""A fleet that listens to one broker and acknowledges when a test wants it to."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.wire import IncidentEvent, ack_event, encode, parse_event, topic
from hardshoulder_sim.processes import wait_until


class Fleet:
    """Subscribes to everything of every car; connected and subscribed when the `with` block begins.

    acknowledge: whether every incident event is acknowledged as it comes.
    secure: called with the client before it connects, to give it a password or certificates.
    """

    def __init__(
        self, port: int, *, acknowledge: bool = False, secure: Callable[[Client], None] = lambda _client: None
    ) -> None:
        self.acknowledge = acknowledge
        self.messages: list[MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        secure(self._client)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("hardshoulder/v1/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._port = port

    def __enter__(self) -> Self:
        self._client.connect_async("127.0.0.1", self._port)
        self._client.loop_start()
        wait_until(self._subscribed.is_set, "the fleet has subscribed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def incidents(self) -> list[IncidentEvent]:
        """The incident events so far, duplicates as well."""
        events = [parse_event(bytes(message.payload)) for message in self._of("incident")]
        return [event for event in events if isinstance(event, IncidentEvent)]

    def told(self, leaf: str) -> list[dict[str, Any]]:
        """The data of the events on this leaf so far."""
        return [json.loads(message.payload)["data"] for message in self._of(leaf)]

    def acknowledge_event(self, event: IncidentEvent) -> None:
        """Say that this event is in the database."""
        self.say(event.data.vehicle, encode(ack_event(event, "/fleet", datetime.now(UTC))))

    def say(self, vehicle: str, payload: bytes) -> None:
        """Publish something to a car's acknowledgements."""
        self._client.publish(topic(vehicle, "ack"), payload, qos=1)

    def _of(self, leaf: str) -> list[MQTTMessage]:
        return [message for message in list(self.messages) if message.topic.endswith(f"/{leaf}")]

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.messages.append(message)
        if self.acknowledge and message.topic.endswith("/incident"):
            event = parse_event(bytes(message.payload))
            assert isinstance(event, IncidentEvent)
            self.acknowledge_event(event)
