"""Makes a case from its name: car, weather, road, driver, fault and time all come from the seed."""

from random import Random

from hardshoulder_sim.physics.course import Course, Keys, Profile
from hardshoulder_sim.physics.vehicle_spec import PowerMode
from hardshoulder_sim.proving.cars import CarKind, draw_car
from hardshoulder_sim.proving.case import GENERATOR_VERSION, Case, CaseId, CaseKind
from hardshoulder_sim.proving.faults import Plot, Row, Shutdown, names_of, rows_of
from hardshoulder_sim.proving.variants import Variant
from hardshoulder_sim.proving.wiring import draw_wiring
from hardshoulder_sim.scenarios import Begin, Run, Scenario

KINDS = tuple(CarKind)
VARIANTS = (*[Variant.WHOLE] * 8, *[Variant.TWO_BUS] * 5, *[Variant.UNPROTECTED] * 4, *[Variant.LEAN] * 3)
BANDS_KPH = ((20.0, 30.0), (30.0, 60.0), (60.0, 100.0), (100.0, 160.0))
_BAND_SHARES = (10, 25, 30, 35)
_FAULT_BETWEEN_S = (8.0, 20.0)
_DRIVING: Keys = ((0.0, PowerMode.ON),)
_COASTS_ABOVE_KPH = 65.0


def chance(case_id: CaseId) -> Random:
    """Where all chance of a case comes from."""
    return Random(f"{GENERATOR_VERSION} {case_id}")


def fault_case(case_id: CaseId) -> Case:
    """A car that rolls, and breaks down."""
    assert case_id.kind is CaseKind.FAULT, "another maker's case"
    random = chance(case_id)
    kind = KINDS[case_id.index % len(KINDS)]
    rows = rows_of(kind)
    row = rows[case_id.index // len(KINDS) % len(rows)]
    variant = random.choice(VARIANTS)
    plot = Plot(draw_car(kind, random, rolling=True), random.uniform(*_FAULT_BETWEEN_S), _DRIVING, [], [])
    speed_kph = _draw_speed(row, random)
    begin_s = plot.at_s
    profile = _rolling_profile(speed_kph, begin_s, random)
    row.build(plot, random)
    duration_s = round(begin_s + plot.lasts_s, 2)
    scenario = Scenario(
        name=str(case_id),
        title=f"{row.shutdown} at {speed_kph:.0f} km/h",
        duration_s=duration_s,
        propulsion=plot.car.vehicle.propulsion,
        begin=Begin.ROLLING,
        profile=profile,
        keys=plot.keys,
        incident=True,
        hill=random.uniform(0.0, 0.035),
        events=plot.events(),
    )
    run = _run(scenario, plot, variant, random)
    return Case(case_id, kind, variant, run, row.shutdown, names_of(row, kind, variant), plot.at_s)


def _run(scenario: Scenario, plot: Plot, variant: Variant, random: Random) -> Run:
    car = plot.car
    return Run(
        scenario=scenario,
        seed=0,
        vehicle=car.vehicle,
        driver=car.driver,
        fault_at_s=None,
        fuel=car.fuel,
        charge=car.charge,
        course=Course(scenario.profile, scenario.keys, scenario.events),
        supply=car.supply,
        wiring=draw_wiring(variant, random),
    )


def _draw_speed(row: Row, random: Random) -> float:
    (band,) = random.choices(BANDS_KPH, _BAND_SHARES)
    speed_kph = random.uniform(*band)
    return (
        max(speed_kph, random.uniform(_COASTS_ABOVE_KPH, 130.0)) if row.shutdown is Shutdown.START_FAILS else speed_kph
    )


def _rolling_profile(speed_kph: float, fault_s: float, random: Random) -> Profile:
    """Some ups and downs on the way to the speed at which it happens; later the driver wants to go on."""
    corners = [(0.0, speed_kph * random.uniform(0.85, 1.1))]
    at_s = random.uniform(2.0, 5.0)
    while at_s < fault_s - 3.0:
        corners.append((at_s, speed_kph * random.uniform(0.9, 1.1)))
        at_s += random.uniform(2.0, 5.0)
    corners.append((fault_s - 0.5, speed_kph))
    corners.append((fault_s + random.uniform(5.0, 15.0), speed_kph * random.uniform(1.0, 1.1)))
    return tuple(corners)
