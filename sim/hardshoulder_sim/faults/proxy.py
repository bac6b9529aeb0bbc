"""A line on loopback that fails as asked: cut, stalled, reset, half open, late, narrow.

It stands between a client and a server on this machine and passes bytes; both ends have real sockets. No privilege is
needed, and nothing of the kernel but TCP.
"""

import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

CHUNK = 4096
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, no seconds: closing sends a reset and no farewell."""


@dataclass(eq=False)
class _Pair:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    gone: threading.Event = field(default_factory=threading.Event)

    def end(self, *, reset: bool) -> None:
        if self.gone.is_set():
            return
        self.gone.set()
        for one in (self.client, self.server):
            with suppress(OSError):
                if reset:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # Whoever reads it is woken: the kernel closes nothing that somebody waits in. Only RDWR says farewell.
                one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
            with suppress(OSError):
                one.close()


class Proxy:
    """port: where clients connect to. Faults hold for connections there are and for those that come, until `mend`.

    accepted: connections so far. passed: bytes that came through, both ways.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        self.passed = 0
        self._pairs: set[_Pair] = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._closed = False
        self._refusing = self._swallowing = False
        self._delay_s, self._bytes_per_s = 0.0, 0.0
        self.mend()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closed = True
        self._listener.close()
        self._flowing.set()
        self._end_all(reset=False)

    # Faults -----------------------------------------------------------------------------------

    def cut(self) -> None:
        """Every connection ends, and each new one at once."""
        self._refusing = True
        self._end_all(reset=False)

    def reset(self) -> None:
        """Every connection is reset (RST); new ones are fine."""
        self._end_all(reset=True)

    def stall(self) -> None:
        """Nothing is read any more: what is under way waits, at both ends."""
        self._flowing.clear()

    def half_open(self) -> None:
        """What comes is read and thrown away, and nobody is told: the other end might as well have lost its power."""
        self._swallowing = True

    def slow(self, *, delay_s: float = 0.0, bits_per_s: float = 0.0) -> None:
        """Each way so late, and so narrow; 0: as it is."""
        self._delay_s, self._bytes_per_s = delay_s, bits_per_s / 8

    def mend(self) -> None:
        """As new. What was swallowed stays lost, so those connections end when one side misses something."""
        self._refusing = self._swallowing = False
        self._delay_s = self._bytes_per_s = 0.0
        self._flowing.set()

    # How it works -----------------------------------------------------------------------------

    def _end_all(self, *, reset: bool) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            pair.end(reset=reset)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._join(client)
            self.accepted += 1

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            client.close()
            return
        pair = _Pair(client, server)
        if self._refusing:
            pair.end(reset=True)
            return
        with self._lock:
            self._pairs.add(pair)
        self._carry(pair, client, server)
        self._carry(pair, server, client)

    def _carry(self, pair: _Pair, source: socket.socket, sink: socket.socket) -> None:
        waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        for work in (self._read, self._write):
            threading.Thread(target=self._until_gone, args=(work, pair, source, sink, waiting), daemon=True).start()

    def _until_gone(
        self, work: Callable[..., None], pair: _Pair, source: socket.socket, sink: socket.socket, waiting: object
    ) -> None:
        with suppress(OSError):
            work(pair, source if work == self._read else sink, waiting)

    def _read(self, pair: _Pair, source: socket.socket, waiting: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
        while not pair.gone.is_set():
            self._flowing.wait()
            data = source.recv(CHUNK)
            # A stall that began while we waited for these bytes holds them up too.
            self._flowing.wait()
            if data and self._bytes_per_s:
                pair.gone.wait(len(data) / self._bytes_per_s)
            if not data or not self._swallowing:
                waiting.put((time.monotonic() + self._delay_s, data))
            if not data:
                return

    def _write(self, pair: _Pair, sink: socket.socket, waiting: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
        while not pair.gone.is_set():
            try:
                due_s, data = waiting.get(timeout=1.0)
            except queue.Empty:
                continue
            pair.gone.wait(max(0.0, due_s - time.monotonic()))
            if not data:
                break
            sink.sendall(data)
            self.passed += len(data)
        with self._lock:
            self._pairs.discard(pair)
        pair.end(reset=False)
