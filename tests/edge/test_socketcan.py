"""The kernel's CAN socket, without a kernel that has one: stamps, error frames, bus-off. The rest is on the rig."""

import logging
import select
import socket
import time
from collections.abc import Iterator

import pytest

from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge import bus as buses
from hardshoulder.edge import socketcan
from hardshoulder.edge.bus import BusError
from hardshoulder.edge.can_errors import kinds_of
from hardshoulder.edge.links import Links
from hardshoulder.edge.socketcan import SocketCanBus, StampClock
from hardshoulder.settings import BusSettings
from support.stamped_pair import classic, flexible, stamped_pair

WANTED = frozenset({0x110, 0x18FEF100 | EXTENDED})
ERROR = 0x2000_0000
BUS_OFF_FRAME = classic(ERROR | 0x40, bytes(8))
HOUR_S = 3600.0


class Wire:
    """A SocketCanBus and whoever sends to it."""

    def __init__(self) -> None:
        receiver, self.sender = stamped_pair()
        self.bus = SocketCanBus("main", "can0", WANTED, receiver)

    def put(self, *frames: bytes) -> None:
        for frame in frames:
            self.sender.send(frame)
        assert select.select([self.bus], [], [], 5.0)[0], "loopback delivers"


@pytest.fixture
def wire() -> Iterator[Wire]:
    pair = Wire()
    yield pair
    pair.bus.close()
    pair.sender.close()


def test_wanted_frames_of_both_kinds_are_received(wire: Wire) -> None:
    wire.put(
        classic(0x110, b"\x01\x02"),
        classic(0x111, b"\x03"),
        classic(0x110 | 0x4000_0000, b""),
        flexible(0x18FEF100 | EXTENDED, bytes(range(64))),
    )
    got = [(frame.bus, frame.can_id, frame.data) for frame in wire.bus.receive_ready()]
    assert got == [("main", 0x110, b"\x01\x02"), ("main", 0x18FEF100 | EXTENDED, bytes(range(64)))]
    assert wire.bus.receive_ready() == []


def test_many_frames_that_wait_come_in_order(wire: Wire) -> None:
    sent = [number.to_bytes(2, "big") + bytes(number % 7) for number in range(1000)]
    got: list[bytes] = []
    for begin in range(0, len(sent), 100):  # as many as a socket holds
        wire.put(*(classic(0x110, data) for data in sent[begin : begin + 100]))
        got += [frame.data for frame in wire.bus.receive_ready()]
    assert got == sent


def test_an_interface_that_goes_down_is_an_error() -> None:
    receiver, sender = stamped_pair()
    receiver.connect(sender.getsockname())
    sender.close()
    bus = SocketCanBus("main", "can0", WANTED, receiver)
    receiver.send(b"nobody")
    assert select.select([bus], [], [], 5.0)[0]
    with pytest.raises(BusError, match="bus main: can0: Connection refused"):
        bus.receive_ready()
    bus.close()


def test_a_frame_is_stamped_when_it_comes_and_not_when_it_is_read(wire: Wire) -> None:
    assert wire.bus.receive_ready() == []
    before_s = time.monotonic()
    wire.put(classic(0x110, b""))
    after_s = time.monotonic()
    while time.monotonic() < after_s + 0.2:
        select.select([], [], [], 0.05)
    [frame] = wire.bus.receive_ready()
    assert before_s - 0.001 <= frame.at_s <= after_s + 0.001


def test_stamps_follow_the_monotonic_clock() -> None:
    clock = StampClock()
    clock.begin(now_s=100.0, wall_s=5000.0)
    assert [clock.at_s(stamp_s) for stamp_s in (4999.5, 4999.75)] == [99.5, 99.75]
    clock.begin(now_s=101.0, wall_s=5001.0)
    assert clock.at_s(5000.5) == 100.5


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_step_of_the_wall_clock_moves_no_frame(step_s: float) -> None:
    clock = StampClock()
    clock.begin(now_s=100.0, wall_s=5000.0)
    clock.at_s(4999.9)
    clock.drained()
    # Stamped before the step, read after it: at worst it is as old as the last reading or as new as this one.
    clock.begin(now_s=100.5, wall_s=5000.5 + step_s)
    assert clock.at_s(5000.25) == (100.0 if step_s > 0 else 100.5)
    clock.begin(now_s=101.0, wall_s=5001.0 + step_s)
    assert clock.at_s(5000.75 + step_s) == 100.75


def test_frames_keep_their_order_whatever_their_stamps_say() -> None:
    clock = StampClock()
    clock.begin(now_s=100.0, wall_s=5000.0)
    assert [clock.at_s(stamp_s) for stamp_s in (4999.5, 4999.25, 5000.5)] == [99.5, 99.5, 100.0]


@pytest.mark.parametrize(
    ("can_id", "detail", "kinds"),
    [
        (0x001, 0, ["tx-timeout"]),
        (0x002, 0, ["lost-arbitration"]),
        (0x008, 0, ["protocol"]),
        (0x010, 0, ["transceiver"]),
        (0x020, 0, ["ack"]),
        (0x040, 0, ["bus-off"]),
        (0x080, 0, ["bus-error"]),
        (0x100, 0, ["restarted"]),
        (0x004, 0x00, ["controller"]),
        (0x004, 0x01, ["overflow"]),
        (0x004, 0x02, ["overflow"]),
        (0x004, 0x04, ["error-warning"]),
        (0x004, 0x08, ["error-warning"]),
        (0x004, 0x10, ["error-passive"]),
        (0x004, 0x20, ["error-passive"]),
        (0x004, 0x40, ["error-active"]),
        (0x028, 0, ["protocol", "ack"]),
        (0x044, 0x30, ["bus-off", "error-passive"]),
        (0x200, 0, ["other"]),
    ],
)
def test_error_frames_have_words(can_id: int, detail: int, kinds: list[str]) -> None:
    assert kinds_of(ERROR | can_id, bytes([0, detail, 0, 0, 0, 0, 0, 0])) == kinds


def test_error_frames_are_no_frames_and_are_told_once(wire: Wire) -> None:
    wire.put(classic(ERROR | 0x20, bytes(8)), classic(0x110, b""), classic(ERROR | 0x08, bytes(8)))
    assert [frame.can_id for frame in wire.bus.receive_ready()] == [0x110]
    assert wire.bus.take_errors() == ["ack", "protocol"]
    assert wire.bus.take_errors() == []
    assert not wire.bus.off


def test_a_controller_is_off_the_bus_until_something_is_heard(wire: Wire) -> None:
    wire.put(BUS_OFF_FRAME)
    assert wire.bus.receive_ready() == []
    assert wire.bus.off
    wire.put(classic(ERROR | 0x100, bytes(8)))
    assert wire.bus.receive_ready() == []
    assert wire.bus.off, "restarted is not back"
    wire.put(classic(0x110, b""))
    assert len(wire.bus.receive_ready()) == 1
    assert not wire.bus.off


def test_sending_on_an_interface_that_is_gone_is_an_error() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bus = SocketCanBus("main", "can0", WANTED, ours)
    bus.send(Frame(0.0, "main", 0x110, b"\x01"))
    assert theirs.recv(72) == classic(0x110, b"\x01")
    theirs.close()
    with pytest.raises(BusError, match="bus main: can0: cannot send: Broken pipe"):
        bus.send(Frame(0.0, "main", 0x110, b"\x01"))
    bus.close()


def test_a_full_queue_is_a_busy_bus_and_not_a_lost_one() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    bus = SocketCanBus("main", "can0", WANTED, ours)
    for number in range(20_000):
        bus.send(Frame(0.0, "main", 0x110, number.to_bytes(4, "big")))
    bus.close()
    got = sum(1 for _ in iter(lambda: theirs.recv(72), b""))
    assert 0 < got < 20_000
    theirs.close()


def test_links_count_errors_and_say_bus_off_once(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(socketcan, "open_socketcan", lambda *_: wire.bus)
    assert buses.open_bus("main", "socketcan:can0", WANTED) is wire.bus
    links = Links((BusSettings("main", "socketcan:can0"),), frozenset({("main", 0x110)}))
    links.open_missing(0.0)

    def take(*frames: bytes) -> int:
        wire.put(*frames)
        [(key, _)] = links.selector.select(5)
        return len(links.receive(key.data, 1.0))

    assert take(BUS_OFF_FRAME, classic(ERROR | 0x100, bytes(8)), BUS_OFF_FRAME) == 0
    assert links.up == {"main": False}
    assert links.take_lost() == ["main"]
    assert take(BUS_OFF_FRAME) == 0
    assert links.errors == {"main.bus-off": 3, "main.restarted": 1}
    assert len([record for record in caplog.records if "state=bus-off" in record.message]) == 1
    assert take(classic(0x110, b"")) == 1
    assert links.up == {"main": True}
    assert [record.message for record in caplog.records][-1] == "bus=main state=up url=socketcan:can0"
    links.close()
