"""Every finding in every kind of car: alone, together, contradicted, at which speed, and what each car is blind to."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardshoulder.core.actions import Finding, Incident
from hardshoulder.core.condition import Condition
from hardshoulder.core.findings import CONTRADICTED, RULES
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.rules import CONCLUSIVE, TELLING, Rules
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.cars import CARS, KINDS, OPENS, SAYS, Car
from support.driven import Driven, driving
from support.plain import plain_car, unprotected

COMBUSTION, HYBRID, ELECTRIC = (plain_car(propulsion) for propulsion in Propulsion)


def say(driven: Driven, values: dict[Vss, Value]) -> Driven:
    driven.say(**{vss.name.lower(): value for vss, value in values.items()})
    return driven


def said_at_speed(car: Car, findings: set[Finding], *, pushing: bool, kph: float = 100.0) -> list[Incident]:
    """What comes of a car that says all this while it drives."""
    driven = driving(car.plan, kph, seconds=1.0)
    driven.say(drive_torque=300.0 if pushing else 0.0)
    for finding in findings - {Finding.SWITCHED_OFF}:
        say(driven, SAYS[finding])
    if Finding.SWITCHED_OFF in findings:
        say(driven, SAYS[Finding.SWITCHED_OFF])
    return driven.run(1.5).incidents


@pytest.mark.slow
@pytest.mark.parametrize("pushing", [True, False])
@pytest.mark.parametrize("finding", SAYS)
def test_every_finding_alone_in_every_car(finding: Finding, pushing: bool) -> None:
    for car in CARS:
        expected = car.verdict({finding}, pushing=pushing)
        kinds = [incident.kind for incident in said_at_speed(car, {finding}, pushing=pushing)]
        assert kinds == ([] if expected is None else [expected]), car


@pytest.mark.parametrize("name", KINDS)
def test_every_two_findings_that_are_nothing_alone(name: str) -> None:
    car = KINDS[name]
    weak = [finding for finding in SAYS if car.maps(finding) and car.verdict({finding}, pushing=False) is None]
    for both in combinations(weak, 2):
        expected = car.verdict(set(both), pushing=False)
        kinds = [incident.kind for incident in said_at_speed(car, set(both), pushing=False)]
        assert kinds == ([] if expected is None else [expected]), both


@pytest.mark.slow
@example(
    Car(Propulsion.HYBRID, ready=False),
    {Finding.ENGINE_STOPPED, Finding.LIMP_HOME, Finding.MALFUNCTION, Finding.SUPPLY_COLLAPSED},
    False,
)
@given(st.sampled_from(CARS), st.sets(st.sampled_from(list(SAYS)), max_size=5), st.booleans())
def test_any_findings_in_any_car_weigh_what_they_should(car: Car, findings: set[Finding], pushing: bool) -> None:
    expected = car.verdict(findings, pushing=pushing)
    incidents = said_at_speed(car, findings, pushing=pushing)
    assert [incident.kind for incident in incidents] == ([] if expected is None else [expected])
    for incident in incidents:
        known = {finding for finding in findings if car.maps(finding) and car.weight(finding)}
        assert {item.finding for item in incident.evidence} <= known


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("finding", SAYS)
def test_below_the_alert_speed_only_a_crash_counts(name: str, finding: Finding) -> None:
    incidents = said_at_speed(KINDS[name], {finding}, pushing=False, kph=14.9)
    assert [incident.kind for incident in incidents] == ([Finding.CRASH] if finding is Finding.CRASH else [])


@pytest.mark.parametrize("name", KINDS)
def test_the_table_has_the_weights_that_were_meant(name: str) -> None:
    car = KINDS[name]
    weights = {rule.finding: rule.weight(car.plan) for rule in RULES}
    assert {finding: weights[finding] for finding in SAYS} == {finding: car.weight(finding) for finding in SAYS}
    assert weights[Finding.NO_TORQUE] == weights[Finding.BUS_SILENT] == 1.0
    assert (weights[Finding.NO_DRIVE], weights[Finding.DRIVE_SILENT]) == (0.6, 0.5)
    assert weights[Finding.STALLED] == 1.0, "each of these cars says whether its drive is ready"


STALLS: list[tuple[Car, float]] = [
    (Car(Propulsion.COMBUSTION, ready=False, rests=False), 1.0),
    (Car(Propulsion.COMBUSTION, start_stop_kph=25.0, ready=False), 1.0),
    (Car(Propulsion.COMBUSTION, start_stop_kph=25.0, rests=False), 1.0),
    (Car(Propulsion.COMBUSTION, start_stop_kph=25.0, ready=False, rests=False), 0.0),
    (Car(Propulsion.COMBUSTION, start_stop_kph=0.1, ready=False, rests=False), 0.0),
    (Car(Propulsion.COMBUSTION, coasts=True, ready=False, rests=False), 0.0),
    (Car(Propulsion.HYBRID, coasts=True, ready=False, rests=False), 0.0),
    (Car(Propulsion.ELECTRIC, coasts=True, ready=False, rests=False), 1.0),
]


@pytest.mark.parametrize(("car", "weight"), STALLS)
def test_a_car_that_stops_its_engine_and_does_not_say_so_cannot_stall(car: Car, weight: float) -> None:
    (rule,) = (rule for rule in RULES if rule.finding is Finding.STALLED)
    assert rule.weight(car.plan) == weight


def watched(plan: CarPlan) -> set[Finding]:
    return {watch.rule.finding for watch in Rules(Condition(Senses(plan))).watches}


def test_a_rule_whose_signals_are_not_there_does_not_exist() -> None:
    assert watched(COMBUSTION) == set(Finding) - {Finding.CONTACTORS_OPEN}
    assert watched(HYBRID) == set(Finding)
    assert watched(ELECTRIC) == set(Finding) - {Finding.ENGINE_STOPPED}
    few = plain_car(only=frozenset({Vss.SPEED, Vss.ENGINE_SPEED, Vss.POWER_STATE, Vss.DRIVE_TORQUE}))
    assert watched(few) == {
        Finding.POWER_LOST, Finding.ENGINE_STOPPED, Finding.BUS_SILENT, Finding.DRIVE_SILENT, Finding.STALLED,
    }  # fmt: skip
    pedal = plain_car(only=frozenset({Vss.SPEED, Vss.PEDAL_POSITION}))
    assert watched(pedal) == {Finding.NO_DRIVE}
    assert watched(plain_car(only=frozenset({Vss.PEDAL_POSITION, Vss.DRIVE_TORQUE}))) == set()


@pytest.mark.parametrize("finding", SAYS)
def test_a_rule_that_is_switched_off_does_not_exist(finding: Finding) -> None:
    assert watched(replace(HYBRID, switched_off=(finding.value,))) == set(Finding) - {finding}


def test_the_table_is_in_the_order_of_the_kinds() -> None:
    assert [rule.finding for rule in RULES] == list(Finding)
    assert (CONCLUSIVE, TELLING, CONTRADICTED) == (1.0, 0.5, 0.5)


def test_what_opens_and_what_only_adds() -> None:
    opens = {rule.finding for rule in RULES if rule.opens}
    assert opens == OPENS | {
        Finding.NO_TORQUE, Finding.BUS_SILENT, Finding.DRIVE_SILENT, Finding.NO_DRIVE, Finding.STALLED,
    }  # fmt: skip
    assert {rule.finding for rule in RULES if not rule.moving} == {Finding.CRASH, Finding.STALLED}
    assert {rule.finding for rule in RULES if rule.timed} == {Finding.BUS_SILENT, Finding.DRIVE_SILENT}
    assert {rule.finding for rule in RULES if rule.against_words != "-"} == (OPENS - {Finding.CRASH}) | {
        Finding.NO_DRIVE
    }


# The evidence that is named -----------------------------------------------------------------

NAMED: list[tuple[str, dict[str, Value], Finding, Vss, Value]] = [
    ("combustion", {"airbag_deployed": True}, Finding.CRASH, Vss.AIRBAG_DEPLOYED, True),
    ("combustion", {"power_state": "ACC"}, Finding.POWER_LOST, Vss.POWER_STATE, "ACC"),
    ("combustion", {"engine_speed": 120.5, "engine_running": False}, Finding.ENGINE_STOPPED, Vss.ENGINE_SPEED, 120.5),
    ("electric", {"power_connected": False}, Finding.CONTACTORS_OPEN, Vss.POWER_CONNECTED, False),
    ("electric", {"drive_ready": False}, Finding.DRIVE_NOT_READY, Vss.DRIVE_READY, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "says", "finding", "signal", "value"), NAMED)
def test_evidence_is_the_reading_that_began_it(
    name: str, says: dict[str, Value], finding: Finding, signal: Vss, value: Value
) -> None:
    driven = driving(Car(KINDS[name].propulsion, torque=False, ready=name == "electric").plan)
    driven.say(**says)
    began_s = driven.run(0.1).now_s
    (evidence,) = driven.run(1).incident.evidence
    assert (evidence.finding, evidence.signal, evidence.value) == (finding, signal, value)
    assert began_s - 0.1 <= evidence.at_s <= began_s
    assert driven.incident.suspected_at_s == evidence.at_s


@pytest.mark.parametrize("lamp", ["oil_pressure_low", "overheated", "brake_failing"])
def test_the_lamp_that_is_lit_is_the_one_that_is_named(lamp: str) -> None:
    driven = driving(COMBUSTION)
    driven.say(**{lamp: True})
    driven.run(1.5)
    driven.say(drive_ready=False, drive_torque=0.0)
    driven.run(1)
    (stop_now,) = (item for item in driven.incident.evidence if item.finding is Finding.STOP_NOW)
    assert (stop_now.signal, stop_now.value) == (Vss[lamp.upper()], True)


@pytest.mark.parametrize("lamp", ["oil_pressure_low", "overheated", "brake_failing"])
def test_a_red_lamp_makes_the_difference(lamp: str) -> None:
    driven = driving(COMBUSTION)
    driven.say(drive_ready=False, drive_torque=0.0)
    assert not driven.run(3).incidents
    driven.say(**{lamp: True})
    assert driven.run(1.2).incidents


def test_the_oil_lamp_of_an_engine_that_stands_says_nothing() -> None:
    """It is lit in every car whose engine stands, and would make 1.0 of an engine (0.4) and a diagnosis (0.2)."""
    driven = driving(KINDS["coasting in silence"].plan)
    stopped: dict[str, Value] = {"engine_speed": 0.0, "engine_running": False, "drive_torque": 0.0}
    driven.say(limp_home=False, malfunction=True, oil_pressure_low=True, **stopped)
    assert not driven.run(3).incidents
    driven.say(overheated=True)
    assert not driven.run(3).incidents, "of one message with the diagnosis"


# Words that come often enough ---------------------------------------------------------------


@pytest.mark.parametrize(("protected", "words"), [(True, 2), (False, 3)])
@pytest.mark.parametrize("said", [1, 2, 3, 4])
def test_a_crash_has_to_be_said_often_enough(protected: bool, words: int, said: int) -> None:
    driven = driving(COMBUSTION if protected else unprotected(COMBUSTION))
    driven.say(airbag_deployed=True)
    driven.run(0.1 * said)
    driven.say(airbag_deployed=False)
    assert bool(driven.run(2).incidents) is (said >= words)
