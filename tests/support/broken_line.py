"""A line to the broker that breaks at a chosen packet: nothing is cut in the middle, nothing is left to chance."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Self

from hardshoulder_sim.processes import wait_until


class Way(Enum):
    """Where a packet goes."""

    TO_BROKER = "to the broker"
    FROM_BROKER = "from the broker"


PUBLISH, PUBACK, SUBACK = 3, 4, 9
"""MQTT's numbers of the packets that tests look for."""

Packet = tuple[Way, int]


class Line:
    """Stands between a client and a broker, and counts whole packets.

    swallow: asked about each packet before it is passed on; from the first it says yes to, nothing passes
    any more in either direction, and the ends learn nothing of it. `mend` lets new connections through.
    """

    def __init__(self, broker_port: int) -> None:
        self.passed: list[Packet] = []
        self.broken = threading.Event()
        self._swallow: Callable[[Packet], bool] = _nothing
        self._then: Callable[[], object] = lambda: None
        self._broker_port = broker_port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = [self._listener]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for end in self._open:
            _hang_up(end)

    def break_at(self, swallow: Callable[[Packet], bool], then: Callable[[], object]) -> None:
        """From now on look for this packet. then: what is done before anything else can pass."""
        self._swallow, self._then = swallow, then

    def wait_until_subscribed(self) -> None:
        """Returns when the broker keeps what comes for this client."""
        wait_until(lambda: (Way.FROM_BROKER, SUBACK) in self.passed, "the broker has heard the subscription")

    def mend(self) -> None:
        """As new, for connections that begin now; the broken one stays broken until its ends go away."""
        with self._lock:
            self._swallow = _nothing
            self.broken = threading.Event()
            self.passed = []

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
            self._open += [client, broker]
            broken = self.broken
            for way, source, sink in ((Way.TO_BROKER, client, broker), (Way.FROM_BROKER, broker, client)):
                threading.Thread(target=self._carry, args=(way, source, sink, broken), daemon=True).start()

    def _carry(self, way: Way, source: socket.socket, sink: socket.socket, broken: threading.Event) -> None:
        """Until one end hangs up; then the other end learns of it too."""
        with suppress(OSError), source.makefile("rb") as stream:
            while packet := _packet(stream.read):
                if self._passes((way, packet[0] >> 4), broken):
                    sink.sendall(packet)
        for end in (source, sink):
            _hang_up(end)

    def _passes(self, packet: Packet, broken: threading.Event) -> bool:
        with self._lock:
            if broken is self.broken and self._swallow(packet):
                self._then()
                broken.set()
            if broken.is_set():
                return False
            self.passed.append(packet)
            return True


def _nothing(_packet: Packet) -> bool:
    return False


def _hang_up(end: socket.socket) -> None:
    """Wakes whoever waits at this end."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


def _packet(read: Callable[[int], bytes]) -> bytes:
    """One whole MQTT packet; nothing at the end of the stream."""
    head = read(1)
    length, shift = 0, 0
    while head:
        byte = read(1)
        if not byte:
            return b""
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return head + read(length)
    return b""
