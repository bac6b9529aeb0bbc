"""The csv files of GVRET and SavvyCAN, which python-can takes for its own and cannot read."""

import csv
from collections.abc import Iterator

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import CLASSIC_LENGTH, LONGEST, LogFrame
from hardshoulder_sim.recordings.source import Source
from hardshoulder_sim.recordings.text_lines import Lines, decimal, whole

_NEEDED = ("Time Stamp", "ID", "Extended", "Bus", "LEN", "D1")
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


def is_gvret(header: str) -> bool:
    """Whether this is the first line of such a file."""
    return header.startswith("Time Stamp,")


def read_gvret(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; the channel is the number of the bus."""
    lines = Lines(source, notes)
    places, expected, unmarked = None, "", 0
    for line in lines:
        if places is None:
            row = _row(line)
            places = _places(source, row)
            expected = ",".join(row[:7]) + ",..."
            continue
        try:
            frame = _frame(_row(line), *places)
        except (ValueError, LookupError):
            lines.refuse(line, expected)
            continue
        if frame.can_id > STANDARD_ID_MAX and not frame.can_id & EXTENDED:
            unmarked += 1
            frame = frame._replace(can_id=frame.can_id | EXTENDED)
        yield frame
    if unmarked:
        notes.append(f"{unmarked} frames have 29-bit ids that are not marked as extended; read as extended")


def _row(line: str) -> list[str]:
    """The fields of a line; none of what cannot be one, such as a field without end or a lone carriage return."""
    try:
        return next(csv.reader([line]))
    except csv.Error:
        return []


def _places(source: Source, header: list[str]) -> tuple[int, ...]:
    names = [name.strip() for name in header]
    if missing := [name for name in _NEEDED if name not in names]:
        raise UserError(f"{source.path}:1: the header of a GVRET file lacks {', '.join(missing)}; export it anew")
    return tuple(names.index(name) for name in _NEEDED)


def _frame(row: list[str], stamp: int, name: int, extended: int, bus: int, length: int, first: int) -> LogFrame:
    """Raises ValueError or LookupError for a row that is none."""
    can_id, count, at_s = whole(row[name].strip(), 16), whole(row[length].strip()), decimal(row[stamp].strip()) / 1e6
    marked = row[extended].strip().lower()
    if can_id > EXTENDED_ID_MAX or count > LONGEST or marked not in _TRUE | _FALSE:
        raise ValueError
    data = bytes(whole(row[first + place].strip(), 16) for place in range(count))
    flags = 0 if count > CLASSIC_LENGTH else None
    return LogFrame(at_s, row[bus].strip(), can_id | (EXTENDED if marked in _TRUE else 0), data, "data", flags)
