"""The daemon on a real CAN stack: armed on can0, the car and an independent witness on can1."""

import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hardshoulder.core.bits import extract
from hardshoulder.core.hazard import OFF_FRAMES, REFLEX_S
from hardshoulder.core.permit import OTHER_SENDER_QUIET_S
from hardshoulder.core.plan import HazardCommand
from hardshoulder.core.protection import checksum_holds
from hardshoulder.core.vocabulary import Vss
from hardshoulder.edge.broadcast import OUTLIVES_S
from rig.conftest import set_up
from rig.hands import START_S, Car, Daemon, Processes, Service, Shore, cache_of, make_config
from rig.machine import PYTHON, Rig
from rig.witness import Seen, Witness
from support.talker import Talker, reference_plan

pytestmark = [pytest.mark.full, pytest.mark.timeout(180, func_only=True)]

REQUEST_ID = "2A0"
REQUEST = f"{REQUEST_ID}#"
LAMPS_ID = f"{Talker(reference_plan('electric')).carrier(Vss.HAZARD_SIGNALING).can_id:03X}"
ON, OFF, MODULO = 1, 2, 16
FRAMES = 24
SILENT_S = 1.0
FULL_BUS = 500_000 / 135
"""Frames of eight bytes in a second, with the most bits that are stuffed in and the pause behind each."""
IN_TIME_S = 10.0
"""docs/SAFETY.md, H2: a request later than this is none. A flood takes most of an emulated machine."""
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


def payload(seen: Seen) -> bytes:
    return bytes.fromhex(seen.frame.partition("#")[2])


def asks(seen: Seen) -> int:
    """What a request asks for: on or off."""
    return payload(seen)[1] >> 4


def the_command() -> HazardCommand:
    command = reference_plan("electric").hazard.command
    assert command is not None and command.counter is not None and command.checksum is not None
    return command


def counts(asked: list[Seen]) -> list[int]:
    """The rolling counters of requests whose checksums are all right."""
    command = the_command()
    assert command.counter is not None and command.checksum is not None
    assert all(checksum_holds(command.can_id, payload(seen), command.checksum) for seen in asked)
    return [extract(payload(seen), command.counter.field) for seen in asked]


def steps(asked: list[Seen]) -> set[int]:
    """By how much the counter goes on from request to request."""
    return {(after - before) % MODULO for before, after in pairwise(counts(asked))}


def test_a_breakdown_is_answered_on_the_wire_with_period_counter_and_crc(rig: Rig, car: Car, daemon: Daemon) -> None:
    command = the_command()
    with Witness(rig, "can1", REQUEST_ID) as witness:
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        daemon.until(lambda: len(requests(witness)) >= FRAMES, "requests are seen")
        asked = requests(witness)[:FRAMES]
    gaps_s = [after.at_s - before.at_s for before, after in pairwise(asked)]
    # Sent by the kernel: however late the emulated daemon is, no frame is left out, repeated or hurried.
    assert steps(asked) == {1}
    assert min(gaps_s) >= command.period_s / 4, "no burst; the gate's half a period, and what a stamp wavers"
    assert statistics.median(gaps_s) == pytest.approx(command.period_s, rel=0.1), gaps_s
    assert {asks(seen) for seen in asked} == {ON}
    # The kernel gave the daemon no frame of its own back: that would have been another sender.
    assert "another sender" not in daemon.log


def test_a_car_that_drives_on_gets_its_lamps_back(rig: Rig, car: Car, daemon: Daemon) -> None:
    with Witness(rig, "can1", REQUEST_ID, LAMPS_ID) as witness:
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        car.drive("can1")
        released(witness, daemon)
        daemon.until(lambda: car.lamps[-1] == "off", "the lamps are dark")


def test_the_driver_switches_them_off_and_is_obeyed_on_the_wire(rig: Rig, car: Car, daemon: Daemon) -> None:
    with Witness(rig, "can1", REQUEST_ID, LAMPS_ID) as witness:
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        confirmed_s = witness.seen[-1].at_s
        # A press any sooner is the reflex of somebody who wanted them on.
        daemon.until(lambda: witness.seen[-1].at_s > confirmed_s + REFLEX_S + 0.5, "no reflex any more")
        car.press_hazard_switch()
        daemon.logs("hazards=released")
        released(witness, daemon)
        # Nothing but the driver ended them: the drive is as dead as before.
        assert car.lamps[-1] == "off" and "state=recovered" not in daemon.log


def released(witness: Witness, daemon: Daemon) -> None:
    """The request is taken back on the wire, in series with what was asked before, and then nobody says anything."""
    daemon.logs("hazards=released")
    daemon.until(lambda: witness.seen[-1].at_s > requests(witness)[-1].at_s + SILENT_S, "it ends while the car speaks")
    asked = requests(witness)
    said = [asks(seen) for seen in asked]
    assert said == [ON] * (len(asked) - OFF_FRAMES) + [OFF] * OFF_FRAMES
    assert steps(asked) == {1}


def test_a_full_bus_delays_no_request(rig: Rig, car: Car, daemon: Daemon) -> None:
    """As fast as the emulated controllers go: they know no bit rate, and whatever is sent comes through."""
    before = car.lamps
    flood = daemon.start("cangen", "can1", "-g", "0", "-i", "-I", "7F0", "-L", "8")
    began_s, began = guest_time_s(rig), frames_sent(rig, "can1")
    with Witness(rig, "can1", REQUEST_ID) as witness:
        broke_s = guest_time_s(rig)
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        daemon.until(lambda: len(requests(witness)) >= FRAMES, "it goes on being asked for")
        asked = requests(witness)
    rate = (frames_sent(rig, "can1") - began) / (guest_time_s(rig) - began_s)
    print(f"{rate:.0f} frames/s, first request after {asked[0].at_s - broke_s:.2f} s")
    assert flood.returncode is None, flood
    assert rate >= FULL_BUS, "a bus of 500 kbit/s is full"
    assert asked[0].at_s - broke_s <= IN_TIME_S
    assert car.lamps[len(before) :] == ["on"] and {asks(seen) for seen in asked} == {ON}
    assert steps(asked) == {1}


def guest_time_s(rig: Rig) -> float:
    """The clock by which the witness stamps."""
    return float(rig.run(["date", "+%s.%N"], check=True).stdout)


def frames_sent(rig: Rig, interface: str) -> int:
    return int(rig.run(["cat", f"/sys/class/net/{interface}/statistics/tx_packets"], check=True).stdout)


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


def test_an_interface_that_goes_down_in_an_incident_is_asked_on_again_and_by_one_alone(
    rig: Rig, car: Car, daemon: Daemon
) -> None:
    """What the kernel was given before does not go on beside what it is given after."""
    period_s = the_command().period_s
    with Witness(rig, "can1", REQUEST_ID) as witness:
        car.lose_drive()
        daemon.logs("hazards=confirmed")
        rig.run(["ip", "link", "set", "can0", "down"], check=True)
        daemon.logs("Network is down; trying again every 1 s")
        before = len(requests(witness))
        set_up(rig, "can0")
        daemon.until(lambda: len(requests(witness)) >= before + FRAMES, "requests are seen again")
        asked = requests(witness)[before:]
    assert steps(asked) == {1}
    gaps_s = [after.at_s - before.at_s for before, after in pairwise(asked)]
    assert statistics.median(gaps_s) == pytest.approx(period_s, rel=0.1)


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


def test_hazards_go_on_while_a_killed_daemon_is_away_and_while_it_is_started_anew(
    rig: Rig, car: Car, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As a service, of which systemd keeps the kernel's socket; one that is stopped has nobody who asks."""
    config = make_config(tmp_path_factory.mktemp("service"), "socketcan:can0")
    with Service(rig, config) as daemon, Witness(rig, "can1", REQUEST_ID, LAMPS_ID) as witness:
        car.drive("can1")
        daemon.logs("state=driving")
        before = car.lamps
        car.lose_drive()
        kept = f'grep -q \'"hazards":"confirmed"\' {config.parent}/storage/incident.journal'
        daemon.until(lambda: rig.run(["sh", "-c", kept]).returncode == 0, "the incident is kept")
        in_time = [goes_on(witness, daemon, *how) for how in (("kill", "--signal=KILL"), ("restart",))]
        assert car.lamps[len(before) :] == ["on"] or not all(in_time)
        daemon.control("stop")
        stopped_s = guest_time_s(rig)
        daemon.until(lambda: witness.seen[-1].at_s > stopped_s + SILENT_S, "the car speaks on")
        assert requests(witness)[-1].at_s < stopped_s + the_command().period_s
    # What the kernel sent for the daemon before is not another sender to the daemon after.
    assert "another sender" not in daemon.log


def goes_on(witness: Witness, daemon: Service, *how: str) -> bool:
    """Whether the daemon was back in time: a machine that is slow beyond measure starts it when the count has run out.

    Until the one or the other the requests go on without a gap and in series.
    """
    before, starts = len(requests(witness)), daemon.log.count("goes on: at-once")
    ended_s = guest_time_s(daemon.rig)
    daemon.control(*how)
    daemon.logs("goes on: at-once", times=starts + 1)
    back_s = guest_time_s(daemon.rig)
    daemon.until(lambda: requests(witness)[-1].at_s > back_s + SILENT_S, "they are asked for again")
    print(f"{how[0]}: away for {back_s - ended_s:.1f} s")
    surely_s, period_s = ended_s + OUTLIVES_S - 1.0, the_command().period_s
    asked = requests(witness)[before:]
    held = [seen for seen in asked if seen.at_s < surely_s]
    late = [(seen.at_s, after.at_s) for seen, after in pairwise(held) if after.at_s - seen.at_s > 3 * period_s]
    assert held[-1].at_s > min(back_s, surely_s) - 3 * period_s
    assert steps(asked) == {1} and {asks(seen) for seen in asked} == {ON} and not late, late
    return back_s < surely_s


def test_a_cycle_outlives_its_process_while_its_socket_is_kept_and_ends_with_its_count(rig: Rig, car: Car) -> None:
    """The kernel alone: the socket's copy lies with a process that does nothing, as it does with systemd."""
    count, probe = 20, [PYTHON, str(Path(__file__).with_name("cycle_probe.py")), str(car.config), "can0"]
    period_s = the_command().period_s
    with Processes(rig) as inside, Witness(rig, "can1", REQUEST_ID, LAMPS_ID) as witness:

        def wait_until(at_s: float) -> None:
            inside.until(lambda: witness.seen[-1].at_s > at_s, "the car speaks on")

        store = inside.start(*probe, str(count), env=cache_of(car.config))
        store.wait_for("killed", START_S)
        killed_s = float(store.lines[-1].split()[1])
        wait_until(killed_s + count * period_s + SILENT_S)
        held = requests(witness)
        assert len(held) == count and steps(held) == {1} and held[count // 2].at_s > killed_s
        # The same once more, and then nobody keeps it.
        again = inside.start(*probe, str(100 * count), env=cache_of(car.config))
        again.wait_for("killed", START_S)
        again.kill()
        gone_s = guest_time_s(rig)
        wait_until(gone_s + SILENT_S)
        assert len(requests(witness)) > count and requests(witness)[-1].at_s < gone_s + period_s


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
