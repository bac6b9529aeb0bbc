"""The machine, booted once for all tests, and its CAN interfaces, set up anew for each."""

from collections.abc import Iterator

import pytest

from rig.machine import Rig
from rig.tools import RigError

BITRATE = 500_000


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """A booted machine. One that cannot be had fails the test: whoever asks for the full tests wants them run."""
    try:
        machine = Rig()
    except RigError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with machine:
        yield machine


@pytest.fixture
def can_pair(rig: Rig) -> Iterator[tuple[str, str]]:
    """can0 and can1, two controllers on one bus, up at 500 kbit/s; whatever a test did to them is undone."""
    pair = ("can0", "can1")
    for interface in pair:
        set_up(rig, interface)
    yield pair
    for interface in pair:
        rig.run(["ip", "link", "set", interface, "down"], check=True)


@pytest.fixture
def vcan0(rig: Rig) -> Iterator[str]:
    """A virtual interface that exists and is up during the test."""
    rig.run(["ip", "link", "add", "vcan0", "up", "type", "vcan"], check=True)
    yield "vcan0"
    rig.run(["ip", "link", "del", "vcan0"])


def set_up(rig: Rig, interface: str) -> None:
    """Up at our bit rate, from any state."""
    rig.run(["ip", "link", "set", interface, "down"], check=True)
    rig.run(["ip", "link", "set", interface, "up", "type", "can", "bitrate", str(BITRATE)], check=True)
