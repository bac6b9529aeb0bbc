"""A replay's result for machines (one JSON object) and for people (a timeline)."""

from collections.abc import Iterator
from typing import Any

from hardshoulder import __version__
from hardshoulder.core.actions import Incident
from hardshoulder.core.signals import Freshness
from hardshoulder.core.vocabulary import Value
from hardshoulder_sim.recordings.replay import Line, ReplayResult

FORMAT = "org.hardshoulder.replay.v1"
"""What a reader of the JSON can rely on; a key that changes its meaning or goes away makes another number."""


def _seconds(at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s, 6)


def _number(value: Value) -> Value:
    return round(value, 6) if isinstance(value, float) else value


def _incident(incident: Incident) -> dict[str, Any]:
    speed_kph = incident.speed_kph_at_open
    return {
        "kind": incident.kind.value,
        "suspected_at_s": _seconds(incident.suspected_at_s),
        "opened_at_s": _seconds(incident.opened_at_s),
        "hazards_requested_at_s": _seconds(incident.hazards_requested_at_s),
        "stopped_at_s": _seconds(incident.stopped_at_s),
        "closed_at_s": _seconds(incident.closed_at_s),
        "speed_kph_at_open": None if speed_kph is None else round(speed_kph, 6),
        "evidence": [
            {
                "finding": item.finding.value,
                "signal": str(item.signal),
                "value": _number(item.value),
                "at_s": _seconds(item.at_s),
            }
            for item in incident.evidence
        ],
    }


def as_record(result: ReplayResult) -> dict[str, Any]:
    """The result as it is written with --json; times in seconds since the first frame."""
    return {
        "format": FORMAT,
        "version": __version__,
        "log": result.log,
        "profile": result.profile,
        "ruleset": result.ruleset,
        "frames": result.frames,
        "duration_s": _seconds(result.duration_s),
        "incidents": [_incident(incident) for incident in result.incidents],
        "notices": [{"notice": item.notice.value, "at_s": _seconds(item.at_s)} for item in result.notices],
        "signals": {
            str(vss): {"samples": samples, "state": freshness.value}
            for vss, (samples, freshness) in result.signals.items()
        },
        "holes": [{"from_s": _seconds(begin), "to_s": _seconds(end)} for begin, end in result.holes],
        "invalid_frames": result.invalid_frames,
        "faults": dict(result.faults),
        "error_frames": result.error_frames,
        "remote_frames": result.remote_frames,
        "hazard_frames": result.transmitted,
        "notes": list(result.notes),
    }


def in_order(result: ReplayResult) -> list[Line]:
    """The timeline in the order of time."""
    return sorted(result.lines, key=lambda line: line.at_s)


def spoken(speed_kph: float | None) -> str:
    """`117.3 km/h`, or a dash where it was not known."""
    return "- km/h" if speed_kph is None else f"{speed_kph:.1f} km/h"


def as_lines(result: ReplayResult) -> Iterator[str]:
    """The timeline in the order of time, then the notes, then one line that sums it up."""
    yield f"{result.log} as {result.profile}, ruleset {result.ruleset}"
    for line in in_order(result):
        yield f"{line.at_s:12.3f} s {spoken(line.speed_kph):>11}  {line.what}"
    never = [str(vss) for vss, (_, freshness) in result.signals.items() if freshness is Freshness.NEVER]
    for note in (*result.notes, *([f"never seen: {', '.join(never)}"] if never else [])):
        yield f"  note: {note}"
    yield _summary(result)


def _summary(result: ReplayResult) -> str:
    parts = [
        f"{result.frames:,} frames",
        f"{result.duration_s:.1f} s",
        _counted(len(result.incidents), "incident"),
        _counted(len(result.holes), "hole"),
        _counted(result.invalid_frames, "invalid frame"),
        _counted(result.error_frames, "error frame"),
        _counted(result.remote_frames, "remote frame"),
    ]
    return f"{result.log}: {', '.join(parts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
