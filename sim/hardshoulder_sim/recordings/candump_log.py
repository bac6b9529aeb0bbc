"""candump's logs: the lines of `-L` by a fast path, those for people by their grammar."""

from collections.abc import Iterator
from itertools import chain, pairwise

from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import (
    CLASSIC_LENGTH,
    EXPECTED,
    STAMP_END_S,
    LogFrame,
    Shown,
    parse_line,
    parse_shown,
)
from hardshoulder_sim.recordings.source import Source

IDS_LIMIT = 65_536
"""Identifiers remembered while reading; a log with more is read all the same, more slowly."""

DELTA_PROOF = 20
"""Stamps that are looked at, at least, before they are taken for times between frames."""

_NO_STAMPS = (
    "the lines carry no time stamps: every frame counts as of the same instant, so nothing that lasts can be "
    "concluded; record with candump -L"
)
_DELTAS = "the time stamps are times between frames (candump -td) and were added up"

Chunks = Iterator[tuple[list[str], bool]]


def read_candump(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """Splits the usual line by hand, and leaves everything else to the full grammar."""
    ids: dict[str, int] = {}
    number = 0
    from_hex = bytes.fromhex
    chunks = source.line_chunks()
    first = next(chunks)
    unusual = _Unusual(source, notes, _is_delta(first[0]))
    for lines, last in chain((first,), chunks):
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
            frame = unusual.read(number, line, last)
            if frame is not None:
                yield frame
                if frame.kind == "data" and "#" in line and len(ids) < IDS_LIMIT:
                    ids[line.split()[2].partition("#")[0]] = frame.can_id


class _Unusual:
    """Reads the lines that are not the usual ones."""

    def __init__(self, source: Source, notes: list[str], delta: bool) -> None:
        self._source, self._notes, self._delta = source, notes, delta
        self._at_s = 0.0
        self._no_stamp_said = False
        if delta:
            notes.append(_DELTAS)

    def read(self, number: int, line: str, last: bool) -> LogFrame | None:
        """The frame; None for an empty line, a cut last one, and what candump -e explains of an error frame."""
        text = line.strip("\0").strip()
        if not text or (line.startswith("\t") and "{" in line):
            return None
        text = text.removeprefix("\xef\xbb\xbf")  # the mark some editors put before UTF-8
        if (frame := parse_line(text)) is not None:
            return frame
        if (shown := parse_shown(text)) is not None:
            return self._timed(number, shown)
        if not last:
            raise UserError(
                f"{self._source.path}:{number}: expected {EXPECTED}, got {text[:60]!r}; mend or remove the line"
            )
        # Power was cut while it was written; what came before is sound.
        self._notes.append(f"line {number}, the last, is cut off and was left out")
        return None

    def _timed(self, number: int, shown: Shown) -> LogFrame:
        if shown.stamped:
            self._at_s = shown.frame.at_s + (self._at_s if self._delta else 0.0)
        elif not self._no_stamp_said:
            self._no_stamp_said = True
            self._notes.append(f"from line {number} on {_NO_STAMPS}")
        return shown.frame._replace(at_s=self._at_s)


def _is_delta(lines: list[str]) -> bool:
    """Whether the stamps of lines for people go down as often as only times between frames do."""
    found = (parse_shown(line.strip()) for line in lines[:1000] if "[" in line)
    stamps = [shown.frame.at_s for shown in found if shown is not None and shown.stamped]
    down = sum(later < earlier for earlier, later in pairwise(stamps))
    return len(stamps) >= DELTA_PROOF and down > len(stamps) / 4
