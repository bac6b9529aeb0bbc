"""The findings: which evidence, held for how long, weighs how much, and what speaks against it.

Each row of `RULES` is one finding. Its predicate answers True (the evidence is there), False (it is
contradicted) or None (nobody can say). What speaks against a finding without denying it halves its
weight: a sensor that is stuck at zero looks like a dead engine until the drive itself is heard.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hardshoulder.core.actions import Finding
from hardshoulder.core.condition import Condition
from hardshoulder.core.plan import CarPlan, Thresholds
from hardshoulder.core.silence import QUIET_AFTER_S
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Propulsion, Value, Vss
from hardshoulder.core.words import opposite

Predicate = Callable[[Condition, float], bool | None]
Against = Callable[[Condition, float], bool]

CONTRADICTED = 0.5
"""What is left of a finding's weight while something speaks against it."""


def _is(vss: Vss, wanted: bool) -> Predicate:
    def predicate(car: Condition, now_s: float) -> bool | None:
        truth = car.senses.truth(vss, now_s)
        return None if truth is None else truth is wanted

    return predicate


def _switched_off(car: Condition, now_s: float) -> bool | None:
    """The power is down and the driver's hand asked for it."""
    up, off = car.power_up(now_s), car.switched_off(now_s)
    return None if up is None or off is None else not up and off


def _power_lost(car: Condition, now_s: float) -> bool | None:
    """The power is down and no hand is known to have asked for it."""
    up = car.power_up(now_s)
    return None if up is None else not up and car.switched_off(now_s) is not True


def _engine_stopped(car: Condition, now_s: float) -> bool | None:
    """An engine that was stopped on purpose, and will start again, has not stopped."""
    turns = car.engine_turns(now_s)
    return opposite(turns) if turns is not False else car.engine_rests(now_s) is not True


def _supply_collapsed(car: Condition, now_s: float) -> bool | None:
    """Low, and no starter at work that would explain it."""
    volts = car.senses.number(Vss.SUPPLY_VOLTAGE, now_s)
    if volts is None:
        return None
    cranking = car.senses.value(Vss.POWER_STATE, now_s) == "START"
    return volts < car.plan.thresholds.supply_collapsed_below_v and not cranking


def _stop_now(car: Condition, now_s: float) -> bool | None:
    """A red lamp that tells the driver to stop; the oil lamp is lit in every car whose engine stands."""
    oil = car.senses.truth(Vss.OIL_PRESSURE_LOW, now_s)
    lamps = [
        car.senses.truth(Vss.OVERHEATED, now_s),
        car.senses.truth(Vss.BRAKE_FAILING, now_s),
        oil if car.engine_turns(now_s) is True else None,
    ]
    if any(lamps):
        return True
    return None if all(lamp is None for lamp in lamps) else False


def _malfunction(car: Condition, now_s: float) -> bool | None:
    """The lamp of the drive's diagnosis came on just now; many a car drives for years with it lit."""
    lit = car.senses.truth(Vss.MALFUNCTION, now_s)
    if not lit:
        return lit
    return now_s < car.senses.signals[Vss.MALFUNCTION].changed_s + car.plan.thresholds.malfunction_counts_for_s


def _drive_silent(car: Condition, now_s: float) -> bool | None:
    return car.silence.drive_silent(now_s)


def _silence_tells(car: Condition, now_s: float) -> bool:
    return car.silence.tells(now_s)


def _stalled(car: Condition, now_s: float) -> bool | None:
    """The drive is dead, nobody restarts it, and nothing says that the car was parked."""
    alive, parked = car.drive_alive(now_s), car.parked(now_s)
    ready = car.senses.truth(Vss.DRIVE_READY, now_s)
    if alive is None or parked is None:
        return None
    return not alive and not parked and ready is not True


def _pushes(car: Condition, now_s: float) -> bool:
    return car.pushes(now_s)


def _pushes_or_ready(car: Condition, now_s: float) -> bool:
    return car.pushes(now_s) or car.says_ready(now_s)


def _pushes_or_engine_drives(car: Condition, now_s: float) -> bool:
    return car.pushes(now_s) or car.engine_drives(now_s)


def _nothing(_car: Condition, _now_s: float) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    evidence: the signals whose readings carry the finding; a rule of which the car maps none
    does not exist for it. needs: signals without which it does not exist either. context: further
    signals at which it is looked at again. source: the signal whose message it is a word of (None: of
    the evidence that began it); findings from one message do not add up.
    hold_s: from the first evidence to the finding. weight: by car, 0 leaves the rule out.
    opens: whether it says that the drive is lost; the others only add to those that do.
    says: the value that carries it, where the newest of several signals may say the opposite (None: the newest).
    moving: whether it can begin only above the alert speed.
    timed: silence is the evidence, so no second frame can be asked for.
    certain: what makes it weigh 1 by itself.
    against, against_words: what halves its weight.
    """

    finding: Finding
    evidence: tuple[Vss, ...]
    predicate: Predicate
    hold_s: Callable[[Thresholds, Condition], float]
    weight: Callable[[CarPlan], float]
    needs: tuple[Vss, ...] = ()
    context: tuple[Vss, ...] = ()
    source: Vss | None = None
    opens: bool = True
    says: Value | None = None
    moving: bool = True
    timed: bool = False
    certain: Against = _nothing
    against: Against = _nothing
    against_words: str = "-"


def _weight(combustion: float, hybrid: float, electric: float) -> Callable[[CarPlan], float]:
    weights = {Propulsion.COMBUSTION: combustion, Propulsion.HYBRID: hybrid, Propulsion.ELECTRIC: electric}
    return lambda plan: weights[plan.propulsion]


def _maps(plan: CarPlan, vss: Vss) -> bool:
    return any(signal.vss is vss for message in plan.messages for signal in message.signals)


def _engine_weight(plan: CarPlan) -> float:
    """A stopped engine is conclusive in a car that never stops it while it moves, or that says when it does."""
    if plan.propulsion is Propulsion.ELECTRIC:
        return 0.0
    explained = not plan.traits.coasts_engine_off or _maps(plan, Vss.ENGINE_RESTS)
    return 1.0 if plan.propulsion is Propulsion.COMBUSTION and explained else 0.4


def _stalled_weight(plan: CarPlan) -> float:
    """Not for a car that may stop its engine at a light and does not say so."""
    silent_about_it = not (_maps(plan, Vss.ENGINE_RESTS) or _maps(plan, Vss.DRIVE_READY))
    stops = plan.traits.start_stop_below_kph > 0 or plan.traits.coasts_engine_off
    return 0.0 if stops and silent_about_it and plan.propulsion is not Propulsion.ELECTRIC else 1.0


RULES: tuple[Rule, ...] = (
    Rule(
        Finding.CRASH, (Vss.AIRBAG_DEPLOYED,), _is(Vss.AIRBAG_DEPLOYED, True),
        lambda t, _: t.crash_hold_s, _weight(1.0, 1.0, 1.0), moving=False,
    ),
    Rule(
        Finding.SWITCHED_OFF, (Vss.POWER_STATE,), _switched_off,
        lambda t, _: t.power_lost_hold_s, _weight(1.0, 1.0, 1.0), needs=(Vss.IGNITION_SWITCH,),
        against=_pushes_or_ready, against_words="drive ready, or pushing",
    ),
    Rule(
        Finding.POWER_LOST, (Vss.POWER_STATE,), _power_lost,
        lambda t, _: t.power_lost_hold_s, _weight(1.0, 1.0, 1.0),
        against=_pushes_or_ready, against_words="drive ready, or pushing",
    ),
    Rule(
        Finding.CONTACTORS_OPEN, (Vss.POWER_CONNECTED,), _is(Vss.POWER_CONNECTED, False),
        lambda t, _: t.contactors_open_hold_s, _weight(0.0, 1.0, 1.0),
        against=_pushes_or_engine_drives, against_words="drive pushing, or engine driving",
    ),
    Rule(
        Finding.ENGINE_STOPPED, (Vss.ENGINE_RUNNING, Vss.ENGINE_SPEED), _engine_stopped,
        lambda t, _: t.engine_stopped_hold_s, _engine_weight, certain=Condition.engine_ignores_pedal,
        against=_pushes_or_ready, against_words="drive ready, or pushing",
    ),
    Rule(
        Finding.DRIVE_NOT_READY, (Vss.DRIVE_READY,), _is(Vss.DRIVE_READY, False),
        lambda t, _: t.drive_not_ready_hold_s, _weight(0.6, 1.0, 1.0),
        against=_pushes, against_words="drive pushing",
    ),
    Rule(
        Finding.NO_TORQUE, (Vss.DRIVE_TORQUE,), Condition.no_torque,
        lambda t, _: 0.0, _weight(1.0, 1.0, 1.0), needs=(Vss.PEDAL_POSITION, Vss.SPEED), context=(Vss.SPEED,),
    ),
    Rule(
        Finding.BUS_SILENT, DRIVE_EVIDENCE, Condition.bus_silent,
        lambda t, _: 0.0, _weight(1.0, 1.0, 1.0), timed=True,
        context=(Vss.SPEED, Vss.GNSS_SPEED),
    ),
    Rule(
        Finding.DRIVE_SILENT, DRIVE_EVIDENCE, _drive_silent,
        lambda _, car: max(0.0, QUIET_AFTER_S - car.silence.drive_stale_s), _weight(0.5, 0.5, 0.5), timed=True,
        context=(Vss.SPEED,), certain=_silence_tells,
    ),
    Rule(
        Finding.SUPPLY_COLLAPSED, (Vss.SUPPLY_VOLTAGE,), _supply_collapsed,
        lambda t, _: t.supply_collapsed_hold_s, _weight(0.6, 0.6, 0.6), opens=False,
    ),
    Rule(
        Finding.NO_DRIVE, (Vss.PEDAL_POSITION,), Condition.no_drive,
        lambda t, _: 0.0, _weight(0.6, 0.6, 0.6), needs=(Vss.SPEED,), context=(Vss.SPEED,), source=Vss.SPEED,
        certain=Condition.on_no_hill, against=_pushes, against_words="drive pushing",
    ),
    Rule(
        Finding.STALLED, DRIVE_EVIDENCE, _stalled,
        lambda t, _: t.stalled_after_s, _stalled_weight, context=(Vss.POWER_STATE,), moving=False,
    ),
    Rule(
        Finding.STOP_NOW, (Vss.OIL_PRESSURE_LOW, Vss.OVERHEATED, Vss.BRAKE_FAILING), _stop_now,
        lambda t, _: t.stop_now_hold_s, _weight(0.4, 0.4, 0.4), opens=False, says=True,
    ),
    Rule(
        Finding.LIMP_HOME, (Vss.LIMP_HOME,), _is(Vss.LIMP_HOME, True),
        lambda t, _: t.limp_home_hold_s, _weight(0.4, 0.4, 0.4), opens=False,
    ),
    Rule(
        Finding.MALFUNCTION, (Vss.MALFUNCTION,), _malfunction,
        lambda t, _: 0.0, _weight(0.2, 0.2, 0.2), opens=False,
    ),
)  # fmt: skip
