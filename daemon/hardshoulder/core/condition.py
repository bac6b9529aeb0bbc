"""What the signals say together: whether the car moves, whether its drive lives, what goes unanswered.

Every answer has three values: yes, no, and None for "nobody knows".
"""

from collections.abc import Callable

from hardshoulder.core.motion import Motion
from hardshoulder.core.pedal import (
    FRICTION_PERCENT,
    HILL_PEDAL_PERCENT,
    RESTARTS_WITHIN_S,
    Answered,
    Foot,
    Slackening,
    Unanswered,
    WeakestCar,
)
from hardshoulder.core.plan import MessagePlan
from hardshoulder.core.signals import Senses
from hardshoulder.core.silence import Silence
from hardshoulder.core.vocabulary import WHEELS, Propulsion, Vss
from hardshoulder.core.words import Words

FRICTION_NM = -40.0
HELD_BACK_NM = -80.0
DRIVEN_KPH = 3.6
_ABOUT_THE_PEDAL = frozenset({Vss.PEDAL_POSITION, Vss.DRIVE_TORQUE, Vss.BRAKE_PRESSED, Vss.SELECTED_GEAR})
_ABOUT_MOTION = frozenset({Vss.SPEED, Vss.GNSS_SPEED, Vss.SELECTED_GEAR, *WHEELS})
_UNDRIVEN_GEARS = frozenset({"PARK", "NEUTRAL", "REVERSE"})


class Condition(Words):
    """One car's condition, from its signals. Times are arguments. silence: what its silence says."""

    def __init__(self, senses: Senses) -> None:
        super().__init__(senses)
        self._foot = Foot()
        self._pedal = Unanswered()
        self._torque = Unanswered()
        self._answered = Answered()
        self._weakest = WeakestCar()
        self._slackens = Slackening()
        self._cut_off = Unanswered()
        self._engine_ignores = Unanswered()
        self._motion = Motion(senses)
        self.silence = Silence(self, self._slackens)
        self._chores = {m.name: self._chores_of(m) for m in self.plan.messages}

    def _chores_of(self, message: MessagePlan) -> tuple[Callable[[float], None], ...]:
        carried = {signal.vss for signal in message.signals}
        chores = ((_ABOUT_THE_PEDAL, self._note_pedal), (_ABOUT_MOTION, self._motion.note))
        return tuple(chore for signals, chore in chores if signals & carried)

    # What came in ---------------------------------------------------------------------------

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
        self._answered.update(asked, self.pushes(at_s), speed_kph)
        nothing = self._gives_nothing(asked, at_s) if pressed else self._gives_no_more(asked, at_s, speed_kph)
        self._torque.update(nothing, at_s, speed_kph)
        cut_off = self.senses.truth(Vss.POWER_CONNECTED, at_s) is False
        self._cut_off.update(pressed and cut_off, at_s, speed_kph)
        if pedal is not None:
            # A pedal that fell silent with the drive does not take back what it said before.
            self._slackens.update(pressed, at_s, speed_kph)
        self._weakest.update(self._surely_given(asked, at_s) if asks else None, at_s, speed_kph)
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
        limit_nm = (
            FRICTION_NM
            if self._engine_drives_alone(at_s) and asked < FRICTION_PERCENT
            else self._limits.no_torque_below_nm
        )
        return torque_nm is not None and torque_nm < limit_nm

    def _gives_no_more(self, asked: float, at_s: float, speed_kph: float | None) -> bool:
        """Whether an engine holds the car back that pushed it before, with less of the pedal."""
        # Asked first, because it is nearly never so.
        if not self._answered.asks_more(asked, speed_kph) or self._motion.spins or not self._engine_drives_alone(at_s):
            return False
        torque_nm = self.senses.number(Vss.DRIVE_TORQUE, at_s)
        return torque_nm is not None and torque_nm < HELD_BACK_NM

    def _engine_drives_alone(self, at_s: float) -> bool:
        return self.plan.propulsion is Propulsion.COMBUSTION and self.engine_turns(at_s) is True

    def _surely_given(self, asked: float, at_s: float) -> float:
        """How much of the pedal even the weakest drive answers; with little of it an engine may hold the car back."""
        return 0.0 if self._engine_drives_alone(at_s) and asked < FRICTION_PERCENT else asked

    def _asked_percent(self, at_s: float) -> float:
        """How far the pedal is down, in a gear in which the car should answer; 0 where the brake explains it all."""
        pedal = self.senses.number(Vss.PEDAL_POSITION, at_s)
        believed = self._foot.believed(at_s, self._limits.pedal_hangs_after_s)
        if pedal is None or not believed or self.senses.truth(Vss.BRAKE_PRESSED, at_s) is True:
            return 0.0
        return 0.0 if self.senses.value(Vss.SELECTED_GEAR, at_s) in _UNDRIVEN_GEARS else pedal

    def forget(self) -> None:
        """A hole in what we saw."""
        self.silence.forget()
        self._forget_pedal()
        self._motion.forget()

    def _forget_pedal(self) -> None:
        self._foot.forget()
        self._answered.update(0.0, False, None)
        for unanswered in (self._pedal, self._torque, self._cut_off, self._engine_ignores):
            unanswered.update(False, 0.0, None)
        self._slackens.update(False, 0.0, None)
        self._weakest.update(None, 0.0, None)

    # What follows from it -------------------------------------------------------------------

    def moving_kph(self, now_s: float) -> float | None:
        """How fast the car really goes; None when unknown, or when other sources contradict the wheels."""
        return self._motion.kph(now_s)

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
        return speed_kph is not None and self._weakest.is_faster(now_s, speed_kph)

    def bus_silent(self, now_s: float) -> bool | None:
        """One bus fell silent while another still speaks, and no drive is known to live."""
        silent = self.silence.bus_silent(now_s)
        return silent and self.drive_alive(now_s) is not True

    def next_silence(self, now_s: float) -> float:
        """A time at which silence or a doubt about the car's motion may tell something; never after the true one."""
        return min(self.silence.next_change_s(now_s), self._motion.deadline_after(now_s))

    def _loses(self, pedal: Unanswered, needs: Vss, now_s: float, hold_s: float, loss_kph: float) -> bool | None:
        speed_kph = self.senses.motion_kph(now_s)
        if speed_kph is None or self.senses.value(needs, now_s) is None:
            return None
        lost_kph = pedal.lost_kph(now_s, hold_s, speed_kph)
        return lost_kph is not None and lost_kph >= loss_kph


def _first_known(one: bool | None, other: bool | None) -> bool | None:
    return other if one is None else one


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one or other:
        return True
    return None if one is None or other is None else False
