"""One case for a person: its truth, what the core made of it, and the log to replay it from."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.drive import EPOCH_S
from hardshoulder_sim.proving.case import GENERATOR_VERSION, Case, CaseKind, parse_case
from hardshoulder_sim.proving.recorded import logged, mishaps, recorded_alikes
from hardshoulder_sim.proving.summary import why_missed
from hardshoulder_sim.proving.trial import Alarm, slices
from hardshoulder_sim.proving.variants import LOG_CHANNELS, as_toml, variant_profile
from hardshoulder_sim.proving.verdict import Verdict, judge, make_case
from hardshoulder_sim.recordings.logs import LogFrame, write_candump


def show(name: str) -> Iterator[str]:
    """Makes and judges the case, and tells it."""
    case, verdict = make_case(parse_case(name)), judge(name)
    spec = case.run.vehicle
    yield f"{name}: {case.car} as {case.variant}, {case.duration_s:.2f} s, {case.run.scenario.title}"
    weather = "cold" if case.run.supply else "warm"
    yield f"  {spec.mass_kg:.0f} kg, {weather}, {case.run.wiring.foreign_per_s:.0f} foreign frames/s"
    if verdict.truth is not None:
        yield from _truth(verdict)
    alikes = recorded_alikes(case) if case.case_id.kind is CaseKind.RECORDING else case.alikes
    for alike in sorted(alikes, key=lambda occurrence: occurrence.begin_s):
        yield f"  {alike.begin_s:8.2f} to {alike.end_s:8.2f} s  {alike.name}"
    for false in verdict.false:
        yield f"  FALSE ALARM during {false.alike}: {_alarm(false.alarm)}"
    if not verdict.expected and not verdict.false:
        yield "  no false alarm"


def _truth(verdict: Verdict) -> Iterator[str]:
    truth = verdict.truth
    assert truth is not None, "a fault case has its truth"
    yield f"  {verdict.shutdown} begins at {_at(truth.begin_s)}, the drive is lost at {_at(truth.lost_s)}"
    if truth.incident:
        yield f"  observable at {_at(truth.observable_s)} and {truth.speed_kph:.1f} km/h, by {truth.shown_by}"
    else:
        yield f"  not observable: {truth.unobservable}"
    if verdict.found is not None:
        yield f"  found: {_alarm(verdict.found)}"
    elif truth.incident:
        yield f"  MISSED; one of {', '.join(truth.kinds)} was expected; {why_missed(verdict)}"
    for again in verdict.repeated:
        yield f"  alarmed again: {_alarm(again)}"


def _at(at_s: float | None) -> str:
    return "never" if at_s is None else f"{at_s:.3f} s"


def _alarm(alarm: Alarm) -> str:
    speed = "unknown speed" if alarm.speed_kph is None else f"{alarm.speed_kph:.1f} km/h"
    return f"{alarm.kind} at {alarm.opened_s:.3f} s and {speed} ({', '.join(alarm.evidence)})"


def write(name: str, out: Path) -> list[Path]:
    """The case as a candump log, with its profile (.toml) and its truth (.json) beside it; what was written."""
    case = make_case(parse_case(name))
    stem = out.name.partition(".log")[0]
    profile, sidecar = out.with_name(f"{stem}.toml"), out.with_name(f"{stem}.json")
    write_candump(out, _lines(case))
    profile.write_text(as_toml(variant_profile(case.car, case.variant)), encoding="utf-8")
    sidecar.write_text(json.dumps(truth_record(name), indent=2) + "\n", encoding="utf-8")
    return [out, profile, sidecar]


def _lines(case: Case) -> Iterator[LogFrame]:
    if case.case_id.kind is CaseKind.RECORDING:
        yield from (frame for _, frame in logged(case, mishaps(case)))
        return
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run)
    for _, frames in slices(car, case.duration_s):
        for frame in frames:
            yield LogFrame(EPOCH_S + frame.at_s, LOG_CHANNELS[frame.bus], frame.can_id, frame.data)


def truth_record(name: str) -> dict[str, Any]:
    """The ground truth of a case as a JSON object; times in seconds since its first frame's second began."""
    case, verdict = make_case(parse_case(name)), judge(name)
    alikes = recorded_alikes(case) if case.case_id.kind is CaseKind.RECORDING else case.alikes
    return {
        "case": name,
        "generator": GENERATOR_VERSION,
        "car": case.car.value,
        "variant": case.variant.value,
        "duration_s": case.duration_s,
        "shutdown": case.shutdown or None,
        "truth": None if verdict.truth is None else asdict(verdict.truth),
        "look_alikes": [asdict(alike) for alike in alikes],
    }
