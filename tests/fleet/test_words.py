"""What the pages say for every word that a car can send: none is left raw, and none sends a driver the wrong way."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from hardshoulder.core.actions import Finding, HazardState, State
from hardshoulder_fleet.web import words
from support.browser import Web, stranded
from support.drivers import Driver, Operator

GET_OUT = "Stand behind the barrier"
STEER = "Steer to the hard shoulder"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """The application on a desk of its own."""
    made = Web(tmp_path)
    yield made
    made.database.close()


def test_every_word_of_the_car_has_one_of_ours() -> None:
    assert list(words.KINDS) == [finding.value for finding in Finding]
    assert set(words.HAZARDS) == {hazards.value for hazards in HazardState}
    assert set(words.CARS) == {state.value for state in State}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.ROLLING, STEER),
        (State.STRANDED, GET_OUT),
        (State.RECOVERED, "Drive on only if it feels safe."),
        (State.DRIVING_ON, "Put the phone away until you have stopped at a safe place."),
    ],
)
def test_she_is_told_what_fits_where_she_is(web: Web, state: State, told: str) -> None:
    what = dataclasses.replace(stranded(hazards=HazardState.RELEASED), state=state)
    page = Driver(web, web.break_down(what)).page()
    assert told in page
    assert [text for text in (STEER, GET_OUT) if text in page] == [text for text in (STEER, GET_OUT) if text == told]


@pytest.mark.parametrize("state", [State.RECOVERED, State.DRIVING_ON])
def test_a_car_that_goes_again_asks_for_no_hazard_lights(web: Web, state: State) -> None:
    what = dataclasses.replace(stranded(hazards=HazardState.RELEASED), state=state)
    page = Driver(web, web.break_down(what)).page()
    assert "Your car had lost drive." in page
    assert "hazard lights" not in page


def test_an_operator_reads_words_and_no_codes(web: Web) -> None:
    web.break_down(dataclasses.replace(stranded(), kind=Finding.NO_TORQUE, state=State.DRIVING_ON))
    operator = Operator(web)
    for page in (operator.board(), operator.page()):
        assert "No torque; car drives again" in page and "no-torque" not in page


def test_a_row_of_another_version_is_shown_and_takes_nothing_else_away(web: Web) -> None:
    """Stored before ids became stricter, or by a version that knew one more finding."""
    link = web.break_down(dataclasses.replace(stranded(), kind=Finding.NO_TORQUE))
    web.break_down(stranded("incident-2"), "car-8")
    with web.database.write() as session:
        old = "UPDATE event SET payload = replace(replace(payload, 'no-torque', 'gone-flat'), 'incident-1', 'a b/c')"
        session.execute(text(old))
    operator = Operator(web)
    for page in (operator.board(), operator.page()):
        assert "gone-flat; car standing" in page
    assert operator.board().count("data-incident=") == 2
    driver = Driver(web, link)
    assert GET_OUT in driver.page()
    assert "A tow costs" in driver.tap("tow").text


def test_who_is_asked_after_a_silence_reads_what_fits_wherever_she_is(web: Web) -> None:
    silent = web.fall_silent()
    driver = Driver(web, web.links.make(silent.incident_id, web.clock()), silent.incident_id)
    page = driver.page()
    assert "We have lost contact with your car." in page and "Are you all right?" in page
    assert "driving at 110 km/h" in page
    assert "Driving? Stop at a safe place before you answer." in page
    assert STEER not in page and "Your hazard lights are" not in page
    assert driver.tap("emergency").status_code == 200
    assert "Call 112 yourself, now." in driver.page()


def test_an_operator_reads_that_a_car_is_merely_silent(web: Web) -> None:
    silent = web.fall_silent()
    operator = Operator(web, silent.incident_id)
    assert "Lost contact; was driving at 110 km/h" in operator.board()
    assert "Last heard" in operator.page() and "Last speed" in operator.page()
    assert "Lost contact" in operator.board() and 'data-urgent="0"' in operator.board()
    web.clock.move(seconds=95)
    web.desk.claim_deadlines(web.clock())
    assert 'data-urgent="1"' in operator.board()
    assert "Nobody but the drivers of silent cars, below." in operator.board()
