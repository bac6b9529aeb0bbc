"""The recorder on a real disk: what a ring holds, what an incident gets, and what no disk can do to the loop."""

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hardshoulder.core.actions import State
from hardshoulder.core.frame import Frame
from hardshoulder.edge import recorder as module
from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recorder import MEGABYTE, SHARE, Recorder
from hardshoulder.edge.recording import CHUNK_S, HEADER_BYTES, OWN, records
from hardshoulder.edge.shelf import Shelf, in_use, name_of
from hardshoulder.settings import RecorderSettings
from hardshoulder_sim.processes import wait_until
from support.car import Said
from support.incidents import IDENTITY, incident
from support.recordings import BUSES, Bench, Times, numbers


def test_an_incident_has_thirty_seconds_before_it_and_sixty_after(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(100, rate=20).break_down().drive(100, rate=20)
    recorded = bench.read()
    kept = numbers(recorded)
    assert kept == list(range(kept[0], kept[-1] + 1)), "nothing is missing between"
    first_s, last_s = bench.heard[kept[0] - 1].at_s, bench.heard[kept[-1] - 1].at_s
    opened_s = 1100.0
    assert 30.0 <= opened_s - first_s <= 30.0 + 2 * CHUNK_S
    assert 60.0 - 0.1 <= last_s - opened_s <= 60.0 + CHUNK_S
    assert recorded.state == "whole" and recorded.head is not None
    assert recorded.head.buses == BUSES and recorded.head.incident == "incident-1"
    assert bench.said.count("ended: complete") == 1 and len(bench.said.lines) == 1


def test_both_times_are_settings(tmp_path: Path) -> None:
    bench = Bench(tmp_path, before_s=2.0, after_s=3.0).drive(20).break_down().drive(20)
    assert 4.9 <= bench.read().seconds <= 5.0 + 3 * CHUNK_S


def test_the_alert_names_the_recording(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    named = bench.recorder.follow(bench.incident(), 1000.0)
    assert named is not None
    assert (named.name, named.begins_at_s, named.ends_at_s) == ("incident-1.hsr", 970.0, 1060.0)
    later = bench.recorder.follow(bench.incident(state=State.STRANDED), 1020.0)
    assert later is not None and later.ends_at_s == 1060.0, "standing still is no second breakdown"
    assert Bench(tmp_path, enabled=False).recorder.follow(bench.incident(), 1000.0) is None


def test_an_incident_that_ended_while_the_daemon_was_away_is_named_and_not_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(2)
    named = bench.recorder.follow(bench.incident(state=State.CLOSED), bench.times.now_s)
    assert named is not None and named.ends_at_s == bench.times.now_s + 60.0
    assert not bench.drive(70).path.exists()


@pytest.mark.parametrize(("incident_id", "name"), [("../x/y", "___x_y.hsr"), ("a:b.c", "a_b_c.hsr"), ("", ".hsr")])
def test_no_incident_names_a_file_elsewhere(incident_id: str, name: str) -> None:
    assert name_of(incident_id) == name and len(name_of("x" * 500)) < 255


def test_a_second_breakdown_continues_the_recording(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(40).break_down().drive(50)
    bench.break_down(state=State.RECOVERED).break_down().drive(70)
    recorded = bench.read()
    assert len(recorded.parts) == 1 and recorded.state == "whole"
    assert 30 + 50 + 60 - 0.1 <= recorded.seconds <= 30 + 50 + 60 + 1
    assert len(list((tmp_path / "recordings").iterdir())) == 1


def test_a_second_breakdown_after_its_end_goes_on_in_the_same_file_without_a_frame_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(40).break_down().drive(70)
    bench.break_down(state=State.RECOVERED).break_down().drive(70)
    recorded = bench.read()
    assert len(recorded.parts) == 2 and recorded.state == "whole"
    kept = numbers(recorded)
    assert kept == list(range(kept[0], kept[-1] + 1)), "the ring filled what lay between"


def test_two_incidents_are_two_recordings_and_each_has_its_time_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(40).break_down().drive(20).break_down("incident-2").drive(70)
    first, second = bench.read(), bench.read(tmp_path / "recordings" / "incident-2.hsr")
    assert 49.9 <= first.seconds <= 52 and first.state == "whole"
    assert 89.9 <= second.seconds <= 92 and second.state == "whole"


def test_what_the_daemon_sends_is_in_it_and_marked(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(2).break_down()
    bench.recorder.sent(Frame(0.0, "main", 0x2A0, b"\x01"), bench.times.now_s)
    bench.drive(61)
    own = [frame for frame in bench.read() if frame.flags & OWN]
    assert [(frame.can_id, frame.data) for frame in own] == [(0x2A0, b"\x01")]


def test_the_ring_is_bounded_in_bytes_whatever_the_bus_does(tmp_path: Path) -> None:
    """One megabyte and 4,000 frames a second: it holds 13 s, and says 30 in vain."""
    bench = Bench(tmp_path, memory_mb=1).drive(40, rate=4000)
    held = sum(len(piece.body) + HEADER_BYTES for _, piece in bench.recorder._ring.after(0))
    assert held <= MEGABYTE
    bench.break_down().drive(1, rate=10)
    seconds = bench.read().seconds
    assert MEGABYTE / (4000 * 19) - 2 <= seconds <= MEGABYTE / (4000 * 19) + 1.5


def test_eight_megabytes_hold_thirty_seconds_of_a_full_bus(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(35, rate=4000)
    ring = bench.recorder._ring.after(0)
    assert (ring[-1][1].last_us - ring[0][1].base_us) / 1e6 >= 30.0 - 0.001
    assert sum(len(piece.body) for _, piece in ring) < 8 * MEGABYTE / 3


def test_frames_that_nobody_takes_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_FRAMES", 1000)
    bench = Bench(tmp_path)
    for number in range(5000):
        bench.recorder.hear(Frame(1000.0 + number / 1e4, "main", 1, b""))
    bench.recorder._turn()
    assert sum(piece.frames for _, piece in bench.recorder._ring.after(0)) == 1000
    assert bench.said.count("held up") == 1


def test_switched_off_it_keeps_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, enabled=False)
    bench.recorder.start()
    bench.recorder.hear(Frame(1.0, "main", 1, b""))
    assert len(bench.recorder._fresh) == 0
    assert bench.recorder.stop(1.0) and not (tmp_path / "recordings").exists()


# The disk ---------------------------------------------------------------------------------


def stocked(folder: Path, sizes: dict[str, int], age_s: float = 0.0) -> list[Path]:
    """Recordings of earlier days, the first the oldest."""
    folder.mkdir(exist_ok=True)
    paths = []
    for place, (name, size) in enumerate(sizes.items()):
        path = folder / f"{name}.hsr"
        path.write_bytes(bytes(size))
        at_s = time.time() - age_s - 1000 + place
        os.utime(path, (at_s, at_s))
        paths.append(path)
    return paths


def test_over_the_quota_the_oldest_go_first_and_the_open_one_never(tmp_path: Path) -> None:
    paths = stocked(tmp_path / "recordings", dict.fromkeys("abcde", MEGABYTE // 5))
    bench = Bench(tmp_path, max_mb=1).drive(40, rate=200).break_down().drive(70, rate=200)
    gone = [path.name for path in paths if not path.exists()]
    assert gone and gone == [path.name for path in paths[: len(gone)]]
    assert sum(path.stat().st_size for path in (tmp_path / "recordings").iterdir()) <= MEGABYTE
    assert bench.read().state == "whole" and bench.said.count("is removed") == len(gone)


def test_one_recording_gets_a_part_of_the_quota(tmp_path: Path) -> None:
    (other,) = stocked(tmp_path / "recordings", {"a": 1000})
    bench = Bench(tmp_path, max_mb=1).drive(40, rate=1000).break_down().drive(70, rate=1000)
    assert bench.path.stat().st_size <= MEGABYTE / SHARE + 200
    assert bench.said.count("ended: full: one recording gets 0.5 MB") == 1
    assert bench.read().state == "whole" and other.exists()


def test_days_are_counted_by_a_clock_that_was_set(tmp_path: Path) -> None:
    old, new = (
        *stocked(tmp_path / "recordings", {"old": 10}, 40 * 86_400),
        *stocked(tmp_path / "recordings", {"new": 9}),
    )
    times = Times()
    times.ahead_s = time.time() - (Times().clock.wall_time(times.now_s).timestamp())
    times.trusted = False
    Bench(tmp_path, times).drive(1)
    assert old.exists(), "whoever does not know the day throws nothing away"
    times.trusted = True
    Bench(tmp_path, times, keep_days=0).drive(1)
    assert old.exists(), "0 keeps them for as long as there is room"
    bench = Bench(tmp_path, times).drive(1)
    assert not old.exists() and new.exists()
    assert bench.said.count("recording=old.hsr is removed") == 1


def test_nobody_else_on_the_machine_reads_a_recording(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(1).break_down().drive(1)
    assert bench.path.stat().st_mode & 0o777 == 0o600
    assert bench.path.parent.stat().st_mode & 0o777 == 0o700


def test_one_that_is_being_written_is_in_use(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(1).break_down().drive(1)
    with in_use(bench.path) as busy:
        assert busy
    assert not Shelf(tmp_path).remove(bench.path) and bench.path.exists()
    bench.drive(70)
    assert Shelf(tmp_path).remove(bench.path) and not bench.path.exists()


def full_disk(limit: int) -> tuple[int, int]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    return before


def test_a_full_disk_is_one_line_and_what_fits_is_whole(tmp_path: Path) -> None:
    """The kernel itself refuses what is over the limit, in the middle of a chunk."""
    bench = Bench(tmp_path).drive(40).break_down().drive(5)
    fits = bench.path.stat().st_size
    before = full_disk(fits + 1500)
    try:
        bench.drive(10)
        assert bench.said.count("cannot be written: File too large") == 1
        assert bench.path.stat().st_size <= fits + 1500
        bench.read()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    bench.drive(60)
    recorded = bench.read()
    kept = numbers(recorded)
    assert recorded.state == "whole", "it goes on as soon as there is room"
    assert kept == list(range(kept[0], kept[-1] + 1)), "and the ring had what was missing"
    assert len([line for level, line in bench.said.lines if level == "error"]) == 1


@pytest.mark.parametrize("trouble", ["no folder", "no file"])
def test_a_disk_that_takes_nothing_is_one_line(tmp_path: Path, trouble: str) -> None:
    if trouble == "no folder":
        (tmp_path / "recordings").write_text("in the way")
    else:
        (tmp_path / "recordings" / "incident-1.hsr").mkdir(parents=True)
    bench = Bench(tmp_path).drive(5).break_down().drive(70)
    errors = [line for level, line in bench.said.lines if level == "error"]
    assert len(errors) == 1 and "the car is watched as before" in errors[0]


def test_no_link_leads_a_recording_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "incident-1.hsr").symlink_to(tmp_path / "elsewhere")
    bench = Bench(tmp_path).drive(5).break_down().drive(5)
    assert not (tmp_path / "elsewhere").exists()
    assert bench.said.count("cannot be written") == 1


def test_a_defect_in_it_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    said = Said()
    recorder = Recorder(RecorderSettings(), tmp_path, IDENTITY, BUSES, Times().clock, said)
    monkeypatch.setattr(recorder, "_turn", fail)
    recorder.start()
    assert recorder.stop(5.0)
    assert said.count("stumbled and goes on: RuntimeError: a defect") == 1


# The thread -------------------------------------------------------------------------------


def live(folder: Path, said: Said) -> Recorder:
    clock = Times().clock
    real = replace(clock, now_s=time.monotonic)
    return Recorder(RecorderSettings(), folder, IDENTITY, BUSES, real, said)


def talk(recorder: Recorder, frames: int) -> None:
    for number in range(frames):
        recorder.hear(Frame(time.monotonic(), "main", number & 0x7FF, number.to_bytes(8, "big")))


def test_the_end_of_the_daemon_flushes_what_was_heard(tmp_path: Path) -> None:
    said = Said()
    recorder = live(tmp_path, said)
    recorder.start()
    talk(recorder, 4000)
    recorder.follow(incident(), time.monotonic())
    path = tmp_path / "recordings" / "incident-1.hsr"
    wait_until(lambda: path.exists() and path.stat().st_size > 4000 * 19, "what was heard before is written")
    talk(recorder, 4000)
    assert recorder.stop(10.0)
    recorded = Recorded(path.read_bytes())
    assert recorded.frames == 8000 and recorded.state == "whole"
    assert said.count("ended: the daemon ended") == 1


def test_the_flush_at_the_end_takes_less_than_a_fifth_of_a_second(tmp_path: Path) -> None:
    """Of processor time, which is ours to say: what a bus of 4,000 frames/s leaves between two turns."""
    recorder = live(tmp_path, Said())
    recorder.follow(incident(), time.monotonic())
    talk(recorder, 2000)
    before_s = time.process_time()
    recorder.start()
    assert recorder.stop(10.0)
    assert time.process_time() - before_s < 0.2
    assert Recorded((tmp_path / "recordings" / "incident-1.hsr").read_bytes()).frames == 2000


WRITER = """
import sys, threading, time
from pathlib import Path
from edge.test_recorder import Said, incident, live, talk
recorder = live(Path(sys.argv[1]), Said())
recorder.start()
recorder.follow(incident(), time.monotonic())
number = 0
while True:
    talk(recorder, 20)
    print(time.monotonic(), flush=True)
    threading.Event().wait(0.005)
"""


def test_what_was_heard_a_second_ago_is_in_the_file(tmp_path: Path) -> None:
    """Whatever happens then: a turn comes every half second, and leaves nothing behind."""
    bench = Bench(tmp_path).drive(5).break_down()
    for _ in range(20):
        bench.drive(0.5)
        kept = numbers(bench.read())
        assert bench.times.now_s - bench.heard[kept[-1] - 1].at_s <= CHUNK_S
        assert bench.read().state == "cut", "it is not at its end"


def killed_while_writing(folder: Path, path: Path, search: str) -> float:
    """Runs the writer until it has written a while, and kills it; returns when it was last alive."""
    size = path.stat().st_size if path.exists() else 0
    command = [sys.executable, "-c", WRITER, str(folder)]
    with (
        (folder / "alive").open("wb") as alive,
        subprocess.Popen(command, stdout=alive, env={**os.environ, "PYTHONPATH": search}) as process,
    ):
        wait_until(lambda: path.exists() and path.stat().st_size > size + 20_000, "it writes", 90.0)
        process.send_signal(signal.SIGKILL)
    return float((folder / "alive").read_bytes().split(b"\n")[-2])


@pytest.mark.slow
def test_a_process_that_is_killed_has_kept_what_it_kept(tmp_path: Path) -> None:
    """By the kernel, while it writes; the next one goes on in the same file."""
    search = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])
    path = tmp_path / "recordings" / "incident-1.hsr"
    for run in (1, 2):
        alive_s = killed_while_writing(tmp_path, path, search)
        recorded = Recorded(path.read_bytes())
        assert recorded.state == "cut" and len(recorded.parts) == run
        *_, last = records((chunk := recorded.parts[-1].chunks[-1]).body, chunk.moment.base_us)
        # A second by design; more only where a busy machine kept the writer itself from running.
        assert alive_s - last.at_us / 1e6 < 5.0
        kept = [frame.data for frame in recorded]
        assert len(kept) == recorded.frames > 1000


def test_a_frame_costs_the_loop_next_to_nothing(tmp_path: Path) -> None:
    """The method that the loop calls is the queue's own: no code of ours runs for a frame."""
    recorder = live(tmp_path, Said())
    assert recorder.hear == recorder._fresh.append
