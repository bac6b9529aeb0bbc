"""The command: every target in processes of its own, what they found as files, and how to see one again."""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from hardshoulder_fuzz.child import EXIT_GREW, TABLE

KINDS = ("crash", "timeout", "oom", "leak", "at-work")
START_S = 300
"""What a process may take to start and to end, besides the time that it was given, on a busy machine too."""

_SAID_LINES = 25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one target. runs: inputs tried; findings: what has to be mended, a paragraph each."""

    name: str
    runs: int
    held: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What every target gets. seconds: for its chance; half of it once more for the memory."""

    engine: str
    seconds: int
    seed: int
    findings: Path
    corpora: Path
    table: str


def _child(plan: Plan, deed: str, name: str, seconds: int, *more: str) -> tuple[int, str]:
    """Exit code, and what it said; a child that does not come back is ended."""
    command = [sys.executable, "-m", "hardshoulder_fuzz.child", deed, name, "--table", plan.table]
    command += ["--corpus", str(plan.corpora / name), "--findings", str(plan.findings)]
    command += ["--seconds", str(seconds), "--seed", str(plan.seed), *more]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=3 * seconds + START_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        # Bytes, whatever was asked for: what had come until then.
        said: object = error.stderr
        return 1, (said.decode(errors="replace") if isinstance(said, bytes) else "") + "\ndid not come back"
    return done.returncode, done.stderr + done.stdout


def _runs(said: str) -> int:
    for line in said.splitlines():
        if line.startswith("stat::number_of_executed_units:"):
            return int(line.rpartition(":")[2])
    return 0


def _told(what: str, said: str) -> str:
    """The end of what a child said, without libFuzzer's own chatter."""
    lines = [line for line in said.splitlines() if not line.startswith(("INFO:", "WARNING:", "stat::", "#"))]
    return "\n".join((what, *(f"    {line}" for line in lines[-_SAID_LINES:])))


def _left_behind(plan: Plan, name: str) -> list[Path]:
    return [path for kind in KINDS for path in sorted(plan.findings.glob(f"{name}-{kind}*"))]


def try_target(plan: Plan, name: str) -> Outcome:
    """Chance first, then the memory over what the chance has found worth keeping."""
    (plan.corpora / name).mkdir(parents=True, exist_ok=True)
    for path in _left_behind(plan, name):
        path.unlink()
    code, said = _child(plan, plan.engine, name, plan.seconds)
    files = _left_behind(plan, name)
    if code != 0 or files:
        seen = [f"again: scripts/fuzz {name} --input {path}" for path in files]
        return Outcome(name, _runs(said), "", (_told(f"{name}: {'; '.join(seen) or f'exit {code}'}", said),))
    held_code, held = _child(plan, "hold", name, max(1, plan.seconds // 2))
    lines = held.strip().splitlines()
    if held_code == EXIT_GREW:
        kept = plan.findings / f"{name}-growth"
        shutil.copytree(plan.corpora / name, kept, dirs_exist_ok=True)
        return Outcome(name, _runs(said), "", (_told(f"{name}: grows with the inputs of {kept}", held),))
    if held_code != 0:
        return Outcome(name, _runs(said), "", (_told(f"{name}: given again, exit {held_code}", held),))
    return Outcome(name, _runs(said), lines[-1] if lines else "", ())


def _engine(asked: str | None) -> str:
    there = importlib.util.find_spec("atheris") is not None
    if asked == "atheris" and not there:
        raise SystemExit(
            "scripts/fuzz: atheris is not installed here; leave out --engine, or see requirements/fuzz.txt"
        )
    return "guided" if there and asked != "hypothesis" else "unguided"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Throws inputs that nobody meant at the targets.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all of them")
    parser.add_argument("--seconds", type=int, default=30, help="for each target (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of the chance (default 1)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="targets at once")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"), help="default: atheris where it is installed")
    parser.add_argument("--findings", type=Path, default=Path("out/fuzz"), metavar="DIR", help="default: out/fuzz")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keeps what is worth changing again, by target")
    parser.add_argument("--input", type=Path, metavar="FILE", help="gives one target this one input")
    parser.add_argument("--list", action="store_true", help="says what there is, and what counts as fine")
    parser.add_argument("--table", default=TABLE, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing was found. 1: something was. 2: it was asked wrongly."""
    options = _options(arguments)
    known = import_module(options.table).TARGETS
    if options.list:
        print("\n".join(f"{name:10} {target.fine}" for name, target in known.items()))
        return 0
    if unknown := [name for name in options.targets if name not in known]:
        print(f"scripts/fuzz: no target {', '.join(unknown)}; there is {', '.join(known)}", file=sys.stderr)
        return 2
    if options.input is not None:
        return _repeat(options)
    if options.seconds < 1 or options.jobs < 1:
        print("scripts/fuzz: --seconds and --jobs are 1 at least", file=sys.stderr)
        return 2
    options.findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hardshoulder-corpora-") as scratch:
        corpora = (options.corpus or Path(scratch)).resolve()
        plan = Plan(
            _engine(options.engine), options.seconds, options.seed, options.findings.resolve(), corpora, options.table
        )
        return _all(plan, options.targets or list(known), options.jobs)


def _repeat(options: argparse.Namespace) -> int:
    if len(options.targets) != 1 or not options.input.is_file():
        print("scripts/fuzz: --input takes one target and a file", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "hardshoulder_fuzz.child", "repeat", options.targets[0]]
    return subprocess.run([*command, "--table", options.table, "--input", options.input], check=False).returncode


def _all(plan: Plan, names: Sequence[str], jobs: int) -> int:
    engine = "atheris" if plan.engine == "guided" else "Hypothesis, without coverage to guide it"
    print(f"by {engine}, {plan.seconds} s each, seed {plan.seed}", flush=True)
    found = 0
    with ThreadPoolExecutor(jobs) as pool:
        for outcome in pool.map(lambda name: try_target(plan, name), names):
            print(f"{outcome.name:10} {outcome.runs:8} inputs; {outcome.held or 'FOUND'}", flush=True)
            for finding in outcome.findings:
                print(finding, file=sys.stderr, flush=True)
            found += len(outcome.findings)
    if found:
        print(f"scripts/fuzz: {found} of {len(names)} targets found something, in {plan.findings}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
