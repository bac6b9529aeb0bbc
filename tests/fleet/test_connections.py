"""Which of a car's connections counts for whether it is missed, what it says when it goes, and where it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardshoulder.core.actions import State
from hardshoulder.events import presence_event
from hardshoulder.wire_parts import CoarseLocationData
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.web import words
from support.desks import after
from support.silence import comes, goes, hear, listening_desk, lost, status_says


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    yield from listening_desk(path)


def test_a_will_of_an_older_connection_is_no_farewell(desk: Desk) -> None:
    """The car went over to another broker, and the first one speaks its last will a minute later."""
    hear(desk, 10, comes(connection=5))
    hear(desk, 15, status_says(State.DRIVING, 110.0, at=after(15)))
    hear(desk, 20, comes(connection=6))
    hear(desk, 60, goes(connection=5))
    assert desk.next_due() is None and lost(desk, 1000) == []
    hear(desk, 1010, goes(connection=6))
    assert len(lost(desk, 1010 + 180)) == 1, "its newest line is the one that counts"


def test_what_a_broker_has_kept_of_an_older_connection_is_no_greeting(desk: Desk) -> None:
    hear(desk, 10, comes(connection=6))
    hear(desk, 15, status_says(State.DRIVING, 110.0, at=after(15)))
    hear(desk, 30, comes(connection=5), kept=True)
    hear(desk, 40, goes(connection=6))
    hear(desk, 50, comes(connection=5), kept=True)
    assert len(lost(desk, 40 + 180)) == 1


def test_whoever_speaks_after_a_farewell_is_connected(desk: Desk) -> None:
    """A car that numbers from below, because its clock was lost, was taken for an older connection."""
    hear(desk, 10, comes(connection=1000))
    hear(desk, 11, comes(connection=3))
    hear(desk, 15, status_says(State.DRIVING, 110.0, at=after(15)))
    hear(desk, 40, goes(connection=1000))
    hear(desk, 50, status_says(State.DRIVING, 111.0, at=after(50)))
    assert desk.next_due() is None and lost(desk, 1000) == []


def test_a_car_that_numbers_from_below_is_heard_when_nothing_is_connected(desk: Desk) -> None:
    hear(desk, 10, comes(connection=1000))
    hear(desk, 20, goes(connection=1000))
    hear(desk, 30, comes(connection=3))
    hear(desk, 35, status_says(State.DRIVING, 110.0, at=after(35)))
    hear(desk, 40, goes(connection=3))
    assert len(lost(desk, 40 + 180)) == 1


def test_a_car_that_says_good_night_is_not_missed(desk: Desk) -> None:
    """Whatever its last status said: it sleeps, and says so itself."""
    hear(desk, 10, comes(connection=6))
    hear(desk, 15, status_says(State.DRIVING, 110.0, at=after(15)))
    hear(desk, 20, presence_event("car-7", online=False, at=after(20), connection=6, leaving="asleep"))
    assert desk.next_due() is None and lost(desk, 1000) == []
    hear(desk, 1010, comes(connection=7))
    hear(desk, 1015, status_says(State.DRIVING, 110.0, at=after(1015)))
    hear(desk, 1020, presence_event("car-7", online=False, at=after(1020), connection=7, leaving="low-supply"))
    assert len(lost(desk, 1200)) == 1, "one whose supply ran low on the road is asked after"


def test_a_car_that_fell_silent_is_shown_where_it_was_if_its_driver_agreed(desk: Desk) -> None:
    said = status_says(State.DRIVING, 110.0, at=after(15))
    coarse = CoarseLocationData(latitude=48.14, longitude=11.58, age_s=70.0)
    agreed = said.model_copy(update={"data": said.data.model_copy(update={"coarse_location": coarse})})
    hear(desk, 10, comes())
    hear(desk, 15, agreed)
    hear(desk, 20, goes())
    [view] = lost(desk, 200)
    assert words.place(view) == "48.14000,11.58000"
    assert words.place_doubts(view) == "within about 1 km, 1 min old"


def test_without_consent_nobody_knows_where_it_was(desk: Desk) -> None:
    hear(desk, 10, comes())
    hear(desk, 15, status_says(State.DRIVING, 110.0, at=after(15)))
    hear(desk, 20, goes())
    [view] = lost(desk, 200)
    assert words.place(view) == "" and words.place_doubts(view) == ""
