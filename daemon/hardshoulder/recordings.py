"""`hardshoulder recordings`: what the car has recorded of its incidents, listed, handed on and purged."""

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hardshoulder.edge.export import export
from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recording import SUFFIX, NotOurs
from hardshoulder.edge.shelf import Shelf, in_use, read
from hardshoulder.errors import UserError

_MEGABYTE = 1e6
_HEADINGS = ("name", "incident", "begins", "seconds", "frames", "MB", "state")


def add_commands(parser: argparse.ArgumentParser) -> None:
    """list, export and purge, each with its options but for the configuration."""
    commands = parser.add_subparsers(dest="deed", required=True)
    for name, (text, _) in _DEEDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the configuration (TOML)")
        if name == "export":
            command.add_argument("name", metavar="NAME", help="as `list` shows it")
            command.add_argument("--to", type=Path, required=True, metavar="FILE", help="the file: .log, .blf or .mf4")
        elif name == "purge":
            which = command.add_mutually_exclusive_group(required=True)
            which.add_argument("--older-than", type=_days, metavar="DAYS", help="those last written so long ago")
            which.add_argument("--all", action="store_true", help="all of them; asks for --yes")
            command.add_argument("--yes", action="store_true", help="do not ask")


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= 36_500:
        raise argparse.ArgumentTypeError(f"{text} is no number of days from 0 to 36500")
    return days


def run(options: argparse.Namespace, storage: Path) -> int:
    """Does what the options ask for in the folder of `[storage]`. Raises UserError."""
    shelf = Shelf(storage)
    try:
        return _DEEDS[options.deed][1](shelf, options)
    except OSError as error:
        place = error.filename or shelf.folder
        raise UserError(f"{place}: {error.strerror or error}; check the path and its permissions") from None


# list -------------------------------------------------------------------------------------


def _list(shelf: Shelf, _options: argparse.Namespace) -> int:
    rows = [_row(path) for path in shelf.paths()]
    if not rows:
        print(f"{shelf.folder}: no recording")
        return 0
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(path: Path) -> tuple[str, ...]:
    size = f"{path.stat().st_size / _MEGABYTE:.2f}"
    found: list[tuple[str, ...]] = []
    try:
        read(path, lambda recorded: found.append(told(recorded)))
    except NotOurs as error:
        return (path.name, "–", "–", "–", "–", size, f"unreadable: {error}")
    incident, begins, seconds, frames, state = found[0]
    with in_use(path) as busy:
        return (path.name, incident, begins, seconds, frames, size, "being written" if busy else state)


def told(recorded: Recorded) -> tuple[str, ...]:
    head, begins_us = recorded.head, recorded.begins_us
    begins = "–" if begins_us is None else f"{datetime.fromtimestamp(begins_us / 1e6, UTC):%Y-%m-%d %H:%M:%SZ}"
    if not recorded.clock_trusted:
        begins += " (clock not set)"
    state = "; ".join([recorded.state, *recorded.notes])
    return (head.incident if head else "–", begins, f"{recorded.seconds:.1f}", f"{recorded.frames}", state)


# export -----------------------------------------------------------------------------------


def _export(shelf: Shelf, options: argparse.Namespace) -> int:
    path, to = _named(shelf, options.name), options.to
    if to.is_dir():
        raise UserError(f"{to}: is a directory; give the file to write")

    def write(recorded: Recorded) -> None:
        frames = export(recorded, to)
        print(f"{to}: {frames} frames of {path.name}, {recorded.state}")
        for note in recorded.notes:
            print(f"  note: {path.name} {note}")

    try:
        read(path, write)
    except NotOurs as error:
        raise UserError(f"{path}: no recording that can be read: {error}") from None
    return 0


def _named(shelf: Shelf, name: str) -> Path:
    known = {path.name: path for path in shelf.paths()}
    path = known.get(name) or known.get(name + SUFFIX)
    if path is None:
        raise UserError(f"{name}: no recording of that name in {shelf.folder}; `hardshoulder recordings list` has them")
    return path


# purge ------------------------------------------------------------------------------------


def _purge(shelf: Shelf, options: argparse.Namespace) -> int:
    paths = shelf.paths() if options.all else shelf.older_than(options.older_than, time.time())
    if options.all and paths and not options.yes:
        size = sum(path.stat().st_size for path in paths) / _MEGABYTE
        raise UserError(f"--all: would remove {len(paths)} recordings ({size:.2f} MB) for good; add --yes")
    for line in _removed(shelf, paths):
        print(line)
    return 0


def _removed(shelf: Shelf, paths: list[Path]) -> Iterator[str]:
    gone = 0
    for path in paths:
        if shelf.remove(path):
            gone += 1
        else:
            yield f"{path.name}: is being written; left"
    yield f"{gone} of {len(paths)} recordings removed"


_DEEDS = {
    "list": ("list the recordings of incidents that are kept in the car", _list),
    "export": ("write a recording as candump .log, .blf or .mf4", _export),
    "purge": ("remove recordings for good", _purge),
}
