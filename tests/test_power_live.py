"""The module's power with a real daemon: asleep and woken by its bus, stopped in the middle, on a low supply."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from hardshoulder.core.actions import HazardState
from hardshoulder.core.resume import Terms
from hardshoulder.edge.journal import load
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.car import Said
from support.fleet import Fleet
from support.live_car import LiveCar

pytestmark = pytest.mark.slow


@pytest.fixture
def stage() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def config(folder: Path, port: int, *power: str) -> Path:
    path = write_config(folder, "reference-electric", port, f"slcan:{folder / 'can0'}")
    path.write_text(path.read_text() + "\n[power]\n" + "\n".join(power) + "\n")
    return path


def waiting(folder: Path) -> list[int]:
    """The sequence numbers in the outbox's file."""
    path = folder / "storage" / FILE_NAME
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        payloads = [row[0] for row in connection.execute("SELECT payload FROM event ORDER BY number")]
    return [json.loads(payload)["data"]["sequence"] for payload in payloads]


def told_power(fleet: Fleet) -> list[str]:
    return [told["power"]["state"] for told in fleet.told("status") if told["power"] is not None]


def test_a_parked_car_sleeps_says_so_and_its_bus_wakes_it(stage: ExitStack, tmp_path: Path) -> None:
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = LiveCar(tmp_path / "can0", "electric")
    daemon = stage.enter_context(DaemonProcess(config(tmp_path, broker.port, "sleep_after_s = 8.0")))
    wait_until(lambda: bool(fleet.told("presence")), "it is connected")
    wait_until(lambda: "power=asleep" in daemon.log(), "it sleeps")
    wait_until(lambda: bool(fleet.told("presence")) and not fleet.told("presence")[-1]["online"], "it said so")
    assert fleet.told("presence")[-1]["leaving"] == "asleep"
    assert told_power(fleet)[-1] == "asleep"
    asleep = len(fleet.messages)
    woken_s = time.monotonic()
    with car:
        wait_until(lambda: fleet.told("presence")[-1]["online"], "it is back")
        assert time.monotonic() - woken_s < 30.0
        wait_until(lambda: told_power(fleet)[-1] == "awake", "and awake")
        assert len(fleet.messages) > asleep
        wait_until(lambda: "state=driving" in daemon.log(), "the car is watched")
        car.lose_drive()
        wait_until(lambda: car.hazards, "and answered")
        wait_until(lambda: bool(fleet.incidents()), "and told of")
    assert daemon.stop() == 0


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGPWR])
def test_what_matters_is_on_the_disk_soon_after_the_word(by: signal.Signals, stage: ExitStack, tmp_path: Path) -> None:
    """An incident is open and the broker is down; the process is gone, and nothing of it is lost."""
    broker = Broker(tmp_path)
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    daemon = stage.enter_context(DaemonProcess(config(tmp_path, broker.port)))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    wait_until(lambda: "cannot be reached" in daemon.log(), "the broker is missed")
    car.lose_drive()
    wait_until(lambda: "hazards=confirmed" in daemon.log(), "an incident is open")
    reported = daemon.log().count(" sequence=")
    process = daemon._process
    assert process is not None
    begin_s = time.monotonic()
    process.send_signal(by)
    assert process.wait(30.0) == 0
    took_s = time.monotonic() - begin_s
    print(f"{by.name}: the process was gone after {took_s * 1000:.0f} ms")
    assert waiting(tmp_path) == list(range(1, max(reported, daemon.log().count(" sequence=")) + 1))
    kept = load(tmp_path / "storage", Said(), clock_plausible=True, clock_trusted=True)
    assert kept is not None and kept.terms is Terms.AT_ONCE
    assert kept.snapshot.incident.hazards is HazardState.CONFIRMED
    # Tests share their machine, so this is no measurement of the 200 ms.
    assert took_s < 5.0
    assert "did not stop within" not in daemon.log() or by is signal.SIGPWR


def test_on_a_low_supply_the_radio_goes_first_and_hazards_after(stage: ExitStack, tmp_path: Path) -> None:
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    volts = tmp_path / "supply"
    volts.write_text("12600\n")
    keys = ('supply_file = "supply"', "supply_scale = 0.001", "radio_after_s = 10.0", "hazards_after_s = 10.0")
    daemon = stage.enter_context(DaemonProcess(config(tmp_path, broker.port, *keys)))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    car.lose_drive()
    wait_until(lambda: car.hazards and bool(fleet.incidents()), "hazards flash and the fleet knows")
    volts.write_text("11400\n")
    wait_until(lambda: "given-up=radio\n" in daemon.log(), "the radio is given up")
    assert car.hazards
    wait_until(lambda: fleet.told("presence")[-1]["leaving"] == "low-supply", "it says why it goes")
    wait_until(lambda: "given-up=radio,hazards" in daemon.log(), "the hazards after it")
    wait_until(lambda: not car.hazards, "they are let go")
    assert "notice=hazard-button" in daemon.log(), "the driver is told where her own button is"
    volts.write_text("13800\n")
    wait_until(lambda: fleet.told("presence")[-1]["online"], "the radio is back")
    wait_until(lambda: fleet.incidents()[-1].data.hazards is HazardState.RELEASED, "and tells what was done")
    assert any("the supply stayed below its floor" in entry.what for entry in fleet.incidents()[-1].data.timeline)
    assert not car.hazards, "nothing flashes again by itself"
