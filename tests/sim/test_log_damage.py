"""Recordings that break off or are damaged: what can be read is read, and what is missing is told."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.logs import LogFrame, open_log
from support.log_files import PACKERS, START_S, read

COUNT = 400


def messages() -> list[can.Message]:
    """Frames that all differ."""
    return [
        can.Message(
            timestamp=START_S + number / 100,
            arbitration_id=0x100 + number,
            is_extended_id=bool(number % 2),
            data=number.to_bytes(2, "big") * 4,
            channel=number % 2,
            is_error_frame=number % 50 == 7,
        )
        for number in range(COUNT)
    ]


class _Kept(BytesIO):
    """A file in memory that can still be read when its writer has closed it."""

    def close(self) -> None:
        self.whole = self.getvalue()


@cache
def sound(name: str) -> bytes:
    """A sound recording of that name: its bytes."""
    if name.startswith("d.blf"):
        kept = _Kept()
        with can.BLFWriter(kept, max_container_size=1500) as writer:
            for message in messages():
                writer.on_message_received(message)
        plain = kept.whole
    elif name.startswith("d.log"):
        plain = b"".join(
            f"({m.timestamp:.6f}) can{m.channel} {m.arbitration_id:08X}#{m.data.hex().upper()}\n".encode()
            for m in messages()
        )
    else:
        head = b"base hex  timestamps absolute\nBegin Triggerblock\n"
        plain = head + b"".join(
            f"   {number / 100:.6f} 1  {m.arbitration_id:X}x   Rx   d 8 {m.data.hex(' ')}\n".encode()
            for number, m in enumerate(messages())
        )
    pack = PACKERS.get(Path(name).suffix)
    return plain if pack is None else pack(plain)


def read_bytes(folder: Path, name: str, content: bytes) -> tuple[list[LogFrame], list[str]]:
    """The frames and notes; a recording that is refused has no frame and its error for a note."""
    path, notes = folder / name, list[str]()
    path.write_bytes(content)
    problems: tuple[str, ...] = ()
    try:
        return list(open_log(path, notes)), notes
    except UserError as error:
        problems = error.problems
    assert all(problem.startswith(str(path)) for problem in problems)
    return [], list(problems)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


NAMES = ["d.log", "d.log.gz", "d.log.xz", "d.log.zst", "d.asc", "d.asc.gz", "d.blf", "d.blf.gz", "d.blf.zst"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(part=st.floats(0.0, 1.0, exclude_max=True))
def test_a_recording_that_breaks_off_gives_its_begin_and_says_so(folder: Path, name: str, part: float) -> None:
    whole = sound(name)
    cut = whole[: int(len(whole) * part)]
    good, notes_of_good = read_bytes(folder, name, whole)
    frames, notes = read_bytes(folder, name, cut)
    assert (len(good), notes_of_good) == (COUNT, [])
    # A line may lose its last bytes and still be one.
    assert frames[:-1] == good[: max(0, len(frames) - 1)]
    lines = cut.count(b"\n") - (2 if name == "d.asc" else 0)
    # Nobody can tell a text that was cut at the end of a line from a shorter one.
    all_lines = name in ("d.log", "d.asc") and len(frames) >= lines
    assert len(frames) == COUNT or notes or (all_lines and frames)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(part=st.floats(0.0, 1.0, exclude_max=True), noise=st.binary(min_size=1, max_size=40))
def test_noise_in_a_recording_is_told_and_ends_in_no_traceback(
    folder: Path, name: str, part: float, noise: bytes
) -> None:
    whole = sound(name)
    at = int(len(whole) * part)
    good, _ = read_bytes(folder, name, whole)
    frames, notes = read_bytes(folder, name, whole[:at] + noise + whole[at + len(noise) :])
    missing = {frame[1:] for frame in good} - {frame[1:] for frame in frames}
    # What stands in its place may be another frame as good as the first: no reader could tell.
    assert not missing or notes or len(frames) == len(good)


@pytest.mark.parametrize("name", ["d.log.gz", "d.log.xz", "d.log.zst", "d.blf"])
def test_most_of_a_recording_that_is_cut_late_is_read(tmp_path: Path, name: str) -> None:
    whole = sound(name)
    frames, notes = read_bytes(tmp_path, name, whole[: len(whole) * 19 // 20])
    assert len(frames) > (COUNT // 2 if name != "d.log.zst" else -1)  # so short a log is a single block there
    assert any(f"breaks off at byte {len(whole) * 19 // 20}" in note for note in notes)


def test_a_damaged_container_of_a_blf_costs_only_itself(tmp_path: Path) -> None:
    whole = sound("d.blf")
    starts = [place for place in range(len(whole)) if whole.startswith(b"LOBJ", place)]
    assert len(starts) > 5
    at = starts[2] + 60
    frames, notes = read_bytes(tmp_path, "d.blf", whole[:at] + bytes(20) + whole[at + 20 :])
    assert COUNT - 100 < len(frames) < COUNT
    assert notes[0].startswith(("1 damaged place was", "2 damaged places were"))
    assert f"first at byte {starts[2]}; frames are missing there" in notes[0]


def test_a_blf_that_was_never_closed(tmp_path: Path) -> None:
    """Its header was written when it was opened and tells of nothing yet."""
    with can.BLFWriter(str(tmp_path / "open.blf"), max_container_size=1500) as writer:
        for message in messages():
            writer.on_message_received(message)
        writer.file.flush()
        content = (tmp_path / "open.blf").read_bytes()
    frames, notes = read_bytes(tmp_path, "open.blf", content)
    assert 300 < len(frames) < COUNT
    (note,) = notes
    assert note.startswith(f"the file breaks off at byte {len(content)}")


def test_a_blf_cut_between_two_containers(tmp_path: Path) -> None:
    whole = sound("d.blf")
    last = whole.rindex(b"LOBJ")
    frames, notes = read_bytes(tmp_path, "d.blf", whole[:last])
    assert 0 < len(frames) < COUNT
    assert len(notes) == 1
    assert "breaks off at byte" in notes[0]


ERRORS: dict[str, Callable[[], bytes]] = {
    # signature, header's size and version, size, type; flags, client, version, time; channel, …
    "CAN_ERROR": lambda: b"LOBJ" + bytes([32, 0, 1, 0, 40, 0, 0, 0, 2, 0, 0, 0]) + bytes([2, 0, 0, 0]) + bytes(12)
    + bytes([3, 0, 0, 0]) + bytes(4),
    "CAN_FD_ERROR_64": lambda: b"LOBJ" + bytes([32, 0, 1, 0, 76, 0, 0, 0, 104, 0, 0, 0]) + bytes([2, 0, 0, 0])
    + bytes(12) + bytes([3, 8, 8, 0]) + bytes(40),
}  # fmt: skip


@pytest.mark.parametrize("kind", ERRORS)
def test_error_frames_of_a_blf_that_python_can_does_not_know(tmp_path: Path, kind: str) -> None:
    body = ERRORS[kind]()
    container = b"LOBJ" + bytes([16, 0, 1, 0]) + (32 + len(body)).to_bytes(4, "little") + bytes([10, 0, 0, 0])
    container += bytes(8) + len(body).to_bytes(4, "little") + bytes(4) + body
    path = tmp_path / "d.blf"
    path.write_bytes(sound("d.blf") + container)
    with can.LogReader(str(path)) as reader:
        assert len(list(reader)) == COUNT
    frames = list(open_log(path))
    assert len(frames) == COUNT + 1
    assert (frames[-1].kind, frames[-1].channel) == ("error", "3")


@pytest.mark.slow
def test_an_mf4_that_breaks_off_is_one_error_with_a_remedy(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.mf4"
    with can.Logger(str(path)) as writer:
        for message in messages():
            writer.on_message_received(message)
    whole = path.read_bytes()
    for part in (0.01, 0.5, 0.9, 0.999):
        frames, notes = read_bytes(tmp_path, "d.mf4", whole[: int(len(whole) * part)])
        assert frames == []
        assert len(notes) == 1
        assert "save it anew" in notes[0]
    assert capfd.readouterr().err == ""


def test_a_csv_of_python_can_with_a_garbled_line(tmp_path: Path) -> None:
    text = "timestamp,arbitration_id,extended,remote,error,dlc,data\n1.0,0x1,0,0,0,1,AQ==\n1.5,0x1,0,0,0,2,AQ==\n"
    with pytest.raises(UserError, match=r"d\.csv:3: cannot be read on after 1 frames .*; mend or remove that line"):
        read(tmp_path, "d.csv", text)


def test_an_id_of_29_bits_survives(tmp_path: Path) -> None:
    frames, _ = read_bytes(tmp_path, "d.blf", sound("d.blf"))
    assert frames[1].can_id == 0x101 | EXTENDED


def test_a_file_without_line_ends_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no frame in it: the file has a line of more than 1048576 characters"):
        read(tmp_path, "d.log", "x" * 3_000_000)
