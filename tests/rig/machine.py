"""The emulated machine, and the processes that a test runs inside it."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rig.initramfs import build_initramfs
from rig.kernel import cached_kernel
from rig.tools import SEARCH_PATH, RigError, environment, require_tools

CHECKOUT = Path(__file__).parents[2]
PYTHON = sys.executable
"""The Python of this test run; it and its packages are there inside, too."""

_AGENT = Path(__file__).with_name("agent.py")
_BOOT_S = 90.0
# Generous, since an emulated machine on a busy host is slow; only a failure waits so long.
_PATIENCE_S = 30.0
_CHUNK = 65536
_TAIL = 2000


class Process:
    """A process inside: what it has printed so far, and how it ended."""

    def __init__(self, rig: "Rig", key: int, argv: Sequence[str]) -> None:
        self._rig = rig
        self._key = key
        self._printed = {"stdout": b"", "stderr": b""}
        self._returncode: int | None = None
        self.argv = tuple(argv)

    @property
    def stdout(self) -> str:
        """Everything printed until now."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        return self._text("stderr")

    @property
    def lines(self) -> list[str]:
        """The lines of `stdout` that have their end."""
        return self.stdout.split("\n")[:-1]

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative when a signal ended it, 127 when it could not be started."""
        self._rig.hear()
        return self._returncode

    def wait(self, timeout_s: float = _PATIENCE_S) -> int:
        """The return code; TimeoutError when it does not end in time, and it goes on running."""
        self._wait_until(lambda: self._returncode is not None, timeout_s, "end")
        assert self._returncode is not None
        return self._returncode

    def wait_for(self, text: str, timeout_s: float = _PATIENCE_S) -> None:
        """Until a whole line holds `text`; TimeoutError when none does in time, RigError when it ends without."""

        def printed() -> bool:
            return any(text in line for line in self.lines)

        self._wait_until(lambda: printed() or self._returncode is not None, timeout_s, f"print {text!r}")
        if not printed():
            raise RigError(f"{self} ended without printing {text!r}")

    def signal(self, number: int) -> None:
        """As kill(1); without effect once it has ended."""
        self._rig.tell(key=self._key, signal=number)

    def kill(self, timeout_s: float = _PATIENCE_S) -> int:
        """Ends it at once and returns its return code."""
        self.signal(signal.SIGKILL)
        return self.wait(timeout_s)

    def take(self, message: Mapping[str, Any]) -> None:
        """What the agent tells of it."""
        self._returncode = message.get("returncode")
        for stream in self._printed.keys() & message.keys():
            self._printed[stream] += message[stream].encode("latin-1")

    def __str__(self) -> str:
        said = "".join(text[-_TAIL:].decode(errors="replace") for text in self._printed.values())
        return f"{' '.join(self.argv)} (return code {self._returncode}, printed last: {said!r})"

    def _text(self, stream: str) -> str:
        self._rig.hear()
        return self._printed[stream].decode(errors="replace")

    def _wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        if not self._rig.wait_until(condition, timeout_s):
            raise TimeoutError(f"{self} did not {what} within {timeout_s} s")


class Rig:
    """A booted machine: Debian's kernel, the host's files (what is written stays in the guest's memory), can0, can1.

    It dies with this process, however that ends: QEMU is told to by the host's kernel, and the guest stops by itself
    when the other end of its port is gone.
    """

    def __init__(self) -> None:
        require_tools()
        self._keys = 0
        self._processes: dict[int, Process] = {}
        self._ready = False
        self._heard = b""
        self._undo = contextlib.ExitStack()
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the machine at once; it holds nothing that would be lost."""
        self._undo.close()

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        """Starts a command in the checkout, without a shell; `env` is added to a small environment."""
        self._keys += 1
        process = self._processes[self._keys] = Process(self, self._keys, argv)
        self.tell(key=self._keys, argv=list(argv), cwd=str(CHECKOUT), env={**_guest_environment(), **(env or {})})
        return process

    def run(
        self,
        argv: Sequence[str],
        timeout_s: float = _PATIENCE_S,
        *,
        check: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end; one that takes too long is killed, and TimeoutError says what it had printed."""
        process = self.start(argv, env)
        try:
            returncode = process.wait(timeout_s)
        except BaseException:
            with contextlib.suppress(RigError):
                process.signal(signal.SIGKILL)
            raise
        if check and returncode != 0:
            raise RigError(f"failed: {process}")
        return subprocess.CompletedProcess(process.argv, returncode, process.stdout, process.stderr)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = _PATIENCE_S) -> bool:
        """Listens to the guest until the condition holds; whether it came to hold in time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            self.hear(left_s)
        return True

    def hear(self, wait_s: float = 0) -> None:
        """Takes in what the guest says, after waiting for it when there is nothing."""
        while select.select([self._port], [], [], wait_s)[0]:
            wait_s = 0
            try:
                chunk = self._port.recv(_CHUNK)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise self._trouble("has stopped")
            *lines, self._heard = (self._heard + chunk).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def tell(self, **request: object) -> None:
        """One request to the agent inside."""
        try:
            self._port.sendall(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise self._trouble("has stopped") from None

    def _take(self, message: Mapping[str, Any]) -> None:
        if "ready" in message:
            self._ready = True
            return
        self._processes[message["key"]].take(message)
        if "returncode" in message:
            del self._processes[message["key"]]

    def _boot(self) -> None:
        kernel = cached_kernel()
        initramfs = self._memory_file(build_initramfs(kernel.modules, [PYTHON, "-I", "-S", str(_AGENT)]))
        self._console = self._memory_file()
        self._port, theirs = socket.socketpair()
        self._undo.callback(self._port.close)
        with theirs:
            self.pid = self._start_qemu(kernel.image, initramfs, theirs.fileno())
        if not self.wait_until(lambda: self._ready, _BOOT_S):
            raise self._trouble(f"did not start in {_BOOT_S} s")

    def _memory_file(self, content: bytes = b"") -> int:
        """A file without a name: nothing is left of it, however this process ends."""
        descriptor = os.memfd_create("rig")
        self._undo.callback(os.close, descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        return descriptor

    def _start_qemu(self, image: Path, initramfs: int, port: int) -> int:
        qemu = subprocess.Popen(
            _qemu(image, initramfs, port),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=self._console,
            pass_fds=[initramfs, port],
            # Its own session: an interrupt at the terminal is for the test run, which still has to tidy up inside.
            start_new_session=True,
        )
        self._undo.callback(_end, qemu)
        return qemu.pid

    def _trouble(self, what: str) -> RigError:
        begin = max(0, os.fstat(self._console).st_size - _TAIL)
        # QEMU writes where this descriptor stands, so that it must not be moved.
        console = os.pread(self._console, _TAIL, begin).decode(errors="replace")
        return RigError(f"the machine {what}; its console said last:\n{console}")


def _guest_environment() -> dict[str, str]:
    """Small, with the folders of this checkout that the test run imports from."""
    sources = [entry for entry in sys.path if Path(entry).is_relative_to(CHECKOUT) and "site-packages" not in entry]
    return {
        "PATH": SEARCH_PATH,
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(sources),
        "PYTHONUNBUFFERED": "1",
    }


def _qemu(image: Path, initramfs: int, port: int) -> list[str]:
    """Always software emulation: KVM is not everywhere, and what is tested should not depend on the host."""
    root = "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
    command += ["-accel", "tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-kernel", str(image), "-initrd", f"/dev/fd/{initramfs}", "-append", "console=ttyS0 quiet panic=-1"]
    command += ["-serial", "stdio", "-nic", "none"]
    command += ["-fsdev", root, "-device", "virtio-9p-pci,fsdev=root,mount_tag=root"]
    command += ["-chardev", f"socket,id=agent,fd={port}"]
    command += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent"]
    command += ["-object", "can-bus,id=bus"]
    command += ["-device", "kvaser_pci,canbus=bus", "-device", "kvaser_pci,canbus=bus"]
    return command


def _end(qemu: subprocess.Popen[bytes]) -> None:
    qemu.kill()
    qemu.wait()
