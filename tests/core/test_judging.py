"""What may begin, what begins in silence, who leads and who is a witness: the rules on the bench, at their limits."""

from dataclasses import replace
from math import inf, nextafter

import pytest

from hardshoulder.core.actions import Finding
from hardshoulder.core.condition import Condition
from hardshoulder.core.plan import CarPlan, Traits
from hardshoulder.core.rules import Rules
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Propulsion, Vss
from support.bench import Bench
from support.cars import KINDS, Car
from support.judge import Judge
from support.plain import on_second_bus, plain_car, with_limits

COMBUSTION = plain_car()
START_STOP = Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=False).plan

# Which rules there are -------------------------------------------------------------------------


NEITHER_READY_NOR_RESTS = Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=False, ready=False).plan


@pytest.mark.parametrize(
    ("car", "missing"),
    [
        (replace(COMBUSTION, switched_off=("limp-home",)), {Finding.LIMP_HOME}),
        (NEITHER_READY_NOR_RESTS, {Finding.STALLED, Finding.DRIVE_NOT_READY}),
        (plain_car(without=frozenset({Vss.IGNITION_SWITCH})), {Finding.SWITCHED_OFF}),
        (plain_car(without=frozenset({Vss.LIMP_HOME})), {Finding.LIMP_HOME}),
    ],
    ids=["switched off", "weighs nothing", "lacks what it needs", "has no evidence"],
)
def test_a_rule_that_cannot_count_is_left_out(car: CarPlan, missing: set[Finding]) -> None:
    def watched(plan: CarPlan) -> list[Finding]:
        return [watch.rule.finding for watch in Rules(Condition(Senses(plan))).watches]

    assert watched(car) == [each for each in watched(COMBUSTION) if each not in missing]
    assert missing < set(watched(COMBUSTION))


# What may begin --------------------------------------------------------------------------------


@pytest.mark.parametrize("kph", [nextafter(25.0, 0.0), 25.0])
def test_below_its_start_stop_speed_only_an_engine_may_rest_unsaid(kph: float) -> None:
    judge = Judge(START_STOP, kph)
    assert judge.rules.may_begin(judge.watch(Finding.ENGINE_STOPPED).rule, 10.0) is (kph == 25.0)
    assert judge.rules.may_begin(judge.watch(Finding.DRIVE_NOT_READY).rule, 10.0)


@pytest.mark.parametrize(("kph", "may"), [(nextafter(15.0, 0.0), False), (15.0, True)])
def test_a_start_stop_speed_below_the_alert_speed_lowers_nothing(kph: float, may: bool) -> None:
    traits = Traits(start_stop_below_kph=5.0)
    judge = Judge(plain_car(without=frozenset({Vss.ENGINE_RESTS}), traits=traits), kph)
    assert judge.rules.may_begin(judge.watch(Finding.ENGINE_STOPPED).rule, 10.0) is may


def test_an_engine_that_ignores_the_pedal_does_not_rest() -> None:
    judge = Judge(START_STOP, 20.0)
    judge.bench.say(10.0, engine_speed=0.0, engine_running=False, pedal_position=50.0).keep(14.0)
    assert judge.bench.car.engine_ignores_pedal(14.0)
    assert judge.rules.may_begin(judge.watch(Finding.ENGINE_STOPPED).rule, 14.0)


def test_a_speed_that_nobody_knows_lets_nothing_begin_but_a_crash_and_a_stall() -> None:
    judge = Judge(COMBUSTION)
    may = {watch.rule.finding for watch in judge.rules.watches if judge.rules.may_begin(watch.rule, 60.0)}
    assert may == {Finding.CRASH, Finding.STALLED}


@pytest.mark.parametrize(
    ("kph", "may"), [(None, False), (60.0, False), (15.0, False), (nextafter(15.0, 0.0), True), (0.0, True)]
)
def test_what_was_not_enough_at_speed_may_be_a_stall_where_the_car_goes_slowly(kph: float | None, may: bool) -> None:
    judge = Judge(COMBUSTION).say(10.0, drive_ready=False)
    stalled = judge.watch(Finding.STALLED).rule
    at_s = 10.5 if kph is not None else 60.0
    if kph is not None:
        judge.bench.say(10.25, speed=kph).say(10.5, speed=kph)
    assert judge.rules.may_begin(stalled, at_s) is may


def test_what_was_enough_at_speed_is_no_stall_and_what_only_adds_excludes_none() -> None:
    judge = Judge(COMBUSTION).say(10.0, supply_voltage=8.0)
    stalled = judge.watch(Finding.STALLED).rule
    assert judge.rules.busy and judge.rules.may_begin(stalled, 10.0)
    judge.say(10.0, power_state="OFF").say(10.3, power_state="OFF").say(10.6, power_state="OFF")
    judge.bench.say(10.7, speed=10.0).say(10.8, speed=10.0)
    assert judge.rules.conclusive(10.8) and not judge.rules.may_begin(stalled, 10.8)


# Where readings begin it -----------------------------------------------------------------------


def test_of_lamps_read_together_the_lit_one_is_named() -> None:
    judge = Judge(COMBUSTION).say(10.0, brake_failing=True, overheated=False)
    begun = judge.watch(Finding.STOP_NOW).begun
    assert begun is not None and (begun.signal, begun.value, begun.at_s) == (Vss.BRAKE_FAILING, True, 10.0)


def test_a_word_at_the_very_beginning_of_the_clock_counts() -> None:
    bench = Bench(with_limits(COMBUSTION, settled_after_s=0.0)).say(0.0, airbag_deployed=True)
    crash = Rules(bench.car).watches[0]
    crash.take(True, 0.0, may_begin=True, sample=True)
    assert (crash.rule.finding, crash.samples) == (Finding.CRASH, 1)


def test_a_rule_that_was_reset_waits_for_nothing() -> None:
    judge = Judge(COMBUSTION).say(10.0, airbag_deployed=True).say(10.1, airbag_deployed=True)
    crash = judge.watch(Finding.CRASH)
    crash.take(False, 10.2, may_begin=False, sample=True)
    assert crash.deadline_after(10.2) == 11.2
    crash.reset()
    assert crash.deadline_after(0.0) == inf


# Where silence begins it -----------------------------------------------------------------------


def silenced() -> Judge:
    """A car whose power and drive, on a bus of their own, fell silent at 10.0 while its speed is still heard."""
    drive = ("Power", "Supply", "Engine", "Drive", "Gear", "Warnings", "Lamps", "Crash")
    judge = Judge(on_second_bus(COMBUSTION, *drive))
    judge.bench.keep(10.0)
    for tenth in range(1, 12):
        judge.say(10.0 + tenth / 10, speed=60.0)
    return judge


def test_silence_began_with_the_last_word_and_ends_with_the_next() -> None:
    judge = silenced()
    judge.rules.on_time(nextafter(10.5, 0.0))
    judge.rules.on_time(11.1)
    silent = judge.watch(Finding.BUS_SILENT)
    assert silent.active and silent.begun is not None
    assert (silent.begun.value, silent.begun.at_s) == ("silent", 10.0)
    judge.say(11.2, drive_ready=True)
    judge.rules.on_time(11.2)
    assert not silent.active


# Who leads, and who is a witness ---------------------------------------------------------------


def test_a_finding_that_weighs_little_does_not_lead_one_that_weighs_something() -> None:
    judge = Judge(KINDS["coasting in silence"].plan)
    for tenth in range(9):
        judge.say(10.0 + tenth / 10, engine_speed=0.0).say(10.0 + tenth / 10, supply_voltage=8.0)
    assert [watch.weight(10.8) for watch in judge.rules.active] == [0.4, 0.6]
    leading = judge.rules.leading(10.8)
    assert leading is not None and leading.rule.finding is Finding.SUPPLY_COLLAPSED


def test_two_that_fell_silent_are_one_witness_from_the_moment_at_which_both_are_overdue() -> None:
    judge = Judge(COMBUSTION)
    for quarter in range(5):
        judge.say(10.0 + quarter / 4, drive_ready=False).say(10.0 + quarter / 4, overheated=True)
    assert [watch.weight(11.0) for watch in judge.rules.active] == [0.6, 0.4]
    assert judge.rules.conclusive(11.0) and judge.rules.conclusive(nextafter(11.5, 0.0))
    assert not judge.rules.conclusive(11.5) and not judge.rules.conclusive(60.0)
    judge.bench.say(11.25, overheated=True)
    assert judge.rules.conclusive(11.5), "one of them is still heard"
