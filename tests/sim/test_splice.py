"""Shutdowns laid over drives: physical, well protected, refused where a car cannot show them, and found."""

from collections import Counter
from dataclasses import dataclass
from dataclasses import replace as changed
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Finding
from hardshoulder.core.bits import Packing, insert
from hardshoulder.core.decode import Decoder, Fault, SignalReader
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, Field, FieldKind, SignalPlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Value, Vss
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.logs import LogFrame, open_log, write_candump
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay
from hardshoulder_sim.recordings.rewrite import raw_of
from hardshoulder_sim.recordings.shutdown import (
    Coast,
    ShutdownKind,
    drive_messages,
    engine_rpm,
    possible_kinds,
)
from hardshoulder_sim.recordings.splice import SpliceResult, splice
from support.recorded import DRIVEN_CARS, RECORDED_CARS, Compiled, RecordedCar, compiled, drive

REFERENCE = ("reference-combustion", "reference-hybrid", "reference-electric")
PLAUSIBLE = {
    ShutdownKind.ENGINE_STOP: {Finding.ENGINE_STOPPED, Finding.DRIVE_NOT_READY},
    ShutdownKind.POWER_OFF: {
        Finding.POWER_LOST, Finding.ENGINE_STOPPED, Finding.DRIVE_NOT_READY, Finding.CONTACTORS_OPEN,
    },
    ShutdownKind.CONTACTORS_OPEN: {Finding.CONTACTORS_OPEN, Finding.DRIVE_NOT_READY},
    ShutdownKind.DRIVE_SILENT: {Finding.DRIVE_SILENT},
    ShutdownKind.BUS_SILENT: {Finding.BUS_SILENT},
}  # fmt: skip
SILENT = {ShutdownKind.DRIVE_SILENT, ShutdownKind.BUS_SILENT}
WITHIN_S = {ShutdownKind.DRIVE_SILENT: 4.0}
POLLED_WITHIN_S = 3.0
"""A car that is asked twice a second answers so late; a whole bus has to miss four rounds."""

SEEN_FIRST_S = 0.1


# Physics ------------------------------------------------------------------------------------


@given(speed_kph=st.floats(1.0, 200.0))
def test_a_car_rolls_out_without_a_jump_and_then_stands(speed_kph: float) -> None:
    coast = Coast(speed_kph)
    speeds = [coast.speed_kph(step * 0.02) for step in range(4000)]
    assert speeds[0] == pytest.approx(speed_kph)
    assert all(0.0 <= before - after <= 0.3 for before, after in pairwise(speeds))
    assert speeds[-1] == 0.0


@given(rpm=st.floats(0.0, 9000.0), step_s=st.floats(0.0001, 0.02))
def test_an_engine_dies_down_without_a_step(rpm: float, step_s: float) -> None:
    speeds = [engine_rpm(rpm, number * step_s) for number in range(int(3.0 / step_s))]
    steepest = (rpm / 0.3 + 1500.0) * step_s
    assert all(0.0 <= before - after <= steepest + 1e-6 for before, after in pairwise(speeds))
    assert engine_rpm(rpm, 3.0) == 0.0


FIELDS = st.builds(
    Field,
    start=st.just(0),
    length=st.integers(2, 32),
    little_endian=st.just(True),
    kind=st.sampled_from([FieldKind.UNSIGNED, FieldKind.SIGNED]),
)


@given(field=FIELDS, scale=st.sampled_from([0.01, 0.5, 1.0, 3.0]), offset=st.sampled_from([-40.0, 0.0]), data=st.data())
def test_the_bits_that_are_written_say_the_value(
    field: Field, scale: float, offset: float, data: st.DataObject
) -> None:
    half = 1 << field.length - 1
    lowest, highest = (-half, half - 1) if field.kind is FieldKind.SIGNED else (0, 2 * half - 1)
    value = data.draw(st.floats(lowest * scale + offset, highest * scale + offset))
    plan = SignalPlan(Vss.SPEED, field, scale, offset, None, None, (), (), (), 0.1, 0.5)
    raw = raw_of(plan, value)
    assert raw is not None
    payload = bytearray(8)
    insert(payload, field, raw)
    packing = Packing([field], 8)
    said = SignalReader(plan, packing).read(packing.number(bytes(payload)))
    assert isinstance(said, float)
    assert abs(said - value) <= scale / 2 * 1.0001


def test_a_value_that_means_not_available_is_never_written() -> None:
    plan = SignalPlan(Vss.SPEED, Field(0, 8, True), 1.0, 0.0, 0.0, 250.0, (100,), (), (), 0.1, 0.5)
    assert raw_of(plan, 100.0) == 99
    assert raw_of(plan, 400.0) == 250
    words = changed(plan, values=((1, "OFF"), (4, "ON"), (5, "ON")))
    assert raw_of(words, "ON") == 4
    assert raw_of(words, "ACC") is None


# Reference cars -----------------------------------------------------------------------------


@pytest.fixture(scope="module", params=REFERENCE)
def reference(request: pytest.FixtureRequest) -> Compiled:
    return compiled(request.param)


@pytest.fixture(scope="module")
def cruise(reference: Compiled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cruise") / "drive.log"
    write_candump(path, drive(reference.plan, 12.0))
    return path


def spliced(
    car: Compiled, log: Path, out: Path, kind: ShutdownKind, at_s: float = 5.0, seed: int = 0
) -> tuple[SpliceResult, ReplayResult]:
    truth = splice(log, car.profile, car.plan, at_s, kind, out, seed, car.guarded)
    return truth, replay(out, car.plan, ReplayOptions(log_channels(car.profile)))


def evidence_messages(plan: CarPlan) -> set[str]:
    """The messages that say whether the drive is alive."""
    return {message.name for message in plan.messages if {signal.vss for signal in message.signals} & {*DRIVE_EVIDENCE}}


def check_found(plan: CarPlan, kind: ShutdownKind, truth: SpliceResult, result: ReplayResult) -> None:
    """Exactly one incident, in time, of a kind that fits; none where nobody can tell."""
    assert truth.first_changed_at_s is not None
    if kind is ShutdownKind.BUS_SILENT and len(plan.buses) == 1:
        assert result.incidents == ()  # a pulled plug looks the same
        return
    (incident,) = result.incidents
    delay_s = incident.opened_at_s - truth.first_changed_at_s
    slowest_s = max(message.cycle_s for message in plan.messages if message.name in evidence_messages(plan))
    assert 0.0 < delay_s <= (POLLED_WITHIN_S if slowest_s >= 0.5 else WITHIN_S.get(kind, 1.5))
    # Silence begins with the last frame that came; all else not before anything could be seen.
    earliest_s = truth.at_s - max(0.1, slowest_s) if kind in SILENT else truth.first_changed_at_s
    assert incident.suspected_at_s >= earliest_s - 1e-6  # stamps are rounded to microseconds
    assert incident.kind in PLAUSIBLE[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(ShutdownKind))
def test_every_shutdown_a_reference_car_can_show_is_found(
    reference: Compiled, cruise: Path, tmp_path: Path, kind: ShutdownKind
) -> None:
    if kind not in possible_kinds(reference.plan):
        with pytest.raises(UserError, match=f"^{kind}: "):
            splice(cruise, reference.profile, reference.plan, 5.0, kind, tmp_path / "out.log")
        return
    truth, result = spliced(reference, cruise, tmp_path / "out.log", kind)
    check_found(reference.plan, kind, truth, result)
    check_protection(read(reference.plan, cruise), read(reference.plan, tmp_path / "out.log"))


def test_what_each_reference_car_can_show() -> None:
    every = set(ShutdownKind)
    assert {name: every - set(possible_kinds(compiled(name).plan)) for name in REFERENCE} == {
        "reference-combustion": {ShutdownKind.CONTACTORS_OPEN},
        "reference-hybrid": set(),
        "reference-electric": {ShutdownKind.ENGINE_STOP},
    }


@dataclass(frozen=True, slots=True)
class Recording:
    """Frames as they stand, every believable reading with its time, and what was not believed."""

    frames: list[LogFrame]
    readings: dict[Vss, list[tuple[float, Value]]]
    faults: Counter[tuple[str, Fault]]


def read(plan: CarPlan, path: Path) -> Recording:
    decoder = Decoder(plan)
    recording = Recording(list(open_log(path)), {}, decoder.faults)
    start_s = recording.frames[0].at_s
    buses = {can_id: bus for bus, can_id in decoder.wanted}  # none of these cars has an id on two buses
    for frame in recording.frames:
        if frame.can_id in buses:
            decoded = decoder.decode(Frame(frame.at_s, buses[frame.can_id], frame.can_id, frame.data))
            for vss, value in decoded[1] if decoded else ():
                recording.readings.setdefault(vss, []).append((frame.at_s - start_s, value))
    return recording


def check_protection(recorded: Recording, written: Recording) -> None:
    """No fault that was not in the recording, and stamps in order."""
    new = written.faults - recorded.faults
    assert not new
    assert all(one.at_s <= other.at_s for one, other in pairwise(written.frames))


def test_a_missing_contactor_message_is_added_from_the_start(tmp_path: Path) -> None:
    car = compiled("reference-electric")
    log = tmp_path / "drive.log"
    write_candump(log, drive(car.plan, 12.0, without=frozenset({"BMS_Contactors"})))
    truth, result = spliced(car, log, tmp_path / "out.log", ShutdownKind.CONTACTORS_OPEN)
    check_found(car.plan, ShutdownKind.CONTACTORS_OPEN, truth, result)
    written = read(car.plan, tmp_path / "out.log")
    connected = written.readings[Vss.POWER_CONNECTED]
    assert truth.added == len(connected)
    assert not written.faults
    assert connected[0][0] < 0.02
    assert all(value is (at_s < 5.0) for at_s, value in connected)


def test_power_off_goes_through_accessory_and_the_drive_falls_silent_in_turn(tmp_path: Path) -> None:
    car = compiled("reference-combustion")
    log = tmp_path / "drive.log"
    write_candump(log, drive(car.plan, 12.0))
    spliced(car, log, tmp_path / "out.log", ShutdownKind.POWER_OFF)
    readings = read(car.plan, tmp_path / "out.log").readings
    states = [value for at_s, value in readings[Vss.POWER_STATE] if at_s >= 5.0]
    assert list(dict.fromkeys(states)) == ["ACC", "OFF"]
    ends_s = [readings[vss][-1][0] for vss in (Vss.ENGINE_SPEED, Vss.DRIVE_READY)]
    assert all(6.1 <= end_s <= 7.5 for end_s in ends_s)
    assert abs(ends_s[0] - ends_s[1]) > 0.001
    assert readings[Vss.SPEED][-1][0] > 11.9
    volts = [float(value) for _, value in readings[Vss.SUPPLY_VOLTAGE]]
    assert all(0.0 <= before - after <= 0.2 for before, after in pairwise(volts))
    assert volts[-1] == pytest.approx(10.7, abs=0.2)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    car = compiled("reference-combustion")
    log = tmp_path / "drive.log"
    write_candump(log, drive(car.plan, 8.0))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        splice(log, car.profile, car.plan, 3.0, ShutdownKind.POWER_OFF, tmp_path / name, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_what_is_refused(tmp_path: Path) -> None:
    car = compiled("reference-combustion")
    log, standing, out = tmp_path / "drive.log", tmp_path / "standing.log", tmp_path / "out.log"
    write_candump(log, drive(car.plan, 3.0))
    write_candump(standing, drive(car.plan, 3.0, {Vss.SPEED: 0.0}))

    def refused(source: Path, at_s: float, kind: ShutdownKind, goal: Path, words: str) -> None:
        with pytest.raises(UserError, match=words):
            splice(source, car.profile, car.plan, at_s, kind, goal)
        assert not out.exists()

    refused(log, 3.1, ShutdownKind.ENGINE_STOP, out, "outside the recording, which lasts 2.999 s")
    refused(log, -0.1, ShutdownKind.ENGINE_STOP, out, "outside the recording")
    refused(log, float("nan"), ShutdownKind.ENGINE_STOP, out, "outside the recording")
    refused(standing, 1.0, ShutdownKind.ENGINE_STOP, out, "does not drive forward")
    refused(log, 1.0, ShutdownKind.ENGINE_STOP, log, "is the recording itself")
    refused(log, 1.0, ShutdownKind.CONTACTORS_OPEN, out, r"^contactors-open: profile maps no Vehicle\.")
    stopped = tmp_path / "stopped.log"
    write_candump(stopped, drive(car.plan, 3.0, {Vss.SPEED: 50.0}))
    refused(stopped, 1.0, ShutdownKind.ENGINE_STOP, out, "the engine does not run")
    silent = tmp_path / "silent.log"
    write_candump(silent, drive(car.plan, 3.0, without=frozenset(drive_messages(car.plan))))
    refused(silent, 1.0, ShutdownKind.DRIVE_SILENT, out, "holds none of")


# Real cars ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=DRIVEN_CARS, ids=lambda car: car.dbc or car.profile)
def recorded_car(request: pytest.FixtureRequest) -> RecordedCar:
    car = request.param
    assert isinstance(car, RecordedCar)
    return car


@pytest.fixture(scope="module")
def real(recorded_car: RecordedCar, drives: Path) -> Compiled:
    return compiled(recorded_car.profile, recorded_car.dbc_files(drives))


@pytest.fixture(scope="module")
def recorded(recorded_car: RecordedCar, real: Compiled, drives: Path) -> Recording:
    return read(real.plan, drives / recorded_car.log)


@pytest.fixture(scope="module")
def instants(
    recorded_car: RecordedCar, real: Compiled, recorded: Recording, drives: Path
) -> tuple[float, float, float]:
    """Above 25 km/h: as early as can be, at the highest speed, and late with time to be seen.

    A tenth of a second of the healthy drive comes first: a car that was never seen to drive cannot
    be seen to stop.
    """
    result = replay(drives / recorded_car.log, real.plan, ReplayOptions(log_channels(real.profile)))
    fast = [
        (float(kph), at_s)
        for at_s, kph in recorded.readings[Vss.SPEED]
        if float(kph) > 25.0 and SEEN_FIRST_S < at_s < result.duration_s - 6.0
    ]
    return fast[0][1], max(fast)[1], fast[-1][1]


def check_untouched(plan: CarPlan, recorded: Recording, written: Recording, at_s: float) -> None:
    """Everything before the shutdown and every frame nobody maps is as it was, in the same order."""
    mapped, start_s = {message.can_id for message in plan.messages}, recorded.frames[0].at_s
    known = {frame.can_id for frame in recorded.frames}

    def untouched(recording: Recording) -> list[LogFrame]:
        return [
            frame
            for frame in recording.frames
            if frame.can_id not in mapped or (frame.can_id in known and frame.at_s - start_s < at_s)
        ]

    assert untouched(written) == untouched(recorded)


@pytest.mark.slow
@pytest.mark.parametrize("which", [0, 1, 2], ids=["earliest", "fastest", "latest"])
@pytest.mark.parametrize("kind", list(ShutdownKind))
def test_every_shutdown_a_real_car_can_show_is_found(
    recorded_car: RecordedCar,
    real: Compiled,
    recorded: Recording,
    instants: tuple[float, float, float],
    drives: Path,
    tmp_path: Path,
    kind: ShutdownKind,
    which: int,
) -> None:
    log, out = drives / recorded_car.log, tmp_path / "out.log"
    if kind not in possible_kinds(real.plan):
        with pytest.raises(UserError, match=f"^{kind}: "):
            splice(log, real.profile, real.plan, instants[which], kind, out)
        return
    truth, result = spliced(real, log, out, kind, instants[which])
    check_found(real.plan, kind, truth, result)
    written = read(real.plan, out)
    check_protection(recorded, written)
    if kind is not ShutdownKind.BUS_SILENT:
        check_untouched(real.plan, recorded, written, truth.at_s)
        coasting = [float(kph) for at_s, kph in written.readings[Vss.SPEED] if at_s >= truth.at_s]
        assert coasting == sorted(coasting, reverse=True)


@pytest.mark.slow
def test_a_pedal_under_a_checksum_nobody_can_write_is_left_alone(drives: Path, tmp_path: Path) -> None:
    car, out = RECORDED_CARS[3], tmp_path / "out.log"
    made = compiled(car.profile, car.dbc_files(drives))
    assert made.guarded == {"EngVehicleSpThrottle"}
    splice(drives / car.log, made.profile, made.plan, 38.5, ShutdownKind.ENGINE_STOP, out, 0, made.guarded)
    before, after = read(made.plan, drives / car.log).readings, read(made.plan, out).readings
    assert after[Vss.PEDAL_POSITION] == before[Vss.PEDAL_POSITION]
    assert after[Vss.ENGINE_SPEED][-1][1] == 0.0
