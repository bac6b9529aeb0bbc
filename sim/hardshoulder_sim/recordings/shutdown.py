"""How a car that shuts down while it moves looks from outside: each signal as a function of time."""

from dataclasses import dataclass
from enum import StrEnum
from math import exp
from random import Random

from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, WHEELS, Propulsion, Value, Vss


class ShutdownKind(StrEnum):
    """A way to lose the drive."""

    ENGINE_STOP = "engine-stop"
    POWER_OFF = "power-off"
    CONTACTORS_OPEN = "contactors-open"
    DRIVE_SILENT = "drive-silent"
    BUS_SILENT = "bus-silent"


ROLLING_M_PER_S2 = 0.25
DRAG_PER_M = 2.4e-4  # air density × drag area / (2 × mass): 1.2 kg/m³ × 0.64 m² / (2 × 1600 kg)
BRAKE_AFTER_S = 6.0
BRAKE_WITHIN_S = 2.0
BRAKE_M_PER_S2 = 1.0
"""Rolling, then a gentle brake onto the hard shoulder once the driver has understood."""

STEP_S = 0.01

ENGINE_DECAY_S = 0.3
ENGINE_FRICTION_RPM_PER_S = 1500.0
ENGINE_UNKNOWN_RPM = 2000.0
READY_LOST_S = (0.1, 0.3)
CONTACTORS_LOST_S = (0.3, 0.8)
PEDAL_RELEASED_S = 0.8
TORQUE_LOST_S = 0.3
ACCESSORY_S = 0.2

SUPPLY_SAG_V_PER_S = 0.5
SUPPLY_FLOOR_V = 11.8
SUPPLY_FLOOR_POWER_OFF_V = 10.5

SILENT_WITHIN_S = 0.3
POWER_OFF_SILENT_S = (1.2, 2.5)


@dataclass(frozen=True, slots=True)
class Before:
    """What the recording says when it begins; None for what it does not say."""

    speed_kph: float
    engine_rpm: float | None
    supply_v: float | None
    pedal_percent: float | None
    torque_nm: float | None = None


class Coast:
    """A car that rolls out: v' = -rolling - drag × v² - brake, and then stands."""

    def __init__(self, speed_kph: float) -> None:
        self._speeds_kph = [speed_kph]
        metres_per_s = speed_kph / 3.6
        while metres_per_s > 0.0:
            metres_per_s -= STEP_S * _slowing_m_per_s2(metres_per_s, len(self._speeds_kph) * STEP_S)
            self._speeds_kph.append(max(0.0, metres_per_s) * 3.6)

    def speed_kph(self, since_s: float) -> float:
        """The speed that long after; between two steps in proportion."""
        place = max(0.0, since_s) / STEP_S
        step = int(place)
        if step + 1 >= len(self._speeds_kph):
            return 0.0
        before, after = self._speeds_kph[step], self._speeds_kph[step + 1]
        return before + (after - before) * (place - step)


def _slowing_m_per_s2(metres_per_s: float, since_s: float) -> float:
    pressed = min(1.0, max(0.0, (since_s - BRAKE_AFTER_S) / BRAKE_WITHIN_S))
    return ROLLING_M_PER_S2 + DRAG_PER_M * metres_per_s**2 + BRAKE_M_PER_S2 * pressed


def engine_rpm(before_rpm: float, since_s: float) -> float:
    """An engine without fuel: r' = -r / decay - friction, solved; never a step."""
    offset_rpm = ENGINE_FRICTION_RPM_PER_S * ENGINE_DECAY_S
    return max(0.0, (before_rpm + offset_rpm) * exp(-since_s / ENGINE_DECAY_S) - offset_rpm)


_MOVING = frozenset({Vss.SPEED, Vss.GNSS_SPEED, *WHEELS})
"""What says how fast the car is, as far as it is mapped."""


def _fading(before: float | None, since_s: float, within_s: float) -> float | None:
    """What was there goes to nothing in that time; nothing is known of what was not recorded."""
    return None if before is None else before * max(0.0, 1.0 - since_s / within_s)


class Shutdown:
    """One shutdown of one car, with its chances drawn from a seed. Times: seconds since it began."""

    def __init__(self, kind: ShutdownKind, plan: CarPlan, before: Before, seed: int) -> None:
        chance = Random(f"{kind}/{seed}")
        self._kind = kind
        self._plan = plan
        self._before = before
        self._coast = Coast(before.speed_kph)
        self._ready_lost_s = chance.uniform(*READY_LOST_S)
        self._contactors_lost_s = chance.uniform(*CONTACTORS_LOST_S)
        self.silent_s = _silences(kind, plan, chance)
        self.phase_s = round(chance.uniform(0.0, 0.01), 6)  # a log counts in microseconds

    def value(self, vss: Vss, since_s: float) -> Value | None:
        """What the signal says; None: what was recorded still stands."""
        if self._kind is ShutdownKind.BUS_SILENT:
            return None
        if vss in _MOVING:
            return self._coast.speed_kph(since_s)
        match vss:
            case Vss.PEDAL_POSITION:
                return _fading(self._before.pedal_percent, since_s, PEDAL_RELEASED_S)
            case Vss.BRAKE_PRESSED:
                return since_s >= BRAKE_AFTER_S
            case Vss.DRIVE_TORQUE:
                return _fading(self._before.torque_nm, since_s, TORQUE_LOST_S)
            case _ if self._kind is ShutdownKind.DRIVE_SILENT:
                return None
            case Vss.SUPPLY_VOLTAGE:
                return self._supply_v(since_s)
            case Vss.POWER_STATE if self._kind is ShutdownKind.POWER_OFF:
                return "ACC" if since_s < ACCESSORY_S else "OFF"
            case Vss.DRIVE_READY if since_s >= self._ready_lost_s:
                return False
            case Vss.POWER_CONNECTED if since_s >= self._contactors_open_s():
                return False
            case Vss.ENGINE_SPEED | Vss.ENGINE_RUNNING if self._kind is not ShutdownKind.CONTACTORS_OPEN:
                return self._engine(vss, since_s)
            case _:
                return None

    def _contactors_open_s(self) -> float:
        if self._kind is ShutdownKind.CONTACTORS_OPEN:
            return 0.0
        return self._contactors_lost_s if self._kind is ShutdownKind.POWER_OFF else float("inf")

    def _engine(self, vss: Vss, since_s: float) -> Value | None:
        before_rpm = ENGINE_UNKNOWN_RPM if self._before.engine_rpm is None else self._before.engine_rpm
        rpm = engine_rpm(before_rpm, since_s)
        if vss is Vss.ENGINE_SPEED:
            return rpm
        return False if rpm < self._plan.thresholds.engine_stopped_below_rpm else None

    def _supply_v(self, since_s: float) -> float | None:
        before_v = self._before.supply_v
        if before_v is None:
            return None
        floor_v = SUPPLY_FLOOR_POWER_OFF_V if self._kind is ShutdownKind.POWER_OFF else SUPPLY_FLOOR_V
        return min(before_v, max(floor_v, before_v - SUPPLY_SAG_V_PER_S * since_s))


def drive_messages(plan: CarPlan) -> tuple[str, ...]:
    """The messages that say whether the drive is alive, without those that body and brakes send too."""
    others = {Vss.SPEED, Vss.POWER_STATE}
    return tuple(
        message.name
        for message in plan.messages
        if (carried := {signal.vss for signal in message.signals}) & set(DRIVE_EVIDENCE) and not carried & others
    )


def _silences(kind: ShutdownKind, plan: CarPlan, chance: Random) -> dict[str, float]:
    """Message to when it falls silent, in the order in which its controllers give up."""
    names = list(drive_messages(plan))
    chance.shuffle(names)
    if kind is ShutdownKind.DRIVE_SILENT:
        return {name: chance.uniform(0.0, SILENT_WITHIN_S) for name in names}
    if kind is ShutdownKind.POWER_OFF:
        times_s = sorted(chance.uniform(*POWER_OFF_SILENT_S) for _ in names)
        return dict(zip(names, times_s, strict=True))
    return {}


def impossible(kind: ShutdownKind, plan: CarPlan) -> str | None:
    """Why this car's signals cannot show it; None when they can."""
    mapped = {signal.vss for message in plan.messages for signal in message.signals}
    if Vss.SPEED not in mapped:
        return f"profile maps no {Vss.SPEED}"
    match kind:
        case ShutdownKind.ENGINE_STOP if not mapped & {Vss.ENGINE_SPEED, Vss.ENGINE_RUNNING}:
            return f"profile maps neither {Vss.ENGINE_SPEED} nor {Vss.ENGINE_RUNNING}"
        case ShutdownKind.ENGINE_STOP if plan.propulsion is Propulsion.ELECTRIC:
            return "an electric car has no engine to stop"
        case ShutdownKind.POWER_OFF if Vss.POWER_STATE not in mapped:
            return f"profile maps no {Vss.POWER_STATE}"
        case ShutdownKind.CONTACTORS_OPEN if Vss.POWER_CONNECTED not in mapped:
            return f"profile maps no {Vss.POWER_CONNECTED}"
        case ShutdownKind.DRIVE_SILENT if not drive_messages(plan):
            return "profile maps no message that is the drive's alone"
        case _:
            return None


def possible_kinds(plan: CarPlan) -> tuple[ShutdownKind, ...]:
    """The kinds that this car's signals can show."""
    return tuple(kind for kind in ShutdownKind if impossible(kind, plan) is None)
