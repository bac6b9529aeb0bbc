"""A car on a serial line that breaks down when it is told, in real time, and notes what is asked of it."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from hardshoulder.core.frame import Frame
from hardshoulder_sim.faults.simulated.car import breakdown
from hardshoulder_sim.slcan_port import SlcanPort

HAZARD_REQUEST_ID, ON = 0x2A0, 1
_LISTEN_S = 0.01


class RecordedCar:
    """Plays the recorded drive again and again. asked_at_s: when each request for hazards was heard."""

    def __init__(self, link: Path) -> None:
        """link: where its slcan adapter appears."""
        self._port = SlcanPort(link)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="car", daemon=True)
        self.asked_at_s: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._port.close()

    def drive_well(self) -> None:
        """A drive without a breakdown; returns when it is over."""
        drive = breakdown()
        self._play(drive.slices[: int(drive.fault_s / drive.step_s) - 1], drive.step_s)

    def break_down(self) -> None:
        """A drive that ends in a breakdown; returns when the car has been silent for a moment after it."""
        drive = breakdown()
        self._play(drive.slices, drive.step_s)

    def asked_since(self, at_s: float) -> bool:
        """Whether hazards were asked for after this monotonic time."""
        return bool(self.asked_at_s) and self.asked_at_s[-1] > at_s

    def _play(self, slices: Sequence[tuple[Frame, ...]], step_s: float) -> None:
        begin_s = time.monotonic()
        for place, frames in enumerate(slices):
            self._stop.wait(max(0.0, begin_s + place * step_s - time.monotonic()))
            for frame in frames:
                self._port.send(frame)

    def _listen(self) -> None:
        while not self._stop.wait(_LISTEN_S):
            for frame in self._port.receive_ready():
                if frame.can_id == HAZARD_REQUEST_ID and frame.data[1] >> 4 == ON:
                    self.asked_at_s.append(time.monotonic())
