"""`hardshoulder-sim shadow`: its options, and what it does with them."""

import argparse
import json
from pathlib import Path

from hardshoulder.candidate import CandidateFile, candidate_plan, candidate_problems, differences
from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.toml_file import load
from hardshoulder_sim.command_line import BAD_INPUT, add_bus, add_car, car_of, complain, output, progress_of
from hardshoulder_sim.comparing.shadowing import Shadowed, as_lines, as_record, shadow, summary
from hardshoulder_sim.recordings.replay import ReplayOptions


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `shadow`."""
    parser.set_defaults(run=run)
    parser.add_argument("candidate", type=Path, metavar="CANDIDATE.toml", help="the ruleset that is tried")
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="recordings, each for itself")
    add_car(parser)
    parser.add_argument("--json", metavar="FILE|-", help="write all of it as one JSON object, instead of lines")
    parser.add_argument("--trust-gaps", action="store_true", help="take silence of the whole recording for the car's")
    add_bus(parser)


def run(options: argparse.Namespace) -> int:
    """Exit status 0 whatever the two said; a log that cannot be read does not keep the others."""
    car, failed = car_of(options), False
    candidate = _candidate(options.candidate, car.plan)
    changes = differences(car.plan, candidate)
    shadowed: list[Shadowed] = []
    with output(options.json, (*options.logs, *car.files, options.candidate)) as write:
        if options.json is None:
            write(f"{candidate.ruleset} beside {car.plan.ruleset}: {', '.join(changes) or 'no difference'}")
        for log in options.logs:
            try:
                with progress_of(log.name) as progress:
                    told = ReplayOptions(car.listed, car.channels, options.trust_gaps, progress)
                    shadowed.append(shadow(log, car.plan, candidate, told))
            except UserError as error:
                complain(error)
                failed = True
                continue
            if options.json is None:
                for line in as_lines(shadowed[-1]):
                    write(line)
        if options.json is None:
            write(summary(shadowed))
        else:
            write(json.dumps(as_record(car.plan, candidate, changes, shadowed), indent=2, ensure_ascii=False))
    return BAD_INPUT if failed else 0


def _candidate(path: Path, active: CarPlan) -> CarPlan:
    plan = candidate_plan(active, load(path, CandidateFile))
    problems = [f"{path}: {problem.removeprefix('candidate.')}" for problem in candidate_problems(plan)]
    if problems:
        raise UserError(*problems)
    return plan
