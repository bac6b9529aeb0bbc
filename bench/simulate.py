"""What a simulated second costs: the car alone, and the core that hears it, on one processor."""

import argparse
import time

from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.proving.case import CaseId, CaseKind
from hardshoulder_sim.proving.drives import drive_case
from hardshoulder_sim.proving.trial import Ear, slices

BUDGET_MS = 10.0
CASES = 10


def measure(index: int, seconds: float) -> tuple[str, float, float, float]:
    """(car and profile, frames a second, milliseconds of the car, of the core) for a simulated second."""
    case = drive_case(CaseId(1, CaseKind.DRIVE, index))
    plan = case.plan
    begin_s = time.process_time()
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run)
    heard = list(slices(car, seconds))
    driven_s = time.process_time()
    ear = Ear(plan)
    for until_s, frames in heard:
        ear.hear(frames, until_s)
    judged_s = time.process_time()
    count = sum(len(frames) for _, frames in heard)
    per_second = 1000.0 / seconds
    name = f"{case.car}, {case.variant}"
    return name, count / seconds, (driven_s - begin_s) * per_second, (judged_s - driven_s) * per_second


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="cost of a simulated second")
    parser.add_argument("--seconds", type=float, default=120.0, help="simulated seconds of each car (default 120)")
    seconds = parser.parse_args().seconds
    print("| car, profile | frames/s | simulator | core | together | budget |")
    print("|---|---|---|---|---|---|")
    rows = [measure(index, seconds) for index in range(CASES)]
    for name, rate, car_ms, core_ms in rows:
        print(f"| {name} | {rate:.0f} | {car_ms:.1f} ms | {core_ms:.1f} ms | {car_ms + core_ms:.1f} ms | |")
    rate, car_ms, core_ms = (sum(row[place] for row in rows) / len(rows) for place in (1, 2, 3))
    total_ms = car_ms + core_ms
    print(f"| mean | {rate:.0f} | {car_ms:.1f} ms | {core_ms:.1f} ms | {total_ms:.1f} ms | {BUDGET_MS:.0f} ms |")


if __name__ == "__main__":
    main()
