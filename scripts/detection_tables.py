"""The tables of docs/DETECTION.md, made from the rules themselves. Called by scripts/contract."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import combinations

from hardshoulder.compile import compile_profile
from hardshoulder.core.actions import Finding
from hardshoulder.core.condition import Condition
from hardshoulder.core.findings import CONTRADICTED, RULES, Rule
from hardshoulder.core.pedal import RESTARTS_WITHIN_S
from hardshoulder.core.plan import CarPlan, Thresholds, Traits
from hardshoulder.core.rules import CONCLUSIVE
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss
from hardshoulder.profile import find_profile

T = Thresholds()

EVIDENCE: dict[Finding, str] = {
    Finding.CRASH: "airbag deployed, at any speed",
    Finding.SWITCHED_OFF: "power mode OFF, ACC or LOCK, and the driver's hand asked for it",
    Finding.POWER_LOST: "power mode OFF, ACC or LOCK, and no hand is known to have asked for it",
    Finding.CONTACTORS_OPEN: "traction battery disconnected",
    Finding.ENGINE_STOPPED: (
        f"below {T.engine_stopped_below_rpm:g} rpm, or the running flag; both where both are known; "
        f"and the car does not say that it rests; whole after {RESTARTS_WITHIN_S:g} s of pedal"
    ),
    Finding.DRIVE_NOT_READY: "the drive says that it cannot answer the pedal",
    Finding.NO_TORQUE: (
        f"pedal above {T.no_drive_pedal_percent:g} % and less than {T.no_torque_below_nm:g} Nm, "
        f"both of which move, for {T.no_torque_hold_s:g} s, while the car loses {T.no_torque_loss_kph:g} km/h"
    ),
    Finding.BUS_SILENT: f"one bus silent for {T.bus_silent_after_s:g} s while another speaks, no drive known to live",
    Finding.DRIVE_SILENT: (
        "every message of the drive silent, the speed still heard and not rising; whole after "
        f"{T.drive_silent_after_s:g} s, or where the car began to get slower under the pedal before"
    ),
    Finding.SUPPLY_COLLAPSED: f"below {T.supply_collapsed_below_v:g} V and no starter at work",
    Finding.NO_DRIVE: (
        f"pedal above {T.no_drive_pedal_percent:g} % for {T.no_drive_hold_s:g} s, while the car loses "
        f"{T.no_drive_loss_kph:g} km/h"
    ),
    Finding.STALLED: "the drive is dead at any speed, nothing says parked, nobody restarts it",
    Finding.STOP_NOW: "red lamp: coolant, brakes, or oil while the engine turns",
    Finding.LIMP_HOME: "the drive answers with reduced power",
    Finding.MALFUNCTION: f"the diagnosis lamp came on in the last {T.malfunction_counts_for_s:g} s",
}

REASONS: dict[str, str] = {
    "alert_above_kph": "below it a stall is walking pace, and traffic sees it coming",
    "arm_above_kph": "faster than a car is pushed by hand",
    "arm_after_s": "one impossible speed arms nothing; above the alert speed a living drive arms at once",
    "standstill_below_kph": "wheel sensors of real cars creep below it",
    "engine_stopped_below_rpm": "below every idle, above what a starter turns",
    "engine_stopped_hold_s": "a gear change drops the flag for less",
    "power_lost_hold_s": "a starter drops the ignition line for less",
    "contactors_open_hold_s": "nothing opens them for a moment and closes them again",
    "drive_not_ready_hold_s": "as for the engine",
    "drive_silent_after_s": "a control unit that resets is back in two",
    "bus_silent_after_s": "longer than any bus pauses under load; or four cycles of its quickest message",
    "supply_collapsed_below_v": "a running car holds 12; a control unit gives up near 8",
    "supply_collapsed_hold_s": "a starter pulls it down for less once the engine fires",
    "no_drive_pedal_percent": "enough to hold any speed on a level road",
    "no_drive_hold_s": "longer than a gear change, and than an engine at rest takes to start",
    "pedal_hangs_after_s": "no foot is as still as a sensor that is stuck",
    "no_drive_loss_kph": "a headwind and a hill take less",
    "no_torque_below_nm": "at the wheels; friction of a turning engine is more",
    "no_torque_hold_s": "a change of gear lets go for less",
    "no_torque_loss_kph": "more than a speed signal trembles",
    "stop_now_hold_s": "lamps are tested for a moment at every start",
    "limp_home_hold_s": "drives test themselves for less",
    "malfunction_counts_for_s": "many a car drives for years with it lit",
    "stalled_after_s": "a learner restarts sooner",
    "settled_after_s": "a control unit that came back says what it says before it knows anything",
    "motion_doubted_after_s": "a wheel that spins grips again sooner; a dynamometer does not end",
    "crash_hold_s": "said twice is enough, and every moment counts",
    "clear_after_s": "a contradiction has to last as well",
    "recovered_after_s": "an engine that coughs is not back",
    "drove_on_after_s": "hazards go out only when the car is back in traffic",
    "closed_after_s": "until then a second breakdown continues the first",
    "parked_after_s": "key off and on at a barrier is not parking",
    "confirm_status_within_s": "a body controller answers in less",
    "confirm_lamps_within_s": "two flashes of the slowest relay allowed",
}


def _without(plan: CarPlan, *left_out: Vss) -> CarPlan:
    messages = tuple(
        replace(message, signals=tuple(signal for signal in message.signals if signal.vss not in left_out))
        for message in plan.messages
    )
    return replace(plan, messages=messages)


def cars() -> dict[str, CarPlan]:
    """The kinds of car that the rules tell apart."""
    combustion, hybrid, electric = (
        compile_profile(find_profile(f"reference-{name}")) for name in ("combustion", "hybrid", "electric")
    )
    coasting = replace(combustion, traits=Traits(coasts_engine_off=True))
    silent = _without(coasting, Vss.ENGINE_RESTS)
    return {
        "combustion": combustion,
        "coasts engine-off and says so": coasting,
        "coasts and does not say so": silent,
        "the same without readiness": _without(silent, Vss.DRIVE_READY),
        "hybrid": hybrid,
        "electric": electric,
    }


def _maps(plan: CarPlan, *wanted: Vss) -> list[bool]:
    mapped = {signal.vss for message in plan.messages for signal in message.signals}
    return [vss in mapped for vss in wanted]


def weight(rule: Rule, plan: CarPlan) -> float:
    """What the finding weighs in this car; 0 where it does not exist."""
    there = any(_maps(plan, *rule.evidence)) and all(_maps(plan, *rule.needs))
    return rule.weight(plan) if there else 0.0


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _held(rule: Rule, plan: CarPlan) -> str:
    car = Condition(Senses(plan))
    hold_s = rule.hold_s(plan.thresholds, car)
    if rule.finding is Finding.DRIVE_SILENT:
        hold_s += car.silence.drive_stale_s  # counted from the last frame, not from when it is overdue
    return f"{hold_s:g} s" if hold_s else "-"


def findings() -> str:
    """Every finding: its evidence, its hold, what halves it."""
    plan = cars()["hybrid"]
    rows = [
        [
            rule.finding.value,
            EVIDENCE[rule.finding],
            _held(rule, plan),
            "any" if not rule.moving else "alert speed",
            "yes" if rule.opens else "no, adds",
            rule.against_words,
        ]
        for rule in RULES
    ]
    return _table(["finding", "evidence", "held", "begins at", "opens", "halved by"], rows)


def truth() -> str:
    """What each finding does in each kind of car, alone."""
    kinds = cars()

    def cell(rule: Rule, plan: CarPlan) -> str:
        weighs = weight(rule, plan)
        if not weighs:
            return "-"
        return f"**{weighs:g}**" if rule.opens and weighs >= CONCLUSIVE else f"{weighs:g}"

    rows = [[rule.finding.value, *(cell(rule, plan) for plan in kinds.values())] for rule in RULES]
    return _table(["finding", *kinds], rows)


def _source(rule: Rule, plan: CarPlan) -> str:
    carriers = {signal.vss: message.name for message in plan.messages for signal in message.signals}
    return carriers[rule.source or next(vss for vss in rule.evidence if vss in carriers)]


def _one_witness(one: Rule, other: Rule, plan: CarPlan) -> bool:
    """Two words of one message, or the last word of a drive and its silence."""
    if Finding.DRIVE_SILENT in (one.finding, other.finding):
        return bool({*one.evidence} & {*other.evidence})
    return _source(one, plan) == _source(other, plan)


def _pairs(plan: CarPlan) -> Iterator[str]:
    weak = [rule for rule in RULES if weight(rule, plan) > 0 and not (rule.opens and weight(rule, plan) >= CONCLUSIVE)]
    for one, other in combinations(weak, 2):
        together = weight(one, plan) + weight(other, plan)
        if (one.opens or other.opens) and together >= CONCLUSIVE and not _one_witness(one, other, plan):
            yield f"{one.finding.value} + {other.finding.value}"


def pairs() -> str:
    """Which two findings that are not enough alone are enough together."""
    rows = [[name, ", ".join(_pairs(plan)) or "-"] for name, plan in cars().items()]
    return _table(["car", "enough together"], rows)


def numbers() -> str:
    """Every threshold with its default and its reason."""
    return _table(
        ["threshold", "default", "why"],
        [[f"`{item.name}`", f"{getattr(T, item.name):g}", REASONS[item.name]] for item in fields(Thresholds)],
    )


SECTIONS: dict[str, Callable[[], str]] = {"findings": findings, "truth": truth, "pairs": pairs, "numbers": numbers}


def fill(text: str) -> str:
    """The document with every generated section made anew."""
    assert CONTRADICTED == 0.5, "the document says that a contradiction halves"
    for name, make in SECTIONS.items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n" + make() + "\n" + end + rest.split(end)[1]
    return text
