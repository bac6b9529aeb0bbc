"""The faults of the proving ground are physical: causes go, effects follow in their own time."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from hardshoulder_sim.nodes import RPM_PER_RAD_S
from hardshoulder_sim.physics.course import ROAD, Act, Course, Events, Ground, Spell
from hardshoulder_sim.physics.driver import Selector
from hardshoulder_sim.physics.engine import EnginePhase
from hardshoulder_sim.physics.journey import STEP_S
from hardshoulder_sim.physics.supply import battery_ohm, drained
from hardshoulder_sim.physics.vehicle import Controls, VehicleState, advance, asked_n, rolling
from hardshoulder_sim.physics.vehicle_spec import (
    DriveReady,
    Fault,
    PowerMode,
    VehicleSpec,
    combustion_car,
    electric_car,
    hybrid_car,
    manual_car,
    mild_hybrid_car,
)

CARS = [combustion_car(), manual_car(), mild_hybrid_car(), hybrid_car(), electric_car()]
CRUISE = Controls(PowerMode.ON, pedal=0.35, selector=Selector.DRIVE)
LOSES_DRIVE = [
    Fault.IGNITION_LOST, Fault.SUPPLY_LOOSE, Fault.DRIVE_DEAD, Fault.DRIVE_NODE_DEAD, Fault.BUS_BROKEN, Fault.CRASH,
]  # fmt: skip


def driven(
    spec: VehicleSpec, controls: Controls, seconds: float, state: VehicleState | None = None
) -> list[VehicleState]:
    """The car every step for a while, from 100 km/h if not from another state."""
    states = [state or rolling(spec, 100.0 / 3.6)]
    for _ in range(round(seconds / STEP_S)):
        states.append(advance(spec, states[-1], controls, STEP_S))
    return states


def rpm(state: VehicleState) -> float:
    assert state.engine is not None
    return state.engine.speed_rad_s * RPM_PER_RAD_S


def broken(spec: VehicleSpec, fault: Fault, seconds: float, controls: Controls = CRUISE) -> list[VehicleState]:
    """A car that has cruised for two seconds when it happens."""
    return driven(spec, replace(controls, faults=frozenset({fault})), seconds, driven(spec, CRUISE, 2.0)[-1])


@pytest.mark.parametrize("fault", LOSES_DRIVE)
@pytest.mark.parametrize("spec", CARS, ids=range(5))
def test_what_takes_the_drive_takes_the_push_and_not_at_once_the_speed(spec: VehicleSpec, fault: Fault) -> None:
    states = broken(spec, fault, 8.0)
    assert states[0].powered
    assert not states[-1].powered
    assert states[-1].drive_nm <= 1.0
    if fault is not Fault.CRASH:
        assert states[50].speed_mps > 0.85 * states[0].speed_mps


@pytest.mark.parametrize("spec", CARS, ids=range(5))
def test_nothing_else_takes_it(spec: VehicleSpec) -> None:
    for fault in (Fault.OIL_LOW, Fault.TOO_HOT, Fault.BRAKES_FAIL, Fault.DRIVE_WEAK, Fault.START_FAILS):
        assert broken(spec, fault, 4.0)[-1].powered, fault


def test_a_seizing_engine_stops_within_seconds_and_not_within_one_step() -> None:
    states = broken(combustion_car(), Fault.ENGINE_SEIZED, 4.0)
    falling = [rpm(state) for state in states if 5.0 < rpm(state) < 0.9 * rpm(states[0])]
    assert len(falling) * STEP_S > 0.15
    assert rpm(states[-1]) == 0.0
    assert states[-1].drive is DriveReady.FAULT


def test_a_weak_drive_pushes_with_a_quarter_and_says_so() -> None:
    weak, whole = broken(electric_car(), Fault.DRIVE_WEAK, 2.0), driven(electric_car(), CRUISE, 4.0)
    assert weak[-1].drive is DriveReady.LIMP
    assert 0.2 * whole[-1].drive_nm < weak[-1].drive_nm < 0.35 * whole[-1].drive_nm


def test_a_dead_inverter_leaves_the_contactors_closed() -> None:
    last = broken(electric_car(), Fault.DRIVE_DEAD, 2.0)[-1]
    assert last.traction is not None and last.traction.contactors.value == "CLOSED"
    assert last.drive is DriveReady.FAULT


def test_a_mild_hybrid_stops_its_engine_while_coasting_and_starts_it_on_the_pedal() -> None:
    spec = mild_hybrid_car()
    coasting = driven(spec, replace(CRUISE, pedal=0.0), 6.0)
    assert coasting[-1].engine is not None and coasting[-1].engine.phase is EnginePhase.AUTO_STOP
    assert rpm(coasting[-1]) == 0.0
    assert coasting[-1].drive is DriveReady.READY and coasting[-1].powered
    assert coasting[-1].supply.voltage_v > 12.2
    again = driven(spec, CRUISE, 1.5, coasting[-1])
    assert again[-1].engine is not None and again[-1].engine.phase is EnginePhase.RUNNING
    assert again[-1].drive_nm > 0.0
    assert min(state.supply.voltage_v for state in again) > 12.0, "the belt starter is none of the 12 V system's"


def test_without_a_starter_it_does_not_come_back() -> None:
    spec, dead = mild_hybrid_car(), frozenset({Fault.START_FAILS})
    coasting = driven(spec, replace(CRUISE, pedal=0.0), 6.0)
    after = driven(spec, replace(CRUISE, faults=dead), 6.0, coasting[-1])
    assert not any(state.powered for state in after[1:])
    assert after[-1].engine is not None and after[-1].engine.phase is EnginePhase.OFF
    assert after[-1].drive is DriveReady.FAULT


def test_a_driver_with_a_clutch_interrupts_the_push_for_a_gear_change_and_an_automatic_does_not() -> None:
    pull = replace(CRUISE, pedal=0.8)
    for spec, interrupts in ((manual_car(), True), (combustion_car(), False)):
        states = driven(spec, pull, 12.0, rolling(spec, 30.0 / 3.6))
        gears = [state.engine.gear for state in states if state.engine is not None]
        assert len(set(gears)) > 1
        torques = [state.drive_nm for state in states[60:]]
        assert (min(torques) == 0.0) is interrupts


def test_an_old_battery_without_its_generator_collapses_over_seconds() -> None:
    spec = electric_car()
    spec = replace(spec, supply=replace(spec.supply, capacity_ah=1.0))
    state = rolling(spec, 100.0 / 3.6, supply=drained(spec.supply, 8.0))
    states = driven(spec, replace(CRUISE, faults=frozenset({Fault.GENERATOR_DEAD})), 30.0, state)
    volts = [state.supply.voltage_v for state in states]
    assert 9.0 < volts[0] < 13.0
    assert max(before - after for before, after in pairwise(volts)) < 0.6
    lost = next(state for state in states if not state.powered)
    assert 2.0 < lost.at_s < 25.0
    assert lost.traction is not None and lost.traction.contactors.value == "OPEN"


def test_an_empty_battery_conducts_badly() -> None:
    supply = electric_car().supply
    resistances = [battery_ohm(supply, charge) for charge in (0.9, 0.1, 0.05, 0.01, 0.0)]
    assert resistances == sorted(resistances)
    assert resistances[0] == resistances[1] == supply.resistance_ohm
    assert resistances[-1] == 1.0


def test_a_rope_pulls_the_car_and_rollers_keep_it_where_it_is() -> None:
    spec = combustion_car()
    towed = replace(
        CRUISE, power_mode=PowerMode.ACC, pedal=0.0, selector=Selector.NEUTRAL, ground=Ground(pull_mps=12.0)
    )
    last = driven(spec, towed, 8.0, rolling(spec, 1.0))[-1]
    assert last.speed_mps == pytest.approx(12.0)
    assert not last.powered
    rollers = driven(spec, replace(CRUISE, ground=Ground(rollers=True)), 3.0)
    assert rollers[-1].distance_m > 50.0
    assert rollers[-1].latitude == rollers[0].latitude
    ship = driven(
        spec, Controls(PowerMode.OFF, parking_brake=True, ground=Ground(carrier_mps=8.0)), 3.0, rolling(spec, 0.0)
    )
    assert ship[-1].speed_mps == 0.0
    assert ship[-1].latitude > ship[0].latitude


@pytest.mark.parametrize("spec", CARS, ids=range(5))
def test_the_pedal_asks_for_what_a_healthy_drive_then_gives(spec: VehicleSpec) -> None:
    state = driven(spec, CRUISE, 6.0)[-1]
    asked_nm = asked_n(spec, state, 0.35) * spec.wheel_radius_m
    assert asked_nm == pytest.approx(state.drive_nm, rel=0.25)
    assert asked_n(spec, state, 0.0) <= 0.0


# The course of a run ------------------------------------------------------------------------


def moments(course: Course, times_s: list[float]) -> Iterator[tuple[PowerMode, frozenset[Fault], Act | None]]:
    for at_s in times_s:
        moment = course.at(at_s)
        yield moment.key, moment.faults, moment.act


def test_a_course_says_what_holds_when() -> None:
    events = Events(
        faults=(Spell(Fault.FUEL_CUT, 2.0, 4.0), Spell(Fault.OIL_LOW, 3.0)),
        acts=(Spell(Act.LIFT, 1.0, 2.0),),
        slopes=(Spell(-0.04, 5.0, 6.0),),
        grounds=(Spell(Ground(rollers=True), 7.0, 8.0),),
    )
    course = Course(((0.0, 50.0),), ((0.0, PowerMode.ON), (6.0, PowerMode.OFF)), events)
    none: frozenset[Fault] = frozenset()
    assert list(moments(course, [0.5, 1.5, 2.0, 3.5, 4.0, 6.5])) == [
        (PowerMode.ON, none, None),
        (PowerMode.ON, none, Act.LIFT),
        (PowerMode.ON, frozenset({Fault.FUEL_CUT}), None),
        (PowerMode.ON, frozenset({Fault.FUEL_CUT, Fault.OIL_LOW}), None),
        (PowerMode.ON, frozenset({Fault.OIL_LOW}), None),
        (PowerMode.OFF, frozenset({Fault.OIL_LOW}), None),
    ]
    assert [course.at(at_s).slope for at_s in (4.9, 5.5, 6.0)] == [None, -0.04, None]
    assert [course.at(at_s).ground.rollers for at_s in (6.9, 7.5, 8.0)] == [False, True, False]
    assert course.at(6.0).ground == ROAD
