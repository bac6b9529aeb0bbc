"""The database: begun by its migrations, written through to the disk, refused when it is newer than the program."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError

from hardshoulder_fleet.store.database import Database, DatabaseError, migrations, open_database
from hardshoulder_fleet.store.lock import only_one
from hardshoulder_fleet.store.tables import Base, CheckInRow, ErrandKind, ErrandRow, ReportRow, TowRow


def opened(path: Path) -> Database:
    return open_database(f"sqlite:///{path}")


def test_the_migrations_make_what_the_tables_say(path: Path) -> None:
    database = opened(path)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [("0004",)]
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


OLD_ROWS = """
INSERT INTO check_in VALUES ('incident-1', 'car-7', 'tow-ordered', :t, :t, 1, 'event-1');
INSERT INTO check_in VALUES ('incident-2', 'car-8', 'tow-ordered', :t, :t, 1, 'event-2');
INSERT INTO check_in VALUES ('incident-3', 'car-9', 'closed', :t, :t, 1, 'event-3');
INSERT INTO quote VALUES (1, 'incident-1', 'quote-1', 12900, 'EUR', 'Terms.', 45, :t, 1);
INSERT INTO quote VALUES (2, 'incident-2', 'quote-2', 12900, 'EUR', 'Terms.', 45, :t, 1);
INSERT INTO quote VALUES (3, 'incident-3', 'quote-3', 12900, 'EUR', 'Terms.', 45, :t, 1);
INSERT INTO tow VALUES (1, 'incident-1', 1, 'order-1', 'en-route', 0, 'I order.', :t, :t);
INSERT INTO tow VALUES (2, 'incident-2', 2, NULL, 'requested', 0, 'I order.', :t, :t);
INSERT INTO tow VALUES (3, 'incident-3', 3, 'order-3', 'completed', 1, 'I order.', :t, :t);
INSERT INTO report VALUES ('order-1', 1, 'assigned', :t);
INSERT INTO errand VALUES (1, 'incident-2', 'request-tow', '2', :t, NULL, 1, NULL, NULL);
"""


def test_a_database_of_the_first_schema_is_migrated_with_its_tows(path: Path) -> None:
    old = create_engine(f"sqlite:///{path}")
    config = migrations()
    with old.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD_ROWS.strip().splitlines():
            connection.exec_driver_sql(statement.replace(":t", "'2026-03-01 12:00:00.000000'"))
    old.dispose()
    database = opened(path)
    then = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with database.read() as session:
        tows = session.scalars(select(TowRow).order_by(TowRow.number)).all()
        # The provider knows the orders that are there by their incident alone.
        assert [tow.reference for tow in tows] == ["incident-1", "incident-2", "incident-3"]
        assert {(tow.heard_at, tow.doubted, tow.unsettled, tow.called_off) for tow in tows} == {
            (then, False, False, None)
        }
        assert [tow.doubt_at for tow in tows] == [then, then, None]
        errands = session.scalars(select(ErrandRow).order_by(ErrandRow.number)).all()
        assert [(errand.kind, errand.subject, errand.due_at, errand.attempts) for errand in errands] == [
            (ErrandKind.REQUEST_TOW, "2", then, 1),
            (ErrandKind.WATCH_TOW, "1", then, 0),
        ]
        assert session.get_one(ReportRow, ("order-1", 1)).eta_minutes is None
        check_ins = session.scalars(select(CheckInRow).order_by(CheckInRow.incident_id)).all()
        assert [(row.wants_help, row.lost_contact) for row in check_ins] == [
            (True, False),
            (True, False),
            (False, False),
        ]
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    database.close()


def test_a_second_fleet_on_one_database_is_refused_until_the_first_is_gone(path: Path) -> None:
    with (
        only_one(path),
        pytest.raises(DatabaseError, match=r"fleet\.sqlite3 is in use by another fleet; end that one"),
        only_one(path),
    ):
        pass
    with only_one(path):
        assert path.with_name("fleet.sqlite3.lock").stat().st_mode & 0o777 == 0o600
    with pytest.raises(DatabaseError, match="cannot be made: No such file"), only_one(path / "nowhere"):
        pass


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
