"""Opening the database: migrated before it is used, written through to the disk, one writer at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

BUSY_TIMEOUT_MS = 10_000
_READS = "hardshoulder_reads"

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    # A car forgets what it was told is here: that has to survive the power.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class DatabaseError(Exception):
    """The database cannot be opened; the text says which, why and what to do."""


class Database:
    """Transactions of one database; may be used from any thread."""

    def __init__(self, engine: Engine) -> None:
        """engine: made by `open_database`."""
        self.engine = engine
        self._reading = engine.execution_options(**{_READS: True})

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Everything inside is committed at its end, or nothing of it; other writers wait."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One moment of the database, which nobody waits for."""
        with Session(self._reading) as session:
            yield session

    def close(self) -> None:
        """Let go of the files."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database at this SQLAlchemy address, begun or migrated if need be. Raises DatabaseError.

    url: `sqlite:///FILE` for now.
    """
    if not url.startswith("sqlite:///"):
        raise DatabaseError(f"{url.partition(':')[0]} is no database for this version; name a file for SQLite.")
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        _keep_private(engine)
        _migrate(engine, url)
    except (OSError, SQLAlchemyError) as error:
        engine.dispose()
        reason = getattr(error, "orig", None) or error
        raise DatabaseError(f"The database {url} cannot be opened: {reason}; check the path and the disk.") from error
    except DatabaseError:
        engine.dispose()
        raise
    return Database(engine)


def migrations() -> Config:
    """Alembic's configuration: the scripts are a part of this package."""
    config = Config()
    config.set_main_option("script_location", str(files("hardshoulder_fleet.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _keep_private(engine: Engine) -> None:
    """Nobody else may read where the cars are; SQLite gives its other files the mode of this one."""
    if engine.url.database:
        Path(engine.url.database).touch(mode=0o600)


def _migrate(engine: Engine, url: str) -> None:
    config = migrations()
    scripts = ScriptDirectory.from_config(config)
    # One transaction for all of it: of two fleets that start at once the second finds it done.
    with engine.begin() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise DatabaseError(f"The database {url} was written by a newer version ({current}); install that version.")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare(connection: Any, _record: object) -> None:
    # Transactions are begun below, not by sqlite3, which would leave changes of the schema outside of them.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    # A transaction that reads first and writes later could be refused half-way; this one waits at its start.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
