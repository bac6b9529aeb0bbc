"""Plays a recorded drive onto a bus in real time."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardshoulder.core.frame import Frame
from hardshoulder.errors import UserError
from hardshoulder_sim.drive import Port, open_port
from hardshoulder_sim.recordings.channels import LogClock
from hardshoulder_sim.recordings.logs import open_log
from hardshoulder_sim.reference import BUS
from hardshoulder_sim.slcan_port import SlcanPort

_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """What of a recording is played.

    from_s: begin there, in seconds since its first frame. channel: this one alone; None: all of them.
    stay: keep the bus after the last frame, until interrupted.
    """

    from_s: float = 0.0
    channel: str | None = None
    stay: bool = False


def play(log: Path, bus_url: str, part: Part = Part()) -> int:
    """Sends the recording's data frames at their own pace; how many.

    bus_url: as `drive.open_port` understands it; a pseudo-terminal waits until somebody opens it.
    What others send meanwhile is taken off the bus and dropped: a recording cannot answer.
    Raises UserError for a broken log or nothing to play, and what `open_port` raises.
    """
    port = open_port(bus_url)
    try:
        while isinstance(port, SlcanPort) and not port.channel_open:
            _rest(port)
        sent = _send_all(log, port, part)
        if sent == 0:
            raise UserError(f"{log}: no data frame {_where(part)}")
        while part.stay:
            _rest(port)
        return sent
    finally:
        port.close()


def _rest(port: Port) -> None:
    port.receive_ready()
    time.sleep(_LOOK_AGAIN_S)


def _where(part: Part) -> str:
    channel = "" if part.channel is None else f" of channel {part.channel}"
    return f"{channel} after {part.from_s:g} s; is it longer, and is that its channel?".lstrip()


def _send_all(log: Path, port: Port, part: Part) -> int:
    sent, shift_s = 0, None
    for frame in _chosen(log, part):
        if shift_s is None:
            shift_s = time.monotonic() - frame.at_s
        # A pause longer than a look: what waits for the reader goes out meanwhile.
        while (wait_s := frame.at_s + shift_s - time.monotonic()) > 0:
            port.receive_ready()
            time.sleep(min(wait_s, _LOOK_AGAIN_S))
        port.send(frame)
        sent += 1
    return sent


def _chosen(log: Path, part: Part) -> Iterator[Frame]:
    """The frames to send; times as `replay` counts them, also where the recording's clock was set."""
    clock: LogClock | None = None
    for frame in open_log(log):
        clock = clock or LogClock(math.inf, frame.at_s)
        now_s, _ = clock.advance(frame.at_s)
        wanted = part.channel is None or frame.channel == part.channel
        if wanted and now_s >= part.from_s and frame.kind == "data" and frame.fd_flags is None:
            yield Frame(now_s, BUS, frame.can_id, frame.data)
