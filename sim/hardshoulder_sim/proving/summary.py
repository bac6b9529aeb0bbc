"""Adds verdicts up to the figures of an evaluation, as plain values that go into JSON, text and page alike."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hardshoulder_sim.proving.case import GENERATOR_VERSION, CaseKind
from hardshoulder_sim.proving.evaluate import Options
from hardshoulder_sim.proving.generator import BANDS_KPH
from hardshoulder_sim.proving.statistics import poisson_upper, quantile, recall_lower
from hardshoulder_sim.proving.trial import Alarm
from hardshoulder_sim.proving.verdict import Verdict

Record = dict[str, Any]
FORMAT = "org.hardshoulder.evaluation.v1"
"""What a reader of the JSON can rely on; a key that changes its meaning or goes away makes another number."""
SCOPE = "These figures hold for this generator only. Recorded drives are counted apart and never pooled with them."
_MILLI = 3
_EXAMPLES = 3
_UPPER_KPH = {f"below {upper_kph:.0f} km/h": upper_kph for _, upper_kph in BANDS_KPH}
_BANDS = (*_UPPER_KPH, f"above {BANDS_KPH[-1][1]:.0f} km/h")


def command(case: str) -> str:
    """How to see a case again."""
    return f"hardshoulder-sim evaluate --case {case}"


def summary(verdicts: Sequence[Verdict], options: Options, version: str, ruleset: str) -> Record:
    """The whole evaluation as one JSON object."""
    failed = [verdict for verdict in verdicts if verdict.failure]
    verdicts = [verdict for verdict in verdicts if not verdict.failure]
    faults = [verdict for verdict in verdicts if verdict.kind is CaseKind.FAULT]
    drives = [verdict for verdict in verdicts if verdict.kind is not CaseKind.FAULT]
    expected = [verdict for verdict in faults if verdict.expected]
    found = [verdict for verdict in expected if verdict.found is not None]
    alarms = [_alarm(false.case, false.alarm, false.alike) for verdict in verdicts for false in verdict.false]
    hours = sum(verdict.duration_s for verdict in drives) / 3600.0
    return {
        "format": FORMAT,
        "seed": options.seed,
        "version": version,
        "generator": GENERATOR_VERSION,
        "ruleset": ruleset,
        "scope": SCOPE,
        "hours": round(hours, 4),
        "frames": sum(verdict.frames for verdict in verdicts),
        "faults": len(faults),
        "faults_observable": len(expected),
        "faults_in_gear": _in_gear(faults),
        "recall": round(len(found) / len(expected), 6) if expected else None,
        "recall_lower95": _rounded(recall_lower(len(found), len(expected)), 6),
        "false_alarms": len(alarms),
        "false_alarms_per_1000_h": _per_1000_h(len(alarms), hours),
        "false_alarms_per_1000_h_upper95": _per_1000_h(poisson_upper(len(alarms)), hours),
        **_delays(found),
        **_groups(expected),
        "named_otherwise": [_miss(verdict) for verdict in found if _misnamed(verdict)],
        "misses": [_miss(verdict) for verdict in expected if verdict.found is None],
        "alarms": alarms,
        "repeated": [_alarm(v.case, alarm, "") for v in faults for alarm in v.repeated],
        "failed": [{"case": v.case, "failure": v.failure, "command": command(v.case)} for v in failed],
        "unobservable": _unobservable(faults),
        "look_alikes": _look_alikes(drives),
        "cases": {verdict.case: _incidents(verdict) for verdict in verdicts},
    }


def _groups(expected: Sequence[Verdict]) -> Record:
    """The same shutdowns from several sides."""
    return {
        "by_shutdown": _by(expected, lambda verdict: verdict.shutdown),
        "by_propulsion": _by(expected, lambda verdict: verdict.car),
        "by_variant": _by(expected, lambda verdict: verdict.variant),
        "by_speed": _by(expected, _band, _BANDS),
        "by_sign": _by(expected, lambda verdict: verdict.truth.shown_by.partition(" of ")[0] if verdict.truth else ""),
        "confusion": _confusion(expected),
    }


def _rounded(value: float | None, digits: int = _MILLI) -> float | None:
    return None if value is None else round(value, digits)


def _per_1000_h(events: float, hours: float) -> float | None:
    return round(events / hours * 1000.0, 3) if hours > 0.0 else None


def _in_gear(faults: Iterable[Verdict]) -> Record:
    """How many of the combustion engines' faults rpm does not show, because it follows the wheels."""
    burning = [v for v in faults if v.car not in ("hybrid", "electric")]
    hidden = [v for v in burning if v.truth is not None and v.truth.shown_by.startswith("pedal")]
    return {"combustion": len(burning), "shown_by_the_pedal_alone": len(hidden)}


# Delays ------------------------------------------------------------------------------------


def _delays(found: Sequence[Verdict]) -> Record:
    """All together, and apart by whether a message said it or its absence did: silence takes longer to believe."""
    silent = [verdict for verdict in found if verdict.truth is not None and verdict.truth.shown_by[:7] == "silence"]
    spoken = [verdict for verdict in found if verdict not in silent]
    lost = [verdict.delay_from_lost_s for verdict in found]
    return {
        **_quantiles("delay", [verdict.delay_s for verdict in found]),
        **_quantiles("delay_where_said", [verdict.delay_s for verdict in spoken]),
        **_quantiles("delay_where_silent", [verdict.delay_s for verdict in silent]),
        **_quantiles("delay_from_lost", lost),
    }


def _quantiles(name: str, delays_s: Iterable[float | None]) -> Record:
    known = [delay_s for delay_s in delays_s if delay_s is not None]
    return {
        f"{name}_p50_s": _rounded(quantile(known, 0.5)),
        f"{name}_p95_s": _rounded(quantile(known, 0.95)),
        f"{name}_max_s": _rounded(max(known, default=None)),
    }


def _by(expected: Sequence[Verdict], key: Callable[[Verdict], str], order: Sequence[str] = ()) -> Record:
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in expected:
        groups[key(verdict)].append(verdict)
    return {name: _group(groups[name]) for name in order or sorted(groups) if name in groups}


def _group(expected: Sequence[Verdict]) -> Record:
    found = [verdict for verdict in expected if verdict.found is not None]
    return {"faults": len(expected), "found": len(found), **_delays(found)}


def _band(verdict: Verdict) -> str:
    speed_kph = (verdict.truth.speed_kph if verdict.truth else None) or 0.0
    return next((name for name, upper_kph in _UPPER_KPH.items() if speed_kph < upper_kph), _BANDS[-1])


# Lists -------------------------------------------------------------------------------------


def _misnamed(verdict: Verdict) -> bool:
    return verdict.found is not None and verdict.truth is not None and verdict.found.kind not in verdict.truth.kinds


def _confusion(expected: Sequence[Verdict]) -> Record:
    """Shutdown to the incident's last name to how often."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in expected:
        table[verdict.shutdown][verdict.found.kind if verdict.found else "(missed)"] += 1
    return {name: dict(sorted(table[name].items())) for name in sorted(table)}


def _miss(verdict: Verdict) -> Record:
    truth = verdict.truth
    assert truth is not None, "only a fault can be missed"
    return {
        "case": verdict.case,
        "command": command(verdict.case),
        "shutdown": verdict.shutdown,
        "car": verdict.car,
        "variant": verdict.variant,
        "lost_s": _rounded(truth.lost_s),
        "observable_s": _rounded(truth.observable_s),
        "shown_by": truth.shown_by,
        "speed_kph": _rounded(truth.speed_kph, 1),
        "kind": verdict.found.kind if verdict.found else None,
        "weighed": dict(verdict.closest.findings),
        "why": "" if verdict.found else why_missed(verdict),
    }


def why_missed(verdict: Verdict) -> str:
    """What of it the core saw, and that it was not enough."""
    findings = ", ".join(f"{name} {weight:g}" for name, weight in verdict.closest.findings)
    return f"came to {verdict.closest.weight:g} of 1: {findings}" if findings else "no finding became active"


def _alarm(case: str, alarm: Alarm, alike: str) -> Record:
    return {
        "case": case,
        "command": command(case),
        "look_alike": alike,
        "at_s": _rounded(alarm.opened_s),
        "kind": alarm.kind,
        "speed_kph": _rounded(alarm.speed_kph, 1),
        "evidence": list(alarm.evidence),
    }


def _incidents(verdict: Verdict) -> list[Record]:
    """Every incident of a case, rightly opened or not, for `hardshoulder-sim diff`."""
    opened = [*([verdict.found] if verdict.found else []), *verdict.repeated, *(false.alarm for false in verdict.false)]
    unique = dict.fromkeys(sorted(opened, key=lambda alarm: alarm.opened_s))
    return [{"kind": alarm.kind, "opened_s": _rounded(alarm.opened_s)} for alarm in unique]


def _unobservable(faults: Iterable[Verdict]) -> list[Record]:
    """By what no signal shows; some of them the core finds all the same, once more has happened."""
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in faults:
        if verdict.truth is not None and not verdict.truth.incident:
            groups[verdict.variant, verdict.truth.unobservable].append(verdict)
    return [
        {
            "variant": variant,
            "reason": reason,
            "faults": len(verdicts),
            "found": sum(verdict.found is not None for verdict in verdicts),
            "examples": [verdict.case for verdict in verdicts[:_EXAMPLES]],
        }
        for (variant, reason), verdicts in sorted(groups.items())
    ]


def _look_alikes(drives: Iterable[Verdict]) -> Record:
    """Occurrences, alarms, and what the occurrences can prove at most."""
    occurred, alarmed = Counter[str](), Counter[str]()
    for verdict in drives:
        occurred.update(verdict.alikes)
        alarmed.update(false.alike for false in verdict.false)
    return {
        name: {
            "occurrences": occurred[name],
            "false_alarms": alarmed[name],
            "false_alarm_chance_upper95": _rounded(min(poisson_upper(alarmed[name]) / occurred[name], 1.0), 6)
            if occurred[name]
            else None,
        }
        for name in sorted(occurred | alarmed)
    }
