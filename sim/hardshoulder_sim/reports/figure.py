"""A recording as plain values that a page draws: rows of bars, panels of lines, marks. All text is still as it is."""

from collections.abc import Iterable, Sequence
from typing import Any

from hardshoulder.core.actions import Finding, HazardState, Health
from hardshoulder.core.vocabulary import STATES, UNITS, Unit, Vss
from hardshoulder_sim.recordings.replay import ReplayResult
from hardshoulder_sim.reports.bands import Band
from hardshoulder_sim.reports.recorder import Recording
from hardshoulder_sim.reports.tracks import Line

Json = dict[str, Any]

_TIME_DIGITS, _VALUE_DIGITS = 4, 9
_ALONE = frozenset({Vss.LATITUDE, Vss.LONGITUDE, Vss.HEADING, Vss.PEDAL_POSITION})
"""Signals that share no axis with others of their unit."""
_WORDS_IN_ORDER = {
    Vss.POWER_STATE: ("UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"),
    Vss.IGNITION_SWITCH: ("UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"),
    Vss.SELECTED_GEAR: ("PARK", "REVERSE", "NEUTRAL", "DRIVE"),
    Vss.INDICATOR_STALK: ("RIGHT", "NEUTRAL", "LEFT"),
}
assert {vss: frozenset(words) for vss, words in _WORDS_IN_ORDER.items()} == STATES, "every state has its step"
_PANELS = (
    Unit.KPH, Unit.RPM, Vss.PEDAL_POSITION, Unit.NEWTON_METRE, Unit.VOLT, Unit.PERCENT, Vss.LATITUDE, Vss.LONGITUDE,
    Vss.HEADING, Unit.DEGREE,
)  # fmt: skip
"""From top to bottom."""
_LESS = frozenset(str(axis) for axis in (Unit.PERCENT, Vss.LATITUDE, Vss.LONGITUDE, Vss.HEADING))
"""Panels that a breakdown rarely shows in: half as high."""


def figure(recording: Recording, result: ReplayResult) -> Json:
    """All that the page's script draws; times in seconds since the first frame."""
    order = list(Vss)
    drawn = sorted((line for line in recording.lines if line.readings), key=lambda line: order.index(line.vss))
    return {
        "end": _time(recording.end_s),
        "rows": [*_condition_rows(recording), *_hazard_row(recording), *_finding_rows(recording)],
        "marks": _marks(recording),
        "holes": [[_time(begin_s), _time(end_s)] for begin_s, end_s in recording.holes],
        "incidents": [
            {
                "from": _time(incident.suspected_at_s),
                "open": _time(incident.opened_at_s),
                "to": _time(recording.end_s if incident.closed_at_s is None else incident.closed_at_s),
                "kind": incident.kind.value,
            }
            for incident in result.incidents
        ],
        "panels": _panels(line for line in drawn if UNITS[line.vss] not in (Unit.BOOLEAN, Unit.STATE)),
        "steps": [_steps(line) for line in drawn if UNITS[line.vss] in (Unit.BOOLEAN, Unit.STATE)],
    }


def _time(at_s: float) -> float:
    return round(at_s, _TIME_DIGITS)


def short(vss: Vss) -> str:
    """The signal's name without what all names have: `CombustionEngine.Speed`."""
    return vss.removeprefix("Vehicle.").removeprefix("Powertrain.").removeprefix("Chassis.").removeprefix("Body.")


# Rows of bars -------------------------------------------------------------------------------


def _bar(from_s: float, to_s: float, look: str, text: str, tip: str = "") -> Json:
    return {"from": _time(from_s), "to": _time(to_s), "look": look, "text": text, "tip": tip or text}


def _condition_rows(recording: Recording) -> Iterable[Json]:
    """The car's state, and what the daemon could see where that was less than all."""
    told = list(zip(recording.conditions, _ends([one.at_s for one in recording.conditions], recording), strict=True))
    states = [(one.at_s, end_s, one.state.value) for one, end_s in told]
    bars = [_bar(from_s, to_s, f"state-{state}", state) for from_s, to_s, state in _joined(states)]
    yield {"name": "state", "bars": bars}
    sights = [
        _bar(one.at_s, end_s, f"health-{one.health.value}", one.health.value, _sight(one.health, one.missing))
        for one, end_s in told
        if one.health is not Health.WATCHING
    ]
    if sights:
        yield {"name": "sight", "bars": sights}


def _ends(begins_s: Sequence[float], recording: Recording) -> list[float]:
    """When each of them gave way to the next."""
    return [*begins_s[1:], recording.end_s][: len(begins_s)]


def _joined(spells: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    joined: list[tuple[float, float, str]] = []
    for from_s, to_s, what in spells:
        if joined and joined[-1][2] == what:
            joined[-1] = (joined[-1][0], to_s, what)
        else:
            joined.append((from_s, to_s, what))
    return joined


def _sight(health: Health, missing: tuple[str, ...]) -> str:
    return f"{health.value}: {', '.join(missing)} missing" if missing else health.value


def _hazard_row(recording: Recording) -> Iterable[Json]:
    ends_s = _ends([at_s for at_s, _ in recording.hazards], recording)
    bars = [
        _bar(at_s, end_s, f"hazards-{state.value}", state.value, f"hazards {state.value}")
        for (at_s, state), end_s in zip(recording.hazards, ends_s, strict=True)
        if state is not HazardState.OFF
    ]
    return [{"name": "hazards", "bars": bars}] if bars else []


def _finding_rows(recording: Recording) -> Iterable[Json]:
    """One row for each finding that had evidence, in the order of the table."""
    for finding in Finding:
        bands = [band for band in recording.bands if band.evidence.finding is finding]
        if bands:
            bars = [bar for band in bands for bar in _finding_bars(band, recording.end_s)]
            yield {"name": finding.value, "bars": bars}


def _finding_bars(band: Band, end_s: float) -> Iterable[Json]:
    ended_s = end_s if band.ended_s is None else band.ended_s
    said = f"{short(Vss(band.evidence.signal))} = {_plain(band.evidence.value)}"
    held_s = ended_s if band.active_s is None else band.active_s
    yield _bar(band.begun_s, held_s, "evidence", "", f"{band.evidence.finding.value}: evidence, {said}")
    if band.active_s is not None:
        yield _bar(band.active_s, ended_s, "finding", "", f"{band.evidence.finding.value} holds, {said}")


def _marks(recording: Recording) -> list[Json]:
    marks: list[Json] = []
    if recording.notices:
        times_s = [_time(at_s) for at_s, _ in recording.notices]
        marks.append(
            {"name": "notices", "look": "notice", "at": times_s, "text": [n.value for _, n in recording.notices]}
        )
    if recording.invalid:
        times_s = [_time(at_s) for at_s, _, _ in recording.invalid]
        texts = [f"{message}: {why}" for _, message, why in recording.invalid]
        marks.append({"name": "not believed", "look": "invalid", "at": times_s, "text": texts})
    return marks


# Lines --------------------------------------------------------------------------------------


def _panels(lines: Iterable[Line]) -> list[Json]:
    by_axis: dict[str, list[Line]] = {}
    for line in lines:
        by_axis.setdefault(line.vss if line.vss in _ALONE else UNITS[line.vss], []).append(line)
    order = [str(axis) for axis in _PANELS]
    assert set(by_axis) <= set(order), "every axis has its place"
    return [
        {
            "unit": UNITS[by_axis[axis][0].vss].value,
            "less": axis in _LESS,
            "lines": [_line(line) for line in by_axis[axis]],
        }
        for axis in order
        if axis in by_axis
    ]


def _line(line: Line) -> Json:
    return {
        "name": short(line.vss),
        "at": [_time(at_s) for at_s, _ in line.said],
        "value": [_plain(value) for _, value in line.said],
    }


def _plain(value: object) -> object:
    return float(f"{value:.{_VALUE_DIGITS}g}") if isinstance(value, float) else value


def _steps(line: Line) -> Json:
    """A signal that is one of a few words: the place of the word among them, 0 to 1, and the words."""
    if UNITS[line.vss] is Unit.BOOLEAN:
        words = ["false", "true"]
        said = [None if value is None else int(value is True) for _, value in line.said]
    else:
        known = {value for _, value in line.said}
        words = [word for word in _WORDS_IN_ORDER[line.vss] if word in known]
        said = [None if value is None else words.index(str(value)) for _, value in line.said]
    return {"name": short(line.vss), "words": words, "at": [_time(at_s) for at_s, _ in line.said], "value": said}
