"""Our SocketCAN bus on a real kernel."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from rig.machine import PYTHON, Process, Rig
from rig.witness import Witness

pytestmark = [pytest.mark.full, pytest.mark.timeout(120, func_only=True), pytest.mark.usefixtures("can_pair")]

_PROBE = Path(__file__).with_name("bus_probe.py")
_LAST = "7FF"
"""Sent after the others: once it has come, the others would have, too."""

Probe = Callable[..., Process]


@pytest.fixture
def probe(rig: Rig) -> Iterator[Probe]:
    """Starts bus_probe.py on an interface and waits until its bus is open."""
    started: list[Process] = []

    def start(verb: str, *rest: str, interface: str = "can0") -> Process:
        process = rig.start([PYTHON, str(_PROBE), verb, f"socketcan:{interface}", *rest])
        started.append(process)
        process.wait_for("open")
        return process

    yield start
    for process in started:
        process.kill()


def _send_from_can1(rig: Rig, frames: Sequence[str]) -> None:
    commands = [f"cansend can1 {frame}" for frame in (*frames, f"{_LAST}#")]
    rig.run(["sh", "-ec", "\n".join(commands)], check=True)


def _lines(process: Process, kind: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in process.lines if line.startswith(kind + " ")]


def test_only_wanted_frames_are_received(rig: Rig, probe: Probe) -> None:
    listener = probe("listen", "123", "1ABCDEF0", "00000200", _LAST)
    wanted = ["123#0102", "1ABCDEF0#0A0B0C", "00000200#", "123#1122334455667788"]
    _send_from_can1(rig, ["122#01", *wanted, "200#", "00000123#", "123#R", "1ABCDEF1#"])
    listener.wait_for(f"{_LAST}#")
    assert _lines(listener, "body") == [*wanted, f"{_LAST}#"]


def test_unwanted_frames_stay_in_the_kernel(rig: Rig, probe: Probe) -> None:
    listener = probe("raw", "123", "1ABCDEF0", _LAST)
    _send_from_can1(rig, ["122#", "123#", "00000123#", "123#R", "1ABCDEF0#", "1ABCDEF1#", "1ABCDEF0#R", "6F0#"])
    listener.wait_for(_LAST)
    assert _lines(listener, "kernel") == ["123", "1ABCDEF0", _LAST]


def test_a_bus_that_wants_nothing_gets_nothing(rig: Rig, probe: Probe) -> None:
    listener, control = probe("raw"), probe("raw", _LAST)
    _send_from_can1(rig, ["123#"])
    control.wait_for(_LAST)
    assert _lines(listener, "kernel") == []


def test_more_ids_than_the_kernel_filters_are_still_chosen(rig: Rig, probe: Probe) -> None:
    many = [f"{can_id:03X}" for can_id in range(0x100, 0x100 + 600)]
    listener = probe("listen", *many, _LAST)
    _send_from_can1(rig, ["0FF#", "100#01", "357#02", "358#", "00000100#"])
    listener.wait_for(f"{_LAST}#")
    assert _lines(listener, "body") == ["100#01", "357#02", f"{_LAST}#"]


def test_the_witness_sees_what_we_send(rig: Rig, probe: Probe) -> None:
    frames = ["123#0102", "1ABCDEF0#1122334455667788", "7FF#"]
    with Witness(rig, "can1") as witness:
        sender = probe("send", *frames)
        assert sender.wait() == 0, sender
        assert [seen.frame for seen in witness.wait_for(3)] == frames
    assert _lines(sender, "error") == []


def test_an_interface_that_is_not_there_is_named(rig: Rig) -> None:
    done = rig.run([PYTHON, str(_PROBE), "send", "socketcan:can7"])
    assert done.returncode == 1
    assert "bus body: cannot open CAN interface can7: No such device" in done.stderr


def test_an_interface_that_goes_down_is_reported_and_comes_back(rig: Rig, probe: Probe) -> None:
    listener = probe("listen", _LAST)
    _send_from_can1(rig, [])
    listener.wait_for(f"{_LAST}#")
    rig.run(["ip", "link", "set", "can0", "down"], check=True)
    listener.wait_for("error")
    assert _lines(listener, "error")[0] == "bus body: can0: Network is down"
    rig.run(["ip", "link", "set", "can0", "up"], check=True)
    _until_received(rig, listener, 2)


def test_an_interface_that_is_down_at_first_is_reported_and_comes_up(rig: Rig, probe: Probe) -> None:
    rig.run(["ip", "link", "set", "can0", "down"], check=True)
    listener = probe("listen", _LAST)
    listener.wait_for("error bus body: ")
    rig.run(["ip", "link", "set", "can0", "up"], check=True)
    _until_received(rig, listener, 1)


def test_an_interface_that_is_pulled_out_is_reported_and_comes_back(rig: Rig, probe: Probe, vcan0: str) -> None:
    listener = probe("listen", "123", interface=vcan0)
    rig.run(["ip", "link", "del", vcan0], check=True)
    # Down first, then gone; which of the two it meets is a matter of microseconds.
    listener.wait_for("error bus body: vcan0: ")
    listener.wait_for("error bus body: cannot open CAN interface vcan0: No such device")
    rig.run(["ip", "link", "add", vcan0, "up", "type", "vcan"], check=True)
    rig.wait_until(lambda: listener.lines[-1] == "open")
    rig.run(["cansend", vcan0, "123#0102"], check=True)
    listener.wait_for("body 123#0102")


def _until_received(rig: Rig, listener: Process, count: int) -> None:
    """Sends more than once: a frame that comes between two tries to open the bus is lost, as it is in a car."""
    for _ in range(20):
        _send_from_can1(rig, [])
        if rig.wait_until(lambda: len(_lines(listener, "body")) >= count, timeout_s=1):
            return
    pytest.fail(f"nothing was received any more: {listener}")


def test_sending_on_an_interface_that_went_down_is_reported(probe: Probe) -> None:
    sender = probe("send", "down", "123#")
    sender.wait()
    assert _lines(sender, "error") == ["bus body: can0: cannot send: Network is down"]


def test_an_interface_that_is_down_is_not_called_open(rig: Rig) -> None:
    rig.run(["ip", "link", "set", "can0", "down"], check=True)
    done = rig.run([PYTHON, str(_PROBE), "send", "socketcan:can0", "123#"])
    assert "bus body: cannot open CAN interface can0: Network is down" in done.stderr
    assert "open" not in done.stdout.split()
