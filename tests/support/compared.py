"""Recordings with a stall, and running a command of the simulator, for tests that compare rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder_sim.recordings.candump import LogFrame
from hardshoulder_sim.recordings.logs import write_candump
from support.recorded import CRUISING, compiled, drive

CAR = ("--profile", "reference-combustion")
STALLED: dict[Vss, Value] = {
    **CRUISING,
    Vss.ENGINE_RUNNING: False,
    Vss.ENGINE_SPEED: 0.0,
    Vss.DRIVE_READY: False,
    Vss.DRIVE_TORQUE: 0.0,
}


def stall() -> Iterator[LogFrame]:
    """Five seconds of driving, then five with the engine stopped and the car still moving."""
    plan = compiled("reference-combustion").plan
    yield from drive(plan, 5.0)
    for frame in drive(plan, 5.0, STALLED):
        yield frame._replace(at_s=frame.at_s + 5.0)


def cruise_and_stall(folder: Path) -> tuple[Path, Path]:
    """A drive without and one with a stall."""
    cruise, stalled = folder / "cruise.log", folder / "stall.log"
    write_candump(cruise, drive(compiled("reference-combustion").plan, 9.0))
    write_candump(stalled, stall())
    return cruise, stalled


def written(folder: Path, text: str, name: str) -> str:
    """A file with this text; its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def told(status: int, capsys: pytest.CaptureFixture[str], expected: int = 0) -> list[str]:
    """What was printed; a failure when the exit status is another, with the complaint."""
    captured = capsys.readouterr()
    assert status == expected, captured.err
    return captured.out.splitlines()
