"""What disturbs a simulated car's messages does so where and when it is told to, and nowhere else."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from hardshoulder.core.bits import extract
from hardshoulder.core.frame import Frame
from hardshoulder.core.protection import checksum_holds
from hardshoulder.core.vocabulary import Propulsion
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.interference import ALL_NODES, Distortion, Garble, Garbling, Interference, Lie
from hardshoulder_sim.physics.course import Events, Spell
from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode
from hardshoulder_sim.proving.variants import NODE_BUSES
from hardshoulder_sim.reference import database, reference_messages
from hardshoulder_sim.scenarios import Begin, Scenario, Wiring, vary

CRUISE = Scenario(
    "cruise", "at 100 km/h", 12.0, Propulsion.COMBUSTION, Begin.ROLLING, ((0.0, 100.0),), ((0.0, PowerMode.ON),),
    incident=False,
)  # fmt: skip
AT_S, UNTIL_S = 4.0, 6.0


def driven(interference: Interference, wiring: Wiring | None = None, events: Events | None = None) -> list[Frame]:
    scenario = replace(CRUISE, interference=interference, events=events or Events())
    run = vary(scenario, 1)
    return SimulatedCar(scenario, 1, replace(run, wiring=wiring or Wiring())).step_until(scenario.duration_s)


def of(frames: Sequence[Frame], name: str) -> list[Frame]:
    return [frame for frame in frames if frame.can_id == reference_messages()[name].can_id]


def value(frame: Frame, signal: str) -> object:
    decoded = database().decode_message(frame.can_id, frame.data)
    assert isinstance(decoded, dict)
    found = decoded[signal]
    return float(found) if isinstance(found, int | float) else str(found)


def lying(distortion: Distortion) -> tuple[list[object], list[object]]:
    """(what the signal says while it lies, what it says otherwise)."""
    frames = of(driven(Interference(distortions=(Spell(distortion, AT_S, UNTIL_S),))), distortion.message)
    inside = [value(frame, distortion.signal) for frame in frames if AT_S <= frame.at_s < UNTIL_S]
    outside = [value(frame, distortion.signal) for frame in frames if not AT_S <= frame.at_s < UNTIL_S]
    assert inside and outside
    return inside, outside


def garbled(garble: Garble, frames: int = 3, message: str = "ESC_Speed") -> tuple[list[Frame], list[Frame]]:
    """(the message with the garbling, the same run without)."""
    spells = (Spell(Garbling(message, garble, frames), AT_S, UNTIL_S),)
    return of(driven(Interference(garblings=spells)), message), of(driven(Interference()), message)


def test_a_frozen_signal_says_what_it_said_when_it_froze() -> None:
    inside, outside = lying(Distortion("ESC_Speed", "VehicleSpeed", Lie.FROZEN))
    assert len(set(inside)) == 1
    assert len(set(outside)) > 20


@pytest.mark.parametrize(("word", "amount", "says"), [("ACC", 0.0, "ACC"), ("", 0.0, "LOCK")])
def test_a_stuck_signal_says_what_it_is_told_to(word: str, amount: float, says: str) -> None:
    inside, outside = lying(Distortion("BCM_Power", "PowerMode", Lie.STUCK, amount, word))
    assert set(inside) == {says}
    assert set(outside) == {"ON"}


def test_an_absent_signal_has_no_reading() -> None:
    inside, outside = lying(Distortion("SUP_Supply", "SupplyVoltage", Lie.ABSENT))
    assert set(inside) == {"NOT_AVAILABLE"}
    assert "NOT_AVAILABLE" not in outside


def test_a_noisy_signal_scatters_and_stays_in_its_range() -> None:
    inside, outside = lying(Distortion("SUP_Supply", "SupplyVoltage", Lie.NOISY, 20.0))
    spread = [max(map(float, said)) - min(map(float, said)) for said in (inside, outside)]  # type: ignore[arg-type]
    assert spread[0] > 20.0 > 1.0 > spread[1]
    assert min(map(float, inside)) >= 0.0  # type: ignore[arg-type]


def test_a_swelling_signal_leaves_and_comes_back() -> None:
    inside, outside = lying(Distortion("ESC_Speed", "VehicleSpeed", Lie.SWELL, 60.0))
    speeds = [float(said) for said in inside]  # type: ignore[arg-type]
    assert speeds[0] < 110.0 and speeds[-1] < 110.0
    assert 155.0 < max(speeds) < 165.0
    assert max(abs(after - before) for before, after in pairwise(speeds)) < 5.0
    assert max(map(float, outside)) < 105.0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("garble", "looks"),
    [
        (Garble.ZEROS, lambda data: not any(data)),
        (Garble.ONES, lambda data: set(data) == {0xFF}),
        (Garble.SHORT, lambda data: len(data) == 7),
    ],
)
def test_so_many_frames_are_garbled_and_no_more(garble: Garble, looks: Callable[[bytes], bool]) -> None:
    frames, healthy = garbled(garble)
    assert len(frames) == len(healthy)
    assert [looks(frame.data) for frame in frames].count(True) == 3
    assert [looks(frame.data) for frame in healthy].count(True) == 0
    first = next(frame for frame in frames if looks(frame.data))
    assert AT_S <= first.at_s < AT_S + 0.1


@pytest.mark.parametrize("garble", [Garble.RANDOM, Garble.CHECKSUM])
def test_a_garbled_frame_does_not_hold_its_checksum(garble: Garble) -> None:
    plan = reference_messages()["ESC_Speed"].checksum
    assert plan is not None
    frames, _ = garbled(garble, frames=10)
    broken = [frame for frame in frames if not checksum_holds(frame.can_id, frame.data, plan)]
    assert len(broken) == 10


@pytest.mark.parametrize(("garble", "steps"), [(Garble.COUNTER, {0, 4, 1}), (Garble.SKIP, {8, 1, 10})])
def test_a_counter_stands_still_or_jumps(garble: Garble, steps: set[int]) -> None:
    plan = reference_messages()["ESC_Speed"].counter
    assert plan is not None
    frames, healthy = garbled(garble)
    counts = [extract(frame.data, plan.field) for frame in frames]
    assert {(after - before) % 16 for before, after in pairwise(counts)} == steps
    assert [(after - before) % 16 for before, after in pairwise(counts)].count(1) >= len(healthy) - 6


def test_a_doubled_frame_comes_twice_and_a_late_one_after_its_neighbours() -> None:
    doubled, healthy = garbled(Garble.DOUBLED)
    assert len(doubled) == len(healthy) + 3
    late, healthy = garbled(Garble.LATE)
    assert len(late) == len(healthy)
    assert sum(abs(one.at_s - other.at_s) > 0.003 for one, other in zip(late, healthy, strict=True)) == 3


def test_an_outage_silences_its_node_and_no_other() -> None:
    frames = driven(Interference(outages=(Spell(frozenset({"ESC"}), AT_S, UNTIL_S),)))
    between = Counter(
        database().get_message_by_frame_id(frame.can_id).senders[0]
        for frame in frames
        if AT_S + 0.1 < frame.at_s < UNTIL_S
    )
    assert "ESC" not in between and len(between) == 6
    after = [frame for frame in of(frames, "ESC_Speed") if frame.at_s >= UNTIL_S]
    assert value(after[0], "VehicleSpeed") == "NOT_AVAILABLE", "it tests itself first"
    assert value(after[-1], "VehicleSpeed") == pytest.approx(100.0, abs=2.0)
    counter = reference_messages()["ESC_Speed"].counter
    assert counter is not None and extract(after[0].data, counter.field) == 0, "it counts from the beginning"


def test_the_drives_reset_takes_the_push_away_and_gives_it_back() -> None:
    frames = driven(Interference(), events=Events(faults=(Spell(Fault.DRIVE_NODE_RESETS, AT_S, AT_S + 1.0),)))
    drive = of(frames, "PCM_Drive")
    assert not [frame for frame in drive if AT_S + 0.02 < frame.at_s < AT_S + 1.0]
    assert value(drive[-1], "DriveReady") == "READY"
    assert float(str(value(drive[-1], "DriveTorque"))) > 0.0


def test_with_everybody_out_nobody_is_heard_strangers_neither() -> None:
    outage = Interference(outages=(Spell(ALL_NODES, AT_S, UNTIL_S),))
    frames = driven(outage, Wiring(foreign_per_s=120.0))
    assert [frame for frame in frames if frame.at_s < AT_S and frame.can_id >= 0x400]
    assert not [frame for frame in frames if AT_S + 0.05 < frame.at_s < UNTIL_S]


def test_a_broken_bus_takes_its_own_nodes_and_strangers_with_it() -> None:
    broken = Events(faults=(Spell(Fault.BUS_BROKEN, AT_S),))
    frames = driven(Interference(), Wiring(buses=NODE_BUSES, foreign_per_s=100.0, clash=True), broken)
    after = {frame.bus for frame in frames if frame.at_s > AT_S + 0.05}
    assert after == {"body"}


def test_two_buses_carry_the_same_identifier_with_another_meaning() -> None:
    frames = driven(Interference(), Wiring(buses=NODE_BUSES, clash=True))
    by_bus = {
        bus: {frame.data for frame in of(frames, "ESC_Speed") if frame.bus == bus} for bus in ("powertrain", "body")
    }
    assert all(by_bus.values())
    assert not by_bus["powertrain"] & by_bus["body"]


@pytest.mark.parametrize("per_s", [0.0, 60.0, 130.0])
def test_the_bus_is_as_busy_as_it_is_told_to_be(per_s: float) -> None:
    frames = driven(Interference(), Wiring(foreign_per_s=per_s))
    foreign = [frame for frame in frames if 0x400 <= frame.can_id <= 0x6FF]
    assert len(foreign) / CRUISE.duration_s == pytest.approx(per_s, abs=12.0)
    assert len(frames) / CRUISE.duration_s <= 400.0


def test_a_tester_asks_for_a_session_while_it_is_there() -> None:
    frames = [
        frame for frame in driven(Interference(testers=(Spell(None, AT_S, UNTIL_S),))) if frame.can_id in (0x7DF, 0x7E0)
    ]
    assert {frame.data[1] for frame in frames} == {0x10, 0x3E, 0x31}
    assert frames[0].at_s >= AT_S and frames[-1].at_s < UNTIL_S + 0.1


def test_frames_come_in_the_order_of_time_whatever_is_held_up() -> None:
    spells = tuple(
        Spell(Garbling(name, garble, 40), AT_S, UNTIL_S)
        for name, garble in (("ESC_Speed", Garble.LATE), ("PCM_Engine", Garble.DOUBLED))
    )
    frames = driven(Interference(garblings=spells, testers=(Spell(None, AT_S, UNTIL_S),)))
    assert all(before.at_s <= after.at_s for before, after in pairwise(frames))
