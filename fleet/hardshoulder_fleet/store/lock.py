"""One fleet at a time on one database: a second one would take errands and deadlines from the first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardshoulder_fleet.store.database import DatabaseError


@contextmanager
def only_one(database: Path) -> Iterator[None]:
    """Holds a lock beside this file; the system lets go of it when the process dies. Raises DatabaseError."""
    path = database.with_name(f"{database.name}.lock")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise DatabaseError(f"The lock {path} cannot be made: {error.strerror}; check the path.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DatabaseError(f"The database {database} is in use by another fleet; end that one first.") from None
    except OSError as error:
        os.close(descriptor)
        raise DatabaseError(f"The lock {path} cannot be taken: {error.strerror}; check the disk.") from None
    try:
        yield
    finally:
        os.close(descriptor)
