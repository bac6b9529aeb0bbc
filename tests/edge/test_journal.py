"""The open incident on a real disk: kept behind the action, whole or said to be broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardshoulder.core.resume import Snapshot, Terms
from hardshoulder.edge import journal
from hardshoulder.edge.journal import FILE_NAME, REWRITTEN_OVER_BYTES, Journal, load
from support.car import Said
from support.incidents import report

SNAPSHOT = Snapshot(report("incident-7").incident, overruled=True)


def written(folder: Path, *snapshots: Snapshot | None) -> Said:
    said = Said()
    for snapshot in snapshots:
        kept = Journal(folder, said, "run-1")
        kept.start()
        kept.keep(snapshot)
        assert kept.stop(10.0)
    return said


def loaded(folder: Path, said: Said | None = None) -> Snapshot | None:
    found = load(folder, said or Said(), clock_plausible=True, clock_trusted=True)
    return None if found is None else found.snapshot


def test_what_is_kept_is_found_whole(tmp_path: Path) -> None:
    assert written(tmp_path, SNAPSHOT).lines == []
    found = load(tmp_path, Said(), clock_plausible=True, clock_trusted=True)
    assert found is not None and (found.snapshot, found.terms) == (SNAPSHOT, Terms.AT_ONCE)


def test_the_newest_counts_and_a_closed_incident_is_none(tmp_path: Path) -> None:
    newer = Snapshot(report("incident-8").incident, overruled=False)
    written(tmp_path, SNAPSHOT, newer)
    assert loaded(tmp_path) == newer
    written(tmp_path, None)
    assert loaded(tmp_path) is None


def test_a_folder_without_a_journal_is_no_complaint(tmp_path: Path) -> None:
    said = Said()
    assert loaded(tmp_path / "nowhere", said) is None and said.lines == []


def test_a_torn_line_is_said_and_the_one_before_counts(tmp_path: Path) -> None:
    newer = Snapshot(report("incident-8").incident, overruled=False)
    written(tmp_path, SNAPSHOT, newer)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:-20])
    said = Said()
    assert loaded(tmp_path, said) == SNAPSHOT
    assert said.lines == [("error", f"{path}: broken at its end, the line before counts")]
    written(tmp_path, newer)
    assert loaded(tmp_path) == newer, "and it swallows nothing that is written later"


@pytest.mark.parametrize("garbage", [b"\x00" * 5000, b"no journal\n", bytes(range(256)) * 9, b"a b\n"])
def test_a_broken_file_is_one_line_and_the_daemon_starts_without_it(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(garbage)
    said = Said()
    assert loaded(tmp_path, said) is None
    assert len(said.lines) == 1 and "an incident that was open is not continued" in said.lines[0][1]


def test_a_whole_line_that_cannot_be_understood_is_said(tmp_path: Path) -> None:
    body = {"format": 1, "boot": "", "wall_s": 0.0, "at_s": 0.0, "snapshot": {"incident": 5, "overruled": False}}
    (tmp_path / FILE_NAME).write_bytes(journal._line(body))
    said = Said()
    assert loaded(tmp_path, said) is None
    assert said.count("cannot be understood") == 1


def test_another_format_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(journal._line({"format": 9, "snapshot": None}))
    said = Said()
    assert loaded(tmp_path, said) is None and said.count("broken at its end") == 1


def aged(folder: Path, **changes: object) -> None:
    """The one line that is kept, as another time or another boot would have written it."""
    path = folder / FILE_NAME
    path.write_bytes(journal._line({**json.loads(path.read_bytes().split(b" ", 1)[1]), **changes}))


def test_another_boot_needs_proof_and_has_its_times_moved(tmp_path: Path) -> None:
    written(tmp_path, SNAPSHOT)
    aged(tmp_path, boot="another", at_s=5.0)
    found = load(tmp_path, Said(), clock_plausible=True, clock_trusted=True)
    assert found is not None and found.terms is Terms.WITH_PROOF
    assert found.snapshot.incident.opened_at_s != SNAPSHOT.incident.opened_at_s


def test_where_nobody_knows_the_time_another_boots_incident_is_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path, SNAPSHOT)
    aged(tmp_path, boot="another")
    found = load(tmp_path, Said(), clock_plausible=False, clock_trusted=False)
    assert found is not None and found.terms is Terms.NOT_AT_ALL


def test_yesterdays_incident_is_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path, SNAPSHOT)
    aged(tmp_path, boot="another", wall_s=0.0)
    found = load(tmp_path, Said(), clock_plausible=True, clock_trusted=True)
    assert found is not None and found.terms is Terms.NOT_AT_ALL


def test_a_folder_that_is_not_there_is_said_once_and_taken_when_it_is(tmp_path: Path) -> None:
    said, folder = Said(), tmp_path / "storage"
    kept = Journal(folder, said, "run-1")
    for _ in range(3):
        kept._write(kept._line_of(SNAPSHOT))
    assert said.count("a restart would forget the incident") == 1
    folder.mkdir()
    kept._write(kept._line_of(SNAPSHOT))
    assert loaded(folder) == SNAPSHOT
    assert kept.stop(1.0), "one that never ran has nothing to end"


def test_the_file_is_bounded(tmp_path: Path) -> None:
    kept = Journal(tmp_path, Said(), "run-1")
    kept._write(kept._line_of(SNAPSHOT))
    line = (tmp_path / FILE_NAME).stat().st_size
    for _ in range(REWRITTEN_OVER_BYTES // line + 10):
        kept._write(kept._line_of(SNAPSHOT))
    assert (tmp_path / FILE_NAME).stat().st_size <= REWRITTEN_OVER_BYTES + line + 1
    assert loaded(tmp_path) == SNAPSHOT


def test_a_process_that_is_killed_has_kept_what_it_kept(tmp_path: Path) -> None:
    script = (
        "import sys, threading\nfrom pathlib import Path\nfrom edge.test_journal import SNAPSHOT, Said\n"
        "from hardshoulder.edge.journal import Journal, load\n"
        "folder = Path(sys.argv[1])\nkept = Journal(folder, Said(), 'run-1')\nkept.start()\nkept.keep(SNAPSHOT)\n"
        "while load(folder, Said(), clock_plausible=True, clock_trusted=True) is None: threading.Event().wait(0.01)\n"
        "print('kept', flush=True)\nthreading.Event().wait()\n"
    )
    tests = Path(__file__).parent.parent
    path = os.pathsep.join([str(tests), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"kept\n"
        process.kill()
    assert loaded(tmp_path) == SNAPSHOT
