"""Draws cars, drivers and weather for the proving ground."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from hardshoulder_sim.physics.driver import DriverSpec
from hardshoulder_sim.physics.engine import EngineSpec
from hardshoulder_sim.physics.supply import SupplySpec, SupplyState, settled
from hardshoulder_sim.physics.vehicle_spec import (
    VehicleSpec,
    combustion_car,
    electric_car,
    hybrid_car,
    manual_car,
    mild_hybrid_car,
)

COLD_SHARE = 0.2
NEVER_S = 1e9


class CarKind(StrEnum):
    """What drives the car."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    MILD_HYBRID = "mild-hybrid"
    HYBRID = "hybrid"
    ELECTRIC = "electric"

    @property
    def profile(self) -> str:
        """The shipped profile that it is a car of."""
        return _PROFILES.get(self, "reference-combustion")

    @property
    def burns(self) -> bool:
        """Whether an engine alone drives it."""
        return self not in _PROFILES


_PROFILES = {CarKind.HYBRID: "reference-hybrid", CarKind.ELECTRIC: "reference-electric"}
_MAKES = {
    CarKind.AUTOMATIC: combustion_car,
    CarKind.MANUAL: manual_car,
    CarKind.MILD_HYBRID: mild_hybrid_car,
    CarKind.HYBRID: hybrid_car,
    CarKind.ELECTRIC: electric_car,
}


@dataclass(frozen=True, slots=True)
class DrawnCar:
    """One car with its driver on its day. cold: the battery is weak and the engine stiff."""

    kind: CarKind
    vehicle: VehicleSpec
    driver: DriverSpec
    cold: bool
    fuel: float
    charge: float
    supply: SupplyState | None


def draw_car(kind: CarKind, random: Random, rolling: bool) -> DrawnCar:
    """A car of that kind. rolling: it has been driving for a while."""
    cold = random.random() < COLD_SHARE
    vehicle = _MAKES[kind]()
    vehicle = replace(
        vehicle,
        mass_kg=vehicle.mass_kg + random.uniform(0.0, 350.0),
        drag_area_m2=vehicle.drag_area_m2 * random.uniform(0.85, 1.3),
        curvature_per_m=random.uniform(5e-5, 6e-4),
        supply=_cold_supply(vehicle.supply, random) if cold else vehicle.supply,
    )
    if vehicle.engine is not None:
        vehicle = replace(vehicle, engine=_draw_engine(vehicle.engine, cold, random))
    supply = None
    if cold:
        supply = settled(vehicle.supply, random.uniform(0.55, 0.75), charging=rolling)
    return DrawnCar(
        kind, vehicle, draw_driver(random), cold, random.uniform(0.1, 0.95), random.uniform(0.3, 0.9), supply
    )


def _draw_engine(engine: EngineSpec, cold: bool, random: Random) -> EngineSpec:
    """A stiff cold engine needs a second and more to start."""
    engine = replace(
        engine,
        peak_torque_nm=engine.peak_torque_nm * random.uniform(0.8, 1.4),
        clutch_opens_after_s=random.uniform(0.3, 4.0),
    )
    return replace(engine, friction_nm=engine.friction_nm * random.uniform(1.6, 2.4)) if cold else engine


def _cold_supply(supply: SupplySpec, random: Random) -> SupplySpec:
    return replace(
        supply,
        capacity_ah=45.0,
        resistance_ohm=random.uniform(0.011, 0.017),
        regulated_v=14.6,
        starter_a=random.uniform(330.0, 380.0),
    )


def draw_driver(random: Random) -> DriverSpec:
    """Patient ones and hasty ones; about half press the pedal again when nothing came."""
    return DriverSpec(
        notices_after_s=random.uniform(1.3, 3.0),
        coasts_s=random.uniform(3.0, 9.0),
        stops_with_mps2=random.uniform(0.9, 1.6),
        tries_again=random.random() < 0.5,
    )
