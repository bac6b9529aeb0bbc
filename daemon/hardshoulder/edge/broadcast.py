"""A request that goes on while the daemon is away: the kernel's broadcast manager (CAN_BCM) sends its cycle.

The daemon asks at every period as on any other bus. What goes to the kernel is not that frame but the whole cycle, with
a finite count that each request renews, so that period and counter are the kernel's and nobody's late loop disturbs
them. Its socket lies in systemd's store as well: the cycle outlives the process, but neither the count nor the store.
Layouts and flags: linux/can/bcm.h.
"""

import contextlib
import errno
import logging
import re
import socket
import struct
import time
from math import inf

from hardshoulder.core.asking import OFF_FRAMES, Cycle
from hardshoulder.core.frame import Frame
from hardshoulder.core.permit import Allowed, Permit
from hardshoulder.edge.bus import Bus, BusError, open_bus, split_url
from hardshoulder.edge.descriptors import DescriptorStore
from hardshoulder.edge.socketcan import CAN_FRAME, SocketCanBus, open_socket
from hardshoulder.edge.tended import TendedBus, Wish

log = logging.getLogger("hardshoulder.bus")

OUTLIVES_S = 10.0
"""How long the kernel goes on without a word: a daemon that fell is back by then. Meanwhile nobody hears the driver."""

QUIET_PERIODS = 5
"""A loop that lives and has not asked for so many periods asks no more."""

# struct bcm_msg_head, with the machine's own long and the alignment of the frames behind it.
_HEAD = struct.Struct("@3I4l2I0q")
_TX_SETUP, _TX_DELETE, _TX_READ, _TX_STATUS = 1, 2, 3, 8
_SETTIMER, _STARTTIMER = 0x1, 0x2
_MAX_FRAMES = 256
_REPLY_SIZE = _HEAD.size + _MAX_FRAMES * CAN_FRAME.size


def admitted(cycle: Cycle, allowed: tuple[Allowed, ...]) -> bool:
    """Whether the gate lets every frame of the cycle pass, played as the kernel plays them, round and round."""
    gate = Permit(allowed, armed=True)
    gate.open_until(inf, "the whole cycle")
    played = enumerate((*cycle.on, *cycle.on, *cycle.off, *cycle.off))
    return all(gate.check(cycle.bus, cycle.can_id, data, at * cycle.period_s) is None for at, data in played)


class Manager:
    """One cycle in the kernel's hands. Everything raises OSError when its interface is gone.

    What is sent is known from the kernel alone, since it may have been said by a process that is no more.
    """

    def __init__(self, cycle: Cycle, sock: socket.socket) -> None:
        """sock: a non-blocking CAN_BCM socket, connected to the interface."""
        self._cycle = cycle
        self._socket = sock
        self._rows = {True: cycle.on, False: cycle.off}
        self._row_of = {row[0]: says_on for says_on, row in self._rows.items()}

    def fileno(self) -> int:
        return self._socket.fileno()

    def standing(self) -> tuple[bool | None, int]:
        """(what is said: on, off or nothing of ours, how many frames are left of it)."""
        try:
            self._tell(_TX_READ)
        except OSError as error:
            if error.errno == errno.EINVAL:  # there is no such cycle
                return None, 0
            raise
        while True:
            raw = self._socket.recv(_REPLY_SIZE)
            opcode, _, left, *_ = _HEAD.unpack_from(raw)
            if opcode == _TX_STATUS:
                first = raw[_HEAD.size :][8 : 8 + len(self._cycle.on[0])]
                return self._row_of.get(first), left

    def say(self, count: int, *, on: bool, begin: bool) -> None:
        """Goes on with this row of the cycle, in phase and in series with what was sent; begin: with one at once."""
        self._tell(_TX_SETUP, _SETTIMER | (_STARTTIMER if begin else 0), count, self._rows[on])

    def end(self) -> None:
        """Nothing more is sent."""
        try:
            self._tell(_TX_DELETE)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def close(self) -> None:
        """Gives our copy of the socket back; another one keeps the cycle going."""
        self._socket.close()

    def _tell(self, opcode: int, flags: int = 0, count: int = 0, row: tuple[bytes, ...] = ()) -> None:
        seconds, fraction_s = divmod(self._cycle.period_s if row else 0.0, 1.0)
        interval = int(seconds), round(fraction_s * 1e6)
        can_id = self._cycle.can_id
        head = _HEAD.pack(opcode, flags, count, *interval, 0, 0, can_id, len(row))
        self._socket.send(head + b"".join(CAN_FRAME.pack(can_id, len(data), data) for data in row))


class BroadcastBus(SocketCanBus, TendedBus):
    """A CAN interface on which the hazard request is the kernel's to send. Times are of the monotonic clock."""

    def __init__(
        self, name: str, channel: str, wanted: frozenset[int], sock: socket.socket, cycle: Cycle, manager: Manager
    ) -> None:
        own = frozenset((cycle.can_id, data) for data in cycle.on + cycle.off)
        super().__init__(name, channel, wanted, sock, own)
        self._cycle = cycle
        self._manager = manager
        self._on, self._off_row = frozenset(cycle.on), frozenset(cycle.off)
        self._until_s = -inf
        # What the last start left goes on until it is known whether anybody still asks for it.
        said_on, left = manager.standing()
        self._saying = said_on if left else None
        self._asked_s = time.monotonic()

    @property
    def ready(self) -> bool:
        return True

    def send(self, frame: Frame) -> None:
        on = frame.data in self._on
        if frame.can_id != self._cycle.can_id or not (on or frame.data in self._off_row):
            super().send(frame)
            return
        try:
            self._ask_for_on() if on else self._ask_for_off()
        except OSError as error:
            raise self._error(error) from None

    def _ask_for_on(self) -> None:
        said_on, left = self._manager.standing()
        if said_on is False and left == OFF_FRAMES:
            return  # not one off has gone out yet, and somebody wants the edge: the next period asks for on
        now_s, period_s = time.monotonic(), self._cycle.period_s
        lasts_s = max(0.0, min(OUTLIVES_S, self._until_s - now_s))
        self._manager.say(max(1, int(lasts_s / period_s)), on=True, begin=not left)
        self._saying, self._asked_s = True, now_s

    def _ask_for_off(self) -> None:
        """The kernel says it as often as it is to be said; whoever asks again asks for the same."""
        if self._saying is not False:
            _, left = self._manager.standing()
            self._manager.say(OFF_FRAMES, on=False, begin=not left)
            self._saying = False

    def keep_alive(self, wish: Wish, now_s: float) -> None:
        self._until_s = wish.lease_until_s
        if now_s >= min(self.next_due_s(), self._until_s):
            self._end()

    def next_due_s(self) -> float:
        return self._asked_s + QUIET_PERIODS * self._cycle.period_s if self._saying else inf

    def hush(self, can_id: int | None) -> None:
        if can_id in (None, self._cycle.can_id):
            # An interface that is gone sends nothing either.
            with contextlib.suppress(BusError):
                self._end()

    def _end(self) -> None:
        if self._saying is None:
            return
        self._saying = None
        try:
            self._manager.end()
        except OSError as error:
            raise self._error(error) from None

    def _error(self, error: OSError) -> BusError:
        return BusError(f"bus {self.name}: {self._channel}: cannot send: {error.strerror}")

    def close(self) -> None:
        self._manager.close()
        super().close()


class Broadcaster:
    """Opens buses, and the one on which hazards are asked for so that the request outlives us where the kernel can."""

    def __init__(self, cycle: Cycle | None, store: DescriptorStore) -> None:
        """cycle: admitted by the permit; None: everything is sent frame by frame."""
        self._cycle = cycle if cycle is not None and len(cycle.on) <= _MAX_FRAMES else None
        self._store = store

    def open(self, name: str, url: str, ids: frozenset[int], bitrate: int | None = None) -> Bus:
        """As `open_bus`. Raises BusError."""
        interface, channel = split_url(url)
        if self._cycle is None or name != self._cycle.bus or interface != "socketcan":
            return open_bus(name, url, ids, bitrate)
        sock = open_socket(name, channel, ids)
        manager = self._manager(name, channel, self._cycle)
        if manager is None:
            return SocketCanBus(name, channel, ids, sock)
        try:
            return BroadcastBus(name, channel, ids, sock, self._cycle, manager)
        except OSError as error:
            sock.close()
            manager.close()
            raise BusError(f"bus {name}: cannot open CAN interface {channel}: {error.strerror}") from None

    def _manager(self, name: str, channel: str, cycle: Cycle) -> Manager | None:
        """The one that the last start left, when it says what we would say; else a new one."""
        label = "hazards-" + re.sub(r"[^!-9;-~]", "-", channel)
        left = self._store.take(label)
        if left is not None:
            manager = Manager(cycle, _bcm_socket(left))
            with contextlib.suppress(OSError):
                if manager.standing()[0] is not None:
                    return manager
            manager.close()
        try:
            sock = _bcm_socket(None)
            sock.connect((channel,))
        except OSError as error:
            text = "bus=%s the kernel has no broadcast manager (%s): nobody asks for hazards while the daemon is away"
            log.warning(text, name, error.strerror)
            return None
        self._store.leave(label, sock.fileno())
        return Manager(cycle, sock)


def _bcm_socket(descriptor: int | None) -> socket.socket:
    sock = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_BCM, descriptor)
    sock.setblocking(False)
    return sock
