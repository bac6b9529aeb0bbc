"""What the car's signals say now: fresh, stale or never seen.

Silence is a third value. A stale signal is neither healthy nor broken, so every question here
can be answered with None. What follows from several signals together is `condition`'s to say.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf

from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.vocabulary import Value, Vss

MOTION_BRIDGE_S = 2.0
BRIDGE_STALE = 1.25
"""A car does not vanish with its speed message: the last speed counts for this long, or for this many times the
age at which it is stale, whatever is longer."""

JUMP_KPH_PER_S = 40.0
JUMP_MARGIN_KPH = 6.0
"""A speed that changes faster (1.1 g) than a road car can has to be said twice to be believed."""


class Freshness(Enum):
    """How much a signal's last value is worth."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"


@dataclass(slots=True)
class Sense:
    """The last value of one signal.

    at_s: when it came, as far as it still counts (-inf: never, or forgotten at a hole).
    seen_s: when it last came in any case. changed_s: when it last said something else than before.
    """

    message: MessagePlan
    stale_after_s: float
    value: Value = 0.0
    at_s: float = -inf
    seen_s: float = -inf
    changed_s: float = -inf
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


@dataclass(slots=True)
class Hearing:
    """When a message was last heard. present_s: any frame of it; believed_s: one that counts.

    back_s: when it was first heard again after it had been overdue, or for the first time.
    """

    overdue_after_s: float
    present_s: float = -inf
    believed_s: float = -inf
    back_s: float = -inf


class Senses:
    """The last word of every mapped signal, and when each message and bus was last heard. Times are arguments."""

    def __init__(self, plan: CarPlan) -> None:
        self.plan = plan
        self.signals = {s.vss: Sense(m, s.stale_after_s) for m in plan.messages for s in m.signals}
        self.hearing = {
            m.name: Hearing(max((s.stale_after_s for s in m.signals), default=4 * m.cycle_s)) for m in plan.messages
        }
        self.bus_heard_s: dict[str, float] = dict.fromkeys(plan.buses, -inf)
        self.revived = False
        """Set when a signal is heard again; whoever reports health clears it."""
        self._speed_filter = SpeedFilter()
        self._expiry_s = inf

    def heard(self, message: MessagePlan, at_s: float, *, believed: bool) -> None:
        """A frame of this message came."""
        hearing = self.hearing[message.name]
        if at_s >= hearing.present_s + hearing.overdue_after_s:
            hearing.back_s = at_s
        hearing.present_s = at_s
        self.bus_heard_s[message.bus] = at_s
        if believed:
            hearing.believed_s = at_s

    def update(self, vss: Vss, value: Value, at_s: float) -> bool:
        """Takes a reading; False when it was not believed."""
        if vss is Vss.SPEED and not self._speed_filter.accepts(float(value), at_s):
            return False
        sense = self.signals[vss]
        expires_s = at_s + sense.stale_after_s
        if at_s >= sense.at_s + sense.stale_after_s:
            self.revived = True
        if expires_s < self._expiry_s:
            self._expiry_s = expires_s
        if value != sense.value and sense.samples:
            sense.changed_s = at_s
        sense.value, sense.at_s, sense.seen_s = value, at_s, at_s
        sense.samples += 1
        return True

    def forget(self) -> None:
        """A hole in what we saw: every value is stale from here, none is broken."""
        for sense in self.signals.values():
            sense.at_s = -inf
        for hearing in self.hearing.values():
            hearing.present_s = hearing.believed_s = -inf
        self.bus_heard_s = dict.fromkeys(self.bus_heard_s, -inf)
        self._speed_filter = SpeedFilter()

    def lose_bus(self, bus: str) -> None:
        """We cannot hear this bus any more: its silence says nothing about the car."""
        if bus not in self.bus_heard_s:
            return
        self.bus_heard_s[bus] = -inf
        for message in self.plan.messages:
            if message.bus == bus:
                hearing = self.hearing[message.name]
                hearing.present_s = hearing.believed_s = -inf
                for signal in message.signals:
                    self.signals[signal.vss].at_s = -inf

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

    def truth(self, vss: Vss, now_s: float) -> bool | None:
        """The value of a boolean signal if it is fresh."""
        value = self.value(vss, now_s)
        return None if value is None else value is True

    def motion_kph(self, now_s: float) -> float | None:
        """How fast the car goes, bridging a short silence; backwards counts as moving.

        Where the speed has been silent for longer, the satellites' speed stands in for it.
        """
        sense = self.signals.get(Vss.SPEED)
        if sense is not None and now_s < sense.at_s + _bridge_s(sense):
            return abs(float(sense.value))
        return self.number(Vss.GNSS_SPEED, now_s)

    def last_speed_kph(self) -> float | None:
        """The last speed ever believed, however old."""
        sense = self.signals.get(Vss.SPEED)
        return None if sense is None or sense.samples == 0 else abs(float(sense.value))

    def next_expiry(self, now_s: float) -> float:
        """A time at which a fresh signal may turn stale, or the bridge over a silent speed end.

        It may lie before the true one, never after it: kept up to date by every reading, it is looked
        for anew only when it is reached.
        """
        if self._expiry_s <= now_s:
            ages = [sense.at_s + sense.stale_after_s for sense in self.signals.values()]
            speed = self.signals.get(Vss.SPEED)
            if speed is not None:
                ages.append(speed.at_s + _bridge_s(speed))
            self._expiry_s = min((age for age in ages if age > now_s), default=inf)
        return self._expiry_s


def _bridge_s(speed: Sense) -> float:
    """How long the last speed counts: longer than a silence takes to be found on a bus that is slow anyway."""
    return max(MOTION_BRIDGE_S, BRIDGE_STALE * speed.stale_after_s)
