"""Recordings of every format for tests: frames, and who writes them."""

import gzip
import lzma
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import can
import pytest
import zstandard

from hardshoulder.core.frame import EXTENDED
from hardshoulder_sim.recordings.logs import LogFrame, open_log

START_S = 1_768_464_000.0
BEFORE, LATER = START_S + 0.5, START_S + 0.75

DATA = can.Message(timestamp=START_S, arbitration_id=0x123, is_extended_id=False, data=b"\x01\xfe", channel=0)
WIDE = can.Message(timestamp=START_S + 0.25, arbitration_id=0x18DAF110, data=b"\x03" * 8, channel=1)
EMPTY = can.Message(timestamp=LATER, arbitration_id=0x7FF, is_extended_id=False, channel=0)
EARLY = can.Message(timestamp=BEFORE, arbitration_id=0x124, is_extended_id=False, data=b"\x09", channel=1)
ASKED = can.Message(
    timestamp=START_S + 1, arbitration_id=0x123, is_extended_id=False, dlc=3, is_remote_frame=True, channel=0
)
ERROR = can.Message(timestamp=START_S + 1.25, is_error_frame=True, is_extended_id=False, channel=1)
FAST = can.Message(
    timestamp=START_S + 1.5,
    arbitration_id=0x5,
    is_extended_id=False,
    data=bytes(range(12)),
    is_fd=True,
    bitrate_switch=True,
)
WORN = can.Message(
    timestamp=START_S + 1.75,
    arbitration_id=0x1FFFFFFF,
    data=b"\xaa" * 64,
    is_fd=True,
    error_state_indicator=True,
    channel=1,
)
FAST.channel = 0
CLASSIC = [DATA, WIDE, EMPTY, EARLY]
ALL = [*CLASSIC, ASKED, ERROR, FAST, WORN]


def written(path: Path, messages: Iterable[can.Message]) -> Path:
    """The file as python-can writes it; a packed one is packed afterwards, by the usual tools' libraries."""
    pack = PACKERS.get(path.suffix)
    plain = path if pack is None else path.with_name(f"plain{path.suffixes[-2]}")
    if plain.suffix == ".db":
        written_by_hand(plain, messages)
    else:
        with can.Logger(str(plain)) as writer:
            for message in messages:
                writer.on_message_received(message)
    if pack is not None:
        path.write_bytes(pack(plain.read_bytes()))
    return path


def written_by_hand(path: Path, messages: Iterable[can.Message]) -> None:
    """python-can's database; its own writer leaves out what is still in its queue when it is stopped."""
    rows = [
        (m.timestamp, m.arbitration_id, m.is_extended_id, m.is_remote_frame, m.is_error_frame, m.dlc, bytes(m.data))
        for m in messages
    ]
    with sqlite3.connect(path) as database:
        database.execute(
            "create table messages (ts real, arbitration_id integer, extended integer, remote integer, "
            "error integer, dlc integer, data blob)"
        )
        database.executemany("insert into messages values (?, ?, ?, ?, ?, ?, ?)", rows)
    database.close()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def expected(message: can.Message, channels: tuple[str, str]) -> LogFrame:
    """What that message is in a recording that names its channels so."""
    flags = int(message.bitrate_switch) | int(message.error_state_indicator) << 1 if message.is_fd else None
    can_id = message.arbitration_id | (EXTENDED if message.is_extended_id else 0)
    kind = "error" if message.is_error_frame else "remote" if message.is_remote_frame else "data"
    data = bytes(message.dlc) if message.is_remote_frame else bytes(message.data)
    channel = channels[int(message.channel)] if isinstance(message.channel, int) else ""
    return LogFrame(message.timestamp, channel, can_id, data, kind, flags)  # type: ignore[arg-type]


def same(frames: list[LogFrame], wanted: list[LogFrame]) -> None:
    """The frames are these, their times counted from the first, to the microsecond."""
    assert [frame._replace(at_s=0.0) for frame in frames] == [frame._replace(at_s=0.0) for frame in wanted]
    assert [frame.at_s - frames[0].at_s for frame in frames] == pytest.approx(
        [frame.at_s - wanted[0].at_s for frame in wanted], abs=2e-6
    )


CSV = "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n"
"""The header of a file that SavvyCAN writes."""


def read(folder: Path, name: str, text: str) -> tuple[list[LogFrame], list[str]]:
    """The frames and notes of a file written by hand."""
    path, notes = folder / name, list[str]()
    path.write_text(text, encoding="utf-8")
    return list(open_log(path, notes)), notes
