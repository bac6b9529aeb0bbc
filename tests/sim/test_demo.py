"""The demo that a person answers: it tells what she chooses, ends when the story does, and leaves nothing behind."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardshoulder_sim.__main__ import main as simulator
from hardshoulder_sim.processes import wait_until
from support.demos import DemoProcess, Person, recorded_breakdown
from support.recorded import DRIVEN_CARS, RecordedCar

# Whole demos with eight processes, some with browsers: a busy machine takes its time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ALERTED = ["detected", "alert received", "committed at the fleet", "driver asked"]
TOWED = ["tow requested", "tow assigned", "tow en route", "tow on site", "tow completed"]


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[str, ...]:
    """Arguments for a recorded car that breaks down within seconds."""
    return recorded_breakdown(tmp_path)


@pytest.fixture
def demo(tmp_path: Path, recorded: tuple[str, ...]) -> Iterator[DemoProcess]:
    with DemoProcess(tmp_path / "demo", *recorded) as process:
        yield process


def asked(demo: DemoProcess) -> Person:
    """The person whom the demo has shown the driver's link."""
    return Person(demo.wait_for(r"open this as the driver: (\S+)$")[1])


def ended(demo: DemoProcess) -> int:
    """Its exit status; nothing may be left over."""
    status = demo.end()
    assert demo.alive() == []
    return status


# A person answers ---------------------------------------------------------------------------


def test_a_tow_that_a_person_orders_is_told_to_its_end(demo: DemoProcess) -> None:
    with asked(demo) as driver:
        assert "A tow costs" in driver.says("tow")
        demo.wait_for("price shown")
        driver.says_yes()
        demo.wait_for("An end of the story: the tow is completed")
        assert "Your tow is completed." in driver.look()
    assert ended(demo) == 0, demo.told
    told = demo.stages
    assert told[:4] == ALERTED
    assert any(line.startswith("commissioned: ") for line in demo.lines)
    ordered = ["answered", "price shown", "tow ordered", *TOWED]
    assert [name for name in told[4:] if name != "operator sees it"] == ordered
    assert told.index("tow ordered") < told.index("operator sees it") < told.index("tow assigned")
    assert demo.errors == []


def test_one_who_changes_her_mind_is_followed(demo: DemoProcess) -> None:
    """Safe is an end that may be left again: the demo waits for a while before it goes."""
    with asked(demo) as driver:
        driver.says("safe")
        demo.wait_for("An end of the story: the driver says that she is safe")
        driver.says("tow")
        driver.says("safe")
        demo.wait_for("price shown")
        demo.wait_for("An end of the story: the driver says that she is safe")
        assert "Call" in driver.says("emergency")
        demo.wait_for("An end of the story: an emergency stands at the top of the operator's list")
    assert ended(demo) == 0, demo.told
    answers = [name for name in demo.stages[4:] if name not in ("operator sees it", "price shown")]
    assert answers == ["says safe", "answered", "says safe", "emergency"]
    assert demo.stages.count("operator sees it") == 2


# Ctrl-C -------------------------------------------------------------------------------------


def check_interrupted(demo: DemoProcess) -> None:
    assert ended(demo) == 130, demo.told
    assert demo.errors == ["scripts/demo: interrupted; all that was started has ended"]


def test_ctrl_c_while_the_parties_are_being_started(demo: DemoProcess, tmp_path: Path) -> None:
    wait_until((tmp_path / "demo" / "provider.log").exists, "the second party is being started")
    demo.interrupt()
    check_interrupted(demo)
    assert not (tmp_path / "demo" / "daemon.log").exists()


def test_ctrl_c_while_a_person_decides(demo: DemoProcess) -> None:
    with asked(demo) as driver:
        driver.says("tow")
        demo.wait_for("price shown")
        assert len(demo.alive()) >= 6, "demo, broker, provider, fleet, car and daemon run"
        demo.interrupt()
        demo.interrupt()
        check_interrupted(demo)


def test_ctrl_c_while_the_browser_answers(tmp_path: Path, recorded: tuple[str, ...]) -> None:
    with DemoProcess(tmp_path / "demo", "--headless", *recorded) as demo:
        demo.wait_for("page opened")
        demo.interrupt()
        check_interrupted(demo)


def test_a_terminal_that_is_closed_ends_it_too(demo: DemoProcess) -> None:
    demo.wait_for("as reference-combustion")
    demo.interrupt(signal.SIGHUP)
    assert ended(demo) == 128 + signal.SIGHUP, demo.told


def test_a_party_that_dies_is_named(demo: DemoProcess, tmp_path: Path) -> None:
    """Nobody waits an hour for a fleet that is no more."""
    with asked(demo):
        demo.kill("hardshoulder_fleet", "serve")
        assert ended(demo) == 1, demo.told
    assert demo.lines[-1] == f"fleet has ended by itself; its log is {tmp_path / 'demo' / 'fleet.log'}"


# Recorded cars ------------------------------------------------------------------------------

BREAKS_DOWN = {
    "tesla-model3": ("15", "drive-silent"),
    "alfa-giulia": ("60", "engine-stop"),
    "ford-mustang-s550": ("40", "power-off"),
    "subaru-brz": ("60", "engine-stop"),
    "obd2": ("1500", "engine-stop"),
}
TWO_BUSES = "obd2-gnss"
CARS = {car.profile: car for car in DRIVEN_CARS}


def car_options(car: RecordedCar, drives: Path) -> list[str]:
    return ["--profile", car.profile, *(f"--dbc={path}" for path in car.dbc_files(drives))]


@pytest.mark.parametrize("name", BREAKS_DOWN)
def test_a_recorded_drive_that_breaks_down_brings_a_tow(name: str, drives: Path, tmp_path: Path) -> None:
    """From `splice` to the tow with the two commands that a user has, soon also where the trip is long."""
    at_s, fault = BREAKS_DOWN[name]
    log, car, broken = str(drives / CARS[name].log), car_options(CARS[name], drives), str(tmp_path / "broken.log")
    assert simulator(["splice", log, *car, "--at", at_s, "--fault", fault, "--out", broken]) == 0
    with DemoProcess(tmp_path / "demo", "--headless", "--log", broken, *car) as demo:
        assert ended(demo) == 0, demo.told
    assert demo.stages[:4] == ALERTED
    # When the operator's page comes round lies between the others, and is no matter of order.
    assert [name for name in demo.stages if name != "operator sees it"][-5:] == TOWED


def test_a_recorded_car_with_two_buses_is_refused(drives: Path, tmp_path: Path) -> None:
    car = CARS[TWO_BUSES]
    with DemoProcess(tmp_path / "demo", "--log", str(drives / car.log), *car_options(car, drives)) as demo:
        assert ended(demo) == 2
    assert demo.errors == [f"scripts/demo: {TWO_BUSES}: this car has 2 buses, and here is a line for one; use replay"]


def test_every_recorded_car_is_tried() -> None:
    assert set(CARS) == {*BREAKS_DOWN, TWO_BUSES}
