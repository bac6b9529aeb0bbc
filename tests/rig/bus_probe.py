"""Runs inside the guest: opens a bus as the daemon does and prints what it gives, one line each.

bus_probe.py listen|raw|send URL ID[#DATA]|down...    ids as candump prints them: 123, or 00000123 for 29 bits
"""

import os
import select
import subprocess
import sys
import time

from hardshoulder.core.frame import EXTENDED, Frame, id_text
from hardshoulder.edge.bus import Bus, BusError, open_bus

_RETRY_S = 0.2
_RAW_SIZE = 72


def _can_id(text: str) -> int:
    return int(text, 16) | (EXTENDED if len(text) == 8 else 0)


def _open(url: str, ids: list[str]) -> Bus:
    bus = open_bus("body", url, frozenset(map(_can_id, ids)))
    print("open", flush=True)
    return bus


def listen(url: str, ids: list[str]) -> None:
    """Frames and errors; after an error it opens the bus again."""
    while True:
        try:
            bus = _open(url, ids)
            try:
                _print_frames(bus)
            finally:
                bus.close()
        except BusError as error:
            print("error", error, flush=True)
        time.sleep(_RETRY_S)


def _print_frames(bus: Bus) -> None:
    while True:
        select.select([bus], [], [])
        for frame in bus.receive_ready():
            print(frame.bus, f"{id_text(frame.can_id)}#{frame.data.hex().upper()}", flush=True)


def raw(url: str, ids: list[str]) -> None:
    """Every frame that the kernel hands to the bus's socket, before the bus itself chooses."""
    bus = _open(url, ids)
    while True:
        select.select([bus], [], [])
        data = os.read(bus.fileno(), _RAW_SIZE)
        print("kernel", id_text(int.from_bytes(data[:4], sys.byteorder)), flush=True)


def send(url: str, frames: list[str]) -> None:
    """Sends each frame once; `down` instead of a frame takes the interface away before the next."""
    bus = _open(url, [])
    for text in frames:
        if text == "down":
            subprocess.run(["ip", "link", "set", url.partition(":")[2], "down"], check=True)
            continue
        name, _, data = text.partition("#")
        try:
            bus.send(Frame(time.monotonic(), "body", _can_id(name), bytes.fromhex(data)))
        except BusError as error:
            print("error", error, flush=True)


if __name__ == "__main__":
    {"listen": listen, "raw": raw, "send": send}[sys.argv[1]](sys.argv[2], sys.argv[3:])
