"""The hazard lights as a small machine of their own: asked for, seen to flash, let go.

It decides which frame is due when; whether one reaches the bus is for `permit` to say.
"""

from math import inf

from hardshoulder.core.actions import HazardState
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import (
    CommandStyle,
    HazardCommand,
    HazardPlan,
    Readback,
    Thresholds,
)
from hardshoulder.core.protection import protect
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss

OFF_FRAMES = 3
"""Frames that say off at the end, so that one lost frame leaves no lamp flashing."""

FLASH_PERIOD_MAX_S = 1.25
"""60 flashes a minute are the slowest that UN Regulation No. 48 allows, with a quarter for jitter."""

_WANTED = frozenset({HazardState.REQUESTED, HazardState.CONFIRMED, HazardState.UNCONFIRMED})


class _Lamps:
    """Sees whether both indicator lamps come on together, again and again."""

    __slots__ = ("_both_on", "_flashes_s")

    def __init__(self) -> None:
        self._both_on = False
        self._flashes_s = (-inf, -inf)

    def see(self, both_on: bool, now_s: float) -> None:
        if both_on and not self._both_on:
            self._flashes_s = (self._flashes_s[1], now_s)
        self._both_on = both_on

    def flashing(self, now_s: float) -> bool:
        """Two flashes one period apart, the last not longer ago than a period."""
        before_s, last_s = self._flashes_s
        return last_s - before_s <= FLASH_PERIOD_MAX_S and now_s - last_s <= FLASH_PERIOD_MAX_S


class Hazard:
    """One car's hazard lights. Times are arguments; the caller performs what comes back."""

    def __init__(self, plan: HazardPlan, thresholds: Thresholds, senses: Senses) -> None:
        self._plan = plan
        self._senses = senses
        self._patience_s = {
            Readback.STATUS: thresholds.confirm_status_within_s,
            Readback.LAMPS: thresholds.confirm_lamps_within_s,
            Readback.NONE: thresholds.confirm_status_within_s,
        }[plan.readback]
        self._lamps = _Lamps()
        self._fading = False
        """Let go, and not seen dark since: what still flashes is our own request."""
        self.state = HazardState.OFF
        self._count = 0
        self._frames_left: float = 0
        self._due_s = inf
        self._confirm_by_s = inf
        self._over_s = inf

    def request(self, now_s: float) -> None:
        """The incident wants the hazards to flash; nothing changes where they are asked for already."""
        if self.state in _WANTED:
            return
        if self.flashing(now_s) and not self._fading:
            self.state = HazardState.DRIVERS
        elif self._plan.command is None:
            self.state = HazardState.UNAVAILABLE
        else:
            self.state = HazardState.REQUESTED
            self._start(self._plan.command, now_s)

    def _start(self, command: HazardCommand, now_s: float) -> None:
        self._frames_left = inf if command.style is CommandStyle.LEVEL else command.pulse_frames
        self._due_s, self._over_s = now_s, inf
        self._confirm_by_s = now_s + self._patience_s

    def refuse(self) -> None:
        """The permit let nothing out: stop asking."""
        if self.state in _WANTED:
            self.state = HazardState.REFUSED
        self._due_s = self._confirm_by_s = inf

    def release(self, now_s: float) -> float:
        """The incident is over: take our request back, and never the driver's.

        Returns the time by which the last frame of ours is out.
        """
        if self.state in _WANTED and self._plan.command is not None:
            # A toggle is taken back by one more pulse, and only while we see them flash.
            toggle = self._plan.command.style is CommandStyle.TOGGLE
            self._frames_left = self._plan.command.pulse_frames if toggle else OFF_FRAMES
            self._due_s = inf if toggle and not self.flashing(now_s) else now_s
            self.state = HazardState.RELEASED
            self._fading = not toggle
        elif self.state is not HazardState.RELEASED:
            self.state = HazardState.OFF
        self._confirm_by_s = inf
        command = self._plan.command
        self._over_s = now_s if command is None else now_s + (self._frames_to_end(command) + 1) * command.period_s
        return self._over_s

    @staticmethod
    def _frames_to_end(command: HazardCommand) -> int:
        return max(OFF_FRAMES, command.pulse_frames)

    def flashing(self, now_s: float) -> bool:
        """Whether the car says that its hazard lights flash."""
        if self._plan.readback is Readback.STATUS:
            return self._senses.value(Vss.HAZARD_SIGNALING, now_s) is True
        return self._plan.readback is Readback.LAMPS and self._lamps.flashing(now_s)

    def _both_lamps(self, now_s: float) -> bool:
        left = self._senses.value(Vss.INDICATOR_LEFT, now_s)
        return left is True and self._senses.value(Vss.INDICATOR_RIGHT, now_s) is True

    def look(self, now_s: float) -> bool:
        """Takes in the lamps and the time; True when the state changed."""
        self._lamps.see(self._both_lamps(now_s), now_s)
        before, self._fading = self.state, self._fading and self.flashing(now_s)
        if before in {HazardState.REQUESTED, HazardState.UNCONFIRMED} and self.flashing(now_s):
            self.state, self._confirm_by_s = HazardState.CONFIRMED, inf
        elif before is HazardState.REQUESTED and now_s >= self._confirm_by_s:
            self.state, self._confirm_by_s = HazardState.UNCONFIRMED, inf
        return self.state is not before

    def due(self, now_s: float) -> list[Frame]:
        """The frame that has to go out now, if one has."""
        command = self._plan.command
        if command is None or now_s < self._due_s:
            return []
        if now_s >= self._over_s:
            # Whoever slept through the release has no leave to send any more.
            self._due_s = inf
            return []
        frame = self._frame(command, now_s)
        self._frames_left -= 1
        # Counted from when it was due, so that a late loop does not stretch the period; after a
        # longer delay from now, so that it never sends a burst.
        on_time_s = self._due_s + command.period_s
        next_s = on_time_s if on_time_s > now_s else now_s + command.period_s
        self._due_s = next_s if self._frames_left > 0 else inf
        return [frame]

    def _frame(self, command: HazardCommand, now_s: float) -> Frame:
        says_on = self.state in _WANTED or command.style is CommandStyle.TOGGLE
        counter = None if command.counter is None else (command.counter, self._count)
        self._count += 1
        data = protect(
            command.can_id,
            command.on if says_on else command.off,
            counter,
            command.checksum,
        )
        return Frame(now_s, command.bus, command.can_id, data)

    def next_deadline(self) -> float:
        """When a frame is due or patience ends."""
        return min(self._due_s, self._confirm_by_s)
