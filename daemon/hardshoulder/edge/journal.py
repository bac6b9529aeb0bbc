"""The incident on disk, written behind the action: what the next start of the daemon goes on with.

One line for each change, appended and flushed to the disk by a thread of its own, so that the loop waits for nothing:

    <SHA-256 of the rest, 64 hex digits>
    {"format": 2, "run": …, "boot": …, "wall_s": …, "trusted": …, "at_s": …, "snapshot": {…} or null}

A report goes out once it is kept here: then no later start gives its number to another one, and what a start finds
here it tells again, under the same id, in case that nothing but this line was written. A closed incident is kept until
the fleet has it all. Format 1 had no run, and kept no closed incident.

The last whole line counts. A line that was torn by a power cut, or is of another format, is said and passed over.
The same line is in `last_word` before `keep` returns.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hardshoulder.core.resume import Snapshot, Terms, shifted, terms
from hardshoulder.edge.clocks import boot_id
from hardshoulder.edge.last_word import LastWord
from hardshoulder.edge.surroundings import Say
from hardshoulder.plan_cache import decode, encode

FORMAT = 2
_READABLE = (1, FORMAT)
FILE_NAME = "incident.journal"
REWRITTEN_OVER_BYTES = 256 * 1024
NOWHERE = LastWord(None)


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot in the clock of this start, the terms on which it goes on, and the run of the daemon that kept it.

    dated: False where its times come from another boot and one of the two had a wall clock that nobody had set.
    """

    snapshot: Snapshot
    terms: Terms
    run: str
    dated: bool


def _line(body: dict[str, Any]) -> bytes:
    text = json.dumps(body, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()} {text}\n".encode()


def _parse(line: bytes) -> dict[str, Any]:
    """What a line says. Raises ValueError for one that is broken or of another format."""
    digest, _, text = line.partition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        raise ValueError("torn")
    body: dict[str, Any] = json.loads(text)
    if body["format"] not in _READABLE:
        raise ValueError("another format")
    return body


def _last(path: Path, say: Say) -> dict[str, Any] | None:
    broken = 0
    try:
        lines = [line for line in path.read_bytes().split(b"\n") if line]
    except FileNotFoundError:
        return None
    except OSError as error:
        say("error", f"{path}: cannot be read: {error.strerror}; an incident that was open is not continued")
        return None
    found = None
    while found is None and lines:
        try:
            found = _parse(lines.pop())
        except (ValueError, KeyError, TypeError):
            broken += 1
    if broken:
        goes_on = "an incident that was open is not continued" if found is None else "the line before counts"
        say("error", f"{path}: broken at its end, {goes_on}")
    return found


def _newest(path: Path, word: LastWord, say: Say) -> dict[str, Any] | None:
    """The last word where there is one of this boot, for it was there before the file; else what the file says."""
    try:
        body = _parse(word.read().rstrip(b"\n"))
        if body["boot"] == boot_id() != "":
            return body
    except (ValueError, KeyError, TypeError):
        # None, or cut short: whatever it was, the file is there.
        pass
    return _last(path, say)


def load(
    folder: Path, say: Say, *, clock_plausible: bool, clock_trusted: bool, word: LastWord = NOWHERE
) -> Kept | None:
    """The incident that was kept last, open or closed; None: the fleet has all of it, or it cannot be read.

    clock_plausible: the wall clock says a time that can be, which decides on which terms an incident goes on: a module
    that fell in the middle of one is back long before a network has set its clock.
    """
    path = folder / FILE_NAME
    body = _newest(path, word, say)
    if body is None or body.get("snapshot") is None:
        return None
    try:
        snapshot = cast("Snapshot", decode(Snapshot, body["snapshot"]))
        same_boot = body["boot"] == boot_id() != ""
        away_s = time.time() - float(body["wall_s"])
        ago_s = time.monotonic() - float(body["at_s"]) if same_boot else away_s
        moved_s = 0.0 if same_boot else time.monotonic() - away_s - float(body["at_s"])
        run = str(body.get("run", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = type(error).__name__
        say("error", f"{path}: cannot be understood ({why}); an incident that was open is not continued")
        return None
    age_s = ago_s if same_boot or clock_plausible else None
    dated = same_boot or (clock_trusted and body.get("trusted", True) is True)
    return Kept(shifted(snapshot, moved_s), terms(age_s, same_boot=same_boot), run, dated)


class Journal:
    """Writes what is kept. `keep` returns at once; only the newest counts, so nothing piles up. run: of the daemon."""

    def __init__(
        self,
        folder: Path,
        say: Say,
        run: str,
        word: LastWord = NOWHERE,
        *,
        trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        """trusted: whether the wall clock has been set."""
        self._trusted = trusted
        self._path = folder / FILE_NAME
        self._word = word
        self._say, self._run_id = say, run
        self._changed = threading.Condition()
        self._waiting: list[tuple[bytes, bool]] = []
        """The newest line, and whether it says that nothing is open."""
        self._behind: list[Callable[[], None]] = []
        self._writing = False
        self._stopping = False
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether all is written, and all that waited for it is done."""
        with self._changed:
            return not (self._waiting or self._writing)

    def keep(self, snapshot: Snapshot | None, behind: Callable[[], None] = lambda: None) -> None:
        """The incident as it stands; None: the fleet has it all. behind: done when it is written, or cannot be."""
        line = self._line_of(snapshot)
        with self._changed:
            # Under the lock, so that the thread never drops the word of an incident that has just begun.
            self._word.keep(line)
            self._waiting = [(line, snapshot is None)]
            self._behind.append(behind)
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> bool:
        """Writes what is left and ends the thread. False: that took too long."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
            self._turn()

    def _turn(self) -> None:
        """The newest of what waits is written, and then what waited for it is done."""
        with self._changed:
            (line, is_last), behind = self._waiting.pop(), tuple(self._behind)
            self._behind.clear()
            self._writing = True
        self._write(line)
        for each in behind:
            each()
        with self._changed:
            self._writing = False
            if is_last and not self._waiting:
                self._word.drop()

    def _line_of(self, snapshot: Snapshot | None) -> bytes:
        body = {
            "format": FORMAT,
            "run": self._run_id,
            "boot": boot_id(),
            "trusted": self._trusted(),
            "wall_s": time.time(),
            "at_s": time.monotonic(),
            "snapshot": None if snapshot is None else encode(snapshot),
        }
        return _line(body)

    def _write(self, line: bytes) -> None:
        try:
            self._append(line)
            self._complaint = ""
        except OSError as error:
            if self._complaint != str(error):
                self._complaint = str(error)
                why = error.strerror
                self._say("error", f"{self._path}: cannot be written: {why}; a restart would forget the incident")

    def _append(self, line: bytes) -> None:
        long = self._path.exists() and self._path.stat().st_size > REWRITTEN_OVER_BYTES
        path = self._path.with_suffix(".part") if long else self._path
        with path.open("wb" if long else "ab") as file:
            # A torn line of the last power cut must not swallow this one.
            file.write(line if long or not file.tell() else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())
        if long:
            path.replace(self._path)
