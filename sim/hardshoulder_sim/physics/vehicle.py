"""The simulated car: longitudinal motion, drive, 12 V system and the physical faults that break it down.

`advance` is a pure function of state, controls and time step. A fault takes away a cause (fuel, contactors,
ignition, generator), never an effect: what follows is left to inertia, friction and capacity.
The car does not roll backwards: with the drive too weak for a hill it stands, as if on the brake.
Units: metre, kilogram, second, newton, radian, volt, ampere; slopes as rise over run.
"""

import math
from collections.abc import Set
from dataclasses import dataclass

from hardshoulder_sim.physics.course import ROAD, Ground
from hardshoulder_sim.physics.driver import FULL_BRAKE_MPS2, Selector
from hardshoulder_sim.physics.engine import (
    EngineDemand,
    EnginePhase,
    EngineState,
    friction_nm,
    full_load_nm,
    gear_for,
    starter_share,
    step_engine,
)
from hardshoulder_sim.physics.supply import SupplyDemand, SupplyState, settled, step_supply
from hardshoulder_sim.physics.traction import Contactors, TractionDemand, TractionState, step_traction
from hardshoulder_sim.physics.vehicle_spec import IGNITION, DriveReady, Fault, PowerMode, VehicleSpec

GRAVITY_MPS2 = 9.81
AIR_KG_PER_M3 = 1.2
DRIVE_NEEDS_V = 7.0
CRANKING_NEEDS_V = 5.0
"""Control units ride through the dip of the starter (ISO 16750-2), and through nothing else below 7 V."""

START_STOP_NEEDS_V = 12.2
_WEAK_SHARE = 0.25
_PULLS_MPS2 = 2.5
NO_DRIVE = frozenset({Fault.DRIVE_DEAD, Fault.DRIVE_NODE_DEAD, Fault.DRIVE_NODE_RESETS, Fault.BUS_BROKEN})
"""With one of these the drive gives no push, whatever else is well."""

_NO_COMBUSTION = NO_DRIVE | {Fault.FUEL_CUT, Fault.CRASH}
CRASH_MPS2 = 150.0
_METRES_PER_DEGREE = 111_320.0
ANSWERS = (DriveReady.READY, DriveReady.LIMP)


@dataclass(frozen=True, slots=True)
class VehicleState:
    """The car at one instant.

    drive_nm: torque at the wheels. fuel: share of the tank. powered: the drive could push if it were asked to;
    what is known of it here is physics, whatever the control units believe.
    """

    engine: EngineState | None
    traction: TractionState | None
    supply: SupplyState
    at_s: float = 0.0
    speed_mps: float = 0.0
    distance_m: float = 0.0
    drive_nm: float = 0.0
    fuel: float = 0.6
    drive: DriveReady = DriveReady.NOT_READY
    airbag: bool = False
    powered: bool = False
    heading_rad: float = 0.3
    latitude: float = 48.2706
    longitude: float = 11.6446


@dataclass(frozen=True, slots=True)
class Controls:
    """What driver, road and fate do to the car during one step."""

    power_mode: PowerMode
    pedal: float = 0.0
    brake: float = 0.0
    selector: Selector = Selector.PARK
    parking_brake: bool = False
    slope: float = 0.0
    faults: Set[Fault] = frozenset()
    ground: Ground = ROAD


def parked(
    spec: VehicleSpec, fuel: float = 0.6, charge: float = 0.7, supply: SupplyState | None = None
) -> VehicleState:
    """The car as it has stood overnight. supply: another 12 V battery than one in good order."""
    return VehicleState(
        engine=EngineState(EnginePhase.OFF, 0.0) if spec.engine else None,
        traction=TractionState(Contactors.OPEN, charge, 0.0) if spec.traction else None,
        supply=supply or settled(spec.supply, 0.9, charging=False),
        fuel=fuel,
    )


def rolling(
    spec: VehicleSpec, speed_mps: float, fuel: float = 0.6, charge: float = 0.7, supply: SupplyState | None = None
) -> VehicleState:
    """The car after it has been rolling at that speed for a while. supply: as with `parked`."""
    wheel_rad_s = speed_mps / spec.wheel_radius_m
    engine = None
    if spec.engine is not None:
        gear = gear_for(spec.engine, wheel_rad_s)
        turning = max(wheel_rad_s * spec.engine.ratios[gear], spec.engine.idle_rad_s)
        engine = EngineState(EnginePhase.RUNNING, turning, 60.0, gear, coupled_s=60.0, locked=True)
    traction = None
    if spec.traction is not None:
        source_v = spec.traction.open_voltage_v * (0.9 + 0.1 * charge)
        traction = TractionState(Contactors.CLOSED, charge, source_v, 0.0, 60.0)
    supply = supply or settled(spec.supply, 0.9, charging=True)
    return VehicleState(engine, traction, supply, speed_mps=speed_mps, fuel=fuel, drive=DriveReady.READY, powered=True)


def resistance_n(spec: VehicleSpec, speed_mps: float, slope: float) -> float:
    """Air, rolling and grade; rolling resistance holds no standing car back."""
    air = 0.5 * AIR_KG_PER_M3 * spec.drag_area_m2 * speed_mps**2
    weight_n = spec.mass_kg * GRAVITY_MPS2
    return air + (spec.rolling_coefficient * weight_n if speed_mps > 0.0 else 0.0) + slope * weight_n


def available_n(spec: VehicleSpec, state: VehicleState) -> float:
    """Push at the wheels with the pedal on the floor, in the gear that is in."""
    torque = 0.0
    if spec.engine is not None and state.engine is not None:
        speed = max(state.engine.speed_rad_s, 1.5 * spec.engine.idle_rad_s)
        torque += full_load_nm(spec.engine, speed) * spec.engine.ratios[state.engine.gear]
    if spec.traction is not None:
        wheel_rad_s = max(state.speed_mps / spec.wheel_radius_m, 1.0)
        torque += min(spec.traction.peak_torque_nm, spec.traction.peak_power_w / wheel_rad_s)
    return torque / spec.wheel_radius_m


def _has(controls: Controls, fault: Fault) -> bool:
    """Most steps have no fault at all, and an Enum is slow to hash."""
    return bool(controls.faults) and fault in controls.faults


def ignition_on(state: VehicleState, controls: Controls) -> bool:
    """Whether the control units of the drive have power."""
    if controls.power_mode not in IGNITION or _has(controls, Fault.IGNITION_LOST):
        return False
    cranking = state.engine is not None and state.engine.phase is EnginePhase.CRANKING
    return state.supply.voltage_v > (CRANKING_NEEDS_V if cranking else DRIVE_NEEDS_V)


def _engine_rests(spec: VehicleSpec, state: VehicleState, engine: EngineState, controls: Controls) -> bool:
    """Whether start-stop, or the hybrid's coasting, wants the engine to stand."""
    resting = engine.phase in (EnginePhase.AUTO_STOP, EnginePhase.OFF)
    if spec.traction is not None:
        enough = state.traction is not None and state.traction.state_of_charge > 0.25
        limit = 0.3 if resting else 0.15
        slow = state.speed_mps < 14.0 and enough and controls.pedal < limit
        settled_down = resting or engine.phase_s > 3.0
        return settled_down and (controls.pedal < (0.05 if resting else 0.01) or slow)
    coasting = spec.coasts_mps is not None and spec.coasts_mps[0] < state.speed_mps < spec.coasts_mps[1]
    coasting = coasting and controls.pedal == 0.0 and controls.brake < 0.05
    if engine.phase is EnginePhase.AUTO_STOP:
        return coasting or controls.brake > 0.02 or controls.selector is Selector.PARK
    healthy = engine.phase is EnginePhase.RUNNING and engine.without_combustion_s == 0.0 and engine.phase_s > 4.0
    if not healthy or controls.pedal > 0.0 or controls.selector is not Selector.DRIVE:
        return False
    slow = state.speed_mps < spec.start_stop_below_mps and controls.brake > 0.05
    return (slow or coasting) and state.supply.voltage_v > START_STOP_NEEDS_V


def throttle(controls: Controls) -> float:
    """What the drive makes of the pedal."""
    return controls.pedal * (_WEAK_SHARE if _has(controls, Fault.DRIVE_WEAK) else 1.0)


def _step_traction(
    spec: VehicleSpec, state: VehicleState, controls: Controls, powered: bool, dt_s: float
) -> tuple[TractionState | None, float]:
    if spec.traction is None or state.traction is None:
        return None, 0.0
    demand = TractionDemand(
        throttle=throttle(controls),
        wheel_rad_s=state.speed_mps / spec.wheel_radius_m,
        allowed=powered,
        answers=not controls.faults & NO_DRIVE,
        start=controls.power_mode is PowerMode.START,
        fault=bool(controls.faults & {Fault.CONTACTORS_OPEN, Fault.CRASH}),
        in_drive=controls.selector is Selector.DRIVE,
    )
    return step_traction(spec.traction, state.traction, demand, dt_s)


def _step_engine(
    spec: VehicleSpec,
    state: VehicleState,
    controls: Controls,
    traction: TractionState | None,
    powered: bool,
    dt_s: float,
) -> tuple[EngineState | None, float]:
    """A hybrid's engine depends on the traction battery: no contactors, no engine."""
    if spec.engine is None or state.engine is None:
        return None, 0.0
    fed = traction is None or traction.contactors is Contactors.CLOSED
    demand = EngineDemand(
        throttle=throttle(controls),
        wheel_rad_s=state.speed_mps / spec.wheel_radius_m,
        allowed=powered and fed,
        fuel=state.fuel > 0.0 and not controls.faults & _NO_COMBUSTION,
        crank=controls.power_mode is PowerMode.START,
        rest=_engine_rests(spec, state, state.engine, controls),
        in_drive=controls.selector is Selector.DRIVE,
        seized=_has(controls, Fault.ENGINE_SEIZED),
        starter=not _has(controls, Fault.START_FAILS),
    )
    return step_engine(spec.engine, state.engine, demand, dt_s)


def _generator_share(spec: VehicleSpec, engine: EngineState | None, traction: TractionState | None) -> float:
    """The DC-DC converter gives all it has; the alternator what its speed allows."""
    if traction is not None:
        return 1.0 if traction.contactors is Contactors.CLOSED else 0.0
    assert spec.engine is not None, "a car has an engine or a traction battery"
    assert engine is not None
    return min(max((engine.speed_rad_s - 40.0) / (1.2 * spec.engine.idle_rad_s), 0.0), 1.0)


def _supply_demand(
    spec: VehicleSpec, engine: EngineState | None, traction: TractionState | None, controls: Controls
) -> SupplyDemand:
    dead = controls.faults & {Fault.GENERATOR_DEAD, Fault.SUPPLY_LOOSE}
    starter = 0.0
    if spec.engine is not None and engine is not None and traction is None:
        by_belt = spec.belt_starter and controls.power_mode is not PowerMode.START
        starter = 0.0 if by_belt else starter_share(spec.engine, engine, not _has(controls, Fault.START_FAILS))
    return SupplyDemand(
        generator_share=0.0 if dead else _generator_share(spec, engine, traction),
        starter_share=starter,
        awake=controls.power_mode in IGNITION,
        loose=_has(controls, Fault.SUPPLY_LOOSE),
    )


def _next_drive(
    state: VehicleState,
    engine: EngineState | None,
    traction: TractionState | None,
    faults: Set[Fault],
    powered: bool,
) -> DriveReady:
    """READY outlasts a restart by the start-stop system; a drive lost with the power on is a FAULT."""
    if not powered:
        return DriveReady.NOT_READY
    if faults & {Fault.DRIVE_DEAD, Fault.BUS_BROKEN}:
        return DriveReady.FAULT
    if traction is not None:
        alive = traction.contactors is Contactors.CLOSED
    else:
        assert engine is not None
        restarting = engine.phase is EnginePhase.CRANKING and state.drive in ANSWERS
        alive = engine.phase in (EnginePhase.RUNNING, EnginePhase.AUTO_STOP) or restarting
    if alive:
        return DriveReady.LIMP if faults and Fault.DRIVE_WEAK in faults else DriveReady.READY
    return DriveReady.NOT_READY if state.drive is DriveReady.NOT_READY else DriveReady.FAULT


def _can_push(engine: EngineState | None, traction: TractionState | None, controls: Controls, powered: bool) -> bool:
    """Whether there would be a push if the pedal asked for one."""
    if not powered or controls.faults & (NO_DRIVE | {Fault.CRASH}):
        return False
    if traction is not None:
        return traction.contactors is Contactors.CLOSED
    assert engine is not None
    if engine.without_combustion_s > 0.0:
        return False
    restarts = engine.phase in (EnginePhase.AUTO_STOP, EnginePhase.CRANKING)
    return engine.phase is EnginePhase.RUNNING or (restarts and not _has(controls, Fault.START_FAILS))


def _next_speed(spec: VehicleSpec, state: VehicleState, controls: Controls, drive_nm: float, dt_s: float) -> float:
    if (pull_mps := controls.ground.pull_mps) is not None:
        most = _PULLS_MPS2 * dt_s
        return max(state.speed_mps + min(max(pull_mps - state.speed_mps, -most), most), 0.0)
    brake_mps2 = controls.brake * FULL_BRAKE_MPS2 + (3.0 if controls.parking_brake else 0.0)
    if _has(controls, Fault.CRASH):
        brake_mps2 += CRASH_MPS2
    force = drive_nm / spec.wheel_radius_m - resistance_n(spec, state.speed_mps, controls.slope)
    force -= brake_mps2 * spec.mass_kg
    return max(state.speed_mps + force / (spec.mass_kg * (1.0 + spec.rotating_share)) * dt_s, 0.0)


def _burnt(spec: VehicleSpec, engine: EngineState | None, drive_nm: float, speed_mps: float, dt_s: float) -> float:
    """Share of the tank that the step burns: what the wheels got, plus what idling costs."""
    if engine is None or engine.phase is not EnginePhase.RUNNING or engine.without_combustion_s > 0.0:
        return 0.0
    joule = (max(drive_nm, 0.0) * speed_mps / spec.wheel_radius_m + 20.0 * engine.speed_rad_s) * dt_s
    return joule * spec.fuel_kg_per_joule / spec.tank_kg


def advance(spec: VehicleSpec, state: VehicleState, controls: Controls, dt_s: float) -> VehicleState:
    """The car dt_s later; dt_s: at most 0.02."""
    assert 0.0 < dt_s <= 0.02, "larger steps are not stable"
    powered = ignition_on(state, controls)
    traction, traction_nm = _step_traction(spec, state, controls, powered, dt_s)
    engine, engine_nm = _step_engine(spec, state, controls, traction, powered, dt_s)
    drive_nm = traction_nm + engine_nm
    speed = _next_speed(spec, state, controls, drive_nm, dt_s)
    travelled_m = 0.5 * (speed + state.speed_mps) * dt_s
    ground_m = 0.0 if controls.ground.rollers else travelled_m + controls.ground.carrier_mps * dt_s
    heading = state.heading_rad + ground_m * spec.curvature_per_m * math.sin(state.distance_m / 700.0)
    metres_per_degree_east = math.cos(math.radians(state.latitude)) * _METRES_PER_DEGREE
    return VehicleState(
        engine=engine,
        traction=traction,
        supply=step_supply(spec.supply, state.supply, _supply_demand(spec, engine, traction, controls), dt_s),
        at_s=state.at_s + dt_s,
        speed_mps=speed,
        distance_m=state.distance_m + travelled_m,
        drive_nm=drive_nm,
        fuel=max(state.fuel - _burnt(spec, engine, engine_nm, state.speed_mps, dt_s), 0.0),
        drive=_next_drive(state, engine, traction, controls.faults, powered),
        airbag=state.airbag or _has(controls, Fault.CRASH),
        powered=_can_push(engine, traction, controls, powered),
        heading_rad=heading,
        latitude=state.latitude + ground_m * math.cos(heading) / _METRES_PER_DEGREE,
        longitude=state.longitude + ground_m * math.sin(heading) / metres_per_degree_east,
    )


def asked_n(spec: VehicleSpec, state: VehicleState, pedal: float) -> float:
    """The push that a healthy drive would give for that pedal in the gear that is in; below zero: none is asked."""
    wheel_rad_s = state.speed_mps / spec.wheel_radius_m
    torque = 0.0
    if spec.engine is not None and state.engine is not None:
        ratio = spec.engine.ratios[state.engine.gear]
        turning = max(wheel_rad_s * ratio, spec.engine.idle_rad_s)
        torque += (pedal * full_load_nm(spec.engine, turning) - friction_nm(spec.engine, turning)) * ratio
    if spec.traction is not None and pedal > 0.0:
        torque += pedal * min(spec.traction.peak_torque_nm, spec.traction.peak_power_w / max(wheel_rad_s, 1.0))
    return torque / spec.wheel_radius_m
