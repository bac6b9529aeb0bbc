"""The real daemon as a process whose wall clock a test sets: what it asks for the time is moved by what a file says.

The kernel lets nobody step the wall clock of one process alone, and a test must not step the machine's.
"""

import os
import sys
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from hardshoulder_sim.processes import DaemonProcess


class SteppedDaemon(DaemonProcess):
    """`hardshoulder run` with a wall clock of its own; its monotonic clock is the machine's."""

    def __init__(self, config: Path, wall: datetime) -> None:
        super().__init__(config)
        self._moved = config.parent / "wall-clock"
        self.set_wall(wall)

    def command(self) -> list[str]:
        # A program of the tests: it is found beside them.
        found = os.pathsep.join((str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")))
        program = ["env", f"PYTHONPATH={found}", self._python, "-m", "support.stepped_daemon", str(self._moved)]
        return [*program, "run", "--config", str(self._config)]

    def set_wall(self, at: datetime) -> None:
        """From now on its wall clock goes on from there."""
        part = self._moved.with_suffix(".part")
        part.write_text(f"{(at - datetime.now(UTC)).total_seconds():f}\n")
        part.replace(self._moved)


def main(moved: Path) -> None:
    """Step what the daemon reads the wall clock with, and run it."""
    from hardshoulder import __main__ as program
    from hardshoulder.edge import clocks

    machine_s = time.time

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(time.time(), tz)

    time.time = lambda: machine_s() + float(moved.read_text())
    vars(clocks)["datetime"] = Moved
    sys.argv[1:2] = []
    sys.exit(program.main())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
