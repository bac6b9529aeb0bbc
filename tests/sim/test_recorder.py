"""What a report keeps of a drive: thinned without losing an extreme or a change, and never without bound."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Finding, HazardState, Notice, State
from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import Vss
from hardshoulder_sim.reports import recorder as module
from hardshoulder_sim.reports import tracks
from hardshoulder_sim.reports.bands import Bands
from hardshoulder_sim.reports.recorder import Recorder
from hardshoulder_sim.reports.thinning import Buckets, Point
from hardshoulder_sim.reports.tracks import Line, track_of
from support.driven import Driven
from support.talker import reference_plan

PLAN = reference_plan("combustion")
STALE_S = 0.5
NUMBERS, TRUTH, WORD = Vss.SPEED, Vss.ENGINE_RUNNING, Vss.POWER_STATE

READINGS = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.floats(-1e6, 1e6, allow_nan=False)), min_size=1, max_size=200
).map(lambda steps: [(sum(wait for wait, _ in steps[: n + 1]), value) for n, (_, value) in enumerate(steps)])


# Thinning -----------------------------------------------------------------------------------


@given(READINGS, st.integers(1, 12))
def test_thinning_keeps_every_extreme_first_and_last_of_its_stretch(readings: list[Point], limit: int) -> None:
    buckets = Buckets(limit)
    for reading in readings:
        buckets.add(*reading)
    points = list(buckets.points())
    assert set(points) <= set(readings), "nothing is made up"
    assert [at_s for at_s, _ in points] == sorted(at_s for at_s, _ in points)
    assert len(points) <= 4 * limit
    assert buckets.count == len(readings)
    stretches: dict[int, list[Point]] = {}
    for reading in readings:
        stretches.setdefault(int(reading[0] / buckets.width_s), []).append(reading)
    for stretch in stretches.values():
        values = [value for _, value in stretch]
        kept = [point for point in points if stretch[0][0] <= point[0] <= stretch[-1][0]]
        assert stretch[0] in kept and stretch[-1] in kept
        assert min(values) == min(value for _, value in kept)
        assert max(values) == max(value for _, value in kept)


def test_few_readings_are_all_kept() -> None:
    buckets = Buckets()
    readings = [(0.2 * n, float(n % 7)) for n in range(500)]
    for reading in readings:
        buckets.add(*reading)
    assert sorted(set(buckets.points())) == readings


# Tracks -------------------------------------------------------------------------------------


def line(vss: Vss, readings: Sequence[tuple[float, bool | float | str]], end_s: float = 100.0) -> Line:
    track = track_of(vss, STALE_S)
    for at_s, value in readings:
        track.take(at_s, value)
    return track.line(end_s)


def test_of_equal_values_the_ends_are_kept() -> None:
    assert line(NUMBERS, [(float(n) / 8, 50.0) for n in range(4)]).said == ((0.0, 50.0), (0.375, 50.0))


def test_a_signal_that_falls_silent_leaves_a_gap() -> None:
    said = line(NUMBERS, [(0.0, 5.0), (0.1, 5.0), (2.0, 5.0), (2.1, 5.0)]).said
    assert said == ((0.0, 5.0), (0.1, 5.0), (0.6, None), (2.0, 5.0), (2.1, 5.0))


def test_every_change_of_a_state_is_kept_and_the_last_goes_on_while_it_is_believed() -> None:
    words = ["OFF", "ACC", "ACC", "ON", "START", "ON"]
    said = line(WORD, [(0.1 * n, word) for n, word in enumerate(words)]).said
    assert [word for _, word in said] == ["OFF", "ACC", "ON", "START", "ON", "ON"]
    assert said[-1][0] == pytest.approx(0.5 + STALE_S)
    assert line(WORD, [(0.1, "ON")], end_s=0.2).said[-1] == (0.2, "ON")


def test_a_state_that_comes_back_from_silence_is_said_again() -> None:
    assert line(TRUTH, [(0.0, True), (3.0, True)]).said == ((0.0, True), (0.5, None), (3.0, True), (3.5, True))


def test_a_hole_is_a_gap_even_where_the_value_would_still_be_believed() -> None:
    for vss, value in ((NUMBERS, 5.0), (TRUTH, True)):
        track = track_of(vss, 60.0)
        track.miss(0.0)
        track.take(1.0, value)
        track.miss(1.0)
        track.take(4.0, value)
        track.take(4.1, value)
        assert track.line(4.1).said == ((1.0, value), (1.001, None), (4.0, value), (4.1, value))


def test_around_what_happens_every_reading_is_kept() -> None:
    track = track_of(NUMBERS, STALE_S)
    readings = [(round(0.001 * n, 3), float(n % 3)) for n in range(20_000)]
    for at_s, value in readings:
        if at_s == 10.0:
            track.note(9.8, 10.3)
        track.take(at_s, value)
    kept = track.line(20.0)
    assert {r for r in readings if 9.8 <= r[0] <= 10.3} <= set(kept.said)
    assert len(kept.said) < 3000
    assert kept.readings == 20_000


def test_there_is_a_limit_to_everything_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "CHANGES_LIMIT", 10)
    monkeypatch.setattr(tracks, "DETAIL_LIMIT", 10)
    flapping = line(TRUTH, [(0.1 * n, n % 2 == 0) for n in range(50)])
    assert flapping.cut_s == pytest.approx(1.0)
    assert flapping.said[-1] == (flapping.cut_s, None)
    assert len(flapping.said) == 11
    silent = line(NUMBERS, [(float(n), 1.0) for n in range(50)])
    assert silent.cut_s == pytest.approx(10.5)
    track = track_of(NUMBERS, STALE_S)
    track.note(0.0, 1000.0)
    for n in range(5000):
        track.take(0.001 * n, float(n))
    assert len(track.line(5.0).said) <= 4 * 100 + 10


def test_a_signal_that_never_came_is_an_empty_line() -> None:
    for vss in (NUMBERS, TRUTH, WORD):
        assert line(vss, []) == Line(vss, (), 0, line(vss, []).width_s, None)


# The recorder -------------------------------------------------------------------------------


class Drive:
    """A car on the road whose responder is listened to."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.driven = Driven(PLAN, on_frame=self._corrupt)
        self.corrupt: str | None = None
        self.recorder.begin(self.driven.responder)
        receive, tick = self.driven.responder.receive, self.driven.responder.tick

        def heard(frame: Frame) -> list[object]:
            actions = receive(frame)
            self.recorder.took(actions)
            self.recorder.heard(frame)
            return list(actions)

        def passed(now_s: float) -> list[object]:
            actions = tick(now_s)
            self.recorder.took(actions)
            self.recorder.passed(now_s)
            return list(actions)

        self.driven.responder.receive = heard  # type: ignore[method-assign, assignment]
        self.driven.responder.tick = passed  # type: ignore[method-assign, assignment]
        self.driven.say(speed=100.0)

    def _corrupt(self, frame: Frame) -> Frame:
        message = next(message for message in PLAN.messages if message.can_id == frame.can_id)
        return frame._replace(data=frame.data[:-1]) if message.name == self.corrupt else frame

    def run(self, seconds: float) -> "Drive":
        self.driven.run(seconds)
        return self


def test_a_breakdown_is_recorded_with_all_that_belongs_to_it() -> None:
    drive = Drive().run(4.0)
    drive.driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)
    drive.run(3.0)
    incident, recording = drive.driven.incident, drive.recorder.recording(drive.driven.now_s)
    bands = {band.evidence.finding: band for band in recording.bands}
    assert set(bands) == {Finding.ENGINE_STOPPED, Finding.DRIVE_NOT_READY}
    stopped = bands[Finding.ENGINE_STOPPED]
    assert stopped.begun_s == stopped.evidence.at_s >= 4.0
    assert stopped.active_s is not None and stopped.active_s - stopped.begun_s == pytest.approx(0.3)
    assert stopped.ended_s is None
    states = [condition.state for condition in recording.conditions]
    assert states[0] is State.PARKED and states[-1] is State.ROLLING and State.SUSPECT in states
    assert recording.hazards[0] == (incident.opened_at_s, HazardState.REQUESTED)
    assert [state for _, state in recording.hazards] == [HazardState.REQUESTED, HazardState.UNCONFIRMED]
    assert [notice for _, notice in recording.notices] == [Notice.HAZARD_BUTTON]
    assert recording.end_s == drive.driven.now_s
    lines = {line.vss: line for line in recording.lines}
    assert set(lines) == {signal.vss for message in PLAN.messages for signal in message.signals}
    assert [value for _, value in lines[Vss.ENGINE_RUNNING].said] == [True, False, False]
    assert (recording.invalid, recording.holes, recording.left_out) == ((), (), ())


def test_a_finding_that_ends_has_an_end_and_may_come_again() -> None:
    drive = Drive().run(4.0)
    for _ in range(2):
        drive.driven.say(drive_ready=False)
        drive.run(0.5)
        drive.driven.say(drive_ready=True)
        drive.run(3.0)
    bands = drive.recorder.recording(drive.driven.now_s).bands
    assert [band.evidence.finding for band in bands] == [Finding.DRIVE_NOT_READY] * 2
    for band in bands:
        assert band.active_s is not None and band.ended_s is not None
        assert band.begun_s < band.active_s < band.ended_s
    assert (bands[0].ended_s or 0.0) < bands[1].begun_s


def test_evidence_that_passes_never_holds() -> None:
    drive = Drive().run(4.0)
    drive.driven.say(drive_ready=False)
    drive.run(0.1)
    drive.driven.say(drive_ready=True)
    drive.run(2.0)
    (band,) = drive.recorder.recording(drive.driven.now_s).bands
    assert band.active_s is None and band.ended_s is not None


def test_frames_that_are_not_believed_are_marked() -> None:
    drive = Drive().run(2.0)
    drive.corrupt = "ESC_Speed"
    drive.run(0.1)
    drive.corrupt = None
    drive.run(1.0)
    recording = drive.recorder.recording(drive.driven.now_s)
    assert {(message, why) for _, message, why in recording.invalid} == {("ESC_Speed", "length")}
    assert all(2.0 < at_s <= 2.1 for at_s, _, _ in recording.invalid)
    assert len(recording.invalid) == sum(drive.driven.responder.decoder.faults.values())


def test_a_hole_is_marked_and_nothing_is_drawn_across() -> None:
    drive = Drive().run(2.0)
    drive.driven.take(drive.driven.responder.hole(5.0))
    drive.recorder.missed(2.0, 5.0)
    drive.driven.skip(3.0)
    drive.run(1.0)
    recording = drive.recorder.recording(drive.driven.now_s)
    assert recording.holes == ((2.0, 5.0),)
    for drawn in recording.lines:
        inside = [at_s for at_s, value in drawn.said if 2.1 < at_s < 5.0 and value is not None]
        assert inside == [], drawn.vss
        assert any(value is None for at_s, value in drawn.said if at_s < 5.0) or drawn.said[0][0] >= 5.0, drawn.vss


def test_what_there_is_too_much_of_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARKS_LIMIT", 3)
    drive = Drive().run(2.0)
    drive.corrupt = "ESC_Speed"
    drive.run(1.0)
    recording = drive.recorder.recording(drive.driven.now_s)
    assert len(recording.invalid) == 3
    number = sum(drive.driven.responder.decoder.faults.values()) - 3
    assert f"{number} invalid frames" in recording.left_out


def test_findings_without_end_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BANDS_LIMIT", 1)
    drive = Drive().run(4.0)
    drive.driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)
    drive.run(1.0)
    recording = drive.recorder.recording(drive.driven.now_s)
    assert len(recording.bands) == 1
    assert recording.left_out == ("1 findings",)


def test_a_finding_that_begins_anew_in_the_same_step_is_another_band() -> None:
    drive = Drive().run(4.0)
    drive.driven.say(drive_ready=False)
    drive.run(0.1)
    bands = Bands(drive.driven.responder, 10)
    assert bands.look(4.1)
    (watch,) = drive.driven.responder.findings
    assert watch.begun is not None
    watch.begun = replace(watch.begun, at_s=4.1)
    assert bands.look(4.2)
    assert [(band.begun_s, band.ended_s) for band in bands.all] == [(4.1, 4.2), (4.2, None)]
    assert not bands.look(4.3)
