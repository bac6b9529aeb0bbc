"""The whole cycle of a hazard request, for whoever goes on with it: what we would have sent ourselves."""

from dataclasses import replace
from math import inf

import pytest

from hardshoulder.core.asking import OFF_FRAMES, Asking, whole_cycle
from hardshoulder.core.plan import CommandStyle
from support.talker import reference_plan

COMMAND = reference_plan().hazard.command
assert COMMAND is not None and COMMAND.counter is not None
ROUND = COMMAND.counter.modulo


def test_the_cycle_is_what_is_sent_frame_by_frame() -> None:
    assert COMMAND is not None
    cycle = whole_cycle(COMMAND)
    assert cycle is not None
    assert (cycle.bus, cycle.can_id, cycle.period_s) == (COMMAND.bus, COMMAND.can_id, COMMAND.period_s)
    asking = Asking(COMMAND)
    asking.on(0.0)
    sent = [frame.data for _ in range(2 * ROUND) for frame in asking.due(asking.due_s)]
    assert sent == [*cycle.on, *cycle.on]
    asking.off(asking.due_s, flashing=True)
    ended = [frame.data for _ in range(OFF_FRAMES) for frame in asking.due(asking.due_s)]
    assert asking.due_s == inf
    assert ended == list(cycle.off[:OFF_FRAMES])


def test_without_a_counter_it_is_one_frame() -> None:
    assert COMMAND is not None
    cycle = whole_cycle(replace(COMMAND, counter=None, checksum=None))
    assert cycle is not None and (cycle.on, cycle.off) == ((COMMAND.on,), (COMMAND.off,))


@pytest.mark.parametrize("style", [CommandStyle.PULSE, CommandStyle.TOGGLE])
def test_what_may_not_be_repeated_blindly_has_none(style: CommandStyle) -> None:
    assert COMMAND is not None
    assert whole_cycle(replace(COMMAND, style=style)) is None
    assert whole_cycle(None) is None
