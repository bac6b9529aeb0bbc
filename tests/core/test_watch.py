"""One rule at work, and all of them added up, without decoder and responder: the smallest parts of a finding."""

from math import inf, nextafter

import pytest

from hardshoulder.core.actions import Finding
from hardshoulder.core.vocabulary import Propulsion, Vss
from support.cars import KINDS
from support.judge import Judge
from support.plain import plain_car, unprotected, with_limits

COMBUSTION, HYBRID, ELECTRIC = (plain_car(propulsion) for propulsion in Propulsion)

AIRBAG = plain_car(only=frozenset({Vss.SPEED, Vss.AIRBAG_DEPLOYED}))


def test_a_crash_takes_two_words_at_two_times() -> None:
    judge = Judge(COMBUSTION).say(10.0, airbag_deployed=True)
    crash = judge.watch(Finding.CRASH)
    assert (judge.rules.busy, crash.active, crash.samples) == ([crash], False, 1)
    judge.say(float("10.0"), airbag_deployed=True)
    assert (crash.active, crash.samples) == (False, 1), "doubled on the way, and stamped anew with the same time"
    judge.say(10.1, airbag_deployed=True)
    assert (crash.source, judge.rules.active, judge.rules.conclusive(10.1)) == ("Crash", [crash], True)


def test_an_unprotected_crash_takes_three() -> None:
    judge = Judge(unprotected(COMBUSTION)).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True)
    assert not judge.watch(Finding.CRASH).active
    assert judge.say(10.2, airbag_deployed=True).watch(Finding.CRASH).active


def test_what_is_taken_back_before_it_held_is_forgotten() -> None:
    judge = Judge(COMBUSTION).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=False)
    crash = judge.watch(Finding.CRASH)
    assert (crash.begun, crash.samples, crash.active, judge.rules.busy) == (None, 0, False, [])
    assert not judge.say(10.2, airbag_deployed=True).watch(Finding.CRASH).active


def test_an_active_finding_ends_when_the_contradiction_has_lasted() -> None:
    judge = Judge(AIRBAG).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True)
    judge.say(10.2, airbag_deployed=False)
    assert judge.rules.next_deadline(10.2) == 11.2
    judge.say(10.6, airbag_deployed=False).say(11.0, airbag_deployed=False)
    judge.rules.on_time(nextafter(11.2, 0.0))
    assert judge.watch(Finding.CRASH).active
    judge.rules.on_time(11.2)
    assert not judge.watch(Finding.CRASH).active and judge.rules.busy == []
    assert judge.rules.next_deadline(11.2) == inf


def test_a_word_in_between_starts_the_contradiction_anew() -> None:
    judge = Judge(AIRBAG).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True)
    judge.say(10.2, airbag_deployed=False).say(10.6, airbag_deployed=True)
    assert judge.rules.next_deadline(10.6) == inf
    judge.say(10.8, airbag_deployed=False).say(11.2, airbag_deployed=False)
    judge.rules.on_time(11.3)
    assert judge.watch(Finding.CRASH).active


def test_silence_ends_no_finding_and_no_contradiction_counts_through_it() -> None:
    judge = Judge(AIRBAG).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True)
    judge.say(10.2, airbag_deployed=False)
    judge.rules.on_time(10.7)
    assert judge.rules.next_deadline(10.7) == inf, "stale since: nobody knows"
    judge.rules.on_time(60.0)
    assert judge.watch(Finding.CRASH).active


def test_a_hold_is_a_deadline() -> None:
    judge = Judge(COMBUSTION).say(10.0, engine_speed=0.0).say(10.1, engine_speed=0.0)
    stopped = judge.watch(Finding.ENGINE_STOPPED)
    assert judge.rules.next_deadline(10.1) == 10.3
    judge.rules.on_time(nextafter(10.3, 0.0))
    assert not stopped.active
    judge.rules.on_time(10.3)
    assert stopped.active
    assert stopped.begun is not None and (stopped.begun.at_s, stopped.begun.value) == (10.0, 0.0)


@pytest.mark.parametrize("kph", [nextafter(15.0, 0.0), 15.0])
def test_evidence_begins_at_the_alert_speed_and_goes_on_below(kph: float) -> None:
    judge = Judge(COMBUSTION, kph).say(10.0, engine_speed=0.0)
    assert (judge.watch(Finding.ENGINE_STOPPED).begun is not None) is (kph >= 15.0)
    judge.say(10.1, speed=12.0).say(10.2, engine_speed=0.0).say(10.4, engine_speed=0.0)
    assert judge.watch(Finding.ENGINE_STOPPED).active is (kph >= 15.0)


def test_a_control_unit_that_came_back_is_heard_later() -> None:
    judge = Judge(COMBUSTION).say(11.0, airbag_deployed=True)
    assert judge.rules.busy == []
    assert judge.say(nextafter(11.3, 0.0), airbag_deployed=True).rules.busy == []
    assert judge.say(11.3, airbag_deployed=True).rules.busy != []


def test_two_words_of_one_message_are_one_witness() -> None:
    """The lamps for oil, coolant (0.4 together) and diagnosis (0.2) stand in one message."""
    judge = Judge(KINDS["coasting in silence"].plan)
    for tenth in range(12):
        at_s = 10.0 + tenth / 10
        judge.say(at_s, overheated=True, malfunction=True).say(at_s, engine_speed=0.0).say(at_s, limp_home=False)
    assert [watch.rule.finding for watch in judge.rules.active] == [
        Finding.ENGINE_STOPPED, Finding.STOP_NOW, Finding.MALFUNCTION,
    ]  # fmt: skip
    assert not judge.rules.conclusive(11.1), "0.8, and not 1.0"
    for at_s in (11.2, 11.5, 11.7):
        judge.say(at_s, limp_home=True).say(at_s, overheated=True, malfunction=True).say(at_s, engine_speed=0.0)
    assert judge.rules.conclusive(11.7), "another message makes it 1.2"


def test_weights_are_those_of_the_moment() -> None:
    judge = Judge(COMBUSTION).say(10.0, engine_speed=0.0).say(10.3, engine_speed=0.0)
    stopped = judge.watch(Finding.ENGINE_STOPPED)
    assert (stopped.weight(10.3), judge.rules.conclusive(10.3)) == (1.0, True)
    judge.bench.say(10.4, drive_torque=20.0)
    assert (stopped.weight(10.4), judge.rules.conclusive(10.4)) == (0.5, False)


def test_the_leading_finding_weighs_something_by_itself() -> None:
    judge = Judge(HYBRID)
    assert judge.rules.leading(10.0) is None and not judge.rules.conclusive(10.0)
    for at_s in (10.0, 10.4, 10.8, 11.0):
        judge.say(at_s, overheated=True)
    leading = judge.rules.leading(11.0)
    assert leading is not None and leading.rule.finding is Finding.STOP_NOW, "there is nothing else"
    judge.bench.say(10.2, supply_voltage=14.0).say(10.6, supply_voltage=14.0).say(11.0, supply_voltage=14.0)
    for at_s in (11.1, 11.4, 11.6, 11.8):
        judge.say(at_s, overheated=True).say(at_s, supply_voltage=8.0)
    leading = judge.rules.leading(11.8)
    assert leading is not None and leading.rule.finding is Finding.SUPPLY_COLLAPSED
    assert not judge.rules.conclusive(11.8), "1.0 together, and nothing says that the drive is lost"


def test_half_a_weight_is_something() -> None:
    judge = Judge(HYBRID)
    judge.bench.say(9.9, drive_torque=300.0)
    for at_s in (10.0, 10.3):
        judge.say(at_s, engine_speed=0.0).say(at_s, drive_ready=False)
    assert [watch.weight(10.3) for watch in judge.rules.active] == [0.2, 0.5]
    leading = judge.rules.leading(10.3)
    assert leading is not None and leading.rule.finding is Finding.DRIVE_NOT_READY


def test_a_reset_forgets_everything() -> None:
    judge = (
        Judge(COMBUSTION).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True).say(10.1, engine_speed=0.0)
    )
    assert len(judge.rules.busy) == 2
    judge.rules.reset()
    crash = judge.watch(Finding.CRASH)
    assert (judge.rules.busy, crash.begun, crash.samples, crash.active) == ([], None, 0, False)
    assert judge.rules.next_deadline(10.1) == inf


def test_a_slow_message_holds_until_its_second_word() -> None:
    judge = Judge(with_limits(ELECTRIC, contactors_open_hold_s=0.2)).say(10.0, power_connected=False)
    judge.rules.on_time(10.2)
    assert not judge.watch(Finding.CONTACTORS_OPEN).active
    assert judge.say(10.4, power_connected=False).watch(Finding.CONTACTORS_OPEN).active


def test_of_findings_that_weigh_little_the_first_of_the_table_leads() -> None:
    judge = Judge(KINDS["coasting in silence"].plan)
    for tenth in range(12):
        at_s = 10.0 + tenth / 10
        judge.say(at_s, overheated=True, malfunction=True).say(at_s, engine_speed=0.0)
    leading = judge.rules.leading(11.1)
    assert leading is not None and leading.rule.finding is Finding.ENGINE_STOPPED


@pytest.mark.parametrize("lamp", ["oil_pressure_low", "overheated"])
def test_a_red_lamp_that_goes_out_ends_its_finding_and_one_that_nobody_reports_does_not(lamp: str) -> None:
    for goes_out in (True, False):
        judge = Judge(COMBUSTION)
        for tenth in range(30):
            at_s = 10.0 + tenth / 10
            judge.say(at_s, engine_speed=900.0)
            if tenth < 12 or goes_out:
                judge.say(at_s, **{lamp: tenth < 12})
        judge.rules.on_time(13.0)
        assert judge.watch(Finding.STOP_NOW).active is not goes_out
