"""CAN buses by URL: what the kernel, a serial adapter or python-can give, as frames.

`socketcan:can0`          a raw socket with a kernel filter for the wanted ids (edge/socketcan.py)
`slcan:/dev/ttyACM0`      a serial adapter (CANable, USBtin), through python-can
`bridge:/dev/ttyS1@921600` the vehicle's microcontroller on a serial port (edge/bridge_bus.py)
`<interface>:<channel>`   any other interface of python-can, by its name there
"""

import contextlib
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, Frame
from hardshoulder.edge.echo import Echoes

if TYPE_CHECKING:
    import can

RECEIVE_AT_ONCE = 512
"""Frames taken from one bus before the loop looks at deadlines and other buses again."""

PUMP_QUEUE = 4096


class BusError(Exception):
    """The bus is not there, or went away; the text names it and says why."""


class Bus(Protocol):
    """An open bus. Receiving never blocks; both directions raise BusError when it is gone."""

    name: str

    def fileno(self) -> int:
        """A descriptor that becomes readable when frames wait."""

    def receive_ready(self) -> list[Frame]:
        """Frames that wait now, at most `RECEIVE_AT_ONCE`, stamped with the monotonic clock."""

    def send(self, frame: Frame) -> None:
        """Puts the frame on the bus."""

    def close(self) -> None:
        """Gives the bus back."""


class PythonCanBus:
    """Any interface of python-can that has a file descriptor.

    garbled: lines that were no frame.
    """

    def __init__(self, name: str, url: str, bus: "can.BusABC", ids: frozenset[int]) -> None:
        self.name = name
        self._url = url
        self._bus = bus
        self._ids = ids
        self._echoes = Echoes()
        self.garbled = 0

    def fileno(self) -> int:
        return self._bus.fileno()

    def receive_ready(self) -> list[Frame]:
        frames: list[Frame] = []
        for _ in range(RECEIVE_AT_ONCE):
            try:
                message = self._receive()
            except ValueError:
                # A garbled line of a serial adapter: it costs itself, not the bus.
                self.garbled += 1
                continue
            if message is None:
                break
            frame = _frame_of(self.name, message)
            if frame is not None and self._is_wanted(frame):
                frames.append(frame)
        return frames

    def _is_wanted(self, frame: Frame) -> bool:
        """Whether somebody else sent it, and somebody here waits for it."""
        return frame.can_id in self._ids and not self._echoes.is_own(frame.can_id, frame.data, frame.at_s)

    def _receive(self) -> "can.Message | None":
        """The next message, None when none waits. Raises BusError, ValueError for a garbled one."""
        import can

        try:
            return self._bus.recv(timeout=0)
        except IndexError as error:
            raise ValueError(str(error)) from None
        except (can.CanError, OSError) as error:
            if isinstance(error.__cause__, ValueError):
                # Bytes that are no text stay in python-can's buffer and would spoil every frame to come.
                flush = getattr(self._bus, "flush", None)
                if flush is not None:
                    flush()
                raise error.__cause__ from None
            raise BusError(f"bus {self.name}: {self._url}: {error}") from None

    def send(self, frame: Frame) -> None:
        import can

        message = can.Message(
            arbitration_id=frame.can_id & EXTENDED_ID_MAX,
            is_extended_id=bool(frame.can_id & EXTENDED),
            data=frame.data,
        )
        # Before it is sent: the thread of a pumped bus may hear the echo sooner than this one goes on.
        self._echoes.sent(frame.can_id, frame.data, time.monotonic())
        try:
            self._bus.send(message)
        except (can.CanError, OSError) as error:
            raise BusError(f"bus {self.name}: {self._url}: cannot send: {error}") from None

    def close(self) -> None:
        # A device that was pulled out cannot be told goodbye; it is closed all the same.
        with contextlib.suppress(Exception):
            self._bus.shutdown()


class PumpedBus(PythonCanBus):
    """An interface without a file descriptor: a thread waits for it and wakes the loop by a pipe."""

    def __init__(self, name: str, url: str, bus: "can.BusABC", ids: frozenset[int]) -> None:
        super().__init__(name, url, bus, ids)
        self._queue: deque[Frame | BusError] = deque(maxlen=PUMP_QUEUE)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pump, name=f"bus-{name}", daemon=True)
        self._thread.start()

    def _pump(self) -> None:
        while not self._stop.is_set():
            try:
                message = self._bus.recv(timeout=0.2)
            except (ValueError, IndexError):
                self.garbled += 1
                continue
            except Exception as error:
                self._put(BusError(f"bus {self.name}: {self._url}: {error}"))
                return
            frame = None if message is None else _frame_of(self.name, message)
            if frame is not None and self._is_wanted(frame):
                self._put(frame)

    def _put(self, item: Frame | BusError) -> None:
        self._queue.append(item)
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the loop just as well
            os.write(self._wake_write, b"!")

    def fileno(self) -> int:
        return self._wake_read

    def receive_ready(self) -> list[Frame]:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, PUMP_QUEUE)
        frames: list[Frame] = []
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, BusError):
                raise item
            frames.append(item)
        return frames

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)
        super().close()
        os.close(self._wake_read)
        os.close(self._wake_write)


def _frame_of(name: str, message: "can.Message") -> Frame | None:
    if message.is_error_frame or message.is_remote_frame:
        return None
    can_id = message.arbitration_id | (EXTENDED if message.is_extended_id else 0)
    return Frame(time.monotonic(), name, can_id, bytes(message.data))


def split_url(url: str) -> tuple[str, str]:
    """(interface, channel) of a bus URL. Raises BusError when it is none."""
    interface, colon, channel = url.partition(":")
    if not (colon and interface and channel):
        raise BusError(f"{url!r} is no bus URL; write socketcan:can0, slcan:/dev/ttyACM0 or <interface>:<channel>")
    return interface, channel


def open_bus(name: str, url: str, ids: frozenset[int], bitrate: int | None = None) -> Bus:
    """Opens the bus for the ids that are wanted (29-bit ones with EXTENDED set).

    bitrate: bit/s, for adapters that set it. Raises BusError with the reason.
    """
    interface, channel = split_url(url)
    if interface == "socketcan":
        from hardshoulder.edge.socketcan import open_socketcan  # it needs what stands above

        return open_socketcan(name, channel, ids)
    if interface == "bridge":
        from hardshoulder.edge.bridge_bus import BridgeBus  # on demand: few cars have one

        return BridgeBus(name, channel, ids)
    return _open_python_can(name, interface, channel, ids, bitrate)


def _open_python_can(name: str, interface: str, channel: str, ids: frozenset[int], bitrate: int | None) -> Bus:
    import can

    options: dict[str, object] = {} if bitrate is None else {"bitrate": bitrate}
    if interface == "slcan":
        # python-can waits two seconds by default for boards that reboot when opened; adapters for cars do not.
        options = {"bitrate": 500_000, "sleep_after_open": 0, **options}
    try:
        bus = can.Bus(interface=interface, channel=channel, **options)  # type: ignore[arg-type]
    except Exception as error:  # each interface raises its own classes; all of them mean: not there
        raise BusError(f"bus {name}: cannot open {interface}:{channel}: {error}") from None
    try:
        has_descriptor = bus.fileno() >= 0
    except NotImplementedError:
        has_descriptor = False
    kind = PythonCanBus if has_descriptor else PumpedBus
    return kind(name, f"{interface}:{channel}", bus, ids)
