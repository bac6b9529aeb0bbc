"""The rules at work: evidence begins, holds, counts and ends; findings that weigh 1 together are conclusive.

A finding begins only while the car moves fast enough, becomes active when the evidence has held for
its time and was said often enough, and ends when the contradiction has lasted. Why often enough: one
corrupt frame on a healthy car says 16,380 rpm, or power mode off, and two may follow each other. A
checksum catches most of them, so a protected message has to say it twice and an unprotected one three times.
"""

from math import inf

from hardshoulder.core.actions import Evidence, Finding
from hardshoulder.core.condition import Condition
from hardshoulder.core.findings import CONTRADICTED, RULES, Rule
from hardshoulder.core.hold import Hold
from hardshoulder.core.vocabulary import Value, Vss

CONCLUSIVE = 1.0
TELLING = 0.5
SAMPLES_PROTECTED = 2
SAMPLES_UNPROTECTED = 3

_ROUNDING = 1e-9
_CONTRADICTED, _SILENT = "", " "
"""In place of a source: no message has such a name."""


class Watch:
    """One rule at work on one car."""

    __slots__ = ("_car", "_clear", "_hold", "_sampled_s", "_weight", "active", "begun", "rule", "samples", "source")

    def __init__(self, rule: Rule, car: Condition) -> None:
        limits = car.plan.thresholds
        self.rule = rule
        self._weight = rule.weight(car.plan)
        self._car = car
        self._hold = Hold(rule.hold_s(limits, car))
        # Silence ends with a word.
        self._clear = Hold(0.0 if rule.timed else limits.clear_after_s)
        self.active = False
        self.samples = 0
        self.source = ""
        self._sampled_s = -inf
        self.begun: Evidence | None = None

    def take(self, verdict: bool | None, now_s: float, *, may_begin: bool, sample: bool) -> None:
        """Takes the verdict on the evidence as it stands; `sample` says that a frame of it just came."""
        if verdict is True:
            if self.begun is not None or (may_begin and self._settled(now_s)):
                self._support(now_s, sample=sample)
        elif self.active:
            if self._clear.update(verdict is False, now_s):
                self.reset()
        else:
            self.reset()

    def _support(self, now_s: float, *, sample: bool) -> None:
        self._clear.update(False, now_s)
        if self.begun is None:
            self._begin(now_s)
        if sample and now_s > self._sampled_s:
            # A doubled frame says nothing twice.
            self.samples, self._sampled_s = self.samples + 1, now_s
        lasted = self._hold.update(True, now_s)
        if lasted and (self.rule.timed or self.samples >= self._samples_needed()):
            self.active = True

    def _newest(self) -> Vss:
        """The evidence signal that came last, of those that carry the finding."""
        senses, says = self._car.senses.signals, self.rule.says
        known = [vss for vss in self.rule.evidence if vss in senses and (says is None or senses[vss].value == says)]
        return max(known, key=lambda vss: (senses[vss].at_s, vss))

    def _settled(self, now_s: float) -> bool:
        """A control unit that just came back from a reset says what it says before it knows anything."""
        if self.rule.timed:
            return True
        senses = self._car.senses
        back_s = senses.hearing[senses.signals[self._newest()].message.name].back_s
        return now_s >= back_s + self._car.plan.thresholds.settled_after_s

    def _begin(self, now_s: float) -> None:
        """Notes the reading that started it."""
        vss, signals = self._newest(), self._car.senses.signals
        value: Value = "silent" if self.rule.timed else signals[vss].value
        self.begun = Evidence(self.rule.finding, vss, value, signals[vss].at_s if self.rule.timed else now_s)
        self.source = signals[self.rule.source or vss].message.name

    def _samples_needed(self) -> int:
        assert self.begun is not None, "only what has begun is sampled"
        message = self._car.senses.signals[Vss(self.begun.signal)].message
        return SAMPLES_UNPROTECTED if message.checksum is None else SAMPLES_PROTECTED

    def contradicted(self, now_s: float) -> bool:
        """Whether something speaks against it."""
        return self.rule.against(self._car, now_s)

    def weight(self, now_s: float) -> float:
        """What it counts, as things stand."""
        whole = CONCLUSIVE if self.rule.certain(self._car, now_s) else self._weight
        return whole * (CONTRADICTED if self.contradicted(now_s) else 1.0)

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

    def __init__(self, car: Condition) -> None:
        self._car = car
        mapped = car.senses.signals.keys()
        self.watches = [Watch(rule, car) for rule in RULES if self._applies(rule)]
        self._concerned: dict[tuple[Vss, ...], list[tuple[Watch, bool]]] = {}
        self._timed = [watch for watch in self.watches if watch.rule.timed]
        self._plain_floor_kph = car.plan.thresholds.alert_above_kph
        self._engine_floor_kph = self._plain_floor_kph
        if Vss.ENGINE_RESTS not in mapped:
            self._engine_floor_kph = max(self._plain_floor_kph, car.plan.traits.start_stop_below_kph)
        self.busy: list[Watch] = []
        """The watches whose evidence has begun, in the order of the table."""

    def _applies(self, rule: Rule) -> bool:
        mapped, plan = self._car.senses.signals.keys(), self._car.plan
        return (
            rule.weight(plan) > 0
            and rule.finding.value not in plan.switched_off
            and any(vss in mapped for vss in rule.evidence)
            and all(vss in mapped for vss in rule.needs)
        )

    def on_readings(self, read: tuple[Vss, ...], now_s: float) -> None:
        """Believable readings of these signals came, in one frame."""
        concerned = self._concerned.get(read)
        if concerned is None:
            concerned = self._concerned[read] = self._concerned_by(frozenset(read))
        for watch, is_evidence in concerned:
            self._look(watch, now_s, sample=is_evidence)

    def _concerned_by(self, read: frozenset[Vss]) -> list[tuple[Watch, bool]]:
        """The watches that have to look, and whether they were given evidence; silence comes in no reading."""
        concerned = []
        for watch in self.watches:
            evidence = frozenset() if watch.rule.timed else read.intersection(watch.rule.evidence)
            if evidence or read.intersection(watch.rule.context):
                concerned.append((watch, bool(evidence)))
        return concerned

    def on_time(self, now_s: float) -> None:
        """Time passed: holds end, silence begins."""
        for watch in (*self._timed, *(watch for watch in self.busy if not watch.rule.timed)):
            self._look(watch, now_s, sample=False)

    def _look(self, watch: Watch, now_s: float, *, sample: bool) -> None:
        verdict, before = watch.rule.predicate(self._car, now_s), watch.begun
        if before is None and verdict is not True:
            return  # nearly always
        watch.take(verdict, now_s, may_begin=before is None and self.may_begin(watch.rule, now_s), sample=sample)
        if (watch.begun is None) is not (before is None):
            self.busy = [each for each in self.watches if each.begun is not None]

    def may_begin(self, rule: Rule, now_s: float) -> bool:
        """Whether the car does what the finding needs to begin."""
        if rule.finding is Finding.STALLED:
            return self._may_stall(now_s)
        if not rule.moving:
            return True
        speed_kph = self._car.moving_kph(now_s)
        may_rest = rule.finding is Finding.ENGINE_STOPPED and not self._car.engine_ignores_pedal(now_s)
        floor_kph = self._engine_floor_kph if may_rest else self._plain_floor_kph
        return speed_kph is not None and speed_kph >= floor_kph

    def _may_stall(self, now_s: float) -> bool:
        """What was found at speed has its name; what was not enough there may be a stall where the car goes slowly."""
        if not any(watch.rule.opens for watch in self.busy):
            return True
        speed_kph = self._car.senses.motion_kph(now_s)
        slow = speed_kph is not None and speed_kph < self._plain_floor_kph
        return slow and not self.conclusive(now_s)

    def reset(self) -> None:
        """Forgets everything: the car is parked, or there was a hole in what we saw."""
        for watch in self.busy:
            watch.reset()
        self.busy = []

    @property
    def active(self) -> list[Watch]:
        """The findings that hold, in the order of the table."""
        return [watch for watch in self.busy if watch.active]

    def leading(self, now_s: float) -> Watch | None:
        """The finding that names the incident: the first in the table's order that weighs something by itself."""
        active = self.active
        heavy = (watch for watch in active if watch.weight(now_s) >= TELLING)
        return next(heavy, active[0] if active else None)

    def conclusive(self, now_s: float) -> bool:
        """Whether the active findings weigh enough together: of each source only its heaviest counts.

        So it is with those that are contradicted: what speaks against one of them speaks against them all. And what
        a control unit said last is one witness with its silence: a unit that starts anew may say anything before.
        """
        active = self.active
        if not any(watch.rule.opens for watch in active):
            return False
        by_source: dict[str, float] = {}
        for watch in active:
            witness = self._witness(watch, now_s)
            by_source[witness] = max(by_source.get(witness, 0.0), watch.weight(now_s))
        return sum(by_source.values()) >= CONCLUSIVE - _ROUNDING

    def _witness(self, watch: Watch, now_s: float) -> str:
        if watch.contradicted(now_s):
            return _CONTRADICTED
        hearing = self._car.senses.hearing[watch.source]
        silent = watch.rule.timed or now_s >= hearing.present_s + hearing.overdue_after_s
        return _SILENT if silent else watch.source

    def next_deadline(self, now_s: float) -> float:
        """When time alone changes a finding."""
        return min((watch.deadline_after(now_s) for watch in self.busy), default=inf)
