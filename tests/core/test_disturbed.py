"""What the bus does to frames must not change what is concluded: corrupt, doubled, lost, late, silent, reset."""

import random
from collections.abc import Callable, Iterator

import pytest

from hardshoulder.core.actions import Finding, Health, ReportStatus, State
from hardshoulder.core.decode import Fault
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.driven import Driven, driving, numbered
from support.plain import on_second_bus, plain_car, unprotected, with_cycles

COMBUSTION, HYBRID, ELECTRIC = (plain_car(propulsion) for propulsion in Propulsion)
CARS = {"combustion": COMBUSTION, "hybrid": HYBRID, "electric": ELECTRIC}
QUICK = {"Speed": 0.02, "Engine": 0.02, "Drive": 0.02}
DEAD: dict[str, Value] = {"drive_torque": 0.0, "drive_ready": False}
BREAKDOWNS: dict[str, tuple[str, dict[str, Value], Finding]] = {
    "engine": ("combustion", {"engine_speed": 0.0, "engine_running": False}, Finding.ENGINE_STOPPED),
    "power": ("combustion", {"power_state": "OFF"}, Finding.POWER_LOST),
    "contactors": ("electric", {"power_connected": False}, Finding.CONTACTORS_OPEN),
    "drive": ("hybrid", {}, Finding.DRIVE_NOT_READY),
}


def corrupt(frame: Frame) -> Frame:
    return frame._replace(data=bytes([frame.data[0] ^ 0x55]) + frame.data[1:])


# Lies ----------------------------------------------------------------------------------------


def lie(plan: CarPlan, times: int, every: int, **says: Value) -> Driven:
    """A healthy car of which so many frames, one in so many, say something else, with a right checksum."""
    driven = driving(plan, seconds=2)
    carrier = driven.talker.carrier(Vss[next(iter(says)).upper()])
    healthy = {name: driven.talker.values[Vss[name.upper()]] for name in says}
    seen = [0, 0]

    def on_frame(frame: Frame) -> Frame:
        if frame.can_id != carrier.can_id:
            return frame
        seen[0] += 1
        if seen[0] % every or seen[1] >= times:
            return frame
        seen[1] += 1
        driven.say(**says)
        driven.talker._counts[carrier.name] -= 1
        lied = driven.talker.frame(carrier, frame.at_s)
        driven.say(**healthy)
        return lied

    driven.on_frame = on_frame
    driven.run(max(5.0, 0.1 * times * every + 1))
    assert seen[1] == times
    return driven


LIES: list[dict[str, Value]] = [
    {"power_state": "OFF"}, {"engine_speed": 0.0, "engine_running": False}, {"airbag_deployed": True}, {"speed": 511.9},
    {"speed": 0.0}, {"supply_voltage": 3.0}, {"drive_ready": False}, {"overheated": True}, {"selected_gear": "PARK"},
]  # fmt: skip


@pytest.mark.parametrize("says", LIES, ids=str)
def test_single_lies_again_and_again_are_nothing(says: dict[str, Value]) -> None:
    driven = lie(COMBUSTION, 10, 5, **says)
    assert not driven.incidents and driven.is_in(State.DRIVING)


@pytest.mark.parametrize("says", LIES, ids=str)
def test_two_lies_in_a_row_on_an_unprotected_bus_are_nothing(says: dict[str, Value]) -> None:
    driven = lie(unprotected(COMBUSTION), 2, 1, **says)
    assert not driven.incidents and driven.is_in(State.DRIVING)


@pytest.mark.parametrize("plan", [COMBUSTION, unprotected(COMBUSTION)])
def test_a_crash_that_is_said_three_times_is_no_lie(plan: CarPlan) -> None:
    assert lie(plan, 3, 1, airbag_deployed=True).incident.kind is Finding.CRASH


# Present, but not believed ---------------------------------------------------------------------


@pytest.mark.parametrize("name", CARS)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_checksum_errors_for_minutes_are_no_silence(name: str, share: float) -> None:
    chance = random.Random(7)
    driven = driving(on_second_bus(CARS[name], "Power", "Lamps"))
    driven.on_frame = lambda frame: corrupt(frame) if chance.random() < share else frame
    driven.run(120)
    assert not driven.incidents
    assert driven.responder.decoder.faults["Speed", Fault.CHECKSUM] > 100
    driven.on_frame = lambda frame: frame
    driven.run(3)
    assert driven.of(ReportStatus)[-1].health is Health.WATCHING


@pytest.mark.parametrize("message", ["Engine", "Drive", "Speed", "Power"])
def test_a_counter_that_hangs_for_minutes_is_no_silence(message: str) -> None:
    driven = driving(COMBUSTION)
    hung: list[Frame] = []

    def hang(frame: Frame) -> Frame:
        if frame.can_id != driven.talker.message(message).can_id:
            return frame
        hung.append(frame)
        return hung[0]._replace(at_s=frame.at_s)

    driven.on_frame = hang
    driven.run(120)
    assert not driven.incidents
    assert driven.of(ReportStatus)[-1].health in (Health.BLIND, Health.DEGRADED), "and nothing of it is believed"


@pytest.mark.parametrize("names", [("Engine", "Drive"), ("Speed",)])
def test_the_drive_alone_unbelievable_for_minutes(names: tuple[str, ...]) -> None:
    driven = driving(COMBUSTION)
    ids = {driven.talker.message(name).can_id for name in names}
    driven.on_frame = lambda frame: corrupt(frame) if frame.can_id in ids else frame
    assert not driven.run(120).incidents
    assert driven.of(ReportStatus)[-1].health is Health.BLIND


# Silence that means nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("name", CARS)
def test_any_one_control_unit_that_resets_for_two_seconds_is_nothing(name: str) -> None:
    driven = driving(CARS[name])
    for message in CARS[name].messages:
        driven.muted = {message.name}
        driven.run(2.0)
        driven.muted.clear()
        driven.run(1.5)
        assert not driven.incidents, message.name
    driven.muted = {"Engine", "Drive", "Contactors"}
    driven.run(2.5)
    driven.muted.clear()
    assert not driven.run(3).incidents and driven.is_in(State.DRIVING)


def test_a_control_unit_that_wakes_with_zeros_is_given_time() -> None:
    driven = driving(COMBUSTION)
    driven.muted = {"Engine", "Drive"}
    driven.run(1)
    driven.muted.clear()
    driven.say(engine_speed=0.0, engine_running=False, **DEAD)
    driven.run(0.25)
    driven.say(engine_speed=2000.0, engine_running=True, drive_ready=True, drive_torque=300.0)
    assert not driven.run(3).incidents


@pytest.mark.parametrize("name", CARS)
def test_a_gateway_that_sleeps_is_nothing_while_the_drive_is_heard(name: str) -> None:
    """All but the drive's own messages stop."""
    driven = driving(on_second_bus(CARS[name], "Power", "Lamps", "Crash", "Gear", "Warnings"))
    driven.muted = {message.name for message in driven.plan.messages if message.bus == "body"}
    assert not driven.run(30).incidents


def test_a_whole_car_that_falls_silent_is_a_pulled_plug() -> None:
    for plan in (COMBUSTION, on_second_bus(COMBUSTION, "Power", "Speed"), with_cycles(COMBUSTION, {"Speed": 1.0})):
        driven = driving(plan)
        driven.muted = {message.name for message in plan.messages}
        driven.run(60)
        assert not driven.incidents and driven.of(ReportStatus)[-1].health is Health.BLIND


def test_a_bus_that_wakes_in_bursts_after_key_off_is_nothing() -> None:
    driven = driving(COMBUSTION)
    driven.say(speed=0.0)
    driven.run(2)
    driven.say(engine_speed=0.0, engine_running=False, power_state="OFF", **DEAD)
    driven.run(1)
    for asleep_s in (1.4, 4.1, 13.8, 60.0):
        driven.muted = {message.name for message in COMBUSTION.messages}
        driven.run(asleep_s)
        driven.muted.clear()
        driven.run(0.6)
    assert not driven.incidents and driven.is_in(State.PARKED)


# Frames late, doubled and lost -------------------------------------------------------------------


def disturbed(frames: list[Frame], seed: int, *, late_s: float, doubled: float, lost: float) -> Iterator[Frame]:
    """The frames as another bus would have carried them."""
    chance, carried = random.Random(seed), []
    for frame in frames:
        if chance.random() < lost:
            continue
        for _ in range(2 if chance.random() < doubled else 1):
            carried.append(frame._replace(at_s=frame.at_s + chance.random() * late_s))
    return iter(sorted(carried, key=lambda frame: frame.at_s))


def story(plan: CarPlan, *acts: tuple[float, dict[str, Value]]) -> list[Frame]:
    """Every frame of a car that says all this, one after the other, for so long."""
    frames: list[Frame] = []

    def record(frame: Frame) -> Frame:
        frames.append(frame)
        return frame

    driven = Driven(plan, on_frame=record)
    driven.say(speed=100.0)
    for seconds, says in acts:
        driven.say(**says)
        driven.run(seconds)
    return frames


def kinds(plan: CarPlan, frames: Iterator[Frame]) -> list[Finding]:
    driven = Driven(plan)
    driven.responder = Responder(plan, numbered())
    for frame in frames:
        driven.now_s = frame.at_s
        driven.take(driven.responder.receive(frame))
    driven.take(driven.responder.tick(driven.now_s + 1.0))
    return [incident.kind for incident in driven.incidents]


DISTURBANCES: dict[str, dict[str, float]] = {
    "late": {"late_s": 0.02, "doubled": 0.0, "lost": 0.0},
    "doubled": {"late_s": 0.0, "doubled": 1.0, "lost": 0.0},
    "lost": {"late_s": 0.0, "doubled": 0.0, "lost": 0.2},
    "all": {"late_s": 0.02, "doubled": 0.3, "lost": 0.2},
}


@pytest.mark.parametrize("how", DISTURBANCES)
@pytest.mark.parametrize("protect", [lambda plan: plan, unprotected], ids=["protected", "unprotected"])
@pytest.mark.parametrize("name", BREAKDOWNS)
def test_a_breakdown_is_the_same_however_its_frames_came(
    name: str, protect: Callable[[CarPlan], CarPlan], how: str
) -> None:
    car, says, finding = BREAKDOWNS[name]
    plan = protect(with_cycles(CARS[car], QUICK))
    frames = story(plan, (3.0, {}), (3.0, {**DEAD, **says}))
    for seed in range(2):
        assert kinds(plan, disturbed(frames, seed, **DISTURBANCES[how])) == [finding], seed


@pytest.mark.parametrize("how", DISTURBANCES)
@pytest.mark.parametrize("name", CARS)
def test_a_healthy_drive_is_healthy_however_its_frames_came(name: str, how: str) -> None:
    plan = with_cycles(CARS[name], QUICK)
    quiet: dict[str, Value] = {"pedal_position": 60.0}
    frames = story(plan, (4.0, {}), (3.0, quiet), (2.0, {"brake_pressed": True}), (1.0, {"speed": 80.0}))
    for seed in range(2):
        assert kinds(plan, disturbed(frames, seed, **DISTURBANCES[how])) == []


def test_a_frame_from_before_counts_as_now() -> None:
    driven = driving(COMBUSTION)
    driven.say(airbag_deployed=True)
    for early_s in (1.0, 4.0, 1e9):
        driven.now_s += 0.1
        frame = driven.talker.frame(driven.talker.carrier(Vss.AIRBAG_DEPLOYED), driven.now_s)
        driven.take(driven.responder.receive(frame))
        late = driven.talker.frame(driven.talker.carrier(Vss.SPEED), driven.now_s - early_s)
        driven.take(driven.responder.receive(late))
    assert driven.responder.senses.signals[Vss.SPEED].at_s == driven.now_s
    assert driven.incident.kind is Finding.CRASH
