"""What the daemon weighs: a virtual environment with its own dependencies alone, a talking car, a broker."""

import argparse
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack
from pathlib import Path

from hardshoulder_sim.processes import Broker, DaemonProcess, write_config
from hardshoulder_sim.slcan_port import SlcanPort
from reaction import Arrivals, Car

ROOT = Path(__file__).parent.parent


def daemon_python(folder: Path) -> Path:
    """A Python that has the daemon's locked dependencies, the daemon, and nothing else."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "daemon.txt")], check=True)
    site = next((folder / "lib").glob("python3*")) / "site-packages"
    (site / "hardshoulder.pth").write_text(f"{ROOT / 'daemon'}\n{ROOT / 'dbc'}\n{ROOT / 'firmware_bridge'}\n")
    return folder / "bin" / "python"


def memory_mb(pid: int) -> tuple[float, float]:
    """(resident, of that not shared with other processes) in megabytes (1e6 bytes)."""
    kib = {"Rss:": 0, "Pss:": 0, "Private_Clean:": 0, "Private_Dirty:": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, *rest = line.split()
        if name in kib:
            kib[name] = int(rest[0])
    return kib["Rss:"] * 1.024 / 1000, (kib["Private_Clean:"] + kib["Private_Dirty:"]) * 1.024 / 1000


def main() -> int:
    """Prints one row: before and after a breakdown."""
    parser = argparse.ArgumentParser(description="memory of the daemon with its own dependencies")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the car talks (default 20)")
    seconds = parser.parse_args().seconds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        python = daemon_python(folder / "venv")
        broker = stack.enter_context(Broker(folder))
        stack.enter_context(Arrivals(broker.port))
        car = Car(SlcanPort(folder / "can0"))
        config = write_config(folder, "reference-electric", broker.port, f"slcan:{folder / 'can0'}")
        daemon = stack.enter_context(DaemonProcess(config, str(python)))
        car.drive(seconds / 2)
        before_mb, _ = memory_mb(daemon.pid)
        car.crash()
        car.drive(seconds / 2)
        after_mb, private_mb = memory_mb(daemon.pid)
    print("| what | driving | after a breakdown | of that private | budget |\n|---|---|---|---|---|")
    print(f"| daemon, resident | {before_mb:.1f} MB | {after_mb:.1f} MB | {private_mb:.1f} MB | below 50 MB |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
