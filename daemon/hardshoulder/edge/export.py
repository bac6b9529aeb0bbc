"""A recording of ours in the formats of other programs: candump's by the standard library, the rest by python-can."""

import contextlib
import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, id_text
from hardshoulder.edge.recorded import Recorded, Stamped
from hardshoulder.edge.recording import ERROR_STATE, FLEXIBLE, OWN, RATE_SWITCH
from hardshoulder.errors import UserError

if TYPE_CHECKING:
    import can

DISORDER_FRAMES = 4096
"""Buses are read one after the other, so frames of two of them may be told a few milliseconds out of order."""


def export(recorded: Recorded, path: Path) -> int:
    """Writes the frames in the order of their time, in the format that the name says; returns how many.

    The file appears under its name only once it is whole. Raises UserError for a name of another format or a library
    that is not there, or a place that cannot be written.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise UserError(f"{path}: .log, .blf and .mf4 can be written; let the name end in one of them")
    part = path.with_name(f".part-{path.name}")
    try:
        number = write(in_order(recorded), part, _channels(recorded))
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; cannot write there") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return number


def in_order(frames: Iterable[Stamped]) -> Iterator[Stamped]:
    """The frames by their time, as far as a bounded memory can tell; of two at one time the first stays the first."""
    numbers, waiting = count(), list[tuple[int, int, Stamped]]()
    for frame in frames:
        entry = (frame.at_us, next(numbers), frame)
        if len(waiting) < DISORDER_FRAMES:
            heapq.heappush(waiting, entry)
        else:
            yield heapq.heappushpop(waiting, entry)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _channels(recorded: Recorded) -> dict[str, int]:
    """A number for each bus, from 0, in the order of the configuration."""
    names = [name for part in recorded.parts if part.head is not None for name in part.head.buses]
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def candump_line(frame: Stamped) -> str:
    """The line of `candump -L`, without its end."""
    payload = frame.data.hex().upper()
    if frame.flags & FLEXIBLE:
        payload = f"#{_fd_flags(frame.flags):X}{payload}"
    seconds, micros = divmod(frame.at_us, 1_000_000)
    return f"({seconds:010d}.{micros:06d}) {frame.bus} {id_text(frame.can_id)}#{payload}"


def _fd_flags(flags: int) -> int:
    """As CANFD_BRS and CANFD_ESI of linux/can.h."""
    return int(bool(flags & RATE_SWITCH)) | int(bool(flags & ERROR_STATE)) << 1


def _write_candump(frames: Iterable[Stamped], path: Path, _channels: dict[str, int]) -> int:
    number = 0
    with path.open("w", encoding="ascii", errors="replace") as file:
        for frame in frames:
            file.write(candump_line(frame) + "\n")
            number += 1
    return number


def _write_blf(frames: Iterable[Stamped], path: Path, channels: dict[str, int]) -> int:
    from can.io import BLFWriter  # on demand: it imports slowly, and a candump log does not need it

    with BLFWriter(str(path)) as writer:
        return _write(frames, writer.on_message_received, channels)


def _write_mf4(frames: Iterable[Stamped], path: Path, channels: dict[str, int]) -> int:
    from can.io import MF4Writer

    try:
        import asammdf  # noqa: F401 python-can imports it too, but says less when it is missing
    except ModuleNotFoundError:
        raise UserError(f"{path}: .mf4 needs the library asammdf; install hardshoulder[sim], or write .log") from None
    with MF4Writer(str(path)) as writer:
        return _write(frames, writer.on_message_received, channels)


def _write(frames: Iterable[Stamped], put: "Callable[[can.Message], None]", channels: dict[str, int]) -> int:
    number = 0
    for frame in frames:
        put(_message(frame, channels.setdefault(frame.bus, len(channels))))
        number += 1
    return number


def _message(frame: Stamped, channel: int) -> "can.Message":
    import can

    return can.Message(
        timestamp=frame.at_us / 1e6,
        arbitration_id=frame.can_id & EXTENDED_ID_MAX,
        is_extended_id=bool(frame.can_id & EXTENDED),
        is_rx=not frame.flags & OWN,
        is_fd=bool(frame.flags & FLEXIBLE),
        bitrate_switch=bool(frame.flags & RATE_SWITCH),
        error_state_indicator=bool(frame.flags & ERROR_STATE),
        data=frame.data,
        channel=channel,
    )


_WRITERS: dict[str, Callable[[Iterable[Stamped], Path, dict[str, int]], int]] = {
    ".log": _write_candump,
    ".blf": _write_blf,
    ".mf4": _write_mf4,
}
