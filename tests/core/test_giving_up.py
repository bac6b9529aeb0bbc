"""Hazards that are let go because the car's supply is nearly gone: when, what is said, and what brings them back."""

from hardshoulder.core.actions import HazardState, Lease, Report, Transmit
from hardshoulder.core.position import Fix
from support.driven import DEAD, broken, driving
from support.plain import plain_car

PLAN = plain_car()


def test_they_are_let_go_the_fleet_knows_and_the_driver_is_told_of_her_button() -> None:
    driven = broken(PLAN).run(2.0)
    assert driven.of(Report)[-1].incident.hazards is HazardState.CONFIRMED
    driven.take(driven.responder.give_up_hazards(driven.now_s))
    driven.run(1.0)
    assert driven.incident.hazards is HazardState.RELEASED
    assert driven.incident.timeline[-2].what == "hazards given up: the supply stayed below its floor"
    assert driven.notices[-1] == "hazard-button"
    assert driven.of(Report)[-1].incident.hazards is HazardState.RELEASED
    assert driven.of(Lease)[-1].until_s < driven.now_s + 60.0, "and the permit is shut soon"
    driven.say(hazard_signaling=False)
    sent = len(driven.of(Transmit))
    driven.run(60.0)
    assert driven.incident.hazards is HazardState.RELEASED, "they do not come back by themselves"
    assert len(driven.of(Transmit)) <= sent + 5


def test_once_is_enough_and_without_a_request_there_is_nothing_to_give_up() -> None:
    driven = broken(PLAN).run(2.0)
    driven.take(driven.responder.give_up_hazards(driven.now_s))
    driven.run(5.0)
    assert driven.responder.give_up_hazards(driven.now_s) == []
    healthy = driving(PLAN)
    assert healthy.responder.give_up_hazards(healthy.now_s) == []


def test_a_crash_is_a_new_reason() -> None:
    driven = broken(PLAN).run(2.0)
    driven.take(driven.responder.give_up_hazards(driven.now_s))
    driven.say(hazard_signaling=False)
    driven.run(5.0)
    driven.say(airbag_deployed=True)
    driven.run(0.4)
    assert driven.incident.hazards is HazardState.REQUESTED


def test_where_the_car_is_can_be_asked_at_any_time() -> None:
    driven = driving(PLAN)
    before = driven.responder.whereabouts(driven.now_s)
    driven.responder.place(Fix(48.2, 11.6, None, None, None, driven.now_s))
    after = driven.responder.whereabouts(driven.now_s + 1.0)
    assert after is not None and (after.latitude, after.age_s, after.source) == (48.2, 1.0, "gnss")
    assert before is None or before.source == "bus"
    driven.say(**DEAD)
    driven.run(2.0)
    assert driven.incident.location is not None
