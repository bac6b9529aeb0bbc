"""Commissioning a real serial line with a car that stands, and an armed start with and without its record."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.commission import Dialogue, commission
from hardshoulder.config import make_bundle
from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import Propulsion, Vss
from hardshoulder.errors import UserError
from hardshoulder.record import record_file, why_not_armed
from hardshoulder_sim.commissioning import commission as commission_as_the_demo
from hardshoulder_sim.processes import DaemonProcess, wait_until, write_config
from support.live_car import LiveCar
from support.written import shipped, write

YES = "yes\nyes\nyes\n"


def configured(folder: Path, profile: str = "reference-electric", **keys: Any) -> Path:
    return write_config(folder, profile, 1, f"slcan:{folder / 'can0'}", commissioned=False, **keys)


def standing(folder: Path) -> LiveCar:
    car = LiveCar(folder / "can0", "electric")
    car.say({Vss.SPEED: 0.0, Vss.GNSS_SPEED: 0.0})
    return car


def tried(config: Path, answers: str = YES) -> str:
    """What was said in a commissioning that came to its end."""
    out = StringIO()
    commission(config, make_bundle(config), Dialogue(StringIO(answers), out))
    return out.getvalue()


def refused(config: Path, answers: str = YES) -> str:
    with pytest.raises(UserError) as error:
        tried(config, answers)
    (problem,) = error.value.problems
    assert not record_file(config).exists()
    return problem


@pytest.mark.slow
def test_a_standing_car_flashes_three_seconds_and_has_its_record(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with standing(tmp_path) as car:
        said = tried(config)
        wait_until(lambda: not car.hazards, "the lamps are dark")
        assert 28 <= car.requests.count(1) <= 32 and car.requests[-3:] == [2, 2, 2]
        assert car.shown == [], "a driver's test opens no display"
        assert car.body.rejected == 0
    assert said.count("[yes/no]") == 3 and f"commissioned: {record_file(config)}" in said
    record = json.loads(record_file(config).read_text())
    bundle = make_bundle(config)
    assert (record["format"], record["vehicle"], record["seen"]) == (1, "car-1", True)
    assert record["digest"] == bundle.plan.digest
    assert why_not_armed(config, bundle) is None


@pytest.mark.slow
def test_lamps_that_do_not_flash_are_not_commissioned(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with standing(tmp_path) as car:
        car.deaf = True
        assert "not seen to flash (unconfirmed)" in refused(config)
        wait_until(lambda: car.requests[-3:] == [2, 2, 2], "the request is taken back")


@pytest.mark.slow
def test_a_person_who_saw_no_lamps_has_the_last_word_and_the_old_record_goes(tmp_path: Path) -> None:
    config = write_config(tmp_path, "reference-electric", 1, f"slcan:{tmp_path / 'can0'}")
    assert record_file(config).exists()
    with standing(tmp_path):
        assert "did not do what they were asked for" in refused(config, "yes\nyes\nperhaps\nno\n")


WRONG: dict[str, tuple[Callable[[LiveCar], None], str, str]] = {
    "moves": (lambda car: car.say({Vss.SPEED: 30.0}), YES, "the car moves at 30 km/h: commission it at standstill"),
    "another sender": (
        lambda car: car.put(Frame(0.0, "main", 0x2A0, bytes(8))),
        YES,
        "another sender is heard on main 2A0",
    ),
    "another car": (lambda _: None, "yes\nno\n", "profile reference-electric is for another car"),
    "flashes already": (lambda car: car.press_hazard_button(), YES, "the hazard lights flash already"),
    "nobody there": (lambda _: None, "yes\n", "nobody answered"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_told_and_nothing_flashes(tmp_path: Path, what: str) -> None:
    happens, answers, words = WRONG[what]
    config = configured(tmp_path)
    with standing(tmp_path) as car:
        happens(car)
        if what == "another sender":
            with ExitStack() as stack:
                stack.enter_context(pytest.raises(UserError, match=words))
                commission(config, make_bundle(config), Dialogue(_Slow(car), StringIO()))
        else:
            assert words in refused(config, answers)
        assert car.requests == []


class _Slow(StringIO):
    """A person before whose second answer somebody else sends the hazard frame."""

    def __init__(self, car: LiveCar) -> None:
        super().__init__(YES)
        self._car = car

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        for _ in range(3):
            self._car.put(Frame(0.0, "main", 0x2A0, bytes(8)))
        return super().readline(-1 if size is None else size)


@pytest.mark.slow
def test_a_bus_that_does_not_say_what_the_profile_describes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardshoulder.commission.LISTEN_S", 1.0)
    config = configured(tmp_path, "reference-combustion")
    with standing(tmp_path):
        assert "main 0A0 PCM_Engine" in refused(config)


@pytest.mark.parametrize(
    ("answers", "words"), [("no\n", "stands safely"), ("", "nobody answered"), ("maybe\n", "nobody answered")]
)
def test_without_a_person_in_a_safe_place_nothing_begins(tmp_path: Path, answers: str, words: str) -> None:
    assert words in refused(configured(tmp_path), answers)


def test_monitor_sends_nothing_for_a_test_either(tmp_path: Path) -> None:
    assert 'set mode = "armed" to commission it' in refused(configured(tmp_path, mode="monitor"))


def with_vin(folder: Path, pattern: str) -> Path:
    """The reference car with a VIN in a DBC message of its own."""
    source = Path(__file__).parent.parent / "dbc" / "hardshoulder_dbc" / "reference.dbc"
    part = '\nBO_ 1025 BCM_Identity: 8 BCM\n SG_ Vin : 7|64@0+ (1,0) [0|0] "" HSR\n\nCM_ "The reference car'
    (folder / "vin.dbc").write_text(source.read_text().replace('\nCM_ "The reference car', part, 1))
    table = shipped("reference-electric") | {"dbc": "vin.dbc"}
    table["vin"] = {"parts": [{"message": "BCM_Identity", "signal": "Vin"}], "pattern": pattern}
    table["messages"]["BCM_Identity"] = {"cycle_s": 1.0}
    write(folder / "vin.toml", table)
    return configured(folder, "vin.toml")


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "fits"), [("HSREF.*", True), ("WVW.*", False)])
def test_a_vin_that_is_told_has_to_fit(tmp_path: Path, pattern: str, fits: bool) -> None:
    config = with_vin(tmp_path, pattern)
    with standing(tmp_path) as car:
        car.also = Frame(0.0, "main", 0x401, b"HSREF001")
        if fits:
            assert "VIN HSREF001" in tried(config, "yes\nyes\n")
            assert json.loads(record_file(config).read_text())["vin"] == "HSREF001"
        else:
            assert "the VIN HSREF001 does not fit 'WVW.*'" in refused(config)
            assert car.requests == []


# The armed start ------------------------------------------------------------------------------


def started(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hardshoulder", "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_armed_start_without_a_record_is_refused_with_one_sentence(tmp_path: Path) -> None:
    config = configured(tmp_path)
    ended = started(config)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f'hardshoulder: {config}: mode is "armed", and this car was never commissioned')
    assert f"run `hardshoulder commission --config {config}`" in line and 'set mode = "monitor"' in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vehicle": "car-2"}, "is the record of vehicle car-2"),
        ({"digest": "0" * 64}, "profile or DBC have changed since the commissioning"),
        ({"format": 2}, "is no record of format 1"),
        (None, "cannot be read"),
    ],
)
def test_a_record_that_does_not_fit_is_none(tmp_path: Path, changes: dict[str, Any] | None, words: str) -> None:
    config = write_config(tmp_path, "reference-electric", 1, f"slcan:{tmp_path / 'can0'}")
    path = record_file(config)
    path.write_text("{" if changes is None else json.dumps(json.loads(path.read_text()) | changes))
    assert words in (why_not_armed(config, make_bundle(config)) or "")


def test_monitor_and_a_car_without_a_command_need_no_record(tmp_path: Path) -> None:
    monitor = configured(tmp_path, mode="monitor")
    assert why_not_armed(monitor, make_bundle(monitor)) is None
    receive_only = configured(tmp_path, "obd2", bus="obd")
    bundle = make_bundle(receive_only)
    assert bundle.settings.armed and why_not_armed(receive_only, bundle) is None


@pytest.mark.slow
@pytest.mark.parametrize("propulsion", Propulsion)
def test_the_simulated_car_is_commissioned_by_its_own_command_and_then_starts(
    tmp_path: Path, propulsion: Propulsion
) -> None:
    config = configured(tmp_path, f"reference-{propulsion.value}")
    assert "commissioned:" in commission_as_the_demo(config, tmp_path / "can0", propulsion)
    with DaemonProcess(config) as daemon:
        assert "mode=armed" in daemon.log()
