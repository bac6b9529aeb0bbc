"""Driver, car, key and fate put together: one run of a scenario, step by step."""

import math
from dataclasses import dataclass

from hardshoulder_sim.physics.course import Moment
from hardshoulder_sim.physics.driver import DriverState, DriverView, Selector, step_driver
from hardshoulder_sim.physics.vehicle import (
    ANSWERS,
    Controls,
    VehicleState,
    advance,
    available_n,
    parked,
    resistance_n,
    rolling,
)
from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode
from hardshoulder_sim.scenarios import Begin, Run

STEP_S = 0.02
_HILL_M = 450.0
_LOOKS_AHEAD_S = 1.5


@dataclass(frozen=True, slots=True)
class Journey:
    """One instant: the car, its driver, what was done to the car in the last step, and where the key stands."""

    vehicle: VehicleState
    driver: DriverState
    controls: Controls
    key: PowerMode

    @property
    def ground_mps(self) -> float:
        """Speed over ground, which satellites see and wheels do not."""
        ground = self.controls.ground
        return 0.0 if ground.rollers else self.vehicle.speed_mps + ground.carrier_mps


def begin(run: Run) -> Journey:
    """How the scenario finds the car."""
    moment = run.course.at(0.0)
    if run.scenario.begin is Begin.PARKED:
        vehicle, driver = parked(run.vehicle, run.fuel, run.charge, run.supply), DriverState()
    else:
        speed_mps = run.course.target_kph(0.0) / 3.6
        vehicle = rolling(run.vehicle, speed_mps, run.fuel, run.charge, run.supply)
        driver = DriverState(pedal=0.3, brake=0.0, selector=Selector.DRIVE, parking_brake=False)
    return Journey(vehicle, driver, _controls(run, moment, vehicle, driver), moment.key)


def _slope(run: Run, moment: Moment, vehicle: VehicleState) -> float:
    if moment.slope is not None:
        return moment.slope
    return run.scenario.hill * math.sin(vehicle.distance_m / _HILL_M)


def _controls(run: Run, moment: Moment, vehicle: VehicleState, driver: DriverState) -> Controls:
    return Controls(
        power_mode=PowerMode.OFF if Fault.IGNITION_LOST in moment.faults else moment.key,
        pedal=driver.pedal,
        brake=driver.brake,
        selector=driver.selector,
        parking_brake=driver.parking_brake,
        slope=_slope(run, moment, vehicle),
        faults=moment.faults,
        ground=moment.ground,
    )


def _view(run: Run, moment: Moment, vehicle: VehicleState) -> DriverView:
    course, at_s = run.course, vehicle.at_s
    now_kph = course.target_kph(at_s)
    engine = vehicle.engine
    return DriverView(
        speed_mps=vehicle.speed_mps,
        target_mps=now_kph / 3.6,
        target_mps2=(course.target_kph(at_s + 0.5) - now_kph) / 3.6 / 0.5,
        sets_off=course.target_kph(at_s + _LOOKS_AHEAD_S) > 0.0,
        finished=at_s >= course.over_s,
        ready=vehicle.drive in ANSWERS,
        drive_n=vehicle.drive_nm / run.vehicle.wheel_radius_m,
        available_n=available_n(run.vehicle, vehicle),
        resistance_n=resistance_n(run.vehicle, vehicle.speed_mps, _slope(run, moment, vehicle)),
        mass_kg=run.vehicle.mass_kg,
        shifting=engine is not None and engine.coupled_s is not None and engine.coupled_s < 0.0,
        act=moment.act,
        at_s=at_s,
    )


def proceed(run: Run, journey: Journey) -> Journey:
    """The journey one step of STEP_S later."""
    vehicle = journey.vehicle
    moment = run.course.at(vehicle.at_s)
    driver = step_driver(run.driver, journey.driver, _view(run, moment, vehicle), STEP_S)
    controls = _controls(run, moment, vehicle, driver)
    return Journey(advance(run.vehicle, vehicle, controls, STEP_S), driver, controls, moment.key)
