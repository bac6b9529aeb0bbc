"""A serial cable between a board and a pseudo-terminal, that a test can pull out, cut, spoil or slow down."""

import contextlib
import errno
import os
import selectors
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 4096
_TICK_S = 0.001


class _Lane:
    """One direction. bytes_s: how many go through in a second; None: as fast as they come."""

    def __init__(self, bytes_s: float | None) -> None:
        self._bytes_s = bytes_s
        self._held = bytearray()
        self._free_s = 0.0
        self.carried = 0

    @property
    def room(self) -> int:
        """How much it takes now; a real line holds nothing, the chips at its ends a little."""
        return max(0, CHUNK - len(self._held))

    def put(self, data: bytes) -> None:
        """What went in at one end."""
        self._held += data

    def take(self, now_s: float) -> bytes:
        """What has come out at the other end by now."""
        if self._bytes_s is None:
            return self._hand_over(len(self._held))
        if not self._held:
            self._free_s = now_s
        due = int((now_s - self._free_s) * self._bytes_s)
        due = min(due, len(self._held))
        self._free_s += due / self._bytes_s
        return self._hand_over(due)

    def _hand_over(self, size: int) -> bytes:
        out = bytes(self._held[:size])
        del self._held[:size]
        self.carried += size
        return out

    def clear(self) -> None:
        """What is on the way is lost."""
        self._held.clear()


class Cable:
    """Carries bytes between `board` (a descriptor that reads and writes) and a pseudo-terminal linked at `link`.

    baud: None carries as fast as it can, otherwise ten bits for each byte. On a thread of its own.
    """

    def __init__(self, board: int, link: Path, baud: int | None = None) -> None:
        self._board, self._link = board, link
        bytes_s = None if baud is None else baud / 10
        self.to_board, self.to_linux = _Lane(bytes_s), _Lane(bytes_s)
        self._ours = -1
        self._cut = False
        self._noise: bytes | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="cable", daemon=True)
        os.set_blocking(board, False)

    def __enter__(self) -> Self:
        self.plug_in()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.unplug()

    def plug_in(self) -> None:
        """The device appears."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        with self._lock:
            self._ours = ours
            self._link.symlink_to(os.ttyname(theirs))
        os.close(theirs)

    def unplug(self) -> None:
        """The device is gone, as when a plug is pulled; who has it open is told by the kernel."""
        with self._lock:
            if self._ours >= 0:
                self._link.unlink()
                os.close(self._ours)
                self._ours = -1
                self.to_board.clear()
                self.to_linux.clear()

    def cut(self, *, open_again: bool = False) -> None:
        """The wires carry nothing any more, and the device stays."""
        with self._lock:
            self._cut = not open_again

    def spoil(self, noise: bytes | None) -> None:
        """Linux hears this again and again, 1,000 times a second, instead of the board; None: the board again."""
        with self._lock:
            self._noise = noise

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._board, selectors.EVENT_READ)
            while not self._stop.is_set():
                selector.select(_TICK_S)
                with self._lock:
                    self._turn()
                if self.to_linux.room == 0:
                    # The board's descriptor stays readable; the pace is the line's.
                    time.sleep(_TICK_S)

    def _turn(self) -> None:
        from_board = _read(self._board, self.to_linux.room)
        from_linux = _read(self._ours, self.to_board.room) if self._ours >= 0 else b""
        if not self._cut:
            self.to_linux.put(from_board if self._noise is None else self._noise)
            self.to_board.put(from_linux)
        now_s = time.monotonic()
        _write(self._board, self.to_board.take(now_s))
        if self._ours >= 0:
            _write(self._ours, self.to_linux.take(now_s))


def _read(descriptor: int, most: int) -> bytes:
    if most == 0:
        return b""
    try:
        return os.read(descriptor, most)
    except OSError as error:
        # EIO: nobody has the terminal open.
        if error.errno not in (errno.EAGAIN, errno.EIO):
            raise
        return b""


def _write(descriptor: int, data: bytes) -> None:
    """What a full terminal does not take is lost, as on a line without flow control."""
    with contextlib.suppress(BlockingIOError):
        while data:
            data = data[os.write(descriptor, data) :]
