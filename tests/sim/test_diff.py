"""`hardshoulder-sim diff`: what changed between two files of results, and what cannot be compared."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardshoulder_sim import __main__ as command
from hardshoulder_sim.comparing.difference import Change, Difference, compare
from hardshoulder_sim.comparing.results import Found, Results
from hardshoulder_sim.proving.evaluate import Options
from hardshoulder_sim.proving.summary import FORMAT as EVALUATION
from hardshoulder_sim.proving.summary import summary
from hardshoulder_sim.proving.verdict import judge
from hardshoulder_sim.recordings.replay_report import FORMAT as REPLAY
from support.compared import cruise_and_stall, told, written
from support.written import shipped, toml


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A drive without and one with a stall."""
    return cruise_and_stall(tmp_path_factory.mktemp("logs"))


def incident(kind: str = "engine-stopped", opened_at_s: float = 5.5, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "opened_at_s": opened_at_s, "stopped_at_s": None, "evidence": [], **more}


def replayed(log: str, *incidents: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What `diff` reads of a replay."""
    return {
        "format": REPLAY, "log": log, "profile": "car", "ruleset": "1", "incidents": list(incidents), "notices": [],
        "hazard_frames": 0, **more,
    }  # fmt: skip


def evaluated(cases: dict[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    return {"format": EVALUATION, "ruleset": "1", "generator": "1", "cases": cases, **more}


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Runs `diff` over two lists of records."""

    def run(before: list[dict[str, Any]], after: list[dict[str, Any]], expected: int) -> list[str]:
        paths = tmp_path / "a.json", tmp_path / "b.json"
        for path, records in zip(paths, (before, after), strict=True):
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return told(command.main(["diff", *map(str, paths)]), capsys, expected)

    return run


Diff = Callable[[list[dict[str, Any]], list[dict[str, Any]], int], list[str]]


def test_the_same_is_0_and_says_so(diff: Diff) -> None:
    records = [replayed("one", incident()), replayed("two")]
    lines = diff(records, records, 0)
    assert lines[-1] == "no difference"
    assert "ruleset 1, 2 cases" in lines[0]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (replayed("x"), replayed("x", incident()), "    appeared  engine-stopped at 5.500 s"),
        (replayed("x", incident()), replayed("x"), "    vanished  engine-stopped at 5.500 s"),
        (
            replayed("x", incident()), replayed("x", incident("power-lost")),
            "  other kind  engine-stopped -> power-lost at 5.500 s",
        ),
        (
            replayed("x", incident()), replayed("x", incident(opened_at_s=6.25)),
            "  other time  engine-stopped: 5.500 s -> 6.250 s (+0.750 s)",
        ),
        (
            replayed("x", incident()), replayed("x", incident(stopped_at_s=9.0)),
            "   otherwise  engine-stopped at 5.500 s: evidence, hazards or later times",
        ),
        (replayed("x"), replayed("x", hazard_frames=3), "   otherwise  notices or hazard frames"),
    ],
)  # fmt: skip
def test_each_change_is_told_and_is_1(diff: Diff, before: dict[str, Any], after: dict[str, Any], line: str) -> None:
    same = replayed("same", incident())
    lines = diff([same, before], [same, after], 1)
    assert lines[2:4] == ["x as car", line]
    assert len(lines) == 5 and lines[4].startswith("1 ")


def test_cases_that_only_one_has_are_told(diff: Diff) -> None:
    lines = diff([replayed("one"), replayed("two")], [replayed("two"), replayed("three")], 1)
    assert lines[2:] == [
        "one as car", "  only in the first", "three as car", "  only in the second",
        "1 only in the second, 1 only in the first",
    ]  # fmt: skip


def test_evaluations_are_compared_by_case(diff: Diff) -> None:
    before = evaluated({"0.fault.0": [{"kind": "crash", "opened_s": 3.0}], "0.fault.1": [], "0.drive.0": []})
    later = {"0.fault.0": [{"kind": "crash", "opened_s": 3.4}], "0.fault.1": [], "0.drive.0": []}
    after = evaluated(later, ruleset="2")
    lines = diff([before], [after], 1)
    assert "ruleset 2, 3 cases" in lines[1]
    assert lines[2:] == ["0.fault.0", "  other time  crash: 3.000 s -> 3.400 s (+0.400 s)", "1 other time"]


def changes(before: list[Found], after: list[Found]) -> list[Change]:
    made: list[Difference] = compare(results(before), results(after))
    return [difference.change for difference in made]


def results(found: list[Found]) -> Results:
    return Results(Path("x"), REPLAY, ("1",), {"case": tuple(found)}, {})


def test_the_nearest_in_time_belong_together() -> None:
    first, second = Found("crash", 10.0), Found("stalled", 15.0)
    assert changes([first, second], [second, first]) == []
    assert changes([first, second], [second]) == [Change.VANISHED]
    assert changes([second], [first, second]) == [Change.APPEARED]
    assert changes([first], [Found("crash", 19.9)]) == [Change.DELAY]
    assert changes([first], [Found("crash", 20.0)]) == [Change.VANISHED, Change.APPEARED]
    assert changes([first], [Found("stalled", 12.0)]) == [Change.KIND, Change.DELAY]


def test_less_than_a_millisecond_is_no_other_time() -> None:
    assert changes([Found("crash", 10.0)], [Found("crash", 10.0004)]) == []
    assert changes([Found("crash", 10.0)], [Found("crash", 10.0006)]) == [Change.DELAY]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("{", "line 1: not JSON"),
        ('{"format": "' + REPLAY + '"}\nnonsense', "line 2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", 'has no "format"'),
        ("3", 'has no "format"'),
        ('{"log": "x"}', 'has no "format"'),
        ('{"format": "org.hardshoulder.replay.v2"}', "of another version; this program reads " + REPLAY),
        ('{"format": "org.hardshoulder.replay.v"}', "of another version"),
        ('{"format": "org.hardshoulder.shadow.v1"}', "this program compares " + REPLAY),
        ('{"format": ["x"]}', "is in format"),
        ('{"format": "' + REPLAY + '"}', "is not: 'log' is missing"),
        ('{"format": "' + EVALUATION + '"}', "is not: 'cases' is missing"),
        (json.dumps(evaluated({"c": [3]})), "is not: "),  # type: ignore[list-item]
        (json.dumps(evaluated({})) + "\n" + json.dumps(evaluated({})), "holds 2 evaluations"),
        (json.dumps(evaluated({})) + "\n" + json.dumps(replayed("x")), "more than one format"),
        (json.dumps(replayed("x")) + "\n" + json.dumps(replayed("x")), "has x as car twice"),
        (json.dumps(replayed("x", incident(opened_at_s=None))), "is not: "),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_result_is_2_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    bad, good = written(tmp_path, text, "bad.json"), written(tmp_path, json.dumps(replayed("x")), "good.json")
    for pair in ((bad, good), (good, bad)):
        assert command.main(["diff", *pair]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        (line,) = captured.err.splitlines()
        assert line.startswith(f"hardshoulder-sim: {bad}: ") and words in line, line


def test_bytes_that_are_no_text_and_files_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, words in (("bytes", "is not UTF-8"), ("none", "No such file")):
        assert command.main(["diff", str(tmp_path / name), str(tmp_path / name)]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (replayed("x"), evaluated({"x": []}), "compare like with like"),
        (replayed("x"), replayed("y"), "no case in common"),
        (evaluated({"x": []}), evaluated({"x": []}, generator="2"), "is of generator 2"),
    ],
)
def test_what_cannot_be_compared_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: dict[str, Any], after: dict[str, Any], words: str
) -> None:
    paths = [written(tmp_path, json.dumps(record), f"{n}.json") for n, record in enumerate((before, after))]
    assert command.main(["diff", *paths]) == 2
    assert words in capsys.readouterr().err


def test_what_replay_writes_can_be_compared(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = []
    for number, rules in enumerate(("", "[thresholds]\nengine_stopped_hold_s = 1.0\ndrive_not_ready_hold_s = 1.0\n")):
        profile = _profile(tmp_path, rules)
        files.append(str(tmp_path / f"{number}.jsonl"))
        assert command.main(["replay", *map(str, logs), "--profile", profile, "--json", files[-1]]) == 0
    capsys.readouterr()
    lines = told(command.main(["diff", *files]), capsys, 1)
    assert "ruleset 1," in lines[0] and "ruleset 1+" in lines[1]
    assert lines[2] == f"{logs[1]} as reference-combustion"
    assert lines[3].startswith("  other time  engine-stopped: 5.") and "(+0.7" in lines[3]
    assert lines[4:] == ["1 other time"]


def _profile(folder: Path, rules: str) -> str:
    path = folder / "car.toml"
    path.write_text(toml(shipped("reference-combustion")) + rules, encoding="utf-8")
    return str(path)


@pytest.mark.slow
def test_what_evaluate_writes_can_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = next(verdict for number in range(20) if (verdict := judge(f"0.fault.{number}")).found is not None)
    verdicts = [first, judge("0.alike.0.coast-engine-off")]
    record = summary(verdicts, Options(0.0, 2, 0, 1), "0.1.0", "1")
    name = first.case
    assert list(record["cases"]) == [name, "0.alike.0.coast-engine-off"]
    assert record["cases"]["0.alike.0.coast-engine-off"] == []
    found = first.found
    assert found is not None
    assert record["cases"][name][0] == {"kind": found.kind, "opened_s": round(found.opened_s, 3)}
    file = written(tmp_path, json.dumps(record, indent=2), "evaluation.json")
    assert told(command.main(["diff", file, file]), capsys)[-1] == "no difference"
