"""Runs the proving ground over a seed's cases, on as many processes as are given, and adds up."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import ceil

from hardshoulder_sim.proving.case import CaseId, CaseKind
from hardshoulder_sim.proving.drives import DRIVE_S, RECORDING_S
from hardshoulder_sim.proving.verdict import Verdict, judge_or_fail

RECORDED_SHARE = 0.2
"""Of the hours, those that come as a logger wrote them."""

_CHUNK = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. jobs: processes; they change nothing but the time it takes."""

    hours: float
    faults: int
    seed: int
    jobs: int


def case_names(options: Options) -> list[str]:
    """Every case of the evaluation, in its order."""
    driven_s = options.hours * 3600.0
    drives = ceil(driven_s * (1.0 - RECORDED_SHARE) / DRIVE_S)
    recordings = ceil(driven_s * RECORDED_SHARE / RECORDING_S)
    counts = ((CaseKind.FAULT, options.faults), (CaseKind.DRIVE, drives), (CaseKind.RECORDING, recordings))
    return [str(CaseId(options.seed, kind, index)) for kind, count in counts for index in range(count)]


def run(options: Options, progress: Callable[[float], None] = lambda _part: None) -> list[Verdict]:
    """Judges all cases. progress: told which part (0 to 1) is done."""
    names = case_names(options)
    verdicts = []
    for verdict in _judged(names, options.jobs):
        verdicts.append(verdict)
        progress(len(verdicts) / len(names))
    return verdicts


def _judged(names: Sequence[str], jobs: int) -> Iterator[Verdict]:
    """In the order of the names, whoever is done first."""
    if jobs <= 1:
        yield from map(judge_or_fail, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(judge_or_fail, names, chunksize=_CHUNK)
