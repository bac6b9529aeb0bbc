"""Recordings: our own format, and logs of other makers' tools as the simulator opens them."""

import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from math import isfinite
from pathlib import Path

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX
from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recording import HEADER_BYTES, MARK, NotOurs
from hardshoulder.errors import UserError
from hardshoulder.recordings import told
from hardshoulder_fuzz.target import Check, Target
from hardshoulder_sim.recordings.candump import format_line
from hardshoulder_sim.recordings.logs import LogFrame, open_log
from support.log_files import ALL, CLASSIC, CSV, written
from support.recordings import small
from support.recordings import written as hsr_of

_LENGTH_AT, _BODY_CRC_AT, _HEAD_CRC_AT = 12, HEADER_BYTES - 8, HEADER_BYTES - 4
"""Where a chunk's header has the length of its body and the two checksums (docs/RECORDINGS.md)."""

AS_IT_IS, MENDED = 0, 1


def sound(frame: LogFrame) -> None:
    """What everybody behind a reader may rely on."""
    assert isfinite(frame.at_s) and frame.at_s >= 0, f"a time that is none: {frame.at_s}"
    assert len(frame.data) <= 64 and 0 <= frame.can_id & ~EXTENDED <= EXTENDED_ID_MAX, f"no frame: {frame}"
    format_line(frame)


def _opens(suffix: str) -> Callable[[Path], Check]:
    def make(folder: Path) -> Check:
        path = folder / f"drive{suffix}"

        def check(data: bytes) -> bool:
            path.write_bytes(data)
            try:
                for frame in open_log(path, []):
                    sound(frame)
            except UserError:
                return False
            return True

        return check

    return make


def mended(data: bytes) -> bytes:
    """The recording with every chunk's checksums made right, so that what was changed in it reaches the reader."""
    raw, at = bytearray(data), 0
    while (at := raw.find(MARK, at)) >= 0 and at + HEADER_BYTES <= len(raw):
        length = int.from_bytes(raw[at + _LENGTH_AT : at + _LENGTH_AT + 4], "little")
        body = raw[at + HEADER_BYTES : at + HEADER_BYTES + length]
        raw[at + _BODY_CRC_AT : at + _HEAD_CRC_AT] = zlib.crc32(body).to_bytes(4, "little")
        head = zlib.crc32(raw[at : at + _HEAD_CRC_AT])
        raw[at + _HEAD_CRC_AT : at + HEADER_BYTES] = head.to_bytes(4, "little")
        at += HEADER_BYTES
    return bytes(raw)


def _hsr(folder: Path) -> Check:
    """The first byte of an input chooses: as it is, or with its checksums mended."""
    opened = _opens(".hsr")(folder)

    def check(data: bytes) -> bool:
        raw = data[1:] if data[:1] == bytes((AS_IT_IS,)) else mended(data[1:])
        try:
            recorded = Recorded(raw)
        except NotOurs:
            return opened(raw)
        row = told(recorded)
        assert len(row) == 5 and all(isinstance(text, str) for text in row)
        assert sum(1 for _ in recorded) <= recorded.frames, "more frames than it says"
        return opened(raw)

    return check


@cache
def _written(suffix: str) -> tuple[bytes, ...]:
    """Files as python-can writes them."""
    with tempfile.TemporaryDirectory() as folder:
        kinds = (CLASSIC, ALL) if suffix != ".trc" else (CLASSIC,)
        return tuple(
            written(Path(folder) / f"{number}{suffix}", messages).read_bytes() for number, messages in enumerate(kinds)
        )


def _candump() -> list[bytes]:
    shown = b"  can0  123   [2]  01 FE\n (0.250000)  can1  18DAF110   [8]  03 03 03 03 03 03 03 03\n"
    return [*_written(".log"), shown, b"(0.0) can0 123#R3\n(1.0) can0 005##3000102\n(2.0) can0 20000088#0000\n"]


def _gvret() -> list[bytes]:
    rows = "1000,00000123,false,Rx,0,2,01,FE,\n2500,18DAF110,true,Rx,1,8,03,03,03,03,03,03,03,03,\n"
    return [(CSV + rows).encode(), (CSV + rows.replace("\n", "\r\n")).encode()]


def _hsr_seeds() -> list[bytes]:
    whole = hsr_of(small())
    return [bytes((mode,)) + data for mode in (AS_IT_IS, MENDED) for data in (whole, hsr_of(small(5), end=False))]


def _reader(name: str, suffix: str, seeds: Callable[[], list[bytes]]) -> Target:
    return Target(name, "sound frames, or UserError", seeds, _opens(suffix))


HSR = Target("hsr", "sound frames and what is wrong, or NotOurs", _hsr_seeds, _hsr)
CANDUMP = _reader("candump", ".log", _candump)
GVRET = _reader("gvret", ".csv", _gvret)
ASC = _reader("asc", ".asc", lambda: list(_written(".asc")))
TRC = _reader("trc", ".trc", lambda: list(_written(".trc")))
BLF = _reader("blf", ".blf", partial(lambda suffix: list(_written(suffix)), ".blf"))
