"""The car's disk: real SQLite and real files in a folder of memory, with failures at the boundary.

A process that ends leaves its files as they are, without the checkpoint and the tidying of a close; after a power cut
what was not flushed may be there in part.
"""

import errno
import math
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hardshoulder.edge import journal, outbox_file
from hardshoulder.edge.delivery import LONGEST_WAIT_S
from hardshoulder.edge.storage import RETRY_AFTER_S
from hardshoulder_sim.faults.simulated.crash import Crash, Fuse

TROUBLES = {
    "full": (sqlite3.SQLITE_FULL, "database or disk is full", errno.ENOSPC),
    "failing": (sqlite3.SQLITE_IOERR, "disk I/O error", errno.EIO),
    "locked": (sqlite3.SQLITE_BUSY, "database is locked", errno.EAGAIN),
    "read-only": (sqlite3.SQLITE_READONLY, "attempt to write a readonly database", errno.EROFS),
}
_WRITES = ("INSERT", "UPDATE", "DELETE", "COMMIT", "CREATE", "ALTER", "PRAGMA user_version =")
_BEGINS = ("BEGIN IMMEDIATE",)
_PLACES = (*_WRITES, *_BEGINS)
_KEPT = "outbox.sqlite3"


class Disk:
    """One folder. trouble: a name of `TROUBLES` while it lasts. fuse: of the process that writes."""

    def __init__(self, root: Path, fuse: Fuse, chance: random.Random) -> None:
        self._root, self._chance = root, chance
        self.fuse = fuse
        self.trouble: str | None = None
        self._healed_at_s = self._damaged_at_s = -math.inf
        self.folder = root / "0"
        self.folder.mkdir()
        self._lives = 0
        self._open: list[FailingConnection] = []
        self._torn: tuple[int, int] | None = None
        self._flushed: dict[str, int] = {}
        self.committed: Callable[[], None] = lambda: None

    def connect(self, path: Path | str, **options: Any) -> sqlite3.Connection:
        """In place of `sqlite3.connect`."""
        if str(path) == ":memory:":
            return sqlite3.Connection(":memory:", **options)
        connection = FailingConnection(path, **options)
        connection.disk = self
        self._open.append(connection)
        return connection

    def heal(self, now_s: float) -> None:
        """It takes everything again."""
        self.trouble, self._healed_at_s = None, max(self._healed_at_s, now_s)

    @property
    def damaged(self) -> bool:
        """Whether its file was damaged in this run: an incident's word may be told again from memory alone."""
        return self._damaged_at_s > -math.inf

    def sound_for(self, now_s: float) -> bool:
        """Whether it has been in order for long enough that the outbox has found out."""
        return self.trouble is None and now_s > self._healed_at_s + 2 * RETRY_AFTER_S

    def fsync(self, descriptor: int) -> None:
        """In place of `os.fsync`, for the journal."""
        self.fuse.here("before journal fsync")
        if self.trouble is not None:
            code = TROUBLES[self.trouble][2]
            raise OSError(code, os.strerror(code))
        self._flushed[journal.FILE_NAME] = os.fstat(descriptor).st_size
        self.fuse.here("after journal fsync")

    def lose_process(self, *, power: bool) -> None:
        """The process has ended: its files are taken over as they lie there. power: the machine fell, too."""
        self._lives += 1
        after = self._root / str(self._lives)
        shutil.copytree(self.folder, after, ignore=shutil.ignore_patterns("*-shm"))
        if power:
            self._tear(after)
        for connection in self._open:
            connection.disk = None
            connection.close()
        self._open.clear()
        shutil.rmtree(self.folder)
        self.folder, self._torn = after, None

    def tear_at(self, before: int, after: int) -> None:
        """A commit was under way: its part of the log may be there in part."""
        self._torn = (before, after)

    def log_size(self) -> int:
        """Of the outbox's write-ahead log, in bytes."""
        wal = self.folder / f"{_KEPT}-wal"
        return wal.stat().st_size if wal.exists() else 0

    def damage(self, how: str, now_s: float) -> None:
        """truncated, deleted: what happens to the outbox's file under a program that has it open."""
        file = self.folder / _KEPT
        if not file.exists():
            return
        self._damaged_at_s = self._healed_at_s = now_s + LONGEST_WAIT_S
        if how == "deleted":
            for ending in ("", "-wal", "-shm"):
                file.with_name(file.name + ending).unlink(missing_ok=True)
        elif how == "truncated":
            with file.open("r+b") as raw:
                raw.truncate(self._chance.randrange(file.stat().st_size))

    def _tear(self, folder: Path) -> None:
        wal = folder / f"{_KEPT}-wal"
        if self._torn is not None and wal.exists():
            before, after = self._torn
            os.truncate(wal, self._chance.randint(before, after))
        written = folder / journal.FILE_NAME
        flushed = self._flushed.get(journal.FILE_NAME, 0)
        if written.exists() and written.stat().st_size > flushed:
            os.truncate(written, self._chance.randint(flushed, written.stat().st_size))


class FailingConnection(sqlite3.Connection):
    """A real connection that fails where its disk says so."""

    disk: Disk | None = None
    wrote = False

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """As ever, unless the disk or the process fails here."""
        disk = self.disk
        word = " ".join(sql.split())
        place = next((name for name in _PLACES if word.startswith(name)), None)
        if disk is None or place is None:
            return super().execute(sql, parameters)
        disk.fuse.here(f"before {place}")
        if disk.trouble is not None and (place in _WRITES or disk.trouble == "locked"):
            code, text, _ = TROUBLES[disk.trouble]
            error = sqlite3.OperationalError(text)
            error.sqlite_errorcode = code
            raise error
        size = disk.log_size() if place == "COMMIT" else 0
        cursor = super().execute(sql, parameters)
        try:
            disk.fuse.here(f"after {place}")
        except Crash:
            if place == "COMMIT":
                disk.tear_at(size, disk.log_size())
            raise
        if place == "INSERT":
            self.wrote = True
        elif place == "COMMIT" and self.wrote:
            self.wrote = False
            disk.committed()
        return cursor


@contextmanager
def in_place(disk: Disk, now_s: Any, wall_s: Any, boot: Any) -> Iterator[None]:
    """The production modules on this disk and these clocks."""
    clock = SimpleNamespace(time=wall_s, monotonic=now_s)
    files = SimpleNamespace(fsync=disk.fsync)
    with (
        patch.object(sqlite3, "connect", disk.connect),
        patch.object(outbox_file, "LOCK_TIMEOUT_S", 0.0),
        patch.object(journal, "time", clock),
        patch.object(journal, "os", files),
        patch.object(journal, "boot_id", boot),
    ):
        yield
