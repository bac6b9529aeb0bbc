"""The whole circle with real processes: car, daemon, mosquitto, fleet, provider, and a driver in Chromium."""

import queue
from pathlib import Path

import pytest

from hardshoulder_sim.demo import Options, main, run
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, ProviderProcess, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.live_car import LiveCar

pytestmark = pytest.mark.slow


def options(folder: Path) -> Options:
    """A demo that answers by itself."""
    return Options(
        folder=folder, headless=True, seed=3, log=None, profile="reference-combustion", dbc=(), pictures=folder
    )


def test_from_shutdown_to_tow_completed(tmp_path: Path) -> None:
    said: list[str] = []
    assert run(options(tmp_path), said.append), "\n".join(said)
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
                fleet.kill()
                fleet.start()
                with pytest.raises(queue.Empty):
                    phone.links.get(timeout=3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--log", "nowhere.log"], "--log and --profile go together"),
        (["--profile", "alfa-giulia"], "--log and --profile go together"),
    ],
)
def test_the_demo_says_what_is_wrong(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
