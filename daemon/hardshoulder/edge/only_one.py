"""One daemon at a time on a storage folder and a status socket: a second would take bus and broker from the first."""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hardshoulder.edge.surroundings import Say
from hardshoulder.errors import UserError
from hardshoulder.settings import Settings

FILE_NAME = "daemon.lock"


def lock_files(settings: Settings) -> tuple[Path, ...]:
    """What a second daemon finds locked: the storage's, and the status socket's where that lies elsewhere."""
    storage, asked_at = settings.storage.folder, settings.asked_at
    locks = (storage / FILE_NAME,)
    return locks if asked_at.parent == storage else (*locks, asked_at.with_name(f"{asked_at.name}.lock"))


@contextmanager
def only_one(files: Iterable[Path], say: Say) -> Iterator[None]:
    """Holds these lock files; the system lets go of them when the process dies, however it does.

    Raises UserError when another daemon holds one. A lock that cannot be made is said, and the car is watched.
    """
    with ExitStack() as stack:
        for file in files:
            try:
                descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                say("warning", f"{file}: cannot be made: {error.strerror}; nothing keeps a second daemon away")
                continue
            stack.callback(os.close, descriptor)
            _take(file, descriptor, say)
        yield


def _take(file: Path, descriptor: int, say: Say) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno != errno.EWOULDBLOCK:
            say("warning", f"{file}: cannot be locked: {error.strerror}; nothing keeps a second daemon away")
            return
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        who = f" (process {holder})" if holder.isdecimal() else ""
        raise UserError(f"{file}: another daemon{who} is at work here; end that one first") from None
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        # A full disk: the lock holds without the number in it.
        return
