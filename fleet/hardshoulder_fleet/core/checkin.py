"""Everything that moves a check-in: one table, with the story above it.

The story it tells. An alert opens a check-in: the driver is ASKED how she is. She may say that she is
SAFE, that she needs a tow (TOW_WANTED: a price is shown, nothing is ordered), or that it is an
EMERGENCY, which goes to a person at once and is never refused, whatever came before. Only her yes
to the price shown makes it TOW_ORDERED. Nobody answers in time: it is ESCALATED to a person, and
her later answer still counts. A tow that cannot be had is ESCALATED too. The car that closes its
incident ends a question that nobody needs any more, but never an ordered tow or an emergency:
those end when the tow is done or when a person says so.

What is not in the table does not move the check-in: the second of two taps changes nothing.
"""

from enum import Enum


class CheckIn(Enum):
    """Where a check-in stands."""

    ASKED = "asked"
    SAFE = "safe"
    TOW_WANTED = "tow-wanted"
    TOW_ORDERED = "tow-ordered"
    EMERGENCY = "emergency"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Happening(Enum):
    """What can happen to a check-in."""

    SAYS_SAFE = "says-safe"
    WANTS_TOW = "wants-tow"
    SAYS_YES = "says-yes"
    SAYS_EMERGENCY = "says-emergency"
    NO_ANSWER = "no-answer"
    NO_HELP = "no-help"
    HELP_DONE = "help-done"
    CAR_CLOSED = "car-closed"
    OPERATOR_DONE = "operator-done"


TRANSITIONS: dict[tuple[CheckIn, Happening], CheckIn] = {
    (CheckIn.ASKED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.ASKED, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.ASKED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.ASKED, Happening.NO_ANSWER): CheckIn.ESCALATED,
    (CheckIn.ASKED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.ASKED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.SAFE, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.SAFE, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.SAFE, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.SAFE, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_WANTED, Happening.SAYS_YES): CheckIn.TOW_ORDERED,
    (CheckIn.TOW_WANTED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.TOW_WANTED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.TOW_WANTED, Happening.NO_ANSWER): CheckIn.ESCALATED,
    (CheckIn.TOW_WANTED, Happening.NO_HELP): CheckIn.ESCALATED,
    (CheckIn.TOW_WANTED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.TOW_WANTED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_ORDERED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.TOW_ORDERED, Happening.NO_HELP): CheckIn.ESCALATED,
    (CheckIn.TOW_ORDERED, Happening.HELP_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_ORDERED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.EMERGENCY, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.ESCALATED, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.ESCALATED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.ESCALATED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.CLOSED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
}

NEEDS_A_PERSON = frozenset({CheckIn.EMERGENCY, CheckIn.ESCALATED})
"""The check-ins that stand at the top of the operator's list."""


def next_step(check_in: CheckIn, happening: Happening) -> CheckIn:
    """The check-in after the happening; the same one when that means nothing there."""
    return TRANSITIONS.get((check_in, happening), check_in)


class Tow(Enum):
    """Where an ordered tow stands; the provider reports each, in this order unless one is left out."""

    REQUESTED = "requested"
    ASSIGNED = "assigned"
    EN_ROUTE = "en-route"
    ON_SITE = "on-site"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


_ENDS = frozenset({Tow.COMPLETED, Tow.CANCELLED, Tow.FAILED})
_ORDER = list(Tow)


def next_tow(now: Tow, reported: Tow) -> Tow:
    """The tow after a report: never backwards, and an end stays the end.

    So late and doubled reports do no harm.
    """
    if now in _ENDS:
        return now
    return reported if _ORDER.index(reported) > _ORDER.index(now) else now


def happening_of(tow: Tow) -> Happening | None:
    """What a tow's new state means for its check-in."""
    if tow is Tow.COMPLETED:
        return Happening.HELP_DONE
    return Happening.NO_HELP if tow in _ENDS else None
