"""What happens to a car in the course of a run: key, faults, road, driver's whims, as spells of time."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Generic, TypeVar

from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode

Profile = tuple[tuple[float, float], ...]
"""(time, km/h) corners of the speed the driver wants."""

Keys = tuple[tuple[float, PowerMode], ...]
"""(time, mode) of the ignition key."""

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Spell(Generic[What]):
    """Something that holds from begin_s until end_s."""

    what: What
    begin_s: float
    end_s: float = inf

    def holds(self, at_s: float) -> bool:
        """Whether it holds at that time."""
        return self.begin_s <= at_s < self.end_s


class Act(Enum):
    """What the driver does beside following the profile.

    LIFT: takes the feet off. NEUTRAL: the selector in neutral and the feet off. BLIP: the same with a
    foot that plays with the pedal. PARKED: selector in park, parking brake on, nobody at the pedals.
    """

    LIFT = "lift"
    NEUTRAL = "neutral"
    BLIP = "blip"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class Ground:
    """What is under the wheels and pulls at the car.

    pull_mps: a rope or a belt brings the car to this speed; None: nothing pulls.
    carrier_mps: speed of the deck the car stands on. rollers: the wheels turn and the car stays where it is.
    """

    pull_mps: float | None = None
    carrier_mps: float = 0.0
    rollers: bool = False


ROAD = Ground()


@dataclass(frozen=True, slots=True)
class Events:
    """All that happens in a run beside profile and keys; times in seconds since it began."""

    faults: tuple[Spell[Fault], ...] = ()
    acts: tuple[Spell[Act], ...] = ()
    slopes: tuple[Spell[float], ...] = ()
    grounds: tuple[Spell[Ground], ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds between two turns of a course."""

    key: PowerMode
    faults: frozenset[Fault]
    act: Act | None
    slope: float | None
    ground: Ground


class Course:
    """Profile, key and events, read by time. Immutable once made."""

    __slots__ = ("_corners_s", "_kph", "_moments", "_turns_s", "faults")

    def __init__(self, profile: Profile, keys: Keys, events: Events) -> None:
        self.faults = events.faults
        self._corners_s = [at_s for at_s, _ in profile]
        self._kph = [kph for _, kph in profile]
        spells: list[Spell[Fault] | Spell[Act] | Spell[float] | Spell[Ground]] = [
            *events.faults, *events.acts, *events.slopes, *events.grounds,
        ]  # fmt: skip
        edges = {0.0, *(at_s for at_s, _ in keys)}
        edges.update(edge for spell in spells for edge in (spell.begin_s, spell.end_s) if edge < inf)
        self._turns_s = sorted(edges)
        self._moments = [_moment(keys, events, at_s) for at_s in self._turns_s]

    def at(self, at_s: float) -> Moment:
        """What holds at that time."""
        return self._moments[max(bisect_right(self._turns_s, at_s) - 1, 0)]

    def target_kph(self, at_s: float) -> float:
        """The speed the profile wants: straight between its corners, flat before and after."""
        corners_s, kph = self._corners_s, self._kph
        corner = bisect_right(corners_s, at_s)
        if corner == 0:
            return kph[0]
        if corner == len(kph):
            return kph[-1]
        from_s, from_kph = corners_s[corner - 1], kph[corner - 1]
        return from_kph + (kph[corner] - from_kph) * (at_s - from_s) / (corners_s[corner] - from_s)

    @property
    def over_s(self) -> float:
        """When the profile has come to its end at rest; infinity when it ends in motion."""
        return self._corners_s[-1] if self._kph[-1] == 0.0 else inf


def _moment(keys: Keys, events: Events, at_s: float) -> Moment:
    return Moment(
        key=key_at(keys, at_s),
        faults=frozenset(spell.what for spell in events.faults if spell.holds(at_s)),
        act=_first(events.acts, at_s),
        slope=_first(events.slopes, at_s),
        ground=_first(events.grounds, at_s) or ROAD,
    )


def _first(spells: Iterable[Spell[What]], at_s: float) -> What | None:
    return next((spell.what for spell in spells if spell.holds(at_s)), None)


def key_at(keys: Sequence[tuple[float, PowerMode]], at_s: float) -> PowerMode:
    """What the key asks for at that time."""
    return keys[max(bisect_right(keys, at_s, key=lambda turn: turn[0]) - 1, 0)][1]
