"""A car on a real broker: publishes what a test wants, and hears its acknowledgements."""

import threading
from typing import Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.wire import AckData, IncidentEvent, encode, parse_ack, topic


class Car:
    """Publishes what a test wants, and hears its acknowledgements."""

    def __init__(self, port: int, vehicle: str = "car-7") -> None:
        self.acks: list[AckData] = []
        self._ready = threading.Event()
        self._topic, self._ack = topic(vehicle, "incident"), topic(vehicle, "ack")
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(self._ack, qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, *events: IncidentEvent) -> None:
        """Incident events, as they are."""
        for event in events:
            self.send(encode(event))

    def send(self, payload: bytes) -> None:
        """Anything on the incident's topic; returns when the broker has it."""
        self._client.publish(self._topic, payload, qos=1).wait_for_publish(20)

    def heard(self) -> list[tuple[str, int]]:
        """Incident and sequence of each acknowledgement so far."""
        return [(ack.incident_id, ack.sequence) for ack in list(self.acks)]

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.acks.append(parse_ack(bytes(message.payload)))
