"""Runs inside the guest: hands a cycle to the kernel in a process that is then killed, and holds a copy of its socket.

cycle_probe.py CONFIG INTERFACE COUNT prints `killed` with the wall time, and is itself the store until it is killed.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from hardshoulder.core.asking import Cycle, whole_cycle
from hardshoulder.edge.broadcast import Manager
from hardshoulder.plan_cache import load_bundle

_LIVES_S = 0.5


def ask(cycle: Cycle, interface: str, count: int, to: socket.socket) -> None:
    """What a daemon does, and then no more."""
    kernel = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_BCM)
    kernel.connect((interface,))
    kernel.setblocking(False)
    socket.send_fds(to, [b"kept"], [kernel.fileno()])
    Manager(cycle, kernel).say(count, on=True, begin=True)
    signal.pause()


def main(config: Path, interface: str, count: int) -> None:
    """Until it is killed."""
    cycle = whole_cycle(load_bundle(config).plan.hazard.command)
    assert cycle is not None
    ours, theirs = socket.socketpair()
    child = os.fork()
    if not child:
        ours.close()
        ask(cycle, interface, count, theirs)
    _, [_kept], _, _ = socket.recv_fds(ours, 4, 1)
    time.sleep(_LIVES_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", time.time(), flush=True)
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
