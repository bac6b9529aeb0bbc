"""The processes of one run, each at the end of a line of ours."""

import shutil
import sqlite3
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from hardshoulder_sim.faults.oracle import Arrived, arrived
from hardshoulder_sim.faults.proxy import Proxy
from hardshoulder_sim.faults.real.car import RecordedCar
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, free_port, write_config

QUICK = {
    "recovered_after_s": 0.1, "drove_on_after_s": 0.1, "closed_after_s": 0.1, "clear_after_s": 0.05, "arm_after_s": 0.3,
}  # fmt: skip
"""So that an incident is over when the car drives on for a moment; detection keeps its own times."""


class Daemon(DaemonProcess):
    """`hardshoulder run`, or the same under `crash_points`. kill_at: where it ends itself."""

    kill_at: str | None = None

    def command(self) -> list[str]:
        if self.kill_at is None:
            return super().command()
        probe = ["-m", "hardshoulder_sim.faults.crash_points", "--kill", self.kill_at, "--once-open", "--"]
        return [sys.executable, *probe, "run", "--config", str(self._config)]

    def said(self, what: str) -> bool:
        """Whether it has said this since its start."""
        return what in self.log()[self._seen :]


class Stage:
    """Everything, running, while the `with` block lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        enter, folder = self._stack.enter_context, self.folder
        try:
            self.broker = enter(Broker(folder, "persistence true", f"persistence_location {folder}/"))
            self.car_line, self.fleet_line = enter(Proxy(self.broker.port)), enter(Proxy(self.broker.port))
            secret, phone = make_secret(folder), enter(Phone())
            self.fleet = enter(FleetProcess(folder, self.fleet_line.port, free_port(), secret, phone, 3600))
            self.car = enter(RecordedCar(folder / "can0"))
            url = f"slcan:{folder / 'can0'}"
            config = write_config(folder, "reference-electric", self.car_line.port, url, thresholds=QUICK)
            self.daemon = enter(Daemon(config))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def at_fleet(self) -> list[Arrived]:
        """Every incident that the fleet has."""
        return arrived(self.fleet.database)

    def waiting(self) -> int:
        """Reports on the car's disk that the fleet has not acknowledged to it."""
        file = self.folder / "storage" / "outbox.sqlite3"
        if not file.exists():
            return 0
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5.0)) as connection:
                return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    def empty_broker(self) -> None:
        """What the broker had is gone."""
        (self.folder / "mosquitto.db").unlink(missing_ok=True)

    def keep_logs(self, folder: Path) -> None:
        """For somebody who wants to know what happened."""
        folder.mkdir(parents=True, exist_ok=True)
        for log in self.folder.glob("*.log"):
            shutil.copy(log, folder)
