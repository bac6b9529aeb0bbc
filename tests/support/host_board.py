"""The firmware as a process in real time, with a cable to Linux and a bus on the other side."""

import select
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from hardshoulder.core.frame import Frame
from hardshoulder_bridge.codec import Decoder, Packet, encode
from hardshoulder_bridge.messages import Record, pack_records, read_records
from hardshoulder_bridge.protocol import Kind
from support.cable import Cable
from support.firmware import host_build


class BusLine:
    """The serial line that stands for a board's CAN controller: frames to the board, and what it sends.

    line: a stream socket.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._decoder = Decoder()
        line.settimeout(None)

    def fileno(self) -> int:
        """Readable when the board has sent something."""
        return self._line.fileno()

    def send(self, *frames: Frame) -> None:
        """Frames of the car, for the board to hear."""
        payload = pack_records(Record(0, frame.can_id, frame.data) for frame in frames)
        self._line.sendall(encode(Packet(Kind.RECEIVED, 0, payload)))

    def waits(self) -> bool:
        """Whether the board has sent something."""
        return bool(select.select([self._line], [], [], 0)[0])

    def receive(self, at_s: float) -> list[Frame]:
        """The frames that wait; blocks when none does. Empty at the end."""
        frames = []
        for packet in self._decoder.feed(self._line.recv(65536)):
            for record in read_records(packet.payload) or ():
                frames.append(Frame(at_s, "main", record.can_id, record.data))
        return frames


class HostBoard:
    """The firmware's process; `bus` is its CAN side, `link` where Linux finds its port.

    lamp: whether the output glows. baud: of the cable, None for as fast as it goes.
    """

    def __init__(self, link: Path, baud: int | None = None) -> None:
        self._ours, self._theirs = socket.socketpair()
        bus, self._board_bus = socket.socketpair()
        self.bus = BusLine(bus)
        self._bus_socket = bus
        self.cable = Cable(self._ours.fileno(), link, baud)
        self.lamp = False
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        ends = (self._theirs.fileno(), self._board_bus.fileno())
        self._process = subprocess.Popen(
            [str(host_build() / "bridge-host"), *map(str, ends)],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self._theirs.close()
        self._board_bus.close()
        threading.Thread(target=self._watch, args=(self._process,), name="lamp", daemon=True).start()
        self.cable.__enter__()
        return self

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lamp = line == b"1\n"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cable.__exit__(kind, error, trace)
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._ours.close()
        self._bus_socket.close()
