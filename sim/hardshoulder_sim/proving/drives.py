"""Ordinary drives, dealt full of look-alikes: the core has nothing to report in any of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from hardshoulder.errors import UserError
from hardshoulder_sim.physics.course import Course
from hardshoulder_sim.proving import alikes_bus, alikes_road, alikes_stand
from hardshoulder_sim.proving.cars import NEVER_S, CarKind, DrawnCar, draw_car
from hardshoulder_sim.proving.case import Case, CaseId, CaseKind
from hardshoulder_sim.proving.composer import ON, Composer
from hardshoulder_sim.proving.generator import KINDS, chance
from hardshoulder_sim.proving.variants import Variant
from hardshoulder_sim.proving.wiring import draw_wiring
from hardshoulder_sim.scenarios import Begin, Run, Scenario

PLAIN = "plain-driving"
DRIVE_S = 600.0
RECORDING_S = 120.0
_VARIANTS = (*[Variant.WHOLE] * 6, *[Variant.TWO_BUS] * 7, *[Variant.UNPROTECTED] * 4, *[Variant.LEAN] * 3)
_BURNING = tuple(kind for kind in CarKind if kind.burns)
_TRACTION = (CarKind.HYBRID, CarKind.ELECTRIC)
_ANY = tuple(CarKind)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Something that looks like a breakdown and is none: who can have it, how often it is dealt, how it goes."""

    name: str
    cars: Sequence[CarKind]
    share: int
    compose: Callable[[Composer], None]
    two_buses: bool = False

    def fits(self, kind: CarKind, variant: Variant) -> bool:
        """Whether a car of that kind and variant can have it."""
        return kind in self.cars and (not self.two_buses or variant is Variant.TWO_BUS)


LOOK_ALIKES = (
    LookAlike("start-stop-halt", _BURNING, 2, alikes_road.start_stop_halt),
    LookAlike("start-stop-rolling", _BURNING, 2, alikes_road.start_stop_rolling),
    LookAlike("coast-engine-off", (CarKind.MILD_HYBRID,), 6, alikes_road.coast_engine_off),
    LookAlike("drive-without-engine", _TRACTION, 2, alikes_road.drive_without_engine),
    LookAlike("key-off-orders", _ANY, 1, alikes_stand.key_off_orders),
    LookAlike("bus-sleeps", _ANY, 1, alikes_stand.bus_sleeps),
    LookAlike("cranking", _BURNING, 2, alikes_stand.cranking),
    LookAlike("cranking-while-rolling", _BURNING, 2, alikes_stand.cranking_while_rolling),
    LookAlike("corrupt-frame", _ANY, 1, alikes_bus.corrupt_frame),
    LookAlike("corrupt-frames", _ANY, 1, alikes_bus.corrupt_frames),
    LookAlike("counter-error", _ANY, 1, alikes_bus.counter_error),
    LookAlike("checksum-error", _ANY, 1, alikes_bus.checksum_error),
    LookAlike("doubled-frames", _ANY, 1, alikes_bus.doubled_frames),
    LookAlike("late-frames", _ANY, 1, alikes_bus.late_frames),
    LookAlike("node-reset", _ANY, 1, alikes_bus.node_reset),
    LookAlike("drive-reset", _ANY, 1, alikes_bus.drive_reset),
    LookAlike("gateway-asleep", _ANY, 1, alikes_bus.gateway_asleep),
    LookAlike("sensor-frozen", _ANY, 1, alikes_bus.sensor_frozen),
    LookAlike("sensor-stuck", _ANY, 1, alikes_bus.sensor_stuck),
    LookAlike("sensor-noisy", _ANY, 1, alikes_bus.sensor_noisy),
    LookAlike("wheel-spin", _ANY, 1, alikes_road.wheel_spin),
    LookAlike("wheel-lock", _ANY, 1, alikes_road.wheel_lock),
    LookAlike("car-wash", _ANY, 1, alikes_road.car_wash),
    LookAlike("ferry", _ANY, 1, alikes_road.ferry),
    LookAlike("tow-flatbed", _ANY, 1, alikes_road.tow_flatbed),
    LookAlike("tow-wheels-down", _ANY, 1, alikes_road.tow_wheels_down),
    LookAlike("dynamometer", _ANY, 1, alikes_road.dynamometer),
    LookAlike("neutral-downhill", _ANY, 1, alikes_road.neutral_downhill),
    LookAlike("learner-stall", _BURNING, 2, alikes_road.learner_stall),
    LookAlike("same-id-on-two-buses", _ANY, 3, alikes_bus.same_id_on_two_buses, two_buses=True),
)

BY_NAME = {alike.name: alike for alike in LOOK_ALIKES}


def drive_case(case_id: CaseId) -> Case:
    """An ordinary drive, a recording of one, or a single look-alike."""
    random = chance(case_id)
    single = BY_NAME.get(case_id.name)
    if case_id.kind is CaseKind.ALIKE and single is None:
        raise UserError(f"{case_id}: no such look-alike; there is {', '.join(BY_NAME)}")
    kind, variant = _draw_kind(case_id, single, random)
    recorded = case_id.kind is CaseKind.RECORDING
    car = draw_car(kind, random, rolling=recorded)
    drive = Composer(random, kind, variant)
    _begin(drive, recorded)
    if single is not None:
        single.compose(drive)
        drive.wait(5.0)
    else:
        _deal(drive, RECORDING_S if recorded else DRIVE_S)
    return _case(case_id, car, drive, RECORDING_S if recorded else None if single else DRIVE_S)


def _draw_kind(case_id: CaseId, single: LookAlike | None, random: Random) -> tuple[CarKind, Variant]:
    """Evenly over the cars; for a single look-alike over those that can have it."""
    variant = random.choice(_VARIANTS)
    if single is None:
        return KINDS[case_id.index % len(KINDS)], variant
    return single.cars[case_id.index % len(single.cars)], Variant.TWO_BUS if single.two_buses else variant


def _begin(drive: Composer, rolling: bool) -> None:
    """From the parking place, or in the middle of a journey."""
    if rolling:
        drive.turn(ON)
        drive.kph = drive.some(35.0, 120.0)
        drive.corners.append((0.0, drive.kph))
        drive.wait(drive.some(3.0, 6.0))
        return
    drive.corners.append((0.0, 0.0))
    drive.turn(ON)
    drive.wait(1.0)
    drive.start()
    drive.cruise(30.0, 60.0)


def _deal(drive: Composer, until_s: float) -> None:
    """One look-alike after the other from a shuffled deck, with a little driving between them."""
    fitting = [alike for alike in LOOK_ALIKES if alike.fits(drive.kind, drive.variant) for _ in range(alike.share)]
    deck: list[LookAlike] = []
    while drive.now_s < until_s:
        if not deck:
            deck = drive.random.sample(fitting, len(fitting))
        deck.pop().compose(drive)
        drive.cruise(25.0, 140.0)
        drive.wait(drive.some(0.5, 3.0))


def _case(case_id: CaseId, car: DrawnCar, drive: Composer, ends_s: float | None) -> Case:
    duration_s = drive.now_s if ends_s is None else ends_s
    scenario = Scenario(
        name=str(case_id),
        title="ordinary driving",
        duration_s=round(duration_s, 2),
        propulsion=car.vehicle.propulsion,
        begin=Begin.ROLLING if case_id.kind is CaseKind.RECORDING else Begin.PARKED,
        profile=drive.profile(),
        keys=drive.keys(),
        incident=False,
        hill=drive.some(0.0, 0.02),
        events=drive.events(),
        interference=drive.interference(),
    )
    vehicle = car.vehicle
    if vehicle.engine is not None:
        vehicle = replace(vehicle, engine=replace(vehicle.engine, clutch_opens_after_s=NEVER_S))
    run = Run(
        scenario=scenario,
        seed=0,
        vehicle=vehicle,
        driver=replace(car.driver, notices_after_s=NEVER_S),
        fault_at_s=None,
        fuel=car.fuel,
        charge=car.charge,
        course=Course(scenario.profile, scenario.keys, scenario.events),
        supply=car.supply,
        wiring=draw_wiring(drive.variant, drive.random),
    )
    happened = tuple(o for o in drive.occurrences if o.begin_s <= duration_s)
    return Case(case_id, car.kind, drive.variant, run, alikes=happened)
