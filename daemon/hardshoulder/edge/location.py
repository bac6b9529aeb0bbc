"""A GNSS receiver on a serial port: read by a thread of its own, opened again whenever it goes away."""

import os
import threading
import time
from typing import TYPE_CHECKING

from hardshoulder.core.position import Fix
from hardshoulder.edge.clocks import TRUSTED_FROM, Trust
from hardshoulder.edge.surroundings import Say
from hardshoulder.settings import LocationSettings

if TYPE_CHECKING:
    import serial

    from hardshoulder.edge.nmea import Sentences

RETRY_AFTER_S = 1.0
READ_WITHIN_S = 0.5
READ_AT_ONCE = 4096
SILENT_AFTER_S = 10.0
"""A receiver that says nothing for so long is told of; it may be the wrong port or speed."""


class Receiver:
    """Reads a receiver's sentences. `take` returns at once; without a port in the settings nothing runs."""

    def __init__(self, settings: LocationSettings, trust: Trust, say: Say) -> None:
        """trust: is told the receiver's time."""
        self._settings, self._trust, self._say = settings, trust, say
        self._fix: Fix | None = None
        self._awake = threading.Event()
        self._awake.set()
        self._stopping = threading.Event()
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="location", daemon=True)

    def start(self) -> None:
        """Starts the thread, where there is a receiver."""
        if self._settings.port is not None:
            self._thread.start()

    def take(self) -> Fix | None:
        """The newest fix since the last call; None: there is none."""
        fix, self._fix = self._fix, None
        return fix

    def rest(self, resting: bool) -> None:
        """The module sleeps: the port is closed, so that nothing wakes us once a second."""
        if resting:
            self._awake.clear()
        else:
            self._awake.set()

    def stop(self, timeout_s: float) -> bool:
        """Ends the thread. False: that took too long."""
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        import serial  # by the thread: the car is watched first

        from hardshoulder.edge.nmea import Sentences

        while not self._stopping.is_set():
            self._awake.wait()
            try:
                with serial.Serial(self._settings.port, self._settings.baud, timeout=READ_WITHIN_S) as port:
                    self._listen(port, Sentences(TRUSTED_FROM))
            except (OSError, ValueError, TypeError) as error:
                # pyserial's own exception is an OSError; a port that is closed under it raises TypeError.
                why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
                self._complain(f"the receiver at {self._settings.port} cannot be read: {why}; trying again")
            self._stopping.wait(RETRY_AFTER_S)

    def _listen(self, port: "serial.Serial", sentences: "Sentences") -> None:
        heard_s = time.monotonic()
        while self._awake.is_set() and not self._stopping.is_set():
            data = port.read(max(1, min(port.in_waiting, READ_AT_ONCE)))
            now_s = time.monotonic()
            for told in sentences.feed(data, now_s):
                self._fix, heard_s = told.fix, now_s
                if self._complaint:
                    self._complaint = ""
                    self._say("info", f"the receiver at {self._settings.port} says where the car is")
                if told.utc is not None:
                    self._trust.compare(told.utc)
            if now_s >= heard_s + SILENT_AFTER_S:
                self._complain(f"the receiver at {self._settings.port} says no place: no satellites, or a wrong speed")

    def _complain(self, text: str) -> None:
        """Says a fault once, not every second."""
        if text != self._complaint:
            self._complaint = text
            self._say("warning", text)
