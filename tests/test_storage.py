"""The outbox on the disk with the one in memory beside it: no new event is lost, whatever the disk does."""

import os
from pathlib import Path

import pytest

from hardshoulder.edge.outbox import Outbox
from hardshoulder.edge.storage import FILE_NAME, RETRY_AFTER_S, Storage
from hardshoulder.settings import StorageSettings
from support.car import Said
from support.pending import PAGE_BYTES, ids, pending


def test_storage_keeps_events_in_memory_until_the_folder_is_there(tmp_path: Path) -> None:
    said, folder = Said(), tmp_path / "later"
    storage = Storage(StorageSettings(folder), said)
    storage.tend(0.0)
    storage.add(pending("a"))
    storage.tend(RETRY_AFTER_S)
    assert [level for level, _ in said.lines] == ["error"]
    assert str(folder) in said.lines[0][1]
    assert not storage.ok
    assert ids(storage.pending(10)) == ["a"]
    folder.mkdir()
    storage.tend(2 * RETRY_AFTER_S - 0.01)
    assert not storage.ok
    storage.tend(2 * RETRY_AFTER_S)
    assert storage.ok
    assert [level for level, _ in said.lines] == ["error", "info"]
    storage.add(pending("b"))
    storage.close()
    assert ids(Outbox.open(folder / FILE_NAME).pending(10)) == ["a", "b"]


def test_storage_goes_on_in_memory_when_the_disk_refuses(tmp_path: Path) -> None:
    said = Said()
    storage = Storage(StorageSettings(tmp_path), said)
    storage.tend(0.0)
    storage.add(pending("on-disk"))
    disk = storage._disk
    assert disk is not None
    pages = disk._connection.execute("PRAGMA page_count").fetchone()[0]
    disk._connection.execute(f"PRAGMA max_page_count = {pages}")
    storage.add(pending("large", padding=20 * PAGE_BYTES))
    assert not storage.ok
    assert sorted(ids(storage.pending(10))) == ["large", "on-disk"]
    assert [level for level, _ in said.lines] == ["error"]
    storage.mark_sent(["large", "on-disk"], 1.0)
    assert storage.forget("on-disk")
    disk._connection.execute("PRAGMA max_page_count = 1000")
    storage.tend(RETRY_AFTER_S)
    assert storage.ok
    storage.close()
    [event] = Outbox.open(tmp_path / FILE_NAME).pending(10)
    assert (event.event_id, event.attempts) == ("large", 1)


def test_storage_outlives_a_disk_that_turned_read_only(tmp_path: Path) -> None:
    said = Said()
    storage = Storage(StorageSettings(tmp_path), said)
    storage.tend(0.0)
    storage.add(pending("a"))
    disk = storage._disk
    assert disk is not None
    disk._connection.execute("PRAGMA query_only = ON")
    assert not storage.forget("a")
    storage.mark_sent(["a"], 1.0)
    storage.add(pending("b"))
    storage.tend(RETRY_AFTER_S)
    assert not storage.ok
    assert sorted(ids(storage.pending(10))) == ["a", "b"]
    assert [level for level, _ in said.lines] == ["error"]
    assert "writable" in said.lines[0][1]
    disk._connection.execute("PRAGMA query_only = OFF")
    storage.tend(2 * RETRY_AFTER_S)
    assert storage.ok
    assert storage.forget("a")
    assert storage.forget("b")
    assert not storage.forget("c")


def test_storage_sends_from_memory_when_the_disk_cannot_be_read(tmp_path: Path) -> None:
    said = Said()
    storage = Storage(StorageSettings(tmp_path), said)
    storage.tend(0.0)
    assert storage._disk is not None
    storage._disk._connection.execute("ALTER TABLE event RENAME TO hidden")
    storage.add(pending("a"))
    assert ids(storage.pending(10)) == ["a"]
    assert not storage.ok
    assert not storage.forget("elsewhere")
    assert len(said.lines) == 1


def test_storage_loses_no_new_event_when_the_database_breaks_while_it_is_open(tmp_path: Path) -> None:
    said = Said()
    storage = Storage(StorageSettings(tmp_path), said)
    storage.tend(0.0)
    storage.add(pending("before"))
    assert storage._disk is not None
    storage._disk._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file = tmp_path / FILE_NAME
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.write(b"\xaa" * size)
    # The page cache of the open connection would hide the damage.
    storage._disk._connection.execute("PRAGMA shrink_memory")
    storage.add(pending("during"))
    assert not storage.ok
    storage.tend(RETRY_AFTER_S)
    assert storage.ok
    assert (tmp_path / f"{FILE_NAME}.corrupt-1").exists()
    assert sorted(ids(storage.pending(10))) == ["before", "during"]
    assert any("corrupt-1" in text for _, text in said.lines)


def test_storage_says_when_it_begins_anew(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    said = Said()
    storage = Storage(StorageSettings(tmp_path), said)
    storage.add(pending("waiting"))
    storage.tend(0.0)
    assert storage.ok
    assert ids(storage.pending(10)) == ["waiting"]
    assert [level for level, text in said.lines if "corrupt-1" in text] == ["error"]


def test_depth_counts_both_places(tmp_path: Path) -> None:
    storage = Storage(StorageSettings(tmp_path / "missing"), Said())
    storage.tend(0.0)
    storage.add(pending("a"))
    assert storage.depth() == 1
    (tmp_path / "missing").mkdir()
    storage.tend(RETRY_AFTER_S)
    storage.add(pending("b"))
    assert storage.depth() == 2


def opened(folder: Path, said: Said) -> Storage:
    """A storage with two events on its disk."""
    storage = Storage(StorageSettings(folder), said)
    storage.tend(0.0)
    storage.add(pending("a"))
    storage.add(pending("b"))
    return storage


@pytest.mark.parametrize("how", ["deleted", "emptied", "cut", "replaced"])
def test_what_waits_outlives_a_file_that_is_damaged_under_way(tmp_path: Path, how: str) -> None:
    said = Said()
    storage, file = opened(tmp_path, said), tmp_path / FILE_NAME
    if how == "deleted":
        for path in tmp_path.glob(f"{FILE_NAME}*"):
            path.unlink()
    elif how == "replaced":
        (tmp_path / "other").write_bytes(b"")
        (tmp_path / "other").replace(file)
    else:
        storage.tend(0.5)  # it has seen how large the file is
        size = file.stat().st_size
        os.truncate(file, 0 if how == "emptied" else size // 2)
    storage.tend(1.0)
    assert sorted(ids(storage.pending(10))) == ["a", "b"], "nothing is lost while the process lives"
    storage.tend(1.0 + RETRY_AFTER_S)
    storage.tend(1.0 + 2 * RETRY_AFTER_S)
    assert storage.ok
    assert said.lines[0][0] == "error", "it is said"
    storage.add(pending("c"))
    storage.close()
    assert sorted(ids(Outbox.open(file).pending(10))) == ["a", "b", "c"], "all of it is on the disk again"


def test_an_event_that_was_acknowledged_does_not_come_back_with_a_new_file(tmp_path: Path) -> None:
    storage = opened(tmp_path, Said())
    assert storage.forget("a")
    (tmp_path / FILE_NAME).unlink()
    for at_s in (1.0, 1.0 + RETRY_AFTER_S):
        storage.tend(at_s)
    assert ids(storage.pending(10)) == ["b"]


def test_what_is_remembered_beside_the_disk_is_bounded(tmp_path: Path) -> None:
    storage = opened(tmp_path, Said())
    with storage._disk.together():  # type: ignore[union-attr]  # one commit for all of them
        for number in range(400):
            storage.add(pending(str(number)))
    assert len(storage._remembered) == 256
    assert ids(storage.pending(2)) == ["a", "b"]
