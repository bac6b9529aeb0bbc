"""The whole line with real processes: mosquitto, the daemon, a car on a serial line, a fleet that listens."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardshoulder.core.actions import HazardState, State
from hardshoulder.wire import IncidentEvent
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.fleet import Fleet
from support.live_car import LiveCar

SHORT = {"recovered_after_s": 0.3, "drove_on_after_s": 0.5, "closed_after_s": 0.5, "clear_after_s": 0.2}
"""So that a car drives on within a test's patience; detection keeps its own times."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def incidents(fleet: Fleet) -> list[IncidentEvent]:
    """The incident events in order, each once."""
    return sorted({event.id: event for event in fleet.incidents()}.values(), key=lambda event: event.data.sequence)


@pytest.mark.slow
@pytest.mark.parametrize("propulsion", ["combustion", "electric"])
def test_a_breakdown_makes_lamps_flash_and_reaches_the_fleet(stage: ExitStack, tmp_path: Path, propulsion: str) -> None:
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(tmp_path / "can0", propulsion))
    config = write_config(
        tmp_path, f"reference-{propulsion}", broker.port, f"slcan:{tmp_path / 'can0'}", thresholds=SHORT
    )
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: any(told["state"] == "driving" for told in fleet.told("status")), "the car is known to drive")
    assert car.body.rejected == 0
    assert not car.heard, "nothing is sent before anything happened"

    car.lose_drive()
    wait_until(lambda: car.hazards, "the lamps flash")
    wait_until(lambda: any(e.data.hazards is HazardState.CONFIRMED for e in incidents(fleet)), "the fleet knows")
    wait_until(lambda: car.shown == [1], "the display says that the hazards are on")
    first = incidents(fleet)[0].data
    assert (first.sequence, first.state, first.vehicle) == (1, State.ROLLING, "car-1")
    assert first.speed_kph_at_open == pytest.approx(100, abs=1)

    car.regain_drive()
    wait_until(lambda: incidents(fleet)[-1].data.state is State.CLOSED, "the incident is closed")
    wait_until(lambda: not car.hazards, "the lamps are let go")
    assert [event.data.sequence for event in incidents(fleet)] == list(range(1, len(incidents(fleet)) + 1))
    assert len({event.data.incident_id for event in incidents(fleet)}) == 1
    wait_until(lambda: fleet.told("status")[-1]["outbox_depth"] == 0, "every alert was acknowledged")
    assert daemon.stop() == 0
    assert car.body.rejected == 0
    wait_until(lambda: fleet.told("presence")[-1]["online"] is False, "the car said goodbye")


@pytest.mark.slow
def test_monitor_sends_nothing_and_says_what_it_would_have_done(stage: ExitStack, tmp_path: Path) -> None:
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}", mode="monitor")
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    car.lose_drive()
    wait_until(lambda: bool(incidents(fleet)), "the alert is out")
    wait_until(lambda: "notice=hazard-button" in daemon.log(), "the driver is told where the button is")
    assert "would have sent bus=main frame=2A0#" in daemon.log()
    assert incidents(fleet)[-1].data.mode == "monitor"
    assert daemon.stop() == 0
    assert car.heard == []


@pytest.mark.slow
def test_nothing_there_at_start_and_everything_later(stage: ExitStack, tmp_path: Path) -> None:
    """No broker, no serial line, no folder: the daemon says so, and goes on when each is there."""
    broker = Broker(tmp_path)
    config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
    (tmp_path / "storage").rmdir()
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: "cannot open slcan" in daemon.log(), "the missing line is said")
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is watched without a broker")
    car.lose_drive()
    wait_until(lambda: car.hazards, "the lamps flash without a broker or a disk")
    stage.enter_context(broker)
    fleet = stage.enter_context(Fleet(broker.port))
    wait_until(lambda: bool(incidents(fleet)), "the alert arrives once there is a broker", timeout_s=90)
    (tmp_path / "storage").mkdir()
    wait_until((tmp_path / "storage" / "outbox.sqlite3").exists, "the alerts move to the disk", timeout_s=60)


@pytest.mark.slow
def test_an_alert_survives_the_daemon(stage: ExitStack, tmp_path: Path) -> None:
    """SIGKILL with an unacknowledged alert: the next start sends it again, under the same id."""
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port))
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    car.lose_drive()
    wait_until(lambda: bool(incidents(fleet)), "the alert is out")
    first = incidents(fleet)[0]
    daemon.kill()
    wait_until(lambda: fleet.told("presence")[-1]["online"] is False, "the last will is spoken")
    before = len([event for event in fleet.incidents() if event.id == first.id])
    daemon.start()
    wait_until(lambda: len([e for e in fleet.incidents() if e.id == first.id]) > before, "it is sent again")
    fleet.acknowledge_event(first)


@pytest.mark.slow
def test_the_simulated_car_as_a_process_obeys_and_tells(stage: ExitStack, tmp_path: Path) -> None:
    """`hardshoulder-sim drive` on a pseudo-terminal: what the demo starts, ended by a polite signal."""
    command = [
        sys.executable, "-m", "hardshoulder_sim", "drive", "motorway-shutdown-electric",
        "--bus", f"slcan-pty:{tmp_path / 'can0'}", "--out", str(tmp_path / "drive.log"), "--events", "-",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
        wait_until((tmp_path / "can0").exists, "the serial line is there")
        wait_until((tmp_path / "drive.log").exists, "the log is begun")
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert time.monotonic() - began_s < 10
    assert not (tmp_path / "can0").exists()
