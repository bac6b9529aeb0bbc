"""What the judge says of one case: found, missed, unobservable, and every alarm that should not have been."""

from dataclasses import dataclass, replace
from pathlib import Path
from traceback import extract_tb

from hardshoulder_sim.proving.case import Case, CaseId, CaseKind, Occurrence, parse_case
from hardshoulder_sim.proving.drives import PLAIN, drive_case
from hardshoulder_sim.proving.generator import fault_case
from hardshoulder_sim.proving.recorded import recorded_alikes, try_recording
from hardshoulder_sim.proving.trial import NOT_CLOSE, Alarm, Closest, try_drive, try_fault
from hardshoulder_sim.proving.truth import Truth

RECOVERS_WITHIN_S = 2.5
"""An alarm that comes so long after a look-alike is still its doing."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An alarm that should not have been. alike: what the core took for a breakdown."""

    case: str
    alarm: Alarm
    alike: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case judged.

    found: the alarm that was expected. repeated: alarms after it. false: alarms for nothing.
    alikes: which look-alikes happened, one entry for each time. closest: how near a missed one came.
    failure: what stopped the case, so that nothing is known of it.
    """

    case: str
    kind: CaseKind
    car: str
    variant: str
    duration_s: float
    frames: int
    shutdown: str = ""
    truth: Truth | None = None
    found: Alarm | None = None
    repeated: tuple[Alarm, ...] = ()
    false: tuple[FalseAlarm, ...] = ()
    alikes: tuple[str, ...] = ()
    closest: Closest = NOT_CLOSE
    failure: str = ""

    @property
    def expected(self) -> bool:
        """Whether an incident had to be opened."""
        return self.truth is not None and self.truth.incident

    @property
    def delay_s(self) -> float | None:
        """From the first frame that shows it to the incident; never below zero: a warning lamp may lead."""
        if self.found is None or self.truth is None or self.truth.observable_s is None:
            return None
        return max(self.found.opened_s - self.truth.observable_s, 0.0)

    @property
    def delay_from_lost_s(self) -> float | None:
        """From the physical loss of the drive to the incident; below zero when a warning led."""
        if self.found is None or self.truth is None or self.truth.lost_s is None:
            return None
        return self.found.opened_s - self.truth.lost_s


def make_case(case_id: CaseId) -> Case:
    """The case of that name."""
    return fault_case(case_id) if case_id.kind is CaseKind.FAULT else drive_case(case_id)


def judge(name: str) -> Verdict:
    """Makes the case, drives it, and judges what the core made of it."""
    case = make_case(parse_case(name))
    if case.case_id.kind is CaseKind.FAULT:
        return _judge_fault(case)
    recorded = case.case_id.kind is CaseKind.RECORDING
    trial = try_recording(case) if recorded else try_drive(case)
    if recorded:
        case = replace(case, alikes=recorded_alikes(case))
    return replace(
        _unjudged(case, trial.frames),
        false=tuple(FalseAlarm(name, alarm, blamed(case, alarm.opened_s)) for alarm in trial.alarms),
        # One that the end cuts off can still be to blame, but does not count as survived.
        alikes=tuple(occurrence.name for occurrence in case.alikes if occurrence.end_s <= case.duration_s),
    )


def judge_or_fail(name: str) -> Verdict:
    """As `judge`; but a case that stops for a fault of ours is told with the others, and ends no run of hours."""
    try:
        return judge(name)
    except Exception as error:
        # Whatever it is: the other cases are worth knowing.
        at = extract_tb(error.__traceback__)[-1]
        failure = f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"
        return Verdict(name, parse_case(name).kind, "", "", 0.0, 0, failure=failure)


def _unjudged(case: Case, frames: int) -> Verdict:
    return Verdict(
        case=str(case.case_id),
        kind=case.case_id.kind,
        car=case.car.value,
        variant=case.variant.value,
        duration_s=case.duration_s,
        frames=frames,
    )


def _judge_fault(case: Case) -> Verdict:
    trial = try_fault(case)
    begin_s = case.begin_s or 0.0
    early = [alarm for alarm in trial.alarms if alarm.opened_s < begin_s]
    due = [alarm for alarm in trial.alarms if alarm.opened_s >= begin_s]
    name = str(case.case_id)
    return replace(
        _unjudged(case, trial.frames),
        shutdown=case.shutdown,
        truth=trial.truth,
        found=due[0] if due else None,
        repeated=tuple(due[1:]),
        false=tuple(FalseAlarm(name, alarm, PLAIN) for alarm in early),
        closest=trial.closest,
    )


def blamed(case: Case, at_s: float) -> str:
    """The look-alike during or just after which an alarm came; the one that began last, if there are several."""
    during = [o for o in case.alikes if o.begin_s <= at_s <= o.end_s + RECOVERS_WITHIN_S]
    return max(during, key=_begin_s).name if during else PLAIN


def _begin_s(occurrence: Occurrence) -> float:
    return occurrence.begin_s
