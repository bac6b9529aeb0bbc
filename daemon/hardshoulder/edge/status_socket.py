"""Answers who asks how the daemon does: HTTP on a local socket, from a snapshot that the loop leaves behind.

A thread of its own serves one caller after another, each for a second at most. It reads the snapshot and touches
nothing else, so the loop neither waits for a caller nor knows of one.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hardshoulder.edge.snapshot import CONTENT_JSON, CONTENT_METRICS, Snapshot, as_json, as_metrics
from hardshoulder.edge.surroundings import Say

PAGES = {"/status": (CONTENT_JSON, as_json), "/metrics": (CONTENT_METRICS, as_metrics)}
MODE = 0o660
CALLER_WITHIN_S = 1.0
REQUEST_LIMIT_BYTES = 4096
WAITING_LIMIT = 8


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path as a name that fits into a socket's address, however long it is. Raises OSError."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class StatusSocket:
    """Serves the newest snapshot. Trouble with it is said once; the car is watched all the same."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path, self._say = path, say
        self._snapshot: Snapshot | None = None
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def show(self, snapshot: Snapshot) -> None:
        """The newest snapshot; returns at once."""
        self._snapshot = snapshot

    def start(self) -> None:
        """Opens the socket. A file left behind is replaced: whoever calls this holds the lock that says so."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with reachable(self._path) as name:
                self._path.unlink(missing_ok=True)
                listener.bind(name)
                # Nobody can come in before `listen`.
                self._path.chmod(MODE)
                listener.listen(WAITING_LIMIT)
        except OSError as error:
            listener.close()
            self._say("warning", f"{self._path}: cannot be served: {error.strerror}; nobody can ask for the status")
            return
        self._listener = listener
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ends the thread and takes the socket away."""
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout_s)
        with suppress(OSError):
            self._path.unlink()

    def _serve(self) -> None:
        assert self._listener is not None
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            # Whoever hangs up or says nothing costs himself.
            with suppress(OSError), caller:
                self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        until_s = time.monotonic() + CALLER_WITHIN_S
        request = b""
        while b"\r\n\r\n" not in request and len(request) <= REQUEST_LIMIT_BYTES:
            caller.settimeout(max(0.001, until_s - time.monotonic()))
            if not (chunk := caller.recv(REQUEST_LIMIT_BYTES)):
                return
            request += chunk
        caller.settimeout(max(0.001, until_s - time.monotonic()))
        caller.sendall(self._reply(request.split(b"\r\n", 1)[0]))

    def _reply(self, line: bytes) -> bytes:
        words, snapshot = line.decode("ascii", "replace").split(" "), self._snapshot
        if len(words) != 3 or words[0] != "GET" or words[1] not in PAGES:
            return _response("404 Not Found", "text/plain", f"GET {' or '.join(PAGES)}\n")
        if snapshot is None:
            return _response("503 Service Unavailable", "text/plain", "starting\n")
        kind, write = PAGES[words[1]]
        return _response("200 OK", kind, write(snapshot, time.monotonic()))


def _response(status: str, kind: str, body: str) -> bytes:
    content = body.encode()
    head = f"HTTP/1.0 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content
