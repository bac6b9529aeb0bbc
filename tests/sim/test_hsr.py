"""The car's own recordings in the simulator: read like any other log, and replayed to the incident that they are of."""

import gzip
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from hardshoulder.core.actions import Incident, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.responder import Responder
from hardshoulder.edge.export import candump_line
from hardshoulder.edge.recorded import Recorded
from hardshoulder.errors import UserError
from hardshoulder_sim import __main__ as command
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.logs import LogFrame, open_log, write_candump
from hardshoulder_sim.recordings.replay import ReplayOptions, replay
from support.recorded import compiled
from support.recordings import Bench, Times, small, told, written

FRAMES = small()


def recording(folder: Path, data: bytes, name: str = "incident-1.hsr") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_read_like_any_other_log(tmp_path: Path, packed: bool) -> None:
    data = written(FRAMES)
    name = "x.hsr.gz" if packed else "x.hsr"
    notes: list[str] = []
    frames = list(open_log(recording(tmp_path, gzip.compress(data) if packed else data, name), notes))
    assert notes == []
    assert [(round(f.at_s * 1e6), f.channel, f.can_id, f.data) for f in frames] == told(FRAMES)
    assert {frame.kind for frame in frames} == {"data"}
    assert all((frame.fd_flags == 0) == (len(frame.data) > 8) for frame in frames)


def test_a_cut_and_damage_are_notes(tmp_path: Path) -> None:
    notes: list[str] = []
    data = written(FRAMES)
    assert len(list(open_log(recording(tmp_path, data[:-30]), notes))) == len(FRAMES)
    assert notes[0].startswith("the recording breaks off at byte ")
    notes.clear()
    assert list(open_log(recording(tmp_path, written(FRAMES, end=False)), notes))
    assert notes == ["the recording is cut: it ends with a whole chunk, and no word that it was meant to"]
    notes.clear()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    assert list(open_log(recording(tmp_path, bytes(damaged)), notes))
    assert "is damaged and left out" in notes[0]


@pytest.mark.parametrize("data", [b"", b"no recording\n", written([], end=False)[:-3]])
def test_what_is_none_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = recording(tmp_path, data)
    with pytest.raises(UserError) as caught:
        list(open_log(path))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: no recording that can be read: ") and "\n" not in problem


def test_no_candump_log_is_written_under_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only candump logs are written"):
        write_candump(tmp_path / "x.hsr", [])


# A breakdown ------------------------------------------------------------------------------


class Live:
    """The core on a simulated drive, with a recorder beside it as the daemon has one."""

    def __init__(self, folder: Path) -> None:
        self.plan = compiled("reference-combustion").plan
        numbers = count(1)
        self.responder = Responder(self.plan, lambda: f"incident-{next(numbers)}")
        self.bench = Bench(folder, Times(0.0))
        self.incident: Incident | None = None

    def drive(self, log: Path) -> list[Frame]:
        frames = list(open_log(log))
        base_s, turn_s, heard = frames[0].at_s, 0.5, []
        self._take(self.responder.tick(0.0))
        for found in frames:
            frame = Frame(found.at_s - base_s, "main", found.can_id, found.data)
            self.bench.times.now_s = frame.at_s
            if (frame.bus, frame.can_id) in self.responder.wanted:
                heard.append(frame)
                self.bench.recorder.hear(frame)
                self._take(self.responder.receive(frame))
            while frame.at_s >= turn_s:
                turn_s += 0.5
                self.bench.recorder._turn()
        assert self.bench.recorder._tape is None or self.bench.times.now_s < 60
        self.bench.recorder._turn()
        self.bench.recorder._finish("the daemon ended")
        return heard

    def _take(self, actions: Sequence[object]) -> None:
        for action in actions:
            if isinstance(action, Report):
                self.incident = action.incident
                self.bench.recorder.follow(action.incident, action.at_s)


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> tuple[Live, list[Frame]]:
    """A car whose engine dies at speed."""
    folder = tmp_path_factory.mktemp("live")
    log = folder / "drive.log"
    assert command.main(["drive", "motorway-shutdown-combustion", "--out", str(log)]) == 0
    live = Live(folder)
    return live, live.drive(log)


def since_opened(incident: Incident) -> object:
    """All that was judged, its times counted from the opening."""
    zero = incident.opened_at_s
    return (
        incident.kind, incident.cause, incident.sub_cause, pytest.approx(incident.speed_kph_at_open),
        [(e.finding, e.signal, e.value, pytest.approx(e.at_s - zero, abs=5e-6)) for e in incident.evidence],
        [(e.what, pytest.approx(e.at_s - zero, abs=5e-6)) for e in incident.timeline if e.at_s <= zero],
    )  # fmt: skip


@pytest.mark.slow
def test_a_replay_of_the_recording_gives_the_incident_that_was_live(driven: tuple[Live, list[Frame]]) -> None:
    live, _ = driven
    profile = compiled("reference-combustion").profile
    result = replay(live.bench.path, live.plan, ReplayOptions(log_channels(profile)))
    (again,) = result.incidents
    assert live.incident is not None
    assert since_opened(again) == since_opened(live.incident)
    assert result.holes == () and not [note for note in result.notes if "damaged" in note or "cut" in note]


@pytest.mark.slow
def test_what_is_exported_is_what_was_on_the_bus(driven: tuple[Live, list[Frame]], tmp_path: Path) -> None:
    live, heard = driven
    recorded = Recorded(live.bench.path.read_bytes())
    lines = "\n".join(map(candump_line, recorded))
    path = tmp_path / "export.log"
    path.write_text(lines + "\n", encoding="ascii")
    exported: list[LogFrame] = list(open_log(path))
    first = next(place for place, frame in enumerate(heard) if frame.at_s >= exported[0].at_s - live_begin(live) - 1e-6)
    bus = heard[first : first + len(exported)]
    assert [(frame.can_id, frame.data) for frame in exported] == [(frame.can_id, frame.data) for frame in bus]
    assert [frame.at_s - live_begin(live) for frame in exported] == pytest.approx(
        [frame.at_s for frame in bus], abs=2e-6
    )


def live_begin(live: Live) -> float:
    """The wall time of the drive's first frame."""
    return live.bench.times.clock.wall_time(0.0).timestamp()
