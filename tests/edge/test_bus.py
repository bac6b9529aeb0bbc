"""Buses by URL: a real serial line that speaks slcan, and python-can's own interfaces."""

import os
import selectors
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge.bus import Bus, BusError, PumpedBus, PythonCanBus, open_bus, split_url
from hardshoulder.edge.links import Links
from hardshoulder.settings import BusSettings
from hardshoulder_sim.slcan_port import SlcanPort

WANTED = frozenset({0x110, 0x18FEF100 | EXTENDED})
FRAMES = [
    Frame(0.0, "main", 0x110, bytes(range(8))),
    Frame(0.0, "main", 0x111, b"\x01"),
    Frame(0.0, "main", 0x18FEF100 | EXTENDED, b"\xff\x00"),
]


def receive(bus: Bus, count: int, within_s: float = 5.0) -> list[Frame]:
    """That many frames, waiting for the descriptor and not for the clock."""
    frames: list[Frame] = []
    with selectors.DefaultSelector() as selector:
        selector.register(bus, selectors.EVENT_READ)
        while len(frames) < count and selector.select(within_s):
            frames += bus.receive_ready()
    return frames


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[SlcanPort]:
    port = SlcanPort(tmp_path / "can0")
    yield port
    port.close()


@pytest.fixture
def serial(adapter: SlcanPort, tmp_path: Path) -> Iterator[Bus]:
    bus = open_bus("main", f"slcan:{tmp_path / 'can0'}", WANTED)
    adapter.receive_ready()
    yield bus
    bus.close()


def test_a_serial_adapter_delivers_the_wanted_frames(adapter: SlcanPort, serial: Bus) -> None:
    assert isinstance(serial, PythonCanBus)
    for frame in FRAMES:
        adapter.send(frame)
    got = receive(serial, 2)
    assert [(frame.bus, frame.can_id, frame.data) for frame in got] == [
        ("main", frame.can_id, frame.data) for frame in FRAMES if frame.can_id in WANTED
    ]


def test_a_serial_adapter_sends(adapter: SlcanPort, serial: Bus) -> None:
    for frame in FRAMES:
        serial.send(frame)
    got: list[Frame] = []
    with selectors.DefaultSelector() as selector:
        selector.register(adapter, selectors.EVENT_READ)
        while len(got) < 3 and selector.select(5):
            got += adapter.receive_ready()
    assert [(frame.can_id, frame.data) for frame in got] == [(frame.can_id, frame.data) for frame in FRAMES]


def test_an_adapter_that_is_pulled_out_is_an_error(tmp_path: Path) -> None:
    adapter = SlcanPort(tmp_path / "can0")
    bus = open_bus("main", f"slcan:{tmp_path / 'can0'}", WANTED)
    adapter.close()
    with pytest.raises(BusError, match="bus main: slcan:"):
        receive(bus, 1)
    bus.close()


@pytest.mark.parametrize("garbage", [b"tZZ08\r", b"t11\r", b"\xff\xfe\r", b"T0\r"])
def test_a_garbled_line_costs_itself_and_not_the_bus(adapter: SlcanPort, serial: Bus, garbage: bytes) -> None:
    assert isinstance(serial, PythonCanBus)
    os.write(adapter.fileno(), garbage)
    while not serial.garbled:
        assert receive(serial, 1, within_s=0.05) == []
    adapter.send(FRAMES[0])
    assert [frame.can_id for frame in receive(serial, 1)] == [0x110]
    assert serial.garbled == 1


def test_an_interface_without_a_descriptor_is_pumped() -> None:
    bus = open_bus("main", "virtual:pumped", WANTED)
    with can.Bus(interface="virtual", channel="pumped") as other:
        assert isinstance(bus, PumpedBus)
        for frame in FRAMES:
            extended = bool(frame.can_id & EXTENDED)
            other.send(can.Message(arbitration_id=frame.can_id & ~EXTENDED, is_extended_id=extended, data=frame.data))
        other.send(can.Message(arbitration_id=0x110, is_remote_frame=True, dlc=8, is_extended_id=False))
        assert [frame.can_id for frame in receive(bus, 2)] == [0x110, 0x18FEF100 | EXTENDED]
        bus.send(FRAMES[2])
        heard = other.recv(5)
        assert heard is not None
        assert (heard.arbitration_id, heard.is_extended_id, bytes(heard.data)) == (0x18FEF100, True, b"\xff\x00")
    bus.close()


@pytest.mark.parametrize("url", ["can0", "slcan:", ":can0", ""])
def test_what_is_no_url_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(BusError, match="write socketcan:can0"):
        split_url(url)


@pytest.mark.parametrize("url", ["slcan:/nowhere/ttyACM0", "nosuch:can0", "socketcan:no-such-if0"])
def test_what_cannot_be_opened_names_bus_and_reason(url: str) -> None:
    with pytest.raises(BusError, match=r"^bus main: "):
        open_bus("main", url, WANTED)


def test_a_lost_bus_is_said_once_and_opened_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    link = tmp_path / "can0"
    links = Links((BusSettings("main", f"slcan:{link}"),), frozenset({("main", 0x110)}))
    for now_s in (0.0, 1.0, 2.0):
        links.open_missing(now_s)
    assert links.up == {"main": False}
    assert len([r for r in caplog.records if "cannot open" in r.message]) == 1
    first = SlcanPort(link)
    links.open_missing(3.0)
    assert links.up == {"main": True}
    first.close()
    for key, _ in links.selector.select(5):
        assert links.receive(key.data, 4.0) == []
    assert links.up == {"main": False}
    assert not links.send(FRAMES[0], 4.0)
    assert links.take_lost() == ["main"]
    assert links.take_lost() == []
    again = SlcanPort(link)
    links.open_missing(4.5)
    assert links.up == {"main": False}, "not before its time"
    assert links.next_retry_s() == 5.0
    links.open_missing(5.0)
    assert links.up == {"main": True}
    assert links.next_retry_s() == float("inf")
    again.receive_ready()
    again.send(FRAMES[0])
    got: list[Frame] = []
    while not got:  # the adapter's acknowledgements wake the selector too
        (key, _), *_ = links.selector.select(5)
        got = links.receive(key.data, 6.0)
    assert [frame.can_id for frame in got] == [0x110]
    links.close()
    again.close()
