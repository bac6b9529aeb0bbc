"""What a recording is made from and into: the ring of the last pieces in memory, and the file that takes them."""

import contextlib
import os
from collections import deque

from hardshoulder.edge.recording import HEADER_BYTES, Kind, Moment, Piece, chunk
from hardshoulder.edge.shelf import Shelf


class Ring:
    """The last pieces, bounded by time and by bytes."""

    def __init__(self, before_s: float, limit_bytes: int) -> None:
        self._before_us, self._limit = round(before_s * 1e6), limit_bytes
        self._pieces: deque[tuple[int, Piece]] = deque()
        self._bytes = self._serial = 0

    def add(self, piece: Piece) -> None:
        """The newest; the oldest make room for it."""
        self._serial += 1
        self._pieces.append((self._serial, piece))
        self._bytes += len(piece.body) + HEADER_BYTES
        while self._bytes > self._limit:
            self._drop()

    def forget(self, now_s: float) -> None:
        """What is older than an incident may ask for."""
        while self._pieces and self._pieces[0][1].last_us < now_s * 1e6 - self._before_us:
            self._drop()

    def _drop(self) -> None:
        self._bytes -= len(self._pieces.popleft()[1].body) + HEADER_BYTES

    def after(self, serial: int) -> list[tuple[int, Piece]]:
        """The pieces that came after that one, with their numbers."""
        return [entry for entry in self._pieces if entry[0] > serial]


class Tape:
    """A recording that is being written, one part of it. size: bytes of the file that are sound."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        """Raises OSError."""
        self.name = name
        self._file = shelf.open(name)
        self.size = os.fstat(self._file).st_size
        self._number = 0

    @property
    def begun(self) -> bool:
        """Whether this part has its head."""
        return self._number > 0

    def write(self, kind: Kind, at: Moment, body: bytes, frames: int = 0) -> None:
        """One chunk. Raises OSError; what was written of it is then taken back."""
        raw = memoryview(chunk(kind, self._number, at, body, frames))
        done = 0
        try:
            while done < len(raw):
                done += os.write(self._file, raw[done:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(raw)
        self._number += 1

    def sync(self) -> None:
        """Down to the disk. Raises OSError."""
        os.fsync(self._file)

    def close(self) -> None:
        """Gives the file back; another process may go on with it."""
        os.close(self._file)
