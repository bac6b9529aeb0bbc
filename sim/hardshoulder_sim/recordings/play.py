"""Plays a recorded drive onto a bus in real time."""

import time
from pathlib import Path

from hardshoulder.core.frame import Frame
from hardshoulder_sim.drive import Port, open_port
from hardshoulder_sim.recordings.logs import open_log
from hardshoulder_sim.reference import BUS
from hardshoulder_sim.slcan_port import SlcanPort

_LOOK_AGAIN_S = 0.05


def play(log: Path, bus_url: str) -> int:
    """Sends the recording's data frames at their own pace; how many.

    bus_url: as `drive.open_port` understands it; a pseudo-terminal waits until somebody opens it.
    What others send meanwhile is taken off the bus and dropped: a recording cannot answer.
    Raises UserError for a broken log and what `open_port` raises.
    """
    port = open_port(bus_url)
    try:
        while isinstance(port, SlcanPort) and not port.channel_open:
            port.receive_ready()
            time.sleep(_LOOK_AGAIN_S)
        return _send_all(log, port)
    finally:
        port.close()


def _send_all(log: Path, port: Port) -> int:
    sent, shift_s = 0, None
    for frame in open_log(log):
        if frame.kind != "data" or frame.fd_flags is not None:
            continue
        if shift_s is None:
            shift_s = time.monotonic() - frame.at_s
        wait_s = frame.at_s + shift_s - time.monotonic()
        if wait_s > 0:
            port.receive_ready()
            time.sleep(wait_s)
        port.send(Frame(frame.at_s, BUS, frame.can_id, frame.data))
        sent += 1
    return sent
