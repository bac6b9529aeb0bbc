"""The simulator's command line: what it prints, what it refuses, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardshoulder import __version__
from hardshoulder.core.vocabulary import Vss
from hardshoulder_sim import __main__ as command
from hardshoulder_sim import replay_command
from hardshoulder_sim.recordings.logs import write_candump
from hardshoulder_sim.scenarios import SCENARIOS
from support.recorded import CRUISING, compiled, drive

pytestmark = pytest.mark.slow

CAR = ("--profile", "reference-combustion")


@pytest.fixture(scope="module")
def cruise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cruise") / "drive.log"
    write_candump(path, drive(compiled("reference-combustion").plan, 9.0))
    return path


def problems(captured: pytest.CaptureFixture[str]) -> list[str]:
    """What was said on standard error; nothing may have been said as a traceback."""
    lines = captured.readouterr().err.splitlines()
    assert all(line.startswith("hardshoulder-sim: ") for line in lines), lines
    return lines


def test_splice_then_replay(cruise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "stalled.log.gz"
    assert command.main(["splice", str(cruise), *CAR, "--at", "4", "--fault", "engine-stop", "--out", str(out)]) == 0
    truth = capsys.readouterr().out
    assert f"{out}: engine-stop at 4.000 s and 80.0 km/h" in truth
    assert "observable from 4.0" in truth
    assert command.main(["replay", str(cruise), str(out), *CAR, "--json", "-"]) == 0
    healthy, stalled = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (healthy["log"], healthy["incidents"]) == (str(cruise), [])
    assert len(stalled["incidents"]) == 1


def test_replay_writes_json_to_a_file(cruise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["replay", str(cruise), *CAR, "--json", str(tmp_path / "out.json")]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["duration_s"] == 8.999


def test_replay_prints_a_timeline(cruise: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["replay", str(cruise), *CAR]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[-1].startswith(f"{cruise}: ")
    assert " driving (" in captured.out


def test_gaps_are_trusted_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = compiled("reference-combustion").plan
    frames = list(drive(plan, 3.0))
    path = tmp_path / "gap.log"
    write_candump(path, [*frames, frames[-1]._replace(at_s=frames[-1].at_s + 5.0)])
    holes = []
    for more in ([], ["--trust-gaps"]):
        assert command.main(["replay", str(path), *CAR, "--json", "-", *more]) == 0
        holes.append(len(json.loads(capsys.readouterr().out)["holes"]))
    assert holes == [1, 0]


def test_a_log_that_cannot_be_read_does_not_keep_the_others(
    cruise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["replay", str(tmp_path / "none.log"), str(cruise), *CAR]) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith(f"{cruise}: ")
    assert captured.err.startswith(f"hardshoulder-sim: {tmp_path / 'none.log'}: No such file")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--profile", "no-such-car"], "no-such-car: no such profile"),
        ([*CAR, "--dbc", "none.dbc"], "none.dbc: No such file"),
        ([*CAR, "--bus", "body=can0"], "the profile has no bus body"),
        ([*CAR, "--bus", "main=can7"], "the recording has no such channel"),
        ([*CAR, "--bus", "main=can0", "--bus", "main=can1"], "the same bus is given twice"),
        ([*CAR, "--json", "/no/such/folder/out.json"], "cannot write there"),
    ],
)
def test_bad_input_of_replay_is_one_line_and_exit_2(
    cruise: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert command.main(["replay", str(cruise), *more]) == 2
    (line,) = problems(capsys)
    assert words in line


@pytest.mark.parametrize(
    ("at_s", "fault", "words"),
    [
        ("99", "engine-stop", "outside the recording"),
        ("nan", "engine-stop", "outside the recording"),
        ("4", "contactors-open", "contactors-open: profile maps no Vehicle.Powertrain.TractionBattery"),
    ],
)
def test_bad_input_of_splice_is_one_line_and_exit_2(
    cruise: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], at_s: str, fault: str, words: str
) -> None:
    out = tmp_path / "out.log"
    assert command.main(["splice", str(cruise), *CAR, "--at", at_s, "--fault", fault, "--out", str(out)]) == 2
    (line,) = problems(capsys)
    assert words in line
    assert not out.exists()


def test_splice_never_writes_over_its_recording(cruise: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = cruise.read_bytes()
    arguments = ["splice", str(cruise), *CAR, "--at", "4", "--fault", "engine-stop", "--out", str(cruise)]
    assert command.main(arguments) == 2
    assert "is the recording itself" in problems(capsys)[0]
    assert cruise.read_bytes() == before


def test_an_interrupt_ends_with_130(cruise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_command, "replay", interrupted)
    assert command.main(["replay", str(cruise), *CAR]) == 130


def test_a_reader_that_leaves_is_no_error(cruise: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-m", "hardshoulder_sim", "replay", str(cruise), *CAR],
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_and_missing_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["--version"])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        command.main([])
    assert caught.value.code == 2


@pytest.mark.slow
def test_drive_writes_a_log_that_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shortest scenario of a combustion car, whatever happens in it."""
    scenario = min(SCENARIOS.values(), key=lambda scenario: scenario.duration_s)
    out = tmp_path / "drive.log.gz"
    assert command.main(["drive", scenario.name, "--seed", "3", "--out", str(out)]) == 0
    assert f"{scenario.name}, seed 3" in capsys.readouterr().out
    profile = f"reference-{scenario.propulsion.value}"
    assert command.main(["replay", str(out), "--profile", profile, "--json", "-"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["duration_s"] == pytest.approx(scenario.duration_s, abs=0.2)
    assert record["invalid_frames"] == 0
    assert record["signals"][Vss.SPEED]["samples"] > len(CRUISING)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-scenario", "--out", "x.log"], "no such scenario; there is "),
        ([next(iter(SCENARIOS))], "give --out LOG, --bus URL or both"),
        ([next(iter(SCENARIOS)), "--out", "/no/such/folder/x.log"], "No such file"),
        ([next(iter(SCENARIOS)), "--bus", "nonsense"], "is not interface:channel"),
    ],
)
def test_bad_input_of_drive_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert command.main(["drive", *arguments]) == 2
    (line,) = problems(capsys)
    assert words in line
