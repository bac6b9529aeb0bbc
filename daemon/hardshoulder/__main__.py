"""The command line of the daemon: run, status, check, commission, compile, recordings."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hardshoulder import __version__
from hardshoulder.errors import UserError
from hardshoulder.recordings import add_commands


def _run(config: Path) -> int:
    # What is made until the car is watched stays; to look for garbage in it would only cost time.
    gc.disable()
    from hardshoulder.app import Daemon, say
    from hardshoulder.edge import logs
    from hardshoulder.edge.only_one import lock_files, only_one
    from hardshoulder.plan_cache import load_bundle
    from hardshoulder.record import why_not_armed

    bundle = load_bundle(config)
    if (refusal := why_not_armed(config, bundle)) is not None:
        raise UserError(refusal)
    logs.set_up()
    with only_one(lock_files(bundle.settings), say):
        daemon = Daemon(bundle)
        gc.freeze()
        gc.enable()
        daemon.run()
    return 0


def _status(options: argparse.Namespace) -> int:
    from hardshoulder.status import status

    return status(options.config, as_json=options.json, metrics=options.metrics)


def _check(config: Path) -> int:
    from hardshoulder.check import describe, missing
    from hardshoulder.plan_cache import load_bundle
    from hardshoulder.record import why_not_armed

    bundle = load_bundle(config)
    for line in describe(bundle):
        print(line)
    lacking = [*missing(bundle), *filter(None, [why_not_armed(config, bundle)])]
    for line in lacking:
        print(f"missing: {line}")
    print("the car can be protected" if not lacking else "the car could not be protected")
    return 1 if lacking else 0


def _compile(config: Path) -> int:
    from hardshoulder.config import make_bundle
    from hardshoulder.plan_cache import dump

    print(dump(make_bundle(config)))
    return 0


def _commission(config: Path) -> int:
    from hardshoulder.commission import commission
    from hardshoulder.plan_cache import load_bundle

    commission(config, load_bundle(config))
    return 0


def _recordings(options: argparse.Namespace) -> int:
    from hardshoulder.plan_cache import load_bundle
    from hardshoulder.recordings import run

    return run(options, load_bundle(options.config).settings.storage.folder)


_COMMANDS = {
    "run": (_run, "watch the car until stopped"),
    "check": (_check, "print what would be decoded, transmitted and published, and what is missing"),
    "commission": (_commission, "at standstill, flash the hazards once with a person who sees them, and write it down"),
    "compile": (_compile, "print the compiled configuration (the daemon calls this itself)"),
}


_ASKING: dict[str, Callable[[argparse.Namespace], int]] = {"status": _status, "recordings": _recordings}
"""The commands with options of their own."""

_INSTALLED = Path("/etc/hardshoulder/config.toml")


class _Help(argparse.HelpFormatter):
    """Help of a fixed width: to ask the terminal for its own, argparse would import four libraries at every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="hardshoulder", description="Breakdown responder of a car.", formatter_class=_Help
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, formatter_class=_Help)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (TOML)")
    _add_status(commands)
    text = "list, export or purge what was recorded of incidents"
    add_commands(commands.add_parser("recordings", help=text, description=text))
    return parser


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "ask the running daemon how it does"
    command = commands.add_parser("status", help=text, description=text)
    command.add_argument(
        "--config", type=Path, default=_INSTALLED, metavar="FILE", help=f"the daemon's configuration ({_INSTALLED})"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--metrics", action="store_true", help="the text format of Prometheus")


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; 0 done, 1 the car could not be or is not protected, 2 bad input."""
    options = make_parser().parse_args(arguments)
    try:
        known = _COMMANDS.get(options.command)
        status = known[0](options.config) if known else _ASKING[options.command](options)
        sys.stdout.flush()
    except UserError as error:
        for problem in error.problems:
            print(f"hardshoulder: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read us has enough; without this Python complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE  # not 0, which would say that the car can be protected
    return status


if __name__ == "__main__":
    sys.exit(main())
