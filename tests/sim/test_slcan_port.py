"""The pseudo-terminal adapter, with python-can's own slcan interface at its other end."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import can
import pytest
from can.interfaces.slcan import slcanBus
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, Frame
from hardshoulder_sim.drive import drive
from hardshoulder_sim.reference import reference_messages
from hardshoulder_sim.scenarios import SCENARIOS
from hardshoulder_sim.slcan_port import FRAMES_MAX, SlcanPort, from_command, to_line

PATIENCE_S = 5.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[SlcanPort]:
    opened = SlcanPort(tmp_path / "can")
    yield opened
    opened.close()


def reader(link: Path) -> can.BusABC:
    return can.Bus(interface="slcan", channel=str(link), bitrate=500_000, sleep_after_open=0)


def settle(port: SlcanPort, want_open: bool = True) -> list[Frame]:
    """Serves the reader's commands until the channel stands as wanted."""
    frames: list[Frame] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        frames += port.receive_ready()
        if port.channel_open is want_open:
            return frames + port.receive_ready()
        time.sleep(0.001)
    raise AssertionError("the reader never came")


def receive(bus: can.BusABC, count: int) -> list[can.Message]:
    messages: list[can.Message] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while len(messages) < count and time.monotonic() < deadline_s:
        message = bus.recv(timeout=0.05)
        if message is not None:
            messages.append(message)
    return messages


def talk(port: SlcanPort, commands: bytes) -> bytes:
    """What the adapter answers to raw bytes."""
    terminal = os.open(port.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(terminal, commands)
        time.sleep(0.01)
        port.receive_ready()
        time.sleep(0.01)
        return os.read(terminal, 4096)
    except BlockingIOError:
        return b""
    finally:
        os.close(terminal)


FRAMES = [
    Frame(0.0, "main", 0x0A0, bytes(range(8))),
    Frame(0.0, "main", 0x7FF, b""),
    Frame(0.0, "main", EXTENDED | 0x18FEF100, b"\xff\x00"),
]


def test_frames_reach_python_can(port: SlcanPort, tmp_path: Path) -> None:
    with reader(tmp_path / "can") as bus:
        settle(port)
        for frame in FRAMES:
            port.send(frame)
        messages = receive(bus, len(FRAMES))
    got = [(message.arbitration_id, message.is_extended_id, bytes(message.data)) for message in messages]
    assert got == [(frame.can_id & EXTENDED_ID_MAX, bool(frame.can_id & EXTENDED), frame.data) for frame in FRAMES]


def test_frames_come_from_python_can(port: SlcanPort, tmp_path: Path) -> None:
    with reader(tmp_path / "can") as bus:
        settle(port)
        for frame in FRAMES:
            extended = bool(frame.can_id & EXTENDED)
            can_id = frame.can_id & EXTENDED_ID_MAX
            bus.send(can.Message(arbitration_id=can_id, is_extended_id=extended, data=frame.data))
        received: list[Frame] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while len(received) < len(FRAMES) and time.monotonic() < deadline_s:
            received += port.receive_ready()
    assert [frame[1:] for frame in received] == [frame[1:] for frame in FRAMES]
    assert port.received == len(FRAMES)


def test_python_can_learns_version_and_serial_number(port: SlcanPort, tmp_path: Path) -> None:
    answers: list[object] = []
    with reader(tmp_path / "can") as bus:
        settle(port)
        assert isinstance(bus, slcanBus)
        asking = threading.Thread(
            target=lambda: answers.extend([bus.get_version(PATIENCE_S), bus.get_serial_number(PATIENCE_S)])
        )
        asking.start()
        while asking.is_alive():
            port.receive_ready()
            time.sleep(0.001)
        asking.join()
    assert answers == [(10, 13), "HS01"]


def test_a_reader_may_go_and_another_come(port: SlcanPort, tmp_path: Path) -> None:
    for turn in range(3):
        with reader(tmp_path / "can") as bus:
            settle(port)
            port.send(FRAMES[0]._replace(data=bytes([turn])))
            assert [bytes(message.data) for message in receive(bus, 1)] == [bytes([turn])]
        settle(port, want_open=False)
        port.send(FRAMES[1])
    assert port.dropped == 0, "a closed channel loses nothing, it carries nothing"


def test_a_reader_that_died_leaves_nothing_stale_behind(port: SlcanPort, tmp_path: Path) -> None:
    bus = reader(tmp_path / "can")
    settle(port)
    assert isinstance(bus, slcanBus)
    bus.serialPortOrig.close()
    for count in range(FRAMES_MAX + 1000):
        port.send(FRAMES[0]._replace(data=count.to_bytes(2, "big")))
    bus._is_shutdown = True
    with reader(tmp_path / "can") as again:
        while port.receive_ready() or not port.channel_open or port.wants_write:
            time.sleep(0.001)
        port.send(FRAMES[2])
        fresh = receive(again, 1)
    assert [message.arbitration_id for message in fresh] == [FRAMES[2].can_id & EXTENDED_ID_MAX]


def test_nobody_reading_never_blocks_and_drops_the_oldest(port: SlcanPort) -> None:
    assert talk(port, b"S6\rO\r") == b"\r\r"
    total = 20_000
    began_s = time.monotonic()
    for count in range(total):
        port.send(Frame(0.0, "main", 0x100, count.to_bytes(4, "big")))
    assert time.monotonic() - began_s < PATIENCE_S
    assert 0 < port.dropped < total
    assert talk(port, b"F\r")[:1] == b"t", "the frames that were kept come first"


def test_lost_frames_show_in_the_status_once(port: SlcanPort) -> None:
    talk(port, b"S6\rO\r")
    for _ in range(FRAMES_MAX + 1000):
        port.send(FRAMES[0])
    talk(port, b"C\r")
    talk(port, b"O\r")
    assert talk(port, b"F\r").endswith(b"F08\r")
    assert talk(port, b"F\r").endswith(b"F00\r")


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (b"\r", b"\r"),
        (b"V\r", b"V1013\r"),
        (b"N\r", b"NHS01\r"),
        (b"S0\rS8\r", b"\r\r"),
        (b"S9\r", b"\a"),
        (b"S\r", b"\a"),
        (b"O\rS6\r", b"\r\a"),
        (b"O\rF\r", b"\rF00\r"),
        (b"F\r", b"\a"),
        (b"O\rO\rC\rC\r", b"\r\r\r\r"),
        (b"t12320102\r", b"\a"),
        (b"O\rt12320102\r", b"\r\r"),
        (b"O\rt123201\r", b"\r\a"),
        (b"O\rt12390102\r", b"\r\a"),
        (b"O\rtXYZ0\r", b"\r\a"),
        (b"O\rt8000\r", b"\r\a"),
        (b"O\rT1FFFFFFF0\r", b"\r\r"),
        (b"O\rT200000000\r", b"\r\a"),
        (b"O\rr1230\rR000001238\r", b"\r\r\r"),
        (b"L\rt1230\rr1230\r", b"\r\a\a"),
        (b"S5\rO\rt1230\r", b"\r\r\a"),
        (b"X1\r", b"\a"),
        (b"O\rt12320102ffffffffffffffffffffffffffffffffffffffffff\rV\r", b"\r\aV1013\r"),
    ],
)
def test_commands_are_answered(port: SlcanPort, commands: bytes, answer: bytes) -> None:
    assert talk(port, commands) == answer


def test_a_command_may_come_byte_by_byte(port: SlcanPort) -> None:
    answers = b"".join(talk(port, bytes([byte])) for byte in b"S6\rO\rt1231AA\r")
    assert answers == b"\r\r\r"
    assert port.received == 1


def test_at_another_bit_rate_nothing_gets_through(port: SlcanPort) -> None:
    talk(port, b"S5\rO\r")
    port.send(FRAMES[0])
    assert not port.wants_write
    assert talk(port, b"V\r") == b"V1013\r"


def test_the_link_is_made_and_removed(tmp_path: Path) -> None:
    link = tmp_path / "can"
    link.symlink_to(tmp_path / "gone")
    opened = SlcanPort(link)
    assert link.resolve() == opened.device
    opened.close()
    assert not link.is_symlink()


def test_the_link_of_a_successor_stays(tmp_path: Path) -> None:
    first = SlcanPort(tmp_path / "can")
    second = SlcanPort(tmp_path / "can")
    first.close()
    assert (tmp_path / "can").resolve() == second.device
    second.close()


def test_a_file_in_the_way_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "can").write_text("mine")
    with pytest.raises(FileExistsError):
        SlcanPort(tmp_path / "can")
    assert (tmp_path / "can").read_text() == "mine"


@given(
    can_id=st.one_of(
        st.integers(0, STANDARD_ID_MAX), st.integers(0, EXTENDED_ID_MAX).map(lambda number: number | EXTENDED)
    ),
    data=st.binary(max_size=8),
)
def test_lines_come_back_as_the_frame_they_were(can_id: int, data: bytes) -> None:
    frame = Frame(1.0, "main", can_id, data)
    line = to_line(frame)
    assert line.endswith(b"\r")
    assert from_command(line[:-1], 1.0, "main") == frame


@given(command=st.binary(max_size=40))
def test_any_bytes_are_a_frame_or_none(command: bytes) -> None:
    frame = from_command(command, 0.0, "main")
    assert frame is None or to_line(frame)[:-1].lower() == command.lower()


@pytest.mark.parametrize("frame", [Frame(0.0, "main", 0x100, bytes(9)), Frame(0.0, "main", 0x800, b"")])
def test_what_slcan_cannot_carry_is_refused(port: SlcanPort, frame: Frame) -> None:
    with pytest.raises(ValueError, match="no "):
        port.send(frame)


@pytest.mark.slow
def test_a_drive_in_real_time_keeps_to_the_clock_and_hears_the_responder(tmp_path: Path) -> None:
    """A whole drive through the terminal: the car's frames arrive on time, our request makes its lamps flash."""
    link, duration_s = tmp_path / "can", 3.0
    scenario = replace(SCENARIOS["motorway-shutdown-electric"], duration_s=duration_s)
    reports = []
    driving = threading.Thread(
        target=lambda: reports.append(drive(scenario, 4, tmp_path / "drive.log", f"slcan-pty:{link}", realtime=True))
    )
    began_s = time.monotonic()
    driving.start()
    while not link.is_symlink():
        time.sleep(0.001)
    request = reference_messages()["HSR_HazardRequest"]
    heard: list[can.Message] = []
    with reader(link) as bus:
        for count in range(15):
            frame = request.frame(0.0, count, {"Request": "ON"})
            bus.send(can.Message(arbitration_id=frame.can_id, is_extended_id=False, data=frame.data))
            until_s = time.monotonic() + request.cycle_s
            while (left_s := until_s - time.monotonic()) > 0.0:
                message = bus.recv(timeout=left_s)
                if message is not None:
                    heard.append(message)
    driving.join(PATIENCE_S)
    assert 0.95 * duration_s < time.monotonic() - began_s < duration_s + 1.5
    assert len(reports) == 1
    assert reports[0].received >= 14
    lamps = reference_messages()["BCM_Lamps"].definition
    shown = [lamps.decode(bytes(message.data)) for message in heard if message.arbitration_id == lamps.frame_id]
    assert any(isinstance(values, dict) and str(values["HazardActive"]) == "ACTIVE" for values in shown)
    assert not link.is_symlink()
    assert b"2A0#" in (tmp_path / "drive.log").read_bytes()
