"""The command `hardshoulder-fleet provider`."""

import argparse
import math
import sys
from pathlib import Path

_BAD_INPUT = 2
_PORT_MAX = 65535


def add_provider(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command; it sets `run`, a function of the options that returns the exit status."""
    text = "run a small towing provider, for demonstrations and tests"
    parser = commands.add_parser("provider", help=text, description=text)
    parser.set_defaults(run=run)
    parser.add_argument("--port", type=_port, required=True, metavar="P", help="of the loopback address")
    parser.add_argument("--database", type=Path, required=True, metavar="FILE", help="SQLite file, made if missing")
    parser.add_argument("--secret-file", type=Path, required=True, metavar="FILE", help="what reports are signed with")
    parser.add_argument(
        "--pause-s", type=_seconds, metavar="S", help="between two states of a tow (default: as long as it takes)"
    )
    parser.add_argument(
        "--quote-valid-s", type=_seconds, metavar="S", help="how long a price stands (default 900)"
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """0 when it was ended, 2 for bad input."""
    # On demand: the other commands need no web server of this kind.
    from hardshoulder_fleet.provider.service import CannotServeError, read_secret, serve
    from hardshoulder_fleet.provider.settings import Pauses

    pauses = Pauses() if options.pause_s is None else Pauses.all(options.pause_s)
    try:
        serve(options.port, options.database, read_secret(options.secret_file), pauses, options.quote_valid_s)
    except CannotServeError as error:
        print(f"hardshoulder-fleet provider: {error}", file=sys.stderr)
        return _BAD_INPUT
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _PORT_MAX:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to {_PORT_MAX}, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0 and at most a day, got {text!r}")
    return seconds
