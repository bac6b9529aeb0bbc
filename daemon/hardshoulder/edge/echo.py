"""Knows the frames that are our own when a bus gives them back.

Some adapters and interfaces return what was sent through them. The kernel's own sockets do not need this: they keep
a socket's own frames from it (CAN_RAW_RECV_OWN_MSGS is off), so that whatever comes in there is somebody else's.
"""

import threading
from collections import deque

ECHO_WITHIN_S = 0.5
"""An echo comes when the frame has been on the wire; longer than any arbitration on a bus that still works."""

KEPT = 64


class Echoes:
    """What was sent of late. Each sent frame excuses one that is heard, alike to the bit: never two.

    Sending and hearing may be done by two threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: deque[tuple[float, int, bytes]] = deque(maxlen=KEPT)

    def sent(self, can_id: int, data: bytes, now_s: float) -> None:
        """A frame of ours was handed to the bus."""
        with self._lock:
            self._sent.append((now_s, can_id, data))

    def is_own(self, can_id: int, data: bytes, now_s: float) -> bool:
        """Whether the frame that was heard is one of ours."""
        with self._lock:
            while self._sent and now_s - self._sent[0][0] > ECHO_WITHIN_S:
                self._sent.popleft()
            own = next((entry for entry in self._sent if entry[1:] == (can_id, data)), None)
            if own is not None:
                self._sent.remove(own)
            return own is not None
