"""Which frame of the hazard command is due when: a short script of ons and offs, played at the command's period."""

from dataclasses import dataclass
from math import inf

from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CommandStyle, HazardCommand
from hardshoulder.core.protection import protect

OFF_FRAMES = 3
"""Frames that say off at the end, so that one lost frame leaves no lamp flashing."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Every frame of a request that is repeated, for whoever goes on with it without us.

    on, off: the payloads in the order in which they are sent, the counter from zero; after the last comes the first.
    """

    bus: str
    can_id: int
    period_s: float
    on: tuple[bytes, ...]
    off: tuple[bytes, ...]


def whole_cycle(command: HazardCommand | None) -> Cycle | None:
    """The cycle of a level; None for a pulse or toggle, which nobody may repeat blindly."""
    if command is None or command.style is not CommandStyle.LEVEL:
        return None
    counts = range(1 if command.counter is None else command.counter.modulo)
    on, off = (tuple(_payload(command, count, says_on=says_on) for count in counts) for says_on in (True, False))
    return Cycle(command.bus, command.can_id, command.period_s, on, off)


def _payload(command: HazardCommand, count: int, *, says_on: bool) -> bytes:
    counter = None if command.counter is None else (command.counter, count)
    return protect(command.can_id, command.on if says_on else command.off, counter, command.checksum)


class Asking:
    """Plays frames; whether one reaches the bus is for `permit` to say. Times are arguments.

    over_s: from then on nothing is sent any more, whoever slept through the end.
    """

    def __init__(self, command: HazardCommand | None) -> None:
        self._command = command
        self._script: list[tuple[bool, float]] = []
        self._count = 0
        self._last_s = -inf
        self.due_s = inf
        self.over_s = inf

    @property
    def repeats(self) -> bool:
        """Whether the car wants to be asked for as long as the lamps shall flash."""
        return self._command is not None and self._command.style is CommandStyle.LEVEL

    @property
    def flips(self) -> bool:
        """Whether the same frame that switches the lamps on switches them off."""
        return self._command is not None and self._command.style is CommandStyle.TOGGLE

    def on(self, now_s: float) -> None:
        """Asks for the lamps."""
        self._play([(True, self._long())], now_s)

    def renew(self, now_s: float) -> None:
        """Asks once more, so that the body controller sees an edge; for lamps that are seen to be dark."""
        self._play([(True, self._long())] if self.flips else [(False, 1), (True, self._long())], now_s)

    def off(self, now_s: float, *, flashing: bool) -> None:
        """Takes the request back: a toggle by one more pulse, and only while the lamps are seen to flash."""
        command = self._command
        assert command is not None, "a car that takes no command was not asked"
        if self.flips:
            self._play([(True, command.pulse_frames)] if flashing else [], now_s)
        else:
            self._play([(False, OFF_FRAMES)], now_s)
        begin_s = now_s if self.due_s == inf else self.due_s
        self.over_s = begin_s + (max(OFF_FRAMES, command.pulse_frames) + 1) * command.period_s

    def quiet(self, now_s: float) -> None:
        """Says nothing any more."""
        self._play([], now_s)
        self.over_s = now_s

    def _long(self) -> float:
        assert self._command is not None, "a car that takes no command is not asked"
        return inf if self.repeats else self._command.pulse_frames

    def _play(self, script: list[tuple[bool, float]], now_s: float) -> None:
        """From now on, and never closer to the last frame than a period: the permit would let it not pass."""
        self._script, self.over_s = script, inf
        period_s = 0.0 if self._command is None else self._command.period_s
        self.due_s = max(now_s, self._last_s + period_s) if script else inf

    def due(self, now_s: float) -> list[Frame]:
        """The frame that has to go out now, if one has."""
        command = self._command
        if command is None or now_s < self.due_s:
            return []
        if now_s >= self.over_s:
            self.due_s = inf
            return []
        says_on, left = self._script[0]
        self._script[0] = (says_on, left - 1)
        if left <= 1:
            self._script.pop(0)
        self._last_s = now_s
        # Counted from when it was due, so that a late loop does not stretch the period; after a
        # longer delay from now, so that it never sends a burst.
        on_time_s = self.due_s + command.period_s
        next_s = on_time_s if on_time_s > now_s else now_s + command.period_s
        self.due_s = next_s if self._script else inf
        return [self._frame(command, says_on, now_s)]

    def _frame(self, command: HazardCommand, says_on: bool, now_s: float) -> Frame:
        data = _payload(command, self._count, says_on=says_on)
        self._count += 1
        return Frame(now_s, command.bus, command.can_id, data)
