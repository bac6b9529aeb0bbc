"""Reading and writing recordings: candump text by our own fast reader, all else through python-can."""

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import (
    CLASSIC_LENGTH,
    EXPECTED,
    STAMP_END_S,
    LogFrame,
    format_line,
    parse_line,
)
from hardshoulder_sim.recordings.gvret import is_gvret, read_gvret

if TYPE_CHECKING:
    import can

__all__ = ["LogFrame", "open_log", "write_candump"]

CHUNK_BYTES = 1 << 18
CANDUMP_SUFFIXES = frozenset({"", ".log", ".candump", ".txt"})
IDS_LIMIT = 65_536
"""Identifiers remembered while reading; a log with more is read all the same, more slowly."""

Progress = Callable[[float], None]

_DAMAGED = (EOFError, OSError, zlib.error)


def open_log(path: Path, notes: list[str] | None = None, progress: Progress | None = None) -> Iterator[LogFrame]:
    """The frames of a recording, in its order.

    notes: takes what was tolerated. progress: told now and then which part (0 to 1) is read.
    Raises UserError at once when the file cannot be opened, and while reading for a broken line
    (named by its number), damaged compression, or a recording without a frame.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a directory; give a log file")
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path of the log") from None
    notes = [] if notes is None else notes
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = "".join(suffixes[-2:-1] if packed else suffixes[-1:])
    return _never_empty(path, _read(path, raw, suffix, packed, notes, progress or (lambda part: None)))


def _never_empty(path: Path, frames: Iterator[LogFrame]) -> Iterator[LogFrame]:
    first = next(frames, None)
    if first is None:
        raise UserError(f"{path}: no frame in it; it is empty or was never written to")
    yield first
    yield from frames


def _read(
    path: Path, raw: IO[bytes], suffix: str, packed: bool, notes: list[str], progress: Progress
) -> Iterator[LogFrame]:
    with raw:
        if suffix in CANDUMP_SUFFIXES or suffix not in _python_can_suffixes():
            yield from _read_candump(path, _lines(path, raw, packed, progress), notes)
            return
        with _unpacked(path, raw, suffix, packed) as plain:
            if suffix == ".csv" and is_gvret(plain):
                yield from read_gvret(plain, path)
            else:
                yield from _read_with_python_can(plain, path, suffix)


# Candump text ------------------------------------------------------------------------------


def _lines(path: Path, raw: IO[bytes], packed: bool, progress: Progress) -> Iterator[tuple[list[str], bool]]:
    """Chunks of lines without their ends, and whether the chunk is a last line that has none."""
    size = max(1, os.fstat(raw.fileno()).st_size)
    # One step of decompression at a time: what comes before damage is still read.
    read = gzip.GzipFile(fileobj=raw).read1 if packed else raw.read
    rest, count = "", 0
    while True:
        try:
            chunk = read(CHUNK_BYTES)
        except _DAMAGED as error:
            raise UserError(
                f"{path}:{count + 1}: the file breaks off or is damaged here ({error}); "
                "`zcat` gives the part before it as a log that can be read"
            ) from None
        if not chunk:
            break
        # A byte is a character: whatever stands in a broken line, decoding never fails.
        *lines, rest = (rest + chunk.decode("latin-1")).split("\n")
        count += len(lines)
        progress(raw.tell() / size if raw.seekable() else 0.0)
        yield lines, False
    yield [rest], True


def _read_candump(path: Path, chunks: Iterator[tuple[list[str], bool]], notes: list[str]) -> Iterator[LogFrame]:
    """Splits the usual line by hand, and leaves everything else to the full grammar."""
    ids: dict[str, int] = {}
    number = 0
    from_hex = bytes.fromhex
    for lines, last in chunks:
        for line in lines:
            number += 1
            try:
                stamp, channel, body = line.split()
                name, mark, payload = body.partition("#")
                can_id = ids[name]
                data = from_hex(payload)
                at_s = float(stamp[1:-1])
            except (ValueError, KeyError):
                pass
            else:
                usual = stamp[0] == "(" and stamp[-1] == ")" and mark and len(data) <= CLASSIC_LENGTH
                if usual and 0.0 <= at_s < STAMP_END_S:
                    yield LogFrame(at_s, channel, can_id, data)
                    continue
            frame = _unusual(path, number, line, last, notes)
            if frame is not None:
                yield frame
                if frame.kind == "data" and len(ids) < IDS_LIMIT:
                    ids[line.split()[2].partition("#")[0]] = frame.can_id


def _unusual(path: Path, number: int, line: str, last: bool, notes: list[str]) -> LogFrame | None:
    """The frame of a line that is not the usual one; None for an empty or a cut last line."""
    if not line.strip():
        return None
    frame = parse_line(line.removeprefix("\xef\xbb\xbf"))  # the mark some editors put before UTF-8
    if frame is None and last:
        # Power was cut while it was written; what came before is sound.
        notes.append(f"line {number}, the last, is cut off and was left out")
    elif frame is None:
        raise UserError(f"{path}:{number}: expected {EXPECTED}, got {line.strip()[:60]!r}")
    return frame


# Everything else ---------------------------------------------------------------------------


def _python_can_suffixes() -> frozenset[str]:
    import can.io  # on demand: it imports slowly, and a candump log does not need it

    return frozenset(can.io.MESSAGE_READERS)


@contextmanager
def _unpacked(path: Path, raw: IO[bytes], suffix: str, packed: bool) -> Iterator[Path]:
    """A file that python-can can open by name: the log itself or its unpacked copy."""
    if not packed:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="hardshoulder-", suffix=suffix) as copy:
        try:
            shutil.copyfileobj(gzip.GzipFile(fileobj=raw), copy)
        except _DAMAGED as error:
            raise UserError(f"{path}: byte {raw.tell()}: the file breaks off or is damaged ({error})") from None
        copy.flush()
        yield Path(copy.name)


def _read_with_python_can(plain: Path, path: Path, suffix: str) -> Iterator[LogFrame]:
    import can.io

    count = 0
    try:
        with can.io.MESSAGE_READERS[suffix](str(plain)) as reader:
            for message in reader:
                yield _from_message(message)
                count += 1
    except (ImportError, NotImplementedError) as error:
        raise UserError(f"{path}: {suffix} needs a library that is not installed: {error}") from None
    except Exception as error:  # the readers raise whatever their parsing runs into; all of it means a broken file
        raise UserError(f"{path}: cannot read on after {count} frames: {str(error) or type(error).__name__}") from None


def _from_message(message: "can.Message") -> LogFrame:
    flags = None
    if message.is_fd:
        flags = int(message.bitrate_switch) | int(message.error_state_indicator) << 1
    return LogFrame(
        at_s=message.timestamp,
        channel="" if message.channel is None else str(message.channel),
        can_id=message.arbitration_id | (EXTENDED if message.is_extended_id and not message.is_error_frame else 0),
        data=bytes(message.dlc) if message.is_remote_frame else bytes(message.data),
        kind="error" if message.is_error_frame else "remote" if message.is_remote_frame else "data",
        fd_flags=flags,
    )


# Writing -----------------------------------------------------------------------------------


_OTHER_FORMATS = frozenset({".asc", ".blf", ".trc", ".mf4", ".csv", ".db"})


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
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    if name.suffix.lower() in _OTHER_FORMATS:
        raise UserError(f"{path}: only candump logs are written; use .log or .log.gz instead of {name.suffix}")


@contextmanager
def _packer(raw: IO[bytes], packed: bool) -> Iterator[IO[bytes]]:
    if not packed:
        yield raw
        return
    # Without name and time in it the same frames give the same file.
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as out:
        yield out  # type: ignore[misc]
