"""A small DBC file, and a desk at which tests damage and read it."""

from collections.abc import Iterable
from pathlib import Path

import cantools
from cantools.database import Database
from cantools.database.can import Message

from hardshoulder.core.bits import fits
from hardshoulder.core.plan import Field, FieldKind
from hardshoulder.dbc_file import DbcMessage, read_dbc
from support.written import problems_of

NEEDED = {"Speed": frozenset({"Kph"})}
SPEED = """\
BO_ 272 Speed: 8 ESC
 SG_ Kph : 7|16@0+ (0.01,0) [0|655.34] "km/h" DSP
 SG_ Brake : 23|2@0+ (1,0) [0|1] "" DSP
"""
HEADER = 'VERSION ""\n\nNS_ :\n\tCM_\n\nBS_:\n\nBU_: ESC DSP\n\n'
DBC = HEADER + SPEED + '\nBA_ "GenMsgCycleTime" BO_ 272 20;\n'


class Desk:
    """Writes a file and reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "car.dbc"
        self.notes: tuple[str, ...] = ()

    def read(self, content: str | bytes, needed: dict[str, frozenset[str]] | None = None) -> dict[str, DbcMessage]:
        self.path.write_bytes(content.encode("ascii") if isinstance(content, str) else content)
        found, self.notes = read_dbc(self.path, NEEDED if needed is None else needed)
        return found

    def problems(self, content: str | bytes, needed: dict[str, frozenset[str]] | None = None) -> tuple[str, ...]:
        return problems_of(lambda: self.read(content, needed))


def assert_sound(found: dict[str, DbcMessage]) -> None:
    """The speed message is there as it should be."""
    message = found["Speed"].message
    (kph,) = message.signals
    assert (message.frame_id, message.is_extended_frame, message.length) == (272, False, 8)
    assert (kph.name, kph.start, kph.length, kph.byte_order, kph.scale) == ("Kph", 7, 16, "big_endian", 0.01)


COMMENT = (
    'CM_ SG_ 272 Kph "Said on the wheel.\nBO_ 272 Speed: 8 ESC\n SG_ Kph : 0|8@1+ (1,0)\nSIG_VALTYPE_ 272 Kph : 1;\n'
)
"""The begin of a comment that quotes statements."""

Layout = tuple[object, ...]


def database_of(content: bytes, *, strict: bool = True) -> Database:
    """What cantools makes of a file."""
    database = cantools.database.load_string(
        content.decode("cp1252", "replace"), "dbc", strict=strict, sort_signals=None
    )
    assert isinstance(database, Database)
    return database


def layouts(message: Message, only: Iterable[str] | None = None) -> dict[str, Layout]:
    """Everything by which a signal is read, with what it shares with its message."""
    return {
        signal.name: (
            *(message.frame_id, message.is_extended_frame, message.length),
            *(signal.start, signal.length, signal.byte_order, signal.is_signed, signal.is_float),
            *(float(signal.scale), float(signal.offset)),
            signal.multiplexer_signal,
            tuple(signal.multiplexer_ids or ()),
        )
        for signal in message.signals
        if only is None or signal.name in only
    }


def whole(database: Database) -> dict[str, frozenset[str]]:
    """Every message with every signal."""
    return {message.name: frozenset(signal.name for signal in message.signals) for message in database.messages}


def fits_in(message: Message, name: str) -> bool:
    """As the compiler judges it, which refuses the signal by the profile's key otherwise."""
    (signal,) = (signal for signal in message.signals if signal.name == name)
    place = Field(signal.start, signal.length, signal.byte_order == "little_endian", FieldKind.UNSIGNED)
    return fits(place, message.length)
