"""The shutdowns of the proving ground: which car can have which, and how each begins.

Every one takes away a cause and leaves the rest to physics; no signal is ever set.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from random import Random

from hardshoulder_sim.physics.course import Act, Events, Keys, Spell
from hardshoulder_sim.physics.supply import drained
from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode
from hardshoulder_sim.proving.cars import NEVER_S, CarKind, DrawnCar
from hardshoulder_sim.proving.variants import Variant


class Shutdown(StrEnum):
    """A way to lose the drive in motion."""

    FUEL = "fuel-starvation"
    FUEL_IN_GEAR = "fuel-starvation-in-gear"
    FUEL_ON_OVERRUN = "fuel-starvation-on-overrun"
    SPARK = "ignition-cut"
    SEIZED = "engine-seized"
    START_FAILS = "restart-fails"
    CONTACTORS = "contactors-open"
    IGNITION_LINE = "ignition-line"
    SUPPLY_LOOSE = "supply-loose"
    GENERATOR = "generator-dead"
    INVERTER = "inverter"
    CRASH = "crash"
    SWITCHED_OFF = "switched-off"
    OIL = "oil-then-engine"
    COOLANT = "coolant-then-engine"
    BRAKES = "brakes-then-drive"
    NODE = "drive-node-dead"
    BUS = "powertrain-bus-broken"


IN_GEAR = frozenset({Shutdown.FUEL_IN_GEAR, Shutdown.FUEL_ON_OVERRUN})
"""Those that rpm does not show, because it follows the wheels."""


@dataclass(slots=True)
class Plot:
    """What a shutdown does to a drawn car. lasts_s: from the fault on, until nothing new can come."""

    car: DrawnCar
    at_s: float
    keys: Keys
    faults: list[Spell[Fault]]
    acts: list[Spell[Act]]
    lasts_s: float = 16.0

    def events(self) -> Events:
        """As a scenario has them."""
        return Events(faults=tuple(self.faults), acts=tuple(self.acts))


Build = Callable[[Plot, Random], None]


def _lets_go(plot: Plot, after_s: float) -> None:
    """How long after the loss of combustion the clutch opens."""
    assert plot.car.vehicle.engine is not None, "only a car with an engine has this shutdown"
    vehicle = replace(plot.car.vehicle, engine=replace(plot.car.vehicle.engine, clutch_opens_after_s=after_s))
    plot.car = replace(plot.car, vehicle=vehicle)


def _begins(fault: Fault) -> Build:
    def build(plot: Plot, random: Random) -> None:
        plot.faults.append(Spell(fault, plot.at_s))

    return build


def _fuel_in_gear(plot: Plot, random: Random) -> None:
    """The driver keeps the clutch closed, or the converter stays bridged, until the engine would stall."""
    _lets_go(plot, NEVER_S)
    plot.faults.append(Spell(Fault.FUEL_CUT, plot.at_s))


def _fuel_on_overrun(plot: Plot, random: Random) -> None:
    """The foot is off the pedal when it happens, and comes back a while later."""
    _fuel_in_gear(plot, random)
    back_s = plot.at_s + random.uniform(0.8, 4.0)
    plot.acts.append(Spell(Act.LIFT, plot.at_s - random.uniform(0.5, 1.5), back_s))
    plot.lasts_s += back_s - plot.at_s


def _spark(plot: Plot, random: Random) -> None:
    """The gearbox notices at once and lets the engine go."""
    _lets_go(plot, random.uniform(0.1, 0.6))
    plot.faults.append(Spell(Fault.FUEL_CUT, plot.at_s))


def _start_fails(plot: Plot, random: Random) -> None:
    """The engine rests while the car coasts, and its starter is dead when the pedal asks for it."""
    back_s = plot.at_s + random.uniform(0.5, 3.0)
    plot.acts.append(Spell(Act.LIFT, plot.at_s - random.uniform(2.0, 4.0), back_s))
    plot.faults.append(Spell(Fault.START_FAILS, plot.at_s))
    plot.lasts_s += back_s - plot.at_s + 2.0


def _generator(plot: Plot, random: Random) -> None:
    """Generator dead, the battery old: what is left in it lasts for some seconds."""
    supply = replace(plot.car.vehicle.supply, capacity_ah=random.uniform(0.8, 2.0))
    vehicle = replace(plot.car.vehicle, supply=supply)
    plot.car = replace(plot.car, vehicle=vehicle, supply=drained(supply, plot.at_s + random.uniform(2.0, 8.0)))
    plot.faults.append(Spell(Fault.GENERATOR_DEAD, 0.0))
    plot.at_s = 0.0
    plot.lasts_s = 45.0


def _inverter(plot: Plot, random: Random) -> None:
    limp_s = random.uniform(2.0, 8.0)
    plot.faults += [Spell(Fault.DRIVE_WEAK, plot.at_s), Spell(Fault.DRIVE_DEAD, plot.at_s + limp_s)]
    plot.lasts_s += limp_s


def _switched_off(plot: Plot, random: Random) -> None:
    accessory_s = random.uniform(0.1, 0.6)
    mode = random.choice((PowerMode.OFF, PowerMode.ACC))
    turns: Keys = ((plot.at_s, PowerMode.ACC), (plot.at_s + accessory_s, mode))
    plot.keys = (*plot.keys, *turns)


def _lamp(lamp: Fault, then: Fault) -> Build:
    def build(plot: Plot, random: Random) -> None:
        lasts_s = random.uniform(2.0, 10.0)
        plot.faults += [Spell(lamp, plot.at_s), Spell(then, plot.at_s + lasts_s)]
        plot.lasts_s += lasts_s

    return build


def _node(plot: Plot, random: Random) -> None:
    plot.faults.append(Spell(Fault.DRIVE_NODE_DEAD, plot.at_s, inf))


_BURNING = tuple(kind for kind in CarKind if kind.burns)
_TRACTION = (CarKind.HYBRID, CarKind.ELECTRIC)
_ENGINE_KINDS = ("engine-stopped", "drive-not-ready", "no-torque", "no-drive", "stalled")
_DRIVE_KINDS = ("drive-not-ready", "no-torque", "no-drive", "contactors-open")
_DARK_KINDS = ("power-lost", "supply-collapsed", "drive-silent", "engine-stopped", *_DRIVE_KINDS)


@dataclass(frozen=True, slots=True)
class Row:
    """One shutdown: which cars can have it, how often it is drawn, how it begins, and how it may be called."""

    shutdown: Shutdown
    cars: tuple[CarKind, ...]
    share: int
    build: Build
    kinds: tuple[str, ...]


ROWS = (
    Row(Shutdown.FUEL, _BURNING, 6, _begins(Fault.FUEL_CUT), _ENGINE_KINDS),
    Row(Shutdown.FUEL_IN_GEAR, _BURNING, 4, _fuel_in_gear, _ENGINE_KINDS),
    Row(Shutdown.FUEL_ON_OVERRUN, _BURNING, 2, _fuel_on_overrun, _ENGINE_KINDS),
    Row(Shutdown.SPARK, _BURNING, 4, _spark, _ENGINE_KINDS),
    Row(Shutdown.SEIZED, _BURNING, 4, _begins(Fault.ENGINE_SEIZED), (*_ENGINE_KINDS, "stop-now")),
    Row(Shutdown.START_FAILS, (CarKind.MILD_HYBRID,), 4, _start_fails, _ENGINE_KINDS),
    Row(Shutdown.CONTACTORS, _TRACTION, 12, _begins(Fault.CONTACTORS_OPEN), _DRIVE_KINDS),
    Row(Shutdown.IGNITION_LINE, tuple(CarKind), 4, _begins(Fault.IGNITION_LOST), _DARK_KINDS),
    Row(Shutdown.SUPPLY_LOOSE, tuple(CarKind), 4, _begins(Fault.SUPPLY_LOOSE), _DARK_KINDS),
    Row(Shutdown.GENERATOR, tuple(CarKind), 2, _generator, (*_DARK_KINDS, "malfunction")),
    Row(Shutdown.INVERTER, _TRACTION, 8, _inverter, (*_DRIVE_KINDS, "limp-home", "malfunction")),
    Row(Shutdown.CRASH, tuple(CarKind), 4, _begins(Fault.CRASH), ("crash",)),
    Row(Shutdown.SWITCHED_OFF, tuple(CarKind), 4, _switched_off, ("switched-off", *_DARK_KINDS)),
    Row(Shutdown.OIL, _BURNING, 2, _lamp(Fault.OIL_LOW, Fault.ENGINE_SEIZED), ("stop-now", *_ENGINE_KINDS)),
    Row(Shutdown.COOLANT, tuple(CarKind), 2, _lamp(Fault.TOO_HOT, Fault.DRIVE_DEAD), ("stop-now", *_ENGINE_KINDS)),
    Row(Shutdown.BRAKES, tuple(CarKind), 2, _lamp(Fault.BRAKES_FAIL, Fault.DRIVE_DEAD), ("stop-now", *_ENGINE_KINDS)),
    Row(Shutdown.NODE, tuple(CarKind), 1, _node, ("drive-silent", "no-drive", "bus-silent")),
    Row(Shutdown.BUS, tuple(CarKind), 1, _begins(Fault.BUS_BROKEN), ("bus-silent", "drive-silent")),
)


def rows_of(kind: CarKind) -> list[Row]:
    """The shutdowns that a car of that kind can have, each as often as its share."""
    return [row for row in ROWS if kind in row.cars for _ in range(row.share)]


def names_of(row: Row, kind: CarKind, variant: Variant) -> tuple[str, ...]:
    """What an incident may be called. A hybrid's engine stops with its drive, and a lean profile shows no more than
    that the drive is gone.
    """
    names = row.kinds
    if kind is CarKind.HYBRID:
        names += ("engine-stopped",)
    if variant is Variant.LEAN:
        names += _DARK_KINDS
    return tuple(dict.fromkeys(names))
