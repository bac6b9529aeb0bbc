"""What happens to a simulated car, told as it happens: the truth to hold a daemon against."""

import json
import time
from collections.abc import Callable
from typing import TextIO

from hardshoulder_sim.car import SimulatedCar

MPS_TO_KPH = 3.6


class CarEvents:
    """Writes one JSON object for each thing that happens: {"event", "at", "t", "text"}.

    event: `fault`, `hazard-request` (the first that the body controller believed),
    `hazards-flash`, `hazards-dark`, `standstill`. at: wall time in seconds; t: seconds since
    the scenario began.
    """

    def __init__(self, out: TextIO, wall_s: Callable[[], float] = time.time) -> None:
        self._out = out
        self._wall_s = wall_s
        self._known = {"fault": False, "hazard-request": False, "hazards-flash": False, "standstill": True}

    def look(self, now_s: float, car: SimulatedCar) -> None:
        """Tells what changed since the last look."""
        speed_kph = car.journey.vehicle.speed_mps * MPS_TO_KPH
        fault_at_s, fault = car.run.fault_at_s, car.run.scenario.fault
        failed = fault_at_s is not None and now_s >= fault_at_s
        self._turned("fault", failed, now_s, f"{fault.value if fault else ''} at {speed_kph:.0f} km/h")
        self._turned("hazard-request", car.body.requested, now_s, "the body controller hears a request")
        self._turned("hazards-flash", car.body.hazard_active, now_s, "the lamps flash")
        self._turned("standstill", speed_kph < 1.0, now_s, "the car stands")

    def _turned(self, name: str, holds: bool, now_s: float, text: str) -> None:
        was, self._known[name] = self._known[name], holds
        if holds and not was:
            self._tell(name, now_s, text)
        elif was and not holds and name == "hazards-flash":
            self._tell("hazards-dark", now_s, "the lamps are dark")

    def _tell(self, name: str, now_s: float, text: str) -> None:
        record = {"event": name, "at": self._wall_s(), "t": round(now_s, 6), "text": text}
        print(json.dumps(record), file=self._out, flush=True)
