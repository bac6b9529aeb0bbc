"""The command line of the simulator: drive a scenario, replay a recording, splice a shutdown into one."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hardshoulder import __version__
from hardshoulder.compile import compile_profile
from hardshoulder.core.frame import id_text
from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile, load_profile
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.logs import Progress, is_among
from hardshoulder_sim.recordings.replay import ReplayOptions, replay
from hardshoulder_sim.recordings.replay_report import as_lines, as_record
from hardshoulder_sim.recordings.rewrite import guarded_messages
from hardshoulder_sim.recordings.shutdown import ShutdownKind
from hardshoulder_sim.recordings.splice import SpliceResult, splice

if TYPE_CHECKING:
    from hardshoulder_sim.drive import Watch

PROGRAM = "hardshoulder-sim"
_BAD_INPUT = 2
_INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        status = run(options)
        sys.stdout.flush()
    except UserError as error:
        _complain(error)
        return _BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough; without this Python complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _complain(error: UserError) -> None:
    for problem in error.problems:
        print(f"{PROGRAM}: {problem}", file=sys.stderr)


# What can be asked for ----------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_drive(commands.add_parser("drive", help="drive a scenario with the simulated car"))
    _add_play(commands.add_parser("play", help="play a recording onto a bus in real time"))
    _add_replay(commands.add_parser("replay", help="run recordings through the daemon's core"))
    _add_splice(commands.add_parser("splice", help="lay a shutdown over a recorded drive"))
    return parser


def _add_drive(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_drive)
    parser.add_argument("scenario", metavar="SCENARIO", help="name of a scenario; a wrong one prints them all")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance starts from (default 0)")
    parser.add_argument("--out", type=Path, metavar="LOG", help="write a candump log (.gz: compressed)")
    parser.add_argument("--bus", metavar="URL", help="drive on this bus, interface:channel, in real time")
    parser.add_argument("--realtime", action="store_true", help="keep to the clock instead of as fast as it goes")
    parser.add_argument("--events", metavar="FILE|-", help="write what happens to the car, a JSON object a line")


def _add_play(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_play)
    parser.add_argument("log", type=Path, metavar="LOG", help="the recording")
    parser.add_argument("--bus", required=True, metavar="URL", help="interface:channel, or slcan-pty:/path/of/link")


def _add_car(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", required=True, metavar="NAME|FILE", help="the car's profile")
    parser.add_argument(
        "--dbc", type=Path, action="append", default=[], metavar="FILE", help="DBC file; may be given several times"
    )


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_replay)
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="recordings, each replayed for itself")
    _add_car(parser)
    parser.add_argument("--json", metavar="FILE|-", help="write one JSON object for each log, instead of a timeline")
    parser.add_argument("--trust-gaps", action="store_true", help="take silence of the whole recording for the car's")
    parser.add_argument(
        "--bus",
        type=_bus,
        action="append",
        default=[],
        metavar="NAME=CHANNEL",
        help="the recording's channel for a bus of the profile; may be given several times",
    )


def _add_splice(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_splice)
    parser.add_argument("log", type=Path, metavar="LOG", help="the recorded drive")
    _add_car(parser)
    parser.add_argument("--at", type=float, required=True, metavar="S", help="seconds since the first frame")
    kinds = [kind.value for kind in ShutdownKind]
    parser.add_argument("--fault", choices=kinds, required=True, help="how the car shuts down")
    parser.add_argument("--out", type=Path, required=True, metavar="LOG", help="the candump log to write")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance starts from (default 0)")


def _bus(text: str) -> tuple[str, str]:
    name, mark, channel = text.partition("=")
    if not (name and mark and channel):
        raise argparse.ArgumentTypeError(f"expected NAME=CHANNEL, got {text!r}")
    return name, channel


# What is done -------------------------------------------------------------------------------


def _drive(options: argparse.Namespace) -> int:
    """On a bus it is always real time: what listens there lives by the clock."""
    # On demand: it can open buses, which the other commands never do.
    import can

    from hardshoulder_sim.drive import drive
    from hardshoulder_sim.scenarios import SCENARIOS

    scenario = SCENARIOS.get(options.scenario)
    if scenario is None:
        raise UserError(f"{options.scenario}: no such scenario; there is {', '.join(SCENARIOS)}")
    if options.out is None and options.bus is None:
        raise UserError("drive: give --out LOG, --bus URL or both, or nobody sees the drive")
    realtime = options.realtime or options.bus is not None
    try:
        with _events(options.events) as watch:
            report = drive(scenario, options.seed, options.out, options.bus, realtime, watch)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"drive: {error.filename or options.bus}: {error.strerror or error}") from None
    except (ValueError, can.CanError) as error:
        raise UserError(f"drive: {error}") from None
    if options.events == "-":
        return 0
    fault = "" if report.fault_at_s is None else f", fault at {report.fault_at_s:.3f} s"
    counts = f"{report.sent:,} frames sent, {report.received:,} received"
    print(f"{options.scenario}, seed {options.seed}: {report.duration_s:.1f} s, {counts}{fault}")
    return 0


def _play(options: argparse.Namespace) -> int:
    # On demand: it opens buses, as `drive` does.
    import can

    from hardshoulder_sim.recordings.play import play

    try:
        sent = play(options.log, options.bus)
    except (ValueError, OSError, can.CanError) as error:
        raise UserError(f"play: {error}") from None
    print(f"{options.log}: {sent:,} frames sent")
    return 0


@contextmanager
def _events(file: str | None) -> "Iterator[Watch]":
    """Where the car's events go; nowhere for None."""
    from hardshoulder_sim.car_events import CarEvents

    if file is None:
        yield lambda _now_s, _car: None
    elif file == "-":
        yield CarEvents(sys.stdout).look
    else:
        with Path(file).open("w", encoding="utf-8") as out:
            yield CarEvents(out).look


def _replay(options: argparse.Namespace) -> int:
    """Every log gets its turn, also after one that could not be read."""
    path = find_profile(options.profile)
    plan, listed = compile_profile(path, tuple(options.dbc)), log_channels(load_profile(path))
    channels = dict(options.bus)
    if len(channels) < len(options.bus):
        raise UserError("--bus: the same bus is given twice")
    failed = False
    with _output(options.json, (*options.logs, *options.dbc, path)) as write:
        for log in options.logs:
            try:
                _replay_one(log, plan, ReplayOptions(listed, channels, options.trust_gaps), write, options.json)
            except UserError as error:
                _complain(error)
                failed = True
    return _BAD_INPUT if failed else 0


def _replay_one(
    log: Path, plan: CarPlan, options: ReplayOptions, write: Callable[[str], None], as_json: str | None
) -> None:
    with _progress(log.name) as progress:
        result = replay(log, plan, ReplayOptions(options.log_channels, options.channels, options.trust_gaps, progress))
    if as_json is not None:
        write(json.dumps(as_record(result), ensure_ascii=False))
    else:
        for line in as_lines(result):
            write(line)


@contextmanager
def _output(file: str | None, inputs: Sequence[Path]) -> Iterator[Callable[[str], None]]:
    """Writes lines to the file, or to standard output for None and `-`; never over what is read."""
    if file is None or file == "-":
        yield print
        return
    path = Path(file)
    if is_among(path, inputs):
        raise UserError(f"{file}: is also read; give another name for the JSON")
    try:
        with path.open("w", encoding="utf-8") as out:
            yield lambda line: print(line, file=out, flush=True)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}; cannot write there") from None


@contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress as Bars
    except ModuleNotFoundError:  # installed without the extra [sim]: a replay needs no bar
        yield None
        return

    with Bars(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(name, total=1.0)
        yield lambda part: bars.update(bar, completed=part)


def _splice(options: argparse.Namespace) -> int:
    path, dbc = find_profile(options.profile), tuple(options.dbc)
    profile, plan = load_profile(path), compile_profile(path, dbc)
    guarded = guarded_messages(profile, path, dbc)
    kind = ShutdownKind(options.fault)
    truth = splice(options.log, profile, plan, options.at, kind, options.out, options.seed, guarded)
    for line in _truth_lines(options.out, truth):
        print(line)
    return 0


def _truth_lines(out: Path, truth: SpliceResult) -> Iterator[str]:
    yield f"{out}: {truth.kind} at {truth.at_s:.3f} s and {truth.speed_kph:.1f} km/h"
    if truth.first_changed_at_s is None or truth.first_changed_id is None:
        yield "  no frame differs: nothing can be observed"
    else:
        yield f"  observable from {truth.first_changed_at_s:.6f} s, in frame {id_text(truth.first_changed_id)}"
    yield (
        f"  frames: {truth.untouched:,} as recorded, {truth.changed:,} changed, "
        f"{truth.dropped:,} dropped, {truth.added:,} added"
    )
    for note in truth.notes:
        yield f"  note: {note}"


if __name__ == "__main__":
    sys.exit(main())
