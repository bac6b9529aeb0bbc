"""Replaying recordings: the same answer however it is stepped, holes, clocks, channels, and no false alarm."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace as changed
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Finding, Notify, Report
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.signals import Freshness
from hardshoulder.core.vocabulary import Vss
from hardshoulder.errors import UserError
from hardshoulder_sim.recordings.channels import hole_s, log_channels
from hardshoulder_sim.recordings.logs import LogFrame, write_candump
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay
from hardshoulder_sim.recordings.replay_report import as_lines, as_record
from support.recorded import CRUISING, RECORDED_CARS, START_S, RecordedCar, compiled, drive, payload

COMBUSTION = compiled("reference-combustion").plan
DEAD = {**CRUISING, Vss.DRIVE_READY: False, Vss.DRIVE_TORQUE: 0.0}
HOLD_S = COMBUSTION.thresholds.engine_stopped_hold_s
STALLED = {**DEAD, Vss.ENGINE_RUNNING: False, Vss.ENGINE_SPEED: 0.0}


def log_of(folder: Path, frames: Iterable[LogFrame], name: str = "drive.log") -> Path:
    path = folder / name
    write_candump(path, frames)
    return path


def later(frames: Iterable[LogFrame], by_s: float) -> list[LogFrame]:
    return [frame._replace(at_s=frame.at_s + by_s) for frame in frames]


def stall(plan: CarPlan = COMBUSTION) -> list[LogFrame]:
    """Five seconds of driving, then five with the engine stopped and the car still moving."""
    return [*drive(plan, 5.0), *drive(plan, 5.0, STALLED, begin_s=5.0)]


# Stepping -----------------------------------------------------------------------------------


def stepped(plan: CarPlan, frames: Sequence[LogFrame], like: ReplayResult, tick_s: float) -> ReplayResult:
    """The same recording, every frame handed to the core and the time told in small steps."""
    numbers = count(1)
    responder = Responder(plan, lambda: f"incident-{next(numbers)}")
    incidents, notices = {}, []
    base_s, now_s = frames[0].at_s, 0.0

    def take(actions: Iterable[object]) -> None:
        for action in actions:
            if isinstance(action, Report):
                incidents[action.incident.incident_id] = action.incident
            elif isinstance(action, Notify):
                notices.append(action)

    take(responder.tick(0.0))
    for frame in frames:
        at_s = frame.at_s - base_s
        if at_s > now_s + hole_s(plan):
            now_s = at_s
            take(responder.hole(at_s))
        while now_s + tick_s < at_s:
            now_s += tick_s
            take(responder.tick(now_s))
        now_s = max(now_s, at_s)
        take(responder.receive(Frame(at_s, plan.buses[0], frame.can_id, frame.data)))
    return changed(
        like,
        incidents=tuple(incidents.values()),
        notices=tuple(notices),
        signals={
            vss: (sense.samples, responder.senses.freshness(vss, now_s))
            for vss, sense in responder.senses.signals.items()
        },
    )


LIFE = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 0.49, 0.6, 2.0]),
        st.sampled_from([message.name for message in COMBUSTION.messages]),
        st.sampled_from([CRUISING, STALLED, {}, {**CRUISING, Vss.POWER_STATE: "OFF"}, {Vss.SPEED: 9.0}]),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=30,
)


@pytest.mark.slow
@given(life=LIFE, tick_s=st.sampled_from([0.001, 0.037, 1.0]))
def test_replay_equals_stepping_frame_by_frame(
    tmp_path_factory: pytest.TempPathFactory, life: list[tuple[float, str, dict[Vss, Any], int]], tick_s: float
) -> None:
    messages = {message.name: message for message in COMBUSTION.messages}
    frames = list(drive(COMBUSTION, 3.0))
    now_s = frames[-1].at_s
    for wait_s, name, values, times in life:
        for number in range(times):
            now_s += wait_s if number == 0 else 0.01
            data = payload(messages[name], number, values)
            frames.append(LogFrame(now_s, "can0", messages[name].can_id, data))
            frames.append(LogFrame(now_s + 0.0005, "can0", 0x7F0, b""))
    frames = [frame._replace(at_s=round(frame.at_s, 6)) for frame in frames]
    result = replay(log_of(tmp_path_factory.mktemp("log"), frames), COMBUSTION)
    expected = stepped(COMBUSTION, frames, result, tick_s)
    assert json.dumps(as_record(result)) == json.dumps(as_record(expected))


def test_a_stall_is_found_and_told_with_its_times(tmp_path: Path) -> None:
    record = as_record(replay(log_of(tmp_path, stall()), COMBUSTION))
    assert list(record)[:6] == ["format", "version", "log", "profile", "ruleset", "frames"]
    (incident,) = record["incidents"]
    assert incident["kind"] == Finding.ENGINE_STOPPED.value
    assert 5.0 <= incident["suspected_at_s"] < 5.1
    assert incident["opened_at_s"] == pytest.approx(incident["suspected_at_s"] + HOLD_S, abs=0.11)
    assert incident["hazards_requested_at_s"] == incident["opened_at_s"]
    assert incident["stopped_at_s"] is None
    assert incident["closed_at_s"] is None
    assert incident["speed_kph_at_open"] == pytest.approx(80.0, abs=0.1)
    assert {"finding", "signal", "value", "at_s"} == set(incident["evidence"][0])
    assert record["signals"][Vss.SPEED]["state"] == "fresh"
    assert record["hazard_frames"] > 0
    assert json.loads(json.dumps(record)) == record


def test_the_timeline_tells_it_in_order(tmp_path: Path) -> None:
    lines = list(as_lines(replay(log_of(tmp_path, stall()), COMBUSTION)))
    text = "\n".join(lines)
    places = [text.index(word) for word in ("driving", "engine-stopped", "opened", "hazards requested", "1 incident")]
    assert places == sorted(places)
    assert lines[-1].endswith("1 incident, 0 holes, 0 invalid frames, 0 error frames, 0 remote frames")


def test_the_end_of_a_recording_is_no_breakdown(tmp_path: Path) -> None:
    """Shortly before the hold has passed the recording ends; nothing is concluded after it."""
    frames = [*drive(COMBUSTION, 5.0), *drive(COMBUSTION, HOLD_S - 0.05, STALLED, begin_s=5.0)]
    result = replay(log_of(tmp_path, frames), COMBUSTION)
    assert result.incidents == ()
    assert result.duration_s == pytest.approx(5.0 + HOLD_S - 0.051)


# Holes and clocks ---------------------------------------------------------------------------


def test_a_hole_in_a_drive_is_counted_and_no_silence(tmp_path: Path) -> None:
    frames = [*drive(COMBUSTION, 5.0), *later(drive(COMBUSTION, 5.0), 11.7)]
    result = replay(log_of(tmp_path, frames), COMBUSTION)
    assert result.incidents == ()
    (hole,) = result.holes
    assert hole == pytest.approx((4.999, 11.7))
    assert result.signals[Vss.SPEED][1] is Freshness.FRESH


def test_a_trusted_gap_lets_time_pass_and_a_hole_does_not(tmp_path: Path) -> None:
    """The power goes a moment before the gap, too late for its hold to end before it."""
    off = {**DEAD, Vss.POWER_STATE: "OFF"}
    frames = [*drive(COMBUSTION, 5.0), *later(drive(COMBUSTION, 0.35, off), 5.0), LogFrame(START_S + 9, "can0", 1, b"")]
    path = log_of(tmp_path, frames)
    distrusted = replay(path, COMBUSTION)
    trusted = replay(path, COMBUSTION, ReplayOptions(trust_gaps=True))
    assert (len(distrusted.holes), distrusted.incidents) == (1, ())
    assert trusted.holes == ()
    (incident,) = trusted.incidents
    assert incident.kind is Finding.POWER_LOST
    assert 5.6 < incident.opened_at_s < 5.75


@pytest.mark.parametrize("step_s", [56 * 365 * 86400.0, -1.5, -1e9])
def test_a_clock_that_is_set_is_a_hole_and_the_timeline_goes_on(tmp_path: Path, step_s: float) -> None:
    frames = [*drive(COMBUSTION, 5.0), *later(drive(COMBUSTION, 5.0), 5.0 + step_s)]
    result = replay(log_of(tmp_path, frames), COMBUSTION)
    assert result.duration_s == pytest.approx(9.998)
    assert len(result.holes) == 1
    assert "clock" in result.notes[0]
    assert result.incidents == ()


def test_small_disorder_is_tolerated_and_told(tmp_path: Path) -> None:
    frames = list(drive(COMBUSTION, 5.0))
    for place in range(0, len(frames) - 10, 10):
        frames[place], frames[place + 9] = frames[place + 9], frames[place]
    result = replay(log_of(tmp_path, frames), COMBUSTION)
    assert any("out of order" in note for note in result.notes)
    assert result.holes == ()


def test_error_and_remote_frames_are_counted_and_not_believed(tmp_path: Path) -> None:
    speed_id = next(message.can_id for message in COMBUSTION.messages if message.name == "ESC_Speed")
    others = [
        LogFrame(START_S, "can0", 0x80, bytes(8), "error"),
        LogFrame(START_S, "can0", speed_id, bytes(8), "remote"),
        LogFrame(START_S, "can0", speed_id, bytes(8)),
    ]
    result = replay(log_of(tmp_path, others), COMBUSTION)
    assert (result.frames, result.error_frames, result.remote_frames, result.invalid_frames) == (3, 1, 1, 1)
    assert result.signals[Vss.SPEED] == (0, Freshness.NEVER)


# Channels -----------------------------------------------------------------------------------


def on_channel(frames: Iterable[LogFrame], channel: str) -> list[LogFrame]:
    return [frame._replace(channel=channel) for frame in frames]


def mixed(*parts: Iterable[LogFrame]) -> list[LogFrame]:
    return sorted((frame for part in parts for frame in part), key=lambda frame: frame.at_s)


LISTED = {"main": ("can0",)}


def test_a_single_channel_is_the_single_bus(tmp_path: Path) -> None:
    path = log_of(tmp_path, on_channel(stall(), "vcan7"))
    assert len(replay(path, COMBUSTION, ReplayOptions(LISTED)).incidents) == 1


def test_a_channel_of_the_profile_wins_over_an_earlier_one(tmp_path: Path) -> None:
    """The same identifiers come on both; read as one bus, the engine would flap."""
    frames = mixed(on_channel(drive(COMBUSTION, 10.0, STALLED), "other"), later(drive(COMBUSTION, 10.0), 0.0005))
    result = replay(log_of(tmp_path, frames), COMBUSTION, ReplayOptions(LISTED))
    assert result.incidents == ()
    assert result.signals[Vss.SPEED][0] == 10.0 / next(m.cycle_s for m in COMBUSTION.messages if m.name == "ESC_Speed")


def test_without_a_known_channel_the_first_with_a_wanted_frame_is_taken(tmp_path: Path) -> None:
    noise = [LogFrame(START_S - 0.1, "aaa", 0x7F0, b""), *on_channel(drive(COMBUSTION, 10.0, STALLED), "ccc")]
    frames = mixed(noise, later(on_channel(stall(), "bbb"), -0.05))
    assert len(replay(log_of(tmp_path, frames), COMBUSTION, ReplayOptions(LISTED)).incidents) == 1


def test_a_channel_that_is_given_wins(tmp_path: Path) -> None:
    path = log_of(tmp_path, mixed(on_channel(stall(), "bbb"), drive(COMBUSTION, 10.0)))
    assert replay(path, COMBUSTION, ReplayOptions(LISTED)).incidents == ()
    assert len(replay(path, COMBUSTION, ReplayOptions(LISTED, {"main": "bbb"})).incidents) == 1


@pytest.mark.parametrize(
    ("given_channels", "words"),
    [({"main": "can9"}, "no such channel; it has can0"), ({"body": "can0"}, "has no bus body; it has main")],
)
def test_channels_that_cannot_be(tmp_path: Path, given_channels: dict[str, str], words: str) -> None:
    path = log_of(tmp_path, drive(COMBUSTION, 0.1))
    with pytest.raises(UserError, match=words):
        replay(path, COMBUSTION, ReplayOptions(LISTED, given_channels))


def two_buses() -> CarPlan:
    """The reference car with its engine on a bus of its own."""
    messages = tuple(
        changed(message, bus="drive") if message.name.startswith("PCM_") else message for message in COMBUSTION.messages
    )
    return changed(COMBUSTION, buses=("main", "drive"), messages=messages)


def test_two_buses_take_two_channels(tmp_path: Path) -> None:
    plan = two_buses()
    drives_ids = {message.can_id for message in plan.messages if message.bus == "drive"}
    frames = [f._replace(channel="can1") if f.can_id in drives_ids else f for f in stall(COMBUSTION)]
    listed = {"main": ("can0",), "drive": ("can1",)}
    assert len(replay(log_of(tmp_path, frames), plan, ReplayOptions(listed)).incidents) == 1
    strange = log_of(tmp_path, on_channel(frames, "x"), "strange.log")
    with pytest.raises(UserError, match="--bus NAME=CHANNEL for main, drive"):
        replay(strange, plan, ReplayOptions(listed))
    with pytest.raises(UserError, match="x is given for two buses"):
        replay(strange, plan, ReplayOptions(listed, {"main": "x", "drive": "x"}))
    half = replay(log_of(tmp_path, frames[:1], "half.log"), plan, ReplayOptions(listed))
    assert any("bus drive is not in the recording" in note for note in half.notes)


def test_a_recording_of_another_car_is_told(tmp_path: Path) -> None:
    result = replay(log_of(tmp_path, [LogFrame(START_S, "can0", 1, b"")]), COMBUSTION, ReplayOptions(LISTED))
    assert any("another car" in note for note in result.notes)


# Real cars ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("car", RECORDED_CARS, ids=lambda car: car.dbc)
def test_no_alarm_on_a_real_drive(drives: Path, car: RecordedCar) -> None:
    made = compiled(car.profile, (drives / car.dbc,))
    result = replay(drives / car.log, made.plan, ReplayOptions(log_channels(made.profile)))
    assert result.incidents == ()
    assert result.holes == ()
    assert any("driving" in line.what for line in result.lines), "it never armed, so it proves nothing"
    assert result.signals[Vss.SPEED][1] is Freshness.FRESH
    assert result.invalid_frames <= 1  # the Mustang's logger lost 16 frames once, and the counter came round


@pytest.mark.slow
def test_full_throttle_is_a_believable_pedal(drives: Path) -> None:
    car = RECORDED_CARS[1]
    made = compiled(car.profile, (drives / car.dbc,))
    result = replay(drives / car.log, made.plan, ReplayOptions(log_channels(made.profile)))
    assert result.faults == {}
