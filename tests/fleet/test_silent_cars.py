"""The desk and cars that fall silent, on a clock of the test's: who is missed, who is asked, who is left alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hardshoulder.core.actions import State
from hardshoulder.wire import PresenceEvent, StatusEvent
from hardshoulder_fleet.core.checkin import CheckIn, Happening
from hardshoulder_fleet.core.contact import LOST_CONTACT
from hardshoulder_fleet.core.views import CheckInView, OutageView
from hardshoulder_fleet.desk import Desk, ErrandKind
from support.desks import ANSWER_WITHIN, CONSENT, after, car_says, make_desk, quote
from support.silence import comes, goes, hear, listening_desk, lost, status_says

GRACE = timedelta(seconds=180)


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    yield from listening_desk(path)


def lose(desk: Desk, at: float = 20, vehicle: str = "car-7", state: State = State.DRIVING, kph: float = 110.0) -> None:
    """A car is heard three seconds before its line breaks."""
    hear(desk, at - 10, comes(vehicle=vehicle))
    hear(desk, at - 3, status_says(state, kph, vehicle=vehicle, at=after(at - 3)))
    hear(desk, at, goes(vehicle=vehicle))


def the_one(desk: Desk) -> CheckInView:
    [view] = [view for view in desk.board(after(10_000)) if view.kind == LOST_CONTACT]
    return view


def told(view: CheckInView) -> list[str]:
    return [entry.what for entry in view.story if entry.who == "fleet"]


def test_a_driving_car_that_falls_silent_is_asked_after_once_the_grace_is_over(desk: Desk) -> None:
    lose(desk)
    assert desk.next_due() == after(20) + GRACE
    assert lost(desk, 199.9) == []
    [view] = lost(desk, 200)
    assert (view.vehicle, view.kind, view.state) == ("car-7", LOST_CONTACT, CheckIn.ASKED)
    assert (view.car_state, view.speed_kph, view.last_heard_at) == ("driving", 110.0, after(17))
    assert view.answer_due_at == after(200) + ANSWER_WITHIN
    assert [(entry.at, entry.what) for entry in view.story] == [
        (after(20), "The car's line broke."),
        (after(200), "Check-in opened."),
    ]
    [errand] = desk.claim_errands(after(200))
    assert (errand.kind, errand.incident_id) == (ErrandKind.SEND_LINK, view.incident_id)
    assert lost(desk, 10_000) == []
    [late] = desk.claim_deadlines(after(200) + ANSWER_WITHIN)
    assert late.state is CheckIn.ESCALATED


def test_a_tunnel_is_nothing(desk: Desk) -> None:
    lose(desk)
    hear(desk, 190, comes())
    assert lost(desk, 10_000) == []
    assert desk.board(after(10_000)) == []


@pytest.mark.parametrize(
    ("state", "kph"), [(State.PARKED, 0.0), (State.DRIVING, 0.0), (State.DRIVING, 15.0), (State.STRANDED, 0.0)]
)
def test_a_car_that_stands_may_sleep(desk: Desk, state: State, kph: float) -> None:
    lose(desk, state=state, kph=kph)
    assert lost(desk, 10_000) == []


def test_a_car_that_parks_while_its_line_is_down_is_not_missed(desk: Desk) -> None:
    lose(desk)
    hear(desk, 30, status_says(State.PARKED, 0.0, at=after(25)), kept=True)
    assert desk.next_due() is None
    assert lost(desk, 10_000) == []


def test_speed_is_lost_before_the_line_is(desk: Desk) -> None:
    hear(desk, 10, comes())
    hear(desk, 12, status_says(speed_kph=110.0, at=after(12)))
    hear(desk, 13, status_says(State.SUSPECT, None, at=after(13)))
    hear(desk, 14, goes())
    [view] = lost(desk, 194)
    assert (view.car_state, view.speed_kph, view.last_heard_at) == ("suspect", 110.0, after(12))


def test_duplicates_and_what_the_broker_kept_are_no_news(desk: Desk) -> None:
    here, drives, gone = comes(), status_says(at=after(12)), goes()
    hear(desk, 10, here, drives, gone)
    version = desk.version()
    for at in (30, 100, 150):
        hear(desk, at, gone)
        hear(desk, at, drives, gone, kept=True)
        hear(desk, at, drives)
    assert desk.version() == version
    [view] = lost(desk, 190)
    assert view.last_heard_at == after(10)
    hear(desk, 200, drives, gone, kept=True)
    assert the_one(desk).state is CheckIn.ASKED


def test_the_whole_session_again_after_a_reconnect_does_no_harm(desk: Desk) -> None:
    words: list[StatusEvent | PresenceEvent] = [
        comes(),
        status_says(at=after(11)),
        goes(),
        comes(),
        status_says(at=after(14)),
    ]
    for at in (15, 40):
        hear(desk, at, *words)
    assert lost(desk, 10_000) == []


def test_an_older_status_of_a_good_clock_is_passed_over(desk: Desk) -> None:
    parked, drives = status_says(State.PARKED, 0.0, at=after(15)), status_says(at=after(5))
    hear(desk, 15, comes(), parked)
    hear(desk, 16, drives)
    hear(desk, 17, goes())
    assert lost(desk, 10_000) == []


def test_a_clock_that_lies_about_the_year_decides_nothing(desk: Desk) -> None:
    hear(desk, 10, comes(), status_says(State.PARKED, 0.0, at=after(10**9)))
    hear(desk, 12, status_says(at=after(-(10**9)), trusted=False))
    hear(desk, 13, goes())
    [view] = lost(desk, 193)
    assert view.last_heard_at == after(12)


def test_what_a_new_fleet_finds_at_the_broker_is_no_loss(desk: Desk) -> None:
    hear(desk, 1, status_says(), goes(), kept=True)
    assert lost(desk, 10_000) == []
    # The same car, in its next life.
    lose(desk, 20_000)
    assert len(lost(desk, 20_180)) == 1


def test_a_car_that_went_while_the_fleet_was_away_is_missed_from_its_return(desk: Desk) -> None:
    hear(desk, 10, comes(), status_says(at=after(10)))
    desk.listening(None)
    desk.listening(after(600))
    hear(desk, 601, goes(), status_says(at=after(300)), kept=True)
    assert lost(desk, 780.9) == []
    [view] = lost(desk, 781)
    assert view.last_heard_at == after(300)


def test_a_fleet_that_hears_nobody_misses_nobody(desk: Desk) -> None:
    lose(desk)
    desk.listening(None)
    assert lost(desk, 10_000) == []
    assert desk.next_due() is None
    desk.listening(after(10_000))
    assert desk.next_due() == after(10_000) + GRACE
    assert lost(desk, 10_179) == []
    assert len(lost(desk, 10_180)) == 1


def test_a_restart_in_the_grace_counts_it_anew_from_the_subscription(desk: Desk, path: Path) -> None:
    lose(desk)
    again = make_desk(path)
    assert again.claim_lost(after(10_000)) == []
    again.listening(after(100))
    assert again.claim_lost(after(279)) == []
    assert len(again.claim_lost(after(280))) == 1
    assert lost(desk, 10_000) == []
    again._database.close()


def test_the_car_that_reports_again_closes_it(desk: Desk) -> None:
    lose(desk)
    lost(desk, 200)
    hear(desk, 300, comes())
    assert the_one(desk).state is CheckIn.ASKED, "a line alone is no word of the car"
    hear(desk, 301, status_says(at=after(301)))
    view = the_one(desk)
    assert (view.state, told(view)[-1]) == (CheckIn.CLOSED, "The car is heard again. Closed.")
    assert desk.claim_errands(after(302)) == [], "nobody is asked any more"


@pytest.mark.parametrize("answered", [True, False])
def test_it_closes_after_safe_and_after_no_answer(desk: Desk, answered: bool) -> None:
    lose(desk)
    [view] = lost(desk, 200)
    if answered:
        desk.answer(view.incident_id, Happening.SAYS_SAFE, after(210))
    else:
        desk.claim_deadlines(after(200) + ANSWER_WITHIN)
    hear(desk, 300, comes(), status_says(at=after(300)))
    assert the_one(desk).state is CheckIn.CLOSED


def wants_a_tow(desk: Desk, incident_id: str) -> None:
    desk.answer(incident_id, Happening.WANTS_TOW, after(210))


def orders(desk: Desk, incident_id: str) -> None:
    wants_a_tow(desk, incident_id)
    desk.keep_quote(incident_id, quote(), after(210))
    desk.order(incident_id, "quote-1", CONSENT, after(211))


def has_no_price(desk: Desk, incident_id: str) -> None:
    wants_a_tow(desk, incident_id)
    desk.no_price(incident_id, "Nobody answers.", after(211))


def emergency(desk: Desk, incident_id: str) -> None:
    desk.answer(incident_id, Happening.SAYS_EMERGENCY, after(210))


@pytest.mark.parametrize(
    ("says", "state"),
    [
        (wants_a_tow, CheckIn.TOW_WANTED),
        (orders, CheckIn.TOW_ORDERED),
        (has_no_price, CheckIn.ESCALATED),
        (emergency, CheckIn.EMERGENCY),
    ],
)
def test_a_wish_for_help_outlives_the_silence(desk: Desk, says: object, state: CheckIn) -> None:
    assert callable(says)
    lose(desk)
    [view] = lost(desk, 200)
    says(desk, view.incident_id)
    hear(desk, 300, comes(), status_says(at=after(300)))
    desk.take_event(car_says(), after(301))
    assert the_one(desk).state is state
    assert told(the_one(desk))[-2:] == [
        "The car is heard again.",
        "The car has reported an incident, which has a check-in of its own.",
    ]


def test_safe_after_a_wish_closes_with_the_next_word_of_the_car(desk: Desk) -> None:
    lose(desk)
    [view] = lost(desk, 200)
    wants_a_tow(desk, view.incident_id)
    hear(desk, 300, comes(), status_says(at=after(300)))
    desk.answer(view.incident_id, Happening.SAYS_SAFE, after(310))
    hear(desk, 311, status_says(at=after(311)))
    assert the_one(desk).state is CheckIn.CLOSED


def test_an_incident_takes_over(desk: Desk) -> None:
    lose(desk)
    lost(desk, 200)
    desk.take_event(car_says(), after(250))
    assert the_one(desk).state is CheckIn.CLOSED
    view = desk.view("incident-1")
    assert view is not None and view.state is CheckIn.ASKED
    assert not desk.take_event(car_says(), after(251)), "a duplicate changes nothing"


def test_a_car_with_an_open_incident_has_its_check_in(desk: Desk) -> None:
    desk.take_event(car_says(), after(5))
    lose(desk, state=State.STRANDED, kph=0.0)
    assert lost(desk, 200) == []
    assert [view.incident_id for view in desk.board(after(201))] == ["incident-1"]
    view = desk.view("incident-1")
    assert view is not None and "The car's line broke." in told(view)
    assert lost(desk, 10_000) == []
    hear(desk, 300, comes(), status_says(State.STRANDED, 0.0, at=after(300)))
    view = desk.view("incident-1")
    assert view is not None and (view.state, told(view)[-1]) == (CheckIn.ASKED, "The car is heard again.")
    assert told(view).count("The car's line broke.") == 1


def test_a_second_loss_while_help_is_wanted_is_told_in_the_first(desk: Desk) -> None:
    lose(desk)
    [view] = lost(desk, 200)
    emergency(desk, view.incident_id)
    lose(desk, 400)
    assert lost(desk, 580) == []
    assert told(the_one(desk)).count("The car's line broke.") == 2


def test_a_second_loss_after_the_first_was_closed_is_a_new_one(desk: Desk) -> None:
    lose(desk)
    [first] = lost(desk, 200)
    hear(desk, 300, comes(), status_says(at=after(300)))
    hear(desk, 310, goes())
    [second] = lost(desk, 490)
    assert first.incident_id != second.incident_id


def many(desk: Desk, number: int, at: float = 20) -> list[str]:
    vehicles = [f"car-{one}" for one in range(number)]
    for place, vehicle in enumerate(vehicles):
        lose(desk, at + place * 59 / number, vehicle)
    return vehicles


def test_many_at_once_are_one_line_and_no_check_in(desk: Desk) -> None:
    vehicles = many(desk, 40)
    assert desk.outage() is None
    for at in (200, 230, 260, 400, 1000):
        assert lost(desk, at) == []
    assert desk.outage() == OutageView(40, after(20))
    assert desk.board(after(1000)) == []
    for vehicle in vehicles[2:]:
        hear(desk, 1100, comes(vehicle=vehicle))
    assert desk.outage() == OutageView(2, after(20))
    # The network is back; whoever still is silent after another grace is lost.
    assert {view.vehicle for view in lost(desk, 1400)} == {"car-0", "car-1"}
    assert desk.outage() is None


def test_half_of_a_small_fleet_at_once_is_an_outage_too(desk: Desk) -> None:
    many(desk, 3)
    for at in (200, 300):
        assert lost(desk, at) == []
    assert desk.outage() is not None


def test_some_of_many_cars_are_single_cars(desk: Desk) -> None:
    for number in range(30):
        hear(desk, 5, comes(vehicle=f"other-{number}"))
    many(desk, 5)
    assert len(lost(desk, 300)) == 5


def test_silence_stands_below_breakdowns_on_the_list(desk: Desk) -> None:
    lose(desk, vehicle="silent")
    [silent] = lost(desk, 200)
    lose(desk, 30, vehicle="hurt")
    [hurt] = lost(desk, 210)
    desk.claim_deadlines(after(300))
    emergency(desk, hurt.incident_id)
    desk.take_event(car_says(incident_id="asked", vehicle="car-1"), after(100))
    desk.take_event(car_says(incident_id="late", vehicle="car-2"), after(100))
    desk.answer("asked", Happening.SAYS_SAFE, after(101))
    desk.claim_deadlines(after(301))
    order = [view.incident_id for view in desk.board(after(302))]
    assert order == [hurt.incident_id, "late", "asked", silent.incident_id]


def test_nothing_is_opened_twice_by_two_that_look_at_once(desk: Desk, path: Path) -> None:
    lose(desk)
    other = make_desk(path)
    other.listening(after(0))
    assert len(lost(desk, 200)) + len(other.claim_lost(after(200))) == 1
    other._database.close()


def test_a_moment_is_kept(desk: Desk, path: Path) -> None:
    lose(desk)
    query = "SELECT online, status, status_at, heard_at, changed_at FROM contact WHERE vehicle = 'car-7'"
    with desk._database.engine.connect() as connection:
        online, status, *times = connection.exec_driver_sql(query).one()
    assert online == 0 and '"speed_kph":110.0' in status
    assert [datetime.fromisoformat(time) for time in times] == [after(at).replace(tzinfo=None) for at in (17, 17, 20)]
