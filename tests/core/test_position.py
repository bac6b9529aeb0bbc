"""Which word on the car's place counts, and how old it may be."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Location, Report, State
from hardshoulder.core.position import FRESH_S, Fix, Whereabouts, coarse
from support.driven import DEAD, Driven
from support.plain import plain_car


def fix(at_s: float, latitude: float = 48.2, accuracy_m: float | None = 6.0) -> Fix:
    return Fix(latitude, 11.6, accuracy_m, 90.0, 100.0, at_s)


def by_bus(age_s: float) -> Location:
    return Location(48.1, 11.5, None, age_s)


def test_a_fresh_receiver_counts_before_the_bus() -> None:
    places = Whereabouts()
    assert places.best(None, 10.0) is None and places.best(by_bus(0.1), 10.0) == by_bus(0.1)
    places.take(fix(10.0))
    best = places.best(by_bus(0.1), 12.0)
    assert best == Location(48.2, 11.6, 90.0, 2.0, accuracy_m=6.0, source="gnss")


def test_in_a_tunnel_the_last_word_counts_with_its_age() -> None:
    places = Whereabouts()
    places.take(fix(10.0))
    assert (best := places.best(None, 310.0)) is not None and best.age_s == 300.0
    assert places.best(by_bus(0.5), 310.0) == by_bus(0.5), "the car's own dead reckoning goes on"
    assert places.best(by_bus(400.0), 310.0) == best, "of two old words the younger"
    assert places.best(by_bus(299.0), 310.0) == by_bus(299.0)
    assert places.best(by_bus(inf), 310.0) == best


def test_a_receiver_that_is_late_yields_to_a_fresh_bus() -> None:
    places = Whereabouts()
    places.take(fix(10.0))
    assert (best := places.best(by_bus(0.0), 10.0 + FRESH_S)) is not None and best.source == "gnss"
    assert (best := places.best(by_bus(0.0), 10.1 + FRESH_S)) is not None and best.source == "bus"


@pytest.mark.parametrize("latitude", [90.1, -91.0, nan, inf])
def test_nowhere_on_the_globe_changes_nothing(latitude: float) -> None:
    places = Whereabouts()
    places.take(fix(10.0))
    places.take(fix(11.0, latitude=latitude))
    assert (best := places.best(None, 11.0)) is not None and (best.latitude, best.age_s) == (48.2, 1.0)


@given(st.floats(min_value=-90, max_value=90), st.floats(min_value=-180, max_value=180))
def test_a_coarse_place_is_within_a_kilometre_and_tells_no_more(latitude: float, longitude: float) -> None:
    told = coarse(Location(latitude, longitude, 271.5, 3.0, accuracy_m=4.0))
    assert abs(told.latitude - latitude) <= 0.00501 and abs(told.longitude - longitude) <= 0.00501
    assert round(told.latitude * 100, 6) == round(told.latitude * 100) and told.heading is None


def test_the_alert_says_where_she_stands_and_not_where_the_drive_was_lost() -> None:
    """A car whose bus says no place, with a receiver of ours, that rolls on for a while."""
    driven = Driven(plain_car())
    driven.say(speed=90.0)
    driven.run(6.0)
    driven.responder.place(fix(driven.now_s, latitude=48.2))
    driven.say(**DEAD)
    driven.run(2.0)
    driven.responder.place(fix(driven.now_s, latitude=48.3))
    driven.say(speed=60.0)
    driven.run(3.0)
    driven.say(speed=0.0)
    driven.run(8.0)
    reports = driven.of(Report)
    opened, stands = reports[0].incident, next(r.incident for r in reports if r.incident.state is State.STRANDED)
    assert opened.location is not None and (opened.location.latitude, opened.location.source) == (48.2, "gnss")
    assert stands.location is not None and stands.location.latitude == 48.3
    assert stands.location.age_s > 3.0
