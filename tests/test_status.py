"""`hardshoulder status` and a running daemon: what it tells, to whom, and that a second daemon is turned away."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hardshoulder import __version__
from hardshoulder.edge.only_one import only_one
from hardshoulder.edge.snapshot import LastIncident, Snapshot, as_json, as_metrics
from hardshoulder.edge.status_socket import CALLER_WITHIN_S, StatusSocket
from hardshoulder.errors import UserError
from hardshoulder.status import ask, status
from hardshoulder_sim.processes import DEADLINE_S, Broker, DaemonProcess, wait_until, write_config
from support.car import Said
from support.fleet import Fleet
from support.live_car import LiveCar
from support.written import hardshoulder_command

NAMES = ("car-7", "1.2.3", "reference-electric", "ab" * 32, "1", "monitor")
SERVICE = (Path(__file__).parent.parent / "docs" / "SERVICE.md").read_text("utf-8")
SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? -?[0-9.]+')


def snapshot(now_s: float = 100.0) -> Snapshot:
    last = LastIncident("incident-1", 3, "no-torque", "stranded", "confirmed", True)
    return Snapshot(
        *NAMES, process=17, started_at_s=now_s - 50, turned_at_s=now_s, state="stranded", health="degraded",
        missing=("Vehicle.Speed",), buses={"main": True, "body": False}, bus_errors={"main.bus-off": 2},
        invalid_frames={"ESC.Speed.checksum": 4}, broker_connected=True, outbox=5, incidents=1, last_incident=last,
    )  # fmt: skip


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, StatusSocket]]:
    path, said = tmp_path / "status.sock", Said()
    server = StatusSocket(path, said)
    server.start()
    yield path, server
    server.stop(5.0)
    assert said.lines == []
    assert not path.exists()


def test_json_tells_ages_and_no_place() -> None:
    told = json.loads(as_json(snapshot(), 101.5))
    assert (told["uptime_s"], told["turned_s_ago"], told["outbox"], told["software"]) == (51.5, 1.5, 5, "1.2.3")
    assert told["last_incident"]["incident_id"] == "incident-1"
    assert not {"latitude", "location", "started_at_s"} & set(told)


def test_metrics_are_in_the_text_format() -> None:
    text = as_metrics(replace(snapshot(), vehicle='a"b\\c\nd'), 101.0)
    lines = text.splitlines()
    assert all(SAMPLE.fullmatch(line) for line in lines if not line.startswith("#")), lines
    helped = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(helped) == len(set(helped))
    assert set(helped) == set(re.findall(r"^\| `(hardshoulder_\w+)` \|", SERVICE, re.MULTILINE)), "the document's table"
    assert 'hardshoulder_bus_up{bus="body"} 0' in lines
    assert 'hardshoulder_bus_errors_total{bus="main",kind="bus-off"} 2' in lines
    assert 'hardshoulder_invalid_frames_total{message="ESC.Speed",reason="checksum"} 4' in lines
    assert "hardshoulder_outbox_alerts 5" in lines
    assert "hardshoulder_incident_open 1" in lines
    assert 'vehicle="a\\"b\\\\c\\nd"' in text


def test_the_socket_is_for_owner_and_group(served: tuple[Path, StatusSocket]) -> None:
    assert stat.S_IMODE(served[0].stat().st_mode) == 0o660


def test_before_the_first_turn_it_says_that_it_starts(served: tuple[Path, StatusSocket]) -> None:
    with pytest.raises(UserError, match="the daemon answers 503: starting; ask again"):
        ask(served[0], "/status")


def test_the_newest_snapshot_is_told(served: tuple[Path, StatusSocket]) -> None:
    path, server = served
    for outbox in (1, 2):
        server.show(replace(snapshot(time.monotonic()), outbox=outbox))
        assert json.loads(ask(path, "/status"))["outbox"] == outbox
    assert "hardshoulder_outbox_alerts 2" in ask(path, "/metrics")
    with pytest.raises(UserError, match="404"):
        ask(path, "/else")


@pytest.mark.parametrize("sent", [b"", b"GET", b"\xff\r\n\r\n", b"POST /status HTTP/1.0\r\n\r\n", b"x" * 100_000])
def test_a_caller_that_speaks_otherwise_costs_himself(sent: bytes, served: tuple[Path, StatusSocket]) -> None:
    path, server = served
    server.show(snapshot(time.monotonic()))
    begin_s = time.monotonic()
    with socket.socket(socket.AF_UNIX) as caller, socket.socket(socket.AF_UNIX) as silent:
        for line in (silent, caller):
            line.connect(str(path))
        caller.settimeout(DEADLINE_S)
        with suppress(BrokenPipeError, ConnectionResetError):
            caller.sendall(sent)
        assert json.loads(ask(path, "/status"))["outbox"] == 5
    assert time.monotonic() - begin_s < 2 * CALLER_WITHIN_S + DEADLINE_S / 4


def test_a_stale_file_is_replaced_and_a_long_path_fits(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    path, said = folder / "status.sock", Said()
    path.write_text("left behind")
    server = StatusSocket(path, said)
    server.start()
    server.show(snapshot(time.monotonic()))
    assert json.loads(ask(path, "/status"))["vehicle"] == "car-7"
    server.stop(5.0)
    assert said.lines == []


def test_a_socket_that_cannot_be_is_said_and_nothing_else_happens(tmp_path: Path) -> None:
    said = Said()
    server = StatusSocket(tmp_path / "gone" / "status.sock", said)
    server.start()
    server.show(snapshot())
    server.stop(1.0)
    assert said.count("status.sock: cannot be served: No such file or directory") == 1


def test_a_lock_is_held_by_one_and_given_back(tmp_path: Path) -> None:
    said, file = Said(), tmp_path / "daemon.lock"
    with only_one([file], said):
        assert file.read_text() == f"{os.getpid()}\n"
        with pytest.raises(UserError) as error, only_one([tmp_path / "other.lock", file], said):
            pass
        told = f"{file}: another daemon (process {os.getpid()}) is at work here; end that one first"
        assert error.value.problems == (told,)
    with only_one([file, tmp_path / "other.lock"], said):
        assert said.lines == []


def test_a_lock_that_cannot_be_made_is_said_and_the_car_is_watched(tmp_path: Path) -> None:
    said = Said()
    with only_one([tmp_path / "gone" / "daemon.lock"], said):
        assert said.count("nothing keeps a second daemon away") == 1


def test_a_loop_that_hangs_is_told(
    served: tuple[Path, StatusSocket], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, "reference-electric", 1, "slcan:x", commissioned=False)
    config.write_text(config.read_text() + f'\n[status]\nsocket = "{served[0]}"\n')
    served[1].show(snapshot(time.monotonic()))
    assert status(config, as_json=False, metrics=False) == 0
    assert "watches; process 17" in capsys.readouterr().out
    served[1].show(snapshot(time.monotonic() - 60))
    assert status(config, as_json=False, metrics=False) == 1
    assert "hangs: its loop went round 60" in capsys.readouterr().out


@pytest.mark.slow
def test_no_daemon_is_one_line(tmp_path: Path) -> None:
    config = write_config(tmp_path, "reference-electric", 1, "slcan:x", commissioned=False)
    done = hardshoulder_command(tmp_path, "status", "--config", str(config))
    assert (done.returncode, done.stdout) == (2, "")
    asked_at = tmp_path / "storage" / "status.sock"
    assert done.stderr == (
        f"hardshoulder: {asked_at}: no daemon answers here; start it with: hardshoulder run --config FILE\n"
    )
    done = hardshoulder_command(tmp_path, "status", "--config", str(tmp_path / "no.toml"), "--json")
    assert done.returncode == 2 and "no.toml" in done.stderr and done.stderr.count("\n") == 1


def second(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hardshoulder", "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.mark.slow
@dataclass
class Watched:
    """A car that drives, and the daemon that watches it, asked at its socket."""

    car: LiveCar
    config: Path
    daemon: DaemonProcess
    asked_at: Path

    def told(self) -> dict[str, object]:
        """What it says now."""
        return dict(json.loads(ask(self.asked_at, "/status")))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path))
        stack.enter_context(Fleet(broker.port))
        car = stack.enter_context(LiveCar(tmp_path / "can0", "electric"))
        config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
        daemon = stack.enter_context(DaemonProcess(config))
        made = Watched(car, config, daemon, tmp_path / "storage" / "status.sock")
        wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
        wait_until(lambda: made.told()["state"] == "driving" and made.told()["broker_connected"] is True, "it is told")
        yield made


def test_a_running_daemon_tells_how_it_does(watched: Watched, tmp_path: Path) -> None:
    told, config = watched.told, watched.config
    assert (told()["software"], told()["buses"], told()["outbox"]) == (__version__, {"main": True}, 0)
    watched.car.lose_drive()
    wait_until(lambda: isinstance(told()["last_incident"], dict), "the incident is told")
    wait_until(lambda: int(str(told()["outbox"])) >= 1, "the alert waits")
    done = hardshoulder_command(tmp_path, "status", "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert "state     rolling" in done.stdout and "incident  open: " in done.stdout
    done = hardshoulder_command(tmp_path, "status", "--metrics", "--config", str(config))
    assert "hardshoulder_incident_open 1" in done.stdout


def test_a_second_daemon_is_turned_away_and_the_first_goes_on(watched: Watched, tmp_path: Path) -> None:
    refused = second(watched.config)
    assert (refused.returncode, refused.stdout) == (2, "")
    lock = tmp_path / "storage" / "daemon.lock"
    assert refused.stderr == (
        f"hardshoulder: {lock}: another daemon (process {watched.daemon.pid}) is at work here; end that one first\n"
    )
    assert watched.told()["process"] == watched.daemon.pid
    watched.car.lose_drive()
    wait_until(lambda: watched.car.hazards, "the first still acts")


def test_the_socket_of_a_dead_daemon_is_replaced_by_the_next(watched: Watched) -> None:
    daemon, asked_at = watched.daemon, watched.asked_at
    daemon.kill()
    assert asked_at.exists()
    with pytest.raises(UserError, match="no daemon answers here"):
        ask(asked_at, "/status")
    daemon.start()
    wait_until(lambda: asked_at.exists() and reached(asked_at), "the next one answers")
    assert watched.told()["process"] == daemon.pid
    assert daemon.stop() == 0
    assert not asked_at.exists()


def reached(path: Path) -> bool:
    try:
        ask(path, "/status")
    except UserError:
        return False
    return True


@pytest.mark.slow
def test_callers_without_end_do_not_hold_the_loop_up(tmp_path: Path) -> None:
    with LiveCar(tmp_path / "can0", "electric") as car:
        config = write_config(tmp_path, "reference-electric", 1, f"slcan:{tmp_path / 'can0'}")
        with DaemonProcess(config) as daemon, ExitStack() as stack:
            wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
            for _ in range(6):
                caller = stack.enter_context(socket.socket(socket.AF_UNIX))
                caller.connect(str(tmp_path / "storage" / "status.sock"))
            car.lose_drive()
            wait_until(lambda: car.hazards, "the lamps flash while six callers say nothing")
            wait_until(lambda: reached(tmp_path / "storage" / "status.sock"), "and it answers those who ask")
            assert daemon.stop() == 0
