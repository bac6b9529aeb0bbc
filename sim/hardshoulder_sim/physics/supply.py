"""The simulated 12 V system: battery, generator (alternator or DC-DC converter) and loads.

The battery is a voltage source behind a resistance, with one slow polarization voltage on top; that is
why the voltage takes tens of seconds to sink after the generator has died. Figures: a 60 Ah
lead-acid starter battery.
"""

import math
from dataclasses import dataclass

from hardshoulder_sim.physics.traction import towards


@dataclass(frozen=True, slots=True)
class SupplySpec:
    """What the 12 V system is like. awake_siemens: all loads of a car with the ignition on."""

    capacity_ah: float = 60.0
    resistance_ohm: float = 0.008
    charge_polarization_ohm: float = 0.14
    discharge_polarization_ohm: float = 0.010
    polarization_s: float = 20.0
    regulated_v: float = 14.2
    generator_max_a: float = 150.0
    generator_lag_s: float = 0.12
    awake_siemens: float = 2.8
    asleep_siemens: float = 0.25
    starter_a: float = 330.0


@dataclass(frozen=True, slots=True)
class SupplyState:
    """The 12 V system at one instant.

    current_a: into the battery. contact_ohm: of the battery's pole, beyond the battery itself.
    """

    state_of_charge: float
    polarization_v: float
    generator_a: float
    voltage_v: float
    current_a: float = 0.0
    contact_ohm: float = 0.0


@dataclass(frozen=True, slots=True)
class SupplyDemand:
    """What acts on the 12 V system during one step.

    generator_share: how much of the generator's current is to be had, 0 to 1.
    starter_share: how hard the starter works, 0 to 1. loose: the battery's pole is coming off.
    """

    generator_share: float
    starter_share: float
    awake: bool
    loose: bool


_LOOSE_POLE_OHM = 0.5
_POLE_LOOSENS_S = 1.5
_EMPTY_BELOW = 0.1
_EMPTY_OHM = 1.0


def open_voltage_v(state_of_charge: float) -> float:
    """Voltage of the resting battery; breaks down over the last tenth of the charge."""
    linear = 11.5 + 1.2 * state_of_charge
    return linear if state_of_charge > _EMPTY_BELOW else linear - 30.0 * (_EMPTY_BELOW - state_of_charge)


def battery_ohm(spec: SupplySpec, state_of_charge: float) -> float:
    """Resistance of the battery; an empty one has no acid left to conduct."""
    if state_of_charge >= _EMPTY_BELOW:
        return spec.resistance_ohm
    emptier = _EMPTY_BELOW / max(state_of_charge, 1e-6)
    return min(spec.resistance_ohm * emptier * math.sqrt(emptier), _EMPTY_OHM)


def drained(spec: SupplySpec, lasts_s: float) -> SupplyState:
    """A battery that has fed a driving car alone, and has so much left that it is empty after about lasts_s."""
    current_a = spec.awake_siemens * open_voltage_v(0.0)
    state_of_charge = min(current_a * lasts_s / (spec.capacity_ah * 3600.0), 0.9)
    polarization_v = -spec.discharge_polarization_ohm * current_a
    source_v = open_voltage_v(state_of_charge) + polarization_v
    voltage = source_v / (1.0 + battery_ohm(spec, state_of_charge) * spec.awake_siemens)
    return SupplyState(state_of_charge, polarization_v, 0.0, voltage, -spec.awake_siemens * voltage)


def settled(spec: SupplySpec, state_of_charge: float, charging: bool) -> SupplyState:
    """The 12 V system after it has been charging, or resting, for a long time."""
    source_v = open_voltage_v(state_of_charge)
    if not charging:
        return SupplyState(state_of_charge, 0.0, 0.0, source_v)
    current = (spec.regulated_v - source_v) / (spec.charge_polarization_ohm + spec.resistance_ohm)
    generator = current + spec.awake_siemens * spec.regulated_v
    polarization_v = current * spec.charge_polarization_ohm
    return SupplyState(state_of_charge, polarization_v, generator, spec.regulated_v, current)


def step_supply(spec: SupplySpec, supply: SupplyState, demand: SupplyDemand, dt_s: float) -> SupplyState:
    """The 12 V system dt_s later: v = source + r * (generator - loads * v - starter)."""
    contact = towards(supply.contact_ohm, _LOOSE_POLE_OHM if demand.loose else 0.0, _POLE_LOOSENS_S, dt_s)
    resistance = battery_ohm(spec, supply.state_of_charge) + contact
    source_v = open_voltage_v(supply.state_of_charge) + supply.polarization_v
    load = spec.awake_siemens if demand.awake else spec.asleep_siemens
    starter_a = demand.starter_share * spec.starter_a
    wanted_a = (spec.regulated_v * (1.0 + resistance * load) - source_v) / resistance + starter_a
    limit_a = demand.generator_share * spec.generator_max_a
    generator_a = towards(supply.generator_a, min(max(wanted_a, 0.0), limit_a), spec.generator_lag_s, dt_s)
    voltage = max((source_v + resistance * (generator_a - starter_a)) / (1.0 + resistance * load), 0.0)
    current = generator_a - starter_a - load * voltage
    charging = current > 0.0
    polarization_ohm = spec.charge_polarization_ohm if charging else spec.discharge_polarization_ohm
    return SupplyState(
        state_of_charge=min(max(supply.state_of_charge + current * dt_s / (spec.capacity_ah * 3600.0), 0.0), 1.0),
        polarization_v=towards(supply.polarization_v, polarization_ohm * current, spec.polarization_s, dt_s),
        generator_a=generator_a,
        voltage_v=voltage,
        current_a=current,
        contact_ohm=contact,
    )
