"""The fault run: it holds on the code as it is, and it finds what is broken in it on purpose."""

import json
from pathlib import Path

import pytest

from hardshoulder.edge.journal import Journal
from hardshoulder.edge.last_word import LastWord
from hardshoulder.edge.outbox import Outbox
from hardshoulder.wire import IncidentEvent, new_event_id
from hardshoulder_fleet.store import changes
from hardshoulder_sim.__main__ import main
from hardshoulder_sim.faults.oracle import Arrived, compare
from hardshoulder_sim.faults.simulated.mischief import FAULTS
from hardshoulder_sim.faults.simulated.run import run

pytestmark = pytest.mark.slow

FIRST = 7000


def first_broken(runs: int) -> list[str]:
    """What the first of these runs that breaks has to complain of."""
    return next((found for seed in range(FIRST, FIRST + runs) if (found := run(seed, 1.0).complaints)), [])


def test_the_sentence_holds_and_every_run_had_its_fault() -> None:
    for seed in range(FIRST, FIRST + 8):
        outcome = run(seed, 1.0)
        assert outcome.complaints == []
        assert outcome.incidents_in == outcome.incidents_at_fleet == 1
        assert outcome.unacknowledged >= 1 and outcome.faults.total() >= outcome.unacknowledged


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_fault_by_itself(name: str) -> None:
    """Several times over, at moments of chance, the first while the alert is on its way."""
    outcome = run(FIRST + sorted(FAULTS).index(name), 2.0, only=name)
    assert outcome.complaints == []
    assert outcome.incidents_in == outcome.incidents_at_fleet == 2
    assert set(outcome.faults) == {name} and outcome.unacknowledged >= 1


def test_a_seed_is_the_same_run_again() -> None:
    one, other = run(FIRST, 2.0), run(FIRST, 2.0)
    assert one == other
    assert one.incidents_in == 2


def test_it_finds_an_outbox_that_forgets_what_it_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(self: Outbox, event_id: str, at: float) -> None:
        self.forget(event_id)

    monkeypatch.setattr(Outbox, "mark_sent", forget)
    assert any("0 at the fleet" in text or "shows report" in text for text in first_broken(30))


def test_it_finds_a_fleet_that_takes_everything_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    take = changes.take_event

    def anew(session: object, event: IncidentEvent, *rest: object) -> bool:
        return take(session, event.model_copy(update={"id": new_event_id()}), *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(changes, "take_event", anew)
    assert any("are there twice" in text for text in first_broken(30))


def test_it_finds_a_restart_that_knows_of_no_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "_append", lambda *_: None)
    monkeypatch.setattr(LastWord, "keep", lambda *_: None)
    assert first_broken(30) != []


def test_it_finds_a_fleet_that_shows_whatever_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    take = changes.take_event

    def last_wins(session: object, event: IncidentEvent, *rest: object) -> bool:
        new = take(session, event, *rest)  # type: ignore[arg-type]
        row = changes.get(session, event.data.incident_id)  # type: ignore[arg-type]
        row.newest_sequence, row.newest_event_id = event.data.sequence, event.id
        return new

    monkeypatch.setattr(changes, "take_event", last_wins)
    assert any("shows report" in text for text in first_broken(60))


def test_the_command_counts_and_says_how_to_repeat_what_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.json"
    assert main(["faults", "--seed", str(FIRST), "--runs", "2", "--jobs", "2", "--json", str(file)]) == 0
    record = json.loads(file.read_text())
    assert (record["runs"], record["incidents_in"], record["incidents_at_fleet"], record["broken"]) == (2, 2, 2, [])
    assert set(record["faults"]) <= set(FAULTS) and record["faults_while_unacknowledged"] >= 2
    assert "incidents in: 2, at the fleet: 2" in capsys.readouterr().out

    monkeypatch.setattr(Outbox, "add", lambda *_: None)
    assert main(["faults", "--seed", str(FIRST)]) == 1
    said = capsys.readouterr().out
    assert f"BROKEN by seed {FIRST}; again: hardshoulder-sim faults --seed {FIRST} --minutes 1" in said


@pytest.mark.parametrize(
    "options", [["--seed", "x"], ["--seed", "1", "--minutes", "0"], ["--seed", "1", "--runs", "0"], []]
)
def test_bad_options_are_said(options: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["faults", *options])


def test_a_file_that_cannot_be_written_is_said_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "--seed", "1", "--json", "/nowhere/runs.json"]) == 2
    assert "/nowhere/runs.json" in capsys.readouterr().err


def test_the_oracle_counts() -> None:
    fine = Arrived("a", "car-1", (1, 2, 3), 3, "closed", 1)
    assert compare(1, [fine]) == []
    assert compare(2, [fine]) == ["lost: 2 incidents in, 1 at the fleet"]
    assert compare(0, [fine]) == ["doubled: 0 incidents in, 1 at the fleet"]
    assert len(compare(1, [Arrived("a", "car-1", (1, 2, 2), 1, "closed", 2)])) == 3
