"""A CAN_BCM socket that keeps one cycle as Linux does (net/can/bcm.c), for machines without AF_CAN."""

import errno
import struct
from collections import deque

HEAD, FRAME = struct.Struct("@3I4l2I0q"), struct.Struct("=IB3x8s")
SETUP, DELETE, READ, STATUS = 1, 2, 3, 8
SETTIMER, STARTTIMER = 1, 2


class KernelCycle:
    """sent: every payload that went out; `tick` lets a period pass.

    gone: why nothing can be said to it. sticks: it takes no cycle, but lets one go.
    """

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.can_id = self.count = self.index = 0
        self.period_us = 0
        self.frames: list[bytes] = []
        self.gone: int | None = None
        self.sticks = False
        self._running = False
        self._replies: deque[bytes] = deque()

    def fileno(self) -> int:
        return 0

    def close(self) -> None:
        """Another copy keeps the cycle."""

    def tick(self, periods: int = 1) -> None:
        """What the kernel's timer does."""
        for _ in range(periods):
            if self._running and self.count:
                self._send()
            self._running = self._running and self.count > 0

    def send(self, raw: bytes) -> None:
        if self.gone is not None:
            raise OSError(self.gone, "gone")
        opcode, flags, count, seconds, micros, _, _, can_id, frames = HEAD.unpack_from(raw)
        if opcode == SETUP:
            if self.sticks:
                raise OSError(errno.E2BIG, "too many frames")
            self._set_up(flags, count, raw[HEAD.size :], frames)
            self.can_id, self.period_us = can_id, seconds * 1_000_000 + micros
            return
        if not self.frames:
            raise OSError(errno.EINVAL, "no such cycle")
        if opcode == DELETE:
            self.frames, self._running, self.count, self.index = [], False, 0, 0
        else:
            assert opcode == READ
            head = HEAD.pack(STATUS, 0, self.count, 0, 0, 0, 0, self.can_id, len(self.frames))
            self._replies.append(head + b"".join(FRAME.pack(self.can_id, len(data), data) for data in self.frames))

    def recv(self, _size: int) -> bytes:
        return self._replies.popleft()

    def _set_up(self, flags: int, count: int, raw: bytes, frames: int) -> None:
        parts = [FRAME.unpack_from(raw, at * FRAME.size) for at in range(frames)]
        self.frames = [data[:length] for _, length, data in parts]
        assert flags & SETTIMER
        self.count = count
        if flags & STARTTIMER:
            self._send()
            self._running = self.count > 0

    def _send(self) -> None:
        self.sent.append(self.frames[self.index])
        self.index = (self.index + 1) % len(self.frames)
        self.count -= 1
