"""What the signals say together: whether the car moves, whether its drive lives, what goes unanswered.

Every answer has three values: yes, no, and None for "nobody knows".
"""

from collections.abc import Callable
from math import inf

from hardshoulder.core.motion import Motion
from hardshoulder.core.pedal import RESTARTS_WITHIN_S, Foot, Slackening, Unanswered, WeakestCar
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, WHEELS, Propulsion, Value, Vss

POWER_DOWN = frozenset({"OFF", "LOCK", "ACC"})
POWER_UP = frozenset({"ON", "START"})
SAME_SPEED_KPH = 3.0
SLOWER_KPH = 0.5
HILL_MARGIN_KPH = 3.0
HILL_PEDAL_PERCENT = 10.0
FRICTION_PERCENT = 35.0
FRICTION_NM = -40.0
DRIVEN_KPH = 3.6
QUIET_AFTER_S = 0.8
FALTERED_KPH = 1.0
FALTERED_KPH_PER_S = 1.5
FALTERED_WITHIN_S = 2.5
_STALE_CYCLES = 4
_ROUNDING_S = 1e-6
_ABOUT_THE_PEDAL = frozenset({Vss.PEDAL_POSITION, Vss.DRIVE_TORQUE, Vss.BRAKE_PRESSED, Vss.SELECTED_GEAR})
_ABOUT_MOTION = frozenset({Vss.SPEED, Vss.GNSS_SPEED, Vss.SELECTED_GEAR, *WHEELS})
_UNDRIVEN_GEARS = frozenset({"PARK", "NEUTRAL", "REVERSE"})


class Condition:
    """One car's condition, from its signals. Times are arguments."""

    def __init__(self, senses: Senses) -> None:
        self.senses = senses
        self.plan: CarPlan = senses.plan
        self._limits = senses.plan.thresholds
        drive = [m for m in self.plan.messages if any(s.vss in DRIVE_EVIDENCE for s in m.signals)]
        self._drive = {m.name: senses.hearing[m.name] for m in drive}
        self._heard_kph: dict[str, float] = dict.fromkeys(self._drive, -inf)
        self.drive_stale_s = max(
            (s.stale_after_s for m in drive for s in m.signals if s.vss in DRIVE_EVIDENCE), default=inf
        )
        self._reset_s = max(self._limits.drive_silent_after_s, self.drive_stale_s)
        self.drive_heard_kph: float | None = None
        self._bus_limits_s = {bus: self._bus_limit_s(bus) for bus in self.plan.buses}
        self._silence_s = inf
        self._foot = Foot()
        self._pedal = Unanswered()
        self._torque = Unanswered()
        self._weakest = WeakestCar()
        self._slackens = Slackening()
        self._cut_off = Unanswered()
        self._engine_ignores = Unanswered()
        self._motion = Motion(senses)
        self._chores = {m.name: self._chores_of(m) for m in self.plan.messages}

    def _chores_of(self, message: MessagePlan) -> tuple[Callable[[float], None], ...]:
        carried = {signal.vss for signal in message.signals}
        chores = ((_ABOUT_THE_PEDAL, self._note_pedal), (_ABOUT_MOTION, self._motion.note))
        return tuple(chore for signals, chore in chores if signals & carried)

    def _bus_limit_s(self, bus: str) -> float:
        """Silence of a bus is longer than its quickest message can explain."""
        quickest_s = min((m.cycle_s for m in self.plan.messages if m.bus == bus), default=inf)
        return max(self._limits.bus_silent_after_s, _STALE_CYCLES * quickest_s)

    # What came in ---------------------------------------------------------------------------

    def heard(self, message: MessagePlan, at_s: float) -> None:
        """A frame of this message came, believed or not."""
        if message.name in self._drive:
            self.drive_heard_kph = speed_kph = self.senses.motion_kph(at_s)
            self._heard_kph[message.name] = -inf if speed_kph is None else speed_kph
            self._silence_s = min(self._silence_s, at_s + self.drive_stale_s)
        self._silence_s = min(self._silence_s, at_s + self._bus_limits_s[message.bus])

    def note(self, message: MessagePlan, at_s: float) -> None:
        """The readings of a believed frame are in."""
        for chore in self._chores[message.name]:
            chore(at_s)

    def _note_pedal(self, at_s: float) -> None:
        pedal = self.senses.number(Vss.PEDAL_POSITION, at_s)
        if self._pedal_is_back(at_s):
            self._forget_pedal()
        if pedal is not None:
            self._foot.update(pedal, at_s)
        speed_kph, asked = self.senses.motion_kph(at_s), self._asked_percent(at_s)
        pressed = asked >= self._limits.no_drive_pedal_percent and not self._motion.spins
        asks = asked >= HILL_PEDAL_PERCENT
        self._pedal.update(pressed, at_s, speed_kph)
        self._torque.update(pressed and self._gives_nothing(asked, at_s), at_s, speed_kph)
        cut_off = self.senses.truth(Vss.POWER_CONNECTED, at_s) is False
        self._cut_off.update(pressed and cut_off, at_s, speed_kph)
        if pedal is not None:
            # A pedal that fell silent with the drive does not take back what it said before.
            self._slackens.update(pressed, at_s, speed_kph)
        self._weakest.update(asked if asks else None, at_s, speed_kph)
        self._engine_ignores.update(asks and self.engine_turns(at_s) is False, at_s, speed_kph)

    def _pedal_is_back(self, at_s: float) -> bool:
        """Nobody knows what a pedal did while it was silent."""
        pedal = self.senses.signals.get(Vss.PEDAL_POSITION)
        return pedal is not None and self.senses.hearing[pedal.message.name].back_s == at_s

    def _gives_nothing(self, asked: float, at_s: float) -> bool:
        """Whether the drive gives less than any pedal asks for.

        With little pedal a cold engine may just bear its own friction, but it does not hold the car back.
        """
        torque_nm = self.senses.number(Vss.DRIVE_TORQUE, at_s)
        engine = self.plan.propulsion is Propulsion.COMBUSTION and self.engine_turns(at_s) is True
        limit_nm = FRICTION_NM if engine and asked < FRICTION_PERCENT else self._limits.no_torque_below_nm
        return torque_nm is not None and torque_nm < limit_nm

    def _asked_percent(self, at_s: float) -> float:
        """How far the pedal is down, in a gear in which the car should answer; 0 where the brake explains it all."""
        pedal = self.senses.number(Vss.PEDAL_POSITION, at_s)
        believed = self._foot.believed(at_s, self._limits.pedal_hangs_after_s)
        if pedal is None or not believed or self.senses.truth(Vss.BRAKE_PRESSED, at_s) is True:
            return 0.0
        return 0.0 if self.senses.value(Vss.SELECTED_GEAR, at_s) in _UNDRIVEN_GEARS else pedal

    def forget(self) -> None:
        """A hole in what we saw."""
        self.drive_heard_kph = None
        self._forget_pedal()
        self._motion.forget()

    def _forget_pedal(self) -> None:
        self._foot.forget()
        for unanswered in (self._pedal, self._torque, self._cut_off, self._engine_ignores):
            unanswered.update(False, 0.0, None)
        self._slackens.update(False, 0.0, None)
        self._weakest.update(None, 0.0, None)

    # What follows from it -------------------------------------------------------------------

    def moving_kph(self, now_s: float) -> float | None:
        """How fast the car really goes; None when unknown, or when other sources contradict the wheels."""
        return self._motion.kph(now_s)

    def power_up(self, now_s: float) -> bool | None:
        """Whether the power mode is one in which a car drives."""
        return _up(self.senses.value(Vss.POWER_STATE, now_s))

    def switched_off(self, now_s: float) -> bool | None:
        """Whether the driver's own hand asks for no power."""
        return opposite(_up(self.senses.value(Vss.IGNITION_SWITCH, now_s)))

    def engine_turns(self, now_s: float) -> bool | None:
        """Whether the combustion engine runs; None when unknown or when two signals disagree."""
        rpm = self.senses.number(Vss.ENGINE_SPEED, now_s)
        turns = None if rpm is None else rpm >= self._limits.engine_stopped_below_rpm
        flag = self.senses.truth(Vss.ENGINE_RUNNING, now_s)
        if flag is None or turns is None:
            return turns if flag is None else flag
        return turns if turns == flag else None

    def engine_rests(self, now_s: float) -> bool | None:
        """Whether the engine was stopped on purpose and will start again.

        A pedal that has gone unanswered for as long as a start takes says that it will not.
        """
        rests = self.senses.truth(Vss.ENGINE_RESTS, now_s)
        since_s = self._pedal.since_s
        # Asked again, because a pedal that fell silent while it was down is not known to be down.
        unanswered = since_s is not None and now_s >= since_s + self._limits.no_drive_hold_s
        if not (rests and unanswered):
            return rests
        return self._asked_percent(now_s) < self._limits.no_drive_pedal_percent

    def drive_alive(self, now_s: float) -> bool | None:
        """Whether something can move the car under its own power."""
        if self.power_up(now_s) is False:
            return False
        ready = self.senses.truth(Vss.DRIVE_READY, now_s)
        if self.plan.propulsion is Propulsion.COMBUSTION:
            return True if self.engine_rests(now_s) else _first_known(self.engine_turns(now_s), ready)
        if ready is not None:
            return ready
        connected = self.senses.truth(Vss.POWER_CONNECTED, now_s)
        if self.plan.propulsion is Propulsion.HYBRID:
            return _either(self.engine_turns(now_s), connected)
        return connected

    def pushes(self, now_s: float) -> bool:
        """Whether the drive is known to push the car."""
        torque_nm = self.senses.number(Vss.DRIVE_TORQUE, now_s)
        return torque_nm is not None and torque_nm >= self._limits.no_torque_below_nm

    def engine_ignores_pedal(self, now_s: float) -> bool:
        """Whether the engine stands though the pedal has asked for longer than any start takes.

        A hybrid may drive without it, and what gets faster is driven: then it is the engine's speed that is stuck.
        """
        speed_kph = self.senses.motion_kph(now_s)
        if self.plan.propulsion is not Propulsion.COMBUSTION or speed_kph is None:
            return False
        lost_kph = self._engine_ignores.lost_kph(now_s, RESTARTS_WITHIN_S, speed_kph)
        return lost_kph is not None and lost_kph >= -DRIVEN_KPH

    def engine_drives(self, now_s: float) -> bool:
        """Whether a hybrid's engine may drive the car without its battery: it turns, and the car answers the pedal."""
        speed_kph = self.senses.motion_kph(now_s)
        if self.engine_turns(now_s) is not True or speed_kph is None:
            return False
        lost_kph = self._cut_off.lost_kph(now_s, self._limits.no_torque_hold_s, speed_kph)
        return lost_kph is None or lost_kph < self._limits.no_torque_loss_kph

    def says_ready(self, now_s: float) -> bool:
        """Whether the drive says that it answers the pedal."""
        return self.senses.truth(Vss.DRIVE_READY, now_s) is True

    def parked(self, now_s: float) -> bool | None:
        """Whether gear, parking brake or power mode say that the driver has parked; None when none of them speaks."""
        said = [
            _equals(self.senses.value(Vss.SELECTED_GEAR, now_s), "PARK"),
            self.senses.truth(Vss.PARKING_BRAKE, now_s),
            opposite(self.power_up(now_s)),
        ]
        if any(said):
            return True
        return None if all(word is None for word in said) else False

    def no_torque(self, now_s: float) -> bool | None:
        """The pedal is down, the drive gives no push, and the car gets slower.

        Both have to move meanwhile, a pedal off the floor at least: where one does not, its sensor may be stuck.
        """
        since_s = self._torque.since_s
        if since_s is not None and not (self._foot.moves_since(since_s) and self._torque_moved_s() > since_s):
            return None if self.senses.value(Vss.DRIVE_TORQUE, now_s) is None else False
        return self._loses(
            self._torque, Vss.DRIVE_TORQUE, now_s, self._limits.no_torque_hold_s, self._limits.no_torque_loss_kph
        )

    def _torque_moved_s(self) -> float:
        return self.senses.signals[Vss.DRIVE_TORQUE].changed_s

    def no_drive(self, now_s: float) -> bool | None:
        """The pedal is down and the car gets slower all the same."""
        loses = self._loses(
            self._pedal, Vss.PEDAL_POSITION, now_s, self._limits.no_drive_hold_s, self._limits.no_drive_loss_kph
        )
        return loses if loses is None else loses or self.on_no_hill(now_s)

    def on_no_hill(self, now_s: float) -> bool:
        """Whether the car has become slower than the weakest car on the steepest road, its pedal pressed so far."""
        speed_kph = self.senses.motion_kph(now_s)
        return speed_kph is not None and self._weakest.faster_kph(speed_kph) >= HILL_MARGIN_KPH

    def _loses(self, pedal: Unanswered, needs: Vss, now_s: float, hold_s: float, loss_kph: float) -> bool | None:
        speed_kph = self.senses.motion_kph(now_s)
        if speed_kph is None or self.senses.value(needs, now_s) is None:
            return None
        lost_kph = pedal.lost_kph(now_s, hold_s, speed_kph)
        return lost_kph is not None and lost_kph >= loss_kph

    # Silence --------------------------------------------------------------------------------

    def drive_silent(self, now_s: float) -> bool | None:
        """Every message of the drive is overdue while the speed still comes in and does not rise.

        A car that gets faster is driven, whatever its drive's messages do. And after a while the speed has to have
        been heard since: a slow speed that counts for seconds would outlive a plug that was pulled.
        Where some of the drive still speaks, see `_partly_silent`.
        """
        heard_s = self._drive_heard_s()
        speed_kph, before_kph = self.senses.motion_kph(now_s), self.drive_heard_kph
        if heard_s == -inf or speed_kph is None or before_kph is None:
            return None
        if now_s < heard_s + self.drive_stale_s:
            return self._partly_silent(now_s, self.drive_stale_s)
        waited = now_s + _ROUNDING_S >= heard_s + max(QUIET_AFTER_S, self.drive_stale_s)
        if waited and self._motion_heard_s() < heard_s + self.drive_stale_s / 2:
            return None
        return speed_kph <= before_kph + SAME_SPEED_KPH

    def silence_tells(self, now_s: float) -> bool:
        """Whether a silent drive is dead and not just starting anew: it would be back, or it had failed before."""
        heard_s = self._drive_heard_s()
        if now_s < heard_s + self.drive_stale_s:
            return self._partly_silent(now_s, self._reset_s)
        waited = now_s + _ROUNDING_S >= heard_s + self._reset_s
        return (waited and self.senses.motion_kph(now_s) is not None) or self._faltered(heard_s, now_s)

    def _drive_heard_s(self) -> float:
        return max((hearing.present_s for hearing in self._drive.values()), default=-inf)

    def _partly_silent(self, now_s: float, overdue_s: float) -> bool:
        """One of the drive's messages is overdue, the car gets slower, and no other says that the drive answers.

        A traction battery goes on saying that it is connected to a drive that is dead.
        """
        speed_kph = self.senses.motion_kph(now_s)
        if speed_kph is None or self.says_ready(now_s) or self.engine_turns(now_s) is True:
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
        before_kph, speed_kph = self.drive_heard_kph, self.senses.motion_kph(now_s)
        if before_kph is None or speed_kph is None or speed_kph > before_kph - SLOWER_KPH:
            return False
        lost_kph = self._slackens.lost_kph(heard_s, FALTERED_WITHIN_S, before_kph)
        return lost_kph >= max(FALTERED_KPH, FALTERED_KPH_PER_S * self._slackens.lasts_s(heard_s))

    def _motion_heard_s(self) -> float:
        senses = [self.senses.signals.get(vss) for vss in (Vss.SPEED, Vss.GNSS_SPEED)]
        return max((sense.at_s for sense in senses if sense is not None), default=-inf)

    def bus_silent(self, now_s: float) -> bool | None:
        """One bus fell silent while another still speaks, and no drive is known to live.

        The other bus is the independent witness that we are not merely deaf: with a single bus nobody can
        tell a dead car from a pulled plug, and the daemon reports itself blind instead. It has to have been
        heard well after the other fell silent: buses that fall asleep together are no witnesses.
        """
        heard = {bus: at_s for bus, at_s in self.senses.bus_heard_s.items() if at_s > -inf}
        if len(heard) < 2:
            return None
        silent = {bus: at_s for bus, at_s in heard.items() if now_s >= at_s + self._bus_limits_s[bus]}
        witnessed = any(
            at_s >= fell_silent_s + self._bus_limits_s[bus] / 2
            for bus, fell_silent_s in silent.items()
            for other, at_s in heard.items()
            if other not in silent
        )
        return witnessed and self.drive_alive(now_s) is not True

    def next_silence(self, now_s: float) -> float:
        """A time at which the drive or a bus may have been silent for too long; never after the true one."""
        if self._silence_s <= now_s:
            ends = [at_s + self._bus_limits_s[bus] for bus, at_s in self.senses.bus_heard_s.items()]
            for hearing in self._drive.values():
                ends += [hearing.present_s + self.drive_stale_s, hearing.present_s + self._reset_s]
            self._silence_s = min((at_s for at_s in ends if at_s > now_s), default=inf)
        return min(self._silence_s, self._motion.deadline_after(now_s))


def _up(state: Value | None) -> bool | None:
    if state in POWER_UP:
        return True
    return False if state in POWER_DOWN else None


def _equals(value: Value | None, word: str) -> bool | None:
    return None if value is None else value == word


def opposite(truth: bool | None) -> bool | None:
    """Not, where "nobody knows" stays that."""
    return None if truth is None else not truth


def _first_known(one: bool | None, other: bool | None) -> bool | None:
    return other if one is None else one


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False
