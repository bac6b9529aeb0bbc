"""Reports on their way out: kept, sent, and told again under the same id by a start that cannot know what was sent."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hardshoulder.core.actions import State
from hardshoulder.core.resume import Snapshot
from hardshoulder.edge.courier import Courier
from hardshoulder.edge.diary import Diary
from hardshoulder.edge.journal import FILE_NAME, _line
from hardshoulder.edge.last_word import LastWord, place
from hardshoulder.edge.outbox import Outbox, PendingEvent
from hardshoulder.wire import report_id
from hardshoulder_sim.processes import Broker, free_port, wait_until
from support.car import Said, fast, running
from support.fleet import Fleet
from support.incidents import report

CLOSED = replace(
    report(sequence=4), incident=replace(report(sequence=4).incident, closed_at_s=90.0, state=State.CLOSED)
)


def open_snapshot(sequence: int = 1) -> Snapshot:
    return Snapshot(report(sequence=sequence).incident, overruled=False)


@pytest.fixture
def stage() -> Iterator[ExitStack]:
    with ExitStack() as stage:
        yield stage


def begun(stage: ExitStack, folder: Path, courier: Courier | None) -> Diary:
    diary = Diary(folder, courier, Said())
    diary.start()
    stage.callback(diary.stop, 10.0)
    return diary


def stored(folder: Path) -> list[PendingEvent]:
    """What waits for the fleet, as the disk has it."""
    outbox = Outbox.open(folder / "outbox.sqlite3")
    try:
        return outbox.pending(100)
    finally:
        outbox.close()


def died_after_the_journal(folder: Path, told: list[tuple[int, bool]]) -> None:
    """A daemon whose power went when the journal was written and nothing else was."""
    diary = Diary(folder, None, Said())
    diary.start()
    for sequence, is_open in told:
        diary.tell(report(sequence=sequence) if is_open else CLOSED, open_snapshot(sequence) if is_open else None)
    assert diary.stop(10.0)


def forgotten(folder: Path) -> bool:
    return b'"snapshot":null' in (folder / FILE_NAME).read_bytes().splitlines()[-1]


def run_of(folder: Path) -> str:
    line = (folder / FILE_NAME).read_bytes().splitlines()[-1]
    return str(json.loads(line.split(b" ", 1)[1])["run"])


def test_what_was_kept_and_not_sent_is_sent_by_the_next_start(stage: ExitStack, tmp_path: Path) -> None:
    died_after_the_journal(tmp_path, [(3, True)])
    first_run = run_of(tmp_path)
    for _ in range(2):
        with running(fast(free_port()), tmp_path) as courier:
            diary = begun(stage, tmp_path, courier)
            kept = diary.reopen(clock_trusted=True)
            assert kept is not None and kept.snapshot == open_snapshot(3)
    (event,) = stored(tmp_path)
    assert event.event_id == report_id("incident-1", 3, first_run), "told twice, stored once"
    assert json.loads(event.payload)["data"]["sequence"] == 3


def test_a_closed_incident_is_told_again_and_not_gone_on_with(stage: ExitStack, tmp_path: Path) -> None:
    died_after_the_journal(tmp_path, [(3, True), (4, False)])
    with running(fast(free_port()), tmp_path) as courier:
        assert begun(stage, tmp_path, courier).reopen(clock_trusted=True) is None
    (event,) = stored(tmp_path)
    assert json.loads(event.payload)["data"]["state"] == "closed"


def test_nothing_is_sent_before_it_is_kept(stage: ExitStack, tmp_path: Path) -> None:
    with running(fast(free_port()), tmp_path) as courier:
        diary = Diary(tmp_path, courier, Said())
        diary.tell(report(), open_snapshot())
        assert courier.depth() == 0 and not (tmp_path / FILE_NAME).exists()
        diary.start()
        stage.callback(diary.stop, 10.0)
        wait_until(lambda: courier.depth() == 1, "it goes out")
        assert (tmp_path / FILE_NAME).exists()


def test_a_disk_that_takes_nothing_keeps_no_report_back(stage: ExitStack, tmp_path: Path) -> None:
    with running(fast(free_port()), tmp_path) as courier:
        diary = begun(stage, tmp_path / "not there", courier)
        diary.tell(report(), open_snapshot())
        wait_until(lambda: courier.depth() == 1, "it goes out all the same")


def test_what_an_older_daemon_kept_has_no_run_and_is_not_told_twice(stage: ExitStack, tmp_path: Path) -> None:
    died_after_the_journal(tmp_path, [(3, True)])
    body = json.loads((tmp_path / FILE_NAME).read_bytes().split(b" ", 1)[1])
    del body["run"]
    (tmp_path / FILE_NAME).write_bytes(_line({**body, "format": 1}))
    LastWord(place(tmp_path)).drop()  # an older daemon had none
    with running(fast(free_port()), tmp_path) as courier:
        kept = begun(stage, tmp_path, courier).reopen(clock_trusted=True)
        assert kept is not None and kept.snapshot == open_snapshot(3)
    assert stored(tmp_path) == []


def test_what_the_fleet_has_all_of_is_forgotten(stage: ExitStack, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    broker = stage.enter_context(Broker(tmp_path))
    courier = stage.enter_context(running(fast(broker.port), folder))
    diary = begun(stage, folder, courier)
    diary.tell(CLOSED, None)
    wait_until(lambda: courier.depth() == 1, "it goes out")
    diary.forget_told()
    assert diary.stop(10.0) and not forgotten(folder)
    diary = begun(stage, folder, courier)
    assert diary.reopen(clock_trusted=True) is None
    with Fleet(broker.port, acknowledge=True):
        assert courier.drain(20.0)
        diary.forget_told()
        assert diary.stop(10.0)
    assert forgotten(folder)
