"""What the car's own signals say of its power, drive and driver, each for itself.

Every answer has three values: yes, no, and None for "nobody knows".
"""

from hardshoulder.core.plan import CarPlan
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Value, Vss

POWER_DOWN = frozenset({"OFF", "LOCK", "ACC"})
POWER_UP = frozenset({"ON", "START"})


class Words:
    """One car's words. Times are arguments."""

    def __init__(self, senses: Senses) -> None:
        self.senses = senses
        self.plan: CarPlan = senses.plan
        self._limits = senses.plan.thresholds

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

    def pushes(self, now_s: float) -> bool:
        """Whether the drive is known to push the car."""
        torque_nm = self.senses.number(Vss.DRIVE_TORQUE, now_s)
        return torque_nm is not None and torque_nm >= self._limits.no_torque_below_nm

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


def opposite(truth: bool | None) -> bool | None:
    """Not, where "nobody knows" stays that."""
    return None if truth is None else not truth


def _up(state: Value | None) -> bool | None:
    if state in POWER_UP:
        return True
    return False if state in POWER_DOWN else None


def _equals(value: Value | None, word: str) -> bool | None:
    return None if value is None else value == word
