"""The folder of recordings and its bounds: so many bytes, so many days, the oldest go first, the open one never."""

import contextlib
import fcntl
import mmap
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recording import SUFFIX, NotOurs

FOLDER = "recordings"
"""Beside the outbox, in the folder of `[storage]`."""

_DAY_S = 86_400.0
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
"""Where a car has been is nobody else's business on the machine."""


def name_of(incident_id: str) -> str:
    """What the recording of an incident is called; one incident has one."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", incident_id)[:128] + SUFFIX


class Shelf:
    """Recordings on a disk. Every method may raise OSError unless it says otherwise."""

    def __init__(self, storage: Path) -> None:
        """storage: the folder of `[storage]`."""
        self.folder = storage / FOLDER

    def open(self, name: str) -> int:
        """A descriptor that appends to the recording, which is ours alone while it is open.

        Raises BlockingIOError while another process writes it. The storage itself is never made here: where it is not
        mounted yet, something would be written below its place.
        """
        self.folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.folder / name, flags, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def paths(self) -> list[Path]:
        """The recordings, the oldest first; none where there is no folder."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = [(entry.stat().st_mtime, entry.name) for entry in os.scandir(self.folder) if _is_recording(entry)]
            return [self.folder / name for _, name in sorted(found)]
        return []

    def make_room(self, more: int, limit: int, kept: str) -> list[str]:
        """Takes the oldest away until `more` bytes fit below `limit`; returns what went. kept: never goes."""
        paths = self.paths()
        sizes = {path: path.stat().st_size for path in paths}
        total, gone = sum(sizes.values()) + more, list[str]()
        for path in paths:
            if total <= limit:
                break
            if path.name != kept and self.remove(path):
                total -= sizes[path]
                gone.append(path.name)
        return gone

    def older_than(self, days: float, now: float) -> list[Path]:
        """The recordings that were last written so long ago. now: seconds since 1970."""
        return [path for path in self.paths() if now - path.stat().st_mtime > days * _DAY_S]

    def remove(self, path: Path) -> bool:
        """Takes a recording away; False for one that is being written."""
        with in_use(path) as busy:
            if not busy:
                path.unlink(missing_ok=True)
        return not busy


def _is_recording(entry: "os.DirEntry[str]") -> bool:
    return entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False)


@contextmanager
def in_use(path: Path) -> Iterator[bool]:
    """Whether somebody writes the recording. While one looks, nobody else begins to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        busy = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy = True
        yield busy
    finally:
        os.close(descriptor)


def read(path: Path, use: Callable[[Recorded], None]) -> None:
    """Lends the recording to `use`. Raises NotOurs, OSError."""
    with in_use(path) as busy, path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise NotOurs("it is empty")
        if busy:
            # Whoever writes it may take back what the disk did not take, and a map must not lose its ground.
            use(Recorded(file.read()))
            return
        # Mapped and not read: a module in a car has little memory, and a recording may be a large part of it.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            use(Recorded(data))
