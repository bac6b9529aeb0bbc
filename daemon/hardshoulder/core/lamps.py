"""What the car says of its hazard lights and of the driver's hands: flashing, dark or unknown, pressed, stalk out.

Dark and unknown are two things. Only readings that are fresh say dark; a brown-out, a lamp that failed or a body
controller that fell silent says nothing, and nothing follows from it.
"""

from math import inf

from hardshoulder.core.plan import HazardPlan, Readback
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss

FLASH_PERIOD_MAX_S = 1.25
FLASH_PERIOD_MIN_S = 0.4
"""60 to 120 flashes a minute (UN Regulation No. 48, 6.5.9.1), with room for the jitter of what tells them."""

_OUT = frozenset({"LEFT", "RIGHT"})


class _Flashes:
    """Sees whether both indicator lamps come on together, again and again."""

    __slots__ = ("_both_on", "_flashes_s")

    def __init__(self) -> None:
        self._both_on = False
        self._flashes_s = (-inf, -inf)

    def see(self, both_on: bool, now_s: float) -> None:
        if both_on and not self._both_on:
            self._flashes_s = (self._flashes_s[1], now_s)
        self._both_on = both_on

    def going(self, now_s: float) -> bool:
        """Two flashes one lawful period apart, the last not longer ago than a period."""
        before_s, last_s = self._flashes_s
        return FLASH_PERIOD_MIN_S <= last_s - before_s <= FLASH_PERIOD_MAX_S >= now_s - last_s


class Lamps:
    """Read by `look` at every new word of the car; times are arguments.

    pressed: whether the hazard switch was pressed at the last look, as an edge: released before, pressed now.
    """

    def __init__(self, plan: HazardPlan, senses: Senses) -> None:
        self._readback = plan.readback
        self._senses = senses
        self._flashes = _Flashes()
        self._switch: bool | None = None
        self.pressed = False

    @property
    def has_switch(self) -> bool:
        """Whether this car tells when the hazard switch is pressed."""
        return Vss.HAZARD_SWITCH in self._senses.signals

    def look(self, now_s: float) -> None:
        """Takes in what the car says now."""
        self._flashes.see(self._pair(now_s) == (True, True), now_s)
        before, self._switch = self._switch, self._senses.truth(Vss.HAZARD_SWITCH, now_s)
        self.pressed = before is False and self._switch is True

    def _pair(self, now_s: float) -> tuple[bool | None, bool | None]:
        truth = self._senses.truth
        return truth(Vss.INDICATOR_LEFT, now_s), truth(Vss.INDICATOR_RIGHT, now_s)

    def flashing(self, now_s: float) -> bool:
        """Whether the car says that its hazard lights flash."""
        if self._readback is Readback.STATUS:
            return self._senses.truth(Vss.HAZARD_SIGNALING, now_s) is True
        return self._readback is Readback.LAMPS and self._flashes.going(now_s)

    def dark(self, now_s: float) -> bool:
        """Whether the car says that they do not flash; never from silence."""
        if self._readback is Readback.STATUS:
            return self._senses.truth(Vss.HAZARD_SIGNALING, now_s) is False
        known = None not in self._pair(now_s)
        return self._readback is Readback.LAMPS and known and not self._flashes.going(now_s)

    def stalk(self, now_s: float) -> bool | None:
        """Whether the indicator stalk is out; None while nobody knows."""
        word = self._senses.value(Vss.INDICATOR_STALK, now_s)
        return None if word is None else word in _OUT
