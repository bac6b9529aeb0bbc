"""Whether the car really moves as fast as its wheels turn."""

from math import inf

from hardshoulder.core.hold import Hold
from hardshoulder.core.signals import JUMP_MARGIN_KPH, Senses
from hardshoulder.core.vocabulary import WHEELS, Vss

SPINS_ABOVE_KPH_PER_S = 25.0
"""No car on tyres gets faster by that for longer than a moment (0.7 g); wheels on ice do."""

_STANDING_KPH = 5.0


class Earned:
    """The speed that a car can have reached; what its wheels show beyond that is spin."""

    __slots__ = ("_at_s", "_kph", "spins")

    def __init__(self) -> None:
        self._kph: float | None = None
        self._at_s = 0.0
        self.spins = False

    def update(self, speed_kph: float | None, at_s: float) -> None:
        """Takes the speed of the wheels. A car that slows down is believed at once."""
        if speed_kph is None or self._kph is None:
            self._kph = speed_kph
        else:
            self._kph = min(speed_kph, self._kph + SPINS_ABOVE_KPH_PER_S * (at_s - self._at_s))
        self._at_s = at_s
        self.spins = speed_kph is not None and self._kph is not None and speed_kph > self._kph + JUMP_MARGIN_KPH


class Motion:
    """The wheels' speed, held against satellites, axles and the selector. Times are arguments."""

    def __init__(self, senses: Senses) -> None:
        self._senses = senses
        self._limits = senses.plan.thresholds
        self._doubt = Hold(self._limits.motion_doubted_after_s)
        self._earned = Earned()
        self._satellites_moved = False
        self._behind_a_hole = False
        self._seen_from_s = -inf
        witnesses = (Vss.GNSS_SPEED, *WHEELS)
        self._witnesses = [senses.signals[vss] for vss in witnesses if vss in senses.signals]
        self._axles = [[vss for vss in axle if vss in senses.signals] for axle in (WHEELS[:2], WHEELS[2:])]

    def note(self, at_s: float) -> None:
        """New readings about it are in."""
        if self._behind_a_hole:
            self._behind_a_hole, self._seen_from_s = False, at_s
        satellites_kph = self._senses.number(Vss.GNSS_SPEED, at_s)
        speed_kph = self._senses.motion_kph(at_s)
        if satellites_kph is not None and satellites_kph >= 2 * _STANDING_KPH:
            self._satellites_moved = True
        elif speed_kph is not None and speed_kph < self._limits.standstill_below_kph:
            self._satellites_moved = False
        self._earned.update(speed_kph, at_s)
        # What is contradicted already when we first look has been so for as long as nobody saw it.
        since_s = -inf if self._looks_first(at_s) else at_s
        self._doubt.update(self._contradicted(satellites_kph, speed_kph, at_s), since_s)

    def _looks_first(self, now_s: float) -> bool:
        """Whether a hole lies just behind us: the wheels' witnesses may still have to speak."""
        return now_s < self._seen_from_s + self._limits.motion_doubted_after_s

    def _unheard(self, now_s: float) -> bool:
        """Whether a witness that may contradict the wheels has not spoken yet."""
        return self._looks_first(now_s) and any(sense.at_s < self._seen_from_s for sense in self._witnesses)

    def _contradicted(self, satellites_kph: float | None, speed_kph: float | None, at_s: float) -> bool:
        """Wheels that turn on a dynamometer, in snow or in the air; and a selector in PARK.

        Satellites that lost the car in a tunnel say zero too: they are heard only while they have not
        seen it move since it last stood.
        """
        if speed_kph is None or speed_kph < self._limits.alert_above_kph:
            return False
        if self._senses.value(Vss.SELECTED_GEAR, at_s) == "PARK":
            return True
        if satellites_kph is not None and satellites_kph < _STANDING_KPH and not self._satellites_moved:
            return True
        return any(self._stands(axle, at_s) for axle in self._axles)

    def _stands(self, axle: list[Vss], at_s: float) -> bool:
        speeds = [self._senses.number(wheel, at_s) for wheel in axle]
        return bool(speeds) and all(kph is not None and abs(kph) < _STANDING_KPH for kph in speeds)

    def forget(self) -> None:
        """A hole in what we saw."""
        self._behind_a_hole = True
        self._doubt.update(False, 0.0)
        self._earned.update(None, 0.0)

    @property
    def spins(self) -> bool:
        """Whether the wheels turn faster than the car can have become."""
        return self._earned.spins

    def kph(self, now_s: float) -> float | None:
        """How fast the car really goes; None when unknown, or when the wheels cannot be believed."""
        if self.spins or self._unheard(now_s) or self._doubt.update(self._doubt.since_s is not None, now_s):
            return None
        return self._senses.motion_kph(now_s)

    def deadline_after(self, now_s: float) -> float:
        """When time alone changes its mind."""
        if not self._looks_first(now_s):
            return self._doubt.deadline_after(now_s)
        return min(self._doubt.deadline_after(now_s), self._seen_from_s + self._limits.motion_doubted_after_s)
