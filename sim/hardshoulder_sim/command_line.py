"""What several commands of the simulator share: their car, where their output goes, how they complain."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardshoulder.compile import compile_profile
from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile, load_profile
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.logs import Progress, is_among

PROGRAM = "hardshoulder-sim"
BAD_INPUT = 2


def complain(error: UserError) -> None:
    """Each problem on a line of its own."""
    for problem in error.problems:
        print(f"{PROGRAM}: {problem}", file=sys.stderr)


# The car --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Car:
    """A car as the options name it. listed: bus to its usual channels; channels: bus to channel, given by the user."""

    plan: CarPlan
    files: tuple[Path, ...]
    listed: Mapping[str, Sequence[str]]
    channels: Mapping[str, str]


def add_car(parser: argparse.ArgumentParser) -> None:
    """The options that say whose recording it is."""
    parser.add_argument("--profile", required=True, metavar="NAME|FILE", help="the car's profile")
    parser.add_argument(
        "--dbc", type=Path, action="append", default=[], metavar="FILE", help="DBC file; may be given several times"
    )


def add_bus(parser: argparse.ArgumentParser) -> None:
    """The option that says which channel is which bus."""
    parser.add_argument(
        "--bus",
        type=_bus,
        action="append",
        default=[],
        metavar="NAME=CHANNEL",
        help="the recording's channel for a bus of the profile; may be given several times",
    )


def _bus(text: str) -> tuple[str, str]:
    name, mark, channel = text.partition("=")
    if not (name and mark and channel):
        raise argparse.ArgumentTypeError(f"expected NAME=CHANNEL, got {text!r}")
    return name, channel


def car_of(options: argparse.Namespace) -> Car:
    """The car that `add_car` and `add_bus` name. Raises UserError."""
    path = find_profile(options.profile)
    plan, listed = compile_profile(path, tuple(options.dbc)), log_channels(load_profile(path))
    channels = dict(options.bus)
    if len(channels) < len(options.bus):
        raise UserError("--bus: the same bus is given twice")
    return Car(plan, (path, *options.dbc), listed, channels)


# Output -----------------------------------------------------------------------------------------


def check_overwriting(path: Path, inputs: Sequence[Path], what: str) -> None:
    """Raises UserError where the output would destroy an input."""
    if is_among(path, inputs):
        raise UserError(f"{path}: is also read; give another name for the {what}")


@contextmanager
def output(file: str | None, inputs: Sequence[Path], what: str = "JSON") -> Iterator[Callable[[str], None]]:
    """Writes lines to the file, or to standard output for None and `-`; never over what is read."""
    if file is None or file == "-":
        yield print
        return
    path = Path(file)
    check_overwriting(path, inputs, what)
    try:
        with path.open("w", encoding="utf-8") as out:
            yield lambda line: print(line, file=out, flush=True)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}; cannot write there") from None


@contextmanager
def progress_of(name: str) -> Iterator[Progress | None]:
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
