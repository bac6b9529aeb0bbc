"""Which car is lost: what counts as driving, which of two statuses is the newer, how many at once are no cars' fault.

The story it tells. A car says on `status` what it does, and the broker says on `presence` that its line
broke. A car that sleeps in a garage breaks its line too, so only one that was last heard driving is
missed. Tunnels end, so it is missed for a grace time before anybody is asked. And when many fall silent
within a minute, it is the network or the broker: one line for an operator, and nobody is asked yet.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LOST_CONTACT = "lost-contact"
"""The kind of such a check-in, beside the kinds that cars report."""

UNDER_WAY = frozenset({"driving", "suspect", "rolling", "recovered", "driving-on"})
"""The states of a car, in the words of the wire format, in which it may be on the move."""

SPEED_HOLDS = timedelta(seconds=60)
"""So long the last known speed counts for a car that does not know its speed any more."""

TOGETHER = timedelta(seconds=60)
"""Lines that break within this time break together."""

_CLOCKS_DIFFER = timedelta(seconds=60)
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Moving:
    """A car on the move, as it was heard last. at: on the fleet's clock."""

    speed_kph: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a car says that it sent something. trusted: a time source had set its clock."""

    at: datetime
    trusted: bool


def moving(before: Moving | None, state: str, speed_kph: float | None, at: datetime, above_kph: float) -> Moving | None:
    """What a status makes of the car; None: it is not on the move.

    A car that dies loses its speed before its voice: one that was fast a moment ago still counts.
    """
    if state not in UNDER_WAY:
        return None
    if speed_kph is None:
        return before if before is not None and at - before.at <= SPEED_HOLDS else None
    return Moving(speed_kph, at) if speed_kph > above_kph else None


def is_older(said: Stamp, known: Stamp, now: datetime) -> bool:
    """Whether a status was sent before the one that is known.

    What comes last is the newest, unless two clocks that a time source had set say otherwise. A clock that is
    ahead of the fleet's says nothing: one wrong stamp must not make a car unheard for years.
    """
    if not (said.trusted and known.trusted) or known.at > now + _CLOCKS_DIFFER:
        return False
    return said.at < known.at


def is_outage(gone: int, connected: int, at_once: int) -> bool:
    """Whether so many that went together are more than cars do by themselves.

    connected: how many were connected before. at_once: the most that are taken for single cars.
    """
    return gone > at_once or (gone >= _FEWEST and gone * 2 > connected)


def went_together(missed: Sequence[datetime], one: datetime) -> int:
    """How many of the lines broke together with this one. missed: in order, `one` among them."""
    return bisect_right(missed, one + TOGETHER) - bisect_left(missed, one - TOGETHER)
