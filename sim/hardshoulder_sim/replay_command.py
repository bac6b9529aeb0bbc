"""`hardshoulder-sim replay`: its options, and what it does with them."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from hardshoulder.errors import UserError
from hardshoulder_sim.command_line import (
    BAD_INPUT,
    Car,
    add_bus,
    add_car,
    car_of,
    check_overwriting,
    complain,
    output,
    progress_of,
)
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay
from hardshoulder_sim.recordings.replay_report import as_lines, as_record


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `replay`."""
    parser.set_defaults(run=run)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="recordings, each replayed for itself")
    add_car(parser)
    parser.add_argument("--json", metavar="FILE|-", help="write one JSON object for each log, instead of a timeline")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="draw the recording as a page of its own")
    parser.add_argument("--trust-gaps", action="store_true", help="take silence of the whole recording for the car's")
    add_bus(parser)


def run(options: argparse.Namespace) -> int:
    """Every log gets its turn, also after one that could not be read."""
    car, report = car_of(options), options.report
    if report is not None:
        _check_report(report, options.logs, car)
    failed = False
    with output(options.json, (*options.logs, *car.files)) as write:
        for log in options.logs:
            try:
                _replay_one(log, car, options, write)
            except UserError as error:
                complain(error)
                failed = True
    return BAD_INPUT if failed else 0


def _check_report(report: Path, logs: list[Path], car: Car) -> None:
    if len(logs) > 1:
        raise UserError("--report: a page shows one recording; give one log")
    check_overwriting(report, (*logs, *car.files), "report")


def _replay_one(log: Path, car: Car, options: argparse.Namespace, write: Callable[[str], None]) -> None:
    with progress_of(log.name) as progress:
        told = ReplayOptions(car.listed, car.channels, options.trust_gaps, progress)
        result = replay(log, car.plan, told) if options.report is None else _reported(log, car, told, options.report)
    if options.json is not None:
        write(json.dumps(as_record(result), ensure_ascii=False))
    else:
        for line in as_lines(result):
            write(line)


def _reported(log: Path, car: Car, told: ReplayOptions, report: Path) -> ReplayResult:
    # On demand: only a page needs a recorder.
    from dataclasses import replace

    from hardshoulder_sim.reports.page import as_page
    from hardshoulder_sim.reports.recorder import Recorder

    recorder = Recorder()
    result = replay(log, car.plan, replace(told, listener=recorder))
    page = as_page(result, recorder.recording(result.duration_s))
    try:
        report.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{report}: {error.strerror or error}; cannot write there") from None
    return result
