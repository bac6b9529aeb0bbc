"""The newest line of the journal in memory that outlives the process and not the power: written by the loop itself.

The journal's thread needs a moment until its line is in a file. A process that is killed within it would forget that
the car has broken down: the next one meets a car that rolls without drive and has never seen it drive. A file in tmpfs
waits for no disk.
"""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
LIMIT_BYTES = 1 << 20


def place(storage: Path) -> Path | None:
    """Where the word of the daemon with this storage lies; None: this machine has no such memory.

    Under systemd the unit's own runtime directory, which is kept over a restart.
    """
    digest = hashlib.sha256(os.fsencode(storage.absolute())).hexdigest()[:16]
    if runtime := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(runtime.split(":")[0]) / f"incident-{digest}"
    return SHARED_MEMORY / f"hardshoulder-{os.geteuid()}-{digest}" if SHARED_MEMORY.is_dir() else None


class LastWord:
    """One line in a file of its own. What goes wrong here is no trouble: the journal's own file still has it, later."""

    def __init__(self, path: Path | None) -> None:
        """path: as `place` says; None keeps nothing."""
        self._path = path

    def keep(self, line: bytes) -> None:
        """This line in place of the one before, whole or not at all."""
        if self._path is None:
            return
        part = self._path.with_name(f"{self._path.name}.part")
        with suppress(OSError):
            part.unlink(missing_ok=True)
            # A name that somebody else has made there is not followed.
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
            part.replace(self._path)

    def drop(self) -> None:
        """There is nothing to remember."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def read(self) -> bytes:
        """The line; empty where there is none, or where it is not ours."""
        if self._path is None:
            return b""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                of = os.fstat(descriptor)
                if stat.S_ISREG(of.st_mode) and of.st_uid == os.geteuid():
                    return os.read(descriptor, LIMIT_BYTES)
            finally:
                os.close(descriptor)
        return b""
