"""The database: begun by its migrations, written through to the disk, refused when it is newer than the program."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hardshoulder_fleet.store.database import Database, DatabaseError, open_database
from hardshoulder_fleet.store.tables import Base


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite3"


def opened(path: Path) -> Database:
    return open_database(f"sqlite:///{path}")


def test_the_migrations_make_what_the_tables_say(path: Path) -> None:
    database = opened(path)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    database.close()


def test_the_unique_keys_are_in_the_file(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as raw:
        schema = "\n".join(row[0] for row in raw.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert "CREATE UNIQUE INDEX one_tow_on_its_way ON tow (incident_id) WHERE NOT ended" in schema
    assert "PRIMARY KEY (order_ref, sequence)" in schema
    assert "one_errand UNIQUE (kind, subject)" in schema


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    first = opened(path)
    with first.write() as session:
        session.execute(text("UPDATE change SET count = 7"))
    first.close()
    with opened(path).read() as session:
        assert session.execute(text("SELECT count FROM change")).all() == [(7,)]


def test_it_is_written_through_to_the_disk(path: Path) -> None:
    with opened(path).read() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_nobody_else_may_read_where_the_cars_are(path: Path) -> None:
    database = opened(path)
    with database.write() as session:
        session.execute(text("UPDATE change SET count = 7"))
    files = list(path.parent.glob(f"{path.name}*"))
    assert len(files) > 1
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    database.close()


def test_half_a_transaction_is_nothing(path: Path) -> None:
    database = opened(path)

    def half() -> None:
        with database.write() as session:
            session.execute(text("UPDATE change SET count = 7"))
            session.execute(text("INSERT INTO deadline (incident_id, due_at) VALUES ('nobody', '2026-01-01')"))

    with pytest.raises(IntegrityError):
        half()
    with database.read() as session:
        assert session.execute(text("SELECT count FROM change")).all() == [(0,)]


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    with pytest.raises(DatabaseError, match=r"written by a newer version \(9999\); install that version"):
        opened(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_a_migration_that_breaks_off_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    monkeypatch.setattr(op, "bulk_insert", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        opened(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    monkeypatch.undo()
    opened(path).close()


def test_two_that_start_at_once_migrate_once(path: Path) -> None:
    failed: list[Exception] = []

    def start() -> None:
        try:
            opened(path).close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough to be looked at" * 20), "not a database"),
        (lambda path: path.mkdir(), "unable to open"),
    ],
)
def test_what_is_no_database_is_refused_in_one_sentence(path: Path, prepare: object, reason: str) -> None:
    assert callable(prepare)
    prepare(path)
    with pytest.raises(DatabaseError, match=reason) as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_told(path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"No such file or directory: .*; check the path"):
        opened(path.parent / "nowhere" / "fleet.sqlite3")


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(DatabaseError, match="postgresql is no database for this version"):
        open_database("postgresql://127.0.0.1/fleet")
