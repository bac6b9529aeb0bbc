"""`replay --report`: a page that holds everything, lets nothing in, and says what it shows."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hardshoulder_sim import __main__ as command
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay
from hardshoulder_sim.reports.figure import figure
from hardshoulder_sim.reports.page import as_page
from hardshoulder_sim.reports.recorder import Recorder, Recording
from support.compared import CAR, cruise_and_stall
from support.recorded import compiled

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"&\u2028'
"""As the name of a log or of a DBC's message could be."""


class Parsed(HTMLParser):
    """The page as a browser reads it: its scripts, its elements, its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        self._inside = tag if tag in ("script", "style") else self._inside

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._inside is None:
            self.text.append(data)

    @property
    def data(self) -> dict[str, Any]:
        """What the script draws."""
        (text,) = (text for attributes, text in self.scripts if attributes.get("id") == "data")
        parsed: dict[str, Any] = json.loads(text)
        return parsed


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return cruise_and_stall(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def stalled(logs: tuple[Path, Path]) -> tuple[ReplayResult, Recording]:
    recorder = Recorder()
    result = replay(logs[1], compiled("reference-combustion").plan, ReplayOptions(listener=recorder))
    return result, recorder.recording(result.duration_s)


def test_a_listener_changes_nothing(logs: tuple[Path, Path], stalled: tuple[ReplayResult, Recording]) -> None:
    assert replay(logs[1], compiled("reference-combustion").plan) == stalled[0]


def test_the_page_tells_what_came_of_the_drive(stalled: tuple[ReplayResult, Recording]) -> None:
    result, recording = stalled
    parsed = Parsed(as_page(result, recording))
    text = " ".join(parsed.text)
    for words in (
        result.log, "reference-combustion", "Incident 1: engine-stopped", "at 5.3", "80.0 km/h",
        "The engine stopped: Vehicle.Powertrain.CombustionEngine.", "hazards unconfirmed", "still open at the end",
        "first, lowest, highest and last reading in every 0.05 s", "Around incident 1", f"{result.frames:,}",
    ):  # fmt: skip
        assert words in text, words
    assert "No incident was opened." not in text


def test_what_is_drawn_is_what_happened(stalled: tuple[ReplayResult, Recording]) -> None:
    result, recording = stalled
    drawn = figure(recording, result)
    rows = {row["name"]: row["bars"] for row in drawn["rows"]}
    assert [bar["text"] for bar in rows["state"]][-3:] == ["driving", "suspect", "rolling"]
    assert all(one["to"] == other["from"] for one, other in zip(rows["state"], rows["state"][1:], strict=False))
    assert [bar["look"] for bar in rows["hazards"]] == ["hazards-requested", "hazards-unconfirmed"]
    evidence, finding = rows["engine-stopped"]
    assert (evidence["look"], finding["look"]) == ("evidence", "finding")
    assert finding["from"] - evidence["from"] == pytest.approx(0.3, abs=0.11)
    (incident,) = drawn["incidents"]
    assert incident["open"] == pytest.approx(result.incidents[0].opened_at_s, abs=1e-4)
    assert incident["to"] == drawn["end"]
    notices, invalid = drawn["marks"]
    assert (notices["name"], notices["text"]) == ("notices", ["hazard-button"])
    assert invalid["name"] == "not believed"
    assert all(5.0 <= at_s <= 5.1 for at_s in invalid["at"]), "where the log was joined the counters begin anew"
    assert [panel["unit"] for panel in drawn["panels"]][:3] == ["km/h", "rpm", "%"]
    steps = {step["name"]: step for step in drawn["steps"]}
    assert steps["CombustionEngine.IsRunning"]["words"] == ["false", "true"]
    assert steps["CombustionEngine.IsRunning"]["value"][:2] == [1, 0]
    assert steps["LowVoltageSystemState"]["words"] == ["ON"]
    numbers = [line for panel in drawn["panels"] for line in panel["lines"]]
    for signal in (*numbers, *steps.values()):
        assert len(signal["at"]) == len(signal["value"]) > 0
        assert signal["at"] == sorted(signal["at"])


def test_a_drive_without_anything_has_a_page_too(logs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert command.main(["replay", str(logs[0]), *CAR, "--report", str(out)]) == 0
    parsed = Parsed(out.read_text("utf-8"))
    assert "No incident was opened." in parsed.text
    assert parsed.data["incidents"] == []
    assert [row["name"] for row in parsed.data["rows"]] == ["state", "sight"]


def test_no_name_becomes_markup(stalled: tuple[ReplayResult, Recording]) -> None:
    result, recording = stalled
    hostile = replace(
        result, log=f"/x/{HOSTILE}", profile=HOSTILE, ruleset=HOSTILE, notes=(HOSTILE,), faults={HOSTILE: 1}
    )
    marked = replace(recording, invalid=((1.0, HOSTILE, "checksum"),), left_out=(HOSTILE,))
    parsed, harmless = Parsed(as_page(hostile, marked)), Parsed(as_page(result, recording))
    assert [tag for tag, _ in parsed.tags if tag != "p"] == [tag for tag, _ in harmless.tags if tag != "p"]
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert " ".join(parsed.text).count(HOSTILE.rpartition("/")[2]) >= 5
    (invalid,) = (mark for mark in parsed.data["marks"] if mark["look"] == "invalid")
    assert invalid["text"] == [f"{HOSTILE}: checksum"], "it is data, and arrives as it was"
    raw = next(text for attributes, text in parsed.scripts if attributes.get("id") == "data")
    assert "<" not in raw and raw.isascii()


def test_only_our_scripts_run_and_nothing_is_asked_of_a_network(stalled: tuple[ReplayResult, Recording]) -> None:
    parsed = Parsed(as_page(*stalled))
    (policy,) = (
        a["content"] for tag, a in parsed.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "'unsafe-eval'" not in policy and "http" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    running = [text for attributes, text in parsed.scripts if "type" not in attributes]
    assert {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running} == allowed
    assert len(running) == 2
    assert not any({"src", "href"} & attributes.keys() for _, attributes in parsed.tags)


def test_the_same_recording_gives_the_same_page(
    logs: tuple[Path, Path], stalled: tuple[ReplayResult, Recording]
) -> None:
    recorder = Recorder()
    result = replay(logs[1], compiled("reference-combustion").plan, ReplayOptions(listener=recorder))
    assert as_page(result, recorder.recording(result.duration_s)) == as_page(*stalled)


def test_what_cannot_be_a_report_is_told(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = str(tmp_path / "page.html"), str(logs[1])
    before = logs[1].read_bytes()
    for arguments, words in (
        ([log, str(logs[0]), "--report", out], "a page shows one recording; give one log"),
        ([log, "--report", log], "is also read; give another name for the report"),
        ([log, "--report", str(tmp_path / "none" / "page.html")], "No such file or directory; cannot write there"),
    ):
        assert command.main(["replay", *arguments, *CAR]) == 2
        assert words in capsys.readouterr().err
    assert logs[1].read_bytes() == before
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert command.main(["replay", log, *CAR, "--report", out]) == 2
    assert "plotly is not installed; install hardshoulder[sim]" in capsys.readouterr().err


def test_a_report_comes_with_the_timeline_or_the_json(
    logs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert command.main(["replay", str(logs[1]), *CAR, "--report", str(out), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["ruleset"] == "1"
    assert command.main(["replay", str(logs[1]), *CAR, "--report", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{logs[1]} as reference-combustion, ruleset 1\n")
