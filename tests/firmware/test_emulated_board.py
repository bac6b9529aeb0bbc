"""The real image in an emulated board, the real daemon on its line, a simulated car on its bus."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.cable import Cable
from support.emulated import BridgePort, EmulatedBoard
from support.live_car import LiveCar

pytestmark = pytest.mark.full

SHORT = {"recovered_after_s": 0.3, "drove_on_after_s": 0.5, "closed_after_s": 0.5, "clear_after_s": 0.2}
FLASHES_S = 1.5
"""Neither dark nor lit for longer than that: a third of a second, and what an emulator on a busy machine adds."""
HEARTBEATS_S = 1.0
"""In which a heartbeat surely carries what the daemon has just logged."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def board(stage: ExitStack, tmp_path: Path) -> EmulatedBoard:
    return stage.enter_context(EmulatedBoard(tmp_path))


@pytest.fixture
def car(stage: ExitStack, board: EmulatedBoard) -> LiveCar:
    return stage.enter_context(LiveCar(BridgePort(board.bus), "combustion"))


def start_daemon(stage: ExitStack, folder: Path, device: Path, mode: str = "armed") -> DaemonProcess:
    broker = stage.enter_context(Broker(folder))
    url = f"bridge:{device}@921600"
    config = write_config(folder, "reference-combustion", broker.port, url, thresholds=SHORT, mode=mode)
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    return daemon


def check_flashing(board: EmulatedBoard, seconds: float = 4.0) -> None:
    """The lamp is lit and dark in turn, for so long."""
    dark_s, lit_s = board.watch_lamp(seconds)
    assert 0.1 < dark_s < FLASHES_S
    assert 0.1 < lit_s < FLASHES_S


def break_down(board: EmulatedBoard, car: LiveCar, daemon: DaemonProcess) -> None:
    """The drive dies; the daemon asks, the car's lamps flash, the board's output too, and it is confirmed."""
    seen = daemon.log().count("hazards=confirmed")
    car.lose_drive()
    wait_until(lambda: car.hazards, "the car's lamps flash")
    wait_until(lambda: board.lamp, "the board's own output glows")
    wait_until(lambda: daemon.log().count("hazards=confirmed") > seen, "the daemon has seen it")


def test_hazards_outlive_the_daemon_and_it_is_in_control_again(
    stage: ExitStack, board: EmulatedBoard, car: LiveCar, tmp_path: Path
) -> None:
    daemon = start_daemon(stage, tmp_path, board.device)
    assert "microcontroller=lm3s6965evb/reference firmware=0.1.0" in daemon.log()
    assert board.watch_lamp(1.0)[1] == 0, "no lamp before anything happened"
    assert car.heard == []

    break_down(board, car, daemon)
    time.sleep(HEARTBEATS_S)
    daemon.kill()
    check_flashing(board, 6.0)
    assert car.hazards, "and so do the car's, on the board's own requests"
    assert car.body.rejected == 0

    daemon.start()
    wait_until(lambda: "hands the hazard lights back to us" in daemon.log(), "a daemon that remembers takes over")
    check_flashing(board)
    car.regain_drive()
    began_s = time.monotonic()
    wait_until(lambda: not car.hazards, "the daemon lets go")
    assert time.monotonic() - began_s < 9, "sooner than the board would by itself: it is the daemon's word"
    wait_until(lambda: board.watch_lamp(0.8)[1] == 0, "the board's output is dark")
    assert daemon.stop() == 0


def test_the_board_lets_go_by_itself_when_the_car_drives_on(
    stage: ExitStack, board: EmulatedBoard, car: LiveCar, tmp_path: Path
) -> None:
    daemon = start_daemon(stage, tmp_path, board.device)
    break_down(board, car, daemon)
    time.sleep(HEARTBEATS_S)
    daemon.kill()
    check_flashing(board)
    car.regain_drive()
    wait_until(lambda: not car.hazards, "the board sees it drive on, and takes its request back")
    wait_until(lambda: board.watch_lamp(0.8)[1] == 0, "its own output is dark")


def test_the_driver_ends_what_the_board_holds(
    stage: ExitStack, board: EmulatedBoard, car: LiveCar, tmp_path: Path
) -> None:
    daemon = start_daemon(stage, tmp_path, board.device)
    break_down(board, car, daemon)
    time.sleep(HEARTBEATS_S)
    daemon.kill()
    check_flashing(board)
    board.button(down=True)
    wait_until(lambda: board.watch_lamp(0.8)[1] == 0, "the switch is obeyed")
    board.button(down=False)
    wait_until(lambda: not car.hazards, "the request is taken back on CAN")


def test_in_monitor_mode_the_board_is_asked_for_nothing(
    stage: ExitStack, board: EmulatedBoard, car: LiveCar, tmp_path: Path
) -> None:
    daemon = start_daemon(stage, tmp_path, board.device, "monitor")
    car.lose_drive()
    wait_until(lambda: "notice=hazard-button" in daemon.log(), "the driver is told where the button is")
    daemon.kill()
    assert board.watch_lamp(2.0)[1] == 0
    assert car.heard == []


def test_the_port_is_pulled_out_in_a_breakdown_and_put_back(
    stage: ExitStack, board: EmulatedBoard, car: LiveCar, tmp_path: Path
) -> None:
    line = os.open(board.device, os.O_RDWR | os.O_NOCTTY)
    stage.callback(os.close, line)
    cable = stage.enter_context(Cable(line, tmp_path / "tty", 921_600))
    daemon = start_daemon(stage, tmp_path, tmp_path / "tty")
    break_down(board, car, daemon)
    time.sleep(HEARTBEATS_S)
    cable.unplug()
    wait_until(lambda: "the port is gone" in daemon.log(), "the daemon sees it")
    check_flashing(board)
    cable.plug_in()
    wait_until(lambda: daemon.log().count("state=up") == 2, "the port is back")
    wait_until(lambda: "hands the hazard lights back to us" in daemon.log(), "a daemon that remembers takes over")
    check_flashing(board)
    cable.spoil(random.Random(2).randbytes(90))
    wait_until(lambda: "nothing but noise" in daemon.log(), "noise is no board")
    cable.spoil(None)
    wait_until(lambda: daemon.log().count("state=up") == 3, "the board is heard again")
    cable.cut()
    wait_until(lambda: "has fallen silent" in daemon.log() or "nobody answers" in daemon.log(), "silence is seen")
    check_flashing(board)
    cable.cut(open_again=True)
    wait_until(lambda: daemon.log().count("state=up") == 4, "and again")
    car.regain_drive()
    wait_until(lambda: not car.hazards, "the daemon lets go")
    assert "Traceback" not in daemon.log()
