"""What a car's silence says: of its drive, of one of its buses.

Every answer has three values: yes, no, and None for "nobody knows".
"""

from math import inf

from hardshoulder.core.pedal import Slackening
from hardshoulder.core.plan import MessagePlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Vss
from hardshoulder.core.words import Words

SAME_SPEED_KPH = 3.0
SLOWER_KPH = 0.5
QUIET_AFTER_S = 0.8
FALTERED_KPH = 1.0
FALTERED_KPH_PER_S = 1.5
FALTERED_WITHIN_S = 2.5
_STALE_CYCLES = 4
_ROUNDING_S = 1e-6


class Silence:
    """When the drive's messages and the buses were last heard, and how fast the car was then. Times are arguments.

    drive_stale_s: when the drive's evidence is no longer fresh; seconds after it was heard, infinite where
    none is mapped.
    slackens: the speed that was lost under the pedal.
    """

    def __init__(self, words: Words, slackens: Slackening) -> None:
        self._words, self._slackens = words, slackens
        self._senses = senses = words.senses
        plan = words.plan
        drive = [m for m in plan.messages if any(s.vss in DRIVE_EVIDENCE for s in m.signals)]
        self._drive = {m.name: senses.hearing[m.name] for m in drive}
        self._heard_kph: dict[str, float] = dict.fromkeys(self._drive, -inf)
        self._drive_heard_kph: float | None = None
        self.drive_stale_s = max(
            (s.stale_after_s for m in drive for s in m.signals if s.vss in DRIVE_EVIDENCE), default=inf
        )
        self._reset_s = max(plan.thresholds.drive_silent_after_s, self.drive_stale_s)
        self._bus_limits_s = {bus: self._bus_limit_s(bus) for bus in plan.buses}
        self._bus_present_s = dict.fromkeys(plan.buses, -inf)
        self._bus_back_s = dict.fromkeys(plan.buses, -inf)
        self._next_s = inf

    def _bus_limit_s(self, bus: str) -> float:
        """Silence of a bus is longer than its quickest message can explain.

        And longer than a reset where nothing but the drive's words is known of it: that may be one control unit.
        """
        plan = self._words.plan
        carried = [m for m in plan.messages if m.bus == bus]
        quickest_s = min((m.cycle_s for m in carried), default=inf)
        one_unit = all(m.name in self._drive for m in carried)
        limits = plan.thresholds
        at_least_s = limits.drive_silent_after_s if one_unit else limits.bus_silent_after_s
        return max(at_least_s, _STALE_CYCLES * quickest_s)

    def heard(self, message: MessagePlan, at_s: float) -> None:
        """A frame of this message came, believed or not."""
        if message.name in self._drive:
            self._drive_heard_kph = speed_kph = self._senses.motion_kph(at_s)
            self._heard_kph[message.name] = -inf if speed_kph is None else speed_kph
            self._next_s = min(self._next_s, at_s + self.drive_stale_s)
        self._hear_bus(message.bus, at_s)

    def _hear_bus(self, bus: str, at_s: float) -> None:
        overdue_s = self._bus_present_s[bus] + self._bus_limits_s[bus]
        if at_s >= overdue_s:
            self._bus_back_s[bus] = at_s
        self._bus_present_s[bus] = at_s
        self._next_s = min(self._next_s, at_s + self._bus_limits_s[bus])

    def forget(self) -> None:
        """A hole in what we saw."""
        self._drive_heard_kph = None
        self._bus_present_s = dict.fromkeys(self._bus_present_s, -inf)

    def drive_silent(self, now_s: float) -> bool | None:
        """Every message of the drive is overdue while the speed still comes in and does not rise.

        A car that gets faster is driven, whatever its drive's messages do. And after a while the speed has to have
        been heard since: a slow speed that counts for seconds would outlive a plug that was pulled.
        Where some of the drive still speaks, see `_partly_silent`.
        """
        heard_s = self._drive_heard_s()
        speed_kph, before_kph = self._senses.motion_kph(now_s), self._drive_heard_kph
        if heard_s == -inf or speed_kph is None or before_kph is None:
            return None
        if now_s < heard_s + self.drive_stale_s:
            return self._partly_silent(now_s, self.drive_stale_s)
        waited = now_s + _ROUNDING_S >= heard_s + max(QUIET_AFTER_S, self.drive_stale_s)
        if waited and self._motion_heard_s() < heard_s + self.drive_stale_s / 2:
            return None
        return speed_kph <= before_kph + SAME_SPEED_KPH

    def tells(self, now_s: float) -> bool:
        """Whether a silent drive is dead and not just starting anew: it would be back, or it had failed before."""
        heard_s = self._drive_heard_s()
        if now_s < heard_s + self.drive_stale_s:
            return self._partly_silent(now_s, self._reset_s)
        waited = now_s + _ROUNDING_S >= heard_s + self._reset_s
        return (waited and self._senses.motion_kph(now_s) is not None) or self._faltered(heard_s, now_s)

    def _drive_heard_s(self) -> float:
        return max((hearing.present_s for hearing in self._drive.values()), default=-inf)

    def _partly_silent(self, now_s: float, overdue_s: float) -> bool:
        """One of the drive's messages is overdue, the car gets slower, and no other says that the drive answers.

        A traction battery goes on saying that it is connected to a drive that is dead.
        """
        speed_kph = self._senses.motion_kph(now_s)
        if speed_kph is None or self._words.says_ready(now_s) or self._words.engine_turns(now_s) is True:
            return False
        return any(
            -inf < hearing.present_s + overdue_s <= now_s and speed_kph <= self._heard_kph[name] - SLOWER_KPH
            for name, hearing in self._drive.items()
        )

    def _faltered(self, heard_s: float, now_s: float) -> bool:
        """The car began to get slower under a pressed pedal just before the drive's last word, and still does.

        A control unit whose supply fails lets the drive go first and falls silent later; one that starts anew
        falls silent out of good health.
        """
        before_kph, speed_kph = self._drive_heard_kph, self._senses.motion_kph(now_s)
        if before_kph is None or speed_kph is None or speed_kph > before_kph - SLOWER_KPH:
            return False
        lost_kph = self._slackens.lost_kph(heard_s, FALTERED_WITHIN_S, before_kph)
        return lost_kph >= max(FALTERED_KPH, FALTERED_KPH_PER_S * self._slackens.lasts_s(heard_s))

    def _motion_heard_s(self) -> float:
        senses = [self._senses.signals.get(vss) for vss in (Vss.SPEED, Vss.GNSS_SPEED)]
        return max((sense.at_s for sense in senses if sense is not None), default=-inf)

    def bus_silent(self, now_s: float) -> bool | None:
        """One bus fell silent while another still speaks.

        The other bus is the independent witness that we are not merely deaf: with a single bus nobody can
        tell a dead car from a pulled plug, and the daemon reports itself blind instead. It has to have been heard
        before and well after the other fell silent, without a silence of its own: buses that fall asleep together, or
        wake one after the other, are no witnesses.
        """
        heard = {bus: at_s for bus, at_s in self._senses.bus_heard_s.items() if at_s > -inf}
        if len(heard) < 2:
            return None
        silent = {bus: at_s for bus, at_s in heard.items() if now_s >= at_s + self._bus_limits_s[bus]}
        return any(
            at_s >= fell_silent_s + self._bus_limits_s[bus] / 2 and self._bus_back_s[other] <= fell_silent_s
            for bus, fell_silent_s in silent.items()
            for other, at_s in heard.items()
            if other not in silent
        )

    def next_change_s(self, now_s: float) -> float:
        """A time at which the drive or a bus may have been silent for too long; never after the true one."""
        if self._next_s <= now_s:
            ends = [at_s + self._bus_limits_s[bus] for bus, at_s in self._senses.bus_heard_s.items()]
            for hearing in self._drive.values():
                ends += [hearing.present_s + self.drive_stale_s, hearing.present_s + self._reset_s]
            self._next_s = min((at_s for at_s in ends if at_s > now_s), default=inf)
        return self._next_s
