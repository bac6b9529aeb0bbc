"""What comes on `status` and `presence`, from MQTT to the desk: many in one commit, in a thread of its own.

A fleet of a thousand cars says a hundred statuses in a second, and no alert shall wait behind them. What
cannot be read is rejected like an alert that cannot; a car that repeats it is told of once.
"""

import logging
import queue
import threading
from collections.abc import Callable
from datetime import datetime

from paho.mqtt.client import MQTTMessage
from sqlalchemy.exc import SQLAlchemyError

from hardshoulder.wire import PresenceEvent, StatusEvent, WireError, parse_event, topic
from hardshoulder_fleet.desk import Desk, Word

STATUS, PRESENCE = "hardshoulder/v1/+/status", "hardshoulder/v1/+/presence"
BATCH = 500
"""Words in one commit."""
WAITING_LIMIT = 20_000
"""Statuses that wait while the database does not answer; those beyond are dropped, and each car says the next soon."""
DATABASE_RETRY_S = 1.0
_COMPLAINTS_LIMIT = 10_000
_LEAVES: dict[type, str] = {StatusEvent: "status", PresenceEvent: "presence"}

log = logging.getLogger("hardshoulder_fleet.contacts")


class Contacts:
    """Keeps the newest word of every car. acknowledge: MQTT's acknowledgement of a message of this connection.

    kept, rejected: how many messages were which, since the start.
    """

    def __init__(
        self, desk: Desk, clock: Callable[[], datetime], acknowledge: Callable[[int, MQTTMessage], None]
    ) -> None:
        self.kept = 0
        self.rejected = 0
        self._desk = desk
        self._clock = clock
        self._acknowledge = acknowledge
        self._complaints: dict[str, str] = {}
        self._stopping = threading.Event()
        self._messages: queue.SimpleQueue[tuple[int, MQTTMessage] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="contacts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is at hand."""
        self._stopping.set()
        self._messages.put(None)
        self._thread.join()

    def put(self, connection: int, message: MQTTMessage) -> None:
        """A message has come; returns at once."""
        if message.qos or self._messages.qsize() < WAITING_LIMIT:
            self._messages.put((connection, message))

    def _work(self) -> None:
        while not self._stopping.is_set() and (batch := self._next()):
            while not self._stopping.is_set():
                try:
                    self._keep([message for _, message in batch])
                except SQLAlchemyError as error:
                    log.error("the database does not take a status: %s", getattr(error, "orig", None) or error)
                    self._stopping.wait(DATABASE_RETRY_S)
                    continue
                for connection, message in batch:
                    self._acknowledge(connection, message)
                break

    def _next(self) -> list[tuple[int, MQTTMessage]]:
        """What waits, at least one; nothing at the end."""
        batch = []
        item = self._messages.get()
        while item is not None and not self._stopping.is_set():
            batch.append(item)
            if len(batch) == BATCH:
                break
            try:
                item = self._messages.get_nowait()
            except queue.Empty:
                break
        return batch

    def _keep(self, messages: list[MQTTMessage]) -> None:
        read = [(message, word) for message in messages if (word := self._word(message)) is not None]
        try:
            self._desk.hear([word for _, word in read], self._clock())
            self.kept += len(read)
        except SQLAlchemyError:
            raise
        except Exception:
            # One of them must not take the others with it, nor end the thread.
            log.exception("statuses could not be taken together")
            for message, word in read:
                self._keep_one(message, word)

    def _keep_one(self, message: MQTTMessage, word: Word) -> None:
        try:
            self._desk.hear([word], self._clock())
            self.kept += 1
        except SQLAlchemyError:
            raise
        except Exception as error:
            self._reject(message, f"not foreseen: {error!r}")

    def _word(self, message: MQTTMessage) -> Word | None:
        """None: it cannot be one, and is kept among the rejected."""
        try:
            return _read(message)
        except WireError as error:
            self._reject(message, str(error))
            return None

    def _reject(self, message: MQTTMessage, reason: str) -> None:
        self.rejected += 1
        if self._complaints.get(message.topic) == reason:
            return  # It comes every ten seconds, and says the same.
        if len(self._complaints) >= _COMPLAINTS_LIMIT:
            self._complaints.clear()
        self._desk.reject(message.topic, bytes(message.payload), reason, self._clock())
        self._complaints[message.topic] = reason
        log.warning("rejected a message on %s: %s", ascii(message.topic), ascii(reason))


def _read(message: MQTTMessage) -> Word:
    """Raises WireError for anything but a status or a presence of the car whose topic it is."""
    event = parse_event(bytes(message.payload))
    if not isinstance(event, StatusEvent | PresenceEvent):
        raise WireError(f"A status or a presence was expected, and {event.type} came.")
    # The broker lets a car write to its own topics alone: the topic is the identity, the content a claim.
    if message.topic != topic(event.data.vehicle, _LEAVES[type(event)]):
        raise WireError(f"The topic is not the {_LEAVES[type(event)]} of {event.data.vehicle!r}.")
    return Word(event, bool(message.retain))
