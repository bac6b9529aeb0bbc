"""What the service manager hears, on real datagram sockets: ready, fed by the loop alone, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardshoulder.edge.watchdog import FED_PER_TIMEOUT, Watchdog
from hardshoulder_sim.processes import DEADLINE_S, wait_until, write_config
from support.live_car import LiveCar

TIMEOUT_US = 300_000
"""Of the watchdog, in the tests with a whole daemon."""


class Manager:
    """Listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def hear(self, timeout_s: float = 0.0) -> list[str]:
        """All that was said until now; waits so long for the first word."""
        self._socket.settimeout(timeout_s)
        try:
            while True:
                self.heard.append(self._socket.recv(4096).decode())
                self._socket.settimeout(0.0)
        except (BlockingIOError, TimeoutError):
            return self.heard

    def fed(self) -> int:
        return self.hear().count("WATCHDOG=1")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@hardshoulder-test-{os.getpid()}")
    yield made
    made.close()


def environment(manager: Manager, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000", "OTHER": "stays", **more}


def test_ready_is_said_once_and_the_watchdog_is_fed_in_time(manager: Manager) -> None:
    variables = environment(manager, WATCHDOG_PID=str(os.getpid()))
    watchdog = Watchdog(variables)
    assert variables == {"OTHER": "stays"}, "no program we start speaks for us"
    assert manager.hear() == []
    for now_s in (10.0, 10.5, 10.9, 11.0, 11.5, 12.4):
        watchdog.turned(now_s)
    assert manager.hear() == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert watchdog.due_s() == pytest.approx(12.4 + 3.0 / FED_PER_TIMEOUT)
    assert FED_PER_TIMEOUT >= 2
    watchdog.stopping()
    assert manager.hear()[-1] == "STOPPING=1"
    watchdog.close()


def test_a_status_is_one_line_and_said_when_it_changes(manager: Manager) -> None:
    watchdog = Watchdog(environment(manager))
    for text in ("driving", "driving", "two\nlines"):
        watchdog.say(text)
    assert manager.hear() == ["STATUS=driving", "STATUS=two lines"]


@pytest.mark.parametrize(
    "changes",
    [{"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_PID": "1"}],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(manager: Manager, changes: dict[str, str]) -> None:
    watchdog = Watchdog(environment(manager, **changes))
    watchdog.turned(10.0)
    assert manager.hear() == ["READY=1"]
    assert watchdog.due_s() == float("inf")


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1", "/nowhere/notify", "@nobody-is-there"])
def test_a_manager_that_is_not_there_costs_nothing(address: str) -> None:
    watchdog = Watchdog({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
    watchdog.turned(1.0)
    watchdog.say("x")
    watchdog.stopping()
    watchdog.close()
    assert watchdog.due_s() == float("inf")


def test_a_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    watchdog = Watchdog(environment(manager))
    begin_s = time.monotonic()
    for now_s in range(10_000):
        watchdog.turned(float(now_s))
    assert time.monotonic() - begin_s < 5
    manager.close()
    watchdog.turned(20_000.0)


def start(folder: Path, manager: Manager, code: str) -> "subprocess.Popen[str]":
    """A daemon that a manager waits for, run by this program."""
    config = write_config(folder, "reference-electric", 1, f"slcan:{folder / 'can0'}")
    variables = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": str(TIMEOUT_US)}
    command = [sys.executable, "-c", code, "run", "--config", str(config)]
    return subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)


RUN = "import sys; from hardshoulder.__main__ import main; sys.exit(main())"

# The core never comes back when the file is there; every thread beside the loop goes on.
HANGS = """
import sys, threading
from pathlib import Path
from hardshoulder.core.responder import Responder
tick, trap = Responder.tick, Path(sys.argv[3]).with_name("trap")
def hang(self, now_s):
    if trap.exists():
        trap.with_name("caught").touch()
        threading.Event().wait()
    return tick(self, now_s)
Responder.tick = hang
from hardshoulder.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def quick_manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.mark.slow
def test_a_daemon_is_ready_is_fed_and_says_that_it_stops(tmp_path: Path, quick_manager: Manager) -> None:
    manager = quick_manager
    with LiveCar(tmp_path / "can0", "electric"), start(tmp_path, manager, RUN) as daemon:
        try:
            assert manager.hear(DEADLINE_S)
            wait_until(lambda: manager.fed() >= 3, "it is fed again and again")
            wait_until(lambda: any("STATUS=driving" in told for told in manager.hear()), "a line on how it goes")
            assert "main up; 0 alerts wait" in "".join(manager.heard)
            assert manager.heard.count("READY=1") == 1
            daemon.send_signal(signal.SIGTERM)
            wait_until(lambda: "STOPPING=1" in manager.hear(), "it says that it stops")
            assert daemon.wait(DEADLINE_S) == 0
        finally:
            daemon.kill()


@pytest.mark.slow
def test_a_daemon_whose_loop_hangs_is_not_fed(tmp_path: Path, quick_manager: Manager) -> None:
    manager = quick_manager
    with LiveCar(tmp_path / "can0", "electric"), start(tmp_path, manager, HANGS) as daemon:
        try:
            wait_until(lambda: manager.fed() >= 2, "it is fed")
            (tmp_path / "trap").touch()
            wait_until((tmp_path / "caught").exists, "the loop hangs")
            manager.hear()
            before = manager.fed()
            # Ten times the time in which it would have been fed.
            assert manager.hear(10 * TIMEOUT_US / 1e6 / FED_PER_TIMEOUT).count("WATCHDOG=1") == before
            assert daemon.poll() is None, "all the rest of it lives"
        finally:
            daemon.kill()
