"""The daemon on a real CAN stack: armed on can0, the car and an independent witness on can1."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from hardshoulder.core.bits import extract
from hardshoulder.core.permit import OTHER_SENDER_QUIET_S
from hardshoulder.core.protection import checksum_holds
from rig.conftest import set_up
from rig.hands import Car, Daemon, Shore, make_config
from rig.machine import Rig
from rig.witness import Seen, Witness
from support.talker import reference_plan

pytestmark = [pytest.mark.full, pytest.mark.timeout(180, func_only=True)]

REQUEST_ID = "2A0"
REQUEST = f"{REQUEST_ID}#"
FRAMES = 12
BUS_OFF, PASSIVE, ACK = "20000040#0000000000000000", "20000004#0010000000000000", "20000020#0000000000000000"


@pytest.fixture(scope="module")
def car(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Car]:
    """Its body controller is on can1 and on vcan0 for all tests of this module."""
    for interface in ("can0", "can1"):
        set_up(rig, interface)
    rig.run(["ip", "link", "add", "vcan0", "up", "type", "vcan"], check=True)
    with Car(rig, tmp_path_factory.mktemp("car"), "can1", "vcan0") as car:
        yield car
    rig.run(["ip", "link", "del", "vcan0"], check=True)


@pytest.fixture
def daemon(rig: Rig, car: Car, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Watches can0; the car drives."""
    with Daemon(rig, make_config(tmp_path_factory.mktemp("can0"), "socketcan:can0")) as daemon:
        car.drive("can1")
        daemon.logs("state=driving")
        yield daemon


def requests(witness: Witness) -> list[Seen]:
    """The hazard requests that the witness has seen."""
    return [seen for seen in witness.seen if seen.frame.startswith(REQUEST)]


def test_a_breakdown_is_answered_on_the_wire_with_rate_counter_and_crc(rig: Rig, car: Car, daemon: Daemon) -> None:
    command = reference_plan("electric").hazard.command
    assert command is not None and command.counter is not None and command.checksum is not None
    with Witness(rig, "can1", REQUEST_ID) as witness:
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        daemon.until(lambda: len(requests(witness)) >= FRAMES, "requests are seen")
        asked = requests(witness)[:FRAMES]
    payloads = [bytes.fromhex(seen.frame.partition("#")[2]) for seen in asked]
    assert all(checksum_holds(command.can_id, data, command.checksum) for data in payloads)
    modulo = command.counter.modulo
    gaps_s = [after.at_s - before.at_s for before, after in pairwise(asked)]
    counts = [extract(data, command.counter.field) for data in payloads]
    steps = [(after - before) % modulo for before, after in pairwise(counts)]
    # An emulated machine on a busy host is late and leaves frames out; it never repeats a count and never hurries.
    assert 0 not in steps, counts
    assert min(gaps_s) >= command.period_s / 4, "no burst; the gate's half a period, and what a stamp wavers"
    assert sum(gaps_s) >= 0.9 * command.period_s * len(gaps_s), gaps_s
    assert {data[1] >> 4 for data in payloads} == {1}
    # The kernel gave the daemon no frame of its own back: that would have been another sender.
    assert "another sender" not in daemon.log


def test_another_sender_on_the_hazard_id_is_heard_and_nothing_is_sent_beside_it(
    rig: Rig, car: Car, daemon: Daemon
) -> None:
    before = car.lamps
    with Witness(rig, "can1", REQUEST_ID) as witness:
        # Again and again, well within the time for which a stranger is minded.
        beat_s = OTHER_SENDER_QUIET_S / 10
        strange = f"{REQUEST}0000000000000000"
        daemon.start("sh", "-c", f"while true; do cansend can1 {strange}; sleep {beat_s}; done")
        daemon.logs(f"another sender: bus=main frame={strange}")
        car.lose_drive()
        daemon.logs("another sender was heard on this id")
        daemon.logs("hazards=refused")
        seen = requests(witness)
    assert seen and {entry.frame for entry in seen} == {strange}
    assert car.lamps == before


def test_an_interface_that_goes_down_and_up_is_watched_again(rig: Rig, daemon: Daemon) -> None:
    daemon.logs("health=watching")
    rig.run(["ip", "link", "set", "can0", "down"], check=True)
    daemon.logs("bus main: can0: Network is down; trying again every 1 s")
    before = daemon.log.count("health=watching")
    set_up(rig, "can0")
    daemon.logs("bus=main state=up", times=2)
    daemon.logs("health=watching", times=before + 1)


def test_errors_are_counted_bus_off_is_told_and_frames_of_can_fd_disturb_nothing(
    rig: Rig, car: Car, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Injected: a controller that is emulated has no errors of its own."""
    config = make_config(tmp_path_factory.mktemp("vcan0"), "socketcan:vcan0", fleet=True)
    with Shore(rig) as shore, Daemon(rig, config) as daemon:
        car.drive("vcan0")
        daemon.logs("health=watching")
        for frame in (ACK, ACK, PASSIVE, "110##1" + "AA" * 64, "7F0##0" + "BB" * 12):
            rig.run(["cansend", "vcan0", frame], check=True)
        rig.run(["cansend", "vcan0", BUS_OFF], check=True)
        daemon.logs("bus=main state=bus-off")
        daemon.logs("bus=main state=up", times=2)
        daemon.logs("health=watching", times=2)
        counted = {"main.ack": 2, "main.error-passive": 1, "main.bus-off": 1}

        def told() -> dict[str, Any]:
            return next(iter(shore.told("status")[-1:]), {})

        daemon.until(lambda: (told().get("bus_errors"), told().get("health")) == (counted, "watching"), "it is told")
        # The CAN FD frame on an id of the car's has the wrong length; the other is nobody's.
        assert told()["invalid_frames"]["ESC_Speed.length"] == 1
        assert told()["buses"] == {"main": "up"}
        car.lose_drive()
        daemon.logs("hazards=confirmed")


def test_an_interface_that_is_missing_at_start_and_appears_later(
    rig: Rig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = make_config(tmp_path_factory.mktemp("late"), "socketcan:late0")
    with Daemon(rig, config) as daemon:
        daemon.logs("bus main: cannot open CAN interface late0: No such device; trying again every 1 s")
        rig.run(["ip", "link", "add", "late0", "up", "type", "vcan"], check=True)
        daemon.logs("bus=main state=up")
        rig.run(["cansend", "late0", f"{REQUEST}00"], check=True)
        daemon.logs(f"another sender: bus=main frame={REQUEST}00")
        rig.run(["ip", "link", "del", "late0"], check=True)
        daemon.logs("bus main: ", times=2)
