"""Commands to the board: numbered, in a window, sent again until they are acknowledged. Pure; time is an argument."""

from collections import deque
from math import inf

from hardshoulder_bridge.codec import Packet
from hardshoulder_bridge.messages import Ack
from hardshoulder_bridge.protocol import COMMAND_WINDOW, RETRY_AFTER_S, Kind

WAITING_MAX = 16
"""Commands that wait for the window; more than that is a board that takes none."""


class Commands:
    """Those of one session, in order. repeated: how often one was sent again."""

    def __init__(self) -> None:
        self._sent: deque[Packet] = deque()
        self._waiting: deque[tuple[Kind, bytes]] = deque()
        self._next = 0
        self._tries = 0
        self._retry_s = inf
        self.repeated = 0

    def __len__(self) -> int:
        """How many are not acknowledged."""
        return len(self._sent) + len(self._waiting)

    def put(self, kind: Kind, payload: bytes) -> bool:
        """Queues a command; False when too many wait."""
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append((kind, payload))
        return True

    def due(self, now_s: float) -> list[Packet]:
        """What has to go out now: all that is not acknowledged when it is time again, and what the window takes."""
        out: list[Packet] = []
        if now_s >= self._retry_s and not self.exhausted(now_s):
            out += self._sent
            self.repeated += len(self._sent)
            self._tries += 1
            self._retry_s = now_s + RETRY_AFTER_S[min(self._tries, len(RETRY_AFTER_S) - 1)]
        while self._waiting and len(self._sent) < COMMAND_WINDOW:
            kind, payload = self._waiting.popleft()
            packet = Packet(kind, self._next, payload)
            self._next = (self._next + 1) % 256
            if not self._sent:
                self._retry_s = now_s + RETRY_AFTER_S[0]
            self._sent.append(packet)
            out.append(packet)
        return out

    def acknowledged(self, ack: Ack, now_s: float) -> None:
        """Takes an ACK; one that acknowledges nothing we wait for changes nothing."""
        if not self._sent:
            return
        done = (ack.next_command - self._sent[0].number) % 256
        if not 1 <= done <= len(self._sent):
            return
        for _ in range(done):
            self._sent.popleft()
        self._tries = 0
        self._retry_s = now_s + RETRY_AFTER_S[0] if self._sent else inf

    def exhausted(self, now_s: float) -> bool:
        """Whether the last repetition has waited long enough, too."""
        return self._tries >= len(RETRY_AFTER_S) and now_s >= self._retry_s

    def next_due_s(self) -> float:
        """When something is to be sent, or given up; infinity when nothing waits."""
        if self._waiting and len(self._sent) < COMMAND_WINDOW:
            return -inf
        return self._retry_s
