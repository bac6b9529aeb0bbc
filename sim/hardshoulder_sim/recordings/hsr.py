"""Our own format, as the recorder in the car writes it (docs/RECORDINGS.md)."""

from collections.abc import Iterator

from hardshoulder.edge.recorded import Recorded, Stamped
from hardshoulder.edge.recording import ERROR_STATE, FLEXIBLE, RATE_SWITCH, NotOurs
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import LogFrame
from hardshoulder_sim.recordings.source import Source


def read_hsr(source: Source, notes: list[str]) -> Iterator[LogFrame]:
    """The frames; the channel is the profile's name for the bus. What the daemon sent itself is among them."""
    try:
        recorded = Recorded(b"".join(source.chunks()))
    except NotOurs as error:
        raise UserError(f"{source.path}: no recording that can be read: {error}; copy it from the car anew") from None
    yield from map(_frame, recorded)
    notes += (f"the recording {note}" for note in recorded.notes)
    if not recorded.notes and recorded.state == "cut":
        notes.append("the recording is cut: it ends with a whole chunk, and no word that it was meant to")
    if not recorded.clock_trusted:
        notes.append("the car's clock was not set while this was recorded; only the distances of times are right")


def _frame(frame: Stamped) -> LogFrame:
    flags = None
    if frame.flags & FLEXIBLE:
        flags = int(bool(frame.flags & RATE_SWITCH)) | int(bool(frame.flags & ERROR_STATE)) << 1
    return LogFrame(frame.at_us / 1e6, frame.bus, frame.can_id, frame.data, "data", flags)
