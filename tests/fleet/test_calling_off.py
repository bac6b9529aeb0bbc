"""Calling a tow off: before anybody has asked for it, on its way, when it is too late, and when nobody answers."""

from datetime import timedelta

import pytest

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.desk import Heard
from hardshoulder_fleet.errands import Errands
from support.tows import NOW, World, refusal, slow

MINUTE = timedelta(minutes=1)


def call_off(world: World, by: CallOff = CallOff.DRIVER) -> None:
    world.desk.call_off("incident-1", by, world.now)
    world.run_all()


def test_the_driver_calls_off_and_nobody_is_needed(world: World) -> None:
    world.order()
    before = world.desk.call_off("incident-1", CallOff.DRIVER, world.now)
    # The row first: nothing has been done yet, and the tow may still come.
    assert (before.state, world.tow().called_off, world.provider.calls("cancel")) == (
        CheckIn.TOW_ORDERED,
        CallOff.DRIVER,
        [],
    )
    world.run_all()
    assert world.provider.calls("cancel") == ["order-1"]
    assert (world.view().state, world.tow().state, world.tow().ended) == (CheckIn.SAFE, Tow.CANCELLED, True)
    assert world.said("driver")[-1] == "Call off the tow."
    # What the provider reports besides is known already.
    assert world.desk.provider_said("order-1", Tow.CANCELLED, 2, world.now) is Heard.KNOWN
    world.run_until(NOW + timedelta(days=1))
    assert world.provider.calls("cancel") == ["order-1"] and world.desk.next_due() is None


def test_a_second_tap_asks_once_and_another_tow_is_left_alone(world: World) -> None:
    world.order()
    world.desk.call_off("incident-1", CallOff.DRIVER, world.now, tow=2)
    assert world.tow().called_off is None
    first = world.desk.call_off("incident-1", CallOff.DRIVER, world.now, tow=1)
    assert world.desk.call_off("incident-1", CallOff.DRIVER, world.now, tow=1) == first
    world.run_all()
    assert world.provider.calls("cancel") == ["order-1"]


def test_what_nobody_has_asked_for_is_not_asked_for(world: World) -> None:
    world.say_yes()
    call_off(world)
    assert (world.view().state, world.tow().state) == (CheckIn.SAFE, Tow.CANCELLED)
    assert world.provider.asked == [] and world.desk.next_due() is None


def test_a_request_at_hand_is_finished_first_and_then_called_off(world: World) -> None:
    world.say_yes()
    [errand] = world.desk.claim_errands(world.now)
    call_off(world)
    assert errand.tow and world.view().state is CheckIn.TOW_ORDERED
    world.desk.requested(1, world.provider.request("quote-1", errand.tow.reference), world.now)
    world.desk.errand_done(errand, world.now)
    world.run_all()
    assert world.provider.calls("cancel") == ["order-1"]
    assert world.view().state is CheckIn.SAFE


def test_a_request_that_may_have_been_heard_is_found_and_called_off(world: World) -> None:
    world.provider.deaf = True
    world.say_yes()
    world.run_all()
    world.provider.deaf = False
    call_off(world)
    assert (world.view().state, world.tow().unsettled) == (CheckIn.SAFE, True)
    world.run_until(NOW + timedelta(seconds=5))
    assert [name for name, _ in world.provider.asked] == ["request", "find", "cancel"]
    assert (world.view().state, world.tow().unsettled) == (CheckIn.SAFE, False)
    assert world.said("provider") == ["Order order-1: cancelled."]


def test_a_tow_that_is_there_comes_all_the_same_and_everybody_reads_why(world: World) -> None:
    world.order(Tow.ON_SITE)
    world.provider.fails = [refusal()]
    call_off(world)
    assert (world.view().state, world.tow().state, world.tow().called_off) == (CheckIn.TOW_ORDERED, Tow.ON_SITE, None)
    assert world.tow().refusal == "The towing provider refuses: Our truck is with the car already."
    assert world.said("provider")[-1] == f"Not called off: {world.tow().refusal}"
    # She may try again.
    call_off(world)
    assert (world.view().state, len(world.provider.calls("cancel"))) == (CheckIn.SAFE, 2)


def test_a_completed_one_stays_completed(world: World) -> None:
    world.order()
    world.provider.goes_on("order-1", Tow.COMPLETED)
    call_off(world)
    assert (world.view().state, world.tow().state) == (CheckIn.CLOSED, Tow.COMPLETED)


def test_nobody_answers_so_a_person_is_called_and_it_is_tried_on(world: World) -> None:
    world.order()
    world.provider.fails = [slow()] * 8
    call_off(world)
    world.run_until(NOW + timedelta(seconds=40))
    assert (world.view().state, world.tow().ended) == (CheckIn.ESCALATED, False)
    assert world.said()[-1].startswith("Calling off the tow does not work; a person is called: The towing provider did")
    # A word that the truck is on its way does not send the person away: it was to be called off.
    world.desk.provider_said("order-1", Tow.ON_SITE, 2, world.now)
    assert world.view().state is CheckIn.ESCALATED
    world.run_until(NOW + 10 * MINUTE)
    assert world.view().state is CheckIn.SAFE
    assert len(world.provider.calls("cancel")) + len(world.provider.calls("status")) >= 9


@pytest.mark.slow
def test_it_is_given_up_after_hours_and_told(world: World) -> None:
    world.order()
    world.provider.fails = [slow()] * 10_000
    call_off(world)
    world.run_until(NOW + timedelta(hours=5))
    assert world.tow().refusal == ""
    world.run_until(NOW + timedelta(hours=5.9))
    pauses = len(world.provider.calls("cancel"))
    world.run_until(NOW + timedelta(hours=12))
    assert 40 < pauses <= len(world.provider.calls("cancel")) == 45
    # By then the tow itself is taken for lost.
    assert (world.tow().state, world.tow().ended) == (Tow.FAILED, True)
    assert world.desk.next_due() is None


def test_a_provider_that_takes_its_time_is_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.order()
    monkeypatch.setattr(world.provider, "cancel", world.provider._by_ref)
    call_off(world)
    assert world.view().state is CheckIn.TOW_ORDERED
    assert world.said()[-1].endswith("was asked, and its order is still en-route.")
    world.now += timedelta(seconds=1)
    world.desk.provider_said("order-1", Tow.CANCELLED, 2, world.now)
    world.run_all()
    assert world.view().state is CheckIn.SAFE and world.desk.next_due() is not None
    world.run_until(NOW + 2 * MINUTE)
    assert world.desk.next_due() is None


@pytest.mark.parametrize("end", [Tow.CANCELLED, Tow.FAILED])
def test_a_tow_that_the_provider_ends_by_itself_calls_a_person(world: World, end: Tow) -> None:
    world.order()
    world.desk.provider_said("order-1", end, 2, world.now)
    assert (world.view().state, world.said()[-1]) == (
        CheckIn.ESCALATED,
        "The tow does not come; a person is called.",
    )


def test_an_operator_who_calls_off_keeps_the_driver_in_sight(world: World) -> None:
    world.order()
    call_off(world, CallOff.OPERATOR)
    assert (world.view().state, world.tow().state) == (CheckIn.ESCALATED, Tow.CANCELLED)


def test_done_closes_and_calls_off(world: World) -> None:
    world.order()
    assert world.desk.operator_done("incident-1", "Driven home.", world.now).state is CheckIn.CLOSED
    world.run_all()
    assert world.provider.calls("cancel") == ["order-1"]
    assert (world.view().state, world.tow().state) == (CheckIn.CLOSED, Tow.CANCELLED)
    assert world.said("operator") == ["Call off the tow.", "Closed: Driven home."]


def test_a_closed_one_whose_truck_still_comes_is_opened_again_once(world: World) -> None:
    world.order(Tow.ON_SITE)
    world.provider.fails = [refusal()]
    world.desk.operator_done("incident-1", "", world.now)
    world.run_all()
    assert world.view().state is CheckIn.ESCALATED
    assert world.said()[-1].startswith("This was closed, and the truck still comes: The towing provider refuses:")
    # It stays there until she has seen it, whatever the provider says.
    world.run_until(NOW + 6 * MINUTE)
    assert world.view().state is CheckIn.ESCALATED and len(world.provider.calls("status")) > 4
    world.desk.operator_done("incident-1", "Let it come.", world.now)
    world.run_until(world.now + 6 * MINUTE)
    assert (world.view().state, world.provider.calls("cancel")) == (CheckIn.CLOSED, ["order-1"])
    world.desk.provider_said("order-1", Tow.COMPLETED, 2, world.now)
    assert (world.view().state, world.tow().state) == (CheckIn.CLOSED, Tow.COMPLETED)


def test_an_emergency_stays_one_when_its_tow_is_called_off(world: World) -> None:
    world.order()
    world.desk.answer("incident-1", Happening.SAYS_EMERGENCY, world.now)
    call_off(world, CallOff.OPERATOR)
    assert (world.view().state, world.tow().state) == (CheckIn.EMERGENCY, Tow.CANCELLED)


def test_what_an_old_page_says_means_nothing_while_a_tow_is_open(world: World) -> None:
    world.order()
    world.desk.doubt(1, "Nobody knows; a person is called.", world.now)
    for says in (Happening.SAYS_SAFE, Happening.WANTS_TOW):
        assert world.desk.answer("incident-1", says, world.now).state is CheckIn.ESCALATED


def test_the_errand_survives_the_process(world: World) -> None:
    world.order()
    world.desk.call_off("incident-1", CallOff.DRIVER, world.now)
    assert [errand.tow and errand.tow.order_ref for errand in world.desk.claim_errands(world.now)] == ["order-1"]
    # It dies here. Whoever starts next is the only one on this database.
    world.desk.take_over(world.now)
    assert isinstance(world.errands, Errands)
    world.run_all()
    assert world.view().state is CheckIn.SAFE
