"""What the sleeping daemon draws: wake-ups and processor time of all its threads, beside an awake one."""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from hardshoulder_sim.slcan_port import SlcanPort

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def drawn(pid: int) -> tuple[int, float]:
    """(times that any of its threads went to sleep by itself, seconds of processor time) since its start."""
    switches = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        switches += int(lines["voluntary_ctxt_switches"])
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return switches, (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def measure(pid: int, seconds: float) -> tuple[float, float]:
    """(wake-ups a second, milliseconds of processor time a second)."""
    before, before_s = drawn(pid)
    time.sleep(seconds)
    after, after_s = drawn(pid)
    return (after - before) / seconds, (after_s - before_s) * 1000 / seconds


def main() -> int:
    """Prints a row for a parked daemon that is awake, and one for the same that sleeps."""
    parser = argparse.ArgumentParser(description="wake-ups of the daemon while the car is parked")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each is watched (default 60)")
    seconds = parser.parse_args().seconds
    print("| parked, no traffic on the bus | wake-ups a second | processor time a second |\n|---|---|---|")
    for name, sleep_after_s in (("awake, connected", 0), ("asleep", 1)):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
            broker = stack.enter_context(Broker(folder))
            stack.callback(SlcanPort(folder / "can0").close)
            config = write_config(folder, "reference-electric", broker.port, f"slcan:{folder / 'can0'}")
            config.write_text(config.read_text() + f"\n[power]\nsleep_after_s = {sleep_after_s}.0\n")
            daemon = stack.enter_context(DaemonProcess(config))
            wait_until(lambda daemon=daemon: "Connected to the broker" in daemon.log(), "it is connected")
            if sleep_after_s:
                wait_until(lambda daemon=daemon: "power=asleep" in daemon.log(), "it sleeps")
            time.sleep(5.0)  # What was going on comes to rest: that is not what is measured.
            wakes, milliseconds = measure(daemon.pid, seconds)
        print(f"| {name} | {wakes:.2f} | {milliseconds:.2f} ms |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
