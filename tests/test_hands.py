"""The daemon's hands on a real line: another sender on its id, and a gate that shuts when the program fails."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardshoulder.app import Daemon
from hardshoulder.config import make_bundle
from hardshoulder.core.actions import HazardState
from hardshoulder.core.frame import Frame
from hardshoulder.core.hazard import REFLEX_S
from hardshoulder.core.permit import Permit, Refusal
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.fleet import Fleet
from support.live_car import LiveCar

GOOD = bytes.fromhex("ab15000000000000")


@pytest.fixture
def stage() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def watched(stage: ExitStack, folder: Path, broker_port: int) -> DaemonProcess:
    """An armed daemon on the car's line that knows that the car drives."""
    config = write_config(folder, "reference-electric", broker_port, f"slcan:{folder / 'can0'}")
    daemon = stage.enter_context(DaemonProcess(config))
    wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
    return daemon


def on_the_road(stage: ExitStack, folder: Path) -> tuple[Fleet, LiveCar, DaemonProcess]:
    """A fleet that acknowledges, a car that drives, and a daemon that watches it."""
    broker = stage.enter_context(Broker(folder))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    car = stage.enter_context(LiveCar(folder / "can0", "electric"))
    return fleet, car, watched(stage, folder, broker.port)


@pytest.fixture
def handlers() -> Iterator[None]:
    """A daemon that runs in this process takes the signals; they are given back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.slow
def test_another_sender_on_the_hazard_id_is_said_and_nothing_is_sent_beside_it(
    stage: ExitStack, tmp_path: Path
) -> None:
    fleet, car, daemon = on_the_road(stage, tmp_path)
    car.put(Frame(0.0, "main", 0x2A0, bytes.fromhex("0000000000000000")))
    wait_until(lambda: "another sender: bus=main frame=2A0#0000000000000000" in daemon.log(), "it is said")
    car.lose_drive()
    wait_until(lambda: "another sender was heard on this id" in daemon.log(), "the request is refused")
    wait_until(lambda: any(e.data.hazards is HazardState.REFUSED for e in fleet.incidents()), "the fleet knows")
    wait_until(lambda: "notice=hazard-button" in daemon.log(), "the driver is told where the button is")
    assert daemon.stop() == 0
    assert car.requests == []
    assert car.shown == [2], "the display says where the button is"


@pytest.mark.slow
def test_the_driver_switches_them_off_and_is_obeyed(stage: ExitStack, tmp_path: Path) -> None:
    fleet, car, daemon = on_the_road(stage, tmp_path)
    car.lose_drive()
    wait_until(lambda: "hazards=confirmed" in daemon.log(), "the lamps are seen to flash")
    flashed_s = time.monotonic()
    wait_until(lambda: time.monotonic() > flashed_s + REFLEX_S + 0.2, "no reflex any more")
    assert car.hazards
    car.press_hazard_button()
    assert not car.hazards
    wait_until(lambda: "hazards=released" in daemon.log(), "the press is heard")
    wait_until(lambda: car.requests[-3:] == [2, 2, 2], "the request is taken back")
    assert not car.hazards
    told = "the driver switched the hazards off"
    wait_until(lambda: any(told == entry.what for e in fleet.incidents() for entry in e.data.timeline), "fleet knows")
    assert daemon.stop() == 0


@pytest.mark.slow
def test_a_crowded_line_keeps_no_lamp_dark(stage: ExitStack, tmp_path: Path) -> None:
    """Five foreign frames after each of the car's own, through a serial line."""
    car = stage.enter_context(LiveCar(tmp_path / "can0", "electric"))
    car.crowd = tuple(Frame(0.0, "main", can_id, bytes(8)) for can_id in range(0x600, 0x605))
    daemon = watched(stage, tmp_path, 1)
    car.lose_drive()
    wait_until(lambda: "hazards=confirmed" in daemon.log(), "the lamps are seen to flash")
    assert car.hazards and set(car.requests) == {1}
    assert daemon.stop() == 0


@pytest.mark.slow
def test_a_daemon_that_is_killed_goes_on_with_its_incident(stage: ExitStack, tmp_path: Path) -> None:
    fleet, car, daemon = on_the_road(stage, tmp_path)
    car.lose_drive()
    wait_until(lambda: any(e.data.hazards is HazardState.CONFIRMED for e in fleet.incidents()), "the fleet knows")
    kept = tmp_path / "storage" / "incident.journal"
    wait_until(lambda: kept.exists() and b'"hazards":"confirmed"' in kept.read_bytes(), "it is kept")
    last = max(event.data.sequence for event in fleet.incidents())
    daemon.kill()
    wait_until(lambda: not car.hazards, "nobody asks any more")
    daemon.start()
    wait_until(lambda: car.hazards, "the lamps flash again")
    wait_until(lambda: max(e.data.sequence for e in fleet.incidents()) > last, "the fleet is told")
    events = {event.id: event.data for event in fleet.incidents()}.values()
    assert len({data.incident_id for data in events}) == 1
    sequences = sorted(data.sequence for data in events)
    assert sequences == list(range(1, len(sequences) + 1))

    flashing_s = time.monotonic()
    wait_until(lambda: time.monotonic() > flashing_s + REFLEX_S + 0.5, "no reflex any more")
    car.press_hazard_button()
    wait_until(lambda: b'"overruled":true' in kept.read_bytes(), "her off is kept")
    daemon.kill()
    before = len(car.requests)
    daemon.start()
    wait_until(lambda: daemon.log().count("was open when the daemon ended") == 2, "it goes on once more")
    going_s = time.monotonic()
    wait_until(lambda: time.monotonic() > going_s + 1.0, "it has had its time")
    assert not car.hazards and len(car.requests) == before
    assert daemon.stop() == 0


class Failing(Daemon):
    """Fails in its first turn, with the gate open."""

    def __init__(self, config: Path) -> None:
        super().__init__(make_bundle(config))
        self.permit.open_until(float("inf"), "incident-1")
        self.open_before = self.permit.check("main", 0x2A0, GOOD, 1.0) is None

    @property
    def permit(self) -> Permit:
        return self._permit

    def _turn(self) -> None:
        raise RuntimeError("a defect")


@pytest.mark.usefixtures("handlers")
def test_an_internal_error_shuts_the_gate(tmp_path: Path) -> None:
    daemon = Failing(write_config(tmp_path, "reference-electric", 1, f"slcan:{tmp_path / 'can0'}"))
    with pytest.raises(RuntimeError, match="a defect"):
        daemon.run()
    assert daemon.open_before
    assert daemon.permit.check("main", 0x2A0, GOOD, 2.0) is Refusal.CLOSED
