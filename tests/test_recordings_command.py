"""`hardshoulder recordings`: list, export and purge on real files, and every misuse in one line."""

import os
import time
from pathlib import Path

import pytest

from hardshoulder.__main__ import main
from hardshoulder.edge.export import in_order
from hardshoulder.edge.recorded import Recorded, Stamped
from hardshoulder_sim.recordings.logs import open_log
from support.recordings import Bench, small, told, written
from support.written import config_table, write

FRAMES = small()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration whose folder of recordings has one whole, one cut, one damaged and one unreadable."""
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    folder = tmp_path / "state" / "recordings"
    folder.mkdir(parents=True)
    data = written(FRAMES)
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    for place, (name, content) in enumerate(
        {"whole": data, "cut": data[:-30], "damaged": bytes(damaged), "none": b"text\n"}.items()
    ):
        path = folder / f"{name}.hsr"
        path.write_bytes(content)
        os.utime(path, (time.time() - 100 + place,) * 2)
    (folder / "notes.txt").write_text("not a recording")
    return write(tmp_path / "config.toml", config_table())


def run(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    status = main(["recordings", *arguments, "--config", str(config)])
    said = capsys.readouterr()
    return status, said.out.splitlines(), said.err.splitlines()


def test_list_says_what_there_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, errors = run(config, capsys, "list")
    assert (status, errors) == (0, [])
    heading, whole, cut, damaged, none = (line.split(maxsplit=6) for line in lines)
    assert heading == ["name", "incident", "begins", "seconds", "frames", "MB", "state"]
    assert whole == ["whole.hsr", "incident-1", "2026-03-14", "06:46:40Z", "1.9", "40", "0.00  whole"]
    assert cut[0] == "cut.hsr" and "cut; breaks off at byte" in cut[-1]
    assert "damaged; chunk " in damaged[-1] and damaged[-1].endswith("is damaged and left out")
    assert none[0] == "none.hsr" and " ".join(none).endswith("unreadable: no sound chunk of a recording in it")


def test_a_recording_that_is_written_is_listed_as_such(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench(config.parent / "state").drive(2).break_down().drive(2)
    _, lines, _ = run(config, capsys, "list")
    assert lines[-1].startswith("incident-1.hsr") and lines[-1].endswith("being written")
    status, lines, _ = run(config, capsys, "purge", "--all", "--yes")
    assert (status, lines) == (0, ["incident-1.hsr: is being written; left", "4 of 5 recordings removed"])
    assert bench.drive(70).read().state == "whole"


def test_an_empty_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    status, lines, _ = run(write(tmp_path / "config.toml", config_table()), capsys, "list")
    assert (status, lines) == (0, [f"{tmp_path / 'state' / 'recordings'}: no recording"])


def test_export_as_candump_is_what_was_recorded(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    to = tmp_path / "out.log"
    for name in ("whole", "whole.hsr"):
        status, lines, _ = run(config, capsys, "export", name, "--to", str(to))
        assert (status, lines) == (0, [f"{to}: 40 frames of whole.hsr, whole"])
    assert [(round(f.at_s * 1e6), f.channel, f.can_id, f.data) for f in open_log(to)] == told(FRAMES)
    first = to.read_text().splitlines()[0]
    assert first == "(1773470800.000000) main 18DA0000##0" + "00" * 12


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "channels"), [(".blf", ("1", "2")), (".mf4", ("0", "1"))])
def test_export_in_other_formats_has_the_same_frames(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str, channels: tuple[str, str]
) -> None:
    to = tmp_path / f"out{suffix}"
    assert run(config, capsys, "export", "whole", "--to", str(to))[0] == 0
    frames, wanted = list(open_log(to)), told(FRAMES)
    names = dict(zip(("main", "body"), channels, strict=True))
    assert [(f.channel, f.can_id, f.data) for f in frames] == [(names[bus], *rest) for _, bus, *rest in wanted]
    assert [frame.at_s - frames[0].at_s for frame in frames] == pytest.approx(
        [(at_us - wanted[0][0]) / 1e6 for at_us, *_ in wanted], abs=2e-6
    )


def test_export_of_a_damaged_one_says_what_is_missing(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, lines, _ = run(config, capsys, "export", "damaged", "--to", str(tmp_path / "out.log"))
    assert status == 0 and lines[0].endswith("of damaged.hsr, damaged")
    assert lines[1].startswith("  note: damaged.hsr chunk ")


MISUSE = {
    "unknown": (("export", "gone", "--to", "x.log"), "gone: no recording of that name in "),
    "elsewhere": (("export", "../recordings/whole", "--to", "x.log"), "../recordings/whole: no recording of that name"),
    "other format": (("export", "whole", "--to", "x.asc"), "x.asc: .log, .blf and .mf4 can be written; let the name"),
    "a folder": (("export", "whole", "--to", "."), ".: is a directory; give the file to write"),
    "no folder": (
        ("export", "whole", "--to", "nowhere/x.log"),
        "nowhere/x.log: No such file or directory; cannot write there",
    ),
    "unreadable": (("export", "none", "--to", "x.log"), "none.hsr: no recording that can be read: "),
    "all": (("purge", "--all"), "--all: would remove 4 recordings (0.00 MB) for good; add --yes"),
}


@pytest.mark.parametrize("misuse", MISUSE)
def test_misuse_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], misuse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    arguments, text = MISUSE[misuse]
    status, lines, errors = run(config, capsys, *arguments)
    assert (status, lines, len(errors)) == (2, [], 1)
    assert errors[0].startswith("hardshoulder: ") and text in errors[0]
    assert not list(config.parent.glob("*.log")) and not list(config.parent.glob(".part*"))
    assert len(list((config.parent / "state" / "recordings").glob("*.hsr"))) == 4


def test_a_library_that_is_not_there_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "asammdf", None)
    to = config.parent / "x.mf4"
    status, _, errors = run(config, capsys, "export", "whole", "--to", str(to))
    assert status == 2 and len(errors) == 1
    assert errors[0].endswith(".mf4 needs the library asammdf; install hardshoulder[sim], or write .log")
    assert not to.exists()


def test_purge_by_age_leaves_the_newer(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = config.parent / "state" / "recordings"
    old = time.time() - 10 * 86_400
    os.utime(folder / "cut.hsr", (old, old))
    status, lines, _ = run(config, capsys, "purge", "--older-than", "9.5")
    assert (status, lines) == (0, ["1 of 1 recordings removed"])
    assert sorted(path.name for path in folder.iterdir()) == ["damaged.hsr", "none.hsr", "notes.txt", "whole.hsr"]
    run(config, capsys, "purge", "--all", "--yes")
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("days", ["-1", "nan", "x", "1e9"])
def test_days_that_are_none_are_refused(config: Path, capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["recordings", "purge", f"--older-than={days}", "--config", str(config)])
    assert ended.value.code == 2 and "Traceback" not in capsys.readouterr().err


def test_frames_of_two_buses_are_put_in_order() -> None:
    frames = [Stamped(at_us, "main", 1, b"", 0) for at_us in (5, 3, 4, 9, 8, 8, 10)]
    assert [frame.at_us for frame in in_order(frames)] == [3, 4, 5, 8, 8, 9, 10]
    assert list(in_order(Recorded(written(FRAMES)))) == list(Recorded(written(FRAMES)))
