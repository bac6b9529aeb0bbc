"""`hardshoulder-sim faults`: its options, the runs one beside the other, and what they come to."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hardshoulder.errors import UserError
from hardshoulder_sim.command_line import PROGRAM
from hardshoulder_sim.faults.outcome import Outcome

_SEED_BELOW = 10**18
LONGEST_MINUTES = 24 * 60.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `faults`."""
    parser.set_defaults(run=run)
    parser.add_argument("--seed", type=_seed, required=True, metavar="N", help="of the first run; each next one is N+1")
    parser.add_argument("--minutes", type=_minutes, default=1.0, metavar="M", help="of each run (default 1)")
    parser.add_argument("--runs", type=_positive, default=1, metavar="K", help="how many runs (default 1)")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="processes; they change no outcome")
    parser.add_argument("--processes", action="store_true", help="real broker, daemon and fleet, in real time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary as one JSON object")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= _SEED_BELOW:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if (number := _seed(text)) == 0:
        raise argparse.ArgumentTypeError("expected at least 1")
    return number


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0.0 < minutes <= LONGEST_MINUTES:
        raise argparse.ArgumentTypeError(f"expected minutes, above 0 and up to {LONGEST_MINUTES:g}, got {text!r}")
    return minutes


def run(options: argparse.Namespace) -> int:
    """0: the sentence held in every run; 1: it was broken, and the run's own command says where."""
    if options.json is not None and not options.json.absolute().parent.is_dir():
        raise UserError(f"{options.json}: the folder is not there; make it first")
    total = Total()
    for outcome in _outcomes(options):
        total.add(outcome)
        if outcome.complaints:
            again = f"{PROGRAM} faults --seed {outcome.seed} --minutes {options.minutes:g}"
            print(f"BROKEN by seed {outcome.seed}; again: {again}{' --processes' if options.processes else ''}")
            for complaint in outcome.complaints:
                print(f"  {complaint}")
            sys.stdout.flush()
    last = options.seed + options.runs - 1
    seeds = f"seed {options.seed}" if options.runs == 1 else f"seeds {options.seed} to {last}"
    kind = "real processes" if options.processes else "simulated"
    for line in total.lines(f"{options.runs} runs ({kind}), {seeds}, {options.minutes:g} min each"):
        print(line)
    if options.json is not None:
        _write(options.json, json.dumps({"seed": options.seed, "minutes": options.minutes} | total.record(), indent=2))
    return 1 if total.broken else 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(f"{text}\n", "utf-8")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}; cannot write there") from None


def _outcomes(options: argparse.Namespace) -> Iterator[Outcome]:
    one = _one(options.processes, options.minutes)
    seeds = range(options.seed, options.seed + options.runs)
    if options.jobs == 1:
        yield from map(one, seeds)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(min(options.jobs, options.runs)))
        yield from pool.map(one, seeds, chunksize=max(1, min(20, options.runs // (4 * options.jobs) or 1)))


def _one(processes: bool, minutes: float) -> Callable[[int], Outcome]:
    # On demand: the other commands need no fleet.
    if processes:
        from hardshoulder_sim.faults.real.run import run as real

        return partial(real, minutes=minutes)
    from hardshoulder_sim.faults.simulated.run import run as simulated

    return partial(simulated, minutes=minutes)


@dataclass
class Total:
    """What all runs came to."""

    runs: int = 0
    incidents_in: int = 0
    at_fleet: int = 0
    unacknowledged: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    broken: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.runs += 1
        self.incidents_in += outcome.incidents_in
        self.at_fleet += outcome.incidents_at_fleet
        self.unacknowledged += outcome.unacknowledged
        self.faults += outcome.faults
        self.passed += outcome.passed
        self.struck += outcome.struck
        if outcome.complaints:
            self.broken.append(outcome.seed)

    def record(self) -> dict[str, object]:
        """As one JSON object; broken: the seeds of the runs in which the sentence was."""
        return {
            "runs": self.runs,
            "incidents_in": self.incidents_in,
            "incidents_at_fleet": self.at_fleet,
            "faults": dict(sorted(self.faults.items())),
            "faults_while_unacknowledged": self.unacknowledged,
            "crash_places": {name: self.struck[name] for name in sorted(self.passed)},
            "broken": self.broken,
        }

    def lines(self, what: str) -> Iterator[str]:
        """For a person."""
        yield what
        yield f"incidents in: {self.incidents_in}, at the fleet: {self.at_fleet}"
        faults = ", ".join(f"{name} {times}" for name, times in sorted(self.faults.items()))
        yield f"faults: {self.faults.total()}, {self.unacknowledged} while an incident was on its way ({faults})"
        if self.passed:
            never = sorted(self.passed.keys() - self.struck.keys())
            rest = f"; never at: {', '.join(never)}" if never else ""
            places = f"{len(self.struck)} of {len(self.passed)} places"
            yield f"processes ended at {places}, {self.struck.total()} times{rest}"
        yield f"broken: {len(self.broken)}" + (f", seeds {', '.join(map(str, self.broken))}" if self.broken else "")
