"""One target in a process of its own: `python -m hardshoulder_fuzz.child fuzz|hold|repeat …`, started by `run`.

fuzz: one engine after another input. hold: the same inputs again and again, and what stays in memory. repeat: one file.
"""

import argparse
import faulthandler
import gc
import hashlib
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from hardshoulder_fuzz.target import Check, Target

OURS = ("hardshoulder", "hardshoulder_bridge", "hardshoulder_fleet", "hardshoulder_sim")
"""What the coverage is measured of: not the libraries, and not the targets."""

TABLE = "hardshoulder_fuzz.table"
MOST_MB = 1536
WARM_UP = 3
GROWTH_KB, RESIDENT_KB = 512, 16_384
"""What may stay between two rounds of the same inputs: as Python counts it, and of the whole process."""

_MEMORY = Path("/dev/shm")
"""Where a file costs no disk: the inputs of files and databases are many."""

EXIT_GREW = 3
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def target_of(table: str, name: str) -> Target:
    """A line of the table."""
    target: Target = import_module(table).TARGETS[name]
    return target


def _guided(options: argparse.Namespace, folder: Path) -> None:
    """libFuzzer behind atheris: inputs that reach new lines of ours are kept and changed again. Does not return."""
    import atheris

    with atheris.instrument_imports(include=list(OURS)):
        target = target_of(options.table, options.target)
    check = target.make(folder)
    for number, seed in enumerate(target.seeds()):
        (options.corpus / f"seed-{number}").write_bytes(seed)

    def one(data: bytes) -> None:
        try:
            check(data)
        except Exception:
            # As libFuzzer names it; but on a busy machine its alarm can end the process before it has written.
            name = f"{target.name}-crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"
            (options.findings / name).write_bytes(data)
            raise

    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-timeout={target.limit_s}",
        f"-max_len={target.most_bytes}",
        f"-rss_limit_mb={MOST_MB}",
        f"-artifact_prefix={options.findings}/{target.name}-",
        "-print_final_stats=1",
        "-verbosity=0",
        str(options.corpus),
    ]
    atheris.Setup(arguments, one)
    atheris.Fuzz()


def _unguided(options: argparse.Namespace, folder: Path) -> None:
    """Hypothesis: changes of the seeds by chance, a few hundred at a time until the time is over."""
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings

    from hardshoulder_fuzz.mutate import near

    target = target_of(options.table, options.target)
    check, seeds = target.make(folder), target.seeds()
    for number, seed in enumerate(seeds):
        (options.corpus / f"seed-{number}").write_bytes(seed)
    at_work = options.findings / f"{target.name}-at-work"
    end_s, runs = time.monotonic() + options.seconds, 0

    def one(data: bytes) -> None:
        nonlocal runs
        if time.monotonic() < end_s:
            runs += 1
            # It stays where it is when this process cannot go on: nothing else would say what it was at.
            at_work.write_bytes(data)
            faulthandler.dump_traceback_later(target.limit_s, exit=True)
            check(data)
            faulthandler.cancel_dump_traceback_later()

    for seed in seeds:
        one(seed)
    number = options.seed
    while time.monotonic() < end_s:
        number += 1
        one_round = settings(
            max_examples=300,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )(given(near(target, seeds))(one))
        hypothesis.seed(number)(one_round)()
    at_work.unlink(missing_ok=True)
    print(f"stat::number_of_executed_units: {runs}", file=sys.stderr)


def _resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_KB


def _round(check: Check, inputs: Sequence[bytes]) -> None:
    for data in inputs:
        check(data)


def _hold(options: argparse.Namespace, folder: Path) -> None:
    """Gives the same inputs again until the time is over; exits with EXIT_GREW when they leave something behind."""
    target = target_of(options.table, options.target)
    check = (target.lasting or target.make)(folder)
    inputs = [path.read_bytes() for path in sorted(options.corpus.iterdir())[: options.most]]
    tracemalloc.start()
    begin_s = time.monotonic()
    for _ in range(WARM_UP):
        _round(check, inputs)
    # A round more than the warm-up at least, however slow one is.
    end_s, rounds = max(begin_s + options.seconds, time.monotonic()), 0
    gc.collect()
    before, resident_kb = tracemalloc.take_snapshot(), _resident_kb()
    at_first = tracemalloc.get_traced_memory()[0]
    while rounds < WARM_UP or time.monotonic() < end_s:
        _round(check, inputs)
        rounds += 1
    gc.collect()
    grown_kb = (tracemalloc.get_traced_memory()[0] - at_first) // 1024
    resident_kb = _resident_kb() - resident_kb
    print(f"{rounds} rounds of {len(inputs)} inputs: {grown_kb} kB more of Python, {resident_kb} kB more resident")
    if grown_kb > GROWTH_KB or resident_kb > RESIDENT_KB:
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:5]:
            print(line)
        sys.stdout.flush()
        sys.exit(EXIT_GREW)


def _repeat(options: argparse.Namespace, folder: Path) -> None:
    """One input, with nothing between it and whoever looks."""
    target = target_of(options.table, options.target)
    faulthandler.dump_traceback_later(target.limit_s * 2, exit=True)
    taken = target.make(folder)(options.input.read_bytes())
    print(f"{options.input}: {'taken' if taken else 'refused as documented'}")


def main() -> None:
    """Reads the options, which `run` writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("deed", choices=("guided", "unguided", "hold", "repeat"))
    parser.add_argument("target")
    parser.add_argument("--table", default=TABLE)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--findings", type=Path)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=200)
    options = parser.parse_args()
    deeds = {"guided": _guided, "unguided": _unguided, "hold": _hold, "repeat": _repeat}
    with tempfile.TemporaryDirectory(prefix="hardshoulder-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        deeds[options.deed](options, Path(folder))


if __name__ == "__main__":
    main()
