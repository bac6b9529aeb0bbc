"""Drives a scenario: into a candump log as fast as it goes, or onto a bus in real time."""

import gzip
import math
import select
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import can

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, Frame
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.recordings.candump import LogFrame, format_line
from hardshoulder_sim.recordings.logs import check_output
from hardshoulder_sim.reference import BITRATE, BUS
from hardshoulder_sim.scenarios import Scenario
from hardshoulder_sim.slcan_port import SlcanPort

EPOCH_S = 1_768_464_000
"""When every log begins: 15 January 2026, 08:00 UTC. Fixed, so that the same seed gives the same bytes."""

LOG_CHANNEL = "can0"
PSEUDO_TERMINAL = "slcan-pty"
_POLL_S = 0.002


Watch = Callable[[float, SimulatedCar], None]
"""Sees the car after every step, at that time."""


class Port(Protocol):
    """Where frames go to and come from while driving in real time."""

    def fileno(self) -> int:
        """Readable when something came in; -1: nobody can tell, it has to be asked."""

    def send(self, frame: Frame) -> None:
        """Sends without blocking."""

    def receive_ready(self) -> list[Frame]:
        """What has come in."""

    def close(self) -> None:
        """Lets go of the bus."""


class CanPort:
    """A bus that python-can opens. dropped: frames that the bus did not take."""

    def __init__(self, bus: can.BusABC) -> None:
        self._bus = bus
        self.dropped = 0

    def fileno(self) -> int:
        """The bus's descriptor, or -1 when it has none."""
        try:
            return self._bus.fileno()
        except NotImplementedError:
            return -1

    def send(self, frame: Frame) -> None:
        """Sends, or drops and counts: a full queue must not stop the car."""
        extended = bool(frame.can_id & EXTENDED)
        message = can.Message(
            arbitration_id=frame.can_id & EXTENDED_ID_MAX, is_extended_id=extended, data=frame.data, check=True
        )
        try:
            self._bus.send(message)
        except can.CanOperationError:
            self.dropped += 1

    def receive_ready(self) -> list[Frame]:
        """All data frames that wait, stamped with the monotonic clock."""
        frames = []
        while (message := self._bus.recv(timeout=0.0)) is not None:
            if not (message.is_error_frame or message.is_remote_frame):
                can_id = message.arbitration_id | (EXTENDED if message.is_extended_id else 0)
                frames.append(Frame(time.monotonic(), BUS, can_id, bytes(message.data)))
        return frames

    def close(self) -> None:
        """Shuts the bus down."""
        self._bus.shutdown()


def open_port(url: str) -> Port:
    """`slcan-pty:/path/of/link` makes a pseudo-terminal; any other `interface:channel` is python-can's.

    Raises ValueError for something else, OSError or can.CanError when the port does not open.
    """
    interface, colon, channel = url.partition(":")
    if not (interface and colon and channel):
        raise ValueError(f"{url!r} is not interface:channel")
    if interface == PSEUDO_TERMINAL:
        return SlcanPort(Path(channel), bus=BUS)
    return CanPort(can.Bus(interface=interface, channel=channel, bitrate=BITRATE))


def candump_line(frame: Frame) -> bytes:
    """The frame as `candump -L` writes it, counted from EPOCH_S."""
    logged = LogFrame(EPOCH_S + frame.at_s, LOG_CHANNEL, frame.can_id, frame.data)
    return f"{format_line(logged)}\n".encode("ascii")


@contextmanager
def candump_log(path: Path) -> Iterator[BinaryIO]:
    """A log to write lines to; compressed when the name ends in .gz, and then without name or time inside."""
    check_output(path)
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile is a binary file in all but its declared type


@dataclass(frozen=True, slots=True)
class DriveReport:
    """What a drive came to. sent, received: frames. fault_at_s: when the fault began, if there was one."""

    scenario: str
    seed: int
    duration_s: float
    sent: int
    received: int
    fault_at_s: float | None


class _Schedule:
    """Time since the start: real, or as fast as the car asks for it."""

    def __init__(self, realtime: bool, port: Port | None, clock: Callable[[], float]) -> None:
        self._realtime, self._port, self._clock = realtime, port, clock
        self._start_s = clock()

    def wait_until(self, at_s: float) -> float:
        """Returns the time reached: at_s, or later when late, or earlier when a frame came in."""
        if not self._realtime:
            return at_s
        while (left_s := self._start_s + at_s - self._clock()) > 0.0:
            descriptor = -1 if self._port is None else self._port.fileno()
            if descriptor >= 0:
                if select.select([descriptor], [], [], left_s)[0]:
                    break
            elif self._port is None:
                time.sleep(left_s)
            else:
                time.sleep(min(left_s, _POLL_S))
                break
        return self._clock() - self._start_s


def _live(
    car: SimulatedCar, port: Port | None, log: BinaryIO | None, schedule: _Schedule, watch: Watch, duration_s: float
) -> tuple[int, int]:
    """Drives to the end; (frames sent, frames received)."""
    sent = received = 0
    now_s = 0.0
    while now_s < duration_s:
        now_s = min(schedule.wait_until(min(car.next_due_s, duration_s)), duration_s)
        frames = car.step_until(now_s)
        incoming = [] if port is None else [frame._replace(at_s=now_s) for frame in port.receive_ready()]
        for frame in frames:
            if port is not None:
                port.send(frame)
        for frame in incoming:
            car.receive(frame)
        watch(now_s, car)
        if log is not None:
            log.writelines(candump_line(frame) for frame in (*frames, *incoming))
        sent, received = sent + len(frames), received + len(incoming)
    return sent, received


def drive(
    scenario: Scenario,
    seed: int,
    out: Path | None,
    port: str | None,
    realtime: bool,
    watch: Watch = lambda _now_s, _car: None,
    stay: bool = False,
) -> DriveReport:
    """Drives the scenario with this seed.

    out: a candump log of everything on the bus, received frames too; None: no log.
    port: the bus to drive, as `open_port` understands it; None: no bus.
    realtime: keep to the clock, on an absolute schedule; otherwise as fast as possible.
    watch: called with the time and the car after every step.
    stay: when the scenario is over the car stays on the bus as it is, until interrupted.
    Raises what `open_port` raises, and OSError when the log cannot be written.
    """
    with ExitStack() as stack:
        opened = None if port is None else stack.enter_context(closing(open_port(port)))
        log = None if out is None else stack.enter_context(candump_log(out))
        car = SimulatedCar(scenario, seed)
        duration_s = math.inf if stay else scenario.duration_s
        sent, received = _live(car, opened, log, _Schedule(realtime, opened, time.monotonic), watch, duration_s)
    return DriveReport(scenario.name, seed, scenario.duration_s, sent, received, car.run.fault_at_s)
