"""The csv files of GVRET and SavvyCAN, which python-can takes for its own and cannot read."""

import csv
from collections.abc import Iterator
from pathlib import Path

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import LogFrame

_NEEDED = ("Time Stamp", "ID", "Extended", "Bus", "LEN", "D1")


def is_gvret(path: Path) -> bool:
    """Whether the first line is the header of such a file."""
    with path.open(encoding="latin-1") as file:
        return file.readline(200).startswith("Time Stamp,")


def read_gvret(path: Path, named: Path) -> Iterator[LogFrame]:
    """The frames; the channel is the number of the bus. named: the file to name in an error."""
    with path.open(encoding="latin-1", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows)]
        if missing := [name for name in _NEEDED if name not in header]:
            raise UserError(f"{named}:1: the header of a GVRET file lacks {', '.join(missing)}")
        places = tuple(header.index(name) for name in _NEEDED)
        for row in rows:
            if row:
                try:
                    yield _frame(row, *places)
                except (ValueError, IndexError):
                    raise UserError(
                        f"{named}:{rows.line_num}: expected {','.join(header[:6])},..., got {','.join(row)[:60]!r}"
                    ) from None


def _frame(row: list[str], stamp: int, name: int, extended: int, bus: int, length: int, first: int) -> LogFrame:
    can_id = int(row[name], 16) | (EXTENDED if row[extended].strip().lower() in {"true", "1"} else 0)
    data = bytes(int(row[first + place], 16) for place in range(int(row[length])))
    return LogFrame(int(row[stamp]) / 1e6, row[bus].strip(), can_id, data)
