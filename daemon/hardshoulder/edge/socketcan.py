"""A CAN interface of the kernel: a raw socket with a filter for the wanted ids and the kernel's receive stamps.

The daemon's loop waits for the socket with its next deadline as time-out and reads it itself: between the kernel and
the decision there is no other thread. Layouts and options: linux/can.h, linux/can/raw.h, asm-generic/socket.h.
"""

import errno
import os
import socket
import struct
import time

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, Frame
from hardshoulder.edge.bus import RECEIVE_AT_ONCE, BusError
from hardshoulder.edge.can_errors import BUS_OFF, ERROR_MASK, ReportingBus, kinds_of
from hardshoulder.edge.datagrams import Datagrams

# struct can_frame and struct canfd_frame begin alike, and the flags are bits of can_id.
CAN_FRAME = struct.Struct("=IB3x8s")
_ANY_FRAME = struct.Struct("=IB3x64s")
_RTR_FLAG, _ERR_FLAG = 0x4000_0000, 0x2000_0000
_FILTER_LIMIT = 512  # CAN_RAW_FILTER_MAX

_FROM_HERE = socket.MSG_DONTROUTE  # of a received frame: some socket of this machine sent it

# Python names none of them; the stamp is a struct timespec as the machine's C library has it.
_CAN_RAW_ERR_FILTER = 2
SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@Niill")  # struct cmsghdr before it
_READ_AT_ONCE = 64


class StampClock:
    """Moves the kernel's stamps, which are wall time, onto the monotonic clock.

    The distance of the two clocks is measured at each reading, so that a step of the wall clock moves nothing: a stamp
    from before a step would lie in the future or long ago, and is held between what was known last and now.
    """

    def __init__(self) -> None:
        self._floor_s = float("-inf")
        self._now_s = 0.0
        self._ahead_s = 0.0

    def begin(self, now_s: float, wall_s: float) -> None:
        """A reading begins. now_s: monotonic; wall_s: seconds since 1970 at the same moment."""
        self._now_s, self._ahead_s = now_s, wall_s - now_s

    def at_s(self, stamp_s: float) -> float:
        """When the frame came, monotonic: never after the reading, never before the frame in front of it."""
        at_s = stamp_s - self._ahead_s
        if at_s > self._now_s:
            at_s = self._now_s
        if at_s < self._floor_s:
            at_s = self._floor_s
        self._floor_s = at_s
        return at_s

    def drained(self) -> None:
        """Nothing waits any more: what comes next comes after this reading."""
        self._floor_s = max(self._floor_s, self._now_s)


class SocketCanBus(ReportingBus):
    """A raw socket as a bus. Frames nobody wants never leave the kernel."""

    def __init__(
        self,
        name: str,
        channel: str,
        wanted: frozenset[int],
        sock: socket.socket,
        own: frozenset[tuple[int, bytes]] = frozenset(),
    ) -> None:
        """sock: bound, non-blocking, with SO_TIMESTAMPNS; wanted: ids, 29-bit ones with EXTENDED set.

        own: (id, payload) of frames that leave this machine for us by another socket; they are not given back.
        """
        self.name = name
        self._own = own
        self._channel = channel
        self._wanted = wanted
        self._socket = sock
        self._waiting = Datagrams(sock, _READ_AT_ONCE, _ANY_FRAME.size, _STAMP.size)
        self._clock = StampClock()
        self._errors: list[str] = []
        self._off = False

    @property
    def off(self) -> bool:
        return self._off

    def take_errors(self) -> list[str]:
        taken, self._errors = self._errors, []
        return taken

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive_ready(self) -> list[Frame]:
        frames: list[Frame] = []
        self._clock.begin(time.monotonic(), time.time())
        try:
            for _ in range(RECEIVE_AT_ONCE // _READ_AT_ONCE):
                came = self._waiting.receive()
                self._take(came, frames)
                if came < _READ_AT_ONCE:
                    self._clock.drained()
                    break
        except OSError as error:
            raise BusError(f"bus {self.name}: {self._channel}: {error.strerror}") from None
        return frames

    def _take(self, came: int, frames: list[Frame]) -> None:
        """The frames among so many datagrams that are wanted; errors are noted."""
        clock, name, wanted, waiting, own = self._clock, self.name, self._wanted, self._waiting, self._own
        raws = _ANY_FRAME.iter_unpack(waiting.data[: came * _ANY_FRAME.size])
        stamps = _STAMP.iter_unpack(waiting.control[: came * _STAMP.size])
        for number, ((can_id, length, data), (_, _, _, seconds, nanoseconds)) in enumerate(
            zip(raws, stamps, strict=True)
        ):
            if can_id in wanted:
                if own and (can_id, data[:length]) in own and waiting.flags(number) & _FROM_HERE:
                    continue
                at_s = clock.at_s(seconds + nanoseconds * 1e-9)
                # The named tuple without its own constructor, which costs twice as much.
                frames.append(tuple.__new__(Frame, (at_s, name, can_id, data[:length])))
            elif can_id & _ERR_FLAG:
                self._note_error(can_id, data)
                continue
            self._off = False

    def _note_error(self, can_id: int, data: bytes) -> None:
        kinds = kinds_of(can_id, data)
        self._errors += kinds
        self._off = self._off or BUS_OFF in kinds

    def send(self, frame: Frame) -> None:
        assert len(frame.data) <= 8, "hazard frames are classic CAN"
        raw = CAN_FRAME.pack(frame.can_id, len(frame.data), frame.data)
        try:
            self._socket.send(raw)
        except OSError as error:
            # A full queue is a busy bus and not a lost one; the next period tries again.
            if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                raise BusError(f"bus {self.name}: {self._channel}: cannot send: {error.strerror}") from None

    def close(self) -> None:
        self._socket.close()


def open_socketcan(name: str, channel: str, wanted: frozenset[int]) -> SocketCanBus:
    """The interface as a bus. Raises BusError when it is not there or is down."""
    return SocketCanBus(name, channel, wanted, open_socket(name, channel, wanted))


def open_socket(name: str, channel: str, wanted: frozenset[int]) -> socket.socket:
    """The bound socket of such a bus. Raises BusError."""
    try:
        sock = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    except OSError as error:
        raise BusError(
            f"bus {name}: this kernel has no CAN sockets ({error.strerror}); load the module can_raw"
        ) from None
    try:
        _prepare(sock, channel, wanted)
    except OSError as error:
        sock.close()
        raise BusError(f"bus {name}: cannot open CAN interface {channel}: {error.strerror}") from None
    return sock


def _prepare(sock: socket.socket, channel: str, wanted: frozenset[int]) -> None:
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, _filters(wanted))
    sock.setsockopt(socket.SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, ERROR_MASK)
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
    # The kernel's default, said aloud: what is heard on an id of ours is then another sender's.
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_RECV_OWN_MSGS, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind((channel,))
    sock.setblocking(False)
    # The kernel binds to an interface that is down and keeps the complaint for later.
    if pending := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(pending, os.strerror(pending))


def _filters(wanted: frozenset[int]) -> bytes:
    """struct can_filter for each id: data frames of this id and length of identifier alone."""
    if len(wanted) > _FILTER_LIMIT:
        return struct.pack("=II", 0, 0)  # everything; `receive_ready` sorts out
    whole = EXTENDED | _RTR_FLAG
    pairs = ((can_id, whole | (EXTENDED_ID_MAX if can_id & EXTENDED else STANDARD_ID_MAX)) for can_id in wanted)
    return b"".join(struct.pack("=II", *pair) for pair in sorted(pairs))
