"""Frames on the simulated buses that are not the car's own messages: foreign control units and a workshop's tester."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random

from hardshoulder.core.frame import Frame
from hardshoulder_sim.physics.course import Spell

_CYCLES_S = (0.02, 0.05, 0.1, 0.1, 0.2, 0.5)
_FIRST_ID, _LAST_ID = 0x400, 0x6FF
_SESSION_EVERY_S = 1.7

REQUESTS = (
    (0x7DF, "0210030000000000"),  # extended session, of all units
    (0x7E0, "023e000000000000"),  # tester present
    (0x7E0, "0431010203000000"),  # start of a routine
    (0x7E8, "0471010203000000"),  # its answer
)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A message of a control unit that nobody here knows."""

    bus: str
    can_id: int
    cycle_s: float
    payloads: tuple[bytes, ...]


def foreigners(buses: Sequence[str], per_s: float, clash: bool, random: Random) -> list[Foreign]:
    """Messages that add up to so many frames a second, over all buses.

    clash: with several buses, the first also carries the second's identifiers and the other way round.
    """
    made, rate = [], 0.0
    for can_id in random.sample(range(_FIRST_ID, _LAST_ID), 64):
        cycle_s = random.choice(_CYCLES_S)
        if rate + 1.0 / cycle_s > per_s:
            continue
        rate += 1.0 / cycle_s
        made.append(_foreign(random.choice(buses), can_id, cycle_s, random))
    if clash and len(buses) > 1:
        # Speed of the one bus and power mode of the other, under which the neighbour says something else.
        made += [_foreign(buses[1], 0x110, 0.05, random), _foreign(buses[0], 0x1F0, 0.1, random)]
    return made


def _foreign(bus: str, can_id: int, cycle_s: float, random: Random) -> Foreign:
    return Foreign(bus, can_id, cycle_s, tuple(random.randbytes(8) for _ in range(16)))


def of_tester(testers: Sequence[Spell[None]], bus: str) -> list[Frame]:
    """What a workshop's tester and the unit it asks put on the bus, in the order of time."""
    return sorted(
        Frame(round(spell.begin_s + number * _SESSION_EVERY_S + 0.01 * place, 6), bus, can_id, bytes.fromhex(data))
        for spell in testers
        for number in range(ceil((spell.end_s - spell.begin_s) / _SESSION_EVERY_S))
        for place, (can_id, data) in enumerate(REQUESTS)
    )
