"""The daemon and what surrounds it, as processes inside the machine."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

from hardshoulder.core.frame import id_text
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.plan_cache import load_bundle
from hardshoulder_sim.processes import write_config
from rig.machine import CHECKOUT, PYTHON, Process, Rig
from support.live_car import LOST
from support.talker import HEALTHY, Talker, reference_plan

BROKER_PORT = 18830
START_S = 45.0
"""For a process that has much to import on an emulated and busy machine; only a failure waits so long."""

SHORT = {"recovered_after_s": 0.5, "drove_on_after_s": 0.5, "clear_after_s": 0.2, "arm_after_s": 0.3}
"""An incident closes soon after the car drives on, so that a test sees its end."""

FAST_S = 0.02
ROUND_S = 16.0
"""Sixteen counts of every message, the slowest once a second."""

UNIT = CHECKOUT / "systemd" / "hardshoulder.service"

_HERE = Path(__file__).parent
_MANAGED = "/run/managed"
_KEPT_OF_UNIT = {"Restart", "RestartSec", "NotifyAccess", "FileDescriptorStoreMax"}


def make_config(folder: Path, bus_url: str, *, fleet: bool = False) -> Path:
    """An armed and commissioned car, compiled: outside, since the guest sees these files and is ten times slower.

    fleet: whether it reports to one; a daemon that does imports much more.
    """
    config = write_config(folder, "reference-electric", BROKER_PORT, bus_url, thresholds=SHORT)
    if not fleet:
        before, _, after = config.read_text().partition("[mqtt]")
        config.write_text(f"{before}[storage]{after.partition('[storage]')[2]}")
    with patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder / "cache")}):
        load_bundle(config)
    return config


def cache_of(config: Path) -> dict[str, str]:
    """The environment in which the compiled configuration is found."""
    return {"XDG_CACHE_HOME": str(config.parent / "cache")}


def write_drive(path: Path, values: Mapping[Vss, Value]) -> Path:
    """A log for canplayer to repeat: all of the car but its lamps, for as long as the counters need to come round.

    Of the fast messages every second frame is left out, as on a bus that loses some: an emulated machine is slow.
    """
    talker = Talker(reference_plan("electric"), {**HEALTHY, **values})
    messages = [m for m in talker.plan.messages if m is not talker.carrier(Vss.HAZARD_SIGNALING)]
    due = sorted(
        (count * message.cycle_s, message.can_id, message)
        for message in messages
        for count in range(round(ROUND_S / message.cycle_s))
    )
    frames = [talker.frame(message, at_s) for at_s, _, message in due]
    fast = {message.can_id for message in messages if message.cycle_s <= FAST_S}
    frames = [f for f in frames if f.can_id not in fast or round(f.at_s / FAST_S) % 2 == 0]
    path.write_text("".join(f"({f.at_s:.6f}) car {id_text(f.can_id)}#{f.data.hex()}\n" for f in frames))
    return path


class Processes:
    """What runs inside the machine until the `with` block ends."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self._running):
            if process.returncode is None:
                process.kill()

    def start(self, *argv: str, env: dict[str, str] | None = None) -> Process:
        """A process that ends with the others."""
        process = self.rig.start(list(argv), env)
        self._running.append(process)
        return process

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Raises AssertionError with `what` when it does not come to hold."""
        assert self.rig.wait_until(holds, START_S), f"not {what}: {[str(process) for process in self._running]}"


class Car(Processes):
    """The car: canplayer for what drives, and a body controller on all interfaces; ready when it is made."""

    def __init__(self, rig: Rig, folder: Path, *interfaces: str) -> None:
        super().__init__(rig)
        self.config = config = make_config(folder, "socketcan:can0")
        self._healthy = write_drive(folder / "healthy.log", {})
        self._broken = write_drive(folder / "broken.log", LOST)
        self._player: Process | None = None
        self._interface = interfaces[0]
        self._body = self.start(PYTHON, str(_HERE / "body.py"), str(config), *interfaces, env=cache_of(config))
        self._body.wait_for("talking", START_S)

    @property
    def lamps(self) -> list[str]:
        """What its hazard lamps did so far: on, off."""
        return [line.removeprefix("hazards ") for line in self._body.lines if line.startswith("hazards ")]

    def press_hazard_switch(self) -> None:
        """The driver's hand: what flashes goes dark."""
        self._body.signal(signal.SIGUSR1)

    def drive(self, interface: str) -> None:
        """All is well, on this interface."""
        self._interface = interface
        self._play(self._healthy)

    def lose_drive(self) -> None:
        """The drive dies and says so."""
        self._play(self._broken)

    def fall_silent(self) -> None:
        """Nothing but the body controller speaks."""
        if self._player is not None:
            self._player.kill()
            self._player = None

    def _play(self, log: Path) -> None:
        self.fall_silent()
        self._player = self.start("canplayer", "-l", "i", "-I", str(log), f"{self._interface}=car")


class Shore(Processes):
    """A broker, and a fleet that acknowledges."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig)
        self.start("mosquitto", "-p", str(BROKER_PORT))
        self._fleet = self.start(PYTHON, str(_HERE / "shore.py"), str(BROKER_PORT))
        self._fleet.wait_for("subscribed", START_S)

    def told(self, leaf: str) -> list[dict[str, Any]]:
        """What the fleet was told on this leaf so far."""
        return [json.loads(line.partition(" ")[2]) for line in self._fleet.lines if line.startswith(leaf + " ")]


class Watched(Processes):
    """Something that logs."""

    def __init__(self, rig: Rig, config: Path) -> None:
        super().__init__(rig)
        rig.run(["sh", "-c", f"rm -rf {config.parent}/storage/*"], check=True)
        self._command = [PYTHON, "-m", "hardshoulder", "run", "--config", str(config)]
        self._env = cache_of(config)

    @property
    def log(self) -> str:
        """Everything so far."""
        raise NotImplementedError

    def logs(self, text: str, times: int = 1) -> None:
        """Until it has logged this so often. Raises AssertionError."""
        self.until(lambda: self.log.count(text) >= times, f"{times} x {text!r}")


class Daemon(Watched):
    """`hardshoulder run` with empty storage; what it logs is its standard error."""

    def __init__(self, rig: Rig, config: Path) -> None:
        super().__init__(rig, config)
        self._process = self.start(*self._command, env=self._env)
        self.logs("watching vehicle=")

    @property
    def log(self) -> str:
        return self._process.stderr


class Service(Watched):
    """The same as a service of a real systemd: a user's, which runs as any other process does.

    How it is started anew and what is kept for it stands in the unit that is shipped.
    """

    def __init__(self, rig: Rig, config: Path) -> None:
        super().__init__(rig, config)
        kept = [line for line in UNIT.read_text().splitlines() if line.partition("=")[0] in _KEPT_OF_UNIT]
        assert len(kept) == len(_KEPT_OF_UNIT), kept
        lines = [
            "[Service]",
            f"ExecStart={' '.join(self._command)}",
            "TimeoutStopSec=10",
            f"StandardError=append:{_MANAGED}/log",
            *kept,
        ]
        target = "[Unit]\nDefaultDependencies=no\nWants=hardshoulder.service\n"
        script = f"""
            grep -q cgroup2 /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
            rm -rf {_MANAGED}
            mkdir -p {_MANAGED}/systemd/user /run/systemd/system
            printf '%s\n' "$1" >{_MANAGED}/systemd/user/hardshoulder.service
            printf '%s' "$2" >{_MANAGED}/systemd/user/rig.target
            touch {_MANAGED}/log"""
        rig.run(["sh", "-ec", script, "sh", "\n".join(lines), target], check=True)
        self._tail = self.start("tail", "-n", "+1", "-f", f"{_MANAGED}/log")
        env = {**self._env, "XDG_RUNTIME_DIR": _MANAGED, "XDG_CONFIG_HOME": _MANAGED}
        self.start("/lib/systemd/systemd", "--user", "--unit=rig.target", "--log-target=console", env=env)
        self.logs("watching vehicle=")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.control("stop")
        super().__exit__(kind, error, at)

    @property
    def log(self) -> str:
        return self._tail.stdout

    def control(self, *how: str) -> None:
        """As systemctl does: restart, stop."""
        command = ["systemctl", "--user", *how, "hardshoulder.service"]
        # The guest's processes live in a chroot, where systemctl does nothing unless it is told to.
        env = {"XDG_RUNTIME_DIR": _MANAGED, "SYSTEMD_IGNORE_CHROOT": "1"}
        self.rig.run(command, START_S, check=True, env=env)
