"""Opening recordings of any format by their name, and writing candump logs."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.asc import read_asc
from hardshoulder_sim.recordings.blf import read_blf
from hardshoulder_sim.recordings.candump import LogFrame, format_line
from hardshoulder_sim.recordings.candump_log import read_candump
from hardshoulder_sim.recordings.gvret import is_gvret, read_gvret
from hardshoulder_sim.recordings.hsr import read_hsr
from hardshoulder_sim.recordings.python_can import read_python_can, suffixes
from hardshoulder_sim.recordings.source import PACKED, Progress, Source
from hardshoulder_sim.recordings.trc import read_trc

__all__ = ["LogFrame", "Progress", "open_log", "write_candump"]

_READERS = {".asc": read_asc, ".blf": read_blf, ".hsr": read_hsr, ".trc": read_trc}


def open_log(path: Path, notes: list[str] | None = None, progress: Progress | None = None) -> Iterator[LogFrame]:
    """The frames of a recording, in its order.

    notes: takes what was tolerated or left out, at the latest after the last frame.
    progress: told now and then which part (0 to 1) is read.
    Raises UserError at once when the file cannot be opened, and while reading for what cannot be a
    frame where nothing else may stand (named by its line), or a recording without a frame.
    """
    return _accounted(Source(path, progress), [] if notes is None else notes)


def _accounted(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; damage to the file itself is a note, but where it left nothing to read an error."""
    count = 0
    try:
        for frame in _read(source, notes):
            yield frame
            count += 1
    finally:
        source.close()
    if source.damage is not None and count:
        notes.append(f"the file {source.damage}; what comes after frame {count} is missing")
    elif not count:
        why = (
            f"the file {source.damage}" if source.damage else "; ".join(notes) or "it is empty or was never written to"
        )
        raise UserError(f"{source.path}: no frame in it: {why}")


def _read(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    read = _READERS.get(source.suffix)
    if read is not None:
        yield from read(source, notes)
    elif source.suffix == ".csv" and is_gvret(source.begin()):
        yield from read_gvret(source, notes)
    elif source.suffix in _CANDUMP_SUFFIXES or source.suffix not in suffixes():
        yield from read_candump(source, notes)
    else:
        with source.as_file() as plain:
            yield from read_python_can(source, plain)


_CANDUMP_SUFFIXES = frozenset({"", ".log", ".candump", ".txt"})


# Writing -----------------------------------------------------------------------------------


_OTHER_FORMATS = frozenset({".asc", ".blf", ".hsr", ".trc", ".mf4", ".csv", ".db"})


def write_candump(path: Path, frames: Iterable[LogFrame]) -> int:
    """Writes a candump log, compressed when the name ends in .gz; returns the number of frames.

    The file appears under its name only once it is whole; a pipe or a device is written into.
    Raises UserError when it cannot be written.
    """
    check_output(path)
    if path.exists() and not path.is_file():
        return _write_frames(path, path, frames)
    part = path.with_name(path.name + ".part")
    try:
        count = _write_frames(part, path, frames)
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; cannot write the log there") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _write_frames(place: Path, path: Path, frames: Iterable[LogFrame]) -> int:
    count = 0
    try:
        with place.open("wb") as raw, _packer(raw, path.suffix.lower() == ".gz") as out:
            for frame in frames:
                out.write(format_line(frame).encode("latin-1") + b"\n")
                count += 1
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; cannot write the log there") from None
    return count


def is_among(path: Path, others: Iterable[Path]) -> bool:
    """Whether the path names one of these files, under whatever name; what does not exist is nobody's."""
    return path.exists() and any(other.exists() and path.samefile(other) for other in others)


def check_output(path: Path) -> None:
    """Raises UserError when a log cannot stand under this name: a folder, another format."""
    if not path.name or path.is_dir():
        raise UserError(f"{str(path)!r}: not the name of a file; give one for the log")
    name = path.with_suffix("") if path.suffix.lower() in PACKED else path
    if name.suffix.lower() in _OTHER_FORMATS or path.suffix.lower() in PACKED[1:]:
        wrong = path.name[len(name.stem) :]
        raise UserError(f"{path}: only candump logs are written; use .log or .log.gz instead of {wrong}")


@contextmanager
def _packer(raw: IO[bytes], packed: bool) -> Iterator[IO[bytes]]:
    if not packed:
        yield raw
        return
    # Without name and time in it the same frames give the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out:
        yield out  # type: ignore[misc]
