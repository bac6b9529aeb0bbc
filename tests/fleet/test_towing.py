"""Tows that are watched, doubted, lost and found: silence, orders that may have been heard, names used twice."""

from datetime import timedelta

import pytest

from hardshoulder.core.actions import State
from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import Order
from hardshoulder_fleet.desk import DeskError, Heard
from support.desks import car_says
from support.tows import NOW, World, refusal, slow

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def unclear(world: World) -> None:
    """An order that the provider has heard, and that was given up here."""
    world.provider.deaf = True
    world.say_yes()
    world.run_until(NOW + 31 * SECOND)
    assert (len(world.provider.calls("request")), len(world.provider.calls("find"))) == (6, 0)
    world.provider.deaf = False


# Silence ------------------------------------------------------------------------------------


def test_a_tow_is_asked_about_a_minute_after_the_last_word(world: World) -> None:
    world.order()
    world.run_until(NOW + 59 * SECOND)
    assert world.provider.calls("status") == []
    world.run_until(NOW + 61 * SECOND)
    assert world.provider.calls("status") == ["order-1"]
    world.now = NOW + 100 * SECOND
    world.desk.provider_said("order-1", Tow.EN_ROUTE, 2, world.now)
    world.run_until(NOW + 159 * SECOND)
    assert world.provider.calls("status") == ["order-1"]
    world.provider.goes_on("order-1", Tow.ON_SITE)
    world.run_until(NOW + 160 * SECOND)
    assert world.tow().state is Tow.ON_SITE
    world.provider.goes_on("order-1", Tow.COMPLETED)
    world.run_until(NOW + HOUR)
    assert (world.view().state, len(world.provider.calls("status"))) == (CheckIn.CLOSED, 3)


def test_a_provider_that_says_nothing_calls_a_person_once_and_the_tow_stays(world: World) -> None:
    world.order()
    world.provider.fails = [slow()] * 1000
    world.run_until(NOW + 5 * MINUTE - SECOND)
    assert world.view().state is CheckIn.TOW_ORDERED
    world.run_until(NOW + 5 * MINUTE)
    assert (world.view().state, world.tow().state, world.tow().ended) == (CheckIn.ESCALATED, Tow.EN_ROUTE, False)
    sentence = "The towing provider has said nothing for 5 min; a person is called. The tow was not called off."
    assert world.said()[-1] == sentence
    world.run_until(NOW + 12 * MINUTE)
    assert world.said().count(sentence) == 1
    # The car's own end does not hide it.
    world.desk.take_event(car_says(2, State.CLOSED), world.now)
    assert world.view().state is CheckIn.ESCALATED
    world.desk.provider_said("order-1", Tow.EN_ROUTE, 2, world.now)
    assert (world.view().state, world.said()[-1]) == (
        CheckIn.TOW_ORDERED,
        "The provider is heard again; the tow goes on.",
    )
    world.provider.fails = []
    world.run_until(world.now + 6 * MINUTE)
    assert world.view().state is CheckIn.TOW_ORDERED
    world.desk.provider_said("order-1", Tow.COMPLETED, 3, world.now)
    assert world.view().state is CheckIn.CLOSED


def test_a_completion_out_of_the_silence_closes(world: World) -> None:
    world.order()
    world.provider.fails = [slow()] * 5
    world.run_until(NOW + 5 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED
    world.desk.provider_said("order-1", Tow.COMPLETED, 9, world.now)
    assert world.view().state is CheckIn.CLOSED
    world.run_until(NOW + HOUR)
    assert world.desk.next_due() is None


def test_a_tow_without_a_truck_calls_a_person_although_the_provider_answers(world: World) -> None:
    world.order(Tow.REQUESTED)
    world.run_until(NOW + 10 * MINUTE - SECOND)
    assert world.view().state is CheckIn.TOW_ORDERED
    world.run_until(NOW + 15 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED
    assert world.said()[-1] == (
        "No truck has been assigned for 10 min; a person is called. The tow was not called off."
    )
    world.provider.goes_on("order-1", Tow.ASSIGNED)
    world.run_until(NOW + 17 * MINUTE)
    assert world.view().state is CheckIn.TOW_ORDERED


def test_a_doubt_in_an_emergency_is_told_and_changes_nothing(world: World) -> None:
    world.order()
    world.desk.answer("incident-1", Happening.SAYS_EMERGENCY, world.now)
    world.provider.fails = [slow()] * 10
    world.run_until(NOW + 6 * MINUTE)
    assert world.view().state is CheckIn.EMERGENCY
    assert "has said nothing" in world.said()[-1]


@pytest.mark.slow
def test_a_provider_that_is_gone_is_asked_less_and_less_and_then_not_waited_for(world: World) -> None:
    world.order()
    world.provider.fails = [slow()] * 10_000
    world.run_until(NOW + HOUR)
    first_hour = len(world.provider.calls("status"))
    world.run_until(NOW + 2 * HOUR)
    assert 6 <= len(world.provider.calls("status")) - first_hour <= 7 < first_hour
    world.run_until(NOW + 7 * HOUR)
    assert (world.view().state, world.tow().state) == (CheckIn.ESCALATED, Tow.FAILED)
    assert any(line.startswith("The provider has said nothing for 6 h:") for line in world.said())
    assert world.desk.next_due() is None


def test_a_fleet_that_was_away_asks_before_it_calls_a_person(world: World) -> None:
    world.order()
    world.now = NOW + HOUR
    world.desk.take_over(world.now)
    world.run_until(world.now + 6 * MINUTE)
    assert world.view().state is CheckIn.TOW_ORDERED
    assert not any("a person is called" in line for line in world.said())


# When the truck comes -----------------------------------------------------------------------


def test_the_time_of_arrival_is_of_the_newest_report(world: World) -> None:
    world.order(Tow.REQUESTED)
    assert world.desk.provider_said("order-1", Tow.ASSIGNED, 3, NOW + SECOND, 12) is Heard.TAKEN
    assert world.desk.provider_said("order-1", Tow.ASSIGNED, 2, NOW + 9 * SECOND, 40) is Heard.KNOWN
    assert (world.tow().eta_minutes, world.tow().eta_at) == (12, NOW + SECOND)
    # It is silent about it from here on; what it said is as old as it is.
    assert world.desk.provider_said("order-1", Tow.EN_ROUTE, 4, NOW + 10 * SECOND) is Heard.TAKEN
    assert (world.tow().eta_minutes, world.tow().eta_at) == (12, NOW + SECOND)
    world.provider.goes_on("order-1", Tow.EN_ROUTE, 7)
    world.run_until(NOW + 2 * MINUTE)
    assert (world.tow().eta_minutes, world.tow().eta_at) == (7, NOW + 70 * SECOND)


def test_a_report_before_the_order_has_its_name_counts_from_when_it_came(world: World) -> None:
    world.say_yes()
    assert world.desk.provider_said("order-1", Tow.ASSIGNED, 1, NOW, 30) is Heard.KEPT
    assert world.desk.provider_said("order-1", Tow.ASSIGNED, 1, NOW, 30) is Heard.KEPT
    world.now = NOW + 20 * SECOND
    world.run_all()
    assert (world.tow().state, world.tow().eta_minutes, world.tow().eta_at) == (Tow.ASSIGNED, 30, NOW)
    assert world.view().changed_at == world.now
    assert world.desk.provider_said("order-1", Tow.ASSIGNED, 1, world.now, 30) is Heard.KNOWN


# Orders that may have been heard ------------------------------------------------------------


def test_an_order_that_was_heard_after_all_is_taken_up_again(world: World) -> None:
    unclear(world)
    assert (world.view().state, world.tow().unsettled, world.tow().ended) == (CheckIn.ESCALATED, True, True)
    assert world.said()[-1].startswith("The order failed, and it may have been heard; a person is called: The towing")
    world.run_until(NOW + 36 * SECOND)
    assert (world.view().state, world.tow().state, world.tow().order_ref) == (
        CheckIn.TOW_ORDERED,
        Tow.REQUESTED,
        "order-1",
    )
    assert world.said()[-1] == "Order order-1 was heard after all; the tow goes on."
    world.provider.goes_on("order-1", Tow.EN_ROUTE)
    world.run_until(NOW + 3 * MINUTE)
    assert world.tow().state is Tow.EN_ROUTE
    assert len(world.provider.orders) == 1


def test_it_is_taken_up_while_she_looks_at_another_price_and_one_truck_comes(world: World) -> None:
    unclear(world)
    world.desk.answer("incident-1", Happening.WANTS_TOW, world.now)
    world.run_until(NOW + 36 * SECOND)
    assert world.view().state is CheckIn.TOW_ORDERED
    world.say_yes("quote-2")
    world.run_until(NOW + 3 * MINUTE)
    assert list(world.provider.orders) == ["incident-1/1"]


def test_after_a_second_order_the_first_is_called_off(world: World) -> None:
    unclear(world)
    world.say_yes("quote-2")
    world.run_until(NOW + 2 * MINUTE)
    # Each under a name of its own: the second yes does not get the first order at the first price.
    assert {reference: order.state for reference, order in world.provider.orders.items()} == {
        "incident-1/1": Tow.CANCELLED,
        "incident-1/2": Tow.REQUESTED,
    }
    assert (world.view().state, world.tow().order_ref) == (CheckIn.TOW_ORDERED, "order-2")
    assert "Order order-1 was heard after all; it is called off." in world.said()
    assert "Order order-1: cancelled." in world.said("provider")


@pytest.mark.parametrize("says", ["safe", "closed", "car-closed"])
def test_what_nobody_wants_any_more_is_called_off(world: World, says: str) -> None:
    unclear(world)
    if says == "safe":
        world.desk.answer("incident-1", Happening.SAYS_SAFE, world.now)
    elif says == "closed":
        world.desk.operator_done("incident-1", "", world.now)
    else:
        world.desk.take_event(car_says(2, State.CLOSED), world.now)
    state = world.view().state
    assert state in (CheckIn.SAFE, CheckIn.CLOSED)
    world.run_until(NOW + 2 * MINUTE)
    assert world.provider.orders["incident-1/1"].state is Tow.CANCELLED
    assert (world.view().state, world.tow().unsettled) == (state, False)


def test_a_truck_too_many_that_cannot_be_called_off_calls_a_person_and_keeps_her(world: World) -> None:
    unclear(world)
    world.say_yes("quote-2")
    world.run_all()
    world.provider.refuses = refusal()
    world.run_until(NOW + 36 * SECOND)
    assert world.provider.calls("cancel") == ["order-1"]
    assert world.view().state is CheckIn.ESCALATED
    assert world.said()[-1].startswith("A truck that nobody wants may come; a person is called:")
    world.provider.goes_on("order-2", Tow.EN_ROUTE)
    world.run_until(NOW + 10 * MINUTE)
    assert (world.view().state, world.tow().state) == (CheckIn.ESCALATED, Tow.EN_ROUTE)
    # Not even the end of the wanted one, one way or the other, sends the person away.
    world.provider.refuses = None
    world.desk.call_off("incident-1", CallOff.DRIVER, world.now)
    world.run_all()
    assert (world.view().state, world.tow().state) == (CheckIn.ESCALATED, Tow.CANCELLED)


@pytest.mark.slow
def test_her_word_does_not_hide_an_order_that_nobody_can_find_out_about(world: World) -> None:
    unclear(world)
    world.provider.fails = [slow()] * 10_000
    world.run_until(NOW + 5 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED
    world.desk.answer("incident-1", Happening.SAYS_SAFE, world.now)
    world.run_until(NOW + 30 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED
    # Who closes it has read that.
    world.desk.operator_done("incident-1", "", world.now)
    world.run_until(NOW + 10 * HOUR)
    assert world.view().state is CheckIn.CLOSED


def test_an_order_that_was_never_heard_is_settled_after_ten_minutes(world: World) -> None:
    world.provider.fails = [slow()] * 6
    world.say_yes()
    world.run_until(NOW + 10 * MINUTE)
    assert world.tow().unsettled and world.provider.orders == {}
    world.run_until(NOW + HOUR)
    assert not world.tow().unsettled
    assert world.said()[-1] == "The provider has no such order: no truck was ordered."
    assert world.desk.next_due() is None
    # "No such order" is an answer: the looking itself called nobody.
    assert sum("a person is called" in line for line in world.said()) == 1


@pytest.mark.slow
def test_when_nobody_can_find_out_a_person_is_called_even_to_who_is_safe(world: World) -> None:
    unclear(world)
    world.desk.answer("incident-1", Happening.SAYS_SAFE, world.now)
    world.provider.fails = [slow()] * 10_000
    world.run_until(NOW + 2 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED
    assert world.said()[-1].startswith("Whether the tow was ordered cannot be found out; a person is called:")
    world.run_until(NOW + 12 * HOUR)
    assert 40 < len(world.provider.calls("find")) <= 45 and world.desk.next_due() is None


def test_a_provider_that_cannot_be_asked_by_reference_calls_a_person_at_once(world: World) -> None:
    unclear(world)
    world.desk.answer("incident-1", Happening.SAYS_SAFE, world.now)
    world.provider.fails = [refusal("We have no such page.")]
    world.run_until(NOW + 36 * SECOND)
    assert world.view().state is CheckIn.ESCALATED and len(world.provider.calls("find")) == 1
    assert world.tow().unsettled


def test_an_answer_that_comes_after_the_order_was_given_up_counts(world: World) -> None:
    world.say_yes()
    world.desk.given_up(1, "It took too long.", world.now, unclear=False)
    world.desk.requested(1, "order-1", world.now)
    assert (world.view().state, world.tow().order_ref) == (CheckIn.TOW_ORDERED, "order-1")


def test_a_found_order_that_has_ended_is_told_and_not_taken_up(world: World) -> None:
    unclear(world)
    world.provider.goes_on("order-1", Tow.CANCELLED)
    world.run_until(NOW + 36 * SECOND)
    assert (world.view().state, world.tow().unsettled, world.tow().ended) == (CheckIn.ESCALATED, False, True)
    assert world.said("provider")[-1] == "Order order-1 was heard, and is cancelled."


def test_a_refusal_at_the_first_word_is_the_last(world: World) -> None:
    world.provider.fails = [refusal("We are on strike.")]
    world.say_yes()
    world.run_all()
    assert (world.view().state, world.tow().unsettled) == (CheckIn.ESCALATED, False)
    assert world.said()[-1] == ("The order failed; a person is called: The towing provider refuses: We are on strike.")
    assert world.desk.next_due() is None


# Names used twice ---------------------------------------------------------------------------


@pytest.mark.slow
def test_an_order_with_the_name_of_another_calls_a_person(world: World) -> None:
    world.provider.name = lambda _number: "order-1"
    world.order()
    world.desk.take_event(car_says(incident_id="incident-2"), world.now)
    world.desk.answer("incident-2", Happening.WANTS_TOW, world.now)
    quote = world.view().quote
    assert quote
    world.desk.keep_quote("incident-2", quote, world.now)
    world.desk.order("incident-2", "quote-1", "I order.", world.now)
    world.run_all()
    other = world.desk.view("incident-2")
    assert other and other.tow and (other.state, other.tow.order_ref) == (CheckIn.ESCALATED, "")
    assert "its order order-1 is not this tow's" in [entry.what for entry in other.story if entry.who == "fleet"][-1]
    # The one whose name it is goes on, and nothing loops.
    assert world.view().state is CheckIn.TOW_ORDERED
    assert len(world.provider.calls("request")) == 2
    world.run_until(NOW + MINUTE)
    assert len(world.provider.calls("request")) == 2


def test_an_order_is_not_renamed(world: World) -> None:
    world.order()
    before = world.view()
    with pytest.raises(DeskError, match="its order order-9 is not this tow's"):
        world.desk.requested(1, "order-9", world.now)
    world.desk.found(1, Order("order-9", Tow.REQUESTED), world.now)
    assert world.view() == before


def test_a_second_order_is_possible_only_when_the_first_has_ended(world: World) -> None:
    world.order()
    world.say_yes("quote-2")
    world.run_all()
    assert list(world.provider.orders) == ["incident-1/1"]
    world.desk.call_off("incident-1", CallOff.DRIVER, world.now)
    world.say_yes("quote-2")
    assert world.tow().number == 1, "it is being called off, and has not ended"
    world.run_all()
    world.say_yes("quote-3")
    world.run_all()
    assert {reference: order.state for reference, order in world.provider.orders.items()} == {
        "incident-1/1": Tow.CANCELLED,
        "incident-1/2": Tow.REQUESTED,
    }
