"""What faults cost: how soon hazards are asked for again after SIGKILL, and a decision beside a bus full of garbage.

Recovery: the real daemon on a serial line, killed while hazards are asked for; from the start of the next one to the
first request on the line. systemd waits 0.5 s before that start. Garbage: frames with identifiers that nobody wants, at
this rate beside a whole car, on a socket without the kernel's filter, so that each of them reaches the process; from
the second frame that says "airbag deployed" to the request for hazards, and the memory before and after.
"""

import argparse
import contextlib
import multiprocessing
import random
import resource
import selectors
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from frames import Loopback
from hardshoulder.core.actions import Transmit, Use
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Vss
from hardshoulder.edge.pace import Pace
from hardshoulder_sim.processes import Broker, DaemonProcess, write_config
from hardshoulder_sim.slcan_port import SlcanPort
from reaction import SHORT, Car, row
from support.stamped_pair import classic
from support.talker import Talker, reference_plan

FOREIGN = range(0x600, 0x800)
CRASH_EVERY_S, QUIET_S = 3.0, 1.5
BATCH_S = 0.005


def recovery(trials: int) -> list[float]:
    """Seconds from the start of the next daemon to its first request for hazards."""
    took = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        broker = stack.enter_context(Broker(folder))
        car = Car(SlcanPort(folder / "can0"))
        config = write_config(folder, "reference-electric", broker.port, f"slcan:{folder / 'can0'}", thresholds=SHORT)
        daemon = stack.enter_context(DaemonProcess(config))
        car.drive(2.0)
        car.crash()
        for _ in range(trials):
            car.drive(1.0)
            daemon.kill()
            car.port.receive_ready()
            began_s = time.monotonic()
            daemon._process = daemon.launch((folder / "again.log").open("ab"))
            heard_s = next((at_s for at_s, on in car.speak_until(began_s + 20.0) if on), None)
            if heard_s is None:
                raise RuntimeError(f"no request came; see {folder}")
            took.append(heard_s - began_s)
    return took


def babble(sender: socket.socket, rate: int, seconds: float, crashed_s: "Synchronized[float]") -> None:
    """A whole car, garbage beside it, and an airbag now and then."""
    chance, talker = random.Random(1), Talker(reference_plan("electric"))
    crash, due_s = talker.carrier(Vss.AIRBAG_DEPLOYED), dict.fromkeys((m.name for m in talker.plan.messages), 0.0)
    garbage = [classic(chance.choice(FOREIGN), chance.randbytes(8)) for _ in range(4096)]
    begin_s, sent, next_s = time.monotonic(), 0, time.monotonic() + CRASH_EVERY_S
    while (now_s := time.monotonic()) < begin_s + seconds:
        with contextlib.suppress(OSError):
            for message in talker.plan.messages:
                if now_s >= due_s[message.name]:
                    due_s[message.name] = now_s + message.cycle_s
                    sender.send(classic(message.can_id, talker.frame(message, now_s).data))
            if now_s >= next_s:
                next_s = now_s + CRASH_EVERY_S
                talker.values[Vss.AIRBAG_DEPLOYED] = True
                for _ in range(2):
                    crashed_s.value = time.monotonic()
                    sender.send(classic(crash.can_id, talker.frame(crash, now_s).data))
            elif now_s >= next_s - QUIET_S:
                talker.values[Vss.AIRBAG_DEPLOYED] = False
            for number in range(sent, int((now_s - begin_s) * rate)):
                sender.send(garbage[number % len(garbage)])
        sent = int((now_s - begin_s) * rate)
        time.sleep(BATCH_S)


def garbage(rate: int, seconds: float) -> tuple[list[float], int, int, int]:
    """(delays of decisions in seconds, the car's frames taken, KiB of memory after the first quarter, at the end)."""
    crashed_s: Synchronized[float] = multiprocessing.Value("d", 0.0)
    line, delays, taken = Loopback(), [], 0
    fork = multiprocessing.get_context("fork")
    feeder = fork.Process(target=babble, args=(line.sender, rate, seconds, crashed_s), daemon=True)
    feeder.start()

    def fresh() -> Responder:
        return Responder(reference_plan("electric"), lambda: "incident")

    responder, begin_s, early_kib = fresh(), time.monotonic(), 0
    bus = line.ours(responder.wanted)
    with selectors.DefaultSelector() as selector:
        selector.register(bus.fileno(), selectors.EVENT_READ)
        pace = Pace(selector)
        while (now_s := time.monotonic()) < begin_s + seconds:
            count, actions = 0, []
            for _ in pace.wait(0.01, calm=responder.calm):
                for frame in bus.receive_ready():
                    count += 1
                    actions += responder.receive(frame)
            pace.came(count)
            taken += count
            actions += responder.tick(time.monotonic())
            if any(isinstance(action, Transmit) and action.use is Use.HAZARDS for action in actions):
                delays.append(time.monotonic() - crashed_s.value)
                responder = fresh()
            if not early_kib and now_s > begin_s + seconds / 4:
                early_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    feeder.kill()
    line.close()
    return delays, taken, early_kib, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description="recovery after SIGKILL, and decisions on a bus full of garbage")
    parser.add_argument("--trials", type=int, default=20, help="kills (default 20)")
    parser.add_argument("--rate", type=int, default=20_000, help="garbage frames a second (default 20000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of garbage (default 60)")
    options = parser.parse_args()
    print("| what | n | p50 | p99 | worst | budget |\n|---|---|---|---|---|---|")
    print(row("start after SIGKILL to hazard frame on the bus", recovery(options.trials), 1000), flush=True)
    delays, taken, early_kib, late_kib = garbage(options.rate, options.seconds)
    print(row(f"evidence complete to hazard request beside {options.rate} frames/s of garbage", delays, 50))
    print(f"\nthe car's frames taken: {taken / options.seconds:.0f} a second")
    print(f"most memory held: {early_kib} KiB after a quarter of the time, {late_kib} KiB at its end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
