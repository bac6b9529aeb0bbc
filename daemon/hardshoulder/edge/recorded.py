"""A recording as somebody reads it: its parts, its frames on the wall clock, and what is wrong with it. Pure."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from hardshoulder.edge.recording import Buffer, Chunk, Fault, Head, Kind, NotOurs, chunks, parse_head, records

_MICROSECONDS = 1_000_000
_LATEST_US = 253_402_300_799 * _MICROSECONDS
"""The last second of the year 9999: nothing tells a later time, and a sound clock none that comes near."""


class Stamped(NamedTuple):
    """A frame of a recording. at_us: since 1970, as the car's wall clock had it in the end; flags: of a record."""

    at_us: int
    bus: str
    can_id: int
    data: bytes
    flags: int


@dataclass(slots=True)
class Part:
    """What one run of the daemon recorded. why: how it ended; "" where it was cut."""

    head: Head | None
    chunks: list[Chunk] = field(default_factory=list)
    why: str = ""

    @property
    def ahead_us(self) -> int:
        """How far the wall clock is ahead of the monotonic one.

        One distance for the whole part, so that no step of the wall clock tears it: the latest that was trusted.
        """
        moments = [chunk.moment for chunk in self.chunks]
        best = [moment for moment in moments if moment.trusted] or moments
        return best[-1].wall_us - best[-1].base_us if best else 0


class Recorded:
    """One recording. Raises NotOurs for bytes that are none, or of a newer format."""

    def __init__(self, data: Buffer) -> None:
        self.parts: list[Part] = []
        self._faults: list[Fault] = []
        for chunk in chunks(data, self._faults):
            self._take(chunk)
        if not self.parts:
            raise NotOurs("no sound chunk of a recording in it")

    @property
    def notes(self) -> list[str]:
        """What was damaged or is missing, a sentence each."""
        return [fault.text for fault in self._faults]

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self._faults.append(Fault(text, cut=False))

    def _take(self, chunk: Chunk) -> None:
        if chunk.kind == Kind.HEAD:
            self.parts.append(Part(self._head(chunk)))
            return
        if not self.parts or self.parts[-1].why:
            self._note("a head is missing: its buses have numbers for names")
            self.parts.append(Part(None))
        part = self.parts[-1]
        if chunk.kind == Kind.FRAMES:
            part.chunks.append(chunk)
        elif chunk.kind == Kind.END:
            part.why = "ended"

    def _head(self, chunk: Chunk) -> Head | None:
        try:
            return parse_head(chunk.body)
        except ValueError as error:
            self._note(f"the head at byte {chunk.at_byte} cannot be understood ({error})")
            return None

    @property
    def head(self) -> Head | None:
        """Of the first part that has one."""
        return next((part.head for part in self.parts if part.head is not None), None)

    @property
    def frames(self) -> int:
        """How many frames can be read."""
        return sum(chunk.frames for part in self.parts for chunk in part.chunks)

    @property
    def state(self) -> str:
        """`whole`, `cut` (nothing wrong but that its end is missing) or `damaged`."""
        if any(not fault.cut for fault in self._faults):
            return "damaged"
        return "cut" if self._faults or not all(part.why for part in self.parts) else "whole"

    @property
    def clock_trusted(self) -> bool:
        """Whether the car's wall clock was set at some time of each part."""
        return all(any(chunk.moment.trusted for chunk in part.chunks) for part in self.parts if part.chunks)

    @property
    def begins_us(self) -> int | None:
        """The time of the first frame, since 1970; None without one."""
        first = next(iter(self), None)
        return None if first is None else first.at_us

    @property
    def seconds(self) -> float:
        """How much time its chunks cover."""
        return sum(_covered_us(part) for part in self.parts) / _MICROSECONDS

    def __iter__(self) -> Iterator[Stamped]:
        """The frames in their order. A chunk that cannot be understood is left out with a note."""
        for part in self.parts:
            names, ahead_us = () if part.head is None else part.head.buses, part.ahead_us
            for chunk in part.chunks:
                try:
                    found = list(records(chunk.body, chunk.moment.base_us))
                except ValueError as error:
                    self._note(f"chunk {chunk.number} at byte {chunk.at_byte} is no row of frames ({error})")
                    continue
                for at_us, bus, can_id, data, flags in found:
                    name = names[bus] if bus < len(names) else f"bus{bus}"
                    yield Stamped(min(max(0, at_us + ahead_us), _LATEST_US), name, can_id, data, flags)


def _covered_us(part: Part) -> int:
    if not part.chunks:
        return 0
    last = part.chunks[-1]
    latest_us = last.moment.base_us
    # A chunk that cannot be understood covers no time; whoever reads the frames is told of it.
    with suppress(ValueError):
        latest_us = max((record.at_us for record in records(last.body, latest_us)), default=latest_us)
    return latest_us - part.chunks[0].moment.base_us
