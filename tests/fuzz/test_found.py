"""What the fuzzing found, as the inputs that showed it: once a traceback, a wrong time, a page that did not open."""

import base64
import json
import zlib
from pathlib import Path

import pytest

from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recording import Kind, chunk
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile
from hardshoulder.recordings import told
from hardshoulder.toml_file import Strict, load
from hardshoulder.wire import encode
from hardshoulder_bridge.clock import BoardClock
from hardshoulder_bridge.messages import Record
from hardshoulder_fleet.config import ConfigError, load_config
from hardshoulder_fuzz.targets.wires import Fleet
from hardshoulder_sim.recordings.logs import open_log
from support.desks import car_says
from support.log_files import CLASSIC, CSV
from support.log_files import written as written_log
from support.recordings import moment, small, written

HALF_WRAP_US = 1 << 31


def _head(**said: object) -> bytes:
    whole = {"incident": "i", "profile": "p", "profile_digest": "", "software": "", "buses": ["main"]} | said
    return chunk(Kind.HEAD, 0, moment(1.0), json.dumps(whole).encode())


@pytest.mark.parametrize(
    ("head", "note"),
    [
        (chunk(Kind.HEAD, 0, moment(1.0), b"[" * 100_000), "nested too deeply"),
        (_head(incident=[]), "something else than words"),
        (_head(buses=[3]), "something else than words"),
    ],
)
def test_a_recording_whose_head_is_nonsense_is_listed_all_the_same(head: bytes, note: str) -> None:
    frames = written(small(3), end=False)[len(_whole_head()) :]
    recorded = Recorded(head + frames)
    assert recorded.head is None and [frame.bus for frame in recorded] == ["bus0", "bus1", "bus0"]
    assert note in told(recorded)[-1]


def _whole_head() -> bytes:
    return written([], end=False)


@pytest.mark.parametrize("body", [b"\1" * 7, b"\0" * 4 + b"\xff\xff\xff\x7f" + b"\0" * 3])
def test_a_chunk_that_is_no_row_of_frames_costs_itself_when_recordings_are_listed(body: bytes) -> None:
    recorded = Recorded(written(small(3), end=False) + chunk(Kind.FRAMES, 9, moment(1000.5), body, 1))
    assert sum(1 for _ in recorded) == 3
    assert told(recorded)[2] == "0.5" and "no row of frames" in told(recorded)[-1]


def test_a_recording_from_beyond_the_calendar_is_listed_at_its_end() -> None:
    late = moment(1.0)._replace(wall_us=1 << 62)
    recorded = Recorded(_whole_head() + chunk(Kind.FRAMES, 1, late, bytes(11), 1))
    assert told(recorded)[1] == "9999-12-31 23:59:59Z"


@pytest.mark.parametrize("line", ["1,2\r3", '"' + "x" * 200_000])
def test_a_csv_line_that_no_csv_has_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "drive.csv"
    path.write_bytes(f"{CSV}{line}\n1000,123,false,Rx,0,1,00\n".encode())
    with pytest.raises(UserError, match=r"drive\.csv:2: expected"):
        list(open_log(path))
    path.write_bytes(f"{CSV[:-1]}{line}\n1000,123,false,Rx,0,1,00\n".encode())
    with pytest.raises(UserError, match=r"drive\.csv:1: the header"):
        list(open_log(path))


@pytest.mark.parametrize("name", ["drive.asc", "drive.trc", "drive.csv"])
def test_a_line_of_uncommon_spaces_is_an_empty_one(tmp_path: Path, name: str) -> None:
    kept = written_log(tmp_path / name, CLASSIC) if name != "drive.csv" else tmp_path / name
    if name == "drive.csv":
        kept.write_text(f"{CSV}1000,123,false,Rx,0,1,00\n", "utf-8")
    sound = list(open_log(kept))
    kept.write_bytes(kept.read_bytes() + b"\x1c\x85 \xa0\n")
    assert list(open_log(kept)) == sound


def test_a_blf_file_from_before_1970_begins_at_its_begin(tmp_path: Path) -> None:
    path = written_log(tmp_path / "drive.blf", CLASSIC)
    raw, notes = bytearray(path.read_bytes()), list[str]()
    raw[40:42] = (1002).to_bytes(2, "little")
    path.write_bytes(raw)
    frames = list(open_log(path, notes))
    assert [frame.at_s for frame in frames] == pytest.approx([0.0, 0.25, 0.75, 0.5])
    assert "before 1970" in notes[0]


LONGER_THAN_IT_SAYS = zlib.decompress(
    base64.b64decode(
        b"eNrz8Xd3n8DAwMAKxExsHIxhjAxgcIIJQnMwQAE7IwMLAz+cP+fzx/JPQQkJKQYJCQyTeHh8eFYwaBxbwqPCQBnw8XfyEmBgZDgKZHOB3AQV"
        b"l4AyKnBaLPHf8YedxRXznKpjxxkeFnPU7DFtluQqWCV+fxGz6fyH9taH7GJeSQadP+V0Nj2E0atAKKg+a5rpkT9saRN+XzxbzrDJduLd4Msv"
        b"jjYc/f+CYdl+lhN+jmHr5wtyfuVX1/bpmcku1eFzRmdNzhuZOTF3WHrUT55ra6+TDDD//P//f1W7iAlXGX3WLhJg8GVwf57MAABvb1oM"
    )
)
"""A .blf in which a bit was flipped: a classic frame has 64 bytes."""


def test_a_blf_frame_that_is_longer_than_it_says_is_stepped_over(tmp_path: Path) -> None:
    path, notes = tmp_path / "drive.blf", list[str]()
    path.write_bytes(LONGER_THAN_IT_SAYS)
    frames = list(open_log(path, notes))
    assert frames and all(len(frame.data) <= 64 for frame in frames)
    assert any("stepped over" in note for note in notes)


class _Names(Strict):
    dbc: list[dict[str, str]]


def test_a_nul_in_a_configuration_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_text('dbc = [{ a = "fine" }, { "b c" = "\\u0000" }]\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load(path, _Names)
    assert caught.value.problems == (f'{path}: dbc[1]."b c": holds the character NUL; remove it',)


@pytest.mark.parametrize("key", ["base_url", "database", "operator_token_file"])
def test_a_nul_in_fleet_toml_is_refused_with_its_place(tmp_path: Path, key: str) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(f'{key} = "http://a\\u0000"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert f"{path}: {key}: holds the character NUL; remove it" in caught.value.problems


def test_a_profile_whose_name_no_file_can_have_is_refused() -> None:
    with pytest.raises(UserError, match="File name too long; check the path of the profile"):
        find_profile("x" * 5000)


@pytest.mark.parametrize("silent_us", [HALF_WRAP_US + 1, 3 * HALF_WRAP_US, 24 * 3600 * 1_000_000])
def test_frames_after_a_long_silence_of_a_parked_car_are_heard_when_they_come(silent_us: int) -> None:
    clock = BoardClock()
    assert clock.times([Record(5, 1, b"")], 10.0) == [10.0]
    at_s = 10.0 + silent_us / 1e6
    assert clock.times([Record((5 + silent_us) % (1 << 32), 1, b"")], at_s) == pytest.approx([at_s])


def test_no_frame_of_a_packet_is_heard_after_the_packet_came() -> None:
    clock = BoardClock()
    clock.times([Record(0, 1, b"")], 10.0)
    at_s = 10.0 + HALF_WRAP_US / 1e6
    both = [Record(HALF_WRAP_US - 10, 1, b""), Record(HALF_WRAP_US + 10, 1, b"")]
    assert clock.times(both, at_s) == pytest.approx([at_s - 20e-6, at_s], abs=1e-6)


def test_no_frame_is_heard_before_it_came_by_the_rounding_of_a_sum() -> None:
    for at_us in range(1_000_003, 1_000_203):
        [heard_s] = BoardClock().times([Record(at_us, 1, b"")], 0.001)
        assert heard_s <= 0.001


def test_a_report_with_a_time_at_the_end_of_the_calendar_is_shown(tmp_path: Path) -> None:
    event = json.loads(encode(car_says()))
    event["data"]["timeline"] = [{"at": "9999-12-31T23:59:59Z", "what": "opened"}]
    fleet = Fleet(tmp_path)
    assert fleet.take(json.dumps(event).encode())
    assert "23:59:59" in fleet.client.get("/operator/incident/incident-1").text
    fleet.web.database.close()
