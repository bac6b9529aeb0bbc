"""The simulated combustion engine with its starter, gearbox and coupling to the wheels.

The speed of the crankshaft is integrated from torques, so it never jumps: a dead engine runs down by
its friction, or is dragged along by the wheels for as long as the coupling holds.
Figures are those of a 1.5 to 2 litre petrol engine with an automatic gearbox.
"""

from dataclasses import dataclass, replace
from enum import Enum


class EnginePhase(Enum):
    """What the engine's control unit believes; the names are those of `EngineState` in reference.dbc."""

    OFF = "OFF"
    CRANKING = "CRANKING"
    RUNNING = "RUNNING"
    AUTO_STOP = "AUTO_STOP"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What the engine and its gearbox are like.

    ratios: engine turns for one turn of the wheels, first gear to last.
    coupling_stiffness: torque for each rad/s of slip while locked up, in Nm s/rad.
    converter_factor: torque for each (rad/s)^2 while the converter slips, in Nm s^2/rad^2.
    slipping_capacity_nm: what the clutch carries during a gear change; it limits how fast the engine follows.
    clutch_opens_after_s: time from the loss of combustion until gearbox or driver lets the engine go.
    manual: the driver opens the clutch for a gear change, for shift_s; an automatic gearbox slips for as long.
    """

    inertia_kg_m2: float = 0.16
    idle_rad_s: float = 84.0
    redline_rad_s: float = 630.0
    peak_torque_nm: float = 240.0
    friction_nm: float = 14.0
    friction_nm_s_per_rad: float = 0.07
    starter_torque_nm: float = 75.0
    starter_free_rad_s: float = 34.0
    ratios: tuple[float, ...] = (14.5, 8.6, 5.7, 4.1, 3.1, 2.3)
    coupling_stiffness: float = 40.0
    coupling_capacity_nm: float = 320.0
    slipping_capacity_nm: float = 110.0
    converter_factor: float = 0.0045
    clutch_opens_after_s: float = 2.0
    manual: bool = False
    shift_s: float = 0.45


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine at one instant.

    phase_s: time since the phase began. gear: index into the ratios.
    coupled_s: time since the clutch last began to close, for a gear change, for the lock-up or from
    open; below zero: the driver holds it open for so long; None: open. locked: the converter is bridged.
    without_combustion_s: how long the engine has been unable to burn fuel.
    """

    phase: EnginePhase
    speed_rad_s: float
    phase_s: float = 0.0
    gear: int = 0
    coupled_s: float | None = None
    locked: bool = False
    without_combustion_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineDemand:
    """What acts on the engine during one step.

    throttle: 0 to 1. allowed: its control unit has power and may let it run. fuel: it can burn.
    crank: the driver asks for a start. rest: the start-stop system or the hybrid wants it to stand.
    seized: its bearings weld. starter: it turns when it is told to.
    """

    throttle: float
    wheel_rad_s: float
    allowed: bool
    fuel: bool
    crank: bool
    rest: bool
    in_drive: bool
    seized: bool = False
    starter: bool = True


STALLS_BELOW_RAD_S = 40.0
_RUNS_ABOVE_RAD_S = 62.0
_FIRES_AFTER_S = 0.35
_FIRES_ABOVE_RAD_S = 8.0
_GIVES_UP_CRANKING_AFTER_S = 4.0
_WELDED_NM_S_PER_RAD = 3.0
_WELDED_NM = 90.0
_WELDS_WITHIN_S = 0.8
_BETWEEN_SHIFTS_S = 1.2


def friction_nm(spec: EngineSpec, speed_rad_s: float) -> float:
    """What it takes to turn the engine; it never drives."""
    return spec.friction_nm + spec.friction_nm_s_per_rad * speed_rad_s


def full_load_nm(spec: EngineSpec, speed_rad_s: float) -> float:
    """Torque at full throttle; the curve of a naturally aspirated engine, cut at the red line."""
    if speed_rad_s >= spec.redline_rad_s:
        return 0.0
    return spec.peak_torque_nm * (1.0 - ((speed_rad_s - 300.0) / 420.0) ** 2)


def next_phase(engine: EngineState, demand: EngineDemand) -> EnginePhase:
    """The phase after this step.

    The control unit goes by the speed of the crankshaft: an engine without fuel that the wheels
    drag along still counts as running.
    """
    if not demand.allowed:
        return EnginePhase.OFF
    match engine.phase:
        case EnginePhase.OFF:
            if demand.rest:
                return EnginePhase.AUTO_STOP
            return EnginePhase.CRANKING if demand.crank else EnginePhase.OFF
        case EnginePhase.CRANKING:
            if engine.speed_rad_s > _RUNS_ABOVE_RAD_S:
                return EnginePhase.RUNNING
            return EnginePhase.OFF if engine.phase_s > _GIVES_UP_CRANKING_AFTER_S else EnginePhase.CRANKING
        case EnginePhase.RUNNING:
            if engine.speed_rad_s < STALLS_BELOW_RAD_S:
                return EnginePhase.OFF
            return EnginePhase.AUTO_STOP if demand.rest else EnginePhase.RUNNING
        case EnginePhase.AUTO_STOP:
            return EnginePhase.AUTO_STOP if demand.rest else EnginePhase.CRANKING


def _idle_governor_nm(spec: EngineSpec, speed_rad_s: float) -> float:
    wish = friction_nm(spec, speed_rad_s) + 3.0 * (spec.idle_rad_s - speed_rad_s)
    return min(max(wish, 0.0), 0.45 * spec.peak_torque_nm)


def combustion_nm(spec: EngineSpec, engine: EngineState, demand: EngineDemand) -> float:
    """Torque that the burning fuel makes; none on the overrun, where the injectors are shut."""
    if not (demand.allowed and demand.fuel and not demand.seized):
        return 0.0
    idle = _idle_governor_nm(spec, engine.speed_rad_s)
    if engine.phase is EnginePhase.RUNNING:
        return max(demand.throttle * full_load_nm(spec, engine.speed_rad_s), idle)
    turned = engine.phase_s > _FIRES_AFTER_S and engine.speed_rad_s > _FIRES_ABOVE_RAD_S
    if engine.phase is EnginePhase.CRANKING and turned:
        return idle
    return 0.0


def starter_share(spec: EngineSpec, engine: EngineState, works: bool = True) -> float:
    """How hard the starter works, 0 to 1: most when it stands, nothing at its free speed."""
    if engine.phase is not EnginePhase.CRANKING or not works:
        return 0.0
    return max(0.0, 1.0 - engine.speed_rad_s / spec.starter_free_rad_s)


def _next_gear(spec: EngineSpec, engine: EngineState, demand: EngineDemand) -> int:
    if engine.coupled_s is not None and engine.coupled_s < _BETWEEN_SHIFTS_S:
        return engine.gear
    input_rad_s = demand.wheel_rad_s * spec.ratios[engine.gear]
    if input_rad_s > 230.0 + 250.0 * demand.throttle and engine.gear + 1 < len(spec.ratios):
        return engine.gear + 1
    if input_rad_s < 125.0 + 120.0 * demand.throttle and engine.gear > 0:
        return engine.gear - 1
    return engine.gear


def _coupled_s(spec: EngineSpec, engine: EngineState, demand: EngineDemand, shifted: bool, dt_s: float) -> float | None:
    """How long the clutch has been closed after this step; None while it is open."""
    without = engine.without_combustion_s
    turning = engine.phase is EnginePhase.RUNNING or (without > 0.0 and engine.speed_rad_s > 0.0)
    if not (demand.in_drive and turning and without < spec.clutch_opens_after_s):
        return None
    if engine.coupled_s is None:
        return 0.0
    if shifted:
        return -spec.shift_s if spec.manual else 0.0
    return engine.coupled_s + dt_s


def _locks(spec: EngineSpec, engine: EngineState, input_rad_s: float) -> bool:
    """Whether the converter is bridged: only while the wheels alone keep the engine above idle."""
    return input_rad_s > (1.05 if engine.locked else 1.25) * spec.idle_rad_s


def _stiffness(spec: EngineSpec, engine: EngineState, coupled_s: float | None, locked: bool) -> float:
    """Coupling torque for each rad/s of slip: nothing, the converter's, or the locked clutch's."""
    if coupled_s is None or coupled_s < 0.0:
        return 0.0
    return spec.coupling_stiffness if locked else spec.converter_factor * engine.speed_rad_s


def _couple(
    spec: EngineSpec, engine: EngineState, net_nm: float, input_rad_s: float, stiffness: float, slips: bool, dt_s: float
) -> tuple[float, float]:
    """(engine speed after the step, torque through the coupling).

    Implicit in the engine's speed, so that a stiff coupling stays stable at any step.
    """
    gain = dt_s / spec.inertia_kg_m2
    speed = (engine.speed_rad_s + gain * (net_nm + stiffness * input_rad_s)) / (1.0 + gain * stiffness)
    torque = stiffness * (speed - input_rad_s)
    capacity = spec.slipping_capacity_nm if slips else spec.coupling_capacity_nm
    if abs(torque) > capacity:
        torque = capacity if torque > 0.0 else -capacity
        speed = engine.speed_rad_s + gain * (net_nm - torque)
    return max(speed, 0.0), torque


def step_engine(spec: EngineSpec, engine: EngineState, demand: EngineDemand, dt_s: float) -> tuple[EngineState, float]:
    """(the engine dt_s later, its torque at the wheels in Nm; negative while it brakes)."""
    phase = next_phase(engine, demand)
    now = engine if phase is engine.phase else replace(engine, phase=phase, phase_s=0.0)
    gear = _next_gear(spec, now, demand)
    ratio = spec.ratios[gear]
    locked = _locks(spec, now, demand.wheel_rad_s * ratio)
    shifted = gear != now.gear or (locked > now.locked and not spec.manual)
    coupled_s = _coupled_s(spec, now, demand, shifted, dt_s)
    stiffness = _stiffness(spec, now, coupled_s, locked)
    slips = coupled_s is not None and coupled_s < spec.shift_s
    net_nm = combustion_nm(spec, now, demand) + starter_share(spec, now, demand.starter) * spec.starter_torque_nm
    net_nm -= friction_nm(spec, now.speed_rad_s)
    if demand.seized:
        welded = min(now.without_combustion_s / _WELDS_WITHIN_S, 1.0)
        net_nm -= welded * (_WELDED_NM + _WELDED_NM_S_PER_RAD * now.speed_rad_s)
    speed, torque = _couple(spec, now, net_nm, demand.wheel_rad_s * ratio, stiffness, slips, dt_s)
    burns = demand.allowed and demand.fuel and not demand.seized
    after = EngineState(
        phase=phase,
        speed_rad_s=speed,
        phase_s=now.phase_s + dt_s,
        gear=gear,
        coupled_s=coupled_s,
        locked=locked,
        without_combustion_s=0.0 if burns else now.without_combustion_s + dt_s,
    )
    return after, torque * ratio


def gear_for(spec: EngineSpec, wheel_rad_s: float) -> int:
    """The gear a car is in when it has been rolling at that speed for a while."""
    for gear in reversed(range(len(spec.ratios))):
        if wheel_rad_s * spec.ratios[gear] >= 160.0:
            return gear
    return 0
