"""Recorded drives are replayed as every car that can read them, and nothing else is taken for a recording."""

from pathlib import Path

import pytest

from hardshoulder.errors import UserError
from hardshoulder_sim.proving.corpus import replay_drives
from hardshoulder_sim.recordings.logs import LogFrame, write_candump


def test_a_recording_is_replayed_as_the_car_that_reads_it(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    answers = [
        LogFrame(0.25 * number, "can0", 0x7E8, bytes.fromhex("03410d5000000000" if number % 2 else "04410c1f40000000"))
        for number in range(17)
    ]
    write_candump(tmp_path / "somebody" / "drive.log.gz", answers)
    (tmp_path / "somebody" / "notes.txt").write_text("no recording")
    records = replay_drives(tmp_path)
    assert "obd2" in {record["profile"] for record in records}
    for record in records:
        assert record["log"] == "somebody/drive.log.gz"
        assert record["duration_s"] == pytest.approx(4.0, abs=0.1)
        assert record["incidents"] == []


def test_a_folder_without_a_readable_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.log").write_text("this is no recording\n")
    with pytest.raises(UserError, match="no recording there"):
        replay_drives(tmp_path)


@pytest.mark.slow
def test_no_recorded_drive_is_a_breakdown(drives: Path) -> None:
    records = replay_drives(drives)
    assert len({record["log"].partition("/")[0] for record in records}) >= 6
    assert [record for record in records if record["incidents"]] == []
