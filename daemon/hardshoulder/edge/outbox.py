"""Events that wait for the fleet's acknowledgement, in SQLite: they outlive the process and the power."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardshoulder.edge.outbox_file import (
    COLUMNS,
    MIGRATIONS,
    DamagedError,
    OutboxError,
    Row,
    UnreadableError,
    connect,
    explain,
    move_aside,
    prepare,
    rescue,
)

__all__ = ["INCIDENT_PRIORITY", "DamagedError", "Outbox", "OutboxError", "PendingEvent"]

INCIDENT_PRIORITY = 0
"""Higher numbers matter less."""


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event on its way to the fleet.

    subject: what it is about (an incident's id); a later event about the same subject says
    everything that an earlier one said.
    created_at, last_sent_at: seconds since 1970, for people who look into the database.
    """

    event_id: str
    topic: str
    subject: str
    payload: bytes
    priority: int
    created_at: float
    attempts: int = 0
    last_sent_at: float | None = None


class Outbox:
    """A bounded table of events; to be used from one thread.

    Over `max_events`, events go that are not incidents, the least important and oldest first;
    then events about an incident of which a later one is here, because that one tells the whole
    incident again. The last event about an incident never goes: those are bounded by the disk
    alone.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, max_events: int) -> None:
        """connection: in autocommit mode, with the newest schema (see `outbox_file.prepare`)."""
        assert max_events > 0, "an outbox holds at least one event"
        self.remark: str | None = None
        """What somebody should be told about the opening."""
        self._connection = connection
        self._path = path
        self._max_events = max_events
        self._file: int | None = None
        self._size = 0
        with self._explained():
            depth, turn = connection.execute("SELECT COUNT(*), COALESCE(MAX(turn), 0) FROM event").fetchone()
        self._depth, self._turn = int(depth), int(turn)

    @classmethod
    def open(cls, path: Path, max_events: int = 10_000) -> "Outbox":
        """The outbox in this file, begun if it is not there.

        A file that cannot be read is moved aside; what can be saved of it goes into a new one,
        and `remark` says so. Raises OutboxError when the folder or the disk do not allow it,
        or when a newer daemon wrote the file.
        """
        try:
            return cls(connect(path), path, max_events)
        except UnreadableError as error:
            return cls._begin_anew(path, max_events, str(error))

    @classmethod
    def in_memory(cls, max_events: int = 10_000) -> "Outbox":
        """An outbox that lasts as long as the process."""
        path = Path(":memory:")
        connection = sqlite3.connect(path, isolation_level=None)
        prepare(connection, path)
        return cls(connection, path, max_events)

    @classmethod
    def _begin_anew(cls, path: Path, max_events: int, reason: str) -> "Outbox":
        aside = move_aside(path)
        saved = [PendingEvent(*row) for row in rescue(aside) if _is_whole(row)]
        try:
            outbox = cls(connect(path), path, max_events)
        except UnreadableError as error:
            raise OutboxError(f"The new outbox {path} cannot be read either: {error}. Check the disk.") from error
        with outbox.together():
            for event in saved:
                outbox.add(event)
        outbox.remark = (
            f"The outbox {path} could not be read ({reason}). It is kept as {aside}; a new one was begun, "
            f"and {len(saved)} of its events were saved."
        )
        return outbox

    def add(self, event: PendingEvent) -> None:
        """Keep the event; when this returns it is on the disk. An id that is here already changes nothing."""
        values = (
            event.event_id,
            event.topic,
            event.subject,
            event.payload,
            event.priority,
            event.created_at,
            event.attempts,
            event.last_sent_at,
        )
        with self.together():
            self._depth += self._connection.execute(
                f"INSERT OR IGNORE INTO event ({COLUMNS}, turn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", values
            ).rowcount
            while self._depth > self._max_events and self._drop_one():
                self._depth -= 1

    def pending(self, limit: int) -> list[PendingEvent]:
        """Up to `limit` events: those never sent first, then those not sent for the longest time."""
        query = f"SELECT {COLUMNS} FROM event ORDER BY turn, number LIMIT ?"
        with self._explained():
            return [PendingEvent(*row) for row in self._connection.execute(query, (limit,))]

    def mark_sent(self, event_id: str, at: float) -> None:
        """Note that the event was published. at: seconds since 1970."""
        self._turn += 1
        statement = "UPDATE event SET attempts = attempts + 1, last_sent_at = ?, turn = ? WHERE event_id = ?"
        with self._explained():
            self._connection.execute(statement, (at, self._turn, event_id))

    def forget(self, event_id: str) -> bool:
        """Drop the event, because the fleet has it. False: it was not here."""
        with self._explained():
            dropped = self._connection.execute("DELETE FROM event WHERE event_id = ?", (event_id,)).rowcount
        self._depth -= dropped
        return dropped > 0

    def depth(self) -> int:
        """How many events wait."""
        return self._depth

    def look(self) -> None:
        """See whether the file is still the one that was opened, and whole. Raises DamagedError.

        SQLite goes on writing to a file that was deleted, and to one that was cut short it does from its cache: nobody
        would notice before the next start.
        """
        try:
            of = self._path.stat()
        except OSError:
            raise DamagedError(f"The outbox {self._path} was taken away. A new one is begun.") from None
        if self._file not in (None, of.st_ino):
            raise DamagedError(f"The outbox {self._path} was replaced by another file. It is opened anew.")
        if of.st_size < self._size:
            raise DamagedError(f"The outbox {self._path} was cut short. It is opened again and repaired.")
        self._file, self._size = of.st_ino, of.st_size

    def probe(self) -> None:
        """Write something, to see whether the disk takes it. Raises OutboxError."""
        with self._explained():
            self._connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything inside is written with one commit, or nothing of it. It may be nested."""
        if self._connection.in_transaction:
            yield
            return
        depth = self._depth
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._depth = depth
                # A full disk makes the database roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Leave the file alone."""
        self._connection.close()

    def _drop_one(self) -> bool:
        """Make room for one event; False when each event here is the last about its incident."""
        statement = """
            DELETE FROM event WHERE number = (
                SELECT number FROM event AS old
                WHERE priority > ? OR EXISTS (
                    SELECT 1 FROM event AS new WHERE new.subject = old.subject AND new.number > old.number
                )
                ORDER BY priority DESC, number LIMIT 1
            )
        """
        return self._connection.execute(statement, (INCIDENT_PRIORITY,)).rowcount > 0

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self._path, error) from error


def _is_whole(row: Row) -> bool:
    """Whether a rescued row is an event and not what a damaged page was taken for."""
    try:
        event = json.loads(row[3])
    except (TypeError, ValueError):
        return False
    texts, numbers = row[:3], row[4:7]
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int | float) for number in numbers)
        and isinstance(event, dict)
        and event.get("id") == row[0]
    )
