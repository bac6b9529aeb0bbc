"""PEAK's .trc in all its versions, read line by line.

Not through python-can: it drops error frames and garbled lines without a word, does not know version 1.2, and
mixes up the flags of FE and BI. The tests hold both readers against each other where python-can is right.
"""

from collections.abc import Iterator

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import CLASSIC_LENGTH, Kind, LogFrame
from hardshoulder_sim.recordings.source import Source
from hardshoulder_sim.recordings.text_lines import Lines, decimal, whole

# Named as in $COLUMNS: number, offset, type, bus, identifier, direction, reserved, length (l) or its code (L), data.
_COLUMNS = {"1.0": "NOILD", "1.1": "NOTILD", "1.2": "NOBTILD", "1.3": "NOBTIRLD", "2.0": "NOTIdlD", "2.1": "NOTBIdRLD"}
_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
_FLAGS = {"FD": 0, "FB": 1, "FE": 2, "BI": 3}
"""Types of CAN FD frames: bit 0 bit rate switch, bit 1 error state."""

_DATA = frozenset({"RX", "TX", "DT", *_FLAGS})
_ERROR = frozenset({"ERROR", "ER"})
_QUIET = frozenset({"WARNG", "ST", "EC", "EV"})
"""Lines on the state of the hardware, and what the user wrote between."""

_ONLY_CHANNEL = "1"
_STANDARD_DIGITS = 4


def read_trc(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; the channel is the number of the bus, 1 where the version has none."""
    lines, columns = Lines(source, notes), _COLUMNS["1.0"]
    for line in lines:
        if line.startswith(";"):
            columns = _said(source, line) or columns
            continue
        try:
            frame = _frame(line.split(), columns)
        except (ValueError, LookupError):
            lines.broken(line, f"the columns {','.join(columns)} of the file's version")
            continue
        if frame is not None:
            yield frame


def _said(source: Source, line: str) -> str | None:
    """The columns that a header line gives."""
    name, mark, value = line.partition("=")
    if name == ";$FILEVERSION" and mark:
        if value.strip() not in _COLUMNS:
            known = ", ".join(_COLUMNS)
            raise UserError(f"{source.path}: version {value.strip()!r} of .trc is unknown; save it as one of {known}")
        return _COLUMNS[value.strip()]
    return value.replace(",", "").replace(" ", "") if name == ";$COLUMNS" and mark else None


def _frame(words: list[str], columns: str) -> LogFrame | None:
    """The frame; None for a line of another kind. Raises ValueError or LookupError for one that is none."""
    at = {column: words[place] for place, column in enumerate(columns) if place < len(words)}
    kind = at["T"].upper() if "T" in columns else _kind_of_first(words)
    at_s, channel = decimal(at["O"]) / 1000, at.get("B", _ONLY_CHANNEL)
    whole(at["N"].removesuffix(")"))
    if kind in _QUIET:
        return None
    if "B" in columns:
        channel = str(whole(channel))
    if kind in _ERROR:
        return LogFrame(at_s, channel, 0, b"", "error")
    rest = words[columns.index("D") :]
    remote = kind == "RR" or rest[:1] == ["RTR"]
    if not remote and kind not in _DATA:
        raise ValueError
    flags = _FLAGS.get(kind)
    length = _length(at, flexible=flags is not None)
    data = bytes(length) if remote else bytes(whole(word, 16) for word in rest[:length])
    if len(data) != length or (rest[length:] and not remote) or any(len(word) != 2 for word in rest if not remote):
        raise ValueError
    named: Kind = "remote" if remote else "data"
    return LogFrame(at_s, channel, _identifier(at["I"]), data, named, flags)


def _kind_of_first(words: list[str]) -> str:
    """Version 1.0 has no column for the type; the data tells."""
    if words[2].upper() == "FFFFFFFF":
        return "WARNG"
    return "ERROR" if words[4:5] == ["ERROR"] else "RX"


def _length(at: dict[str, str], *, flexible: bool) -> int:
    """Bytes: `l` counts them, `L` is the length code."""
    written = whole(at["l"] if "l" in at else at["L"])
    if "l" not in at and written in range(len(_LENGTHS)):
        length = _LENGTHS[written] if flexible else min(written, CLASSIC_LENGTH)
    else:
        length = written
    if length not in _LENGTHS or (length > CLASSIC_LENGTH and not flexible):
        raise ValueError
    return length


def _identifier(word: str) -> int:
    """Four digits are 11 bits, more are 29, whatever the number."""
    can_id, extended = whole(word, 16), len(word) > _STANDARD_DIGITS
    if can_id > (EXTENDED_ID_MAX if extended else STANDARD_ID_MAX):
        raise ValueError
    return can_id | EXTENDED if extended else can_id
