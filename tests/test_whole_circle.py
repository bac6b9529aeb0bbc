"""The whole circle with real processes: car, daemon, mosquitto, fleet, provider, and a driver in Chromium."""

import queue
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hardshoulder_sim.circle import run
from hardshoulder_sim.demo_options import Options
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, ProviderProcess, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.live_car import LiveCar

pytestmark = pytest.mark.slow


def test_from_shutdown_to_tow_completed(tmp_path: Path) -> None:
    said: list[str] = []
    assert run(Options(tmp_path, headless=True, seed=3, pictures=tmp_path), said.append), "\n".join(said)
    assert (tmp_path / "driver-price.png").stat().st_size > 10_000
    assert (tmp_path / "operator.png").stat().st_size > 10_000


def test_a_driver_who_does_not_answer_reaches_a_person(tmp_path: Path) -> None:
    """Nobody opens the link: when its time is over the check-in stands at the top of the operator's list."""
    import httpx

    with (
        Broker(tmp_path) as broker,
        Phone() as phone,
        ProviderProcess(tmp_path, secret := make_secret(tmp_path), 1.0) as provider,
        FleetProcess(tmp_path, broker.port, provider.port, secret, phone, answer_within_s=2.0) as fleet,
        LiveCar(tmp_path / "can0", "electric") as car,
    ):
        config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
        with DaemonProcess(config) as daemon:
            wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
            car.lose_drive()
            assert phone.links.get(timeout=20).startswith(f"{fleet.address}/c/")
            wait_until(lambda: "No answer in time" in httpx.get(f"{fleet.address}/operator").text, "a person is called")


def test_a_fleet_that_was_away_gets_the_alert_and_asks_once(tmp_path: Path) -> None:
    """The alert waits in the car until there is a fleet; killed and started again, it asks nobody twice."""
    with (
        Broker(tmp_path) as broker,
        Phone() as phone,
        ProviderProcess(tmp_path, secret := make_secret(tmp_path), 1.0) as provider,
        LiveCar(tmp_path / "can0", "electric") as car,
    ):
        config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
        with DaemonProcess(config) as daemon:
            wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
            car.lose_drive()
            wait_until(lambda: car.hazards, "the lamps flash without a fleet")
            fleet = FleetProcess(tmp_path, broker.port, provider.port, secret, phone, answer_within_s=60.0)
            with fleet:
                phone.links.get(timeout=60)
                # Killed between the message and its note, it would have to send it again.
                wait_until(lambda: asked(tmp_path), "it is noted that she was asked")
                fleet.kill()
                fleet.start()
                with pytest.raises(queue.Empty):
                    phone.links.get(timeout=3)


def asked(folder: Path) -> bool:
    """Whether the fleet has noted on its disk that a link was sent."""
    with closing(sqlite3.connect(folder / "fleet.sqlite3")) as database:
        noted = "SELECT count(*) FROM errand WHERE kind = 'send-link' AND ended_at IS NOT NULL"
        return bool(database.execute(noted).fetchone()[0])
