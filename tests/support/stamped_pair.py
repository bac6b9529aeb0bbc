"""Two sockets on loopback of which one stamps what it receives, as a CAN socket does: for machines without AF_CAN."""

import socket
import struct

from hardshoulder.edge.socketcan import SO_TIMESTAMPNS

CLASSIC, FD = struct.Struct("=IB3x8s"), struct.Struct("=IBB2x64s")
"""linux/can.h: struct can_frame, struct canfd_frame."""


def stamped_pair() -> tuple[socket.socket, socket.socket]:
    """(receives without blocking and with the kernel's stamps, sends); datagrams keep their bounds as frames do."""
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.bind(("127.0.0.1", 0))
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.setblocking(False)
    sender.connect(receiver.getsockname())
    return receiver, sender


def classic(can_id: int, data: bytes) -> bytes:
    """A classic CAN frame as the kernel hands it over."""
    return CLASSIC.pack(can_id, len(data), data)


def flexible(can_id: int, data: bytes) -> bytes:
    """A CAN FD frame as the kernel hands it over."""
    return FD.pack(can_id, len(data), 0, data)
