"""A drive that ends in a breakdown, recorded once from the simulated car and told again at any time."""

from dataclasses import dataclass, replace
from functools import cache

from hardshoulder.core.frame import Frame
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.scenarios import SCENARIOS

SCENARIO = "motorway-shutdown-electric"
BEFORE_S, AFTER_S = 2.5, 3.0
_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Drive:
    """Frames with their times from the begin of the drive, in short slices; fault_s: when it breaks down."""

    slices: tuple[tuple[Frame, ...], ...]
    step_s: float
    fault_s: float


@cache
def breakdown() -> Drive:
    """The last seconds before an electric car loses its drive, and the first after it."""
    car = SimulatedCar(replace(SCENARIOS[SCENARIO], fault_at_s=BEFORE_S, fault_jitter_s=0.0), 1)
    slices, now_s = [], 0.0
    while now_s < BEFORE_S + AFTER_S:
        now_s += _STEP_S
        slices.append(tuple(car.step_until(now_s)))
    return Drive(tuple(slices), _STEP_S, BEFORE_S)
