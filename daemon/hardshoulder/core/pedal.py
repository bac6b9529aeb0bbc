"""What a pressed pedal asks for, and what a car does that does not answer it."""

from math import ceil, inf

ANSWERS_WITHIN_S = 0.7
"""No drive takes longer from a pressed pedal to a push: a change of gear, the start of an engine that rested."""

RESTARTS_WITHIN_S = 1.5
"""An engine that rested turns by then, a cold one too."""

FLOORED_PERCENT = 95.0
LEAP_PERCENT = 10.0
LEAP_TO_THE_FLOOR_PERCENT = 60.0
LEAP_TO_THE_FLOOR_PERCENT_PER_S = 1200.0
"""A foot that stamps is seen on its way down, where the pedal speaks often enough to show it."""

HILL_PEDAL_PERCENT = 10.0
"""From here on a pedal asks for more than to roll."""

FRICTION_PERCENT = 35.0
"""With less of the pedal an engine may hold the car back in a low gear, and so may a motor that recuperates."""

_MORE_PERCENT = 1.0
_SAME_SPEED_KPH = 0.5
_PLUNGES_MPS2 = 6.0
_MARGIN_MPS = 5.0
_WEAKEST_W_PER_KG = 25.0
_ROLLING = 0.013
_DRAG_PER_M = 3.2e-4
_STEEPEST = 0.08
_GRAVITY_MPS2 = 9.81
_CRAWL_MPS = 1.0
_HARDEST_MPS2 = 3.0
_STEPS_MPS2 = 8.0
_BEHIND_KPH = 3.0
_BEHIND_FOR_S = 0.15
_HOLDS_FOR_S = 3.0
_HOLDS_MPS = 0.5
_GENTLY_MPS2 = 1.0
_KPH_PER_MPS = 3.6
_STEP_S = 0.1


class Foot:
    """Whether a foot moves the pedal: a sensor that fails leaps to where it then stays, and a foot never stays still.

    But on the floor it does, and it gets there quickly: only a leap that no leg can make is doubted there.
    """

    __slots__ = ("_at_s", "_leapt", "_percent", "moved_s")

    def __init__(self) -> None:
        self._percent: float | None = None
        self._at_s = self.moved_s = -inf
        self._leapt = False

    def update(self, percent: float, at_s: float) -> None:
        """Takes a reading of the pedal."""
        if percent != self._percent:
            self._leapt = self._leaps(percent, at_s)
            self._percent, self.moved_s = percent, at_s
        self._at_s = at_s

    def forget(self) -> None:
        """A hole in what we saw."""
        self._percent, self.moved_s, self._leapt = None, -inf, False

    def _leaps(self, percent: float, at_s: float) -> bool:
        if self._percent is None:
            return False
        step = abs(percent - self._percent)
        if percent < FLOORED_PERCENT:
            return step >= LEAP_PERCENT
        quick = step >= LEAP_TO_THE_FLOOR_PERCENT_PER_S * (at_s - self._at_s)
        return quick and step >= LEAP_TO_THE_FLOOR_PERCENT

    def believed(self, now_s: float, hangs_after_s: float) -> bool:
        """Whether the position may be a foot's."""
        return not self._leapt and (self._on_the_floor() or now_s < self.moved_s + hangs_after_s)

    def moves_since(self, since_s: float) -> bool:
        """Whether it has moved since then, or need not because it is down on the floor."""
        return self.moved_s > since_s or self._on_the_floor()

    def _on_the_floor(self) -> bool:
        return self._percent is not None and self._percent >= FLOORED_PERCENT


class Unanswered:
    """A pedal that is down while something does not answer it: since when, and from which speed.

    What loses speed quicker than a lost drive explains was braked, or its wheels grip again: that begins anew.
    """

    __slots__ = ("kph", "since_s")

    def __init__(self) -> None:
        self.since_s: float | None = None
        self.kph: float | None = None

    def update(self, unanswered: bool, now_s: float, speed_kph: float | None) -> None:
        """Takes what holds now."""
        if not unanswered:
            self.since_s = self.kph = None
        elif self.since_s is None or self._plunged(now_s, speed_kph):
            self.since_s, self.kph = now_s, speed_kph

    def _plunged(self, now_s: float, speed_kph: float | None) -> bool:
        if self.since_s is None or self.kph is None or speed_kph is None:
            return False
        return self.kph - speed_kph > (_PLUNGES_MPS2 * (now_s - self.since_s) + _MARGIN_MPS) * _KPH_PER_MPS

    def lost_kph(self, now_s: float, hold_s: float, speed_kph: float) -> float | None:
        """What the car has lost since; None while that has not lasted hold_s."""
        if self.since_s is None or self.kph is None or now_s < self.since_s + hold_s:
            return None
        return self.kph - speed_kph


class Answered:
    """The pedal that was answered with a push: as much of it, and more, has to be answered too while the foot stays.

    Not in a car that has got faster since: then its engine may hold it back with the same pedal.
    """

    __slots__ = ("_kph", "_percent")

    def __init__(self) -> None:
        self._percent = self._kph = inf

    def update(self, asked_percent: float, pushes: bool, speed_kph: float | None) -> None:
        """Takes the pedal, whether the drive pushes, and the car's speed."""
        if asked_percent < HILL_PEDAL_PERCENT or speed_kph is None:
            self._percent = inf
        elif pushes:
            self._percent, self._kph = asked_percent, speed_kph
        elif asked_percent < self._percent:
            self._percent = inf

    def asks_more(self, asked_percent: float, speed_kph: float | None) -> bool:
        """Whether the foot asks for more than what was answered, and the car is no faster."""
        return asked_percent >= self._percent + _MORE_PERCENT and speed_kph is not None and speed_kph <= self._kph


class Slackening:
    """A car that gets slower under a pressed pedal: since when, and from which speed."""

    __slots__ = ("_from_s", "_kph")

    def __init__(self) -> None:
        self._kph: float | None = None
        self._from_s = 0.0

    def update(self, pressed: bool, at_s: float, speed_kph: float | None) -> None:
        """Takes what holds now."""
        if not pressed or speed_kph is None:
            self._kph = None
        elif self._kph is None or speed_kph > self._kph - _SAME_SPEED_KPH:
            self._kph, self._from_s = max(speed_kph, self._kph or 0.0), at_s

    def lost_kph(self, at_s: float, within_s: float, speed_kph: float) -> float:
        """What the car had lost by then, if it kept its speed until within_s before."""
        return 0.0 if self._kph is None or at_s > self._from_s + within_s else self._kph - speed_kph

    def lasts_s(self, at_s: float) -> float:
        """For how long it had been getting slower by then."""
        return at_s - self._from_s


class WeakestCar:
    """How slow a car could have become on the steepest road though its drive answers the pedal.

    A laden small car, 45 kW at the wheels and 1,800 kg, with the shape of a van, on a rise of 8 %: what is slower
    than that is not on a hill. What got slower than any car does without its brakes was braked, or its wheels grip
    again; what got faster first was driven, or its wheels spun; what steps as no car does was said by a sensor that
    trembles, or hung. Each explains all that follows while the pedal is down, until the car has held its speed under
    the pedal, or got faster gently, for a while: then it answers, and what follows is measured from there, for as
    long as the pedal surely asks for drive.
    """

    __slots__ = (
        "_asked_s",
        "_at_s",
        "_behind_s",
        "_explained",
        "_from_mps",
        "_held_mps",
        "_held_s",
        "_last_mps",
        "_mps",
        "_proven",
    )

    def __init__(self) -> None:
        self._asked_s: float | None = None
        self._at_s = 0.0
        self._mps = self._from_mps = self._last_mps = self._held_mps = self._held_s = 0.0
        self._explained = self._proven = False
        self._behind_s: float | None = None

    def update(self, asked_percent: float | None, at_s: float, speed_kph: float | None) -> None:
        """Takes the pedal (None: it does not ask for drive) and the car's speed."""
        if asked_percent is None or speed_kph is None:
            self._asked_s = None
        elif self._asked_s is None:
            self._begin(at_s, speed_kph / _KPH_PER_MPS, proven=False)
        else:
            self._go_on(asked_percent, at_s, speed_kph / _KPH_PER_MPS)
        self._at_s = at_s
        self._note_behind(speed_kph, at_s)

    def _begin(self, at_s: float, mps: float, *, proven: bool) -> None:
        """It sets off beside the car. proven: the car has answered the pedal before."""
        self._asked_s, self._explained, self._proven = at_s, False, proven
        self._mps = self._from_mps = self._last_mps = mps
        if not proven:
            self._held_mps, self._held_s = mps, at_s

    def _go_on(self, asked_percent: float, at_s: float, mps: float) -> None:
        assert self._asked_s is not None, "asked before"
        answered = at_s >= self._asked_s + ANSWERS_WITHIN_S
        self._drive(_WEAKEST_W_PER_KG * asked_percent / 100.0 if answered else 0.0, at_s - self._at_s)
        rose, steps = mps > self._from_mps + _CRAWL_MPS, self._steps(mps, at_s)
        eased = self._proven and asked_percent < FRICTION_PERCENT
        self._explained = self._explained or rose or steps or eased or self._plunges(mps, at_s)
        self._last_mps = mps
        if self._holds(asked_percent, mps, at_s):
            self._begin(at_s, mps, proven=True)

    def _holds(self, asked_percent: float, mps: float, at_s: float) -> bool:
        """Whether the pedal has kept the car going for a while; a wheel that spins gets faster less gently."""
        gained_mps = mps - self._held_mps
        if asked_percent < FRICTION_PERCENT or abs(gained_mps) > _HOLDS_MPS:
            self._held_mps, self._held_s = mps, at_s
        else:
            self._held_mps += max(0.0, min(gained_mps, _GENTLY_MPS2 * (at_s - self._at_s)))
        return at_s >= self._held_s + _HOLDS_FOR_S and gained_mps >= -_HOLDS_MPS / 2.0

    def _note_behind(self, speed_kph: float | None, at_s: float) -> None:
        if speed_kph is None or self.faster_kph(speed_kph) < _BEHIND_KPH:
            self._behind_s = None
        elif self._behind_s is None:
            self._behind_s = at_s

    def _drive(self, power_w_per_kg: float, seconds: float) -> None:
        """In steps that a car asked once a second cannot make longer: one long step would make it too fast."""
        steps = ceil(seconds / _STEP_S)
        for _ in range(steps):
            against_mps2 = (_ROLLING + _STEEPEST) * _GRAVITY_MPS2 + _DRAG_PER_M * self._mps**2
            push_mps2 = power_w_per_kg / max(self._mps, _CRAWL_MPS)
            # It never has to get faster: how quickly a car sets off is its driver's and its gearbox's affair.
            self._mps = min(self._from_mps, max(0.0, self._mps + (push_mps2 - against_mps2) * seconds / steps))

    def _plunges(self, mps: float, at_s: float) -> bool:
        assert self._asked_s is not None, "asked before"
        return mps < self._from_mps - _HARDEST_MPS2 * (at_s - self._asked_s) - _CRAWL_MPS

    def _steps(self, mps: float, at_s: float) -> bool:
        return abs(mps - self._last_mps) > _STEPS_MPS2 * (at_s - self._at_s) + _CRAWL_MPS

    def faster_kph(self, speed_kph: float) -> float:
        """By how much that car would be faster than this one; 0 where something else explains how slow it is."""
        if self._asked_s is None or self._explained or self._plunges(speed_kph / _KPH_PER_MPS, self._at_s):
            return 0.0
        return self._mps * _KPH_PER_MPS - speed_kph

    def is_faster(self, now_s: float, speed_kph: float) -> bool:
        """Whether it would be clearly faster, and has been for a while: a speed that trembles is not slow."""
        since_s = self._behind_s
        lasts = since_s is not None and now_s >= since_s + _BEHIND_FOR_S
        return lasts and self.faster_kph(speed_kph) >= _BEHIND_KPH
