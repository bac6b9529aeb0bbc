"""Runs the daemon as it is, and notes or strikes each place at which it commits, publishes or is acknowledged.

    python -m hardshoulder_sim.faults.crash_points --note FILE -- run --config …
    python -m hardshoulder_sim.faults.crash_points --kill "before outbox Outbox.add" --once-open -- run --config …

The interpreter tells of every call (`threading.setprofile`), so the daemon carries nothing for it. The loop's own
thread is not watched: it neither commits nor publishes. A place is named by its side, module, function and line.
"""

import argparse
import linecache
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

_PUBLISH, _PUBACK = 3, 4
_ALERT = b"/incident"
_BEFORE = {"call": "before", "c_call": "before"}
_AFTER = {"return": "after", "c_return": "after", "c_exception": "after"}
_FUNCTIONS = frozenset({"Link.publish", "Link._on_message", "Delivery._hear"})
"""Where the daemon's own code hands an alert over, or is told that the fleet has one."""

OPEN = "an incident is open"
_BEGINS = frozenset({"Journal._write", "Delivery._pending"})
"""What its threads do first when the loop has opened an incident."""


def _statement(frame: FrameType) -> str:
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()


def _in_outbox(frame: FrameType, called: Any) -> str | None:
    if called.__name__ != "execute" or not isinstance(getattr(called, "__self__", None), sqlite3.Connection):
        return None
    return f"outbox {frame.f_code.co_qualname}: {_statement(frame)}"


def _in_journal(frame: FrameType, called: Any) -> str | None:
    return f"journal {frame.f_code.co_qualname}: {called.__name__}" if called.__name__ in _WRITES else None


def _on_wire(frame: FrameType, called: Any) -> str | None:
    if called.__name__ != "send" or not (data := bytes(frame.f_locals.get("buf", b""))):
        return None
    kind = data[0] >> 4
    if kind == _PUBLISH and _ALERT in data:
        return "wire: PUBLISH of an alert"
    return "wire: PUBACK of an acknowledgement" if kind == _PUBACK else None


_WRITES = frozenset({"write", "flush", "fsync"})


def _elsewhere(_frame: FrameType, _called: Any) -> None:
    """Nothing is committed or published there."""


_PLACES: dict[str, Callable[[FrameType, Any], str | None]] = {
    "hardshoulder.edge.outbox": _in_outbox,
    "hardshoulder.edge.outbox_file": _in_outbox,
    "hardshoulder.edge.journal": _in_journal,
    "paho.mqtt.client": _on_wire,
}


def place(frame: FrameType, event: str, called: Any) -> str | None:
    """The name of this place; None: nothing is committed or published here."""
    side = _BEFORE.get(event) or _AFTER.get(event)
    if event.startswith("c_"):
        name = _PLACES.get(frame.f_globals.get("__name__", ""), _elsewhere)(frame, called)
    else:
        name = frame.f_code.co_qualname if frame.f_code.co_qualname in _FUNCTIONS else None
    return None if name is None else f"{side} {name}"


class Striker:
    """A profile function of the interpreter: notes each place, and kills the process at a chosen one."""

    def __init__(self, note: Path | None, kill: str | None, *, once_open: bool) -> None:
        """once_open: places count from the first thing that is done about an incident."""
        self._kill, self._armed = kill, not once_open
        self._opened = False
        self._note = None if note is None else os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        """See `sys.setprofile`."""
        if not self._opened and event == "call" and frame.f_code.co_qualname in _BEGINS:
            self._opened = self._armed = True
            self._write(OPEN)
        name = place(frame, event, called)
        if name is None:
            return
        self._write(name)
        if self._armed and name == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, line: str) -> None:
        if self._note is not None:
            os.write(self._note, f"{line}\n".encode())


def main() -> int:
    """Runs the daemon's command line behind `--`; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--note", type=Path, metavar="FILE", help="write down each place as it is passed")
    parser.add_argument("--kill", metavar="PLACE", help="end the process there with SIGKILL")
    parser.add_argument("--once-open", action="store_true", help="not before an incident is open")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="of the daemon")
    options = parser.parse_args()
    threading.setprofile(Striker(options.note, options.kill, once_open=options.once_open))
    from hardshoulder.__main__ import main as hardshoulder

    return hardshoulder(options.command)


if __name__ == "__main__":
    sys.exit(main())
