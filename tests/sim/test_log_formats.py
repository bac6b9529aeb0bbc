"""Recordings in every format, written by python-can, by asammdf, or by hand after the format's description."""

from collections.abc import Callable, Iterable
from pathlib import Path

import can
import pytest

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX
from hardshoulder_sim import __main__ as command
from hardshoulder_sim.recordings.logs import LogFrame, open_log, write_candump
from hardshoulder_sim.recordings.replay import ReplayResult, replay
from hardshoulder_sim.recordings.replay_report import as_record
from support.log_files import ALL, ASKED, CLASSIC, CSV, DATA, ERROR, START_S, expected, same, written
from support.recorded import compiled

UNTIL_S = 30.0
"""By then the car of the scenario city-stall has broken down."""


FORMATS = {
    ".log": (ALL, ("can0", "can1")),
    ".asc": (ALL, ("1", "2")),
    ".blf": (ALL, ("1", "2")),
    ".mf4": (sorted(ALL, key=lambda message: message.timestamp), ("0", "1")),  # its writer keeps them in order
    ".trc": (CLASSIC, ("1", "2")),  # its writer knows no more
    ".csv": ([*CLASSIC, ASKED, ERROR], ("", "")),  # it has no channels
    ".db": ([*CLASSIC, ASKED, ERROR], ("", "")),
}


@pytest.mark.parametrize("packing", ["", ".gz", ".xz", ".zst"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_packed_and_plain(tmp_path: Path, suffix: str, packing: str) -> None:
    messages, channels = FORMATS[suffix]
    path = written(tmp_path / f"my.drive.2024.01{suffix}{packing}", messages)
    notes: list[str] = []
    wanted = [expected(message, channels) for message in messages]
    if suffix == ".log":  # its writer does not say how much a remote frame asks for, and calls every error a bus error
        wanted = [frame._replace(data=b"") if frame.kind == "remote" else frame for frame in wanted]
        wanted = [frame._replace(can_id=0x80) if frame.kind == "error" else frame for frame in wanted]
    same(list(open_log(path, notes)), wanted)
    assert notes == []


@pytest.mark.parametrize("suffix", [".asc", ".trc"])
def test_our_readers_agree_with_python_cans(tmp_path: Path, suffix: str) -> None:
    messages = [
        can.Message(
            timestamp=START_S + number / 997,
            arbitration_id=number * 7919 & (EXTENDED_ID_MAX if number % 3 else 0x7FF),
            is_extended_id=bool(number % 3),
            data=bytes((number * place) & 0xFF for place in range(number % 9)),
            is_rx=bool(number % 2),
            channel=number % 4,
        )
        for number in range(2000)
    ]
    path = written(tmp_path / f"drive{suffix}", messages)
    with can.LogReader(str(path)) as reader:
        theirs = [(message.arbitration_id, bytes(message.data), message.timestamp) for message in reader]
    ours = list(open_log(path))
    assert [(frame.can_id & EXTENDED_ID_MAX, frame.data) for frame in ours] == [entry[:2] for entry in theirs]
    assert [frame.at_s - ours[0].at_s for frame in ours] == pytest.approx(
        [at_s - theirs[0][2] for *_, at_s in theirs], abs=2e-6
    )
    assert len(ours) == len(messages)


# One drive in every format -------------------------------------------------------------------


def as_messages(frames: Iterable[LogFrame]) -> list[can.Message]:
    return [
        can.Message(
            timestamp=frame.at_s,
            arbitration_id=frame.can_id & EXTENDED_ID_MAX,
            is_extended_id=bool(frame.can_id & EXTENDED),
            data=frame.data,
            channel=0,
        )
        for frame in frames
    ]


def _shown(frames: list[LogFrame]) -> str:
    return "".join(
        f" ({frame.at_s:.6f})  can0  {frame.can_id:03X}   [{len(frame.data)}]  {frame.data.hex(' ').upper()}\n"
        for frame in frames
    )


def _savvycan(frames: list[LogFrame]) -> str:
    rows = (
        f"{round(frame.at_s * 1e6)},{frame.can_id:08X},false,Rx,0,{len(frame.data)},{frame.data.hex(',').upper()}\n"
        for frame in frames
    )
    return CSV + "".join(rows)


def _peak_1_3(frames: list[LogFrame]) -> str:
    rows = (
        f"{number})  {(frame.at_s - frames[0].at_s) * 1000:.3f} 1  Rx {frame.can_id:04X} -  {len(frame.data)}  "
        f"{frame.data.hex(' ')}\n"
        for number, frame in enumerate(frames, 1)
    )
    return ";$FILEVERSION=1.3\n" + "".join(rows)


BY_HAND: dict[str, Callable[[list[LogFrame]], str]] = {
    "shown.log": _shown,
    "savvy.csv": _savvycan,
    "peak13.trc": _peak_1_3,
}


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[LogFrame], ReplayResult]:
    """A simulated drive until a few seconds after its breakdown, and what comes of its candump log."""
    path = tmp_path_factory.mktemp("stall") / "drive.log"
    assert command.main(["drive", "city-stall", "--out", str(path)]) == 0
    whole = list(open_log(path))
    frames = [frame for frame in whole if frame.at_s - whole[0].at_s < UNTIL_S]
    write_candump(path, frames)
    return frames, replay(path, compiled("reference-combustion").plan)


def rounded(result: ReplayResult) -> object:
    """All that was found, its times to a tenth of a millisecond; formats differ by a microsecond or two."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return pytest.approx(value, abs=1e-4) if isinstance(value, float) else value

    return plain({key: value for key, value in as_record(result).items() if key != "log"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["d.asc", "d.blf", "d.trc", "d.mf4", "d.csv", "d.db", "d.log.xz", "d.asc.gz", "d.blf.zst", *BY_HAND]
)
def test_the_same_drive_tells_the_same_story_in_every_format(
    tmp_path: Path, stall: tuple[list[LogFrame], ReplayResult], name: str
) -> None:
    frames, story = stall
    path = tmp_path / name
    if name in BY_HAND:
        path.write_text(BY_HAND[name](frames), encoding="ascii")
    else:
        written(path, as_messages(frames))
    assert len(story.incidents) == 1
    assert as_record(replay(path, compiled("reference-combustion").plan)) | {"log": ""} == rounded(story) | {"log": ""}  # type: ignore[operator]


def test_a_replay_prints_how_many_error_and_remote_frames_there_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "d.blf", [DATA, ERROR, ASKED, ERROR])
    assert command.main(["replay", str(path), "--profile", "reference-combustion"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("0 invalid frames, 2 error frames, 1 remote frame")
