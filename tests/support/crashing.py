"""One real daemon on a real line, killed where a test says; the car goes on, and the real fleet counts."""

import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from hardshoulder_sim.faults.oracle import Arrived, arrived, compare
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, free_port, wait_until, write_config
from support.live_car import LiveCar

QUICK = {
    "recovered_after_s": 0.1, "drove_on_after_s": 0.1, "closed_after_s": 0.1, "clear_after_s": 0.05, "arm_after_s": 0.3,
}  # fmt: skip


ON = 1


class StruckDaemon(DaemonProcess):
    """The daemon under `crash_points`. options: what is noted, where it dies."""

    options: tuple[str, ...] = ()

    def command(self) -> list[str]:
        probe = ["-m", "hardshoulder_sim.faults.crash_points", *self.options, "--"]
        return [self._python, *probe, "run", "--config", str(self._config)]

    def _alive_and_ready(self) -> bool:
        """It may die as early as it likes."""
        return not self.running or self.ready()

    def fresh_log(self) -> str:
        """What it has said since its start."""
        return self.log()[self._seen :]

    def at_work(self) -> bool:
        """Whether it watches a car that drives, and its broker is there."""
        said = self.fresh_log()
        return "state=driving" in said and "Connected to the broker" in said


class Stage:
    """Broker, fleet, car and configuration, for one breakdown after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._known = 0

    def __enter__(self) -> Self:
        enter, folder = self._stack.enter_context, self.folder
        self.broker = enter(Broker(folder))
        phone = enter(Phone())
        secret = make_secret(folder)
        self.fleet = enter(FleetProcess(folder, self.broker.port, free_port(), secret, phone, answer_within_s=3600))
        self.car = enter(LiveCar(folder / "can0", "electric"))
        url = f"slcan:{folder / 'can0'}"
        self.config = write_config(folder, "reference-electric", self.broker.port, url, thresholds=QUICK)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def daemon(self, *options: str) -> StruckDaemon:
        """A daemon that has not begun; without options a plain one."""
        daemon = StruckDaemon(self.config, sys.executable)
        daemon.options = options
        return daemon

    def new(self) -> list[Arrived]:
        """What the fleet has got since the last `settle`."""
        return arrived(self.fleet.database)[self._known :]

    def settle(self) -> None:
        """Nothing of before counts any more, neither at the fleet nor in the car."""
        self._known = len(arrived(self.fleet.database))
        shutil.rmtree(self.folder / "storage")
        (self.folder / "storage").mkdir()

    def break_down(self, daemon: StruckDaemon) -> bool:
        """The car drives, loses its drive, and gets it back; the daemon may die at any moment of it.

        Whether the daemon had opened an incident when it died, if it did.
        """
        wait_until(lambda: not daemon.running or daemon.at_work(), "it watches a car that drives")
        if daemon.running:
            self.car.lose_drive()
            wait_until(lambda: not daemon.running or self.hazards_are_known(), "the fleet has heard of it")
        if daemon.running:
            self.car.regain_drive()
            wait_until(lambda: not daemon.running or self.over(), "the fleet has heard the end of it")
        return "sequence=" in daemon.fresh_log()

    def hazards_are_known(self) -> bool:
        """Whether the hazards of this breakdown are known to flash."""
        return any(incident.shown >= 3 for incident in self.new())

    def over(self) -> bool:
        """Whether every incident is closed at the fleet."""
        return bool(self.new()) and all(incident.state == "closed" for incident in self.new())

    def recover(self, opened: bool) -> float:
        """A plain daemon takes over; seconds from its start until it asks for hazards.

        opened: it has an incident to go on with. What nobody has seen begin has to begin anew.
        """
        if not opened:
            self.car.regain_drive()
        asked, begin_s = len(self.car.requests), time.monotonic()
        with self.daemon() as daemon:
            if not opened:
                wait_until(daemon.at_work, "it watches a car that drives")
                self.car.lose_drive()
            wait_until(lambda: ON in self.car.requests[asked:] or self.over(), "hazards are asked for again")
            took_s = time.monotonic() - begin_s
            wait_until(lambda: bool(self.new()), "the fleet has heard of it")
            self.car.regain_drive()
            wait_until(self.over, "the fleet has heard the end of it")
            assert daemon.running, "it watches"
            assert daemon.stop() == 0
        return took_s

    def complaints(self) -> list[str]:
        """What is wrong at the fleet after one breakdown."""
        return compare(1, self.new())
