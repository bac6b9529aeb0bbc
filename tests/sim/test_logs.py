"""Reading and writing recordings: every format, every way a file can be broken."""

import gzip
from pathlib import Path
from typing import Any

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import LogFrame, format_line, parse_line
from hardshoulder_sim.recordings.logs import open_log, write_candump

STAMPS = st.integers(0, 4_000_000_000_000_000).map(lambda micros: micros / 1e6)
CHANNELS = st.sampled_from(["can0", "vcan0", "slcan-1"])
IDS = st.one_of(st.integers(0, 0x7FF), st.integers(0, 0x1FFF_FFFF).map(lambda number: number | EXTENDED))


def frames_of(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[LogFrame]:
    return st.tuples(STAMPS, CHANNELS, *parts).map(lambda values: LogFrame(*values))


DATA = frames_of(IDS, st.binary(max_size=8))
REMOTE = frames_of(IDS, st.integers(0, 8).map(bytes), st.just("remote"))
ERROR = frames_of(st.integers(0, 0x1FFF_FFFF), st.binary(max_size=8), st.just("error"))
FLEXIBLE = frames_of(IDS, st.binary(max_size=64), st.just("data"), st.integers(0, 15))
FRAMES = st.one_of(DATA, REMOTE, ERROR, FLEXIBLE)

GOOD = "(1597243084.254287) vcan0 118#5003851817800000\n"


def log(folder: Path, text: str, name: str = "drive.log") -> Path:
    path = folder / name
    path.write_bytes(text.encode("latin-1"))
    return path


@given(FRAMES)
def test_a_line_survives_writing_and_reading(frame: LogFrame) -> None:
    assert parse_line(format_line(frame)) == frame


@given(frames=st.lists(FRAMES, min_size=1, max_size=30), packed=st.booleans())
def test_a_log_survives_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, frames: list[LogFrame], packed: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / f"my.car.2026-01-15.log{'.gz' if packed else ''}"
    assert write_candump(path, frames) == len(frames)
    assert list(open_log(path)) == frames
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@given(st.text(alphabet="()#0123456789.abcdefRT_ \t\xa0\x85can", max_size=50))
def test_any_line_is_read_the_same_way_by_the_fast_reader(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    """The usual line is split by hand; it must take nothing that the grammar refuses."""
    path = log(tmp_path_factory.mktemp("log"), GOOD + line.replace("\n", "") + "\n" + GOOD)
    expected = parse_line(line)
    if expected is None and line.strip():
        with pytest.raises(UserError, match=r"drive\.log:2: expected"):
            list(open_log(path))
    else:
        good = parse_line(GOOD)
        assert list(open_log(path)) == [frame for frame in (good, expected, good) if frame is not None]


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ("(1.5) can0 7FF#", LogFrame(1.5, "can0", 0x7FF, b"")),
        ("(1.5) can0 7FF#0102 R", LogFrame(1.5, "can0", 0x7FF, b"\x01\x02")),
        ("(1.5)  can0  18DAF110#02", LogFrame(1.5, "can0", 0x18DAF110 | EXTENDED, b"\x02")),
        ("(1.5) can0 123##1AABB", LogFrame(1.5, "can0", 0x123, b"\xaa\xbb", "data", 1)),
        ("(1.5) can0 123#R8", LogFrame(1.5, "can0", 0x123, bytes(8), "remote")),
        ("(1.5) can0 123#R", LogFrame(1.5, "can0", 0x123, b"", "remote")),
        ("(1.5) can0 123#1122334455667788_B", LogFrame(1.5, "can0", 0x123, bytes.fromhex("1122334455667788"))),
        ("(1.5) can0 20000080#0000000000000000", LogFrame(1.5, "can0", 0x80, bytes(8), "error")),
        ("(1.5) can0 800#00", None),
        ("(1.5) can0 123#112233445566778899", None),
        ("(1.5) can0 123#123", None),
        ("(nan) can0 123#12", None),
        ("(1.5) can0 123", None),
        ("1.5 can0 123#12", None),
        ("(1.5) can0 FFFFFFFF#12", None),
    ],
)
def test_lines_of_candump(tmp_path: Path, line: str, frame: LogFrame | None) -> None:
    assert parse_line(line) == frame
    path = log(tmp_path, f"(1.0) can0 123#12\n(1.0) can0 7FF#12\n{line}\r\n")
    if frame is None:
        with pytest.raises(UserError, match=rf"{path}:3: expected .*\(seconds.microseconds\) channel id#data"):
            list(open_log(path))
    else:
        assert list(open_log(path))[2:] == [frame]


def test_a_last_line_cut_off_is_left_out_and_told(tmp_path: Path) -> None:
    notes: list[str] = []
    assert len(list(open_log(log(tmp_path, GOOD * 3 + GOOD[:-6]), notes))) == 3
    assert len(notes) == 1
    assert "line 4" in notes[0]


@pytest.mark.parametrize("end", ["\0" * 4096, "(15972", "(1597243084.254287) vcan0 1"])
def test_whatever_a_power_cut_leaves_at_the_end_is_left_out(tmp_path: Path, end: str) -> None:
    assert len(list(open_log(log(tmp_path, GOOD + end)))) == 1


def test_a_line_broken_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = log(tmp_path, GOOD * 2 + "\n" + GOOD[:-6] + "\n" + GOOD)
    frames = open_log(path)
    assert [next(frames).can_id, next(frames).can_id] == [0x118, 0x118]
    with pytest.raises(UserError) as caught:
        next(frames)
    assert caught.value.problems[0].startswith(f"{path}:4: expected ")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.log: No such file"):
        open_log(tmp_path / "none.log")
    with pytest.raises(UserError, match="is a directory"):
        open_log(tmp_path)


@pytest.mark.parametrize("name", ["drive.log", "drive.log.gz", "drive.asc", "drive.csv", "drive.blf"])
def test_an_empty_file_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    with pytest.raises(UserError, match=str(path)):
        list(open_log(path))


def test_a_packed_log_that_breaks_off_gives_what_it_has_and_then_says_where(tmp_path: Path) -> None:
    path = tmp_path / "drive.log.gz"
    lines = "".join(f"({1000 + number}.000000) can0 123#{number * 7919 % 2**32:08X}\n" for number in range(20_000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    notes: list[str] = []
    read = list(open_log(path, notes))
    assert len(read) > 10_000
    assert read[-1].at_s == 1000 + len(read) - 1
    assert notes[-1] == (
        f"the file breaks off at byte {path.stat().st_size}, inside its .gz data; "
        f"what comes after frame {len(read)} is missing"
    )


def test_a_log_that_only_claims_to_be_packed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"drive\.log\.gz: no frame in it: the file has damaged \.gz data"):
        list(open_log(log(tmp_path, GOOD, "drive.log.gz")))


MESSAGES = [
    can.Message(timestamp=1000.5, arbitration_id=0x123, is_extended_id=False, data=b"\x01\x02", channel=0),
    can.Message(timestamp=1000.75, arbitration_id=0x18DAF110, is_extended_id=True, data=b"\x03" * 8, channel=0),
]


@pytest.mark.parametrize("name", ["a.b.asc", "a.b.blf", "a.b.trc", "a.b.csv", "a.b.db", "a.b.asc.gz", "a.b.blf.gz"])
def test_other_formats_are_read_through_python_can(tmp_path: Path, name: str) -> None:
    plain = tmp_path / name.removesuffix(".gz").replace("a.b", "ab")
    with can.Logger(str(plain)) as writer:
        for message in MESSAGES:
            writer.on_message_received(message)
    path = tmp_path / name
    path.write_bytes(gzip.compress(plain.read_bytes()) if name.endswith(".gz") else plain.read_bytes())
    frames = list(open_log(path))
    assert [(frame.can_id, frame.data) for frame in frames] == [
        (0x123, b"\x01\x02"),
        (0x18DAF110 | EXTENDED, b"\x03" * 8),
    ]
    assert frames[1].at_s - frames[0].at_s == pytest.approx(0.25, abs=0.002)


@pytest.mark.parametrize("name", ["drive.blf", "drive.asc.gz", "drive.db", "drive.csv"])
def test_a_broken_file_of_another_format_is_one_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"timestamp,arbitration_id\n1,zz\n")
    with pytest.raises(UserError, match=str(path)):
        list(open_log(path))


def test_csv_of_gvret(tmp_path: Path) -> None:
    head = "Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
    path = log(tmp_path, head + "1500000,00000541,false,1,2,0A,FF\n", "kona.csv")
    assert list(open_log(path)) == [LogFrame(1.5, "1", 0x541, b"\x0a\xff")]
    with pytest.raises(UserError, match=r"kona\.csv:2: expected"):
        list(open_log(log(tmp_path, head + "1500000,00000541,false,1,8,0A\n", "kona.csv")))


def test_a_log_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    def frames() -> list[LogFrame]:
        return [LogFrame(1.0, "can0", 1, b"")]

    with pytest.raises(UserError, match="cannot write the log there"):
        write_candump(tmp_path / "none" / "drive.log", frames())
    path = log(tmp_path, GOOD + "broken\n" + GOOD)
    with pytest.raises(UserError):
        write_candump(tmp_path / "out.log", open_log(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["drive.log"]


def test_the_same_frames_give_the_same_packed_bytes(tmp_path: Path) -> None:
    for name in ("one.log.gz", "two.log.gz"):
        write_candump(tmp_path / name, [LogFrame(1.0, "can0", 1, b"\x01")])
    assert (tmp_path / "one.log.gz").read_bytes() == (tmp_path / "two.log.gz").read_bytes()


@pytest.mark.parametrize(
    ("name", "count", "channels"),
    [
        ("tesla-model3/drive.log", 10_000, {"vcan0"}),
        ("alfa-giulia/drive.log.gz", 364_863, {"can0"}),
        ("ford-mustang/drive.log.gz", 87_212, {"can0"}),
        ("obd-trip164/drive.log.gz", 289_825, {"can1", "can2"}),
        ("kona-ev/power-cycle.csv.gz", 39_546, {"0", "1"}),
        ("subaru-brz/drive.log.gz", 82_558, {"can0"}),
    ],
)
def test_real_recordings_are_read_whole(drives: Path, name: str, count: int, channels: set[str]) -> None:
    frames = list(open_log(drives / name))
    assert len(frames) == count
    assert {frame.channel for frame in frames} == channels


def test_a_real_recording_survives_writing(drives: Path, tmp_path: Path) -> None:
    source = drives / "tesla-model3" / "drive.log"
    write_candump(tmp_path / "copy.log", open_log(source))
    assert (tmp_path / "copy.log").read_bytes() == source.read_bytes()
