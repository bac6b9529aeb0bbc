"""The simulated car obeys physics: nothing jumps, nothing comes from nothing."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder_sim.nodes import RPM_PER_RAD_S
from hardshoulder_sim.physics.course import Course, Events, key_at
from hardshoulder_sim.physics.driver import Selector
from hardshoulder_sim.physics.engine import EnginePhase
from hardshoulder_sim.physics.journey import STEP_S, Journey, begin, proceed
from hardshoulder_sim.physics.traction import Contactors
from hardshoulder_sim.physics.vehicle import Controls, VehicleState, advance, parked, rolling
from hardshoulder_sim.physics.vehicle_spec import (
    DriveReady,
    Fault,
    PowerMode,
    VehicleSpec,
    combustion_car,
    electric_car,
    hybrid_car,
)
from hardshoulder_sim.scenarios import SCENARIOS, Run, vary

SEEDS = range(3)
SHUTDOWNS = [name for name, scenario in SCENARIOS.items() if scenario.incident]
ORDINARY = [name for name, scenario in SCENARIOS.items() if not scenario.incident]
CARS = [combustion_car(), hybrid_car(), electric_car()]
ON = PowerMode.ON


def coast(spec: VehicleSpec, state: VehicleState, controls: Controls, until_mps: float) -> Iterator[VehicleState]:
    """The states on the way down to a speed."""
    while state.speed_mps > until_mps:
        yield state
        state = advance(spec, state, controls, STEP_S)
    yield state


def journeys(run: Run) -> Iterator[Journey]:
    """Every instant of a run."""
    journey = begin(run)
    for _ in range(round(run.scenario.duration_s / STEP_S)):
        yield journey
        journey = proceed(run, journey)


def rpm(state: VehicleState) -> float:
    assert state.engine is not None
    return state.engine.speed_rad_s * RPM_PER_RAD_S


def energy_j(spec: VehicleSpec, state: VehicleState) -> float:
    """Motion of the car and of its crankshaft."""
    moving = 0.5 * spec.mass_kg * (1.0 + spec.rotating_share) * state.speed_mps**2
    if spec.engine is None or state.engine is None:
        return moving
    return moving + 0.5 * spec.engine.inertia_kg_m2 * state.engine.speed_rad_s**2


@pytest.mark.slow
@pytest.mark.parametrize("spec", CARS, ids=lambda spec: spec.propulsion.value)
def test_coasting_from_120_kph_takes_as_long_as_it_does(spec: VehicleSpec) -> None:
    """Coast-down tests of passenger cars in neutral: 45 to 90 s to 60 km/h, two to four minutes to a stop."""
    neutral = Controls(ON, selector=Selector.NEUTRAL)
    *_, at_60 = coast(spec, rolling(spec, 120.0 / 3.6), neutral, 60.0 / 3.6)
    *_, stopped = coast(spec, at_60, neutral, 0.0)
    assert 45.0 < at_60.at_s < 90.0
    assert 120.0 < stopped.at_s < 260.0


def test_a_dead_engine_in_gear_brakes_the_car() -> None:
    spec = combustion_car()
    assert spec.engine is not None
    spec = replace(spec, engine=replace(spec.engine, clutch_opens_after_s=1e9))
    dead = Controls(ON, selector=Selector.DRIVE, faults=frozenset({Fault.FUEL_CUT}))
    *_, in_gear = coast(spec, rolling(spec, 120.0 / 3.6), dead, 60.0 / 3.6)
    *_, neutral = coast(spec, rolling(spec, 120.0 / 3.6), replace(dead, selector=Selector.NEUTRAL), 60.0 / 3.6)
    assert 15.0 < in_gear.at_s < 0.8 * neutral.at_s


@pytest.mark.parametrize("selector", [Selector.DRIVE, Selector.NEUTRAL])
@pytest.mark.parametrize("spec", CARS, ids=lambda spec: spec.propulsion.value)
def test_energy_only_falls_while_a_dead_car_coasts_on_the_flat(spec: VehicleSpec, selector: Selector) -> None:
    faults = frozenset({Fault.FUEL_CUT, Fault.CONTACTORS_OPEN})
    controls = Controls(ON, selector=selector, faults=faults)
    energies = [energy_j(spec, state) for state in coast(spec, rolling(spec, 110.0 / 3.6), controls, 0.0)]
    assert all(after < before for before, after in pairwise(energies))


def test_a_dead_engine_follows_the_wheels_until_the_clutch_opens() -> None:
    spec = combustion_car()
    assert spec.engine is not None
    controls = Controls(ON, selector=Selector.DRIVE, faults=frozenset({Fault.FUEL_CUT}))
    for state in coast(spec, rolling(spec, 110.0 / 3.6), controls, 100.0 / 3.6):
        assert state.engine is not None
        if 0.2 < state.at_s < spec.engine.clutch_opens_after_s:
            dragged_rad_s = state.speed_mps / spec.wheel_radius_m * spec.engine.ratios[state.engine.gear]
            assert state.engine.speed_rad_s == pytest.approx(dragged_rad_s, rel=0.03)
            assert state.engine.phase is EnginePhase.RUNNING
            assert state.drive_nm < 0.0
        if state.at_s > spec.engine.clutch_opens_after_s + 2.5:
            assert state.engine.phase is EnginePhase.OFF
            assert state.engine.speed_rad_s == 0.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["motorway-shutdown-combustion", "motorway-ignition-lost", "city-stall"])
def test_engine_speed_decays_and_never_steps(name: str, seed: int) -> None:
    run = vary(SCENARIOS[name], seed)
    assert run.fault_at_s is not None
    states = [journey.vehicle for journey in journeys(run)]
    steps = [abs(rpm(after) - rpm(before)) for before, after in pairwise(states)]
    assert max(steps) < 15_000.0 * STEP_S, "a gear change is the fastest thing there is"
    falling = [rpm(state) for state in states if state.at_s > run.fault_at_s and 1.0 < rpm(state) < 1500.0]
    assert len(falling) * STEP_S > 0.5, "from 1500 rpm to rest"


@pytest.mark.parametrize("seed", SEEDS)
def test_supply_sags_gradually_without_its_generator(seed: int) -> None:
    run = vary(SCENARIOS["alternator-failure"], seed)
    assert run.fault_at_s is not None
    states = [journey.vehicle for journey in journeys(run)]
    volts = [state.supply.voltage_v for state in states]
    assert max(abs(after - before) for before, after in pairwise(volts)) < 5.0 * STEP_S
    after_s = {round(state.at_s - run.fault_at_s): state.supply.voltage_v for state in states}
    assert 14.1 < after_s[-1] < 14.3
    assert 13.2 < after_s[3] < 13.9
    assert 12.0 < after_s[30] < 13.0
    assert 11.5 < after_s[80] < 12.3


def test_cranking_dips_the_supply_and_takes_a_moment() -> None:
    run = vary(SCENARIOS["ordinary-drive"], 1)
    cranking = [
        journey.vehicle
        for journey in journeys(run)
        if journey.vehicle.engine is not None and journey.vehicle.engine.phase is EnginePhase.CRANKING
    ]
    assert 0.3 < len(cranking) * STEP_S < 1.5
    assert 9.0 < min(state.supply.voltage_v for state in cranking) < 11.5


@pytest.mark.parametrize("name", ["motorway-shutdown-electric", "motorway-shutdown-hybrid"])
def test_open_contactors_take_the_torque_away_within_its_time_constants(name: str) -> None:
    run = vary(SCENARIOS[name], 2)
    assert run.fault_at_s is not None
    after = [journey.vehicle for journey in journeys(run) if journey.vehicle.at_s > run.fault_at_s]
    tractions = [state.traction for state in after if state.traction is not None]
    assert all(traction.contactors is Contactors.OPEN for traction in tractions[1:])
    torques = [traction.torque_nm for traction in tractions]
    assert torques[1] > 0.7 * torques[0] > 0.0
    assert abs(torques[round(0.6 / STEP_S)]) < 0.01 * torques[0]
    volts = [traction.voltage_v for traction in tractions]
    assert all(later <= earlier for earlier, later in pairwise(volts))
    assert volts[round(1.0 / STEP_S)] > 0.3 * volts[0], "capacitors hold their charge for a while"
    assert volts[round(6.0 / STEP_S)] < 60.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SHUTDOWNS)
def test_every_shutdown_happens_in_motion_and_ends_at_rest(name: str, seed: int) -> None:
    run = vary(SCENARIOS[name], seed)
    assert run.fault_at_s is not None
    instants = list(journeys(run))
    at_fault = next(journey.vehicle for journey in instants if journey.vehicle.at_s >= run.fault_at_s)
    assert at_fault.speed_mps > 30.0 / 3.6
    assert at_fault.drive is DriveReady.READY
    end = instants[-1].vehicle
    assert end.speed_mps == 0.0
    assert end.drive is not DriveReady.READY
    rolled_s = sum(state.vehicle.at_s > run.fault_at_s and state.vehicle.speed_mps > 0.0 for state in instants) * STEP_S
    assert (rolled_s < 1.0) == (run.scenario.fault is Fault.CRASH)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_drive_follows_its_profile_and_keeps_its_drive(name: str, seed: int) -> None:
    run = vary(SCENARIOS[name], seed)
    for journey in journeys(run):
        state = journey.vehicle
        if state.speed_mps > 0.0:
            assert state.drive is DriveReady.READY
        assert abs(state.speed_mps * 3.6 - run.course.target_kph(state.at_s)) < 15.0
        assert journey.driver.gave_up_s is None
        assert state.supply.voltage_v > 9.0


def test_start_stop_stops_the_engine_while_the_car_still_rolls() -> None:
    speeds = [
        journey.vehicle.speed_mps * 3.6
        for journey in journeys(vary(SCENARIOS["start-stop-traffic"], 1))
        if journey.vehicle.engine is not None and journey.vehicle.engine.phase is EnginePhase.AUTO_STOP
    ]
    assert 5.0 < max(speeds) <= 20.0
    assert min(speeds) == 0.0


def test_a_hybrid_coasts_with_its_engine_off_at_speed() -> None:
    standing_engine = [
        journey.vehicle.speed_mps * 3.6
        for journey in journeys(vary(SCENARIOS["hybrid-drive"], 1))
        if journey.vehicle.engine is not None and journey.vehicle.engine.speed_rad_s == 0.0
    ]
    assert max(standing_engine) > 60.0


def test_the_drivers_and_the_faults_differ_from_seed_to_seed() -> None:
    runs = [vary(SCENARIOS["motorway-shutdown-combustion"], seed) for seed in range(20)]
    assert len({run.fault_at_s for run in runs}) == 20
    assert len({run.driver for run in runs}) == 20
    assert all(run.fault_at_s is not None and 19.0 <= run.fault_at_s <= 31.0 for run in runs)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_run(name: str) -> None:
    assert vary(SCENARIOS[name], 7) == vary(SCENARIOS[name], 7)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_are_as_long_as_they_should_be(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.name == name
    assert 40.0 <= scenario.duration_s <= 120.0
    assert scenario.incident or scenario.fault in (None, Fault.GENERATOR_DEAD)


@given(
    spec=st.sampled_from(CARS),
    steps=st.lists(
        st.builds(
            Controls,
            power_mode=st.sampled_from(PowerMode),
            pedal=st.floats(0.0, 1.0),
            brake=st.floats(0.0, 1.0),
            selector=st.sampled_from(Selector),
            parking_brake=st.booleans(),
            slope=st.floats(-0.2, 0.2),
            faults=st.frozensets(st.sampled_from(Fault)),
        ),
        max_size=8,
    ),
    speed_mps=st.one_of(st.none(), st.floats(2.0, 60.0)),
)
def test_whatever_is_done_to_it_the_car_stays_a_car(
    spec: VehicleSpec, steps: list[Controls], speed_mps: float | None
) -> None:
    state = parked(spec) if speed_mps is None else rolling(spec, speed_mps)
    for controls in steps:
        for _ in range(40):
            state = advance(spec, state, controls, STEP_S)
            assert 0.0 <= state.speed_mps < 90.0
            assert 0.0 <= state.supply.voltage_v < 35.0, "ISO 16750-2: a load dump, suppressed"
            assert state.engine is None or 0.0 <= state.engine.speed_rad_s < 1100.0
            assert 0.0 <= state.fuel <= 1.0


def test_profiles_and_keys_are_read_between_their_corners() -> None:
    course = Course(((1.0, 10.0), (3.0, 30.0)), ((0.0, ON),), Events())
    assert [course.target_kph(at_s) for at_s in (0.0, 1.0, 2.0, 3.0, 9.0)] == [10.0, 10.0, 20.0, 30.0, 30.0]
    keys = ((0.0, PowerMode.OFF), (2.0, PowerMode.ON))
    assert [key_at(keys, at_s) for at_s in (0.0, 1.9, 2.0, 5.0)] == [PowerMode.OFF, PowerMode.OFF, ON, ON]
