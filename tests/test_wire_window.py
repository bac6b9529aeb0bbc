"""The evidence window and the recording's name on the wire: additive, bounded, and taken by a fleet of any age."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from hardshoulder import wire
from hardshoulder.core.actions import Entry, Recording, Report, Window
from hardshoulder.core.incident import TIMELINE_LIMIT
from hardshoulder.core.vocabulary import STATES, UNITS, Unit, Value, Vss
from hardshoulder.core.window import LENGTH_S, PER_SECOND
from hardshoulder.events import incident_event
from support.driven import DEAD, Driven
from support.incidents import IDENTITY, incident, wall_time
from support.plain import plain_car

VALUES = PER_SECOND * LENGTH_S + 1
RECORDING = Recording("incident-1.hsr", -19.5, 70.5)


def event(report: Report) -> wire.IncidentEvent:
    return incident_event(IDENTITY, report, wall_time, clock_trusted=True)


def longest(vss: Vss) -> Value:
    """The value of a signal that takes the most room."""
    if UNITS[vss] is Unit.STATE:
        return max(STATES[vss], key=len)
    return False if UNITS[vss] is Unit.BOOLEAN else -1.234567890123e-101


def test_what_a_breakdown_says_arrives_whole() -> None:
    driven = Driven(plain_car())
    driven.say(speed=90.0)
    driven.run(11.0)
    driven.say(**DEAD)
    driven.run(1.0)
    report = driven.of(Report)[0]
    assert report.window is not None
    payload = wire.encode(event(replace(report, recording=RECORDING)))
    told = wire.parse_event(payload)
    assert isinstance(told, wire.IncidentEvent)
    window = told.data.evidence_window
    assert window is not None and window.step_s == 0.1
    assert window.begins_at == wall_time(report.window.begins_at_s)
    assert window.signals == dict(report.window.signals)
    assert told.data.recording == wire.RecordingData(
        name="incident-1.hsr", begins_at=wall_time(-19.5), ends_at=wall_time(70.5)
    )
    assert len(payload) < 24_000, "an ordinary alert"


def test_the_largest_alert_there_can_be_stays_within_the_limit() -> None:
    """Every signal there is, each at its longest, and a timeline that is full."""
    window = Window(0.0, 0.1, tuple((str(vss), (longest(vss),) * VALUES) for vss in Vss))
    full = replace(incident(), timeline=tuple(Entry(1e6, "x" * 60) for _ in range(TIMELINE_LIMIT)))
    payload = wire.encode(event(Report(full, 10.5, window, RECORDING)))
    assert len(payload) <= wire.EVENT_LIMIT_BYTES / 2
    bare = wire.encode(event(Report(full, 10.5)))
    assert len(payload) - len(bare) <= 64 * 1024, "the window itself"
    assert isinstance(wire.parse_event(payload), wire.IncidentEvent)


def test_numbers_have_six_digits_and_what_is_none_is_null() -> None:
    window = Window(0.0, 0.1, ((Vss.SPEED, (1 / 3, float("nan"), float("inf"), None, 83.0)),))
    said = json.loads(wire.encode(event(Report(incident(), 10.5, window))))["data"]["evidence_window"]["signals"]
    assert said == {Vss.SPEED: [0.333333, None, None, None, 83.0]}


def test_a_car_that_is_older_leaves_both_out() -> None:
    said = json.loads(wire.encode(event(Report(incident(), 10.5))))
    assert said["data"]["evidence_window"] is None and said["data"]["recording"] is None
    del said["data"]["evidence_window"], said["data"]["recording"]
    told = wire.parse_event(json.dumps(said).encode())
    assert isinstance(told, wire.IncidentEvent) and told.data.evidence_window is None


@pytest.mark.parametrize(
    "signals",
    [
        {"x" * 200: [1.0]},
        {Vss.SPEED: [1.0] * (wire.WINDOW_VALUES + 1)},
        {f"Vehicle.Made.Up.{number}": [1.0] for number in range(wire.WINDOW_SIGNALS + 1)},
        {Vss.SPEED: [{"a": 1}]},
        {Vss.SPEED: 5},
    ],
)
def test_a_window_beyond_its_bounds_is_refused(signals: object) -> None:
    said = json.loads(wire.encode(event(Report(incident(), 10.5, Window(0.0, 0.1, ())))))
    said["data"]["evidence_window"]["signals"] = signals
    with pytest.raises(wire.WireError, match="evidence_window"):
        wire.parse_event(json.dumps(said).encode())
    with pytest.raises(ValidationError):
        wire.WindowData(begins_at=wall_time(0.0), step_s=0.1, signals=signals)  # type: ignore[arg-type]
