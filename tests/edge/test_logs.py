"""The log: one line for each thing said, repeats counted and not said, and nothing secret in it."""

import io
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hardshoulder.edge.logs import BURST, KINDS_LIMIT, WINDOW_S, LimitRepeats, Lines
from hardshoulder_sim.processes import Broker, wait_until
from support.car import Said, fast, running

SECRET = "open-sesame-4711"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def logger(clock: Clock, *, journal: bool = False) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(journal=journal))
    handler.addFilter(LimitRepeats(clock))
    log = logging.Logger("hardshoulder.bus")
    log.addHandler(handler)
    return log, stream


def test_a_line_that_repeats_is_counted_and_told_when_it_comes_again(clock: Clock) -> None:
    log, stream = logger(clock)
    for number in range(1000):
        log.error("bus=%s lost frame %d of incident", "main", number)
    lines = stream.getvalue().splitlines()
    assert len(lines) == BURST
    assert lines[-1].endswith(f"(more like this are not shown for {WINDOW_S:g} s)")
    log.error("another matter")
    clock.now_s += WINDOW_S
    log.error("bus=%s lost frame %d of incident", "main", 7)
    lines = stream.getvalue().splitlines()[BURST:]
    assert lines[0].endswith("another matter")
    assert lines[1].endswith(f"({1000 - BURST} more like this were not shown)")
    assert len(lines) == 2


def test_what_an_incident_reports_is_never_left_out(clock: Clock) -> None:
    log, stream = logger(clock)
    for number in range(10 * BURST):
        log.warning("incident=%s sequence=%d", "a", number)
    assert stream.getvalue().count("\n") == 10 * BURST


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    limit = LimitRepeats(clock)
    for number in range(3 * KINDS_LIMIT):
        kind = "".join(chr(ord("g") + int(digit)) for digit in str(number))
        assert limit.filter(logging.LogRecord("x", logging.INFO, "", 0, kind, (), None))
    assert len(limit._seen) == KINDS_LIMIT


def test_what_comes_from_outside_begins_no_line_of_its_own(clock: Clock) -> None:
    log, stream = logger(clock)
    log.warning("the broker says %s", "no\n2026 INFO hardshoulder all is well\r\x1b[2J\u2028x")
    [line] = stream.getvalue().splitlines()
    assert line.endswith(r"the broker says no\n2026 INFO hardshoulder all is well\r\x1b[2J\u2028x")


def test_the_journal_gets_levels_and_no_stamps(clock: Clock) -> None:
    log, stream = logger(clock, journal=True)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "x%s", "y" * level)
    lines = stream.getvalue().splitlines()
    assert [line[:21] for line in lines] == [f"<{number}>hardshoulder.bus x" for number in (7, 6, 4, 3, 3)]


@pytest.mark.parametrize("journal", [True, False])
def test_the_journal_is_known_by_its_stream(journal: bool, tmp_path: Path) -> None:
    code = "import logging; from hardshoulder.edge import logs; logs.set_up(); logging.getLogger('hardshoulder')"
    code += ".info('hi')"
    with (tmp_path / "err").open("w") as stderr:
        status = os.fstat(stderr.fileno())
        stream = f"{status.st_dev}:{status.st_ino}" if journal else "1:1"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", code], env=environment, stderr=stderr, check=True)
    said = (tmp_path / "err").read_text()
    assert (said == "<6>hardshoulder hi\n") is journal
    assert said.endswith(" hi\n")


def test_a_password_is_in_no_line(tmp_path: Path) -> None:
    said, secret = Said(), tmp_path / "password"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    with Broker(tmp_path, "allow_anonymous false") as broker:
        settings = replace(fast(broker.port), username="car", password_file=secret)
        with running(settings, tmp_path, said):
            wait_until(lambda: said.count("refuses the connection") == 1, "the refusal")
    assert said.count("everybody can read") == 1
    assert said.count(SECRET) == 0
