"""A small DBC file, and a desk at which tests damage and read it."""

from pathlib import Path

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
