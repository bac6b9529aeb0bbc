"""SIGKILL at every place where the daemon commits, publishes or is acknowledged: places enumerated, not sampled."""

from pathlib import Path

import pytest

from hardshoulder_sim.faults.crash_points import OPEN
from hardshoulder_sim.processes import wait_until
from support.crashing import Stage

pytestmark = pytest.mark.full

NEEDED = (
    'Outbox.together: self._connection.execute("COMMIT")', "Outbox.add: ", "Outbox.mark_sent: ", "Outbox.forget: ",
    "Journal._append: write", "Journal._append: fsync", "Link.publish", "PUBLISH of an alert", "Link._on_message",
    "PUBACK of an acknowledgement",
)  # fmt: skip


def passed(stage: Stage) -> tuple[list[str], list[str]]:
    """The places that a daemon passes before and while an incident is open, each once."""
    notes = stage.folder / "places"
    with stage.daemon("--note", str(notes)) as daemon:
        assert stage.break_down(daemon)
        assert daemon.stop() == 0
    assert stage.complaints() == []
    stage.settle()
    lines = notes.read_text().splitlines()
    begins = lines.index(OPEN)
    return list(dict.fromkeys(lines[:begins])), list(dict.fromkeys(lines[begins + 1 :]))


@pytest.mark.timeout(1800)
def test_killed_at_every_commit_and_publish(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        starting, open_ = passed(stage)
        for needed in NEEDED:
            assert {place.split()[0] for place in open_ if needed in place} == {"before", "after"}, needed
        found: dict[str, list[str]] = {}
        for place, options in [*((p, ()) for p in starting), *((p, ("--once-open",)) for p in open_)]:
            with stage.daemon("--kill", place, *options) as daemon:
                opened = stage.break_down(daemon)
                wait_until(lambda: not daemon.running, f"{place} was passed")
            took_s = stage.recover(opened)
            print(f"{took_s:.2f} s {place} {opened} {[incident.sequences for incident in stage.new()]}", flush=True)
            if complaints := stage.complaints():
                found[place] = complaints
            stage.settle()
        assert found == {}
