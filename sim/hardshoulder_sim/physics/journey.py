"""Driver, car, key and fate put together: one run of a scenario, step by step."""

import math
from dataclasses import dataclass

from hardshoulder_sim.physics.driver import DriverState, DriverView, Selector, step_driver
from hardshoulder_sim.physics.vehicle import Controls, VehicleState, advance, available_n, parked, resistance_n, rolling
from hardshoulder_sim.physics.vehicle_spec import DriveReady, Fault, PowerMode
from hardshoulder_sim.scenarios import Begin, Run, key_at, target_kph

STEP_S = 0.01
_HILL_M = 450.0
_LOOKS_AHEAD_S = 1.5


@dataclass(frozen=True, slots=True)
class Journey:
    """One instant: the car, its driver, and what was done to the car in the last step."""

    vehicle: VehicleState
    driver: DriverState
    controls: Controls


def begin(run: Run) -> Journey:
    """How the scenario finds the car."""
    mode = key_at(run.scenario.keys, 0.0)
    if run.scenario.begin is Begin.PARKED:
        vehicle, driver = parked(run.vehicle, run.fuel, run.charge), DriverState()
    else:
        speed_mps = target_kph(run.scenario.profile, 0.0) / 3.6
        vehicle = rolling(run.vehicle, speed_mps, run.fuel, run.charge)
        driver = DriverState(pedal=0.3, brake=0.0, selector=Selector.DRIVE, parking_brake=False)
    return Journey(vehicle, driver, _controls(run, vehicle, driver, mode))


def _slope(run: Run, vehicle: VehicleState) -> float:
    return run.scenario.hill * math.sin(vehicle.distance_m / _HILL_M)


def _controls(run: Run, vehicle: VehicleState, driver: DriverState, mode: PowerMode) -> Controls:
    fault = run.scenario.fault
    happened = fault is not None and run.fault_at_s is not None and vehicle.at_s >= run.fault_at_s
    faults = frozenset({fault}) if fault is not None and happened else frozenset()
    return Controls(
        power_mode=PowerMode.OFF if Fault.IGNITION_LOST in faults else mode,
        pedal=driver.pedal,
        brake=driver.brake,
        selector=driver.selector,
        parking_brake=driver.parking_brake,
        slope=_slope(run, vehicle),
        faults=faults,
    )


def _view(run: Run, vehicle: VehicleState) -> DriverView:
    profile, at_s = run.scenario.profile, vehicle.at_s
    now_kph = target_kph(profile, at_s)
    soon_kph = target_kph(profile, at_s + _LOOKS_AHEAD_S)
    return DriverView(
        speed_mps=vehicle.speed_mps,
        target_mps=now_kph / 3.6,
        target_mps2=(target_kph(profile, at_s + 0.5) - now_kph) / 3.6 / 0.5,
        sets_off=soon_kph > 0.0,
        finished=profile[-1][1] == 0.0 and at_s >= profile[-1][0],
        ready=vehicle.drive is DriveReady.READY,
        drive_n=vehicle.drive_nm / run.vehicle.wheel_radius_m,
        available_n=available_n(run.vehicle, vehicle),
        resistance_n=resistance_n(run.vehicle, vehicle.speed_mps, _slope(run, vehicle)),
        mass_kg=run.vehicle.mass_kg,
    )


def proceed(run: Run, journey: Journey) -> Journey:
    """The journey one step of STEP_S later."""
    vehicle = journey.vehicle
    driver = step_driver(run.driver, journey.driver, _view(run, vehicle), STEP_S)
    controls = _controls(run, vehicle, driver, key_at(run.scenario.keys, vehicle.at_s))
    return Journey(advance(run.vehicle, vehicle, controls, STEP_S), driver, controls)
