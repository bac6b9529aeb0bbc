"""What the service manager is told: ready, still turning, stopping, and a line on how it goes.

The datagrams of systemd's sd_notify, on the socket that NOTIFY_SOCKET names; without it nothing is said. The loop
that watches the car feeds the watchdog itself, at the end of each turn: one that hangs is not fed.
"""

import math
import os
from collections.abc import MutableMapping

from hardshoulder.edge.manager import connected

FED_PER_TIMEOUT = 3
"""How often the watchdog is fed in the time after which it bites; once late is not too late."""


class Watchdog:
    """Tells the service manager; never waits, and a manager that does not listen costs nothing."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Takes the manager's variables out, so that no program we start speaks for us."""
        address = environment.pop("NOTIFY_SOCKET", "")
        timeout_us = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._socket = connected(address)
        fed = self._socket is not None and meant and timeout_us.isdecimal() and int(timeout_us) > 0
        self._every_s = int(timeout_us) / 1e6 / FED_PER_TIMEOUT if fed else math.inf
        self._due_s = -math.inf if fed else math.inf
        self._ready = False
        self._text = ""

    def turned(self, now_s: float) -> None:
        """The loop has gone round once more: the first time we are ready, and the watchdog is fed when it is due."""
        if not self._ready:
            self._ready = True
            self._tell("READY=1")
        if now_s >= self._due_s:
            self._due_s = now_s + self._every_s
            self._tell("WATCHDOG=1")

    def due_s(self) -> float:
        """When the loop has to come round next; infinity when nobody waits for it."""
        return self._due_s

    def say(self, text: str) -> None:
        """One line that `systemctl status` shows; said once until it changes."""
        if text != self._text:
            self._text = text
            self._tell("STATUS=" + text.replace("\n", " "))

    def stopping(self) -> None:
        """We end on purpose."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Gives the socket back."""
        if self._socket is not None:
            self._socket.close()

    def _tell(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(text.encode())
        except OSError:
            # The manager is away or does not keep up; what matters is told again or was told by ending.
            return
