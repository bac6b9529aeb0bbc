"""The command line of the fleet: serve, provider."""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from hardshoulder_fleet.provider.command import add_provider


def _serve(options: argparse.Namespace) -> int:
    # On demand: the provider needs neither broker nor messages.
    from hardshoulder_fleet.config import ConfigError
    from hardshoulder_fleet.service import serve

    try:
        serve(options.config)
    except ConfigError as error:
        for problem in error.problems:
            print(f"hardshoulder-fleet: {problem}", file=sys.stderr)
        return 2
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The whole command line; every command sets `run`, a function of the options."""
    parser = argparse.ArgumentParser(prog="hardshoulder-fleet", description="The fleet's half of Hardshoulder.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('hardshoulder')}")
    commands = parser.add_subparsers(dest="command", required=True)
    text = "take the cars' alerts, ask the drivers, bring help, show the operators"
    command = commands.add_parser("serve", help=text, description=text)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (TOML)")
    command.set_defaults(run=_serve)
    add_provider(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; 0 done, 2 bad input."""
    options = make_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
