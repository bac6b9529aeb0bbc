"""What one frame costs: processor time of the receiving process, ours beside python-can and cantools.

The frames of the reference car come from another process at the rate of a full bus, over a pair of loopback sockets
that the kernel stamps as it stamps a CAN socket, or over a CAN interface where there is one (`--interface`); each way
takes a fixed number of them, in turns within one run. Three buses: frames one by one, frames in bursts, so that waking
up is no part of the cost, and a real bus, most of whose frames nobody wants.
"""

import argparse
import contextlib
import logging
import multiprocessing
import queue
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from unittest.mock import patch

import can
import cantools.database
from can.interfaces.socketcan import socketcan as peer

from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.responder import Responder
from hardshoulder.edge.pace import Pace
from hardshoulder.edge.socketcan import SocketCanBus, open_socketcan
from support.stamped_pair import classic, keep_only, stamped_pair
from support.talker import Talker, reference_plan

PATIENCE_S = 5.0
BURST = 100
"""Fewer than a socket's buffer holds."""
SERIES = 160
"""Frames of each message that are made beforehand: a multiple of every counter."""
FOREIGN = range(0x600, 0x680)
"""Identifiers of nobody in reference.dbc."""

Take = Callable[[int], None]
"""Takes so many of the wanted frames."""


class Loopback:
    """A pair of sockets that stands for an interface. filtered: the kernel keeps away what nobody wants."""

    def __init__(self, *, filtered: bool = False) -> None:
        self._receiver, self.sender = stamped_pair()
        self._filtered = filtered

    def ours(self, wanted: frozenset[int]) -> SocketCanBus:
        if self._filtered:
            keep_only(self._receiver, wanted)
        return SocketCanBus("main", "can0", wanted, self._receiver)

    def theirs(self) -> can.BusABC:
        """python-can's own SocketCAN bus on our socket."""
        create = patch.object(peer, "create_socket", lambda: self._receiver)
        with create, patch.object(peer, "bind_socket", lambda *_: None):
            return peer.SocketcanBus("can0")

    def close(self) -> None:
        self.sender.close()
        self._receiver.close()


class Interface:
    """A CAN interface; ours has its filter in the kernel always."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.sender = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.sender.bind((name,))

    def ours(self, wanted: frozenset[int]) -> SocketCanBus:
        return open_socketcan("main", self._name, wanted)

    def theirs(self) -> can.BusABC:
        return can.Bus(interface="socketcan", channel=self._name)

    def close(self) -> None:
        self.sender.close()


Line = Loopback | Interface
Way = Callable[[Line], contextlib.AbstractContextManager[Take]]
"""Made ready on a line, so that what is done once costs no frame."""


def made_frames(foreign: int) -> list[bytes]:
    """The reference car's messages in turn, as the kernel hands them over, with right counters and checksums.

    foreign: frames of others behind each of them.
    """
    talker = Talker(reference_plan("electric"))
    frames = (talker.frame(message, 0.0) for _ in range(SERIES) for message in talker.plan.messages)
    others = [classic(FOREIGN[number], bytes(8)) for number in range(foreign)]
    return [raw for frame in frames for raw in (classic(frame.can_id, frame.data), *others)]


def feed(sender: socket.socket, load: "Load") -> None:
    """Sends for ever."""
    frames, begin_s, sent = made_frames(load.foreign), time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begin_s) * load.rate / load.burst) * load.burst
        for number in range(sent, due):
            with contextlib.suppress(BlockingIOError, OSError):  # a full queue: the reader is too slow, and loses it
                sender.send(frames[number % len(frames)])
        sent = max(sent, due)
        time.sleep(load.burst / load.rate)


@contextmanager
def fed(line: Line, load: "Load") -> Iterator[Line]:
    """A bus that talks like this."""
    fork = multiprocessing.get_context("fork")
    feeder = fork.Process(target=feed, args=(line.sender, load), daemon=True)
    feeder.start()
    try:
        yield line
    finally:
        feeder.kill()
        feeder.join()
        line.close()


@contextmanager
def ours(line: Line) -> Iterator[Take]:
    """Kernel socket, selector, decoding with length, checksum and counter."""
    decoder = Decoder(reference_plan("electric"))
    yield _taking(line, decoder.wanted, decoder.decode)
    # What the full socket dropped while all was made ready is a jump of each counter; a doubted frame would cost less.
    assert sum(decoder.faults.values()) <= 3 * len(decoder.wanted), decoder.faults


@contextmanager
def ours_whole(line: Line) -> Iterator[Take]:
    """The same and everything that is concluded from a frame: signals, rules, hazards, incident."""
    responder = Responder(reference_plan("electric"), lambda: "incident-1")
    responder.tick(time.monotonic())
    yield _taking(line, responder.wanted, responder.receive)


def _taking(line: Line, wanted: frozenset[tuple[str, int]], use: Callable[[Frame], object]) -> Take:
    bus = line.ours(frozenset(can_id for _, can_id in wanted))
    selector = selectors.DefaultSelector()
    selector.register(bus, selectors.EVENT_READ)
    pace = Pace(selector)

    def take(count: int) -> None:
        while count > 0:
            assert pace.wait(PATIENCE_S, calm=True), "no frames came"
            frames = bus.receive_ready()
            for frame in frames:
                use(frame)
            pace.came(len(frames))
            count -= len(frames)

    return take


@contextmanager
def python_can(line: Line) -> Iterator[Take]:
    """`Bus.recv` and `decode_message`."""
    bus = line.theirs()
    yield _decoding(lambda: bus.recv(PATIENCE_S))
    bus.shutdown()


@contextmanager
def notifier(line: Line) -> Iterator[Take]:
    """`can.Notifier` with a queue, and `decode_message` on the thread that waits for it."""
    bus = line.theirs()
    heard: queue.SimpleQueue[can.Message] = queue.SimpleQueue()
    told = can.Notifier(bus, [heard.put])
    yield _decoding(lambda: heard.get(timeout=PATIENCE_S))
    told.stop()
    bus.shutdown()


def _decoding(receive: Callable[[], can.Message | None]) -> Take:
    database = _database()
    known = {message.frame_id for message in database.messages}

    def take(count: int) -> None:
        while count > 0:
            message = receive()
            assert message is not None, "no frames came"
            if message.arbitration_id in known:
                database.decode_message(message.arbitration_id, message.data)
                count -= 1

    return take


def _database() -> "cantools.database.can.Database":
    text = files("hardshoulder_dbc").joinpath("reference.dbc").read_text("utf-8")
    return cantools.database.load_string(text, "dbc")


@dataclass(frozen=True)
class Load:
    """A bus. rate: frames a second; foreign: those that nobody wants, behind each that is wanted.

    burst: frames that come at once, so that all but the first wait already when they are read.
    """

    rate: float
    foreign: int = 0
    burst: int = 1

    def cost_us(self, way: Way, line: Callable[[], Line], count: int) -> float:
        """Processor time of this process for a frame of the bus, microseconds, once it has warmed up."""
        wanted = count // (1 + self.foreign)
        with fed(line(), self) as bus, way(bus) as take:
            take(wanted // 10)
            begin_s = time.process_time()
            take(wanted)
            return (time.process_time() - begin_s) / (wanted * (1 + self.foreign)) * 1e6


@dataclass(frozen=True)
class Row:
    """One way on one kind of line."""

    name: str
    way: Way
    line: Callable[[], Line]
    budget: str = ""


def measure(load: Load, rows: list[Row], count: int, rounds: int) -> None:
    """Prints a table; what others cost is told in terms of the first row, round by round."""
    costs: list[list[float]] = [[] for _ in rows]
    for _ in range(rounds):
        for cost, row in zip(costs, rows, strict=True):
            cost.append(load.cost_us(row.way, row.line, count))
    print(
        "| way | CPU a frame, median | lowest to highest | of a core | times ours | budget |\n|---|---|---|---|---|---|"
    )
    for mine, row in zip(costs, rows, strict=True):
        ratio = statistics.median(cost / own for cost, own in zip(mine, costs[0], strict=True))
        middle, spread = statistics.median(mine), f"{min(mine):.1f} to {max(mine):.1f} µs"
        core = f"{middle * load.rate / 1e4:.1f} %"
        print(f"| {row.name} | {middle:.1f} µs | {spread} | {core} | {ratio:.2f} | {row.budget} |")


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="processor time for a frame, beside python-can and cantools")
    parser.add_argument("--frames", type=int, default=8000, help="frames for each way and round (default 8000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--rate", type=float, default=4000.0, help="frames a second (default 4000)")
    parser.add_argument("--foreign", type=int, default=12, help="unwanted frames for each wanted one (default 12)")
    parser.add_argument("--interface", help="a CAN interface that is up, such as vcan0 (default: loopback sockets)")
    options = parser.parse_args()
    logging.getLogger("can").setLevel(logging.CRITICAL)  # it complains that the socket is no CAN socket
    plain: Callable[[], Line] = partial(Interface, options.interface) if options.interface else Loopback
    filtered: Callable[[], Line] = plain if options.interface else partial(Loopback, filtered=True)
    theirs = [
        Row("python-can `recv` and cantools", python_can, plain, "at least 2.5"),
        Row("`can.Notifier` with a queue, and cantools", notifier, plain, "at least 4"),
    ]
    decoding, whole = "ours: socket and decoding with its checks", "ours: socket and the whole core"
    print(f"Every frame wanted, {options.rate:g} a second:\n")
    all_wanted = [Row(decoding, ours, plain), Row(whole, ours_whole, plain), *theirs]
    measure(Load(options.rate), all_wanted, options.frames, options.rounds)
    print(f"\nThe same, {BURST} at once:\n")
    measure(Load(options.rate, burst=BURST), all_wanted, options.frames, options.rounds)
    print(f"\nOne in {options.foreign + 1} wanted, {options.rate:g} a second:\n")
    some_wanted = [
        Row(f"{decoding}, kernel filter", ours, filtered),
        Row(f"{whole}, kernel filter", ours_whole, filtered),
    ]
    measure(Load(options.rate, options.foreign), [*some_wanted, *theirs], options.frames, options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
