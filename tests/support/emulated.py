"""The cross-compiled image in an emulated lm3s6965evb: its line a pseudo-terminal, its pins seen over QMP."""

import json
import re
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hardshoulder.core.frame import Frame
from hardshoulder_sim.processes import wait_until
from support.firmware import BUILT, build, need
from support.host_board import BusLine

_LAMP_PIN = 0x4002_5004
"""PF0, the status LED: GPIO port F, read through the mask of that pin."""

_SELECT_KEY = "ctrl"
"""The key that the emulated board takes for its select button, PF1."""


@cache
def image() -> Path:
    """The image, built from the sources as they are."""
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi")
    need("qemu-system-arm", "qemu-system-arm")
    build("board")
    return BUILT / "lm3s6965evb.elf"


def _connected(path: Path) -> socket.socket:
    """The socket is there a moment before anybody listens on it."""
    end = socket.socket(socket.AF_UNIX)
    wait_until(lambda: end.connect_ex(str(path)) == 0, "the board is powered")
    return end


class EmulatedBoard:
    """A board that runs. device: its line to Linux, a pseudo-terminal; bus: what stands for its CAN controller."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        bus, qmp = self._folder / "bus.sock", self._folder / "qmp.sock"
        self._process = subprocess.Popen(
            [
                "qemu-system-arm", "-machine", "lm3s6965evb", "-accel", "tcg", "-display", "none", "-monitor", "none",
                "-nic", "none", "-kernel", str(image()), "-chardev", "pty,id=line", "-serial", "chardev:line",
                "-serial", f"unix:{bus},server=on,wait=off", "-qmp", f"unix:{qmp},server=on,wait=off",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "qemu.log").open("wb"),
        )  # fmt: skip
        try:
            self._begin(bus, qmp)
        except BaseException:
            self._process.kill()
            raise
        return self

    def _begin(self, bus: Path, qmp: Path) -> None:
        self._bus = _connected(bus)
        self.bus = BusLine(self._bus)
        self._qmp = _connected(qmp)
        self._answers = self._qmp.makefile("r")
        self._answers.readline()
        self._ask("qmp_capabilities")
        self.device = next(
            Path(row["filename"].removeprefix("pty:")) for row in self._ask("query-chardev") if row["label"] == "line"
        )
        # The emulated pin reads as pressed until the button was once let go.
        self.button(down=True)
        self.button(down=False)

    def _ask(self, what: str, **arguments: Any) -> Any:
        self._qmp.sendall(json.dumps({"execute": what, "arguments": arguments}).encode() + b"\n")
        for line in self._answers:
            answer = json.loads(line)
            if "event" not in answer:
                return answer["return"]
        raise AssertionError("the emulator ended")

    @property
    def lamp(self) -> bool:
        """Whether the lamp's pin is high now."""
        said = self._ask("human-monitor-command", **{"command-line": f"xp /1wx {_LAMP_PIN:#x}"})
        found = re.search(r": 0x0000000([01])\b", said)
        assert found is not None, said
        return found[1] == "1"

    def watch_lamp(self, seconds: float) -> tuple[float, float]:
        """(longest dark stretch, longest lit stretch) within that time, in seconds, to 20 ms."""
        longest = {False: 0.0, True: 0.0}
        end_s = (since_s := time.monotonic()) + seconds
        state = self.lamp
        while (now_s := time.monotonic()) < end_s:
            lit = self.lamp
            if lit is not state:
                state, since_s = lit, now_s
            longest[state] = max(longest[state], now_s - since_s)
            time.sleep(0.01)
        return longest[False], longest[True]

    def button(self, *, down: bool) -> None:
        """The hazard switch."""
        key = {"down": down, "key": {"type": "qcode", "data": _SELECT_KEY}}
        self._ask("input-send-event", events=[{"type": "key", "data": key}])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        for end in (self._bus, self._qmp):
            end.close()


class BridgePort:
    """A board's bus as a simulated car takes its port: what slcan_port.SlcanPort has, over a `BusLine`."""

    def __init__(self, line: BusLine) -> None:
        self._line = line

    def fileno(self) -> int:
        """Readable when the board has sent something."""
        return self._line.fileno()

    def send(self, frame: Frame) -> None:
        """A frame of the car."""
        self._line.send(frame)

    def receive_ready(self) -> list[Frame]:
        """What the board has sent since."""
        frames: list[Frame] = []
        while self._line.waits():
            frames += self._line.receive(time.monotonic())
        return frames

    def close(self) -> None:
        """Nothing: the line is the board's."""
