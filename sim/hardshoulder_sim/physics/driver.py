"""The simulated driver: follows a speed profile, notices a dead drive, coasts and brakes to the shoulder."""

from dataclasses import dataclass
from enum import Enum

from hardshoulder_sim.physics.course import Act
from hardshoulder_sim.physics.traction import towards


class Selector(Enum):
    """The selector; the names are those of `SelectedGear` in reference.dbc."""

    PARK = "PARK"
    REVERSE = "REVERSE"
    NEUTRAL = "NEUTRAL"
    DRIVE = "DRIVE"


class Indicator(Enum):
    """The indicator stalk; the names are those of `IndicatorStalk` in reference.dbc."""

    NEUTRAL = "NEUTRAL"
    LEFT = "LEFT"
    RIGHT = "RIGHT"


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """How this driver takes a breakdown.

    notices_after_s: how long the pedal goes unanswered until the driver believes it.
    coasts_s: rolls on for that long, looking for a place. stops_with_mps2: then brakes that hard.
    tries_again: presses the pedal once more while rolling.
    """

    notices_after_s: float = 2.0
    coasts_s: float = 6.0
    stops_with_mps2: float = 1.2
    tries_again: bool = False


@dataclass(frozen=True, slots=True)
class DriverState:
    """Feet and hands at one instant: pedal and brake from 0 to 1.

    gave_up_s: time since the driver took the car for broken down; None: has not.
    """

    pedal: float = 0.0
    brake: float = 0.3
    selector: Selector = Selector.PARK
    parking_brake: bool = True
    indicator: Indicator = Indicator.NEUTRAL
    unanswered_s: float = 0.0
    standing_s: float = 0.0
    gave_up_s: float | None = None


@dataclass(frozen=True, slots=True)
class DriverView:
    """What the driver sees and feels.

    target_mps, target_mps2: the profile's speed and its slope. sets_off: it is about to call for speed.
    finished: it never will again. ready: the instrument cluster says so.
    drive_n: the push in the back. available_n: what the full pedal would give.
    resistance_n: what holds the car back without the brake. shifting: the clutch is down for a gear change.
    act: what the driver does instead of following the profile.
    """

    speed_mps: float
    target_mps: float
    target_mps2: float
    sets_off: bool
    finished: bool
    ready: bool
    drive_n: float
    available_n: float
    resistance_n: float
    mass_kg: float
    shifting: bool = False
    act: Act | None = None
    at_s: float = 0.0


FULL_BRAKE_MPS2 = 8.0
_FOOT_LAG_S = 0.2
_STANDING_BELOW_MPS = 0.1
_PARKS_AFTER_S = 3.0
_HOLDING_BRAKE = 0.3
_BLIP = 0.35
_BLIP_PERIOD_S = 2.0
_TRIES_S = (1.5, 3.5)
_TRIES_WITH = 0.6
_SHIFTING_LAG_S = 0.07


def _follow(view: DriverView) -> tuple[float, float]:
    """(pedal, brake) that keep to the profile."""
    if not view.ready or (view.target_mps < 0.3 and view.speed_mps < 0.6):
        waiting = view.speed_mps < 0.6
        return (0.0, _HOLDING_BRAKE) if waiting else (min(0.4, view.target_mps / 40.0), 0.0)
    wanted_mps2 = min(max(view.target_mps2 + 0.7 * (view.target_mps - view.speed_mps), -3.5), 2.5)
    force_n = wanted_mps2 * view.mass_kg + view.resistance_n
    if force_n >= 0.0:
        return min(force_n / max(view.available_n, 500.0), 1.0), 0.0
    if wanted_mps2 > -0.35:
        return 0.0, 0.0
    return 0.0, min((-force_n) / (view.mass_kg * FULL_BRAKE_MPS2), 1.0)


def _strand(spec: DriverSpec, view: DriverView, gave_up_s: float) -> tuple[float, float]:
    """(pedal, brake) after a breakdown: roll first, then a steady stop."""
    if view.speed_mps < _STANDING_BELOW_MPS:
        return 0.0, _HOLDING_BRAKE
    if gave_up_s < spec.coasts_s:
        tries = spec.tries_again and _TRIES_S[0] < gave_up_s < _TRIES_S[1]
        return (_TRIES_WITH, 0.0) if tries else (0.0, 0.0)
    needed_n = spec.stops_with_mps2 * view.mass_kg - view.resistance_n
    return 0.0, max(needed_n / (view.mass_kg * FULL_BRAKE_MPS2), 0.0)


def _acts(view: DriverView, act: Act) -> tuple[float, float]:
    """(pedal, brake) of a driver who does something else than to drive."""
    if act is Act.BLIP:
        return (_BLIP if view.at_s % _BLIP_PERIOD_S < 0.5 * _BLIP_PERIOD_S else 0.0), 0.0
    return 0.0, 0.0


def _select(driver: DriverState, view: DriverView) -> tuple[Selector, bool]:
    """(selector, parking brake): into DRIVE to set off, into PARK when all is over."""
    if view.act is Act.PARKED:
        return Selector.PARK, True
    if view.act in (Act.NEUTRAL, Act.BLIP):
        return Selector.NEUTRAL, False
    if driver.selector is Selector.NEUTRAL:
        return Selector.DRIVE, False
    if driver.selector is Selector.PARK:
        goes = view.ready and view.sets_off and driver.gave_up_s is None
        return (Selector.DRIVE, False) if goes else (Selector.PARK, driver.parking_brake)
    over = view.finished or driver.gave_up_s is not None
    if over and driver.standing_s > _PARKS_AFTER_S:
        return Selector.PARK, True
    return driver.selector, driver.parking_brake


def _unanswered_s(driver: DriverState, view: DriverView, dt_s: float) -> float:
    """How long the pedal has been pressed for nothing."""
    answered = driver.pedal < 0.2 or view.act is not None or view.drive_n > 0.01 * view.available_n
    rolling = view.speed_mps > _STANDING_BELOW_MPS
    return 0.0 if answered or not rolling else driver.unanswered_s + dt_s


def step_driver(spec: DriverSpec, driver: DriverState, view: DriverView, dt_s: float) -> DriverState:
    """The driver dt_s later."""
    unanswered = _unanswered_s(driver, view, dt_s)
    gave_up = driver.gave_up_s
    if gave_up is not None:
        gave_up += dt_s
    elif unanswered > spec.notices_after_s:
        gave_up = 0.0
    if gave_up is not None:
        pedal, brake = _strand(spec, view, gave_up)
    else:
        pedal, brake = _follow(view) if view.act is None else _acts(view, view.act)
    if view.shifting:
        pedal = 0.0
    selector, parking_brake = _select(driver, view)
    standing = view.speed_mps < _STANDING_BELOW_MPS
    return DriverState(
        pedal=_foot(driver.pedal, pedal, _SHIFTING_LAG_S if view.shifting else _FOOT_LAG_S, dt_s),
        brake=_foot(driver.brake, brake, _FOOT_LAG_S, dt_s),
        selector=selector,
        parking_brake=parking_brake,
        indicator=Indicator.RIGHT if gave_up is not None and not standing else Indicator.NEUTRAL,
        unanswered_s=unanswered,
        standing_s=driver.standing_s + dt_s if standing else 0.0,
        gave_up_s=gave_up,
    )


def _foot(position: float, wanted: float, lag_s: float, dt_s: float) -> float:
    """A foot needs its time, and leaves the pedal altogether in the end."""
    if position == wanted:
        return position
    moved = towards(position, wanted, lag_s, dt_s)
    return 0.0 if wanted == 0.0 and moved < 0.004 else moved
