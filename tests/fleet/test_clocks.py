"""Cars that did not know what time it was: their story is in order all the same, and corrected when they correct it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hardshoulder.events import incident_event
from hardshoulder.stamps import corrected
from hardshoulder.wire import IncidentEvent, encode, parse_event
from hardshoulder_fleet.core.views import Clock
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.web import words
from support.desks import after, car_says
from support.incidents import BEGIN, IDENTITY, report

WOKE = datetime(1970, 1, 1, tzinfo=UTC)


def said_in_1970() -> IncidentEvent:
    once = replace(report(at_s=12.0), run="run-1")
    return incident_event(IDENTITY, once, lambda at_s: WOKE + timedelta(seconds=at_s), clock_trusted=False)


def test_a_story_from_1970_is_counted_back_from_its_report(desk: Desk) -> None:
    assert desk.take_event(said_in_1970(), after(100.0))
    view = desk.view("incident-1")
    assert view is not None and view.clock is Clock.UNSET and "not set" in words.CLOCKS[view.clock]
    assert [(entry.at, entry.who) for entry in view.story] == [
        (after(98.0), "car"),
        (after(98.5), "car"),
        (after(100.0), "fleet"),
    ], "the report is of second 12, and its lines of seconds 10 and 10.5"


def test_the_car_corrects_its_times_and_the_fleet_takes_them_once(desk: Desk) -> None:
    first = said_in_1970()
    desk.take_event(first, after(100.0))
    right = parse_event(corrected(encode(first), (BEGIN - WOKE).total_seconds()))
    assert isinstance(right, IncidentEvent)
    changed = desk.version()
    assert not desk.take_event(right, after(200.0)), "no second alert"
    view = desk.view("incident-1")
    assert view is not None and view.clock is Clock.CORRECTED and desk.version() > changed
    assert [entry.at for entry in view.story if entry.who == "car"] == [after(10.0), after(10.5)]
    assert view.opened_at == after(100.0), "when the fleet heard of it stays"
    changed = desk.version()
    assert not desk.take_event(right, after(300.0)) and desk.version() == changed
    assert not desk.take_event(first, after(300.0)), "the one from before, late on its way"
    assert (seen := desk.view("incident-1")) is not None and seen.clock is Clock.CORRECTED


def test_nobody_else_corrects_a_cars_times(desk: Desk) -> None:
    desk.take_event(said_in_1970(), after(100.0))
    right = parse_event(corrected(encode(said_in_1970()), 1000.0))
    assert isinstance(right, IncidentEvent)
    for data in ({"vehicle": "car-8"}, {"incident_id": "incident-2"}):
        forged = right.model_copy(update={"data": right.data.model_copy(update=data)})
        assert not desk.take_event(forged, after(200.0))
    assert (view := desk.view("incident-1")) is not None and view.clock is Clock.UNSET


def test_times_that_leave_the_calendar_take_no_page_away(desk: Desk) -> None:
    event = said_in_1970()
    far = event.model_copy(update={"time": datetime(9999, 12, 31, tzinfo=UTC)})
    desk.take_event(far, after(100.0))
    assert (view := desk.view("incident-1")) is not None and len(view.story) == 3


def test_a_clock_that_was_set_says_nothing_of_itself(desk: Desk) -> None:
    desk.take_event(car_says(), after(0.0))
    assert (view := desk.view("incident-1")) is not None and words.CLOCKS[view.clock] == ""
