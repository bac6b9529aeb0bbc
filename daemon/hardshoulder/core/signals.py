"""What the car's signals say now: fresh, stale or never seen, and what follows from them together.

Silence is a third value. A stale signal is neither healthy nor broken, so every question here
can be answered with None.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf

from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Propulsion, Value, Vss

MOTION_BRIDGE_S = 2.0
"""A car does not vanish with its speed message: the last speed counts for this long."""

JUMP_KPH_PER_S = 40.0
JUMP_MARGIN_KPH = 6.0
"""A speed that changes faster (1.1 g) than a road car can has to be said twice to be believed."""

POWER_DOWN = frozenset({"OFF", "LOCK", "ACC"})
POWER_UP = frozenset({"ON", "START"})


class Freshness(Enum):
    """How much a signal's last value is worth."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"


@dataclass(slots=True)
class Sense:
    """The last value of one signal.

    at_s: when it came, as far as it still counts (-inf: never, or forgotten at a hole).
    seen_s: when it last came in any case.
    """

    stale_after_s: float
    value: Value = 0.0
    at_s: float = -inf
    seen_s: float = -inf
    samples: int = 0


class SpeedFilter:
    """Lets no single impossible speed through: brown-outs and corrupt frames come one at a time."""

    __slots__ = ("_accepted", "_candidate")

    def __init__(self) -> None:
        self._accepted: tuple[float, float] | None = None
        self._candidate: float | None = None

    def accepts(self, speed_kph: float, at_s: float) -> bool:
        """Whether this speed can follow the last one, or was said twice."""
        if self._follows(speed_kph, at_s) or self._said_twice(speed_kph):
            self._accepted, self._candidate = (speed_kph, at_s), None
            return True
        self._candidate = speed_kph
        return False

    def _follows(self, speed_kph: float, at_s: float) -> bool:
        if self._accepted is None:
            return True
        before_kph, before_s = self._accepted
        return abs(speed_kph - before_kph) <= JUMP_MARGIN_KPH + JUMP_KPH_PER_S * (at_s - before_s)

    def _said_twice(self, speed_kph: float) -> bool:
        return self._candidate is not None and abs(speed_kph - self._candidate) <= JUMP_MARGIN_KPH


class Senses:
    """The signals of one car and the questions the rules ask of them. Times are arguments."""

    def __init__(self, plan: CarPlan) -> None:
        self.plan = plan
        self._speed_filter = SpeedFilter()
        self.signals = {s.vss: Sense(s.stale_after_s) for m in plan.messages for s in m.signals}
        self.heard_s: dict[str, float] = {m.name: -inf for m in plan.messages}
        self.bus_heard_s: dict[str, float] = dict.fromkeys(plan.buses, -inf)
        self._drive_messages = tuple(m for m in plan.messages if any(s.vss in DRIVE_EVIDENCE for s in m.signals))
        self._drive_names = frozenset(m.name for m in self._drive_messages)
        self.drive_heard_kph: float | None = None
        self.revived = False  # set when a signal is heard again; whoever reports health clears it
        self.pedal_pressed_s: float | None = None
        self.pedal_pressed_kph: float | None = None

    def heard(self, message: MessagePlan, at_s: float) -> None:
        """A believable frame of this message came."""
        self.heard_s[message.name] = at_s
        self.bus_heard_s[message.bus] = at_s
        if message.name in self._drive_names:
            self.drive_heard_kph = self.motion_kph(at_s)

    def update(self, vss: Vss, value: Value, at_s: float) -> bool:
        """Takes a reading; False when it was not believed."""
        if vss is Vss.SPEED and not self._speed_filter.accepts(float(value), at_s):
            return False
        sense = self.signals[vss]
        if at_s >= sense.at_s + sense.stale_after_s:
            self.revived = True
        sense.value, sense.at_s, sense.seen_s = value, at_s, at_s
        sense.samples += 1
        if vss is Vss.PEDAL_POSITION:
            self._note_pedal(float(value), at_s)
        return True

    def _note_pedal(self, percent: float, at_s: float) -> None:
        if percent < self.plan.thresholds.no_drive_pedal_percent:
            self.pedal_pressed_s = self.pedal_pressed_kph = None
        elif self.pedal_pressed_s is None:
            self.pedal_pressed_s, self.pedal_pressed_kph = at_s, self.motion_kph(at_s)

    def forget(self) -> None:
        """A hole in what we saw: every value is stale from here, none is broken."""
        for sense in self.signals.values():
            sense.at_s = -inf
        self.heard_s = dict.fromkeys(self.heard_s, -inf)
        self.bus_heard_s = dict.fromkeys(self.bus_heard_s, -inf)
        self._speed_filter = SpeedFilter()
        self.pedal_pressed_s = self.pedal_pressed_kph = self.drive_heard_kph = None

    def lose_bus(self, bus: str) -> None:
        """We cannot hear this bus any more: its silence says nothing about the car."""
        self.bus_heard_s[bus] = -inf
        for message in self.plan.messages:
            if message.bus == bus:
                self.heard_s[message.name] = -inf
                for signal in message.signals:
                    self.signals[signal.vss].at_s = -inf
        self.drive_heard_kph = None

    def freshness(self, vss: Vss, now_s: float) -> Freshness:
        """Fresh, stale or never seen (also for a signal the car does not map)."""
        sense = self.signals.get(vss)
        if sense is None or sense.samples == 0:
            return Freshness.NEVER
        return Freshness.FRESH if now_s < sense.at_s + sense.stale_after_s else Freshness.STALE

    def value(self, vss: Vss, now_s: float) -> Value | None:
        """The value if it is fresh."""
        sense = self.signals.get(vss)
        if sense is None or now_s >= sense.at_s + sense.stale_after_s:
            return None
        return sense.value

    def number(self, vss: Vss, now_s: float) -> float | None:
        """The value of a numeric signal if it is fresh."""
        value = self.value(vss, now_s)
        return None if value is None else float(value)

    def motion_kph(self, now_s: float) -> float | None:
        """How fast the car goes, bridging a short silence; backwards counts as moving."""
        sense = self.signals.get(Vss.SPEED)
        if sense is None or now_s >= sense.at_s + max(sense.stale_after_s, MOTION_BRIDGE_S):
            return None
        return abs(float(sense.value))

    def last_speed_kph(self) -> float | None:
        """The last speed ever believed, however old."""
        sense = self.signals.get(Vss.SPEED)
        return None if sense is None or sense.samples == 0 else abs(float(sense.value))

    def power_up(self, now_s: float) -> bool | None:
        """Whether the power mode is one in which a car drives."""
        state = self.value(Vss.POWER_STATE, now_s)
        if state in POWER_UP:
            return True
        return False if state in POWER_DOWN else None

    def engine_turns(self, now_s: float) -> bool | None:
        """Whether the combustion engine runs; None when unknown or when two signals disagree."""
        rpm = self.number(Vss.ENGINE_SPEED, now_s)
        turns = None if rpm is None else rpm >= self.plan.thresholds.engine_stopped_below_rpm
        flag = self.value(Vss.ENGINE_RUNNING, now_s)
        if flag is None or turns is None:
            return turns if flag is None else bool(flag)
        return turns if turns == flag else None

    def drive_alive(self, now_s: float) -> bool | None:
        """Whether something can move the car under its own power."""
        if self.power_up(now_s) is False:
            return False
        ready = self.value(Vss.DRIVE_READY, now_s)
        if self.plan.propulsion is Propulsion.COMBUSTION:
            return self.engine_turns(now_s)
        if ready is not None:
            return bool(ready)
        connected = self.value(Vss.POWER_CONNECTED, now_s)
        if self.plan.propulsion is Propulsion.HYBRID:
            return _either(self.engine_turns(now_s), None if connected is None else bool(connected))
        return None if connected is None else bool(connected)

    def drive_heard_s(self) -> float | None:
        """When any message of the drive last came; None when the car maps none or none ever came."""
        last_s = max((self.heard_s[m.name] for m in self._drive_messages), default=-inf)
        return None if last_s == -inf else last_s

    def drive_stale_s(self) -> float:
        """Age at which the slowest of the drive's messages is overdue."""
        return max(
            (s.stale_after_s for m in self._drive_messages for s in m.signals),
            default=inf,
        )

    def next_expiry(self, now_s: float) -> float:
        """When the next fresh signal turns stale, or the bridge over a silent speed ends."""
        ages = [sense.at_s + sense.stale_after_s for sense in self.signals.values()]
        speed = self.signals.get(Vss.SPEED)
        if speed is not None:
            ages.append(speed.at_s + max(speed.stale_after_s, MOTION_BRIDGE_S))
        return min((age for age in ages if age > now_s), default=inf)


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False
