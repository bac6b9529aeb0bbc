"""Recordings played onto a line, and cars that stay on it: from where, which channel, and until when."""

from pathlib import Path

import can
import pytest
from can.interfaces.slcan import slcanBus

from hardshoulder_sim.__main__ import main
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.car_process import CarProcess
from hardshoulder_sim.drive import drive
from hardshoulder_sim.recordings.logs import LogFrame, write_candump
from hardshoulder_sim.recordings.play import Part, _chosen
from hardshoulder_sim.scenarios import SCENARIOS

START_S = 1_700_000_000.0


def written(folder: Path, frames: list[LogFrame]) -> Path:
    log = folder / "drive.log"
    write_candump(log, frames)
    return log


def frame(at_s: float, number: int, channel: str = "can0") -> LogFrame:
    return LogFrame(START_S + at_s, channel, 0x100 + number, bytes((number,)))


def chosen(log: Path, part: Part) -> list[tuple[float, int]]:
    return [(round(one.at_s, 6), one.can_id) for one in _chosen(log, part)]


def test_it_begins_where_it_is_told_on_the_channel_it_is_told(tmp_path: Path) -> None:
    log = written(tmp_path, [frame(0.0, 1), frame(1.0, 2, "can1"), frame(2.0, 3), frame(3.0, 4, "can1")])
    assert chosen(log, Part()) == [(0.0, 0x101), (1.0, 0x102), (2.0, 0x103), (3.0, 0x104)]
    assert chosen(log, Part(from_s=1.0)) == [(1.0, 0x102), (2.0, 0x103), (3.0, 0x104)]
    assert chosen(log, Part(from_s=1.0, channel="can0")) == [(2.0, 0x103)]


def test_a_clock_that_was_set_makes_nobody_wait_for_days(tmp_path: Path) -> None:
    """Times as a replay counts them, so that `--from` means the same there and here."""
    log = written(tmp_path, [frame(0.0, 1), frame(0.1, 2), frame(90_000.0, 3), frame(90_000.1, 4)])
    assert chosen(log, Part()) == [(0.0, 0x101), (0.1, 0x102), (0.1, 0x103), (0.2, 0x104)]


def test_what_cannot_be_played_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = written(tmp_path, [frame(0.0, 1), frame(1.0, 2)])
    for option, says in (("--from=5", "after 5 s"), ("--channel=can7", "of channel can7 after 0 s")):
        with can.Bus(interface="virtual", channel="nobody"):
            assert main(["play", str(log), "--bus", "virtual:nobody", option]) == 2
        assert capsys.readouterr().err == (
            f"hardshoulder-sim: {log}: no data frame {says}; is it longer, and is that its channel?\n"
        )


@pytest.mark.slow
def test_a_recording_that_is_over_keeps_the_line_until_it_is_ended(tmp_path: Path) -> None:
    log = written(tmp_path, [frame(0.0, 1), frame(0.05, 2)])
    with CarProcess(tmp_path / "can0", ["play", str(log)], tmp_path / "car.log", lambda _stage: None) as car:
        with slcanBus(str(tmp_path / "can0"), bitrate=500_000) as bus:
            heard = [bus.recv(timeout=10.0), bus.recv(timeout=10.0)]
            assert [None if message is None else message.arbitration_id for message in heard] == [0x101, 0x102]
            # Who is asked is there: an adapter that has gone would not answer with its version.
            assert bus.get_version(timeout=5.0) == (10, 13)
        assert car.running
        assert car.stop() == 143
    assert "Traceback" not in car.log()


class Enough(Exception):
    """The car has stood for long enough."""


@pytest.mark.slow
def test_a_car_whose_scenario_is_over_stands_with_its_lamps_flashing(tmp_path: Path) -> None:
    scenario = SCENARIOS["motorway-shutdown-combustion"]
    seen: list[tuple[float, float, bool]] = []

    def watch(now_s: float, car: SimulatedCar) -> None:
        vehicle = car.journey.vehicle
        if vehicle.speed_mps < 0.1 and not car.body.hazard_active:
            car.body.press_button(now_s)
        if now_s > scenario.duration_s:
            seen.append((vehicle.speed_mps, vehicle.supply.voltage_v, car.body.hazard_active))
        if now_s > scenario.duration_s + 60.0:
            raise Enough

    with pytest.raises(Enough):
        drive(scenario, 1, tmp_path / "drive.log", None, realtime=False, watch=watch, stay=True)
    assert len(seen) > 10_000, "the bus is alive"
    assert {(speed, flash) for speed, _, flash in seen} == {(0.0, True)}
    assert all(voltage > 11.5 for _, voltage, _ in seen)


def test_a_drive_without_an_end_is_refused_where_nobody_waits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drive", "city-stall", "--out", "drive.log", "--stay"]) == 2
    assert capsys.readouterr().err == "hardshoulder-sim: drive: --stay never ends; give it --bus URL or --realtime\n"
