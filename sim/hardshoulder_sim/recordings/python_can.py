"""Formats that python-can reads: .mf4 (with asammdf), its own csv and its database."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hardshoulder.core.frame import EXTENDED
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.candump import CLASSIC_LENGTH, LONGEST, LogFrame
from hardshoulder_sim.recordings.source import Source

if TYPE_CHECKING:
    import can

_REMEDIES = {
    ".mf4": "save it anew with the tool that made it, or with asammdf; the index of such a file stands at its end",
    ".csv": "mend or remove that line",
}


def suffixes() -> frozenset[str]:
    """The names that these formats end in."""
    import can.io  # on demand: it imports slowly, and a candump log does not need it

    return frozenset(can.io.MESSAGE_READERS)


def read_python_can(source: Source, plain: Path) -> Iterator[LogFrame]:
    """The frames of the recording, whose unpacked copy is `plain`."""
    import can.io

    count, suffix = 0, source.suffix
    if suffix == ".mf4":
        _need_asammdf(source)
    problem = None
    with _silenced():
        try:
            with can.io.MESSAGE_READERS[suffix](str(plain)) as reader:
                for message in reader:
                    yield from_message(message)
                    count += 1
        except Exception as error:  # the readers raise whatever their parsing runs into; all of it means a broken file
            problem = str(error) or type(error).__name__
        if problem is not None:
            gc.collect()  # half-made objects complain when they go; that has to be before we listen again
    if problem is not None:
        place = f":{count + 2}" if suffix == ".csv" else ""
        remedy = _REMEDIES.get(suffix, "save it anew with the tool that made it")
        raise UserError(f"{source.path}{place}: cannot be read on after {count} frames ({problem}); {remedy}")


def _need_asammdf(source: Source) -> None:
    try:
        import asammdf  # noqa: F401 python-can imports it too, but says less when it is missing
    except ModuleNotFoundError:
        raise UserError(f"{source.path}: .mf4 needs the library asammdf; install hardshoulder[sim]") from None


@contextmanager
def _silenced() -> Iterator[None]:
    """asammdf trips over its own half-made objects when a file is broken, and Python prints that."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        trace: TracebackType | None = unraisable.exc_traceback
        if trace is None or "asammdf" not in trace.tb_frame.f_code.co_filename:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def from_message(message: "can.Message") -> LogFrame:
    """The message as a frame. Raises ValueError where its data is not as long as it says."""
    flags = None
    if message.is_fd:
        flags = int(message.bitrate_switch) | int(message.error_state_indicator) << 1
    kind = "error" if message.is_error_frame else "remote" if message.is_remote_frame else "data"
    data = bytes(min(message.dlc, CLASSIC_LENGTH)) if kind == "remote" else bytes(message.data)
    length = message.dlc if message.is_fd else min(message.dlc, CLASSIC_LENGTH)
    if kind == "data" and (len(data) != length or length > LONGEST):
        raise ValueError(f"a frame of {length} bytes has {len(data)}")
    return LogFrame(
        at_s=message.timestamp,
        channel="" if message.channel is None else str(message.channel),
        can_id=message.arbitration_id | (EXTENDED if message.is_extended_id and kind != "error" else 0),
        data=data,
        kind="error" if message.is_error_frame else "remote" if message.is_remote_frame else "data",
        fd_flags=flags,
    )
