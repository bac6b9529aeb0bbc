"""`hardshoulder-sim shadow`: a candidate ruleset over recordings, with the core's own shadow."""

import json
from pathlib import Path

import pytest

from hardshoulder_sim import __main__ as command
from support.compared import CAR, cruise_and_stall, told, written

DEAF = 'format = 1\nruleset = "deaf"\n[rules]\nengine-stopped = false\ndrive-not-ready = false\n'
SLOW = 'format = 1\nruleset = "slow"\n[thresholds]\nengine_stopped_hold_s = 2.0\ndrive_not_ready_hold_s = 2.0\n'
NAME = "candidate.toml"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A drive without and one with a stall."""
    return cruise_and_stall(tmp_path_factory.mktemp("logs"))


@pytest.mark.slow
def test_a_deaf_candidate_is_told_with_its_times(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command.main(["shadow", written(tmp_path, DEAF, NAME), *map(str, logs), *CAR])
    lines = told(status, capsys)
    assert lines[0] == "deaf beside 1: engine-stopped: off, drive-not-ready: off"
    assert lines[1:3] == [f"{logs[0]}: 0 compared", f"{logs[1]}: 1 compared"]
    assert lines[3].startswith("     only-active  active engine-stopped at 5.")
    assert lines[3].endswith("candidate nothing, 80.0 km/h")
    assert lines[-1].endswith(": 0 agreed, 0 other-kind, 1 only-active, 0 only-candidate")


def test_a_slow_candidate_agrees_later(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shadow.json"
    arguments = ["shadow", written(tmp_path, SLOW, NAME), str(logs[1]), *CAR]
    lines = told(command.main(arguments), capsys)
    assert "agreed" in lines[2] and "(+1.7" in lines[2]
    assert told(command.main([*arguments, "--json", str(file)]), capsys) == []
    record = json.loads(file.read_text("utf-8"))
    assert (record["format"], record["ruleset"], record["candidate"]) == ("org.hardshoulder.shadow.v1", "1", "slow")
    assert record["counts"] == {"agreed": 1, "other-kind": 0, "only-active": 0, "only-candidate": 0}
    assert record["changes"] == ["engine_stopped_hold_s: 0.3 -> 2", "drive_not_ready_hold_s: 0.3 -> 2"]
    ((log,),) = [record["logs"]]
    (comparison,) = log["compared"]
    assert comparison["candidate"]["opened_at_s"] - comparison["active"]["opened_at_s"] == pytest.approx(1.7, abs=0.05)
    assert comparison["active"]["kind"] == comparison["candidate"]["kind"] == "engine-stopped"


def test_the_active_side_of_a_shadow_is_what_a_replay_says(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told(command.main(["replay", str(logs[1]), *CAR, "--json", "-"]), capsys)
    (incident,) = json.loads(line)["incidents"]
    printed = told(command.main(["shadow", written(tmp_path, DEAF, NAME), str(logs[1]), *CAR, "--json", "-"]), capsys)
    (comparison,) = json.loads("".join(printed))["logs"][0]["compared"]
    assert comparison["active"] == {
        "kind": incident["kind"],
        "opened_at_s": incident["opened_at_s"],
        "speed_kph": incident["speed_kph_at_open"],
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ruleset = "x"', "format: required"),
        ("format = 1", "ruleset: required"),
        ('format = 1\nruleset = "x"\n[thresholds]\nalert_above_kph = 500.0', "thresholds.alert_above_kph: "),
        ('format = 1\nruleset = "x"\n[thresholds]\nalert_above_kph = 5.0', "thresholds: impossible"),
        ("format = ", "not valid TOML"),
    ],
)
def test_a_candidate_that_cannot_be(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    file = written(tmp_path, text, NAME)
    assert command.main(["shadow", file, str(logs[0]), *CAR]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"hardshoulder-sim: {file}: {words}"), captured.err


def test_a_log_that_cannot_be_read_does_not_keep_the_others(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command.main(["shadow", written(tmp_path, DEAF, NAME), str(tmp_path / "none.log"), str(logs[1]), *CAR])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith(f"hardshoulder-sim: {tmp_path / 'none.log'}: No such file")
    assert captured.out.splitlines()[-1].startswith("1 recordings, ")


def test_a_shadow_is_not_written_over_what_is_read(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, DEAF, NAME)
    assert command.main(["shadow", file, str(logs[0]), *CAR, "--json", file]) == 2
    assert "is also read" in capsys.readouterr().err
    assert Path(file).read_text() == DEAF
