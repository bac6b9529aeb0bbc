"""The demo's ear at the broker: alerts to the fleet, acknowledgements to the car."""

import threading
import time

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.core.actions import HazardState
from hardshoulder.wire import IncidentData, IncidentEvent, parse_ack, parse_event
from hardshoulder_sim.processes import wait_until
from hardshoulder_sim.story import Stage, Tell


class Witness:
    """Tells what passes through the broker."""

    def __init__(self, port: int, tell: Tell) -> None:
        self._tell = tell
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        topics = [("hardshoulder/v1/+/incident", 1), ("hardshoulder/v1/+/ack", 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)

    def start(self) -> None:
        """Returns when everything that follows will be heard."""
        self._client.loop_start()
        wait_until(self._ready.is_set, "the witness has subscribed")

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        at_s, payload = time.time(), bytes(message.payload)
        if message.topic.endswith("/ack"):
            detail = f"the car is told to forget sequence {parse_ack(payload).sequence}"
            self._tell(Stage("committed at the fleet", at_s, detail))
            return
        event = parse_event(payload)
        assert isinstance(event, IncidentEvent), "only alerts were subscribed to"
        for stage in _alert_stages(event.data, at_s):
            self._tell(stage)

    def close(self) -> None:
        """Ends the connection."""
        self._client.disconnect()
        self._client.loop_stop()


def _alert_stages(alert: IncidentData, at_s: float) -> list[Stage]:
    """What one alert tells: when it was decided, and that it arrived."""
    evidence = ", ".join(item.finding.value for item in alert.evidence)
    speed = "" if alert.speed_kph_at_open is None else f" at {alert.speed_kph_at_open:.0f} km/h"
    received = Stage("alert received", at_s, f"{alert.cause.name}/{alert.cause.sub_name}, sequence {alert.sequence}")
    stages = [Stage("detected", alert.opened_at.timestamp(), f"{evidence}{speed}"), received]
    if alert.hazards is HazardState.CONFIRMED:
        stages.append(Stage("hazards confirmed", at_s, f"the daemon has seen them, sequence {alert.sequence}"))
    return stages
