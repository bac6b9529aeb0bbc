"""The link over a real pseudo-terminal: the firmware as a process, a cable to pull, and the daemon's own links."""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest

from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge.bridge_bus import BridgeBus, split_port
from hardshoulder.edge.bus import BusError, open_bus
from hardshoulder.edge.links import Links
from hardshoulder.edge.tended import QUIET, Wish
from hardshoulder.settings import BusSettings
from hardshoulder_sim.processes import wait_until
from support.host_board import HostBoard
from support.pair import request

pytestmark = pytest.mark.slow

SPEED_ID = 0x110
WANTED = frozenset({("main", SPEED_ID), ("main", 0x18FEF100 | EXTENDED)})
ASKS = Wish(incident=True, hazards=True, confirmed=False, lease_until_s=inf)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[HostBoard]:
    with HostBoard(tmp_path / "tty") as board:
        yield board


class Loop:
    """What the daemon's loop does with its links, and nothing else of it."""

    def __init__(self, device: Path) -> None:
        self.links = Links((BusSettings("main", f"bridge:{device}@921600"),), WANTED)
        self.wish = QUIET
        self.frames: list[Frame] = []
        self.lost: list[str] = []

    def turn(self) -> None:
        now_s = time.monotonic()
        self.links.open_missing(now_s)
        for key, _ in self.links.selector.select(max(0.0, min(self.links.next_retry_s() - now_s, 0.02))):
            self.frames += self.links.receive(key.data, now_s)
        self.links.keep_alive(self.wish, time.monotonic())
        self.lost += self.links.take_lost()

    def until(self, holds: Callable[[], bool], what: str, within_s: float = 15.0) -> None:
        def turned() -> bool:
            self.turn()
            return holds()

        wait_until(turned, what, within_s)

    @property
    def up(self) -> bool:
        return self.links.up["main"]


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    loop = Loop(tmp_path / "tty")
    yield loop
    loop.links.close()


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_bridge_url_gives_the_frames_that_are_wanted(board: HostBoard, loop: Loop) -> None:
    loop.until(lambda: loop.up, "the board answers")
    before_s = time.monotonic()
    board.bus.send(
        Frame(0, "main", SPEED_ID, b"12345678"), Frame(0, "main", 0x111, b""), Frame(0, "main", 0x98FEF100, b"1")
    )
    loop.until(lambda: len(loop.frames) == 2, "the frames come")
    assert [(f.bus, f.can_id, f.data) for f in loop.frames] == [
        ("main", SPEED_ID, b"12345678"), ("main", 0x98FEF100, b"1"),
    ]  # fmt: skip
    assert before_s - 0.05 < loop.frames[0].at_s <= time.monotonic()


def test_frames_go_out_once_an_incident_wants_them(board: HostBoard, loop: Loop) -> None:
    loop.until(lambda: loop.up, "the board answers")
    assert loop.links.send(Frame(0, "main", 0x2A0, request(0)), time.monotonic())
    loop.wish = ASKS
    loop.until(lambda: board.lamp, "the lamp glows")
    assert loop.links.send(Frame(0, "main", 0x2A0, request(1)), time.monotonic())
    assert [(f.can_id, f.data) for f in board.bus.receive(0.0)] == [(0x2A0, request(1))]
    loop.wish = QUIET
    loop.until(lambda: not board.lamp, "and is dark again")


def test_a_refusal_is_told_once(board: HostBoard, loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    """Its permit does not know the frame that this daemon wants to send: as often as it is asked."""
    caplog.set_level(logging.WARNING)
    loop.until(lambda: loop.up, "the board answers")
    loop.wish = ASKS
    for number in range(10):
        loop.links.send(Frame(0, "main", 0x2A1, request(number)), time.monotonic())
        loop.turn()
    loop.until(lambda: "refused: NOT_LISTED" in caplog.text, "it is told")
    loop.links.send(Frame(0, "main", 0x2A1, request(0)), time.monotonic())
    time_out = time.monotonic() + 0.5
    loop.until(lambda: time.monotonic() > time_out, "the answer has come")
    assert caplog.text.count("refused: NOT_LISTED") == 1


def test_a_device_pulled_out_and_put_back_is_opened_again(
    board: HostBoard, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.until(lambda: loop.up, "the board answers")
    board.cable.unplug()
    loop.until(lambda: not loop.up, "the loss is seen")
    assert loop.lost == ["main"]
    loop.until(lambda: len(complaints(caplog)) == 2, "that it cannot be opened is said once")
    time_out = time.monotonic() + 2.5
    loop.until(lambda: time.monotonic() > time_out, "it is tried again and again")
    assert len(complaints(caplog)) == 2
    assert "the port is gone" in complaints(caplog)[0]
    assert "cannot open the port: No such file or directory" in complaints(caplog)[1]
    board.cable.plug_in()
    loop.until(lambda: loop.up, "it is back")
    loop.frames.clear()
    board.bus.send(Frame(0, "main", SPEED_ID, b"1"))
    loop.until(lambda: bool(loop.frames), "frames come again")


def test_a_port_that_nobody_answers_is_one_sentence_with_the_remedy(
    board: HostBoard, loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board.cable.cut()
    began_s = time.monotonic()
    loop.until(lambda: time.monotonic() > began_s + 7, "it is tried twice")
    assert not loop.up
    assert complaints(caplog) == [
        f"bus main: bridge:{tmp_path / 'tty'}@921600: nobody answers within 2 s; check that the microcontroller has "
        "power and its firmware, and that the lines are not crossed wrongly (our TX to its RX); trying again every 1 s"
    ]
    assert not any("state=up" in record.message for record in caplog.records)
    board.cable.cut(open_again=True)
    loop.until(lambda: loop.up, "it answers")


def test_a_port_that_sends_noise_is_said_to_and_costs_no_frame_afterwards(
    board: HostBoard, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    board.cable.spoil(random.Random(1).randbytes(90))
    loop.until(lambda: bool(complaints(caplog)), "it is said")
    assert "noise came within 2 s and no answer in it; check the baud rate" in complaints(caplog)[0]
    board.cable.spoil(None)
    loop.until(lambda: loop.up, "the board answers")
    board.cable.spoil(b"\xa5" * 90)
    loop.until(lambda: not loop.up, "noise alone is no board")
    assert "sends nothing but noise" in complaints(caplog)[-1]
    board.cable.spoil(None)
    loop.until(lambda: loop.up, "and here it is again")
    loop.frames.clear()
    board.bus.send(*(Frame(0, "main", SPEED_ID, bytes((number,))) for number in range(10)))
    loop.until(lambda: len(loop.frames) == 10, "every frame comes")


def test_a_port_is_for_one_daemon(board: HostBoard, loop: Loop, tmp_path: Path) -> None:
    loop.until(lambda: loop.up, "the board answers")
    with pytest.raises(BusError, match=r"bus main: bridge:.*: cannot open the port: "):
        open_bus("main", f"bridge:{tmp_path / 'tty'}", frozenset())


def test_a_port_that_takes_nothing_is_no_reason_to_wait(board: HostBoard, tmp_path: Path) -> None:
    """A board that stops reading fills the terminal; a turn of the loop goes on taking no time."""
    bus = open_bus("main", f"bridge:{tmp_path / 'tty'}", frozenset())
    assert isinstance(bus, BridgeBus)
    board.cable.cut()
    os.write(bus.fileno(), bytes(4096))
    worst_s = 0.0
    for _ in range(100):
        began_s = time.monotonic()
        bus.keep_alive(QUIET, began_s)
        worst_s = max(worst_s, time.monotonic() - began_s)
    assert worst_s < 0.1
    bus.close()


@pytest.mark.parametrize("channel", ["@921600", "/dev/x@", "/dev/x@fast", "/dev/x@0", ""])
def test_what_is_no_port_says_what_one_looks_like(channel: str) -> None:
    with pytest.raises(ValueError, match=r"write /dev/ttyS1 or /dev/ttyS1@921600"):
        split_port(channel)


def test_a_port_without_a_baud_rate_has_the_protocols() -> None:
    assert split_port("/dev/ttyS1") == ("/dev/ttyS1", 921_600)


@pytest.mark.parametrize("url", ["bridge:/nowhere/ttyS1", "bridge:/dev/null", "bridge:/dev/x@fast"])
def test_what_cannot_be_opened_is_one_line(url: str) -> None:
    with pytest.raises(BusError, match=r"^bus main: bridge:[^\n]*$"):
        open_bus("main", url, frozenset())
