"""Each look-alike really happens, and the core has nothing to report in it."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from hardshoulder.core.frame import Frame
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.physics.driver import Selector
from hardshoulder_sim.physics.engine import EnginePhase
from hardshoulder_sim.physics.journey import Journey
from hardshoulder_sim.physics.vehicle_spec import DriveReady, PowerMode
from hardshoulder_sim.proving.case import Case, parse_case
from hardshoulder_sim.proving.drives import BY_NAME, LOOK_ALIKES
from hardshoulder_sim.proving.recorded import Mishap, logged, mishaps, recorded_alikes
from hardshoulder_sim.proving.variants import Variant
from hardshoulder_sim.proving.verdict import Verdict, judge, make_case
from hardshoulder_sim.recordings.logs import LogFrame
from hardshoulder_sim.reference import database, reference_messages

TRIES = 3
MOVING_MPS = 3.0


@cache
def watched(name: str, index: int) -> tuple[Case, list[Journey], list[Frame]]:
    """(the case, the car every 20 ms, its frames), from just before the look-alike to its end."""
    case = make_case(parse_case(f"1.alike.{index}.{name}"))
    (occurrence,) = case.alikes
    car = SimulatedCar(case.run.scenario, case.run.seed, case.run)
    at_s = occurrence.begin_s - 0.1
    car.step_until(at_s)
    journeys, frames = [], []
    while at_s < occurrence.end_s:
        at_s += 0.02
        frames += car.step_until(at_s)
        journeys.append(car.journey)
    return case, journeys, frames


def engines(journeys: Sequence[Journey], *, moving: bool) -> set[EnginePhase]:
    """What the engine was in, while the car moved or stood."""
    return {
        journey.vehicle.engine.phase
        for journey in journeys
        if journey.vehicle.engine is not None and (journey.vehicle.speed_mps > 1.0) is moving
    }


def said(frames: Sequence[Frame], message: str, signal: str) -> list[object]:
    plan = reference_messages()[message]
    words: list[object] = []
    for frame in frames:
        if frame.can_id == plan.can_id and len(frame.data) == plan.definition.length:
            decoded = database().decode_message(frame.can_id, frame.data, decode_choices=True)
            assert isinstance(decoded, dict)
            words.append(decoded[signal])
    return [word if isinstance(word, int | float) else str(word) for word in words]


def silence_s(frames: Sequence[Frame], names: Sequence[str]) -> float:
    """The longest time without any of these messages."""
    ids = {reference_messages()[name].can_id for name in names}
    times = [frame.at_s for frame in frames if frame.can_id in ids]
    return max((after - before for before, after in pairwise(times)), default=0.0)


def speeds(journeys: Sequence[Journey]) -> list[float]:
    return [journey.vehicle.speed_mps * 3.6 for journey in journeys]


def in_each(name: str, holds: Callable[[Case, list[Journey], list[Frame]], bool]) -> bool:
    return all(holds(*watched(name, index)) for index in range(TRIES))


HAPPENS: dict[str, Callable[[Case, list[Journey], list[Frame]], bool]] = {
    "start-stop-halt": lambda _, j, f: EnginePhase.AUTO_STOP in engines(j, moving=False) and min(speeds(j)) == 0.0,
    "start-stop-rolling": lambda _, j, f: EnginePhase.AUTO_STOP in engines(j, moving=True) and min(speeds(j)) > 1.0,
    "coast-engine-off": lambda _, j, f: (
        EnginePhase.AUTO_STOP in engines(j, moving=True)
        and min(speeds(j)) > 50.0
        and j[-1].vehicle.engine is not None
        and j[-1].vehicle.engine.phase is EnginePhase.RUNNING
    ),
    "drive-without-engine": lambda _, j, f: min(speeds(j)) > 15.0
    and any(journey.vehicle.engine is None or journey.vehicle.engine.speed_rad_s == 0.0 for journey in j),
    "key-off-orders": lambda _, j, f: {PowerMode.ON, PowerMode.OFF} <= {x.key for x in j} and max(speeds(j)) < 1.0,
    "bus-sleeps": lambda _, j, f: silence_s(f, list(reference_messages())) > 1.2,
    "cranking": lambda _, j, f: "NOT_AVAILABLE" in said(f, "ESC_Speed", "VehicleSpeed")
    and min(float(str(volts)) for volts in said(f, "SUP_Supply", "SupplyVoltage")) == 6.0,
    "cranking-while-rolling": lambda _, j, f: "ACC" in said(f, "BCM_Power", "PowerMode") and min(speeds(j)) > 1.0,
    "corrupt-frame": lambda c, j, f: len(c.run.scenario.interference.garblings) == 1,
    "corrupt-frames": lambda c, j, f: c.run.scenario.interference.garblings[0].what.frames == 2,
    "counter-error": lambda c, j, f: len(c.run.scenario.interference.garblings) == 1,
    "checksum-error": lambda c, j, f: len(c.run.scenario.interference.garblings) == 1,
    "doubled-frames": lambda c, j, f: len(c.run.scenario.interference.garblings) == 1,
    "late-frames": lambda c, j, f: len(c.run.scenario.interference.garblings) == 1,
    "node-reset": lambda c, j, f: len(c.run.scenario.interference.outages) == 1 and min(speeds(j)) > 20.0,
    "drive-reset": lambda _, j, f: 0.4 < silence_s(f, ["PCM_Drive"]) < 2.3 and min(speeds(j)) > 20.0,
    "gateway-asleep": lambda _, j, f: silence_s(f, list(reference_messages())) > 2.5 and min(speeds(j)) > 20.0,
    "sensor-frozen": lambda c, j, f: len(c.run.scenario.interference.distortions) == 1,
    "sensor-stuck": lambda c, j, f: len(c.run.scenario.interference.distortions) == 1,
    "sensor-noisy": lambda c, j, f: len(c.run.scenario.interference.distortions) == 1,
    "wheel-spin": lambda _, j, f: max(
        float(str(kph)) for kph in said(f, "ESC_Speed", "VehicleSpeed") if kph != "NOT_AVAILABLE"
    ) > 22.0,
    "wheel-lock": lambda _, j, f: 0.0 in said(f, "ESC_Speed", "VehicleSpeed") and min(speeds(j)) > 20.0,
    "car-wash": lambda _, j, f: 0.3 < max(speeds(j)) < 6.0 and Selector.NEUTRAL in {x.driver.selector for x in j},
    "ferry": lambda _, j, f: max(x.ground_mps for x in j) > 4.0 and max(speeds(j)) == 0.0,
    "tow-flatbed": lambda _, j, f: max(x.ground_mps for x in j) > 10.0 and max(speeds(j)) == 0.0,
    "tow-wheels-down": lambda _, j, f: max(speeds(j)) > 20.0
    and not any(x.vehicle.powered for x in j if x.vehicle.speed_mps > MOVING_MPS),
    "dynamometer": lambda _, j, f: max(speeds(j)) > 30.0 and max(x.ground_mps for x in j) == 0.0,
    "neutral-downhill": lambda _, j, f: any(
        x.driver.selector is Selector.NEUTRAL and x.vehicle.speed_mps > 8.0 for x in j
    ),
    "learner-stall": lambda _, j, f: any(x.vehicle.drive is DriveReady.FAULT for x in j)
    and j[-1].vehicle.drive is DriveReady.READY,
    "same-id-on-two-buses": lambda c, j, f: c.variant is Variant.TWO_BUS
    and len({frame.bus for frame in f if frame.can_id == 0x110}) == 2,
}  # fmt: skip


def test_every_look_alike_has_its_sign() -> None:
    assert list(HAPPENS) == list(BY_NAME) == [alike.name for alike in LOOK_ALIKES]


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_the_look_alike_happens(name: str) -> None:
    assert in_each(name, HAPPENS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_the_core_reports_nothing(name: str) -> None:
    for index in range(TRIES):
        verdict = judge(f"2.alike.{index}.{name}")
        assert verdict.alikes == (name,)
        assert verdict.false == ()


@pytest.mark.slow
def test_the_sensors_that_lie_are_many() -> None:
    lies = {
        make_case(parse_case(f"1.alike.{index}.{name}")).run.scenario.interference.distortions[0].what.signal
        for name in ("sensor-frozen", "sensor-stuck", "sensor-noisy")
        for index in range(20)
    }
    assert len(lies) >= 6


# What a logger does --------------------------------------------------------------------------


@cache
def recording(index: int) -> tuple[Case, list[tuple[float, LogFrame]]]:
    case = make_case(parse_case(f"4.recording.{index}"))
    return case, list(logged(case, mishaps(case)))


def test_every_mishap_of_a_logger_is_drawn() -> None:
    names = {mishap.name for index in range(30) for mishap in mishaps(make_case(parse_case(f"4.recording.{index}")))}
    assert names == {
        "hole", "clock-forward", "clock-backward", "clock-from-1970", "log-out-of-order", "log-doubled",
    }  # fmt: skip


BY_LOGGERS = (
    "begins-in-motion", "ends-in-motion", "hole", "clock-forward", "clock-backward", "clock-from-1970",
    "log-out-of-order", "log-doubled",
)  # fmt: skip


@cache
def judged_recording(index: int) -> Verdict:
    return judge(f"6.recording.{index}")


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_LOGGERS)
def test_the_core_reports_nothing_in_a_recording_with(name: str) -> None:
    verdict = next(verdict for verdict in map(judged_recording, range(30)) if name in verdict.alikes)
    assert verdict.false == ()


@pytest.mark.slow
def test_what_the_logger_did_stands_in_the_log() -> None:
    for index in range(4):
        case, lines = recording(index)
        for mishap in mishaps(case):
            before = [line for line in lines if mishap.at_s - 0.5 < line[0] < mishap.at_s]
            after = [line for line in lines if mishap.at_s <= line[0] < mishap.at_s + max(mishap.hole_s, 0.1) + 0.5]
            if not before or not after:
                continue
            shifts = [frame.at_s - true_s for true_s, frame in (before[-1], after[-1])]
            assert shifts[1] - shifts[0] == pytest.approx(mishap.shift_s, abs=1e-3)
            if mishap.hole_s:
                assert after[0][0] >= mishap.at_s + mishap.hole_s


@pytest.mark.slow
def test_no_clock_is_set_to_before_1970() -> None:
    """A clock that has not learnt the time yet, and is set back all the same."""
    case = make_case(parse_case("4.recording.0"))
    events = [Mishap("clock-backward", 5.0, shift_s=-60.0), Mishap("clock-from-1970", 8.0, shift_s=1e9)]
    stamps = [line.at_s for _, line in logged(case, events)]
    assert min(stamps) >= 0.0 and max(stamps) > 1e9
    assert any(after < before for before, after in pairwise(stamps)), "set back"


def test_recordings_begin_and_mostly_end_in_motion_and_may_begin_in_1970() -> None:
    cases = [make_case(parse_case(f"4.recording.{index}")) for index in range(20)]
    names = [alike.name for case in cases for alike in recorded_alikes(case)]
    assert names.count("begins-in-motion") == 20
    assert names.count("ends-in-motion") >= 8
    early = next(index for index in range(8) if any(m.name == "clock-from-1970" for m in mishaps(cases[index])))
    case, lines = recording(early)
    assert lines[0][1].at_s < 1000.0 < 1e9 < lines[-1][1].at_s
    assert case.run.scenario.begin.value == "rolling"


def test_the_document_says_of_each_why_nothing_opens() -> None:
    document = (Path(__file__).parents[3] / "docs" / "DETECTION.md").read_text(encoding="utf-8")
    table = document.partition("| why nothing opens |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[3])]
    assert sorted(named) == sorted([*BY_NAME, *BY_LOGGERS])
