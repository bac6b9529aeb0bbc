"""The command line of the simulator: the commands it has, and those that drive, play and splice."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hardshoulder import __version__
from hardshoulder.compile import compile_profile
from hardshoulder.core.frame import id_text
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile, load_profile
from hardshoulder_sim import replay_command
from hardshoulder_sim.command_line import BAD_INPUT, PROGRAM, add_car, complain
from hardshoulder_sim.comparing import diff_command, shadow_command
from hardshoulder_sim.faults import command as faults
from hardshoulder_sim.proving import command as evaluate
from hardshoulder_sim.recordings.rewrite import guarded_messages
from hardshoulder_sim.recordings.shutdown import ShutdownKind
from hardshoulder_sim.recordings.splice import SpliceResult, splice

if TYPE_CHECKING:
    from hardshoulder_sim.drive import Watch

_INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        status = run(options)
        sys.stdout.flush()
    except UserError as error:
        complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough; without this Python complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


# What can be asked for ----------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_drive(commands.add_parser("drive", help="drive a scenario with the simulated car"))
    _add_play(commands.add_parser("play", help="play a recording onto a bus in real time"))
    replay_command.add_options(commands.add_parser("replay", help="run recordings through the daemon's core"))
    _add_splice(commands.add_parser("splice", help="lay a shutdown over a recorded drive"))
    shadow_command.add_options(commands.add_parser("shadow", help="try a candidate ruleset over recordings"))
    diff_command.add_options(commands.add_parser("diff", help="show what changed between two results"))
    evaluate.add_options(commands.add_parser("evaluate", help="measure the core over seeded drives by the thousand"))
    faults.add_options(commands.add_parser("faults", help="break everything on purpose and count what gets through"))
    return parser


def _add_drive(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_drive)
    parser.add_argument("scenario", metavar="SCENARIO", help="name of a scenario; a wrong one prints them all")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance starts from (default 0)")
    parser.add_argument("--out", type=Path, metavar="LOG", help="write a candump log (.gz: compressed)")
    parser.add_argument("--bus", metavar="URL", help="drive on this bus, interface:channel, in real time")
    parser.add_argument("--realtime", action="store_true", help="keep to the clock instead of as fast as it goes")
    parser.add_argument("--events", metavar="FILE|-", help="write what happens to the car, a JSON object a line")
    parser.add_argument("--stay", action="store_true", help="stay on the bus as the car then is, until interrupted")


def _add_play(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_play)
    parser.add_argument("log", type=Path, metavar="LOG", help="the recording")
    parser.add_argument("--bus", required=True, metavar="URL", help="interface:channel, or slcan-pty:/path/of/link")
    parser.add_argument(
        "--from", dest="from_s", type=float, default=0.0, metavar="S", help="begin there, in seconds since its start"
    )
    parser.add_argument("--channel", metavar="NAME", help="play this channel of the recording alone")
    parser.add_argument("--stay", action="store_true", help="keep the bus after the last frame, until interrupted")


def _add_splice(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_splice)
    parser.add_argument("log", type=Path, metavar="LOG", help="the recorded drive")
    add_car(parser)
    parser.add_argument("--at", type=float, required=True, metavar="S", help="seconds since the first frame")
    kinds = [kind.value for kind in ShutdownKind]
    parser.add_argument("--fault", choices=kinds, required=True, help="how the car shuts down")
    parser.add_argument("--out", type=Path, required=True, metavar="LOG", help="the candump log to write")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="what chance starts from (default 0)")


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
    if options.stay and not realtime:
        raise UserError("drive: --stay never ends; give it --bus URL or --realtime")
    try:
        with _finished_at_sigterm(), _events(options.events) as watch:
            report = drive(scenario, options.seed, options.out, options.bus, realtime, watch, options.stay)
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

    from hardshoulder_sim.recordings.play import Part, play

    try:
        with _finished_at_sigterm():
            sent = play(options.log, options.bus, Part(options.from_s, options.channel, options.stay))
    except (ValueError, OSError, can.CanError) as error:
        raise UserError(f"play: {error}") from None
    print(f"{options.log}: {sent:,} frames sent")
    return 0


@contextmanager
def _finished_at_sigterm() -> Iterator[None]:
    """Whoever ends us gets a whole log and a bus that is let go, as after Ctrl-C; which a job in the background
    may have been told to ignore.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
