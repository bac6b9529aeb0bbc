"""How soon a car is watched: process start to watching with a compiled plan, beside python-can and cantools.

Ours is the daemon itself up to its word that it watches. The peer imports both libraries, loads the same DBC and opens
a bus, and that is all it does. Both are started in turns within one run, with warm caches.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from hardshoulder.plan_cache import load_bundle
from hardshoulder_sim.processes import write_config

ROOT = Path(__file__).parent.parent
PEER = """
import can, cantools.database, sys
database = cantools.database.load_file(sys.argv[1])
bus = can.Bus(interface="virtual", channel="start")
print("watching", flush=True)
bus.shutdown()
"""


def watching_after_s(command: list[str]) -> float:
    """Seconds from the start of the process to its first line that says `watching`; it is ended then."""
    begin_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "watching" in line:
                took_s = time.monotonic() - begin_s
                process.kill()
                return took_s
    raise RuntimeError(f"{command} never watched")


def measure(trials: int) -> dict[str, list[float]]:
    """Seconds of each start, in turns; a first start of each warms the caches."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder, patch.dict(os.environ, {"XDG_CACHE_HOME": folder}):
        # Compiled Python is kept for all of them alike, as it is for what is installed, whatever this shell is set to.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        config = write_config(Path(folder), "reference-electric", 1, "socketcan:can0")
        load_bundle(config)
        commands = {
            "hardshoulder, compiled plan": ["-m", "hardshoulder", "run", "--config", str(config)],
            "python-can and cantools": ["-c", PEER, str(ROOT / "dbc" / "hardshoulder_dbc" / "reference.dbc")],
            "bare interpreter": ["-c", "print('watching')"],
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for trial in range(trials + 1):
            for name, command in commands.items():
                seconds = watching_after_s([sys.executable, *command])
                if trial:
                    took[name].append(seconds)
    return took


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="process start to watching the car")
    parser.add_argument("--trials", type=int, default=20, help="starts of each (default 20)")
    took = measure(parser.parse_args().trials)
    base = took["hardshoulder, compiled plan"]
    print("| what | n | median | lowest to highest | times ours | budget |\n|---|---|---|---|---|---|")
    for name, seconds in took.items():
        ms = [value * 1000 for value in seconds]
        ratio = statistics.median(value / own for value, own in zip(seconds, base, strict=True))
        budget = "at least 5" if name.startswith("python-can") else ""
        spread = f"{min(ms):.0f} to {max(ms):.0f} ms"
        print(f"| {name} | {len(ms)} | {statistics.median(ms):.0f} ms | {spread} | {ratio:.2f} | {budget} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
