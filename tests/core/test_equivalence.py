"""The same frames give the same answers: however time is told, and whatever the fast path leaves out."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hardshoulder.core.actions import Action, Finding, Report, State
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Propulsion, Value
from support.driven import Driven, numbered
from support.plain import TESTER, on_second_bus, plain_car, unprotected, with_cycles, with_limits
from support.talker import HEALTHY

pytestmark = pytest.mark.slow

QUICK = {"Speed": 0.05, "Engine": 0.05}
PLANS: dict[str, CarPlan] = {
    "combustion": with_cycles(plain_car(), QUICK),
    "two buses": on_second_bus(plain_car(), "Speed", "Power", "Lamps"),
    "hybrid": unprotected(plain_car(Propulsion.HYBRID)),
    "electric": plain_car(Propulsion.ELECTRIC),
    "slow": with_limits(with_cycles(plain_car(), {"Engine": 1.0, "Drive": 0.5, "Speed": 1.0}), closed_after_s=5.0),
}


class Thorough(Responder):
    """Judges every frame: the short way of an uneventful frame is closed."""

    def _nothing_follows(self, message: MessagePlan) -> bool:
        return False


@dataclass
class Heard:
    """What came in: frames, and in between calls by name."""

    frames: list[Frame] = field(default_factory=list)
    calls: list[tuple[int, str, float]] = field(default_factory=list)


SAYINGS: list[dict[str, Value]] = [
    {"engine_speed": 0.0, "engine_running": False},
    {"engine_speed": 2000.0, "engine_running": True},
    {"drive_ready": False, "drive_torque": 0.0},
    {"drive_ready": True, "drive_torque": 300.0},
    {"power_state": "OFF"},
    {"power_state": "ON"},
    {"power_connected": False},
    {"power_connected": True},
    {"supply_voltage": 8.0},
    {"supply_voltage": 14.0},
    {"overheated": True},
    {"overheated": False},
    {"pedal_position": 60.0},
    {"pedal_position": 0.0},
    {"speed": 0.0},
    {"speed": 14.0},
    {"speed": 100.0},
    {"speed": 90.0},
    {"gnss_speed": 0.0},
    {"hazard_signaling": True},
    {"hazard_signaling": False},
    {"airbag_deployed": True},
    {"engine_rests": True},
    {"engine_rests": False},
]


def random_drive(plan: CarPlan, seed: int, acts: int = 9) -> Heard:
    """A car that says random things, is muted, corrupted and tested at random."""
    chance, heard = random.Random(seed), Heard()

    def carry(frame: Frame) -> Frame:
        if chance.random() < 0.02:
            frame = frame._replace(data=frame.data[::-1])
        heard.frames.append(frame)
        return frame

    driven = Driven(plan, on_frame=carry)
    driven.say(speed=100.0)
    driven.run(chance.choice([0.3, 2.0]))
    for _ in range(acts):
        deed = chance.random()
        if deed < 0.6:
            driven.say(**chance.choice(SAYINGS))
        elif deed < 0.7:
            driven.talker.values |= HEALTHY
            driven.run(chance.choice([4.0, 15.0]))
        elif deed < 0.85:
            driven._due |= {chance.choice(plan.messages).name: driven._ticks + chance.choice([200, 700])}
        elif deed < 0.92:
            heard.frames.append(Frame(driven.now_s, *TESTER, b"\x02\x3e\x00"))
        else:
            heard.calls.append((len(heard.frames), chance.choice(["hole", "lost_bus", "refused"]), driven.now_s))
        driven.run(chance.choice([0.05, 0.2, 0.5, 1.3, 4.0]))
    return heard


def call(responder: Responder, name: str, at_s: float) -> list[Action]:
    if name == "hole":
        return responder.hole(at_s)
    return responder.lost_bus("main", at_s) if name == "lost_bus" else responder.hazards_refused(at_s)


def told(responder: Responder, heard: Heard, end_s: float, tick_s: float | None = None) -> list[list[Action]]:
    """The actions, call by call; with tick_s, time is told in between as a live loop does."""
    out, calls, next_s = [responder.tick(0.0)], list(heard.calls), tick_s
    for place, frame in enumerate(heard.frames):
        while calls and calls[0][0] == place:
            _, name, at_s = calls.pop(0)
            out += [responder.tick(at_s), call(responder, name, at_s)]
        while tick_s is not None and next_s is not None and next_s < frame.at_s:
            out.append(responder.tick(next_s))
            next_s += tick_s
        out.append(responder.receive(frame))
    out.append(responder.tick(end_s))
    return out


def timeline(calls: list[list[Action]]) -> bytes:
    """Everything that was done, in order, as bytes."""
    return repr([action for actions in calls for action in actions]).encode()


drives = st.tuples(st.sampled_from(list(PLANS)), st.integers(0, 2**32))
fewer = settings(
    max_examples=max(8, settings().max_examples // 5), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
"""A drive is found by a seed, which nothing can shrink, and takes a while."""


@fewer
@given(drives)
def test_the_short_way_of_an_uneventful_frame_leaves_nothing_out(drive: tuple[str, int]) -> None:
    plan = PLANS[drive[0]]
    heard = random_drive(plan, drive[1])
    end_s = heard.frames[-1].at_s + 70.0
    quick, thorough = (told(kind(plan, numbered()), heard, end_s) for kind in (Responder, Thorough))
    assert quick == thorough


@fewer
@given(drives, st.sampled_from([0.003, 0.05, 0.7]))
def test_however_time_is_told_the_answers_are_the_same(drive: tuple[str, int], tick_s: float) -> None:
    plan = PLANS[drive[0]]
    heard = random_drive(plan, drive[1])
    end_s = heard.frames[-1].at_s + 70.0
    batch, live = (told(Responder(plan, numbered()), heard, end_s, how) for how in (None, tick_s))
    assert timeline(batch) == timeline(live)


def test_the_random_drives_are_worth_something() -> None:
    """Some of them break down in many ways, some do not, and some recover."""
    kinds: set[Finding | None] = set()
    states: set[State] = set()
    for plan in PLANS.values():
        for seed in range(6):
            driven = Driven(plan)
            heard = random_drive(plan, seed)
            for actions in told(driven.responder, heard, heard.frames[-1].at_s + 70.0):
                driven.take(actions)
            kinds |= {incident.kind for incident in driven.incidents} or {None}
            states |= {report.incident.state for report in driven.of(Report)}
    assert None in kinds and len(kinds) >= 4
    assert {State.ROLLING, State.STRANDED, State.RECOVERED, State.DRIVING_ON} <= states
