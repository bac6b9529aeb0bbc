"""The outbox on a real file: what it keeps, in which order, and what it says when it cannot."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.edge.outbox import INCIDENT_PRIORITY, Outbox, OutboxError
from hardshoulder.edge.outbox_file import CORRUPT_FILES_KEPT, MIGRATIONS, prepare
from support.pending import PAGE_BYTES, ids, pending


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite3"


def test_an_event_survives_closing_and_opening(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.add(pending("a"))
    outbox.mark_sent("a", 2000.0)
    outbox.close()
    again = Outbox.open(path)
    [event] = again.pending(10)
    assert (event.event_id, event.topic, event.attempts, event.last_sent_at) == ("a", "topic/a", 1, 2000.0)
    assert event.payload == pending("a").payload
    assert again.depth() == 1
    assert again.remark is None


def test_the_file_is_written_through_to_the_disk(path: Path) -> None:
    outbox = Outbox.open(path)
    connection = outbox._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    full = 2
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == full
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_nobody_else_may_read_where_the_car_is(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.add(pending("a"))
    files = list(path.parent.glob(f"{path.name}*"))
    assert len(files) > 1
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_the_same_event_is_kept_once(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.add(pending("a"))
    outbox.add(pending("a", subject="another"))
    assert outbox.depth() == 1
    assert outbox.pending(10)[0].subject == "about-a"


def test_forget_says_whether_it_was_here(path: Path) -> None:
    outbox = Outbox.open(path)
    outbox.add(pending("a"))
    assert outbox.forget("a")
    assert not outbox.forget("a")
    assert outbox.depth() == 0
    assert outbox.pending(10) == []


def test_nobody_waits_behind_an_event_that_is_never_acknowledged(path: Path) -> None:
    outbox = Outbox.open(path)
    for event_id in "abc":
        outbox.add(pending(event_id))
    seen = []
    for _ in range(4):
        [event] = outbox.pending(1)
        seen.append(event.event_id)
        outbox.mark_sent(event.event_id, 0.0)
    outbox.add(pending("d"))
    assert seen == ["a", "b", "c", "a"]
    assert ids(outbox.pending(10)) == ["d", "b", "c", "a"]


def test_turns_go_on_after_opening_again(path: Path) -> None:
    outbox = Outbox.open(path)
    for event_id in "ab":
        outbox.add(pending(event_id))
    outbox.mark_sent("a", 0.0)
    outbox.close()
    again = Outbox.open(path)
    again.mark_sent("b", 0.0)
    assert ids(again.pending(10)) == ["a", "b"]


def test_a_full_outbox_drops_the_least_important_first() -> None:
    outbox = Outbox.in_memory(max_events=3)
    outbox.add(pending("result-1", priority=1))
    outbox.add(pending("trace-1", priority=2))
    outbox.add(pending("trace-2", priority=2))
    outbox.add(pending("incident-1"))
    assert ids(outbox.pending(10)) == ["result-1", "trace-2", "incident-1"]
    outbox.add(pending("incident-2"))
    outbox.add(pending("incident-3"))
    assert ids(outbox.pending(10)) == ["incident-1", "incident-2", "incident-3"]
    outbox.add(pending("trace-3", priority=2))
    assert ids(outbox.pending(10)) == ["incident-1", "incident-2", "incident-3"]
    assert outbox.depth() == 3


def test_a_full_outbox_drops_what_a_later_event_tells_again() -> None:
    outbox = Outbox.in_memory(max_events=2)
    for event_id, subject in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("c1", "c")):
        outbox.add(pending(event_id, subject))
    assert ids(outbox.pending(10)) == ["b1", "a3", "c1"]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([INCIDENT_PRIORITY, 1, 2])), max_size=30),
    st.integers(min_value=1, max_value=6),
)
def test_the_last_word_on_an_incident_is_never_dropped(arrivals: list[tuple[str, int]], limit: int) -> None:
    outbox = Outbox.in_memory(max_events=limit)
    last: dict[str, str] = {}
    for number, (subject, priority) in enumerate(arrivals):
        about = f"{subject}-{priority}"
        outbox.add(pending(str(number), about, priority))
        if priority == INCIDENT_PRIORITY:
            last[about] = str(number)
    left = ids(outbox.pending(100))
    assert set(last.values()) <= set(left)
    assert len(left) == outbox.depth() <= max(limit, len(last))


def test_together_is_all_or_nothing(path: Path) -> None:
    outbox = Outbox.open(path)

    def stumble() -> None:
        with outbox.together():
            outbox.add(pending("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert (outbox.depth(), outbox.pending(10)) == (0, [])
    with outbox.together():
        outbox.add(pending("b"))
    assert ids(outbox.pending(10)) == ["b"]


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match=r"is not there\. Create it") as caught:
        Outbox.open(tmp_path / "nowhere" / "outbox.sqlite3")
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy() -> None:
    # Nobody may create a file there, not even root.
    path = Path("/proc/outbox.sqlite3")
    with pytest.raises(OutboxError, match=r"/proc/outbox\.sqlite3 .*writable"):
        Outbox.open(path)


def full_outbox(path: Path) -> tuple[sqlite3.Connection, Outbox]:
    """An outbox on a database that may not grow any more: SQLite says what it says on a full disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    prepare(connection, path)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    return connection, Outbox(connection, path, 100)


def test_a_full_disk_is_named_and_loses_nothing_that_was_kept(path: Path) -> None:
    connection, outbox = full_outbox(path)
    outbox.add(pending("small"))
    with pytest.raises(OutboxError, match="disk is full: make room") as caught:
        outbox.add(pending("large", padding=10 * PAGE_BYTES))
    assert str(path) in str(caught.value)
    assert ids(outbox.pending(10)) == ["small"]
    assert outbox.depth() == 1
    connection.execute("PRAGMA max_page_count = 1000")
    outbox.add(pending("large", padding=10 * PAGE_BYTES))
    assert outbox.depth() == 2


def test_a_locked_file_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardshoulder.edge.outbox_file.LOCK_TIMEOUT_S", 0.01)
    outbox = Outbox.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxError, match="Another process"):
            outbox.add(pending("a"))
        other.execute("ROLLBACK")
    outbox.add(pending("a"))
    assert outbox.depth() == 1


def test_a_newer_database_is_left_alone(path: Path) -> None:
    Outbox.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match=f"schema {len(MIGRATIONS) + 1}.*newer daemon"):
        Outbox.open(path)
    assert path.read_bytes() == before
    assert sorted(other.name for other in path.parent.glob("*corrupt*")) == []


def test_a_migration_is_taken_wholly_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Outbox.open(path).close()
    steps = (*MIGRATIONS, ("CREATE TABLE more (a)", "this is no SQL"))
    monkeypatch.setattr("hardshoulder.edge.outbox_file.MIGRATIONS", steps)
    with pytest.raises(OutboxError, match="syntax error"):
        Outbox.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []


def test_two_processes_may_open_the_outbox_at_the_same_moment(tmp_path: Path) -> None:
    """Many rounds, since the moment between reading the version and taking the step is short."""
    for number in range(30):
        path, errors = tmp_path / f"outbox-{number}.sqlite3", list[Exception]()
        barrier = threading.Barrier(3)

        def begin(path: Path = path, errors: list[Exception] = errors, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(20.0)
            try:
                Outbox.open(path).close()
            except Exception as trouble:
                errors.append(trouble)

        threads = [threading.Thread(target=begin) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20.0)
        assert [error for error in errors if "Another process holds it" not in str(error)] == []
        assert Outbox.open(path).depth() == 0


def test_a_later_migration_keeps_the_events(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox.open(path)
    outbox.add(pending("a"))
    outbox.close()
    steps = (*MIGRATIONS, ("ALTER TABLE event ADD COLUMN colour TEXT",))
    monkeypatch.setattr("hardshoulder.edge.outbox_file.MIGRATIONS", steps)
    assert ids(Outbox.open(path).pending(10)) == ["a"]


@pytest.mark.parametrize(
    "content", [b"not a database, and longer than one might think" * 100, b"SQLite format 3\0" * 300]
)
def test_a_file_that_is_no_database_is_moved_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    outbox = Outbox.open(path)
    aside = path.with_name(f"{path.name}.corrupt-1")
    assert outbox.remark is not None
    assert str(path) in outbox.remark
    assert str(aside) in outbox.remark
    assert aside.read_bytes() == content
    outbox.add(pending("a"))
    assert outbox.depth() == 1


def test_what_can_be_read_of_a_damaged_database_is_saved(path: Path) -> None:
    outbox = Outbox.open(path)
    events = 40
    for number in range(events):
        outbox.add(pending(f"event-{number:02}", padding=PAGE_BYTES // 2))
    outbox.close()
    raw = bytearray(path.read_bytes())
    middle = len(raw) // PAGE_BYTES * 3 // 4 * PAGE_BYTES
    raw[middle : middle + 3 * PAGE_BYTES] = b"\x55" * (3 * PAGE_BYTES)
    path.write_bytes(raw)
    again = Outbox.open(path)
    assert again.remark is not None
    assert f"and {again.depth()} of its events were saved" in again.remark
    assert 5 <= again.depth() < events
    expected = {
        f"event-{number:02}": pending(f"event-{number:02}", padding=PAGE_BYTES // 2) for number in range(events)
    }
    assert all(event == expected[event.event_id] for event in again.pending(100))


def test_only_the_last_corrupt_files_are_kept(path: Path) -> None:
    for number in range(CORRUPT_FILES_KEPT + 3):
        path.write_bytes(b"broken %d " % number * 200)
        Outbox.open(path).close()
    kept = sorted(other.name for other in path.parent.glob("*corrupt*"))
    first = 1 + 3
    assert kept == [f"{path.name}.corrupt-{number}" for number in range(first, first + CORRUPT_FILES_KEPT)]
