"""What the demo is asked for on its command line, and the folder it writes into.

Imports little: the demo can be interrupted from the first moment, and big libraries take their time.
"""

import argparse
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardshoulder.errors import UserError

PROFILE = "reference-combustion"
DESCRIPTION = "The main job on one machine: a car breaks down, its hazards flash, the driver is asked, help comes."
_MARK = ".hardshoulder-demo"


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo shows.

    log: a recorded drive instead of the simulated car. from_s: where it begins; None: shortly before the
    breakdown. profile: a name or a file. pictures: a folder for pictures of the pages, or None.
    """

    folder: Path
    headless: bool = False
    seed: int = 1
    log: Path | None = None
    profile: str = PROFILE
    dbc: tuple[Path, ...] = ()
    from_s: float | None = None
    pictures: Path | None = None


def read(arguments: list[str] | None) -> Options:
    """The options as given; a wrong use ends the program with 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.log is None) != (given.profile is None):
        parser.error("--log and --profile go together")
    if given.log is None and (given.dbc or given.from_s is not None):
        parser.error("--dbc and --from are for a recorded drive: give --log, too")
    return Options(
        folder=given.folder.resolve(),
        headless=given.headless or given.screenshot is not None,
        seed=given.seed,
        log=None if given.log is None else given.log.resolve(),
        profile=given.profile or PROFILE,
        dbc=tuple(path.resolve() for path in given.dbc),
        from_s=given.from_s,
        pictures=None if given.screenshot is None else given.screenshot.resolve(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=DESCRIPTION)
    add = parser.add_argument
    add("--headless", action="store_true", help="a browser answers; the exit status tells")
    add("--seed", type=int, default=1, metavar="N", help="variation of the drive (default 1)")
    add("--log", type=Path, metavar="FILE", help="a recorded (spliced) drive instead of the simulation")
    add("--profile", metavar="NAME|FILE", help="the recorded car's profile")
    add("--dbc", type=Path, action="append", default=[], metavar="FILE", help="its DBC file")
    add("--from", dest="from_s", type=float, metavar="S", help="where the recording begins (10 s before the breakdown)")
    add("--screenshot", type=Path, metavar="DIR", help="save driver's and operator's pages there; implies --headless")
    add("--folder", type=Path, default=Path("out/demo"), metavar="DIR", help="logs (default out/demo)")
    return parser


@contextmanager
def folders(options: Options) -> Iterator[None]:
    """The folders of the demo, its own one emptied and kept from a second demo meanwhile. Raises UserError."""
    _check_inputs(options)
    with ExitStack() as stack:
        try:
            options.folder.mkdir(parents=True, exist_ok=True)
            _check_ours(options.folder)
            mark = stack.enter_context((options.folder / _MARK).open("w"))
            _lock(mark.fileno(), options.folder)
            _empty(options.folder)
            if options.pictures is not None:
                options.pictures.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=options.pictures).close()
        except OSError as error:
            place = error.filename or options.folder
            raise UserError(f"{place}: {error.strerror or error}; name a folder that can be written") from None
        yield


def _check_inputs(options: Options) -> None:
    """Nothing that is read may lie where everything is removed."""
    for path in (options.log, Path(options.profile).resolve(), *options.dbc):
        if path is not None and path.is_relative_to(options.folder) and path.exists():
            raise UserError(f"{path}: lies in the demo's own folder, which is emptied first; use another --folder")


def _check_ours(folder: Path) -> None:
    """Only what an earlier demo left may be removed."""
    if any(folder.iterdir()) and not (folder / _MARK).exists():
        raise UserError(f"{folder}: is not empty and not of an earlier demo; name another --folder, or empty it")


def _lock(mark: int, folder: Path) -> None:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{folder}: another demo runs in it; end that one, or name another --folder") from None


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == _MARK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
