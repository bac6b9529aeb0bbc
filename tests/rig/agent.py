"""Runs inside the guest: starts what the host asks for, and tells it what that prints and how it ends.

One JSON object per line, both ways. Asked: {"key", "argv", "cwd", "env"} starts a process under a key of the host's
choice, {"key", "signal"} signals it. Told: {"ready"} once, {"key", "stdout" | "stderr"} with bytes as Latin-1, and
{"key", "returncode"} after the last of them. The agent ends when the host lets go of the port.
"""

import json
import os
import select
import selectors
import subprocess
import time
from pathlib import Path
from typing import Any

_CHUNK = 65536
_START_S = 10
_NOT_FOUND = 127


def _open_port() -> int:
    """Waits until the port exists and the host holds its other end; before that a read says end of file."""
    deadline = time.monotonic() + _START_S
    while not (paths := list(Path("/dev").glob("vport*"))):
        assert time.monotonic() < deadline, "no port to the host"
        time.sleep(0.01)
    [path] = paths
    port = os.open(path, os.O_RDWR)
    poll = select.poll()
    poll.register(port, 0)
    while poll.poll(0):
        assert time.monotonic() < deadline, "the host is not there"
        time.sleep(0.01)
    return port


class _Child:
    """A process with its pipes; it is over when it has ended, whoever may have inherited the pipes."""

    def __init__(self, argv: list[str], cwd: str, env: dict[str, str]) -> None:
        pipe, none = subprocess.PIPE, subprocess.DEVNULL
        self.popen = subprocess.Popen(argv, cwd=cwd, env=env, stdin=none, stdout=pipe, stderr=pipe)
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        self.pipes = {self.popen.stdout.fileno(): "stdout", self.popen.stderr.fileno(): "stderr"}
        for pipe in self.pipes:
            os.set_blocking(pipe, False)
        self.ended = os.pidfd_open(self.popen.pid)

    def close(self) -> int:
        os.close(self.ended)
        with self.popen:
            return self.popen.wait()


class Agent:
    """One thread: a request, a chunk of output, or the end of a process, whichever comes next."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._asked = b""
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(port, selectors.EVENT_READ)
        self._tell(ready=True)

    def serve(self) -> None:
        """Until the host lets go."""
        while True:
            for chosen, _ in self._selector.select():
                if chosen.fd != self._port:
                    self._listen(chosen.fd, *chosen.data)
                elif not self._take_requests():
                    return

    def _tell(self, **message: object) -> None:
        line = memoryview(json.dumps(message).encode() + b"\n")
        while line:
            line = line[os.write(self._port, line) :]

    def _take_requests(self) -> bool:
        chunk = os.read(self._port, _CHUNK)
        *lines, self._asked = (self._asked + chunk).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(chunk)

    def _obey(self, request: dict[str, Any]) -> None:
        key = request["key"]
        if "signal" in request:
            if key in self._children:
                self._children[key].popen.send_signal(request["signal"])
            return
        try:
            child = _Child(request["argv"], request["cwd"], request["env"])
        except OSError as error:
            self._tell(key=key, stderr=f"{error}\n")
            self._tell(key=key, returncode=_NOT_FOUND)
            return
        self._children[key] = child
        for fd in (*child.pipes, child.ended):
            self._selector.register(fd, selectors.EVENT_READ, (key, child))

    def _listen(self, fd: int, key: int, child: _Child) -> None:
        if fd in child.pipes:
            if self._forward(fd, key, child) == b"":
                self._selector.unregister(fd)
                del child.pipes[fd]
        elif fd == child.ended:
            self._finish(key, child)

    def _forward(self, pipe: int, key: int, child: _Child) -> bytes | None:
        """What was passed on: nothing at the end, None while the pipe is only empty."""
        try:
            chunk = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return None
        if chunk:
            self._tell(**{"key": key, child.pipes[pipe]: chunk.decode("latin-1")})
        return chunk

    def _finish(self, key: int, child: _Child) -> None:
        for pipe in child.pipes:
            while self._forward(pipe, key, child):
                pass
            self._selector.unregister(pipe)
        child.pipes.clear()
        self._selector.unregister(child.ended)
        del self._children[key]
        self._tell(key=key, returncode=child.close())


if __name__ == "__main__":
    Agent(_open_port()).serve()
