"""The evidence window in the fleet: stored with the first event, drawn on the operator's page, missed by nobody."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hardshoulder.core.actions import Recording, Report, Window
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.events import incident_event
from hardshoulder_fleet.core.views import Track
from hardshoulder_fleet.web.tracks import draw
from support.browser import Web
from support.drivers import Operator
from support.incidents import IDENTITY, incident

SIGNALS: tuple[tuple[str, tuple[Value | None, ...]], ...] = (
    (Vss.SPEED, (90.0, 88.5, None, 80.0)),
    (Vss.POWER_STATE, ("ON", "ON", "OFF", "OFF")),
    (Vss.ENGINE_RUNNING, (True, True, False, False)),
)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.database.close()


def take(web: Web, report: Report) -> None:
    begin = web.clock() - timedelta(seconds=12)
    event = incident_event(IDENTITY, report, lambda at_s: begin + timedelta(seconds=at_s), clock_trusted=True)
    web.desk.take_event(event, web.clock())


def test_the_operator_sees_the_window_of_the_first_event_and_the_recordings_name(web: Web) -> None:
    first = Report(incident(), 10.5, Window(9.0, 0.1, SIGNALS), Recording("incident-1.hsr", -20.0, 70.0))
    take(web, first)
    take(web, Report(incident(sequence=2), 12.0, None, first.recording))
    assert [track.signal for track in web.desk.tracks("incident-1")] == [name for name, _ in SIGNALS]
    page = Operator(web).page()
    assert "The seconds before" in page and "The car keeps raw frames as incident-1.hsr" in page
    assert "90 → 88.5 → 80" in page and "ON → OFF" in page and "yes → no" in page
    assert page.count("<polyline") == 3, "the speed in two pieces, the engine in one, words in none"


def test_a_car_that_sends_none_has_no_drawing(web: Web) -> None:
    take(web, Report(incident(), 10.5))
    assert web.desk.tracks("incident-1") == () and web.desk.tracks("unknown") == ()
    page = Operator(web).page()
    assert "The seconds before" not in page and "raw frames" not in page


def test_a_line_is_broken_where_nothing_was_said() -> None:
    drawn = draw(Track("Vehicle.Speed", 0.1, (0.0, 10.0, None, 5.0, 5.0)))
    assert drawn.name == "Speed" and drawn.said == "0 → 10 → 5"
    assert drawn.lines == ("0.0,22.0 50.0,2.0", "150.0,12.0 200.0,12.0")
    flat = draw(Track("Vehicle.Speed", 0.1, (7.0, 7.0, 7.0)))
    assert flat.lines == ("0.0,12.0 100.0,12.0 200.0,12.0",) and flat.said == "7"


def test_what_changed_often_is_told_by_its_ends() -> None:
    assert draw(Track("x", 0.1, tuple(float(number) for number in range(9)))).said == "0 → … → 8"


@pytest.mark.parametrize("values", [(), (None,), (None, None)])
def test_a_signal_without_a_value_is_drawn_as_nothing(values: tuple[None, ...]) -> None:
    drawn = draw(Track("Vehicle.Speed", 0.1, values))
    assert (drawn.said, drawn.lines) == ("", ())
