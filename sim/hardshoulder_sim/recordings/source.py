"""A recording's bytes as they come off the disk: unpacked on the way, and damage told instead of hidden."""

import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

from hardshoulder.errors import UserError

PACKED = (".gz", ".xz", ".zst")
"""The last part of the name of a compressed recording."""

CHUNK_BYTES = 1 << 18
PACKED_BYTES = 1 << 12
"""Compressed bytes taken at once. Where they are damaged, no more than these are lost of what came before."""

LONGEST_LINE = 1 << 20
"""Characters. A file without line ends is no text, and must not be gathered into one string."""

Progress = Callable[[float], None]


class _Unpacker(Protocol):
    """What zlib, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool:
        """Whether the compressed data came to its proper end."""

    @property
    def unused_data(self) -> bytes:
        """What stood after that end."""

    def decompress(self, data: bytes, /) -> bytes:
        """The next piece."""


class Source:
    """One recording on the disk.

    suffix: what its name says of the format, in small letters, without the compression.
    damage: why it was not read to its end, as "the file …" goes on; None while nothing is wrong.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        """progress: told now and then which part (0 to 1) is read. Raises UserError when it cannot be opened."""
        if path.is_dir():
            raise UserError(f"{path}: is a directory; give a log file")
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self.packing = suffixes[-1] if suffixes and suffixes[-1] in PACKED else None
        self.suffix = "".join(suffixes[-2:-1] if self.packing else suffixes[-1:])
        self.path = path
        self.damage: str | None = None
        self._progress = progress or (lambda part: None)
        make = None if self.packing is None else _unpacker(path, self.packing)
        try:
            self._raw: IO[bytes] = path.open("rb")
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}; check the path of the log") from None
        self._bytes: Iterator[bytes] = self._plain() if make is None else self._unpacked(make)

    def close(self) -> None:
        """Lets go of the file."""
        self._raw.close()

    def begin(self) -> str:
        """The first line, to tell by it what the file is; reading starts there all the same."""
        first = next(self._bytes, b"")
        self._bytes = chain((first,), self._bytes)
        return first.partition(b"\n")[0].decode("latin-1").removeprefix("\xef\xbb\xbf")

    def chunks(self) -> Iterator[bytes]:
        """The unpacked bytes; they end where the file does or where it is damaged (see `damage`)."""
        size = max(1, os.fstat(self._raw.fileno()).st_size)
        seekable = self._raw.seekable()
        for chunk in self._bytes:
            self._progress(self._raw.tell() / size if seekable else 0.0)
            yield chunk

    def _plain(self) -> Iterator[bytes]:
        try:
            while chunk := self._raw.read(CHUNK_BYTES):
                yield chunk
        except OSError as error:
            self.damage = f"cannot be read on: {error.strerror or error}"

    def _unpacked(self, make: Callable[[], _Unpacker]) -> Iterator[bytes]:
        """One compressed stream after another, as `cat a.gz b.gz` and `pigz` leave them."""
        unpack, at = make(), 0
        try:
            while block := self._raw.read(PACKED_BYTES):
                at += len(block)
                while block := block.lstrip(b"\0") if unpack.eof else block:
                    unpack = make() if unpack.eof else unpack
                    yield unpack.decompress(block)
                    block = unpack.unused_data if unpack.eof else b""
        except OSError as error:
            self.damage = f"cannot be read on: {error.strerror or error}"
        except Exception as error:  # each library has a class of its own, and zstandard may not be there
            self.damage = f"has damaged {self.packing} data before its byte {at} ({error})"
        else:
            if not unpack.eof:
                self.damage = f"breaks off at byte {at}, inside its {self.packing} data"

    def line_chunks(self) -> Iterator[tuple[list[str], bool]]:
        """Chunks of lines without their ends, and whether the chunk is a last line that has none.

        A byte is a character: whatever stands in a broken line, decoding never fails.
        """
        rest = ""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk.decode("latin-1")).split("\n")
            if lines:
                yield lines, False
            elif len(rest) > LONGEST_LINE:
                self.damage = f"has a line of more than {LONGEST_LINE} characters; it is no text"
                rest = rest[:80]
                break
        yield [rest], True

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """A file that a library can open by name: the recording itself or its unpacked copy."""
        if self.packing is None:
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="hardshoulder-", suffix=self.suffix) as copy:
            for chunk in self.chunks():
                copy.write(chunk)
            copy.flush()
            yield Path(copy.name)


def _unpacker(path: Path, packing: str) -> Callable[[], _Unpacker]:
    if packing == ".gz":
        return lambda: zlib.decompressobj(wbits=31)
    if packing == ".xz":
        return lzma.LZMADecompressor
    try:
        import zstandard
    except ModuleNotFoundError:
        raise UserError(
            f"{path}: .zst needs the library zstandard; install hardshoulder[sim], or unpack it: unzstd"
        ) from None
    return lambda: zstandard.ZstdDecompressor().decompressobj()
