"""The desk on a real file: events in any order, taps in any number, restarts in between, prices that expire."""

import tempfile
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardshoulder.core.actions import HazardState, State
from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, DeskError, ErrandKind, Heard
from hardshoulder_fleet.store import queues, towing
from support.desks import ANSWER_WITHIN, CONSENT, after, car_says, make_desk, order_tow, quote

NOW = after(11)


def seen(desk: Desk, incident_id: str = "incident-1") -> CheckInView:
    view = desk.view(incident_id)
    assert view is not None
    return view


def test_the_first_word_of_an_incident_opens_a_check_in(desk: Desk) -> None:
    assert desk.take_event(car_says(), NOW)
    view = seen(desk)
    assert (view.state, view.opened_at, view.answer_due_at) == (CheckIn.ASKED, NOW, NOW + ANSWER_WITHIN)
    assert (view.vehicle, view.kind, view.cause) == ("car-7", "engine-stopped", "vehicleBreakdown: engineProblem")
    assert (view.car_state, view.hazards, view.hazard_button) == ("rolling", "requested", "the red triangle")
    assert (view.speed_kph, view.latitude, view.longitude) == (80.0, 48.1, 11.6)
    assert view.noticed[0].startswith("The engine stopped: ")
    assert [(entry.who, entry.what) for entry in view.story] == [
        ("car", "suspected: engine-stopped"),
        ("car", "opened"),
        ("fleet", "Check-in opened."),
    ]
    [errand] = desk.claim_errands(NOW)
    assert (errand.kind, errand.incident_id, errand.attempt, errand.view) == (
        ErrandKind.SEND_LINK,
        "incident-1",
        1,
        view,
    )


def test_a_duplicate_changes_nothing(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    before, version = seen(desk), desk.version()
    assert not desk.take_event(car_says(), after(20))
    assert (seen(desk), desk.version()) == (before, version)


def test_an_older_report_does_not_overwrite_a_newer_one(desk: Desk) -> None:
    desk.take_event(car_says(3, State.STRANDED, hazards=HazardState.CONFIRMED), NOW)
    assert seen(desk).gaps == (1, 2)
    assert desk.take_event(car_says(1), after(12))
    view = seen(desk)
    assert (view.car_state, view.hazards, view.gaps) == ("stranded", "confirmed", (2,))


STORY = [
    car_says(1),
    car_says(2, hazards=HazardState.CONFIRMED),
    car_says(3, State.STRANDED),
    car_says(4, State.STRANDED, event_id="event-1"),
    car_says(4, State.ROLLING, event_id="event-2"),
    car_says(5, State.CLOSED),
    car_says(1, incident_id="incident-2"),
    car_says(7, State.STRANDED, incident_id="incident-2"),
]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> list[CheckInView]:
    """The board when everything comes once and in order."""
    return told(tmp_path_factory.mktemp("straight") / "fleet.sqlite3", STORY, len(STORY))


@pytest.mark.slow
@given(
    st.permutations(STORY), st.lists(st.tuples(st.sampled_from(STORY), st.integers(0, 20)), max_size=8), st.integers(0)
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_with_any_duplicates_gives_the_same_view(
    straight: list[CheckInView], order: list[IncidentEvent], extra: list[tuple[IncidentEvent, int]], restart: int
) -> None:
    for event, place in extra:
        order.insert(place, event)
    with tempfile.TemporaryDirectory() as folder:
        assert told(Path(folder) / "fleet.sqlite3", order, restart % (len(order) + 1)) == straight


def told(path: Path, events: list[IncidentEvent], restart: int) -> list[CheckInView]:
    """The board after these events, with a restart after so many of them."""
    for part in (events[:restart], events[restart:]):
        desk = make_desk(path)
        for event in part:
            desk.take_event(event, NOW)
        desk._database.close()
    desk = make_desk(path)
    board = desk.board(NOW)
    desk._database.close()
    return board


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (car_says(2, vehicle="car-8"), "belongs to 'car-7', not 'car-8'"),
        (car_says(10**30), "is above 1000000"),
    ],
)
def test_an_event_that_cannot_belong_to_its_incident_is_refused(
    desk: Desk, event: IncidentEvent, sentence: str
) -> None:
    desk.take_event(car_says(), NOW)
    before, version = seen(desk), desk.version()
    with pytest.raises(DeskError, match=sentence):
        desk.take_event(event, NOW)
    assert (seen(desk), desk.version()) == (before, version)


def test_a_large_gap_is_told_in_part(desk: Desk) -> None:
    desk.take_event(car_says(1_000_000), NOW)
    assert seen(desk).gaps == tuple(range(1, 101))


def test_a_closed_incident_ends_the_question_and_the_link_is_not_sent(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.take_event(car_says(2, State.CLOSED), after(12))
    assert (seen(desk).state, seen(desk).answer_due_at) == (CheckIn.CLOSED, None)
    assert desk.claim_errands(after(13)) == []
    assert desk.claim_deadlines(after(1000)) == []
    assert desk.next_due() is None


@pytest.mark.parametrize("says", [Happening.SAYS_SAFE, Happening.WANTS_TOW, Happening.SAYS_EMERGENCY])
def test_the_second_tap_changes_nothing(desk: Desk, says: Happening) -> None:
    desk.take_event(car_says(), NOW)
    first = desk.answer("incident-1", says, after(12))
    version = desk.version()
    assert desk.answer("incident-1", says, after(20)) == first == seen(desk)
    assert desk.version() == version
    assert [entry.who for entry in first.story].count("driver") == 1


def test_a_late_answer_still_counts(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    [late] = desk.claim_deadlines(NOW + ANSWER_WITHIN)
    assert (late.state, late.answer_due_at) == (CheckIn.ESCALATED, None)
    view = desk.answer("incident-1", Happening.WANTS_TOW, after(100))
    assert (view.state, view.answer_due_at) == (CheckIn.TOW_WANTED, after(100) + ANSWER_WITHIN)
    assert desk.claim_deadlines(after(99) + ANSWER_WITHIN) == []


def test_nobody_is_known_by_a_wrong_name(desk: Desk) -> None:
    assert desk.view("nobody") is None
    with pytest.raises(DeskError, match=r"^This breakdown is not known here\.$"):
        desk.answer("nobody", Happening.SAYS_EMERGENCY, NOW)


def test_the_yes_is_kept_with_its_words_and_its_price(path: Path) -> None:
    desk = make_desk(path)
    order_tow(desk, NOW)
    desk._database.close()
    again = make_desk(path)
    view = seen(again)
    assert view.state is CheckIn.TOW_ORDERED
    assert view.tow is not None
    assert (view.tow.consent_text, view.tow.price, view.tow.ordered_at) == (CONSENT, quote().price, NOW)
    assert (view.tow.state, view.tow.order_ref) == (Tow.REQUESTED, "")
    assert view.quote == quote()
    assert view.answer_due_at is None
    again._database.close()


def test_two_taps_in_two_tabs_order_one_tow(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.answer("incident-1", Happening.WANTS_TOW, NOW)
    for quote_id in ("quote-1", "quote-2"):
        desk.keep_quote("incident-1", quote(quote_id), NOW)
    views: list[CheckInView] = []
    together = threading.Barrier(8)

    def tap(number: int) -> None:
        together.wait()
        views.append(desk.order("incident-1", f"quote-{number % 2 + 1}", CONSENT, NOW))

    threads = [threading.Thread(target=tap, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(views) == 8
    assert {view.tow for view in views} == {views[0].tow}
    assert [errand.kind for errand in desk.claim_errands(NOW)].count(ErrandKind.REQUEST_TOW) == 1


def test_a_price_that_expired_orders_nothing(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.answer("incident-1", Happening.WANTS_TOW, NOW)
    desk.keep_quote("incident-1", quote(valid_until=after(20)), NOW)
    with pytest.raises(DeskError, match="no longer valid, so nothing was ordered; please look at the new one"):
        desk.order("incident-1", "quote-1", CONSENT, after(20))
    assert (seen(desk).state, seen(desk).tow) == (CheckIn.TOW_WANTED, None)
    desk.keep_quote("incident-1", quote("quote-2"), after(21))
    assert desk.order("incident-1", "quote-2", CONSENT, after(22)).state is CheckIn.TOW_ORDERED


@pytest.mark.parametrize(
    ("says", "quote_id", "consent", "sentence"),
    [
        (Happening.SAYS_SAFE, "quote-1", CONSENT, "No tow was asked for"),
        (Happening.SAYS_EMERGENCY, "quote-1", CONSENT, "No tow was asked for"),
        (Happening.WANTS_TOW, "quote-9", CONSENT, "price is not known"),
        (Happening.WANTS_TOW, "quote-1", "  ", "terms were not shown"),
    ],
)
def test_an_order_that_cannot_count_is_refused(
    desk: Desk, says: Happening, quote_id: str, consent: str, sentence: str
) -> None:
    desk.take_event(car_says(), NOW)
    desk.keep_quote("incident-1", quote(), NOW)
    desk.answer("incident-1", says, NOW)
    with pytest.raises(DeskError, match=sentence):
        desk.order("incident-1", quote_id, consent, NOW)
    assert seen(desk).tow is None


def test_the_price_of_another_incident_is_not_known(desk: Desk) -> None:
    desk.take_event(car_says(incident_id="incident-2"), NOW)
    desk.keep_quote("incident-2", quote("theirs"), NOW)
    desk.take_event(car_says(), NOW)
    desk.answer("incident-1", Happening.WANTS_TOW, NOW)
    with pytest.raises(DeskError, match="price is not known"):
        desk.order("incident-1", "theirs", CONSENT, NOW)


def test_the_price_that_was_shown_stays_as_it_was(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.keep_quote("incident-1", quote(), NOW)
    assert desk.keep_quote("incident-1", replace(quote(), terms="Dearer."), NOW).quote == quote()


REPORTS = [(Tow.ASSIGNED, 1), (Tow.EN_ROUTE, 2), (Tow.ON_SITE, 3), (Tow.COMPLETED, 4)]


@pytest.mark.slow
@given(st.permutations([*REPORTS, *REPORTS]), st.integers(0, 8))
@settings(max_examples=25)
def test_reports_late_doubled_and_before_the_order_is_noted(order: list[tuple[Tow, int]], early: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = make_desk(Path(folder) / "fleet.sqlite3")
        order_tow(desk, NOW)
        for state, sequence in order[:early]:
            assert desk.provider_said("order-1", state, sequence, after(20)) is Heard.KEPT
        desk.requested(1, "order-1", after(21))
        for state, sequence in order[early:]:
            desk.provider_said("order-1", state, sequence, after(22))
        view = seen(desk)
        assert view.state is CheckIn.CLOSED
        assert view.tow is not None and (view.tow.state, view.tow.order_ref) == (Tow.COMPLETED, "order-1")
        assert [entry.what for entry in view.story].count("Tow completed.") == 1
        assert desk.order("incident-1", "quote-1", CONSENT, after(23)) == view
        desk._database.close()


@pytest.mark.parametrize("end", [Tow.CANCELLED, Tow.FAILED])
def test_a_tow_that_does_not_come_calls_a_person_and_another_may_be_ordered(desk: Desk, end: Tow) -> None:
    order_tow(desk, NOW)
    desk.requested(1, "order-1", NOW)
    assert desk.provider_said("order-1", end, 1, after(20)) is Heard.TAKEN
    assert seen(desk).state is CheckIn.ESCALATED
    desk.answer("incident-1", Happening.WANTS_TOW, after(30))
    # That yes was for the tow that did not come.
    with pytest.raises(DeskError, match="no longer valid"):
        desk.order("incident-1", "quote-1", CONSENT, after(30))
    desk.keep_quote("incident-1", quote("quote-2"), after(30))
    view = desk.order("incident-1", "quote-2", CONSENT, after(31))
    assert view.tow is not None and (view.tow.state, view.tow.ordered_at) == (Tow.REQUESTED, after(31))
    assert desk.provider_said("order-1", Tow.ASSIGNED, 2, after(32)) is Heard.KNOWN


def test_an_emergency_outlasts_the_tow(desk: Desk) -> None:
    order_tow(desk, NOW)
    desk.requested(1, "order-1", NOW)
    desk.answer("incident-1", Happening.SAYS_EMERGENCY, after(20))
    desk.provider_said("order-1", Tow.COMPLETED, 4, after(30))
    desk.take_event(car_says(2, State.CLOSED), after(31))
    assert seen(desk).state is CheckIn.EMERGENCY
    assert desk.operator_done("incident-1", "Ambulance came.", after(40)).state is CheckIn.CLOSED
    assert seen(desk).story[-1].what == "Closed: Ambulance came."


def test_no_price_to_be_had_calls_a_person(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.answer("incident-1", Happening.WANTS_TOW, NOW)
    assert desk.no_price("incident-1", "The provider does not answer.", after(12))
    view = seen(desk)
    assert (view.state, view.answer_due_at) == (CheckIn.ESCALATED, None)
    assert view.story[-1].what == "No price can be had; a person is called: The provider does not answer."


def test_no_price_in_one_tab_leaves_a_price_or_an_order_of_another_alone(desk: Desk) -> None:
    desk.take_event(car_says(), NOW)
    desk.answer("incident-1", Happening.WANTS_TOW, NOW)
    desk.keep_quote("incident-1", quote(), NOW)
    before = seen(desk)
    assert not desk.no_price("incident-1", "The provider does not answer.", after(12))
    assert seen(desk) == before
    ordered = desk.order("incident-1", "quote-1", CONSENT, after(13))
    assert not desk.no_price("incident-1", "The provider does not answer.", after(1000))
    assert seen(desk) == ordered


def test_a_tow_nobody_has_asked_for_yet_goes_with_its_check_in(desk: Desk) -> None:
    order_tow(desk, NOW)
    view = desk.operator_done("incident-1", "Driven home.", NOW)
    assert view.tow is not None and view.tow.state is Tow.CANCELLED
    assert desk.claim_errands(after(1000)) == []


@pytest.mark.parametrize("sequence", [-1, 2**31, 10**30])
def test_a_report_with_an_absurd_number_is_refused(desk: Desk, sequence: int) -> None:
    with pytest.raises(DeskError, match="is not between"):
        desk.provider_said("order-1", Tow.ASSIGNED, sequence, NOW)


def test_reports_of_unknown_orders_are_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(towing, "STRAY_REPORTS_LIMIT", 2)
    for sequence in (1, 2):
        desk.provider_said("stray", Tow.ASSIGNED, sequence, NOW)
    with pytest.raises(DeskError, match=r"^This order is not known\.$"):
        desk.provider_said("stray", Tow.ASSIGNED, 3, NOW)


def test_the_board_begins_with_who_needs_a_person(desk: Desk) -> None:
    names = {
        "safe-1": Happening.SAYS_SAFE,
        "emergency-2": Happening.SAYS_EMERGENCY,
        "asked-3": None,
        "closed-4": None,
        "escalated-5": None,
    }
    for number, (name, says) in enumerate(names.items()):
        desk.take_event(car_says(incident_id=name), after(number))
        if says:
            desk.answer(name, says, after(number))
    desk.operator_done("closed-4", "", after(5))
    # Only one of two deadlines is claimed: the older one.
    desk.answer("asked-3", Happening.WANTS_TOW, after(6))
    desk.claim_deadlines(after(4) + ANSWER_WITHIN)
    begin = ["emergency-2", "escalated-5", "asked-3", "safe-1"]
    assert [view.incident_id for view in desk.board(after(70))] == [*begin, "closed-4"]
    day_later = after(5) + timedelta(days=1)
    assert [view.incident_id for view in desk.board(day_later)] == begin


def test_every_change_is_told_after_its_commit(path: Path, desk: Desk) -> None:
    other = make_desk(path)
    versions: list[int] = []
    desk.listen(lambda: versions.append(other.version()))
    order_tow(desk, NOW)
    desk.answer("incident-1", Happening.SAYS_EMERGENCY, NOW)
    assert versions == [1, 2, 3, 4, 5]
    other._database.close()


def test_of_the_rejected_the_newest_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "REJECTED_LIMIT", 3)
    for number in range(5):
        desk.reject("hardshoulder/v1/car-7/incident", b"\xff" * 10_000, f"reason {number}", NOW)
    with desk._database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT reason, payload_bytes, length(beginning) FROM rejected").all()
    assert [tuple(row) for row in rows] == [(f"reason {number}", 10_000, 512) for number in (2, 3, 4)]
