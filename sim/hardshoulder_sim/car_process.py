"""The demo's car, a process of its own behind a serial line: simulated, or a recording."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

from hardshoulder_sim.processes import Child
from hardshoulder_sim.story import Stage, Tell

_STAGES = {"fault": "shutdown", "hazard-request": "hazards commanded", "hazards-flash": "lamps flash"}


class CarProcess(Child):
    """`hardshoulder-sim` with this command on the line; it stays there until it is ended.

    tell: takes the shutdown and the lamps, as the simulated car tells them.
    """

    def __init__(self, line: Path, command: list[str], log: Path, tell: Tell) -> None:
        super().__init__(log)
        self._line = line
        self._command = command
        self._tell = tell

    def command(self) -> list[str]:
        bus = ["--bus", f"slcan-pty:{self._line}", "--stay"]
        return [sys.executable, "-m", "hardshoulder_sim", *self._command, *bus]

    def launch(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, process_group=0
        )
        threading.Thread(target=self._listen, args=(process,), name="car", daemon=True).start()
        return process

    def ready(self) -> bool:
        return self._line.exists()

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None, "it was asked for"
        with process.stdout as lines:
            for line in lines:
                if line.startswith(b"{") and (told := json.loads(line))["event"] in _STAGES:
                    self._tell(Stage(_STAGES[told["event"]], told["at"], told["text"]))
