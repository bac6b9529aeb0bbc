"""The truth of a fault: lost when physics says so, shown when a mapped message could tell, and not a frame before."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.nodes import RPM_PER_RAD_S
from hardshoulder_sim.physics.driver import Selector
from hardshoulder_sim.physics.journey import Journey, begin, proceed
from hardshoulder_sim.physics.vehicle import asked_n
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.case import Case, CaseId, CaseKind, parse_case
from hardshoulder_sim.proving.drives import drive_case
from hardshoulder_sim.proving.faults import IN_GEAR, Shutdown
from hardshoulder_sim.proving.generator import fault_case
from hardshoulder_sim.proving.trial import truth_of
from hardshoulder_sim.proving.truth import ANSWER_S, ASKS_NM, NO_PUSH_NM, SHOWS_FOR_S, SLOWER_KPH, Truth, Witness
from hardshoulder_sim.proving.variants import Variant, plan_of

SEED = 3
LOOKED_AT = 700


def cases() -> Iterator[Case]:
    return (fault_case(CaseId(SEED, CaseKind.FAULT, index)) for index in range(LOOKED_AT))


def case_of(
    shutdown: Shutdown, variant: Variant | None = None, car: CarKind | None = None, at_least_kph: float = 50.0
) -> Case:
    """The first of the seed's cases of that kind; of a given variant by giving it that variant's plan."""
    for case in cases():
        fits = case.shutdown == shutdown and (car is None or case.car is car)
        fast = case.run.course.target_kph(case.begin_s or 0.0) >= at_least_kph
        if fits and fast and (variant is None or case.variant is variant):
            return case
    raise AssertionError(f"no such case among {LOOKED_AT}")


def truth(case: Case) -> Truth:
    """What the witness says, without any core."""
    return truth_by_name(str(case.case_id))


@cache
def truth_by_name(name: str) -> Truth:
    case = fault_case(parse_case(name))
    witness = Witness(case.car, case.plan, case.run.vehicle, case.begin_s or 0.0)
    SimulatedCar(case.run.scenario, case.run.seed, case.run, witness).step_until(case.duration_s)
    return truth_of(case, witness)


def journeys(case: Case, until_s: float) -> Iterator[Journey]:
    journey = begin(case.run)
    while journey.vehicle.at_s < until_s:
        yield journey
        journey = proceed(case.run, journey)


@pytest.mark.parametrize(
    ("shutdown", "shown_by"),
    [
        (Shutdown.CONTACTORS, {"contactors", "drive not ready"}),
        (Shutdown.IGNITION_LINE, {"power mode", "drive not ready", "contactors"}),
        (Shutdown.SWITCHED_OFF, {"power mode", "drive not ready", "contactors"}),
        (Shutdown.CRASH, {"airbag", "contactors", "drive not ready"}),
        (Shutdown.SEIZED, {"engine", "drive not ready", "pedal without torque"}),
        (Shutdown.FUEL_IN_GEAR, {"pedal without torque"}),
        (Shutdown.FUEL_ON_OVERRUN, {"pedal without torque"}),
        (Shutdown.NODE, {"silence of PCM_Drive", "silence of PCM_Engine"}),
    ],
)
def test_what_shows_a_shutdown_first(shutdown: Shutdown, shown_by: set[str]) -> None:
    found = truth(case_of(shutdown, Variant.WHOLE))
    assert found.incident
    assert found.shown_by in shown_by
    assert found.begin_s is not None and found.lost_s is not None and found.observable_s is not None
    assert found.begin_s <= found.lost_s <= found.observable_s


def test_a_broken_bus_shows_where_another_bus_speaks() -> None:
    two, one = case_of(Shutdown.BUS, Variant.TWO_BUS), case_of(Shutdown.BUS, Variant.WHOLE)
    assert truth(two).shown_by.startswith("silence of ")
    assert not truth(one).incident
    assert "with one bus nobody can tell" in truth(one).unobservable


@pytest.mark.parametrize("shutdown", sorted(IN_GEAR))
def test_an_engine_that_dies_in_gear_follows_the_wheels_until_the_pedal_shows_it(shutdown: Shutdown) -> None:
    case = case_of(shutdown, Variant.WHOLE, at_least_kph=70.0)
    found, spec = truth(case), case.run.vehicle
    assert found.lost_s is not None and found.observable_s is not None and spec.engine is not None
    for journey in journeys(case, found.observable_s):
        vehicle = journey.vehicle
        if vehicle.at_s < found.lost_s + 0.5:
            continue
        assert vehicle.engine is not None
        assert vehicle.engine.speed_rad_s * RPM_PER_RAD_S > 600.0, "nothing but the pedal shows it"
        assert vehicle.drive_nm <= 0.0


def test_on_the_overrun_it_shows_only_after_the_pedal_came_back() -> None:
    case = case_of(Shutdown.FUEL_ON_OVERRUN, Variant.WHOLE)
    found = truth(case)
    assert found.observable_s is not None
    (lift,) = case.run.scenario.events.acts
    assert lift.begin_s < (found.lost_s or 0.0) < lift.end_s
    assert found.observable_s > lift.end_s + ANSWER_S[case.car]


def test_a_dead_node_shows_with_the_first_frame_that_does_not_come() -> None:
    found = truth(case_of(Shutdown.NODE, Variant.WHOLE))
    assert found.lost_s is not None and found.observable_s is not None
    assert found.observable_s - found.lost_s < 0.03


def test_open_contactors_show_with_the_first_frame_that_says_so() -> None:
    found = truth(case_of(Shutdown.CONTACTORS, Variant.WHOLE))
    assert found.lost_s is not None and found.observable_s is not None
    assert found.observable_s - found.lost_s < 0.05


def test_a_warning_before_the_loss_is_not_the_loss() -> None:
    found = truth(case_of(Shutdown.OIL, Variant.WHOLE))
    assert found.begin_s is not None and found.lost_s is not None
    assert found.lost_s > found.begin_s + 1.9


@pytest.mark.slow
def test_what_a_lean_profile_cannot_show_is_said_to_be_so() -> None:
    reasons = [
        truth(case).unobservable for case in cases() if case.variant is Variant.LEAN and case.shutdown == "crash"
    ]
    assert reasons
    assert any("speed, pedal and engine speed or contactors do not show it" in reason for reason in reasons)


def test_a_drive_that_comes_back_was_not_lost() -> None:
    case = case_of(Shutdown.CONTACTORS, Variant.WHOLE)
    witness = Witness(case.car, case.plan, case.run.vehicle, 0.0)
    journey = begin(case.run)
    gone = replace(journey, vehicle=replace(journey.vehicle, powered=False))
    witness.said("BMS_Contactors", 1.0, gone)
    assert [witness.lost_s, witness.shown_s] == [1.0, None]
    witness.said("BMS_Contactors", 1.1, journey)
    assert witness.lost_s is None and witness.shown_s is None


def test_a_sign_counts_only_while_the_car_stays_fast() -> None:
    case = case_of(Shutdown.CONTACTORS, Variant.WHOLE)
    alert_kph = plan_of(case.car, case.variant).thresholds.alert_above_kph
    *_, journey = journeys(case, (case.begin_s or 0.0) + 1.0)
    for first_kph, later_kph, shows in ((1.0, 1.0, True), (1.0, -1.0, False), (-1.0, -2.0, False)):
        witness = Witness(case.car, case.plan, case.run.vehicle, 0.0)
        for at_s, above_kph in ((1.0, first_kph), (1.0 + SHOWS_FOR_S, later_kph)):
            speed_mps = (alert_kph + above_kph) / 3.6
            witness.said(
                "BMS_Contactors", at_s, replace(journey, vehicle=replace(journey.vehicle, speed_mps=speed_mps))
            )
        assert witness.shown_s == (1.0 if shows else None)


def asking(shutdown: Shutdown, variant: Variant, car: CarKind) -> tuple[Witness, Journey]:
    """A witness who has heard nothing, and a car whose drive was lost just now, in its gear."""
    case = case_of(shutdown, variant, car)
    journey = next(each for each in journeys(case, case.duration_s) if not each.vehicle.powered)
    return Witness(case.car, case.plan, case.run.vehicle, 0.0), journey


def pressing(journey: Journey, pedal: float, speed_mps: float) -> Journey:
    vehicle = replace(journey.vehicle, speed_mps=speed_mps, drive_nm=-50.0)
    return replace(journey, vehicle=vehicle, driver=replace(journey.driver, pedal=pedal, brake=0.0))


@pytest.mark.parametrize(("lets_go_after_s", "shows"), [(0.44, False), (0.54, True)])
def test_a_question_counts_when_it_was_asked_for_long_enough(lets_go_after_s: float, shows: bool) -> None:
    witness, journey = asking(Shutdown.FUEL_IN_GEAR, Variant.WHOLE, CarKind.MANUAL)
    asked_s = 10.0
    for hundredth in range(0, 300, 2):
        at_s = asked_s + hundredth / 100
        down = at_s < asked_s + ANSWER_S[CarKind.MANUAL] + lets_go_after_s
        witness.said("PCM_Drive", at_s, pressing(journey, 0.5 if down else 0.0, 20.0))
    assert witness.shown_by == ("pedal without torque" if shows else "")


@pytest.mark.parametrize(("later_mps", "shows"), [(7.0, False), (5.0, True)])
def test_no_car_has_to_get_faster_under_its_pedal(later_mps: float, shows: bool) -> None:
    """The weakest car would: half its power is more than the steepest road takes at 7 m/s."""
    witness, journey = asking(Shutdown.INVERTER, Variant.LEAN, CarKind.ELECTRIC)
    for tenth in range(60):
        mps = max(later_mps, 7.0 - tenth / 10)
        for name in ("PCM_Drive", "ESC_Speed"):
            witness.said(name, 10.0 + tenth / 10, pressing(journey, 0.5, mps))
    assert witness.shown_by == ("pedal without speed" if shows else "")


@pytest.mark.slow
def test_a_tenth_of_the_combustion_faults_shows_by_the_pedal_alone() -> None:
    burning = [case for case in cases() if case.car.burns][:40]
    hidden = [case for case in burning if truth(case).shown_by.startswith("pedal") and case.shutdown in IN_GEAR]
    assert len(hidden) >= 0.1 * len(burning)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(5))
def test_no_healthy_drive_keeps_the_pedal_waiting_for_longer_than_the_truth_allows(index: int) -> None:
    """What the witness takes for a dead drive, a healthy one never does."""
    case = drive_case(CaseId(5, CaseKind.DRIVE, index))
    radius_m = case.run.vehicle.wheel_radius_m
    since_s: float | None = None
    from_kph = 0.0
    for journey in journeys(case, 300.0):
        vehicle = journey.vehicle
        asked_nm = asked_n(case.run.vehicle, vehicle, journey.driver.pedal) * radius_m
        idle = journey.controls.faults or journey.driver.selector is not Selector.DRIVE or vehicle.speed_mps < 4.0
        if idle or asked_nm < ASKS_NM or journey.driver.brake > 0.0 or vehicle.drive_nm > NO_PUSH_NM:
            since_s = None
        elif since_s is None:
            since_s, from_kph = vehicle.at_s, vehicle.speed_mps * 3.6
        else:
            assert vehicle.at_s - since_s < ANSWER_S[case.car]
            assert from_kph - vehicle.speed_mps * 3.6 < SLOWER_KPH
