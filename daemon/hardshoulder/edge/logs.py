"""The log: one line for each thing said, on the standard error, with the levels of journald where that listens.

A line that comes again and again is said `BURST` times in `WINDOW_S` and counted from there on, so that a fault of
every millisecond fills no disk. What an incident reports is never left out.
"""

import logging
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

BURST = 20
WINDOW_S = 60.0
KINDS_LIMIT = 500
"""Kinds of lines that are counted; over it, the one that was silent longest is forgotten."""

NEVER_LEFT_OUT = "incident="

_NUMBERS = re.compile(r"[0-9A-Fa-f]*\d[0-9A-Fa-f]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def set_up(stream: TextIO = sys.stderr) -> None:
    """Of the libraries only what goes wrong; the car's own words from info on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(journal=_is_journal(stream)))
    handler.addFilter(LimitRepeats(time.monotonic))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("hardshoulder").setLevel(logging.INFO)


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that systemd has connected to the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Lines(logging.Formatter):
    """One line for each message, whatever is in it: what came from outside cannot begin a line of its own."""

    def __init__(self, *, journal: bool) -> None:
        # The journal has its own stamps.
        super().__init__("%(name)s %(message)s" if journal else "%(asctime)s %(levelname)s %(name)s %(message)s")
        self._journal = journal

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], record.message)
        text = super().formatMessage(record)
        if not self._journal:
            return text
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{text}"


@dataclass(slots=True)
class _Seen:
    """One kind of line in its window."""

    until_s: float
    said: int = 0
    left_out: int = 0


class LimitRepeats(logging.Filter):
    """Lets a kind of line through so often in a while; lines that differ in numbers alone are of one kind."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._now_s = now_s
        self._seen: OrderedDict[tuple[str, int, str], _Seen] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if text.startswith(NEVER_LEFT_OUT):
            return True
        seen, left_out = self._look(record, text)
        seen.said += 1
        if seen.said > BURST:
            seen.left_out += 1
            return False
        remarks = [f"({left_out} more like this were not shown)"] if left_out else []
        if seen.said == BURST:
            remarks.append(f"(more like this are not shown for {WINDOW_S:g} s)")
        if remarks:
            record.msg, record.args = " ".join([text, *remarks]), ()
        return True

    def _look(self, record: logging.LogRecord, text: str) -> tuple[_Seen, int]:
        """The window of this kind, and how many of the one before were left out if this one is new."""
        key, now_s = (record.name, record.levelno, _NUMBERS.sub("#", text)), self._now_s()
        before = self._seen.pop(key, None)
        seen = before if before is not None and now_s < before.until_s else _Seen(now_s + WINDOW_S)
        self._seen[key] = seen
        if len(self._seen) > KINDS_LIMIT:
            self._seen.popitem(last=False)
        return seen, before.left_out if before is not None and before is not seen else 0
