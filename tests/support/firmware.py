"""The firmware as a shared library: built once for a run, and driven with the time that a test says."""

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from hardshoulder.core.frame import Frame
from hardshoulder_bridge.codec import Packet

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".cache" / "firmware"
LINE = 65536


def need(tool: str, package: str) -> None:
    """Fails the test that cannot do without a tool, and says what to install."""
    if shutil.which(tool) is None:
        raise pytest.fail.Exception(
            f"{tool} is missing; please run: scripts/setup full (Debian package {package})", pytrace=False
        )


def build(what: str, *arguments: str) -> str:
    """Runs `scripts/firmware`; what it printed. Whatever stops it fails the test with its words."""
    command = [str(ROOT / "scripts" / "firmware"), what, *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=110)
    if done.returncode:
        raise pytest.fail.Exception(f"{' '.join(command)}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


@cache
def host_build() -> Path:
    """The folder with the library and the program for this machine, built from the sources as they are."""
    need("gcc", "gcc")
    build("host")
    return BUILT


@cache
def library() -> ctypes.CDLL:
    """The host library."""
    loaded = ctypes.CDLL(str(host_build() / "bridge.so"))
    loaded.host_turn.argtypes = [ctypes.c_uint64]
    loaded.host_uart_limit.argtypes = [ctypes.c_size_t]
    for name in ("host_uart_out", "host_decode", "host_encode"):
        getattr(loaded, name).restype = ctypes.c_size_t
    for name in ("host_lamp", "host_can_in", "host_can_out", "host_uart_in"):
        getattr(loaded, name).restype = ctypes.c_bool
    loaded.host_uart_in.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.host_decode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    loaded.host_uart_out.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return loaded


class CDecoder:
    """The firmware's decoder; there is one, so a new object begins it anew."""

    def __init__(self) -> None:
        self._library = library()
        self._library.host_decoder_reset()

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that these bytes complete."""
        out = ctypes.create_string_buffer(LINE * 2)
        length = self._library.host_decode(data, len(data), out, len(out))
        raw, packets, at = out.raw[:length], [], 0
        while at < len(raw):
            kind, number, size = raw[at : at + 3]
            packets.append(Packet(kind, number, raw[at + 3 : at + 3 + size]))
            at += 3 + size
        return packets

    @property
    def faults(self) -> tuple[int, int, int]:
        """(overlong, malformed, CRC errors) so far."""
        counts = (ctypes.c_uint32 * 3)()
        self._library.host_decoder_faults(counts)
        return counts[0], counts[1], counts[2]


def c_encode(packet: Packet) -> bytes:
    """The packet as the firmware puts it on the line."""
    out = ctypes.create_string_buffer(256)
    size = library().host_encode(packet.kind, packet.number, packet.payload, len(packet.payload), out)
    return out.raw[:size]


def c_records(payload: bytes) -> list[tuple[int, int, bytes]] | None:
    """(time, id, data) of each record as the firmware reads them; None when it calls the payload malformed."""
    out = ctypes.create_string_buffer(17 * 64)
    count = library().host_records(payload, len(payload), out)
    if count < 0:
        return None
    rows = (out.raw[17 * i : 17 * i + 17] for i in range(count))
    return [
        (int.from_bytes(row[:4], "little"), int.from_bytes(row[4:8], "little"), row[9 : 9 + row[8]]) for row in rows
    ]


def c_permit(can_id: int, data: bytes, *, opened: bool = True) -> int:
    """The verdict of a fresh permit on one frame."""
    return int(library().host_permit(opened, ctypes.c_uint32(can_id), len(data), data))


class Board:
    """The whole bridge, just started, at a time of the test's own.

    There is one, so a new object ends the one before.
    """

    def __init__(self, now_s: float = 0.0) -> None:
        self._library = library()
        self._library.host_reset()
        self._now_us = round(now_s * 1e6)

    @property
    def now_s(self) -> float:
        """The board's time."""
        return self._now_us / 1e6

    @property
    def lamp(self) -> bool:
        """Whether the output glows now."""
        return bool(self._library.host_lamp())

    @property
    def lights(self) -> int:
        """0 off, 1 asked, 2 confirmed, 3 held."""
        return int(self._library.host_lights())

    @property
    def end(self) -> int:
        """Why hazards last ended."""
        return int(self._library.host_end())

    def turn(self, after_s: float = 0.001) -> None:
        """One turn, so much later."""
        self._now_us += round(after_s * 1e6)
        self._library.host_turn(self._now_us)

    def tell(self, data: bytes) -> None:
        """Bytes from Linux."""
        assert self._library.host_uart_in(data, len(data)), "the host's line is full"

    def said(self) -> bytes:
        """Bytes to Linux since the last call."""
        out = ctypes.create_string_buffer(LINE)
        size = self._library.host_uart_out(out, len(out))
        return out.raw[:size]

    def limit_line(self, size: int) -> None:
        """The line takes so many bytes until `said` empties it."""
        self._library.host_uart_limit(size)

    def hear(self, can_id: int, data: bytes) -> None:
        """A frame on the car's bus."""
        assert self._library.host_can_in(ctypes.c_uint32(can_id), len(data), data), "the host's bus is full"

    def sent(self) -> list[Frame]:
        """Frames that the board put on the car's bus since the last call, stamped with now."""
        can_id, length, data = ctypes.c_uint32(), ctypes.c_uint8(), ctypes.create_string_buffer(8)
        frames = []
        while self._library.host_can_out(ctypes.byref(can_id), ctypes.byref(length), data):
            frames.append(Frame(self.now_s, "main", can_id.value, data.raw[: length.value]))
        return frames

    def controller(self, *, takes: bool) -> None:
        """Whether the CAN controller takes frames."""
        self._library.host_can_takes(takes)

    def switch(self, *, down: bool) -> None:
        """The hazard switch on its pin."""
        self._library.host_switch(down)

    def supply(self, volts: float) -> None:
        """The supply."""
        self._library.host_supply(round(volts * 1000))
