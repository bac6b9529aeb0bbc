"""An independent witness: can-utils' candump inside the machine, with the time at which the kernel took each frame."""

from types import TracebackType
from typing import NamedTuple, Self

from rig.machine import Rig
from rig.tools import RigError


class Seen(NamedTuple):
    """at_s: the kernel's stamp, seconds since 1970 on the guest's clock; frame: as candump writes it, `123#0102`."""

    at_s: float
    interface: str
    frame: str


class Witness:
    """Watches an interface from when it is made until it is left.

    only: the standard ids that it watches, in hexadecimal; fewer lines to carry out of a slow machine.
    """

    def __init__(self, rig: Rig, interface: str, *only: str) -> None:
        listeners = f"cat /proc/net/can/rcvlist_* | grep -c '^ *{interface} '"
        before = rig.run(["sh", "-c", listeners]).stdout.strip()
        self._rig = rig
        self.process = rig.start(["candump", "-L", ",".join([interface, *(f"{can_id}:7FF" for can_id in only)])])
        # It says nothing when it begins to listen, but the kernel does.
        ready = rig.run(["sh", "-c", f"while [ $({listeners}) -le {before} ]; do sleep 0.02; done"])
        assert ready.returncode == 0, ready

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()

    @property
    def seen(self) -> list[Seen]:
        """Every frame so far."""
        fields = (line.split() for line in self.process.lines)
        return [Seen(float(at_s.strip("()")), interface, frame) for at_s, interface, frame in fields]

    def wait_for(self, count: int, timeout_s: float = 30) -> list[Seen]:
        """Every frame so far, once there are that many."""
        if not self._rig.wait_until(lambda: len(self.seen) >= count, timeout_s):
            raise RigError(f"not {count} frames within {timeout_s} s: {self.process}")
        return self.seen
