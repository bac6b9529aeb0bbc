"""The outbox's file: opened, brought to the newest schema, and moved aside when it is damaged."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE event (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL UNIQUE,
            topic TEXT NOT NULL,
            subject TEXT NOT NULL,
            payload BLOB NOT NULL,
            priority INTEGER NOT NULL,
            created_at REAL NOT NULL,
            attempts INTEGER NOT NULL,
            last_sent_at REAL,
            turn INTEGER NOT NULL
        )
        """,
        "CREATE INDEX event_by_turn ON event (turn, number)",
        "CREATE INDEX event_by_subject ON event (subject, number)",
    ),
    (
        "ALTER TABLE event ADD COLUMN boot TEXT",
        "ALTER TABLE event ADD COLUMN ahead_s REAL",
        "CREATE INDEX event_to_correct ON event (boot) WHERE boot IS NOT NULL",
    ),
)
"""The steps to the newest schema; the database's user_version says how many were taken.

A step that was released is never changed: the next one is added behind it.
"""

_FIRST_COLUMNS = "event_id, topic, subject, payload, priority, created_at, attempts, last_sent_at"
COLUMNS = f"{_FIRST_COLUMNS}, boot, ahead_s"
"""The columns that make a PendingEvent, in the order of its fields."""

CORRUPT_FILES_KEPT = 5
LOCK_TIMEOUT_S = 5.0

_ENDINGS = ("", "-wal", "-shm")
_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_WRITABLE = "Make the folder and the file in it writable for the daemon's user."
_REMEDIES = {
    sqlite3.SQLITE_FULL: "The disk is full: make room on it.",
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_BUSY: "Another process holds it: stop the second daemon.",
    sqlite3.SQLITE_IOERR: "The disk fails to read or write: check it, and the room on it.",
}

Row = tuple[str, str, str, bytes, int, float, int, float | None, str | None, float | None]


class OutboxError(Exception):
    """The outbox cannot be used; the text names the path and the remedy."""


class DamagedError(OutboxError):
    """The database turned out damaged while it was open: opening it again begins a new one."""


class UnreadableError(Exception):
    """The file is no database, or a damaged one."""


def explain(path: Path, error: sqlite3.Error) -> OutboxError:
    """The database's complaint with the path and what can be done about it."""
    if _primary_code(error) in _UNREADABLE:
        return DamagedError(f"The outbox {path} is damaged: {error}. It is opened again and repaired.")
    remedy = _REMEDIES.get(_primary_code(error), "Move the file away if this goes on; a new one is begun.")
    return OutboxError(f"The outbox {path} cannot be used: {error}. {remedy}")


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode to a sound database with the newest schema.

    Raises OutboxError when folder, disk or version do not allow it, UnreadableError when the
    file is damaged.
    """
    if not path.parent.is_dir():
        raise OutboxError(
            f"The outbox {path} cannot be opened: the folder {path.parent} is not there. "
            "Create it and give it to the daemon's user."
        )
    if not path.exists():
        # Events tell where somebody is: nobody else reads them. SQLite explains a refusal better.
        with suppress(OSError):
            path.touch(mode=0o600)
    try:
        connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(path, error) from error
    try:
        _make_sound(connection, path)
    except sqlite3.Error as error:
        connection.close()
        if _primary_code(error) in _UNREADABLE:
            raise UnreadableError(str(error)) from error
        raise explain(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date. Raises OutboxError for a database newer than this program."""
    while (version := _version(connection)) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        # Read again under the lock: another process may have taken the step in between.
        if _version(connection) == version:
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            # The version is part of the same commit: a step is taken wholly or not at all.
            connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")
    if version > len(MIGRATIONS):
        raise OutboxError(
            f"The outbox {path} has schema {version}, and this daemon knows schemas up to {len(MIGRATIONS)}. "
            "Install the newer daemon again, or move the file away."
        )


def move_aside(path: Path) -> Path:
    """Rename the database and its log to `<name>.corrupt-<n>` and say where it is now.

    Only the last few are kept. Raises OutboxError when the folder does not allow it.
    """
    prefix = f"{path.name}.corrupt-"
    endings = (other.name.removeprefix(prefix) for other in path.parent.glob(f"{prefix}*"))
    numbers = sorted(int(ending) for ending in endings if ending.isdecimal())
    aside = path.with_name(f"{prefix}{numbers[-1] + 1 if numbers else 1}")
    try:
        for number in numbers[: 1 - CORRUPT_FILES_KEPT]:
            for file in _files(path.with_name(f"{prefix}{number}")):
                file.unlink(missing_ok=True)
        for file, target in zip(_files(path), _files(aside), strict=True):
            if file.exists():
                file.rename(target)
    except OSError as error:
        raise OutboxError(f"The unreadable outbox {path} cannot be moved aside: {error}. Move it away.") from error
    return aside


def rescue(path: Path) -> list[Row]:
    """The rows that can still be read from a damaged database, oldest first."""
    rows: list[Row] = []
    # A damaged file was not brought to the newest schema: it may lack the newer columns.
    for columns in (COLUMNS, f"{_FIRST_COLUMNS}, NULL, NULL"):
        # Where the damage begins the reading ends; what was read before it counts.
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            for row in connection.execute(f"SELECT {columns} FROM event ORDER BY number"):
                rows.append(row)
        if rows:
            break
    return rows


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _make_sound(connection: sqlite3.Connection, path: Path) -> None:
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        raise UnreadableError(" ".join(verdict.split()))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    prepare(connection, path)


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _ENDINGS]


def _primary_code(error: sqlite3.Error) -> int:
    """The error code without its details; 0 when the error does not come from the database itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
