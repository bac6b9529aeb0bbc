"""Many datagrams of a socket by one system call: recvmmsg(2), which Python's own sockets do not offer."""

import ctypes
import errno
import os
import socket
import struct

# sys/socket.h: struct mmsghdr is a struct msghdr (name, parts, control data, flags) with the length that came.
_HEADER = struct.Struct("@PIPNPNi0PI0P")
_FLAGS = struct.Struct("@i")
_FLAGS_AT = struct.calcsize("@PIPNPN")
_PART = struct.Struct("@PN")

_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)


class Datagrams:
    """What was received last lies in `data` and `control`, each datagram in a slot of its own, one behind the other.

    A shorter datagram leaves the end of its slot as it was; who reads it has to know its length.
    """

    def __init__(self, sock: socket.socket, count: int, size: int, control_size: int) -> None:
        """count: most at once; size, control_size: bytes of a slot in `data` and in `control`."""
        self.count = count
        self._descriptor = sock.fileno()
        self._buffers = tuple(ctypes.create_string_buffer(count * width) for width in (size, control_size))
        self.data, self.control = (memoryview(buffer) for buffer in self._buffers)
        data_at, control_at = (ctypes.addressof(buffer) for buffer in self._buffers)
        self._parts = ctypes.create_string_buffer(
            b"".join(_PART.pack(data_at + number * size, size) for number in range(count))
        )
        parts_at = ctypes.addressof(self._parts)
        self._fresh = b"".join(
            _HEADER.pack(
                0, 0, parts_at + number * _PART.size, 1, control_at + number * control_size, control_size, 0, 0
            )
            for number in range(count)
        )
        self._headers = ctypes.create_string_buffer(self._fresh, len(self._fresh))
        self._headers_at = ctypes.addressof(self._headers)
        self._used = 0

    def receive(self) -> int:
        """How many came, at most `count`; 0 when none waits. Never blocks; raises OSError."""
        # Into the headers of the last time the kernel has written how much of its slots it used.
        ctypes.memmove(self._headers_at, self._fresh, self._used * _HEADER.size)
        self._used = 0
        came: int = _recvmmsg(self._descriptor, self._headers_at, self.count, socket.MSG_DONTWAIT, None)
        if came < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(number, os.strerror(number))
        self._used = came
        return came

    def flags(self, number: int) -> int:
        """The flags (MSG_*) of one of the datagrams that came last."""
        flags: int = _FLAGS.unpack_from(self._headers, number * _HEADER.size + _FLAGS_AT)[0]
        return flags
