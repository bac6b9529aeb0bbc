"""The window before an incident: ten seconds of every mapped signal on a fixed grid, however time was told."""

from math import floor

import pytest

from hardshoulder.core.actions import Report, Window
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Vss
from hardshoulder.core.window import LENGTH_S, PER_SECOND, Track
from support.bench import Bench
from support.driven import DEAD, Driven, driving
from support.plain import STALE_AFTER_S, on_second_bus, plain_car


def signals(window: Window) -> dict[str, tuple[object, ...]]:
    return dict(window.signals)


def first(driven: Driven) -> Report:
    return driven.of(Report)[0]


def broken_at_speed(seconds: float = 11.0, *, fine: bool = False) -> Driven:
    driven = Driven(plain_car(), fine=fine)
    driven.say(speed=90.0)
    driven.run(seconds)
    driven.say(**DEAD)
    return driven.run(2.0)


def test_the_first_report_has_ten_seconds_at_ten_a_second() -> None:
    report = first(broken_at_speed())
    assert report.window is not None
    assert report.window.step_s == 1 / PER_SECOND
    lengths = {len(values) for _, values in report.window.signals}
    assert lengths == {PER_SECOND * LENGTH_S + 1}
    opened_s = report.incident.opened_at_s
    last_s = report.window.begins_at_s + LENGTH_S
    assert opened_s - 1 / PER_SECOND < last_s <= opened_s
    said = signals(report.window)
    assert set(said[Vss.SPEED]) == {90.0}
    assert said[Vss.ENGINE_SPEED][0] != 0.0 and said[Vss.ENGINE_SPEED][-1] == 0.0, "what it broke down with is in it"


def test_later_reports_have_none() -> None:
    _, *later = broken_at_speed().of(Report)
    assert later and all(report.window is None for report in later)


def test_the_window_is_what_the_senses_said_at_each_time_of_the_grid() -> None:
    """Looked at by somebody else at each of those times."""
    driven = Driven(plain_car())
    driven.say(speed=60.0)
    seen: dict[int, dict[Vss, object]] = {}
    for number in range(120):
        driven.say(speed=60.0 + number / 10)
        driven.run(0.1)
        seen[number + 1] = {vss: sense.value for vss, sense in driven.responder.senses.signals.items()}
    driven.say(**DEAD)
    driven.run(2.0)
    window = first(driven).window
    assert window is not None
    begin = round(window.begins_at_s * PER_SECOND)
    speeds = signals(window)[Vss.SPEED]
    for place, speed in enumerate(speeds):
        if begin + place in seen:
            assert speed == seen[begin + place][Vss.SPEED], place


def test_a_shorter_drive_has_a_shorter_window() -> None:
    window = first(broken_at_speed(4.0)).window
    assert window is not None
    assert all(len(values) < PER_SECOND * 5.5 for _, values in window.signals)
    assert window.begins_at_s == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("fine", [False, True])
def test_however_often_time_is_told_the_window_is_the_same(fine: bool) -> None:
    assert first(broken_at_speed(fine=fine)).window == first(broken_at_speed()).window


def test_what_is_stale_is_nothing_and_what_was_never_said_is_left_out() -> None:
    bench = Bench(plain_car())
    track = Track(bench.senses)
    track.advance(0.0)
    bench.say(0.05, speed=50.0)
    window = track.window(1.0)
    assert dict(window.signals).keys() == {Vss.SPEED}
    values = dict(window.signals)[Vss.SPEED]
    fresh = floor((0.05 + STALE_AFTER_S) * PER_SECOND)
    assert values == (None, *[50.0] * fresh, *[None] * (10 - fresh))


def test_nothing_is_looked_at_twice() -> None:
    bench = Bench(plain_car())
    track = Track(bench.senses)
    track.advance(0.0)
    bench.say(0.0, speed=50.0)
    once = track.window(0.3)
    bench.say(0.35, speed=70.0)
    assert track.window(0.35) == once


def test_a_long_silence_costs_no_more_than_what_is_kept() -> None:
    bench = Bench(plain_car())
    track = Track(bench.senses)
    track.advance(0.0)
    track.advance(1e6 - 0.2)
    bench.say(1e6 - 0.2, speed=50.0)
    window = track.window(1e6)
    ((_, values),) = window.signals
    assert len(values) == PER_SECOND * LENGTH_S + 1
    assert window.begins_at_s == 1e6 - LENGTH_S
    assert values[-2:] == (50.0, 50.0) and set(values[:-2]) == {None}


def test_a_hole_and_a_lost_bus_end_what_was_known() -> None:
    for act in ("hole", "lost_bus"):
        driven = driving(on_second_bus(plain_car(), "Supply"))
        responder: Responder = driven.responder
        at_s = driven.now_s + 0.26
        responder.hole(at_s) if act == "hole" else responder.lost_bus("main", at_s)
        window = responder._track.window(at_s + 0.1)
        speeds = signals(window)[Vss.SPEED]
        assert speeds[-3:] == (100.0, 100.0, None)


def test_a_window_ends_where_nothing_is_mapped() -> None:
    assert Track(Bench(plain_car(only=frozenset())).senses).window(5.0).signals == ()
