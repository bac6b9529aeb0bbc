"""What the demo is given and cannot use: one line that names the remedy, exit 2, and nothing is removed."""

import fcntl
import shutil
from pathlib import Path

import pytest

from hardshoulder.errors import UserError
from hardshoulder_sim.demo import main
from hardshoulder_sim.demo_options import Options, folders, read
from hardshoulder_sim.drive import drive
from hardshoulder_sim.processes import Child
from hardshoulder_sim.recordings.breakdown import find_breakdown
from hardshoulder_sim.recordings.logs import open_log, write_candump
from hardshoulder_sim.scenarios import SCENARIOS

COMBUSTION = ("--profile", "reference-combustion")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with a breakdown."""
    log = tmp_path_factory.mktemp("recorded") / "broken.log"
    drive(SCENARIOS["city-stall"], 1, log, None, realtime=False)
    return log


@pytest.fixture(scope="module")
def healthy(broken: Path) -> Path:
    """A recording without one."""
    log = broken.with_name("healthy.log")
    frames = list(open_log(broken))
    write_candump(log, (frame for frame in frames if frame.at_s < frames[0].at_s + 20.0))
    return log


def complaint(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    """The only line that it says."""
    assert main(["--folder", str(folder), *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("scripts/demo: ")
    return line.removeprefix("scripts/demo: ")


def test_a_log_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, tmp_path / "demo", "--log", str(tmp_path / "nowhere.log"), *COMBUSTION)
    assert line.endswith("nowhere.log: No such file or directory; check the path of the log")


def test_a_log_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.log").write_text("once upon a time\n")
    assert "text.log:1:" in complaint(capsys, tmp_path / "demo", "--log", str(tmp_path / "text.log"), *COMBUSTION)


def test_a_profile_that_is_not_known(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, tmp_path / "demo", "--log", str(broken), "--profile", "batmobile")
    assert line.startswith("batmobile: no such profile file, and none shipped by that name; shipped: alfa-giulia")


def test_a_dbc_file_that_is_not_there(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("--dbc", str(tmp_path / "wrong.dbc"))
    assert "wrong.dbc" in complaint(capsys, tmp_path / "demo", "--log", str(broken), *COMBUSTION, *wrong)


def test_a_dbc_file_of_another_car(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.dbc").write_text('VERSION ""\nBO_ 5 Other: 8 Node\n SG_ Level : 0|8@1+ (1,0) [0|255] "" Node\n')
    other = ("--dbc", str(tmp_path / "other.dbc"))
    assert main(["--folder", str(tmp_path / "demo"), "--log", str(broken), *COMBUSTION, *other]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.endswith("other.dbc; name the DBC file that has it") for line in lines), lines


def test_a_recording_without_a_breakdown(tmp_path: Path, healthy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, tmp_path / "demo", "--log", str(healthy), *COMBUSTION)
    assert "healthy.log: a replay finds no breakdown in it" in line
    assert "hardshoulder-sim splice" in line


def test_a_recording_of_another_car(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "other.log"
    frames = [frame._replace(can_id=0x7F0) for frame in list(open_log(broken))[:100]]
    write_candump(log, frames)
    line = complaint(capsys, tmp_path / "demo", "--log", str(log), *COMBUSTION)
    assert "none of this profile's messages can be read in it; give the car's own --profile and --dbc" in line


@pytest.mark.slow
def test_where_a_recording_begins(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten seconds before the breakdown, unless it is said otherwise; after it there is nothing to see."""
    found = find_breakdown(broken, "reference-combustion", ())
    assert found.from_s == pytest.approx(found.suspected_s - 10.0)
    assert (found.bus, found.channel) == ("main", "can0")
    assert find_breakdown(broken, "reference-combustion", (), from_s=1.5).from_s == 1.5
    late = f"{found.suspected_s + 1:.0f}"
    line = complaint(capsys, tmp_path / "demo", "--log", str(broken), *COMBUSTION, "--from", late)
    assert line == f"--from {late}: the car breaks down at {found.suspected_s:.3f} s; begin before that"


@pytest.mark.parametrize("program", ["mosquitto", "chromium", "chromedriver"])
def test_a_program_that_is_not_installed(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def which(name: str, path: str | None = None) -> str | None:
        return None if name == program else "/usr/bin/true"

    monkeypatch.setattr(shutil, "which", which)
    line = complaint(capsys, tmp_path / "demo", "--headless")
    assert line.startswith(f"{program} is not installed; on Debian: apt-get install --no-install-recommends ")


# Folders ------------------------------------------------------------------------------------


def test_a_folder_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert complaint(capsys, folder).endswith("; name a folder that can be written")


def test_a_folder_for_pictures_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    line = complaint(capsys, tmp_path / "demo", "--screenshot", str(tmp_path / "file" / "pictures"))
    assert line.endswith("file/pictures: Not a directory; name a folder that can be written")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter").write_text("mine")
    assert "is not empty and not of an earlier demo" in complaint(capsys, tmp_path)
    assert (tmp_path / "letter").read_text() == "mine"


def test_what_is_read_is_not_removed(tmp_path: Path, broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last demo left a log; one with that very log in the same folder would have emptied it first."""
    folder = tmp_path / "demo"
    with folders(Options(folder)):
        log = folder / "drive.log"
        log.write_bytes(broken.read_bytes())
    assert "lies in the demo's own folder" in complaint(capsys, folder, "--log", str(log), *COMBUSTION)
    assert log.exists()


def test_the_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    with folders(Options(tmp_path)):
        (tmp_path / "storage").mkdir()
        (tmp_path / "storage" / "outbox.sqlite3").write_text("old")
        (tmp_path / "car.log").write_text("old")
    with folders(Options(tmp_path, pictures=tmp_path / "pictures")):
        assert {path.name for path in tmp_path.iterdir()} == {".hardshoulder-demo", "pictures"}


def test_two_demos_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with folders(Options(tmp_path)):
        assert "another demo runs in it" in complaint(capsys, tmp_path)
    with (tmp_path / ".hardshoulder-demo").open() as mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)


# The rest -----------------------------------------------------------------------------------


class Failing(Child):
    """A party that complains and ends."""

    def command(self) -> list[str]:
        return ["/bin/sh", "-c", "echo first; echo port 1883 is taken; exit 2"]

    def ready(self) -> bool:
        return False


def test_a_party_that_cannot_begin_is_named_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(UserError) as failed, Failing(tmp_path / "broker.log"):
        pass
    assert str(failed.value) == f"broker ended at once: port 1883 is taken; its log is {tmp_path / 'broker.log'}"


def test_pictures_need_nobody_to_answer() -> None:
    assert read(["--screenshot", "pictures"]).headless
    assert not read([]).headless


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--log", "nowhere.log"], "--log and --profile go together"),
        (["--profile", "alfa-giulia"], "--log and --profile go together"),
        (["--dbc", "car.dbc"], "--dbc and --from are for a recorded drive"),
        (["--from", "3"], "--dbc and --from are for a recorded drive"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
