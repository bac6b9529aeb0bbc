"""The real processes around a simulated car: a broker and a daemon as children, on loopback only.

Used by the demo, the end-to-end tests and the benchmarks.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from hardshoulder.errors import UserError

DEADLINE_S = 60.0
"""For anything that should happen soon; a machine may be busy with much else."""

START_S = 60.0
"""For a process that begins on a busy machine: some have much to import."""

_POLL_S = 0.02


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Looks again until it holds. Raises AssertionError with `what` after the deadline."""
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(_POLL_S)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mosquitto() -> str:
    """The broker's program; Debian keeps it where a user's PATH does not look. Raises UserError."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = shutil.which("mosquitto", path=search)
    if found is None:
        raise UserError("mosquitto is not installed; on Debian: apt-get install --no-install-recommends mosquitto")
    return found


class Child:
    """A process of ours with a log file; ended with the `with` block.

    A group of its own: Ctrl-C at the terminal is for whoever started it, who then ends it in order.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def command(self) -> list[str]:
        """What is started."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it does its work."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts it, and returns when it does its work. Raises UserError when it does not come to that."""
        assert self._process is None, "it is running"
        with self._log.open("ab") as log:
            self._process = self.launch(log)
        try:
            wait_until(self._alive_and_ready, f"{self.name} is ready; its log is {self._log}", START_S)
        except AssertionError as error:
            self.kill()
            raise UserError(str(error)) from None
        except BaseException:
            # `with` has not begun yet, so nobody else would end it.
            self.kill()
            raise

    def launch(self, log: BinaryIO) -> "subprocess.Popen[bytes]":
        """Begins the process; what it says goes into the log."""
        return subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return self._log.stem

    @property
    def log_file(self) -> Path:
        """What it says goes there."""
        return self._log

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def stop(self) -> int | None:
        """Ends it the clean way; its exit status, or None when it was not running."""
        return self._end(subprocess.Popen.terminate)

    def kill(self) -> int | None:
        """Ends it with SIGKILL: it says no goodbye to anybody."""
        return self._end(subprocess.Popen.kill)

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text("utf-8")

    def _alive_and_ready(self) -> bool:
        if self.running:
            return self.ready()
        said = self.log().splitlines()[-1:]
        raise UserError(f"{self.name} ended at once: {said[0] if said else 'without a word'}; its log is {self._log}")

    def _end(self, how: Callable[["subprocess.Popen[bytes]"], None]) -> int | None:
        if self._process is None:
            return None
        how(self._process)
        try:
            status = self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            # One that does not go by itself must not outlive us.
            self._process.kill()
            status = self._process.wait()
        self._process = None
        return status


class Broker(Child):
    """mosquitto. `stop`, `kill` and `start` may follow each other; the port stays the same.

    options: further lines of mosquitto.conf.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        # Holds the port while the broker is away: no outgoing connection of another test gets it.
        # It does not listen, so whoever connects is refused, and mosquitto may bind beside it.
        self._reservation = socket.socket()
        self._reservation.bind(("127.0.0.1", 0))
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = int(self._reservation.getsockname()[1])
        super().__init__(folder / f"mosquitto-{self.port}.log")
        self._configuration = folder / f"mosquitto-{self.port}.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stderr", *options]
        if not any(line.startswith("allow_anonymous") for line in options):
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            # Otherwise mosquitto becomes a user who cannot read the folder.
            lines.append("user root")
        self._configuration.write_text("\n".join(lines) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._reservation.close()

    def command(self) -> list[str]:
        return [mosquitto(), "-c", str(self._configuration)]

    def ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        return True


_CONFIG = """\
format = 1
vehicle = "{vehicle}"
mode = "{mode}"
profile = {profile}
dbc = {dbc}

[[bus]]
name = "{bus}"
url = "{bus_url}"

[mqtt]
host = "127.0.0.1"
port = {broker_port}

[storage]
folder = "storage"

[thresholds]
{numbers}
"""


def write_config(
    folder: Path,
    profile: str,
    broker_port: int,
    bus_url: str,
    *,
    vehicle: str = "car-1",
    mode: str = "armed",
    bus: str = "main",
    dbc: tuple[Path, ...] = (),
    thresholds: Mapping[str, float] | None = None,
    commissioned: bool = True,
) -> Path:
    """A config.toml for one simulated car in this folder.

    commissioned: with the record that a person in the car would have made; the demo makes it for real.
    """
    numbers = "\n".join(f"{name} = {value}" for name, value in (thresholds or {}).items())
    path = folder / "config.toml"
    path.write_text(
        _CONFIG.format(
            vehicle=vehicle, mode=mode, profile=json.dumps(profile), dbc=json.dumps([str(path) for path in dbc]),
            bus=bus, bus_url=bus_url, broker_port=broker_port, numbers=numbers,
        )
    )  # fmt: skip
    (folder / "storage").mkdir(exist_ok=True)
    if commissioned and mode == "armed":
        vouch_for(path)
    return path


def vouch_for(config: Path) -> None:
    """Writes the record of a commissioning that nobody made, for a simulated car."""
    from hardshoulder.config import make_bundle
    from hardshoulder.record import Record, write_record

    bundle = make_bundle(config)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    names = (bundle.settings.vehicle, bundle.plan.profile, bundle.plan.digest, bundle.version)
    write_record(config, Record(*names, at=at, vin="", seen=False))


class DaemonProcess(Child):
    """`hardshoulder run`, ready when it watches the car."""

    def __init__(self, config: Path, python: str = sys.executable) -> None:
        super().__init__(config.parent / "daemon.log")
        self._config = config
        self._python = python
        self._seen = 0

    def command(self) -> list[str]:
        return [self._python, "-m", "hardshoulder", "run", "--config", str(self._config)]

    def start(self) -> None:
        self._seen = len(self.log()) if self._log.exists() else 0
        super().start()

    def ready(self) -> bool:
        return "watching vehicle=" in self.log()[self._seen :]
