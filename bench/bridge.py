"""The serial bridge at its line rate: a full bus without loss, and how soon a command is answered.

The firmware is a process of its own, its line a pseudo-terminal behind a cable that carries 92,160 bytes a second
each way (921,600 baud), and on this side stands the bus that the daemon opens. The car on the other side sends
frames with 29-bit identifiers and 8 bytes, the longest there are.
"""

import argparse
import select
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path

from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge.bridge_bus import BridgeBus
from hardshoulder.edge.tended import QUIET, Wish
from support.host_board import BusLine, HostBoard
from support.pair import request

BAUD = 921_600
BUS_ID = 0x18FEF100 | EXTENDED
HAZARD_ID = 0x2A0
PERIOD_S = 0.15
"""Of hazard requests: the board lets none pass much sooner than 0.1 s after another, however late that one came."""
GIVE_UP_AFTER_S = 10.0
LEASE = Wish(incident=True, hazards=False, confirmed=False, lease_until_s=inf)


def turn(bus: BridgeBus, wish: Wish, until_s: float) -> list[Frame]:
    """One round of a loop around the bus: waits for it, but not beyond that time."""
    wait_s = max(0.0, min(bus.next_due_s(), until_s) - time.monotonic())
    frames = bus.receive_ready() if select.select([bus], [], [], wait_s)[0] else []
    bus.keep_alive(wish, time.monotonic())
    return frames


def answered(bus: BridgeBus) -> None:
    """Until the board has welcomed us."""
    end_s = time.monotonic() + GIVE_UP_AFTER_S
    while not bus.ready:
        turn(bus, QUIET, end_s)


def talk(car: BusLine, rate: int, seconds: float) -> None:
    """A car that sends so many frames a second, numbered; what a late machine missed follows at once."""
    began_s = time.monotonic()
    sent = 0
    while sent < rate * seconds:
        due = min(int((time.monotonic() - began_s) * rate), int(rate * seconds))
        for begin in range(sent, due, 8):
            numbers = range(begin, min(begin + 8, due))
            car.send(*(Frame(0, "main", BUS_ID, number.to_bytes(8, "big")) for number in numbers))
        sent = max(sent, due)
        time.sleep(0.0005)


@dataclass(frozen=True)
class Load:
    """What came of a full bus. bytes_per_frame: on the line towards Linux; cpu_us: of our process for each frame."""

    sent: int
    came: int
    in_order: bool
    bytes_per_frame: float
    cpu_us: float


def load(board: HostBoard, bus: BridgeBus, rate: int, seconds: float) -> Load:
    """A bus with that many frames a second, one way."""
    car = threading.Thread(target=talk, args=(board.bus, rate, seconds))
    before, cpu_s = board.cable.to_linux.carried, 0.0
    numbers: list[int] = []
    expected = int(rate * seconds)
    end_s = time.monotonic() + seconds + GIVE_UP_AFTER_S
    car.start()
    while len(numbers) < expected and time.monotonic() < end_s:
        began_s = time.thread_time()
        frames = turn(bus, LEASE, end_s)
        cpu_s += time.thread_time() - began_s
        numbers += (int.from_bytes(frame.data, "big") for frame in frames)
    car.join()
    carried = board.cable.to_linux.carried - before
    return Load(
        expected, len(numbers), numbers == list(range(expected)), carried / expected, 1e6 * cpu_s / max(1, len(numbers))
    )


def round_trips(bus: BridgeBus, car: BusLine, count: int) -> list[float]:
    """From the call that sends a frame to the board's word that it is on the car's bus, in seconds."""
    times = []
    for number in range(count):
        next_s = time.monotonic() + PERIOD_S
        sent_s = time.monotonic()
        bus.send(Frame(0, "main", HAZARD_ID, request(number)))
        while bus.session.unanswered:
            turn(bus, LEASE, sent_s + GIVE_UP_AFTER_S)
            if time.monotonic() > sent_s + GIVE_UP_AFTER_S:
                raise RuntimeError("no command is answered")
        times.append(time.monotonic() - sent_s)
        if car.waits():
            car.receive(sent_s)
        while time.monotonic() < next_s:
            turn(bus, LEASE, next_s)
    return times


def measure(rate: int, seconds: float, trials: int) -> tuple[Load, list[float], list[float]]:
    """(full bus, round trips on a quiet bus, round trips beside a full one)."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        board = stack.enter_context(HostBoard(folder / "tty", BAUD))
        bus = BridgeBus("main", f"{folder / 'tty'}@{BAUD}", frozenset({BUS_ID}))
        stack.callback(bus.close)
        answered(bus)
        loaded = load(board, bus, rate, seconds)
        quiet = round_trips(bus, board.bus, trials)
        car = threading.Thread(target=talk, args=(board.bus, rate, trials * PERIOD_S), daemon=True)
        car.start()
        busy = round_trips(bus, board.bus, trials)
        car.join()
        if (refused := session_refusals(bus)) != 0:
            raise RuntimeError(f"the board refused {refused} frames")
        return loaded, quiet, busy


def session_refusals(bus: BridgeBus) -> int:
    """Frames that the board's permit refused."""
    end_s = time.monotonic() + 0.3
    while time.monotonic() < end_s:
        turn(bus, LEASE, end_s)
    assert bus.session.status is not None, "it says its status ten times a second"
    return bus.session.status.refused


def row(name: str, seconds: list[float]) -> str:
    """A line of the table of round trips."""
    ordered = sorted(value * 1000 for value in seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    p50, worst = statistics.median(ordered), ordered[-1]
    return f"| {name} | {len(ordered)} | {p50:.2f} ms | {p99:.2f} ms | {worst:.2f} ms | p99 below 10 ms |"


def main() -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description="the serial bridge at its line rate")
    parser.add_argument("--rate", type=int, default=4000, help="frames a second (default 4000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the bus is full (default 20)")
    parser.add_argument("--trials", type=int, default=200, help="commands to measure (default 200)")
    options = parser.parse_args()
    # Cable and car are threads of this process; with Python's usual 5 ms a turn they would be measured, not the bridge.
    sys.setswitchinterval(0.0002)
    loaded, quiet, busy = measure(options.rate, options.seconds, options.trials)
    print("| bus | sent | came | in order | bytes a frame on the line | budget | our CPU a frame |")
    print("|---|---|---|---|---|---|---|")
    in_order = "yes" if loaded.in_order else "NO"
    print(
        f"| {options.rate} frames/s, {options.seconds:g} s | {loaded.sent} | {loaded.came} | {in_order} "
        f"| {loaded.bytes_per_frame:.1f} | at most 23, none lost | {loaded.cpu_us:.1f} µs |\n"
    )
    print("| command to its acknowledgement | n | p50 | p99 | worst | budget |\n|---|---|---|---|---|---|")
    print(row("quiet bus", quiet))
    print(row(f"beside {options.rate} frames/s", busy))
    return 0


if __name__ == "__main__":
    sys.exit(main())
