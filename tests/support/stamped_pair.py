"""Two sockets on loopback of which one stamps what it receives, as a CAN socket does: for machines without AF_CAN."""

import ctypes
import socket
import struct
import sys
from collections.abc import Iterable

from hardshoulder.edge.socketcan import SO_TIMESTAMPNS

_SO_ATTACH_FILTER = 26

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


def keep_only(receiver: socket.socket, ids: Iterable[int]) -> None:
    """A filter in the kernel for these ids, as CAN_RAW_FILTER is one: the other datagrams never reach the socket.

    linux/filter.h: load the word behind the UDP header, compare it with each id, accept all or nothing.
    """
    words = [int.from_bytes(can_id.to_bytes(4, sys.byteorder), "big") for can_id in ids]
    load, jump_if_equal, give = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 8)]
    steps += [(jump_if_equal, len(words) - place, 0, word) for place, word in enumerate(words)]
    steps += [(give, 0, 0, 0), (give, 0, 0, 0xFFFF_FFFF)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(steps), ctypes.addressof(program)))


def classic(can_id: int, data: bytes) -> bytes:
    """A classic CAN frame as the kernel hands it over."""
    return CLASSIC.pack(can_id, len(data), data)


def flexible(can_id: int, data: bytes) -> bytes:
    """A CAN FD frame as the kernel hands it over."""
    return FD.pack(can_id, len(data), 0, data)
