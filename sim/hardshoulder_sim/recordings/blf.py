"""Vector's .blf: python-can decodes the objects, this module walks the file around them.

python-can's reader ends without a word where a file breaks off, gives up at the first damaged object, and skips two
of the four kinds of error frames. So it is handed a sound file: what is damaged is stepped over and counted
here, whole objects go on unpacked, and every error frame as the kind it knows.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import LogFrame
from hardshoulder_sim.recordings.python_can import from_message
from hardshoulder_sim.recordings.source import Source

_FILE_HEADER = struct.Struct("<4sL8BQQLL16H")
_OBJECT = struct.Struct("<4sHHLL")  # signature, header's size, header's version, size, type
_CONTAINER = struct.Struct("<H6xL4x")  # compression, unpacked size
_ERROR_EXT = struct.Struct("<HHLBBBxLLH2x8s")

_MARK = b"LOBJ"
_CONTAINER_TYPE = 10
_ERROR_TYPE, _ERROR_EXT_TYPE, _ERROR_64_TYPE = 2, 73, 104
_SHORTEST = {1: 16, 86: 16, 100: 84, 101: 40, _ERROR_EXT_TYPE: 32, _ERROR_TYPE: 2, _ERROR_64_TYPE: 1}
"""Types of objects that carry a frame, and the bytes that one has at least behind its header."""

_HEADER_SIZES = {1: 32, 2: 40}
_LARGEST_OBJECT = 1 << 24
_LARGEST_HEADER = 1 << 16
_STORED, _DEFLATED = 0, 2
_PIECE = 1 << 12
_SEARCHED = 8
"""Bytes behind an object within which the next one begins; what lies between is padding."""


def read_blf(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; the channel is the number in the file, from 1 as its maker counts."""
    import can

    file = _SoundFile(source)
    reader = can.BLFReader(cast(BinaryIO, file))
    # A damaged header may name the year 1002, and nothing was recorded before 1970.
    early_s = min(0.0, float(reader.start_timestamp))
    if early_s:
        notes.append("the header names a year before 1970; times are counted from the begin of the file")
    for message in reader:
        try:
            frame = from_message(message)
        except ValueError:  # of another length than it says: damaged inside, and the next one is sound
            file.damaged(file.at)
            continue
        # python-can counts channels from 0.
        yield frame._replace(channel=str(int(frame.channel) + 1), at_s=max(0.0, frame.at_s - early_s))
    notes += file.notes()


class _SoundFile:
    """The file as it should be, for a reader that trusts what it reads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._chunks = source.chunks()
        self._raw = bytearray()
        self._at = 0  # of the first byte of _raw in the unpacked file
        self._told_size = 0
        self._broken = 0
        self._first_broken = 0
        self._cut: int | None = None
        self._ready = bytearray()
        self._parts = self._sound_parts()

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        while len(self._ready) < size and (part := next(self._parts, None)) is not None:
            self._ready += part
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    @property
    def at(self) -> int:
        """How far the unpacked file has been read, in bytes."""
        return self._at

    def close(self) -> None:
        """Nothing: the source belongs to whoever opened it."""

    def notes(self) -> Iterator[str]:
        """After the end: what was wrong with the file."""
        if self._broken:
            places = "1 damaged place was" if self._broken == 1 else f"{self._broken} damaged places were"
            yield f"{places} stepped over, first at byte {self._first_broken}; frames are missing there"
        if self._cut is not None:
            yield f"the file breaks off at byte {self._at + len(self._raw)}, inside what begins at byte {self._cut}"
        elif self._told_size > (end := self._at + len(self._raw)):
            yield f"the file breaks off at byte {end}; its header tells of {self._told_size} bytes"

    # The file -----------------------------------------------------------------------------

    def _have(self, size: int) -> bool:
        """Whether so many bytes are there."""
        while len(self._raw) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._raw += chunk
        return True

    def _take(self, size: int) -> bytes:
        taken = bytes(self._raw[:size])
        del self._raw[:size]
        self._at += len(taken)
        return taken

    def damaged(self, at: int) -> None:
        """Something at that byte, or in the container that begins there, is no object."""
        self._first_broken = self._first_broken if self._broken else at
        self._broken += 1

    def _sound_parts(self) -> Iterator[bytes]:
        yield self._header()
        objects = _Objects(self)
        while (found := self._next_object()) is not None:
            at, data = found
            if sound := b"".join(objects.take(at, data)):
                size = _OBJECT.size + _CONTAINER.size + len(sound)
                head = _OBJECT.pack(_MARK, _OBJECT.size, 1, size, _CONTAINER_TYPE)
                yield head + _CONTAINER.pack(_STORED, len(sound)) + sound + bytes(size % 4)
        if self._cut is None and objects.unfinished is not None:
            self._cut = objects.unfinished

    def _header(self) -> bytes:
        path = self._source.path
        if not self._have(_FILE_HEADER.size):
            raise UserError(f"{path}: breaks off inside its header, at byte {len(self._raw)}; there is no frame in it")
        header = _FILE_HEADER.unpack_from(self._raw)
        size, self._told_size = header[1], header[10]
        if header[0] != b"LOGG" or not _FILE_HEADER.size <= size <= _LARGEST_HEADER:
            raise UserError(f"{path}: does not begin as a .blf file does; is it one?")
        self._have(size)
        return self._take(size).ljust(size, b"\0")

    def _next_object(self) -> tuple[int, bytes] | None:
        """Where the next object of the file begins, and its bytes; of a container what is in it. None at the end."""
        while self._find():
            _, header_size, _, size, kind = _OBJECT.unpack_from(self._raw)
            at = self._at
            # Only a container has so short a header, so one that calls itself something else is damaged.
            disguised = kind != _CONTAINER_TYPE and header_size < min(_HEADER_SIZES.values())
            if disguised or not _OBJECT.size <= size <= _LARGEST_OBJECT:
                self.damaged(at)
                self._take(len(_MARK))
                continue
            whole = self._have(size)
            self._cut = None if whole else at
            data = self._take(size)
            if kind != _CONTAINER_TYPE:
                return at, data
            if len(data) > _OBJECT.size + _CONTAINER.size:
                return at, self._unpack(at, data, whole=whole)
        return None

    def _find(self) -> bool:
        """Goes to the next object, over padding; what else lies before it is damage. Whether there is one."""
        self._have(_OBJECT.size + _SEARCHED)
        place = self._raw.find(_MARK, 0, _SEARCHED + len(_MARK))
        if place < 0 and self._raw.strip(b"\0"):
            self.damaged(self._at)
        while place < 0 and (place := self._raw.find(_MARK)) < 0 and self._raw:
            self._take(max(0, len(self._raw) - len(_MARK) + 1))
            if not self._have(_PIECE):
                place = self._raw.find(_MARK)
                break
        self._take(max(0, place))
        whole = self._have(_OBJECT.size)
        if place >= 0 and not whole:
            self._cut = self._at
        return place >= 0 and whole

    def _unpack(self, at: int, data: bytes, *, whole: bool) -> bytes:
        """What is in the container; where it is damaged, what can be read."""
        method, _ = _CONTAINER.unpack_from(data, _OBJECT.size)
        packed = data[_OBJECT.size + _CONTAINER.size :]
        if method == _STORED:
            return packed
        unpacked, unpack = bytearray(), zlib.decompressobj()
        try:
            for place in range(0, len(packed), _PIECE):
                unpacked += unpack.decompress(packed[place : place + _PIECE])
        except zlib.error:
            self.damaged(at)
        else:
            if method != _DEFLATED or (whole and not unpack.eof):
                self.damaged(at)
        return bytes(unpacked)


class _Objects:
    """The objects in the containers; one may begin in a container and end in the next.

    unfinished: the container in which an object began that is not whole yet.
    """

    def __init__(self, file: _SoundFile) -> None:
        self._file = file
        self._tail = b""
        self.unfinished: int | None = None

    def take(self, at: int, data: bytes) -> Iterator[bytes]:
        """Every whole object that carries a frame. at: where in the file its container begins."""
        data, place = self._tail + data, 0
        self._tail, self.unfinished = b"", None
        while (place := self._find(at, data, place)) >= 0:
            size = _size_of(data, place)
            if size is None:
                self._file.damaged(at)
                place += len(_MARK)
            elif size == 0 or place + size > len(data):
                self._tail, self.unfinished = data[place:], at
                return
            else:
                yield from _passed_on(data[place : place + size])
                place += size

    def _find(self, at: int, data: bytes, place: int) -> int:
        """Where the next object begins; -1: nowhere, and what is left is padding or damage."""
        found = data.find(_MARK, place, place + _SEARCHED + len(_MARK))
        if found < 0 and len(data) - place < _SEARCHED and data[place:].strip(b"\0"):
            return place  # the mark itself may be cut by the end of the container
        if found < 0 and data[place:].strip(b"\0"):
            self._file.damaged(at)
            found = data.find(_MARK, place)
        return found


def _size_of(data: bytes, place: int) -> int | None:
    """The size of the object that begins there; 0: it is not there as a whole; None: it is none."""
    if len(data) - place < _OBJECT.size:
        return 0
    _, header_size, version, size, kind = _OBJECT.unpack_from(data, place)
    if not _OBJECT.size <= size <= _LARGEST_OBJECT:
        return None
    shortest = _SHORTEST.get(kind)
    if shortest is not None and not _HEADER_SIZES.get(version, _LARGEST_OBJECT) <= header_size <= size - shortest:
        return None
    return int(size)


def _passed_on(data: bytes) -> Iterator[bytes]:
    """The object as python-can knows it; nothing for one that carries no frame."""
    _, header_size, version, _, kind = _OBJECT.unpack_from(data)
    if kind in (_ERROR_TYPE, _ERROR_64_TYPE):
        channel = int.from_bytes(data[header_size : header_size + (1 if kind == _ERROR_64_TYPE else 2)], "little")
        body = _ERROR_EXT.pack(channel, 0, 0, 0, 0, 0, 0, 0, 0, b"")
        head = _OBJECT.pack(_MARK, header_size, version, header_size + len(body), _ERROR_EXT_TYPE)
        yield head + data[_OBJECT.size : header_size] + body
    elif kind in _SHORTEST:
        yield data + bytes(len(data) % 4)
