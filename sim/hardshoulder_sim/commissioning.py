"""The simulated car is commissioned like any other: it stands on its line, and somebody says yes."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardshoulder.core.vocabulary import Propulsion
from hardshoulder.errors import UserError
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.drive import drive
from hardshoulder_sim.physics.vehicle_spec import PowerMode
from hardshoulder_sim.processes import wait_until
from hardshoulder_sim.scenarios import Begin, Scenario

ANSWERS = 3
"""In a safe place, this is the car, the lamps flashed."""

COMMISSIONED_WITHIN_S = 60.0
_LOOK_S = 0.2


class _Enough(Exception):
    """The car has stood for long enough."""


@contextmanager
def standing_car(line: Path, propulsion: Propulsion) -> Iterator[None]:
    """A car with its ignition on, at rest on a serial line."""
    stop = threading.Event()
    scenario = Scenario(
        "standing", "the car stands, its ignition on", 60.0, propulsion, Begin.PARKED, ((0.0, 0.0), (60.0, 0.0)),
        ((0.0, PowerMode.ON),), incident=False,
    )  # fmt: skip

    def watch(_now_s: float, _car: SimulatedCar) -> None:
        if stop.is_set():
            raise _Enough

    def live() -> None:
        try:
            drive(scenario, 0, None, f"slcan-pty:{line}", realtime=True, watch=watch, stay=True)
        except _Enough:
            return

    thread = threading.Thread(target=live, name="standing-car", daemon=True)
    thread.start()
    try:
        wait_until(line.exists, "the car is on its line")
        yield
    finally:
        stop.set()
        thread.join()


def commission(
    config: Path, line: Path, propulsion: Propulsion, interrupted: Callable[[], bool] = lambda: False
) -> str:
    """Runs `hardshoulder commission` and answers as the person in the car; what it said, nothing when interrupted.

    Raises UserError when the car cannot be commissioned.
    """
    command = [sys.executable, "-m", "hardshoulder", "commission", "--config", str(config)]
    with standing_car(line, propulsion):
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )
        try:
            said, complaint = _ended(process, interrupted)
        finally:
            process.kill()
            process.wait()
    if interrupted():
        return ""
    if process.returncode != 0:
        raise UserError(f"the simulated car could not be commissioned: {complaint.strip()}")
    return said


def _ended(process: "subprocess.Popen[str]", interrupted: Callable[[], bool]) -> tuple[str, str]:
    """What it said and what it complained of, when it has ended or somebody wants us to."""
    until_s, answers = time.monotonic() + COMMISSIONED_WITHIN_S, "yes\n" * ANSWERS
    while not interrupted():
        try:
            return process.communicate(answers, _LOOK_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until_s:
                raise UserError(f"commissioning took longer than {COMMISSIONED_WITHIN_S:g} s") from None
            answers = ""
    return "", ""
