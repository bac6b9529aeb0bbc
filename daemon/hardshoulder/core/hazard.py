"""The hazard lights as a small machine of their own: asked for, seen to flash, let go, and always the driver's.

The story it tells. OFF until an incident wants them. Lamps that flash already are the DRIVER'S: nothing is sent, and
they are never switched off. Otherwise they are REQUESTED, and CONFIRMED once they are seen to flash; what is not
seen in time is UNCONFIRMED. A level goes on being sent then, because a readback that lies must not darken lamps that
flash, and while they are seen to be dark it is asked anew a few times; a pulse or toggle is never repeated blindly.
REFUSED is the permit's word, UNAVAILABLE a car that takes no command. RELEASED they are let go, by the car that
drives on or by the driver.

Only a press of the hazard switch is the driver's word: lamps that go dark by themselves are not. A press soon after
they came on by themselves is the reflex of somebody who wanted them on. After a press that means off she is obeyed:
`overruled` holds until a crash, or until the car has driven on.
"""

from math import inf

from hardshoulder.core.actions import HazardState
from hardshoulder.core.asking import OFF_FRAMES, Asking
from hardshoulder.core.frame import Frame
from hardshoulder.core.lamps import Lamps
from hardshoulder.core.plan import HazardPlan, Readback, Thresholds
from hardshoulder.core.signals import Senses

__all__ = ["OFF_FRAMES", "Hazard"]

REFLEX_S = 2.0
"""A press this soon after the lamps came on by themselves was meant to switch them on."""

DARK_FOR_S = 1.0
"""Lamps that were seen to flash count as dark after this long: a press may be told later than what it did."""

RENEWALS = 2
"""How often one request is made anew while the lamps are seen to be dark."""

RENEW_AFTER_S = 1.0

SUSPENDED_AT_MOST_S = 30.0
"""A lane change is over by then; a stalk that was forgotten must not keep a stranded car dark."""

_WANTED = frozenset({HazardState.REQUESTED, HazardState.CONFIRMED, HazardState.UNCONFIRMED})


class Hazard:
    """One car's hazard lights. Times are arguments; the caller performs what comes back.

    overruled: the driver switched them off; they are not asked for until a crash, or the car has driven on.
    """

    def __init__(self, plan: HazardPlan, thresholds: Thresholds, senses: Senses) -> None:
        self._plan = plan
        self._patience_s = {
            Readback.STATUS: thresholds.confirm_status_within_s,
            Readback.LAMPS: thresholds.confirm_lamps_within_s,
            Readback.NONE: thresholds.confirm_status_within_s,
        }[plan.readback]
        self._lamps = Lamps(plan, senses)
        self._asking = Asking(plan.command)
        self.state = HazardState.OFF
        self.overruled = False
        self._drivers_too = False
        """She pressed the switch to have them on: they are not ours to take back, and the next press means off."""
        self._fading = False
        """Let go, and not seen dark since: what still flashes is our own request."""
        self._renewals = 0
        self._renew_at_s = self._confirm_by_s = inf
        self._came_on_s = -inf
        self._dark_since_s: float | None = None
        self._suspended_until_s = inf
        """Finite while the stalk is out and hazards would mask it."""
        self._stalk_rested = True

    # What the incident wants --------------------------------------------------------------

    def request(self, now_s: float, *, crash: bool = False) -> None:
        """The incident wants the hazards to flash; nothing changes where they are asked for already.

        crash: a new reason, which counts for more than the driver's off.
        """
        if self.state in _WANTED or (self.overruled and not crash):
            return
        self.overruled = self._drivers_too = False
        if self.flashing(now_s) and not self._fading:
            self.state = HazardState.DRIVERS
        elif self._plan.command is None:
            self.state = HazardState.UNAVAILABLE
        else:
            self.state = HazardState.REQUESTED
            self._renewals = RENEWALS
            self._asking.on(now_s)
            self._wait(now_s)

    def resume(self, was: HazardState, now_s: float, *, overruled: bool) -> None:
        """Goes on after a start of the daemon with what it had last known. A toggle is not sent: it may be flashing."""
        if overruled:
            self.state, self.overruled = HazardState.RELEASED, True
        elif was is HazardState.DRIVERS:
            self.state = was
        elif was not in (HazardState.OFF, HazardState.RELEASED):
            self.request(now_s)
            if self._asking.flips and self.state is HazardState.REQUESTED:
                self._asking.quiet(now_s)

    def refuse(self, now_s: float) -> None:
        """The permit let nothing out: stop asking."""
        if self.state in _WANTED:
            self.state, self._fading = HazardState.REFUSED, True
        self._asking.quiet(now_s)
        self._rest()

    def release(self, now_s: float) -> float:
        """The incident wants them no longer: take our request back, and never the driver's.

        Returns the time by which the last frame of ours is out.
        """
        if self.state in _WANTED and not self._drivers_too:
            self._asking.off(now_s, flashing=self.flashing(now_s))
            # Lamps that may be flipped are left alone while they flash, whoever asked for that.
            self._fading = not self._asking.flips
            self.state = HazardState.RELEASED
        elif self.state in _WANTED:
            self._asking.quiet(now_s)
            self.state = HazardState.RELEASED
        elif self.state is not HazardState.RELEASED:
            self._asking.quiet(now_s)
            self.state = HazardState.OFF
        self._rest()
        return self.leave_until_s(now_s)

    def drove_on(self) -> None:
        """What the driver said of the last breakdown does not count for the next."""
        self.overruled = False

    def leave_until_s(self, now_s: float) -> float:
        """By when the last frame of a request that was taken back is out."""
        return max(now_s, min(self._asking.over_s, now_s + 60.0))

    def _wait(self, now_s: float) -> None:
        self._confirm_by_s, self._renew_at_s = now_s + self._patience_s, inf
        self._dark_since_s = None

    def _rest(self) -> None:
        self._confirm_by_s = self._renew_at_s = self._suspended_until_s = inf

    # What the car says ----------------------------------------------------------------------

    def flashing(self, now_s: float) -> bool:
        """Whether the car says that its hazard lights flash."""
        return self._lamps.flashing(now_s)

    def look(self, now_s: float) -> bool:
        """Takes in lamps, switch, stalk and the time; True when the state changed."""
        before = self.state
        self._lamps.look(now_s)
        if not self._lamps.dark(now_s):
            self._dark_since_s = None
        elif self._dark_since_s is None:
            self._dark_since_s = now_s
        self._fading = self._fading and self.flashing(now_s)
        if self._lamps.pressed:
            self._take_press(now_s)
        self._mind_stalk(now_s)
        self._mind_lamps(now_s)
        return self.state is not before

    def _take_press(self, now_s: float) -> None:
        """The driver pressed the hazard switch: to have them on, or to have them off."""
        if self.state is HazardState.DRIVERS:
            self._obey(now_s)
        elif self.state in _WANTED:
            seen = self.state is HazardState.CONFIRMED
            reflex = seen and now_s < self._came_on_s + REFLEX_S
            # What she does not see flash she switches on; where nobody can see it, her first press is for on.
            unseen = not seen and (self._lamps.dark(now_s) or self.state is HazardState.REQUESTED)
            if unseen or (not self._drivers_too and (reflex or not seen)):
                self._drivers_too = True
            else:
                self._obey(now_s)

    def _obey(self, now_s: float) -> None:
        """She wants them off. A toggle was flipped by her own hand; one more would flip it back."""
        if self.state in _WANTED:
            self._asking.off(now_s, flashing=False)
        self._fading = True
        self.state, self.overruled = HazardState.RELEASED, True
        self._rest()

    def _mind_stalk(self, now_s: float) -> None:
        """Lets the indicator be seen where hazards mask it."""
        command = self._plan.command
        if command is None or not command.masks_indicators or self.state not in _WANTED:
            return
        out = self._lamps.stalk(now_s)
        self._stalk_rested = self._stalk_rested or out is False
        if self._suspended_until_s == inf and out and self._stalk_rested:
            self._asking.off(now_s, flashing=self.flashing(now_s))
            self._rest()
            self._suspended_until_s, self._stalk_rested = now_s + SUSPENDED_AT_MOST_S, False
            self.state = HazardState.REQUESTED
        elif self._suspended_until_s < inf and (not out or now_s >= self._suspended_until_s):
            self._suspended_until_s = inf
            self._asking.on(now_s)
            self._wait(now_s)

    def _mind_lamps(self, now_s: float) -> None:
        flashing, state = self.flashing(now_s), self.state
        if state in (HazardState.REQUESTED, HazardState.UNCONFIRMED) and self._suspended_until_s == inf:
            self._await_lamps(now_s, flashing=flashing)
        elif state is HazardState.CONFIRMED and now_s >= self._dark_deadline():
            self._ask_again(now_s)
        elif state is HazardState.DRIVERS and now_s >= self._dark_deadline():
            self.request(now_s)
        elif flashing and not self._fading and self._may_be_drivers():
            self.state, self.overruled = HazardState.DRIVERS, False

    def _may_be_drivers(self) -> bool:
        """Lamps that flash without us while an incident wants them to."""
        refused = self.state in (HazardState.UNAVAILABLE, HazardState.REFUSED)
        return refused or (self.state is HazardState.RELEASED and self.overruled)

    def _await_lamps(self, now_s: float, *, flashing: bool) -> None:
        if flashing:
            self.state, self._came_on_s = HazardState.CONFIRMED, now_s
            self._rest()
        elif now_s >= self._confirm_by_s:
            self._give_up_waiting(now_s)
        elif now_s >= self._renew_at_s:
            self._renew_at_s = now_s + RENEW_AFTER_S
            if self._lamps.dark(now_s):
                self._renewals -= 1
                self._asking.renew(now_s)
            if not self._renewals:
                self._renew_at_s = inf

    def _give_up_waiting(self, now_s: float) -> None:
        self.state, self._confirm_by_s = HazardState.UNCONFIRMED, inf
        if self._asking.repeats and self._renewals:
            self._renew_at_s = now_s + RENEW_AFTER_S

    def _ask_again(self, now_s: float) -> None:
        """They flashed and are dark, and nobody pressed the switch, or pressed it to have them on."""
        if self._renewals and (self._asking.repeats or self._drivers_too):
            self._renewals -= 1
            self.state = HazardState.REQUESTED
            self._asking.renew(now_s)
            self._wait(now_s)
        else:
            self._give_up_waiting(now_s)

    def _dark_deadline(self) -> float:
        """When lamps that flashed count as dark. Where no switch is heard, her own may have gone dark by her hand."""
        if self._dark_since_s is None or self.state not in (HazardState.CONFIRMED, HazardState.DRIVERS):
            return inf
        hers = self.state is HazardState.DRIVERS and not self._lamps.has_switch
        return inf if hers else self._dark_since_s + DARK_FOR_S

    # What is due ----------------------------------------------------------------------------

    def due(self, now_s: float) -> list[Frame]:
        """The frame that has to go out now, if one has."""
        return self._asking.due(now_s)

    def next_deadline(self) -> float:
        """When a frame is due, or patience ends."""
        times_s = (self._confirm_by_s, self._renew_at_s, self._suspended_until_s, self._dark_deadline())
        return min(self._asking.due_s, *times_s)
