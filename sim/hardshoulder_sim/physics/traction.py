"""The simulated electric drive: traction battery, contactors, motor at the wheels.

When the contactors open, the motor's torque dies within its electrical time constant and the voltage behind
them runs down with the capacitors; nothing falls to zero at once.
"""

import math
from dataclasses import dataclass
from enum import Enum


class Contactors(Enum):
    """The main contactors; the names are those of `ContactorState` in reference.dbc."""

    OPEN = "OPEN"
    PRECHARGE = "PRECHARGE"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class TractionSpec:
    """What motor and battery are like; torque at the wheels."""

    peak_torque_nm: float
    peak_power_w: float
    coast_torque_nm: float
    energy_j: float
    open_voltage_v: float = 360.0
    resistance_ohm: float = 0.09


ELECTRIC_TRACTION = TractionSpec(
    peak_torque_nm=3200.0, peak_power_w=120_000.0, coast_torque_nm=320.0, energy_j=58.0 * 3.6e6
)
HYBRID_TRACTION = TractionSpec(
    peak_torque_nm=1300.0, peak_power_w=50_000.0, coast_torque_nm=160.0, energy_j=1.4 * 3.6e6, open_voltage_v=220.0
)


@dataclass(frozen=True, slots=True)
class TractionState:
    """The electric drive at one instant. contactors_s: time since they last moved."""

    contactors: Contactors
    state_of_charge: float
    voltage_v: float
    torque_nm: float = 0.0
    contactors_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TractionDemand:
    """What acts on the electric drive during one step.

    throttle: 0 to 1. allowed: ignition and 12 V are there. start: the driver asks for a start.
    fault: something forces the contactors open. answers: inverter and control unit make torque.
    """

    throttle: float
    wheel_rad_s: float
    allowed: bool
    start: bool
    fault: bool
    in_drive: bool
    answers: bool = True


_PRECHARGE_S = 0.4
_TORQUE_LAG_S = 0.08
_CAPACITOR_CHARGES_S = 0.09
_CAPACITOR_DISCHARGES_S = 1.2
_NO_COASTING_BELOW_RAD_S = 4.0
_FULL_COASTING_ABOVE_RAD_S = 16.0


def towards(value: float, target: float, lag_s: float, dt_s: float) -> float:
    """First-order lag: where `value` is after dt_s on its way to `target`."""
    return target + (value - target) * math.exp(-dt_s / lag_s)


def _next_contactors(traction: TractionState, demand: TractionDemand) -> Contactors:
    if demand.fault or not demand.allowed:
        return Contactors.OPEN
    match traction.contactors:
        case Contactors.OPEN:
            return Contactors.PRECHARGE if demand.start else Contactors.OPEN
        case Contactors.PRECHARGE:
            return Contactors.CLOSED if traction.contactors_s >= _PRECHARGE_S else Contactors.PRECHARGE
        case Contactors.CLOSED:
            return Contactors.CLOSED


def _wanted_torque_nm(spec: TractionSpec, demand: TractionDemand) -> float:
    """Drives by the pedal; brakes gently with the pedal released, fading out towards standstill."""
    if not (demand.in_drive and demand.answers):
        return 0.0
    speed = demand.wheel_rad_s
    if demand.throttle > 0.0:
        return demand.throttle * min(spec.peak_torque_nm, spec.peak_power_w / max(speed, 1.0))
    fade = (speed - _NO_COASTING_BELOW_RAD_S) / (_FULL_COASTING_ABOVE_RAD_S - _NO_COASTING_BELOW_RAD_S)
    return -spec.coast_torque_nm * min(max(fade, 0.0), 1.0)


def _voltage_v(
    spec: TractionSpec, traction: TractionState, contactors: Contactors, power_w: float, dt_s: float
) -> float:
    if contactors is Contactors.OPEN:
        return towards(traction.voltage_v, 0.0, _CAPACITOR_DISCHARGES_S, dt_s)
    current_a = power_w / spec.open_voltage_v if contactors is Contactors.CLOSED else 0.0
    source_v = spec.open_voltage_v * (0.9 + 0.1 * traction.state_of_charge) - current_a * spec.resistance_ohm
    return towards(traction.voltage_v, source_v, _CAPACITOR_CHARGES_S, dt_s)


def step_traction(
    spec: TractionSpec, traction: TractionState, demand: TractionDemand, dt_s: float
) -> tuple[TractionState, float]:
    """(the electric drive dt_s later, its torque at the wheels in Nm; negative while it brakes)."""
    contactors = _next_contactors(traction, demand)
    moved = contactors is not traction.contactors
    closed = contactors is Contactors.CLOSED
    torque = towards(traction.torque_nm, _wanted_torque_nm(spec, demand) if closed else 0.0, _TORQUE_LAG_S, dt_s)
    power_w = torque * demand.wheel_rad_s if closed else 0.0
    charge = traction.state_of_charge - power_w * dt_s / spec.energy_j
    after = TractionState(
        contactors=contactors,
        state_of_charge=min(max(charge, 0.0), 1.0),
        voltage_v=_voltage_v(spec, traction, contactors, power_w, dt_s),
        torque_nm=torque,
        contactors_s=0.0 if moved else traction.contactors_s + dt_s,
    )
    return after, torque
