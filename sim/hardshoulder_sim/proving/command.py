"""`hardshoulder-sim evaluate`: its options, and what it does with them."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardshoulder import __version__
from hardshoulder.errors import UserError

HOURS, FAULTS = 1.0, 300
_SEED_BELOW = 10**18


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`."""
    parser.set_defaults(run=run)
    parser.add_argument("--hours", type=_hours, default=HOURS, metavar="H", help="ordinary driving (default 1)")
    parser.add_argument("--faults", type=_count, default=FAULTS, metavar="N", help="shutdowns (default 300)")
    parser.add_argument("--seed", type=_count, default=0, metavar="S", help="what chance starts from (default 0)")
    parser.add_argument("--drives", type=Path, metavar="DIR", help="also replay the recorded drives in this folder")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="processes; they change no figure")
    parser.add_argument("--json", metavar="FILE|-", help="write the figures as one JSON object")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write the figures as a page")
    parser.add_argument("--case", metavar="ID", help="show one case instead, as the lists name it")
    parser.add_argument("--out", type=Path, metavar="LOG", help="with --case: write its log, profile and truth")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) >= _SEED_BELOW:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)


def _jobs(text: str) -> int:
    jobs = _count(text)
    if jobs == 0:
        raise argparse.ArgumentTypeError("expected at least 1 process")
    return jobs


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0.0 <= hours <= 100_000.0:
        raise argparse.ArgumentTypeError(f"expected hours, 0 to 100,000, got {text!r}")
    return hours


def run(options: argparse.Namespace) -> int:
    """Exit status 0 whatever the figures say: they are for the reader to judge; 1 when a case could not be judged."""
    if options.case is not None:
        if options.json is not None or options.report is not None:
            raise UserError("evaluate: --case shows one case; its files come with --out, not with --json or --report")
        return _show(options.case, options.out)
    if options.out is not None:
        raise UserError("evaluate: --out writes one case; name it with --case")
    _refuse_early(options)
    record = _record(options)
    if options.json == "-":
        print(json.dumps(record, indent=2))
    else:
        from hardshoulder_sim.proving.text import as_lines

        for line in as_lines(record):
            print(line)
        if options.json is not None:
            _write(Path(options.json), json.dumps(record, indent=2) + "\n")
    if options.report is not None:
        from hardshoulder_sim.proving.page import as_page

        _write(options.report, as_page(record))
    return 1 if record["failed"] else 0


def _refuse_early(options: argparse.Namespace) -> None:
    """What would fail after hours fails now."""
    files = [path for path in (options.report, Path(options.json or "-")) if path not in (None, Path("-"))]
    for path in files:
        if not path.parent.is_dir():
            raise UserError(f"{path}: no such folder; cannot write there")
    if len(files) != len(set(files)):
        raise UserError(f"{files[0]}: --json and --report need a file each")
    if options.drives is not None and not options.drives.is_dir():
        raise UserError(f"{options.drives}: no such folder")


def _record(options: argparse.Namespace) -> dict[str, object]:
    # On demand: the other commands need none of it.
    from hardshoulder_sim.proving.cars import CarKind
    from hardshoulder_sim.proving.corpus import replay_drives
    from hardshoulder_sim.proving.evaluate import Options
    from hardshoulder_sim.proving.evaluate import run as run_cases
    from hardshoulder_sim.proving.summary import summary
    from hardshoulder_sim.proving.variants import Variant, plan_of

    chosen = Options(options.hours, options.faults, options.seed, options.jobs)
    ruleset = plan_of(CarKind.AUTOMATIC, Variant.WHOLE).ruleset
    with _progress() as progress:
        verdicts = run_cases(chosen, progress)
    record: dict[str, object] = summary(verdicts, chosen, __version__, ruleset)
    if options.drives is not None:
        record["recorded"] = replay_drives(options.drives)
    return record


def _show(name: str, out: Path | None) -> int:
    from hardshoulder_sim.proving.show import show, write

    for line in show(name):
        print(line)
    if out is not None:
        try:
            log, profile, truth = write(name, out)
        except OSError as error:
            raise UserError(f"{out}: {error.strerror or error}; cannot write there") from None
        print(f"wrote {log} and {truth}; replay it with")
        print(f"  hardshoulder-sim replay {log} --profile {profile}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; cannot write there") from None


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """A percentage on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _part: None
        return
    yield lambda part: print(f"\r{100.0 * part:5.1f} %", end="", file=sys.stderr, flush=True)
    print("\r" + " " * 8 + "\r", end="", file=sys.stderr, flush=True)
