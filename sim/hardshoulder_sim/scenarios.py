"""The drives the simulator knows, and how a seed varies them.

A scenario is data. `vary` turns it and a seed into one run: the same drive with another driver, another load,
another moment of failure. Times in seconds since the scenario began, speeds in km/h.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random

from hardshoulder.core.vocabulary import Propulsion
from hardshoulder_sim.interference import Interference
from hardshoulder_sim.physics.course import Course, Events, Keys, Profile, Spell
from hardshoulder_sim.physics.driver import DriverSpec
from hardshoulder_sim.physics.supply import SupplyState
from hardshoulder_sim.physics.vehicle_spec import (
    Fault,
    PowerMode,
    VehicleSpec,
    combustion_car,
    electric_car,
    hybrid_car,
)


class Begin(Enum):
    """How the car is found: standing with the key off, or rolling at the profile's first speed."""

    PARKED = "parked"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One drive.

    profile: (time, km/h) corners of the speed the driver wants. keys: (time, mode) of the ignition key.
    fault_at_s: when the fault begins, give or take fault_jitter_s.
    hill: steepest slope of the road. hazard_switch_at_s: when the driver presses the hazard button.
    incident: whether a breakdown while moving happens, so that a responder has to act.
    events: what else happens to car, driver and road. interference: what happens to its messages.
    """

    name: str
    title: str
    duration_s: float
    propulsion: Propulsion
    begin: Begin
    profile: Profile
    keys: Keys
    incident: bool
    fault: Fault | None = None
    fault_at_s: float = 0.0
    fault_jitter_s: float = 0.0
    hill: float = 0.0
    hazard_switch_at_s: tuple[float, ...] = ()
    events: Events = field(default_factory=Events)
    interference: Interference = field(default_factory=Interference)


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the car's messages reach us.

    buses: node to the bus it is on, for those that are not on `main`. clash: each bus carries a message of its
    own under an identifier that means something else on the other. jitter_share: deviation of a message's time,
    of its cycle. foreign_per_s: frames of other control units, which nobody here knows, that fill the bus.
    noise: how much worse the sensors are than new ones.
    """

    buses: Mapping[str, str] = field(default_factory=dict)
    clash: bool = False
    jitter_share: float = 0.01
    foreign_per_s: float = 0.0
    noise: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario with its seed's variation. fault_at_s: None without a fault. supply: None: a battery in good order."""

    scenario: Scenario
    seed: int
    vehicle: VehicleSpec
    driver: DriverSpec
    fault_at_s: float | None
    fuel: float
    charge: float
    course: Course = field(compare=False)
    supply: SupplyState | None = None
    wiring: Wiring = field(default_factory=Wiring)


_DRIVING: Keys = ((0.0, PowerMode.ON),)
_START_AND_PARK: Keys = (
    (0.0, PowerMode.OFF),
    (1.0, PowerMode.ACC),
    (1.5, PowerMode.ON),
    (2.5, PowerMode.START),
    (3.8, PowerMode.ON),
    (92.0, PowerMode.OFF),
    (97.0, PowerMode.LOCK),
)
_START: Keys = _START_AND_PARK[:5]

_ORDINARY: Profile = (
    (0.0, 0.0), (6.0, 0.0), (15.0, 50.0), (28.0, 50.0), (38.0, 85.0), (52.0, 85.0), (62.0, 45.0), (68.0, 45.0),
    (80.0, 0.0),
)  # fmt: skip
_MOTORWAY: Profile = ((0.0, 110.0), (12.0, 118.0), (60.0, 118.0), (80.0, 112.0))
_CITY: Profile = ((0.0, 0.0), (6.0, 0.0), (14.0, 45.0), (60.0, 45.0))
_TRAFFIC: Profile = (
    (0.0, 0.0), (6.0, 0.0), (14.0, 45.0), (22.0, 45.0), (31.0, 0.0), (41.0, 0.0), (47.0, 30.0), (52.0, 30.0),
    (58.0, 0.0), (66.0, 0.0), (71.0, 18.0), (75.0, 18.0), (80.0, 0.0), (90.0, 0.0), (98.0, 50.0), (120.0, 50.0),
)  # fmt: skip

COMBUSTION, HYBRID, ELECTRIC = Propulsion.COMBUSTION, Propulsion.HYBRID, Propulsion.ELECTRIC

_TABLE = (
    Scenario(
        "ordinary-drive", "petrol car from start to parking", 100.0, COMBUSTION, Begin.PARKED, _ORDINARY,
        _START_AND_PARK, incident=False, hill=0.015,
    ),
    Scenario(
        "hybrid-drive", "hybrid from start to parking, its engine coming and going", 100.0, HYBRID, Begin.PARKED,
        _ORDINARY, _START_AND_PARK, incident=False, hill=0.015,
    ),
    Scenario(
        "electric-drive", "electric car from start to parking", 100.0, ELECTRIC, Begin.PARKED, _ORDINARY,
        _START_AND_PARK, incident=False, hill=0.015,
    ),
    Scenario(
        "start-stop-traffic", "petrol car in dense traffic, its engine stopping at each halt", 120.0, COMBUSTION,
        Begin.PARKED, _TRAFFIC, _START, incident=False,
    ),
    Scenario(
        "alternator-failure", "the alternator dies on the motorway, the battery carries on", 110.0, COMBUSTION,
        Begin.ROLLING, _MOTORWAY, _DRIVING, incident=False, fault=Fault.GENERATOR_DEAD, fault_at_s=20.0,
        fault_jitter_s=5.0,
    ),
    Scenario(
        "motorway-shutdown-combustion", "the fuel pump dies at motorway speed", 110.0, COMBUSTION, Begin.ROLLING,
        _MOTORWAY, _DRIVING, incident=True, fault=Fault.FUEL_CUT, fault_at_s=25.0, fault_jitter_s=6.0, hill=0.01,
    ),
    Scenario(
        "motorway-shutdown-hybrid", "the contactors of a hybrid open at motorway speed", 110.0, HYBRID,
        Begin.ROLLING, _MOTORWAY, _DRIVING, incident=True, fault=Fault.CONTACTORS_OPEN, fault_at_s=25.0,
        fault_jitter_s=6.0, hill=0.01,
    ),
    Scenario(
        "motorway-shutdown-electric", "the contactors of an electric car open at motorway speed", 110.0, ELECTRIC,
        Begin.ROLLING, _MOTORWAY, _DRIVING, incident=True, fault=Fault.CONTACTORS_OPEN, fault_at_s=25.0,
        fault_jitter_s=6.0, hill=0.01,
    ),
    Scenario(
        "motorway-ignition-lost", "the ignition line falls at motorway speed", 110.0, COMBUSTION, Begin.ROLLING,
        _MOTORWAY, _DRIVING, incident=True, fault=Fault.IGNITION_LOST, fault_at_s=25.0, fault_jitter_s=6.0, hill=0.01,
    ),
    Scenario(
        "motorway-supply-loose", "the 12 V battery comes loose at motorway speed", 110.0, COMBUSTION, Begin.ROLLING,
        _MOTORWAY, _DRIVING, incident=True, fault=Fault.SUPPLY_LOOSE, fault_at_s=25.0, fault_jitter_s=6.0, hill=0.01,
    ),
    Scenario(
        "motorway-crash", "the car runs into an obstacle", 60.0, COMBUSTION, Begin.ROLLING, _MOTORWAY, _DRIVING,
        incident=True, fault=Fault.CRASH, fault_at_s=25.0, fault_jitter_s=6.0,
    ),
    Scenario(
        "city-stall", "the fuel pump dies in town", 90.0, COMBUSTION, Begin.PARKED, _CITY, _START, incident=True,
        fault=Fault.FUEL_CUT, fault_at_s=30.0, fault_jitter_s=6.0,
    ),
)  # fmt: skip

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _TABLE}

_CARS = {COMBUSTION: combustion_car, HYBRID: hybrid_car, ELECTRIC: electric_car}


def vary(scenario: Scenario, seed: int) -> Run:
    """The run that this seed makes of the scenario; the same seed gives the same run."""
    random = Random(f"{scenario.name} {seed} run")
    vehicle = _CARS[scenario.propulsion]()
    vehicle = replace(vehicle, mass_kg=vehicle.mass_kg + random.uniform(0.0, 250.0))
    if vehicle.engine is not None:
        clutch_opens_after_s = random.uniform(0.3, 4.0)
        vehicle = replace(vehicle, engine=replace(vehicle.engine, clutch_opens_after_s=clutch_opens_after_s))
    driver = DriverSpec(random.uniform(1.3, 3.0), random.uniform(3.0, 9.0), random.uniform(0.9, 1.6))
    jitter_s = random.uniform(-scenario.fault_jitter_s, scenario.fault_jitter_s)
    fault_at_s = None if scenario.fault is None else scenario.fault_at_s + jitter_s
    return Run(
        scenario=scenario,
        seed=seed,
        vehicle=vehicle,
        driver=driver,
        fault_at_s=fault_at_s,
        fuel=random.uniform(0.25, 0.9),
        charge=random.uniform(0.45, 0.85),
        course=course_of(scenario, fault_at_s),
    )


def course_of(scenario: Scenario, fault_at_s: float | None) -> Course:
    """The scenario's profile, keys and events, with its fault beginning at that time."""
    events = scenario.events
    if scenario.fault is not None and fault_at_s is not None:
        events = replace(events, faults=(*events.faults, Spell(scenario.fault, fault_at_s)))
    return Course(scenario.profile, scenario.keys, events)
