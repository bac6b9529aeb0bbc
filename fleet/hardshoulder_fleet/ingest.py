"""From the broker to the desk: commit, then MQTT's acknowledgement, then the fleet's own that lets the car forget.

A process that dies anywhere in between gets the message again (from the broker, because the session
outlives the connection, and from the car, because it has not been told), and the desk knows it by its id.
"""

import logging
import queue
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from paho.mqtt.client import MQTT_ERR_SUCCESS, MQTT_LOG_ERR, Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from sqlalchemy.exc import SQLAlchemyError

from hardshoulder.wire import (
    CONTENT_TYPE,
    EVENT_LIMIT_BYTES,
    IncidentEvent,
    WireError,
    ack_event,
    encode,
    parse_event,
    topic,
)
from hardshoulder_fleet.contacts import PRESENCE, STATUS, Contacts
from hardshoulder_fleet.desk import Desk, DeskError

SUBSCRIPTION = "hardshoulder/v1/+/incident"
_QOS = {
    SUBSCRIPTION: 1,
    PRESENCE: 1,
    # It is retained, and there is another soon. For a fleet that is away, the broker would queue them all,
    # and drop alerts when its queue is full.
    STATUS: 0,
}
SOURCE = "/hardshoulder-fleet"
SESSION_S = 7 * 24 * 3600
"""How long the broker keeps what comes while the fleet is away."""
SHORTEST_RETRY_S = 1
LONGEST_RETRY_S = 30
DATABASE_RETRY_S = 1.0
MESSAGES_AT_ONCE = 200
"""What the broker hands over before anything of it is acknowledged."""
_PACKET_LIMIT_BYTES = EVENT_LIMIT_BYTES * 2
"""More than an event may have, so that a somewhat too large one can be told of; the broker drops larger ones."""

log = logging.getLogger("hardshoulder_fleet.ingest")


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is. client_id: names the session; one process at a time may use it."""

    host: str
    port: int
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_id: str = "hardshoulder-fleet"


class IngestError(Exception):
    """The line cannot be set up; the text says why."""


class Ingest:
    """The one consumer of all cars' incidents. paho's thread only queues; one thread of ours takes what came.

    taken, duplicates, rejected: how many messages were which, since the start.
    """

    def __init__(self, desk: Desk, settings: BrokerSettings, clock: Callable[[], datetime]) -> None:
        """Raises IngestError for a password or certificate that cannot be read."""
        self.taken = 0
        self.duplicates = 0
        self.rejected = 0
        self.subscribed = threading.Event()
        self._desk = desk
        self._clock = clock
        self._broker = f"{settings.host}:{settings.port}"
        self._trouble: str | None = None
        self._refused = False
        self._stopping = threading.Event()
        # Bounded by the broker, which hands over MESSAGES_AT_ONCE at most on one connection.
        self._messages: queue.SimpleQueue[tuple[int, MQTTMessage] | None] = queue.SimpleQueue()
        self._connection = 0
        self._client = self._make_client(settings)
        self._contacts = Contacts(desk, clock, self._acknowledge)
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin to connect; the broker may come later."""
        self._thread.start()
        self._contacts.start()
        self._client.loop_start()

    def stop(self) -> None:
        """Finish the message at hand and hang up; the session stays with the broker."""
        self._stopping.set()
        self._messages.put(None)
        self._thread.join()
        self._contacts.stop()
        self._client.disconnect()
        self._client.loop_stop()

    def _acknowledge(self, connection: int, message: MQTTMessage) -> None:
        if connection == self._connection and message.qos:
            self._client.ack(message.mid, message.qos)

    def _work(self) -> None:
        while (item := self._messages.get()) is not None and not self._stopping.is_set():
            connection, message = item
            if connection != self._connection:
                # The broker sends what was not acknowledged once more, and counts anew.
                continue
            try:
                event = self._commit(message)
            except SQLAlchemyError as error:
                # Neither taken nor refused. It is not acknowledged, so the car and the broker keep it too.
                log.error("the database does not take a message: %s", getattr(error, "orig", None) or error)
                if not self._stopping.wait(DATABASE_RETRY_S):
                    self._messages.put(item)
                continue
            self._client.ack(message.mid, message.qos)
            if event is not None:
                self._tell_car(event)

    def _commit(self, message: MQTTMessage) -> IncidentEvent | None:
        """The event, once it is in the database; None: it cannot be one, and is kept among the rejected."""
        try:
            event = _read(message)
            new = self._desk.take_event(event, self._clock())
        except (WireError, DeskError) as error:
            self._reject(message, str(error))
            return None
        except SQLAlchemyError:
            raise
        except Exception as error:
            # It must not end the ears of the fleet. The car keeps it, because it is not told that we have it.
            log.exception("a message could not be taken")
            self._reject(message, f"not foreseen: {error!r}")
            return None
        self.taken += new
        self.duplicates += not new
        said, data = "taken" if new else "known already", event.data
        log.info("%s: vehicle=%s incident=%s sequence=%d", said, data.vehicle, data.incident_id, data.sequence)
        return event

    def _reject(self, message: MQTTMessage, reason: str) -> None:
        self.rejected += 1
        log.warning("rejected a message on %s: %s", ascii(message.topic), ascii(reason))
        self._desk.reject(message.topic, bytes(message.payload), reason, self._clock())

    def _tell_car(self, event: IncidentEvent) -> None:
        ack = encode(ack_event(event, SOURCE, self._clock()))
        info = self._client.publish(topic(event.data.vehicle, "ack"), ack, qos=1, properties=_content_type())
        if info.rc != MQTT_ERR_SUCCESS:
            # The car will say it again, and is told then.
            log.info("no acknowledgement for %s yet: the broker is not there", event.id)

    def _make_client(self, settings: BrokerSettings) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id, protocol=MQTTv5, manual_ack=True)
        client.suppress_exceptions = True  # They end up in `on_log` instead of ending paho's thread.
        client.reconnect_delay_set(SHORTEST_RETRY_S, LONGEST_RETRY_S)
        client.max_queued_messages_set(MESSAGES_AT_ONCE)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_log = self._on_log
        try:
            _set_secrets(client, settings)
            client.connect_async(settings.host, settings.port, clean_start=False, properties=_session())
        except (OSError, ValueError) as error:
            raise IngestError(f"The connection to {self._broker} cannot be set up: {error}.") from error
        return client

    def _on_pre_connect(self, client: Client, _userdata: object) -> None:
        """What was not heard on the last connection is asked for again by the cars."""
        client.drop_out_messages()
        self._refused = False

    def _on_connect(
        self, client: Client, _userdata: object, flags: ConnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = True
            self._complain(f"the broker {self._broker} refuses the connection: {reason}")
            return
        self._trouble = None
        kept = "it has kept what came meanwhile" if flags.session_present else "it knows nothing of before"
        log.info("connected to the broker %s; %s", self._broker, kept)
        client.subscribe([(name, SubscribeOptions(qos)) for name, qos in _QOS.items()])

    def _on_connect_fail(self, _client: Client, _userdata: object) -> None:
        # paho calls this while it handles the error and does not hand it over.
        self._complain(f"the broker {self._broker} cannot be reached: {sys.exc_info()[1]}")

    def _on_disconnect(
        self, _client: Client, _userdata: object, flags: DisconnectFlags, reason: ReasonCode, _more: Properties | None
    ) -> None:
        self._connection += 1
        self.subscribed.clear()
        self._desk.listening(None)
        if reason.is_failure and not self._refused and not self._stopping.is_set():
            # Without a word of the broker, paho has only "unspecified error" to offer.
            why = str(reason) if flags.is_disconnect_packet_from_server else "the line broke"
            self._complain(f"the connection to the broker {self._broker} is lost: {why}")

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _more: Properties | None
    ) -> None:
        refused = {name: reason for name, reason in zip(_QOS, reasons, strict=False) if reason.is_failure}
        if refused:
            names, why = ", ".join(refused), next(iter(refused.values()))
            self._complain(f"the broker {self._broker} does not let the fleet hear {names}: {why}")
        if not refused:
            self._desk.listening(self._clock())
        if SUBSCRIPTION not in refused:
            self.subscribed.set()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic.endswith("/incident"):
            self._messages.put((self._connection, message))
        else:
            self._contacts.put(self._connection, message)

    def _on_log(self, client: Client, _userdata: object, level: int, text: str) -> None:
        if level != MQTT_LOG_ERR:
            return
        # A broker that does not like the certificate says so only after the greeting; paho handles it while it logs.
        if isinstance(error := sys.exc_info()[1], ssl.SSLError) and not client.is_connected():
            self._refused = True
            self._complain(f"the broker {self._broker} hangs up: {error.reason or error}")
            return
        # While there is no broker, paho complains at every try; that it is away has been said.
        log.log(logging.ERROR if client.is_connected() else logging.DEBUG, "the MQTT client reports: %s", text)

    def _complain(self, text: str) -> None:
        """Say it, unless it was the last thing said: a broker away for a day is one line."""
        if text != self._trouble:
            self._trouble = text
            log.warning("%s", text)


def _read(message: MQTTMessage) -> IncidentEvent:
    """Raises WireError for anything but an incident of the car whose topic it is."""
    event = parse_event(bytes(message.payload))
    if not isinstance(event, IncidentEvent):
        raise WireError(f"An incident was expected, and {event.type} came.")
    # The broker lets a car write to its own topics alone: the topic is the identity, the content a claim.
    if message.topic != topic(event.data.vehicle, "incident"):
        raise WireError(f"The topic is not the one of {event.data.vehicle!r}.")
    return event


def _set_secrets(client: Client, settings: BrokerSettings) -> None:
    """User, password and certificates. Raises OSError for a file that cannot be read."""
    if settings.username is not None:
        password = settings.password_file.read_text("utf-8").strip() if settings.password_file else None
        client.username_pw_set(settings.username, password)
    if settings.ca_file is None and settings.cert_file is None:
        return
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None:
        # With a password at hand, an encrypted key is an error and no question at a terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    client.tls_set_context(context)


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left this without types
    properties.SessionExpiryInterval = SESSION_S
    properties.ReceiveMaximum = MESSAGES_AT_ONCE
    properties.MaximumPacketSize = _PACKET_LIMIT_BYTES
    return properties


def _content_type() -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho left this without types
    properties.ContentType = CONTENT_TYPE
    properties.PayloadFormatIndicator = 1
    return properties
