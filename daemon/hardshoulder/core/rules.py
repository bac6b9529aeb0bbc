"""The findings: which evidence, held for how long, weighs how much.

Each row of `RULES` is one finding. Its predicate answers True (the evidence is there), False
(it is contradicted) or None (nobody can say). A finding begins only while the car moves fast
enough, becomes active when the evidence has held for its time and was said at least twice, and
ends when the contradiction has lasted. An incident opens when active findings weigh 1 together.

Why twice: one corrupt frame on a healthy car says 16,380 rpm, or power mode off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from hardshoulder.core.actions import Evidence, Finding
from hardshoulder.core.hold import Hold
from hardshoulder.core.plan import CarPlan, Thresholds
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Propulsion, Value, Vss

CONCLUSIVE = 1.0
TELLING = 0.5
SAMPLES_NEEDED = 2
_SAME_SPEED_KPH = 3.0
Predicate = Callable[[Senses, float], bool | None]

_ENGINE = (Vss.ENGINE_SPEED, Vss.ENGINE_RUNNING)


def _not(truth: bool | None) -> bool | None:
    return None if truth is None else not truth


def _is_false(vss: Vss) -> Predicate:
    def predicate(senses: Senses, now_s: float) -> bool | None:
        value = senses.value(vss, now_s)
        return None if value is None else value is False

    return predicate


def _engine_stopped(senses: Senses, now_s: float) -> bool | None:
    return _not(senses.engine_turns(now_s))


def _power_lost(senses: Senses, now_s: float) -> bool | None:
    return _not(senses.power_up(now_s))


def _supply_collapsed(senses: Senses, now_s: float) -> bool | None:
    volts = senses.number(Vss.SUPPLY_VOLTAGE, now_s)
    return None if volts is None else volts < senses.plan.thresholds.supply_collapsed_below_v


def _crash(senses: Senses, now_s: float) -> bool | None:
    deployed = senses.value(Vss.AIRBAG_DEPLOYED, now_s)
    return None if deployed is None else deployed is True


def _no_drive(senses: Senses, now_s: float) -> bool | None:
    """The pedal is down and the car gets slower all the same."""
    speed_kph = senses.motion_kph(now_s)
    if senses.value(Vss.PEDAL_POSITION, now_s) is None or speed_kph is None:
        return None
    if senses.pedal_pressed_s is None or senses.pedal_pressed_kph is None:
        return False
    limits = senses.plan.thresholds
    lost_kph = senses.pedal_pressed_kph - speed_kph
    return now_s >= senses.pedal_pressed_s + limits.no_drive_hold_s and lost_kph >= limits.no_drive_loss_kph


def _drive_silent(senses: Senses, now_s: float) -> bool | None:
    """Every message of the drive is overdue while the speed still comes in and does not rise.

    A car that gets faster is driven, whatever its drive's messages do.
    """
    heard_s, speed_kph, before_kph = (
        senses.drive_heard_s(),
        senses.motion_kph(now_s),
        senses.drive_heard_kph,
    )
    if heard_s is None or speed_kph is None or before_kph is None:
        return None
    return now_s >= heard_s + senses.drive_stale_s() and speed_kph <= before_kph + _SAME_SPEED_KPH


def _bus_silent(senses: Senses, now_s: float) -> bool | None:
    """One bus fell silent while another still speaks.

    The other bus is the independent witness that we are not merely deaf: with a single bus
    nobody can tell a dead car from a pulled plug, and the daemon reports itself blind instead.
    """
    limit_s = senses.plan.thresholds.bus_silent_after_s
    heard = [at_s for at_s in senses.bus_heard_s.values() if at_s > -inf]
    if len(heard) < 2:
        return None
    silent = [at_s for at_s in heard if now_s >= at_s + limit_s]
    return 0 < len(silent) < len(heard) and not _others_explain(senses, now_s)


def _others_explain(senses: Senses, now_s: float) -> bool:
    """Drive evidence that is still fresh and healthy contradicts a dead drive bus."""
    return senses.drive_alive(now_s) is True


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    evidence: the signals whose readings carry the finding; a rule of which the car maps none
    does not exist for it. context: further signals at which it is looked at again.
    hold_s: from the first evidence to the finding. weight: by car, 0 leaves the rule out.
    moving: whether it can begin only above the alert speed.
    timed: silence is the evidence, so no second frame can be asked for.
    """

    finding: Finding
    evidence: tuple[Vss, ...]
    context: tuple[Vss, ...]
    predicate: Predicate
    hold_s: Callable[[Thresholds, Senses], float]
    weight: Callable[[CarPlan], float]
    moving: bool = True
    timed: bool = False


def _weight(combustion: float, hybrid: float, electric: float) -> Callable[[CarPlan], float]:
    weights = {
        Propulsion.COMBUSTION: combustion,
        Propulsion.HYBRID: hybrid,
        Propulsion.ELECTRIC: electric,
    }
    return lambda plan: weights[plan.propulsion]


def _engine_weight(plan: CarPlan) -> float:
    """A stopped engine is conclusive only in a car that never stops it while it moves."""
    if plan.propulsion is Propulsion.COMBUSTION and not plan.traits.coasts_engine_off:
        return CONCLUSIVE
    return 0.0 if plan.propulsion is Propulsion.ELECTRIC else 0.4


RULES: tuple[Rule, ...] = (
    Rule(
        Finding.CRASH, (Vss.AIRBAG_DEPLOYED,), (), _crash,
        lambda t, _: t.crash_hold_s, _weight(1.0, 1.0, 1.0), moving=False,
    ),
    Rule(
        Finding.POWER_LOST, (Vss.POWER_STATE,), (Vss.SPEED,), _power_lost,
        lambda t, _: t.power_lost_hold_s, _weight(1.0, 1.0, 1.0),
    ),
    Rule(
        Finding.CONTACTORS_OPEN, (Vss.POWER_CONNECTED,), (Vss.SPEED,), _is_false(Vss.POWER_CONNECTED),
        lambda t, _: t.contactors_open_hold_s, _weight(0.0, 0.6, 1.0),
    ),
    Rule(
        Finding.ENGINE_STOPPED, _ENGINE, (Vss.SPEED,), _engine_stopped,
        lambda t, _: t.engine_stopped_hold_s, _engine_weight,
    ),
    Rule(
        Finding.DRIVE_NOT_READY, (Vss.DRIVE_READY,), (Vss.SPEED,), _is_false(Vss.DRIVE_READY),
        lambda t, _: t.drive_not_ready_hold_s, _weight(0.6, 1.0, 1.0),
    ),
    Rule(
        Finding.BUS_SILENT, DRIVE_EVIDENCE, (Vss.SPEED,), _bus_silent,
        lambda t, _: 0.0, _weight(1.0, 1.0, 1.0), timed=True,
    ),
    Rule(
        Finding.DRIVE_SILENT, DRIVE_EVIDENCE, (Vss.SPEED,), _drive_silent,
        lambda t, senses: max(0.0, t.drive_silent_after_s - senses.drive_stale_s()), _weight(1.0, 1.0, 1.0), timed=True,
    ),
    Rule(
        Finding.SUPPLY_COLLAPSED, (Vss.SUPPLY_VOLTAGE,), (Vss.SPEED,), _supply_collapsed,
        lambda t, _: t.supply_collapsed_hold_s, _weight(0.6, 0.6, 0.6),
    ),
    Rule(
        Finding.NO_DRIVE, (Vss.PEDAL_POSITION,), (Vss.SPEED,), _no_drive,
        lambda t, _: 0.0, _weight(0.6, 0.6, 0.6),
    ),
)  # fmt: skip


class Watch:
    """One rule at work on one car."""

    __slots__ = (
        "_clear",
        "_hold",
        "_sampled_s",
        "_senses",
        "active",
        "begun",
        "rule",
        "samples",
        "weight",
    )

    def __init__(self, rule: Rule, senses: Senses) -> None:
        limits = senses.plan.thresholds
        self.rule = rule
        self.weight = rule.weight(senses.plan)
        self._senses = senses
        self._hold = Hold(rule.hold_s(limits, senses))
        self._clear = Hold(limits.clear_after_s)
        self.active = False
        self.samples = 0
        self._sampled_s = -inf
        self.begun: Evidence | None = None

    def look(self, now_s: float, *, moving: bool, sample: bool) -> None:
        """Judges the evidence as it stands; `sample` says that a frame of it just came."""
        verdict = self.rule.predicate(self._senses, now_s)
        if verdict is True:
            self._support(now_s, moving=moving, sample=sample)
        elif self.active:
            if self._clear.update(verdict is False, now_s):
                self.reset()
        elif self.begun is not None:
            self.reset()

    def _support(self, now_s: float, *, moving: bool, sample: bool) -> None:
        self._clear.update(False, now_s)
        if self.begun is None:
            if self.rule.moving and not moving:
                return
            self.begun = self._first_evidence(now_s)
        if sample and now_s > self._sampled_s:
            # A doubled frame says nothing twice.
            self.samples, self._sampled_s = self.samples + 1, now_s
        lasted = self._hold.update(True, now_s)
        if lasted and (self.rule.timed or self.samples >= SAMPLES_NEEDED):
            self.active = True

    def _first_evidence(self, now_s: float) -> Evidence:
        """The reading that started it: the evidence signal that came last."""
        known = [(sense.at_s, vss) for vss in self.rule.evidence if (sense := self._senses.signals.get(vss))]
        at_s, vss = max(known)
        value: Value = "silent" if self.rule.timed else self._senses.signals[vss].value
        return Evidence(self.rule.finding, vss, value, at_s if self.rule.timed else now_s)

    def reset(self) -> None:
        """Forgets what it saw."""
        self.active, self.samples, self.begun = False, 0, None
        self._hold.update(False, 0.0)
        self._clear.update(False, 0.0)

    def deadline_after(self, now_s: float) -> float:
        """When time alone changes its mind."""
        return min(self._hold.deadline_after(now_s), self._clear.deadline_after(now_s))


class Rules:
    """All rules that this car's signals can answer."""

    def __init__(self, senses: Senses) -> None:
        mapped = senses.signals.keys()
        self._senses = senses
        self.watches = [
            Watch(rule, senses)
            for rule in RULES
            if rule.weight(senses.plan) > 0 and any(vss in mapped for vss in rule.evidence)
        ]
        self._by_signal = {
            vss: [
                (watch, vss in watch.rule.evidence)
                for watch in self.watches
                if vss in watch.rule.evidence or vss in watch.rule.context
            ]
            for vss in mapped
        }

    def on_reading(self, vss: Vss, now_s: float, *, armed: bool) -> None:
        """A believable reading of this signal came."""
        if armed:
            for watch, is_evidence in self._by_signal[vss]:
                watch.look(now_s, moving=self.moving(watch.rule, now_s), sample=is_evidence)

    def on_time(self, now_s: float, *, armed: bool) -> None:
        """Time passed: holds end, silence begins."""
        if armed:
            for watch in self.watches:
                watch.look(now_s, moving=self.moving(watch.rule, now_s), sample=False)

    def moving(self, rule: Rule, now_s: float) -> bool:
        """Whether the car is fast enough for this finding to begin."""
        speed_kph = self._senses.motion_kph(now_s)
        plan = self._senses.plan
        floor_kph = plan.thresholds.alert_above_kph
        if rule.finding is Finding.ENGINE_STOPPED:
            floor_kph = max(floor_kph, plan.traits.start_stop_below_kph)
        return speed_kph is not None and speed_kph >= floor_kph

    def reset(self) -> None:
        """Forgets everything: the car is parked, or there was a hole in what we saw."""
        for watch in self.watches:
            watch.reset()

    @property
    def active(self) -> list[Watch]:
        """The findings that hold, in the order of the table."""
        return [watch for watch in self.watches if watch.active]

    @property
    def suspicious(self) -> list[Watch]:
        """Findings that hold or have begun to."""
        return [watch for watch in self.watches if watch.begun is not None]

    @property
    def leading(self) -> Watch | None:
        """The finding that names the incident: the first in the table's order that weighs something by itself."""
        active = self.active
        heavy = (watch for watch in active if watch.weight >= TELLING)
        return next(heavy, active[0] if active else None)

    @property
    def conclusive(self) -> bool:
        """Whether the active findings weigh enough together."""
        return sum(watch.weight for watch in self.active) >= CONCLUSIVE

    def next_deadline(self, now_s: float) -> float:
        """When time alone changes a finding."""
        return min((watch.deadline_after(now_s) for watch in self.watches), default=inf)
