"""What the simulated cars are like, and the words their state is told in."""

from dataclasses import dataclass, field
from enum import Enum

from hardshoulder.core.vocabulary import Propulsion
from hardshoulder_sim.physics.engine import EngineSpec
from hardshoulder_sim.physics.supply import SupplySpec
from hardshoulder_sim.physics.traction import ELECTRIC_TRACTION, HYBRID_TRACTION, TractionSpec


class PowerMode(Enum):
    """What the key asks for; the names are those of `PowerMode` in reference.dbc."""

    LOCK = "LOCK"
    OFF = "OFF"
    ACC = "ACC"
    ON = "ON"
    START = "START"


IGNITION = (PowerMode.ON, PowerMode.START)


class DriveReady(Enum):
    """What the drive says of itself; the names are those of `DriveReady` in reference.dbc."""

    NOT_READY = "NOT_READY"
    READY = "READY"
    LIMP = "LIMP"
    FAULT = "FAULT"


class Fault(Enum):
    """What can break; each takes away a cause, and physics makes the rest of it.

    FUEL_CUT: no fuel, or no spark, reaches the engine. ENGINE_SEIZED: its bearings weld.
    START_FAILS: the engine does not start again once it stands. CONTACTORS_OPEN: something forces the
    contactors open. IGNITION_LOST: the ignition line falls, as if the key were turned. SUPPLY_LOOSE: the pole of
    the 12 V battery comes off and the generator trips. GENERATOR_DEAD: alternator or DC-DC converter stops.
    DRIVE_WEAK: the drive protects itself with a quarter of its power. DRIVE_DEAD: it gives none, its control unit
    goes on. DRIVE_NODE_DEAD: the drive's control unit dies, and with it the drive. DRIVE_NODE_RESETS: it is gone for
    as long as it starts anew. BUS_BROKEN: the powertrain's bus is open or shorted; its units hear nothing and
    let the drive go. OIL_LOW, TOO_HOT, BRAKES_FAIL: what lights the red lamps. CRASH: the car runs into something.
    """

    FUEL_CUT = "fuel-cut"
    ENGINE_SEIZED = "engine-seized"
    START_FAILS = "start-fails"
    CONTACTORS_OPEN = "contactors-open"
    IGNITION_LOST = "ignition-lost"
    SUPPLY_LOOSE = "supply-loose"
    GENERATOR_DEAD = "generator-dead"
    DRIVE_WEAK = "drive-weak"
    DRIVE_DEAD = "drive-dead"
    DRIVE_NODE_DEAD = "drive-node-dead"
    DRIVE_NODE_RESETS = "drive-node-resets"
    BUS_BROKEN = "bus-broken"
    OIL_LOW = "oil-low"
    TOO_HOT = "too-hot"
    BRAKES_FAIL = "brakes-fail"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class VehicleSpec:
    """What the car is like. rotating_share: inertia of the wheels, as a share of the mass.

    start_stop_below_mps: up to this speed the engine stops on the brake (0: never).
    coasts_mps: between these speeds the engine stops while no pedal is pressed; None: never.
    belt_starter: a 48 V machine starts the engine without a load on the 12 V system.
    curvature_per_m: how much the road winds, for the position only.
    """

    propulsion: Propulsion
    engine: EngineSpec | None
    traction: TractionSpec | None
    supply: SupplySpec = field(default_factory=SupplySpec)
    mass_kg: float = 1500.0
    rotating_share: float = 0.04
    drag_area_m2: float = 0.65
    rolling_coefficient: float = 0.011
    wheel_radius_m: float = 0.31
    start_stop_below_mps: float = 20.0 / 3.6
    coasts_mps: tuple[float, float] | None = None
    belt_starter: bool = False
    fuel_kg_per_joule: float = 1.0 / (0.30 * 43.0e6)
    tank_kg: float = 37.0
    curvature_per_m: float = 3.0e-4


def combustion_car() -> VehicleSpec:
    """A small family car with a petrol engine and a start-stop system."""
    return VehicleSpec(Propulsion.COMBUSTION, EngineSpec(), None)


def manual_car() -> VehicleSpec:
    """The same car with a gearbox that the driver shifts."""
    return VehicleSpec(Propulsion.COMBUSTION, EngineSpec(manual=True, shift_s=0.55), None)


def mild_hybrid_car() -> VehicleSpec:
    """A petrol car with a belt starter: its engine stops while the car coasts at any road speed."""
    return VehicleSpec(
        Propulsion.COMBUSTION,
        EngineSpec(starter_torque_nm=110.0, starter_free_rad_s=90.0, shift_s=0.35),
        None,
        coasts_mps=(50.0 / 3.6, 160.0 / 3.6),
        belt_starter=True,
    )


def hybrid_car() -> VehicleSpec:
    """A full hybrid: its engine is started by the traction battery and stands while coasting."""
    engine = EngineSpec(peak_torque_nm=150.0, inertia_kg_m2=0.13)
    return VehicleSpec(Propulsion.HYBRID, engine, HYBRID_TRACTION, mass_kg=1550.0)


def electric_car() -> VehicleSpec:
    """A battery electric car."""
    return VehicleSpec(Propulsion.ELECTRIC, None, ELECTRIC_TRACTION, mass_kg=1800.0)
