"""The evaluation adds up right, says the same for the same seed, and is told on a page that needs nobody else."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.errors import UserError
from hardshoulder_sim.__main__ import main
from hardshoulder_sim.proving.case import CaseId, CaseKind, parse_case
from hardshoulder_sim.proving.drives import BY_NAME, DRIVE_S, PLAIN, RECORDING_S
from hardshoulder_sim.proving.evaluate import Options, case_names, run
from hardshoulder_sim.proving.page import as_page
from hardshoulder_sim.proving.recorded import recorded_alikes
from hardshoulder_sim.proving.summary import summary
from hardshoulder_sim.proving.text import as_lines
from hardshoulder_sim.proving.trial import Alarm, Closest
from hardshoulder_sim.proving.truth import Truth
from hardshoulder_sim.proving.verdict import FalseAlarm, Verdict, blamed, judge, make_case

FEW = Options(hours=0.0, faults=6, seed=9, jobs=1)
KEYS = {
    "seed", "version", "generator", "ruleset", "hours", "faults", "recall", "false_alarms",
    "false_alarms_per_1000_h_upper95", "delay_p50_s", "delay_p95_s", "delay_max_s", "misses", "alarms", "look_alikes",
}  # fmt: skip


def alarm(opened_s: float, kind: str = "engine-stopped") -> Alarm:
    return Alarm(opened_s, kind, kind, 90.0, (kind,))


def shutdown(
    index: int, found: Alarm | None, observable_s: float | None = 10.0, shown_by: str = "drive not ready", **more: Any
) -> Verdict:
    """A judged fault that was lost at 9.5 s."""
    truth = Truth(
        9.0, 9.5, observable_s, shown_by, 80.0, ("engine-stopped",), observable_s is not None,
        "" if observable_s else "nothing shows it",
    )  # fmt: skip
    verdict = Verdict(
        f"1.fault.{index}", CaseKind.FAULT, "manual", "whole", 30.0, 9000, "fuel-starvation", truth, found
    )
    return replace(verdict, **more)


def ordinary(index: int, alikes: tuple[str, ...], *false: FalseAlarm) -> Verdict:
    """A judged hour of driving."""
    return Verdict(f"1.drive.{index}", CaseKind.DRIVE, "manual", "whole", 3600.0, 9000, false=false, alikes=alikes)


def record(*verdicts: Verdict) -> dict[str, Any]:
    return summary(verdicts, Options(2.0, 4, 1, 1), "1.2.3", "7")


# Adding up ---------------------------------------------------------------------------------


def test_recall_counts_what_could_be_seen() -> None:
    figures = record(shutdown(0, alarm(10.4)), shutdown(1, None), shutdown(2, None, observable_s=None))
    assert figures["faults"] == 3
    assert figures["faults_observable"] == 2
    assert figures["recall"] == 0.5
    assert [miss["case"] for miss in figures["misses"]] == ["1.fault.1"]
    assert figures["misses"][0]["command"] == "hardshoulder-sim evaluate --case 1.fault.1"
    (hidden,) = figures["unobservable"]
    assert (hidden["reason"], hidden["faults"], hidden["examples"]) == ("nothing shows it", 1, ["1.fault.2"])


def test_delays_run_from_the_first_sign_and_from_the_loss() -> None:
    verdicts = [shutdown(index, alarm(10.0 + 0.1 * index)) for index in range(1, 21)]
    figures = record(*verdicts, shutdown(30, alarm(13.0), shown_by="silence of PCM_Drive"))
    assert figures["delay_p50_s"] == pytest.approx(1.1)
    assert figures["delay_max_s"] == pytest.approx(3.0)
    assert figures["delay_where_said_max_s"] == pytest.approx(2.0)
    assert figures["delay_where_silent_p50_s"] == pytest.approx(3.0)
    assert figures["delay_from_lost_p50_s"] == pytest.approx(1.6)
    assert figures["by_sign"]["silence"]["faults"] == 1


def test_a_warning_that_led_counts_as_no_delay() -> None:
    figures = record(shutdown(0, alarm(9.2)))
    assert figures["delay_max_s"] == 0.0
    assert figures["delay_from_lost_max_s"] == pytest.approx(-0.3)


def test_a_wrong_name_is_found_and_said() -> None:
    figures = record(shutdown(0, alarm(10.4, "crash")), shutdown(1, alarm(10.4)))
    assert figures["recall"] == 1.0
    assert [item["kind"] for item in figures["named_otherwise"]] == ["crash"]
    assert figures["confusion"] == {"fuel-starvation": {"crash": 1, "engine-stopped": 1}}


def test_false_alarms_have_a_bound_and_a_culprit() -> None:
    quiet = record(ordinary(0, ("ferry", "ferry", "hole")), ordinary(1, ("ferry",)))
    assert quiet["hours"] == 2.0
    assert quiet["false_alarms"] == 0
    assert quiet["false_alarms_per_1000_h_upper95"] == pytest.approx(2.9957 / 2.0 * 1000.0, abs=0.1)
    assert quiet["look_alikes"]["ferry"]["occurrences"] == 3
    assert quiet["look_alikes"]["ferry"]["false_alarm_chance_upper95"] == pytest.approx(2.9957 / 3, abs=1e-3)
    loud = record(ordinary(0, ("ferry",), FalseAlarm("1.drive.0", alarm(55.0), "ferry")))
    assert loud["false_alarms"] == 1
    assert loud["alarms"][0]["look_alike"] == "ferry"
    assert loud["look_alikes"]["ferry"]["false_alarms"] == 1
    assert loud["false_alarms_per_1000_h_upper95"] == pytest.approx(4743.9, abs=0.1)


def test_speeds_are_told_from_slow_to_fast() -> None:
    speeds = (170.0, 25.0, 101.0, 45.0)
    verdicts = [shutdown(index, alarm(10.4)) for index in range(4)]
    spread = [
        replace(verdict, truth=replace(verdict.truth, speed_kph=kph))
        for verdict, kph in zip(verdicts, speeds, strict=True)
        if verdict.truth is not None
    ]
    bands = ["below 30 km/h", "below 60 km/h", "below 160 km/h", "above 160 km/h"]
    assert list(record(*spread)["by_speed"]) == bands


def test_an_alarm_before_the_fault_is_a_false_one() -> None:
    early = FalseAlarm("1.fault.0", alarm(3.0), PLAIN)
    figures = record(shutdown(0, alarm(10.4), false=(early,)))
    assert figures["false_alarms"] == 1
    assert figures["recall"] == 1.0


def test_an_alarm_is_blamed_on_what_began_last() -> None:
    case = make_case(CaseId(1, CaseKind.DRIVE, 0))
    first = case.alikes[0]
    assert blamed(case, first.begin_s + 0.01) == first.name
    assert blamed(case, 1.0) == PLAIN


# Running -----------------------------------------------------------------------------------


def test_the_cases_are_named_by_seed_and_fill_the_hours() -> None:
    names = case_names(Options(hours=2.0, faults=3, seed=7, jobs=1))
    cases = [parse_case(name) for name in names]
    assert [str(case) for case in cases] == names
    assert {case.seed for case in cases} == {7}
    seconds = {CaseKind.FAULT: 0.0, CaseKind.DRIVE: DRIVE_S, CaseKind.RECORDING: RECORDING_S}
    assert sum(seconds[case.kind] for case in cases) == pytest.approx(7200.0, rel=0.1)
    assert sum(case.kind is CaseKind.FAULT for case in cases) == 3


@pytest.mark.slow
def test_a_hundred_hours_hold_three_hundred_of_each_look_alike() -> None:
    happened: Counter[str] = Counter()
    for name in case_names(Options(hours=100.0, faults=0, seed=1, jobs=1)):
        case = make_case(parse_case(name))
        alikes = recorded_alikes(case) if case.case_id.kind is CaseKind.RECORDING else case.alikes
        happened.update(alike.name for alike in alikes if alike.end_s <= case.duration_s)
    assert happened.keys() >= BY_NAME.keys()
    assert min(happened.values()) >= 300, happened.most_common()[-3:]


@pytest.mark.slow
def test_the_figures_do_not_depend_on_the_number_of_processes() -> None:
    assert run(FEW) == run(replace(FEW, jobs=3))


@pytest.mark.slow
def test_a_case_that_stops_is_told_with_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_case: object) -> None:
        raise ValueError("a clock before 1970")

    monkeypatch.setattr("hardshoulder_sim.proving.verdict.try_fault", stop)
    assert main(["evaluate", "--hours", "0", "--faults", "2", "--seed", "3", "--json", "-"]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert [failed["case"] for failed in figures["failed"]] == ["3.fault.0", "3.fault.1"]
    assert "a clock before 1970 (test_evaluate.py:" in figures["failed"][0]["failure"]
    assert (figures["faults"], figures["hours"], figures["recall"]) == (0, 0.0, None)


def test_the_same_name_is_the_same_case() -> None:
    assert judge("9.fault.2") == judge("9.fault.2")
    assert judge("9.fault.2") != judge("10.fault.2")


@pytest.mark.parametrize(
    "text", ["", "1", "1.fault", "1.fault.x", "1.crash.2", "1.alike.3", "1.fault.2.ferry", "-1.fault.1"]
)
def test_what_is_no_case_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no case"):
        parse_case(text)


def test_an_unknown_look_alike_is_refused() -> None:
    with pytest.raises(UserError, match=r"no such look-alike; there is .*ferry"):
        make_case(parse_case("1.alike.0.submarine"))


# Telling -----------------------------------------------------------------------------------


def told() -> dict[str, Any]:
    hostile = FalseAlarm("1.drive.0", alarm(55.0, "<script>alert(1)</script>"), "ferry")
    figures = record(
        shutdown(0, alarm(10.4)),
        shutdown(1, None),
        shutdown(2, None, observable_s=None),
        shutdown(3, alarm(10.4)),
        shutdown(3, None, closest=Closest(0.8, (("no-drive", 0.6), ("malfunction", 0.2)))),
        ordinary(0, ("ferry",), hostile),
        replace(ordinary(9, ()), failure="ValueError: year 0 is out of range (x.py:3)", duration_s=0.0),
    )
    figures["recorded"] = [
        {"log": "a/b.log", "profile": "car", "duration_s": 12.0, "frames": 5, "dbc": [], "incidents": ["crash"]}
    ]
    return figures


def test_the_page_is_whole_escaped_and_needs_no_network() -> None:
    page = as_page(told())
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)
    assert page.count("<table>") == page.count("</table>") > 8
    for words in (
        "evaluate --case 1.fault.1",
        "evaluate --case 1.drive.0",
        "nothing shows it",
        "a/b.log",
        "never pooled",
    ):
        assert words in page


def test_the_lines_say_what_was_missed_and_how_to_see_it_again() -> None:
    text = "\n".join(as_lines(told()))
    for words in (
        "recall 50.00 %",
        "no finding became active: hardshoulder-sim evaluate --case 1.fault.1",
        "came to 0.8 of 1: no-drive 0.6, malfunction 0.2: hardshoulder-sim evaluate --case 1.fault.3",
        "could not be judged: ValueError: year 0 is out of range (x.py:3): hardshoulder-sim evaluate --case 1.drive.9",
        "hardshoulder-sim evaluate --case 1.drive.0",
        "never pooled",
        "recorded drives, counted apart: 1 replays, 0.2 minutes, 1 incidents",
    ):
        assert words in text


# The command -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_writes_figures_and_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    status = main(
        ["evaluate", "--hours", "0.02", "--faults", "4", "--seed", "5", "--json", str(figures), "--report", str(page)]
    )
    assert status == 0
    record = json.loads(figures.read_text(encoding="utf-8"))
    assert record.keys() >= KEYS
    assert (record["seed"], record["faults"]) == (5, 4)
    assert record["hours"] > 0.0
    assert "recall" in capsys.readouterr().out
    assert "Evaluation, seed 5" in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["5.fault.3", "5.recording.1", "5.alike.2.ferry"])
def test_a_case_can_be_shown_written_and_replayed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "case.log"
    assert main(["evaluate", "--case", name, "--out", str(log)]) == 0
    said = capsys.readouterr().out
    truth = json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    assert truth["case"] == name
    command = re.findall(r"^  hardshoulder-sim (replay .+)$", said, flags=re.MULTILINE)[0].split()
    assert main([*command, "--json", str(tmp_path / "replayed.json")]) == 0
    replayed = json.loads((tmp_path / "replayed.json").read_text(encoding="utf-8"))
    assert len(replayed["incidents"]) == (1 if "fault" in name else 0)
    first = log.read_bytes()
    assert main(["evaluate", "--case", name, "--out", str(log)]) == 0
    assert log.read_bytes() == first


@pytest.mark.slow
def test_two_cases_with_dots_in_their_names_do_not_share_files(tmp_path: Path) -> None:
    for case, log in (("5.fault.3", "5.fault.3.log"), ("5.fault.4", "5.fault.4.log"), ("5.fault.4", "case.toml")):
        assert main(["evaluate", "--case", case, "--out", str(tmp_path / log)]) == 0
    assert len(list(tmp_path.iterdir())) == 9


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hours", "-1"], ["--hours", "nan"], ["--hours", "many"], ["--faults", "-3"], ["--faults", "1.5"],
        ["--seed", "x"], ["--jobs", "-1"], ["--jobs", "0"],
    ],
)  # fmt: skip
def test_an_impossible_number_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *arguments])
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--case", "nonsense"], "no case"),
        (["--out", "x.log"], "name it with --case"),
        (["--hours", "0", "--faults", "0", "--drives", "no-such-folder"], "no such folder"),
        (["--hours", "99", "--json", "no-such-folder/x.json"], "cannot write"),
        (["--hours", "99", "--report", "no-such-folder/x.html"], "cannot write"),
        (["--hours", "99", "--drives", "no-such-folder"], "no such folder"),
        (["--hours", "99", "--json", "x", "--report", "x"], "a file each"),
        (["--case", "1.fault.1", "--json", "-"], "shows one case"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_two_hours_of_driving_and_sixty_shutdowns() -> None:
    """A slice of what docs/DETECTION.md holds in full: no false alarm, and nothing missed."""
    figures = summary(run(Options(hours=2.0, faults=60, seed=11, jobs=2)), Options(2.0, 60, 11, 2), "", "")
    assert figures["hours"] >= 2.0
    assert figures["alarms"] == []
    assert figures["misses"] == []
    assert figures["delay_p50_s"] < 0.4


def test_every_look_alike_is_in_the_document() -> None:
    document = (Path(__file__).parents[3] / "docs" / "SIMULATOR.md").read_text(encoding="utf-8")
    table = document.partition("| Look-alike |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z0-9-]+)`", table))
    of_loggers = {
        "begins-in-motion", "ends-in-motion", "hole", "clock-forward", "clock-backward", "clock-from-1970",
        "log-out-of-order", "log-doubled",
    }  # fmt: skip
    assert named == set(BY_NAME) | of_loggers
