"""The demo as a process of its own, as somebody at a terminal has it, and a person who answers on her phone."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from hardshoulder_sim.demo_options import PROFILE
from hardshoulder_sim.drive import drive
from hardshoulder_sim.recordings.breakdown import find_breakdown
from hardshoulder_sim.scenarios import SCENARIOS

PATIENCE_S = 300.0
HEALTHY_S = 3.0
_MARK = "HARDSHOULDER_TEST_DEMO"
_FIELD = re.compile(r'name="(form|quote_id|shown)" value="([^"]+)"')


class DemoProcess:
    """Runs with these arguments; the leader of a group, as a shell starts it. lines: what it has said so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        # A job in the background of a script has been told to ignore Ctrl-C; somebody at a terminal has not.
        listening = ["env", "--default-signal=INT,HUP"]
        command = [*listening, sys.executable, "-m", "hardshoulder_sim.demo", "--folder", str(folder), *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            env={**os.environ, name: value},
        )
        self.lines: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A test that failed leaves nothing behind either."""
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors += self._process.stderr.read().splitlines()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The next line in which this is found."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            line = self._coming.get(timeout=max(0.01, until_s - time.monotonic()))
            assert line is not None, f"it ended without {pattern!r}; it said:\n{self.told}"
            self.lines.append(line)
            if (found := re.search(pattern, line)) is not None:
                return found

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """As Ctrl-C at a terminal does: the signal goes to the whole group in the foreground."""
        os.killpg(self._process.pid, number)

    def kill(self, *words: str) -> None:
        """The party with these words in its command line dies at once."""
        (pid,) = (pid for pid in self.alive() if set(words) <= set(_words(pid)))
        os.kill(pid, signal.SIGKILL)

    def end(self) -> int:
        """Its exit status, once it has ended."""
        status = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        while (line := self._coming.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return status

    @property
    def told(self) -> str:
        """All that it has said, errors last, and what its daemon and car wrote down."""
        logs = [path for name in ("daemon.log", "car.log") if (path := self._folder / name).exists()]
        kept = [f"-- {path.name}\n{path.read_text(errors='replace')}" for path in logs]
        return "\n".join([*self.lines, *self._errors, *kept])

    @property
    def errors(self) -> list[str]:
        """The lines of its standard error, once it has ended."""
        return self._errors

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in the order in which they were told."""
        return [found[1] for line in self.lines if (found := re.match(r" *\d+\.\d{3} s  (\S+(?: \S+)*)  ", line))]

    def alive(self) -> list[int]:
        """Every process that it started, and those that they did: all of them carry our mark."""
        mark, found = self._mark.encode(), []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and mark in _environment(folder):
                found.append(int(folder.name))
        return found


def _words(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")


def _environment(process: Path) -> list[bytes]:
    """What it was started with; nothing for one that has just gone, or is a dead one's entry."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


class Person:
    """Has opened the link, and taps: each tap is the form of the page that she sees."""

    def __init__(self, link: str) -> None:
        self._link = link
        self._client = httpx.Client(follow_redirects=True, timeout=10.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def look(self) -> str:
        """The page as it stands."""
        page = self._client.get(self._link)
        assert page.status_code == 200, page.text
        return page.text

    def says(self, answer: str) -> str:
        """`safe`, `tow` or `emergency`; the page afterwards."""
        return self._tap("answer", answer=answer)

    def says_yes(self) -> str:
        """To the price that is shown; the page afterwards."""
        return self._tap("order")

    def _tap(self, where: str, **fields: str) -> str:
        known = dict(_FIELD.findall(self.look()))
        page = self._client.post(f"{self._link}/{where}", data=known | fields)
        assert page.status_code == 200, page.text
        return page.text


def recorded_breakdown(folder: Path) -> tuple[str, ...]:
    """Arguments for a recording of the simulated car, from shortly before it breaks down."""
    log = folder / "broken.log"
    drive(SCENARIOS["motorway-shutdown-combustion"], 1, log, None, realtime=False)
    begin_s = find_breakdown(log, PROFILE, ()).suspected_s - HEALTHY_S
    return ("--log", str(log), "--profile", PROFILE, "--from", f"{begin_s:.3f}")
