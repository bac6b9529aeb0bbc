"""The lists that are made of profiles: every id, extended ones too, and every message of every shipped car."""

import re
from functools import cache
from math import inf

import pytest

from hardshoulder.compile import compile_profile
from hardshoulder.core.actions import Use
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.core.permit import Permit
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.protection import protect
from hardshoulder.errors import UserError
from hardshoulder.profile import load_profile, shipped_profiles
from hardshoulder.sending import allow_list
from support.talker import Talker, reference_plan

PROFILES = shipped_profiles()
ARMED = sorted(name for name in PROFILES if load_profile(PROFILES[name]).hazard.command is not None)
CHANCE = bytes.fromhex("ab15000000000000")


@cache
def plans() -> dict[str, CarPlan]:
    """Every shipped car whose DBC file is at hand."""
    found = {}
    for name, path in PROFILES.items():
        try:
            found[name] = compile_profile(path)
        except UserError:
            assert not name.startswith(("reference", "obd2")), "its DBC file is our own"
    return found


def written_ids() -> set[int]:
    """Every extended id that a shipped profile or DBC file of ours names."""
    folder = next(iter(PROFILES.values())).parent
    texts = [path.read_text("utf-8") for path in (*folder.glob("*.toml"), *folder.parent.glob("*.dbc"))]
    numbers = {int(number, 0) for text in texts for number in re.findall(r"\b(?:0x[0-9A-Fa-f]+|[1-9]\d{3,9})\b", text)}
    return {number & EXTENDED_ID_MAX for number in numbers if number > STANDARD_ID_MAX}


def opened(plan: CarPlan) -> Permit:
    permit = Permit(allow_list(plan), armed=True)
    for use in Use:
        permit.open_until(inf, "incident-1", use)
    return permit


def test_only_the_reference_cars_can_be_armed() -> None:
    assert ARMED == ["reference-combustion", "reference-electric", "reference-hybrid"]


@pytest.mark.parametrize("name", ARMED)
def test_of_all_ids_of_all_cars_the_hazard_frame_alone_passes(name: str) -> None:
    plan = plans()[name]
    permit = opened(plan)
    command = plan.hazard.command
    assert command is not None
    others = {message.can_id for other in plans().values() for message in other.messages}
    asked = {can_id for other in plans().values() for _, can_id in other.workshop}
    extended = {can_id | EXTENDED for can_id in {*written_ids(), *others, *asked, command.can_id}}
    good = protect(command.can_id, command.on, None, command.checksum)
    listed = {can_id for _, can_id in permit.listed}
    for can_id in {*range(STANDARD_ID_MAX + 1), *others, *asked, *extended} - listed:
        assert permit.check("main", can_id, good, 1.0) is not None
        assert permit.check("main", can_id, CHANCE, 1.0) is not None
    assert permit.check("main", command.can_id, good, 1.0) is None


@pytest.mark.parametrize("name", ARMED)
def test_every_other_cars_frames_are_refused(name: str) -> None:
    """Also on the listed id: another car's payload there is not ours."""
    permit = opened(plans()[name])
    for other in plans().values():
        talker = Talker(other)
        for message in other.messages:
            data = talker.frame(message, 0.0).data
            assert permit.check("main", message.can_id, data, 1.0) is not None
            command = reference_plan().hazard.command
            assert command is not None
            if len(data) == len(command.on) and any(data[2:]):
                assert permit.check("main", command.can_id, data, 1.0) is not None


def test_a_receive_only_car_allows_nothing() -> None:
    receive_only = {name: plan for name, plan in plans().items() if name not in ARMED}
    assert {"obd2", "obd2-gnss"} <= set(receive_only)
    assert all(allow_list(plan) == () for plan in receive_only.values())
