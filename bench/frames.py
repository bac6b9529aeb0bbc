"""What one frame costs: processor time of the receiving process, ours beside python-can and cantools.

The same frames of the reference car come from another process at the rate of a full bus, over a pair of loopback
sockets that the kernel stamps as it stamps a CAN socket; each way takes a fixed number of them, in turns within one
run.
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
from importlib.resources import files
from unittest.mock import patch

import can
import cantools.database
from can.interfaces.socketcan import socketcan as peer

from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import Frame
from hardshoulder.core.responder import Responder
from hardshoulder.edge.pace import Pace
from hardshoulder.edge.socketcan import SocketCanBus
from support.stamped_pair import classic, stamped_pair
from support.talker import Talker, reference_plan

PATIENCE_S = 5.0
SERIES = 160
"""Frames of each message that are made beforehand: a multiple of every counter."""

Take = Callable[[int], None]
"""Takes so many frames."""

Way = Callable[[socket.socket], contextlib.AbstractContextManager[Take]]
"""Made ready on a socket, so that what is done once costs no frame."""


def made_frames() -> list[bytes]:
    """The reference car's messages in turn, as the kernel hands them over, with right counters and checksums."""
    talker = Talker(reference_plan("electric"))
    frames = (talker.frame(message, 0.0) for _ in range(SERIES) for message in talker.plan.messages)
    return [classic(frame.can_id, frame.data) for frame in frames]


def feed(sender: socket.socket, rate: float) -> None:
    """Sends for ever, as many frames a second."""
    frames, begin_s, sent = made_frames(), time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begin_s) * rate)
        for number in range(sent, due):
            sender.send(frames[number % len(frames)])
        sent = max(sent, due)
        time.sleep(1 / rate)


@contextmanager
def fed(rate: float) -> Iterator[socket.socket]:
    """The receiving end of a bus that talks at this rate."""
    receiver, sender = stamped_pair()
    feeder = multiprocessing.get_context("fork").Process(target=feed, args=(sender, rate), daemon=True)
    feeder.start()
    try:
        yield receiver
    finally:
        feeder.kill()
        feeder.join()
        sender.close()


@contextmanager
def ours(receiver: socket.socket) -> Iterator[Take]:
    """Kernel socket, selector, decoding with length, checksum and counter."""
    decoder = Decoder(reference_plan("electric"))
    yield _taking(receiver, decoder.wanted, decoder.decode)
    # What the full socket dropped while all was made ready is a jump of each counter; a doubted frame would cost less.
    assert sum(decoder.faults.values()) <= 3 * len(decoder.wanted), decoder.faults


@contextmanager
def ours_whole(receiver: socket.socket) -> Iterator[Take]:
    """The same and everything that is concluded from a frame: signals, rules, hazards, incident."""
    responder = Responder(reference_plan("electric"), lambda: "incident-1")
    responder.tick(time.monotonic())
    yield _taking(receiver, responder.wanted, responder.receive)


def _taking(receiver: socket.socket, wanted: frozenset[tuple[str, int]], use: Callable[[Frame], object]) -> Take:
    bus = SocketCanBus("main", "can0", frozenset(can_id for _, can_id in wanted), receiver)
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
def python_can(receiver: socket.socket) -> Iterator[Take]:
    """`Bus.recv` and `decode_message`."""
    database, bus = _database(), _peer_bus(receiver)

    def take(count: int) -> None:
        for _ in range(count):
            message = bus.recv(PATIENCE_S)
            assert message is not None, "no frames came"
            database.decode_message(message.arbitration_id, message.data)

    yield take
    bus.shutdown()


@contextmanager
def notifier(receiver: socket.socket) -> Iterator[Take]:
    """`can.Notifier` with a queue, and `decode_message` on the thread that waits for it."""
    database, bus = _database(), _peer_bus(receiver)
    heard: queue.SimpleQueue[can.Message] = queue.SimpleQueue()
    told = can.Notifier(bus, [heard.put])

    def take(count: int) -> None:
        for _ in range(count):
            message = heard.get(timeout=PATIENCE_S)
            database.decode_message(message.arbitration_id, message.data)

    yield take
    told.stop()
    bus.shutdown()


def _database() -> "cantools.database.can.Database":
    text = files("hardshoulder_dbc").joinpath("reference.dbc").read_text("utf-8")
    return cantools.database.load_string(text, "dbc")


def _peer_bus(receiver: socket.socket) -> can.BusABC:
    """python-can's own SocketCAN bus on a socket of ours."""
    with patch.object(peer, "create_socket", lambda: receiver), patch.object(peer, "bind_socket", lambda *_: None):
        return peer.SocketcanBus("can0")


def cost_us(way: Way, count: int, rate: float) -> float:
    """Processor time of this process for a frame, microseconds, once it has warmed up."""
    with fed(rate) as receiver, way(receiver) as take:
        take(count // 10)
        begin_s = time.process_time()
        take(count)
        return (time.process_time() - begin_s) / count * 1e6


WAYS: dict[str, tuple[Way, str]] = {
    "ours: socket and decoding with its checks": (ours, ""),
    "ours: socket and the whole core": (ours_whole, ""),
    "python-can `recv` and cantools": (python_can, "at least 2.5"),
    "`can.Notifier` with a queue, and cantools": (notifier, "at least 4"),
}


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="processor time for a frame, beside python-can and cantools")
    parser.add_argument("--frames", type=int, default=8000, help="frames for each way and round (default 8000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--rate", type=float, default=4000.0, help="frames a second (default 4000)")
    options = parser.parse_args()
    logging.getLogger("can").setLevel(logging.CRITICAL)  # it complains that the socket is no CAN socket
    costs: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(options.rounds):
        for name, (way, _) in WAYS.items():
            costs[name].append(cost_us(way, options.frames, options.rate))
    base = next(iter(costs.values()))
    print("| way | CPU a frame, median | lowest to highest | times ours | budget |\n|---|---|---|---|---|")
    for name, (_, budget) in WAYS.items():
        mine = costs[name]
        ratio = statistics.median(cost / own for cost, own in zip(mine, base, strict=True))
        middle, spread = statistics.median(mine), f"{min(mine):.1f} to {max(mine):.1f} µs"
        print(f"| {name} | {middle:.1f} µs | {spread} | {ratio:.2f} | {budget} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
