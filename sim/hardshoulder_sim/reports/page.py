"""A replay as one page that needs nothing else: its style, its script, its data and Plotly are all inside.

Whatever comes from a file (names of logs, messages, channels) is escaped for where it stands, and a policy in the
page forbids every script but ours and every request.
"""

import base64
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from hardshoulder import __version__
from hardshoulder.core.actions import Incident, State
from hardshoulder.errors import UserError
from hardshoulder.events import sentence
from hardshoulder_sim.recordings.replay import ReplayResult
from hardshoulder_sim.recordings.replay_report import in_order, spoken
from hardshoulder_sim.reports.figure import figure, short
from hardshoulder_sim.reports.recorder import AFTER_S, BEFORE_S, Recording
from hardshoulder_sim.reports.tracks import Line

_HERE = Path(__file__).parent
_AROUND_S = 10.0
_BUTTONS = 20


def as_page(result: ReplayResult, recording: Recording) -> str:
    """The page as HTML. Raises UserError when Plotly is not installed."""
    plotly, script = _plotly(), (_HERE / "page.js").read_text(encoding="utf-8")
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    title = escape(f"{Path(result.log).name} as {result.profile}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(plotly, script)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{''.join(_body(result, recording))}"
        f'<script id="data" type="application/json">{_inside_script(figure(recording, result))}</script>\n'
        f"<script>{plotly}</script>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _plotly() -> str:
    """Plotly's script, from the installed package: it is put into pages, never into this repository."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise UserError("--report: plotly is not installed; install hardshoulder[sim]")
    text = (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    # What ends a script inside a script; in JavaScript both are the same text.
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _policy(*scripts: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    # Plotly writes its style rules itself, and makes a picture to save by way of data: and blob:.
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _inside_script(value: Any) -> str:
    """JSON in which nothing can end the script element; the rest of it is ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")


# The head of the page ---------------------------------------------------------------------------


def _body(result: ReplayResult, recording: Recording) -> Iterator[str]:
    yield f"<h1>{escape(Path(result.log).name)}</h1>\n"
    yield f'<p class="soft">{escape(result.log)}, replayed by hardshoulder {__version__}</p>\n'
    yield _facts(result)
    yield from (_incident(number, incident) for number, incident in enumerate(result.incidents, start=1))
    if not result.incidents:
        yield '<p class="none">No incident was opened.</p>\n'
    yield from (f'<p class="small soft">{escape(note)}</p>\n' for note in _notes(result))
    yield _chart(result, recording)
    yield _explanation(recording)
    yield _timeline(result)


def _facts(result: ReplayResult) -> str:
    facts = [
        ("profile", result.profile),
        ("ruleset", result.ruleset),
        ("duration", f"{result.duration_s:.3f} s"),
        ("frames", f"{result.frames:,}"),
        ("incidents", f"{len(result.incidents):,}"),
        ("holes", f"{len(result.holes):,}"),
        ("invalid frames", f"{result.invalid_frames:,}"),
        ("hazard frames asked for", f"{result.transmitted:,}"),
        *(
            (name, f"{n:,}")
            for name, n in (("error frames", result.error_frames), ("remote", result.remote_frames))
            if n
        ),
    ]
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f"<dl>{cells}</dl>\n"


def _notes(result: ReplayResult) -> Iterator[str]:
    yield from (f"Note: {note}." for note in result.notes)
    if result.faults:
        yield f"Not believed: {', '.join(f'{name} ({number:,})' for name, number in result.faults.items())}."


def _incident(number: int, incident: Incident) -> str:
    speed = "unknown speed" if incident.speed_kph_at_open is None else f"{incident.speed_kph_at_open:.1f} km/h"
    told = [
        f"suspected at {incident.suspected_at_s:.3f} s, opened at {incident.opened_at_s:.3f} s and {speed}",
        f"hazards {incident.hazards.value}",
        *([f"stopped at {incident.stopped_at_s:.3f} s"] if incident.stopped_at_s is not None else []),
        "still open at the end" if incident.closed_at_s is None else f"closed at {incident.closed_at_s:.3f} s",
    ]
    evidence = "".join(
        f'<li><time class="number">{item.at_s:.3f} s</time> {escape(sentence(item))}</li>'
        for item in sorted(incident.evidence, key=lambda item: item.at_s)
    )
    return (
        f'<section class="incident"><h3>Incident {number}: {escape(incident.kind.value)}</h3>'
        f"<p>{escape('; '.join(told))}</p><ul>{evidence}</ul></section>\n"
    )


def _chart(result: ReplayResult, recording: Recording) -> str:
    places = [
        (f"Around incident {number}", incident.suspected_at_s, incident.opened_at_s)
        for number, incident in enumerate(result.incidents, start=1)
    ]
    places += [
        (f"Around a suspicion at {one.at_s:.1f} s", one.at_s, one.at_s)
        for one in recording.conditions
        if one.state is State.SUSPECT
    ]
    around = (_button(name, from_s - _AROUND_S, to_s + _AROUND_S) for name, from_s, to_s in places[:_BUTTONS])
    return (
        f'<div class="tools">{_button("Whole recording", 0.0, recording.end_s)}{"".join(around)}'
        '<span class="small soft">Drag across the picture to zoom, double-click for all of it.</span></div>\n'
        '<noscript><p class="none">The picture needs JavaScript; everything else is on this page.</p></noscript>\n'
        '<div id="frame"><div id="chart"></div><div id="cursor"></div><div id="clock"></div></div>\n'
    )


def _button(name: str, from_s: float, to_s: float) -> str:
    return f'<button type="button" data-from="{from_s:.4f}" data-to="{to_s:.4f}">{escape(name)}</button>'


# What stands below the picture --------------------------------------------------------------------


def _explanation(recording: Recording) -> str:
    lines = [line for line in recording.lines if line.readings]
    width_s = max((line.width_s for line in lines), default=0.0)
    never = [short(line.vss) for line in recording.lines if not line.readings]
    told = [
        f"Of each number the first, lowest, highest and last reading in every {width_s:g} s at most are drawn, each at "
        f"its own time, and all readings from {BEFORE_S:g} s before to {AFTER_S:g} s after whatever happened. "
        "Of states and truths every change is drawn. Where a line ends, the last value was too old to be believed.",
        "Pale: a finding's evidence has begun; strong: the finding holds. Grey across everything: a hole in the "
        "recording, from which nothing is concluded. The value beside a name is the last one before the cursor.",
        *([f"Never seen: {', '.join(never)}."] if never else []),
        *([f"Too many to draw, left out: {', '.join(recording.left_out)}."] if recording.left_out else []),
        *_cut(lines),
    ]
    return "<h2>How to read it</h2>\n" + "".join(f'<p class="small soft">{escape(text)}</p>\n' for text in told)


def _cut(lines: Iterable[Line]) -> Iterator[str]:
    for line in lines:
        if line.cut_s is not None:
            yield f"{short(line.vss)} changes too often to be drawn after {line.cut_s:.3f} s."


def _timeline(result: ReplayResult) -> str:
    rows = "".join(
        f'<tr><td class="number">{line.at_s:.3f} s</td><td class="number">{escape(spoken(line.speed_kph))}</td>'
        f"<td>{escape(line.what)}</td></tr>"
        for line in in_order(result)
    )
    return f"<details><summary>Timeline</summary><table>{rows}</table></details>\n"
