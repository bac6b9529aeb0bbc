"""The line to the broker: paho-mqtt with a last will, a subscription to the acknowledgements, no queue."""

import contextlib
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Literal, cast

from paho.mqtt.client import (
    MQTT_ERR_SUCCESS,
    MQTT_LOG_ERR,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
    MQTTMessageInfo,
    MQTTv5,
)
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from hardshoulder.edge.surroundings import Say
from hardshoulder.edge.tls import explain, make_context, open_secrets
from hardshoulder.settings import MqttSettings
from hardshoulder.wire import ACK_LIMIT_BYTES, CONTENT_TYPE, topic

SHORTEST_RETRY_S = 1
LONGEST_RETRY_S = 5
"""Short, because an alert may wait: a broker that is back is found at once."""
TROUBLES_LIMIT = 20
"""Complaints remembered, so that each is made once while the broker is away."""
QUEUE_LIMIT = 500
"""Messages that the client holds until the broker confirms them."""
INBOX_LIMIT = 1000
_WITH_WILL = 4  # MQTT 5, 3.14.2.1: disconnect with will message
_PACKET_LIMIT_BYTES = ACK_LIMIT_BYTES + 1024


Leaving = Literal["asleep", "low-supply", "stopped"]
"""Why the car says goodbye."""
Presence = Callable[[bool, int, Leaving | None], bytes]
"""The payload that says whether the car is connected, by which of its connections, and why it goes."""


class LinkError(Exception):
    """The line cannot be set up: a file is missing or a name is no host; the text says which."""


class Link:
    """One connection to the broker, made again whenever it breaks.

    paho runs its own thread; everything here may be called from another one and returns at
    once. What was not confirmed when a connection breaks is dropped here, because the outbox
    has it and sends it again: there is one queue, and it is on the disk.
    """

    def __init__(
        self,
        settings: MqttSettings,
        vehicle: str,
        presence: Presence,
        wake: Callable[[], None],
        say: Say,
        *,
        number: Callable[[], int],
        troubles: deque[str],
    ) -> None:
        """presence: makes the payload.

        number: draws the next of these. troubles: complaints made to this broker before. Raises LinkError.
        """
        self._broker = f"{settings.host}:{settings.port}"
        self._presence = presence
        self._wake = wake
        self._say = say
        self._presence_topic, self._ack_topic = topic(vehicle, "presence"), topic(vehicle, "ack")
        self._acks: deque[bytes] = deque(maxlen=INBOX_LIMIT)
        self._troubles = troubles
        self._next_number, self._number = number, 0
        self._unconfirmed: deque[tuple[float, MQTTMessageInfo]] = deque()
        self._confirmed_s, self._confirmed = 0.0, 0
        self._parting = 0
        """The message that is our goodbye; message ids begin with 1."""
        self._gone = threading.Event()
        self._told = False
        self._encrypted = self._certified = False
        self.connected = False
        self.connections = 0
        """How often a connection was made; a new number means that all that waits is due."""
        self.failures = 0
        """How often the broker could not be reached, refused or hung up, since the last connection."""
        self._client = self._make_client(settings, vehicle)

    def start(self) -> None:
        """Begin to connect."""
        self._client.loop_start()

    def publish(self, to: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send with QoS 1. False: the broker is not there or does not keep up; ask again later."""
        if not self.connected:
            return False
        info = self._client.publish(to, payload, qos=1, retain=retain, properties=_content_type())
        if info.rc != MQTT_ERR_SUCCESS:
            return False
        # Also where nobody asks how long the broker has been silent.
        self._drop_confirmed()
        self._unconfirmed.append((time.monotonic(), info))
        return True

    def silent_since_s(self) -> float:
        """Since when the broker confirms nothing of what waits for it, monotonic; infinity: nothing waits.

        A slow line is not a silent one: each message that it confirms counts.
        """
        self._drop_confirmed()
        return max(self._unconfirmed[0][0], self._confirmed_s) if self._unconfirmed else inf

    def _drop_confirmed(self) -> None:
        while self._unconfirmed and self._unconfirmed[0][1].is_published():
            self._unconfirmed.popleft()

    def take_acks(self) -> list[bytes]:
        """The acknowledgements that have come in since the last time."""
        return [self._acks.popleft() for _ in range(len(self._acks))]

    def stop(self, timeout_s: float) -> None:
        """Say goodbye and hang up; after `timeout_s` the broker has to find out by itself."""
        until_s = time.monotonic() + timeout_s
        if self.connected:
            info = self._client.publish(
                self._presence_topic,
                self._presence(False, self._number, "stopped"),
                qos=1,
                retain=True,
                properties=_content_type(),
            )
            if info.rc == MQTT_ERR_SUCCESS:
                info.wait_for_publish(timeout_s)
            self._client.disconnect()
            self._gone.wait(max(0.0, until_s - time.monotonic()))
        else:
            self._client.disconnect()

    def part(self, why: Leaving | None) -> None:
        """Say goodbye, and wait for nothing. why: None for another broker that is there already."""
        gone = self._presence(False, self._number, why)
        info = self._client.publish(self._presence_topic, gone, qos=1, retain=True, properties=_content_type())
        # A socket that is closed with a confirmation unread is reset, and the broker takes it for a line that broke.
        self._parting = info.mid
        if self._confirmed == info.mid or info.rc != MQTT_ERR_SUCCESS:
            self._client.disconnect()

    def abandon(self) -> None:
        """Hang up without a word, which lets the broker speak the last will, and wait for nothing."""
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))
        line = cast("socket.socket | None", self._client.socket())
        if line is not None:
            # A broker that is silent would otherwise keep paho's thread until the keep-alive ends.
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _make_client(self, settings: MqttSettings, vehicle: str) -> Client:
        client_id = settings.client_id or f"hardshoulder-{vehicle}"
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5)
        client.suppress_exceptions = True  # They end up in `on_log` instead of ending paho's thread.
        client.max_queued_messages_set(QUEUE_LIMIT)
        client.reconnect_delay_set(SHORTEST_RETRY_S, LONGEST_RETRY_S)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_log = self._on_log
        try:
            self._set_secrets(client, settings)
            settings.host.encode("idna")
            properties = _properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = _PACKET_LIMIT_BYTES
            client.connect_async(
                settings.host, settings.port, settings.keepalive_s, clean_start=True, properties=properties
            )
        except (OSError, ValueError) as error:
            raise LinkError(f"The connection to {self._broker} cannot be set up: {error}.") from error
        return client

    def _set_secrets(self, client: Client, settings: MqttSettings) -> None:
        """User, password and certificates. Raises OSError for a file that cannot be read."""
        if settings.username is not None:
            password = settings.password_file.read_text().strip() if settings.password_file else None
            client.username_pw_set(settings.username, password)
        if (context := make_context(settings)) is not None:
            self._encrypted, self._certified = True, settings.cert_file is not None
            client.tls_set_context(context)
        for warning in open_secrets(settings):
            self._say("warning", warning)

    def _on_pre_connect(self, client: Client, _userdata: object) -> None:
        client.drop_out_messages()
        self._unconfirmed = deque()
        self._told = False
        self._number = self._next_number()
        # Made anew for every connection, so that no two wills carry the same event id.
        client.will_set(
            self._presence_topic,
            self._presence(False, self._number, None),
            qos=1,
            retain=True,
            properties=_content_type(will=True),
        )

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._complain(f"The broker {self._broker} refuses the connection: {reason}.")
            self._fail()
            return
        client.subscribe(self._ack_topic, qos=1)
        here = self._presence(True, self._number, None)
        client.publish(self._presence_topic, here, qos=1, retain=True, properties=_content_type())
        self._troubles.clear()
        self._gone.clear()
        self._say("info", f"Connected to the broker {self._broker}.")
        self.connections += 1
        self.failures = 0
        self.connected = True
        self._wake()

    def _on_connect_fail(self, _client: Client, _userdata: object) -> None:
        # paho calls this while it handles the error and does not hand it over.
        self._complain(f"The broker {self._broker} cannot be reached: {self._why()}.")
        self._fail()

    def _on_disconnect(
        self,
        client: Client,
        _userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self.connected and reason.is_failure:
            # Without a word of the broker, paho has only "unspecified error" to offer.
            why = str(reason) if flags.is_disconnect_packet_from_server else "the line broke"
            self._complain(f"The connection to the broker {self._broker} is lost: {why}.")
        elif reason.is_failure and not self._told:
            self._complain(f"The broker {self._broker} hangs up before it has answered.")
        self.connected = False
        if self._parting:
            client.disconnect()  # It does not come back.
        self._gone.set()
        self._fail()

    def _fail(self) -> None:
        self.failures += 1
        self._wake()

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._complain(f"The broker {self._broker} does not let the car hear {self._ack_topic}: {reasons[0]}.")

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._acks.append(bytes(message.payload))
        self._wake()

    def _on_publish(
        self, client: Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._confirmed_s, self._confirmed = time.monotonic(), mid
        if mid == self._parting:
            client.disconnect()
        if reason.is_failure:
            whose = "; mqtt.cert_file has to carry the car's own name" if self._certified else ""
            self._complain(f"The broker {self._broker} refuses a message: {reason}{whose}.")
        self._wake()

    def _on_log(self, _client: Client, _userdata: object, level: int, text: str) -> None:
        # That it is not connected paho says at every retry and at the end; we have said why.
        if level != MQTT_LOG_ERR or text.startswith("Client is not connected"):
            return
        if text.startswith("failed to receive") and not self.connected:
            self._complain(f"The broker {self._broker} hangs up: {self._why()}.")
        else:
            self._complain(f"The MQTT client reports: {text}", "error")

    def _why(self) -> str:
        """What the error means that paho is handling while it calls us."""
        return explain(sys.exc_info()[1], encrypted=self._encrypted)

    def _complain(self, text: str, level: Literal["warning", "error"] = "warning") -> None:
        """Say it, unless it was said since the last connection: a broker away for a day is one line."""
        self._told = True
        if text not in self._troubles:
            self._troubles.append(text)
            self._say(level, text)


def _content_type(*, will: bool = False) -> Properties:
    properties = _properties(PacketTypes.WILLMESSAGE if will else PacketTypes.PUBLISH)
    properties.ContentType = CONTENT_TYPE
    properties.PayloadFormatIndicator = 1
    return properties


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho left this class without types
