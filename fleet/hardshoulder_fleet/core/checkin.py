"""Everything that moves a check-in: one table, with the story above it.

The story it tells. An alert opens a check-in: the driver is ASKED how she is. She may say that she is
SAFE, that she needs a tow (TOW_WANTED: a price is shown, nothing is ordered), or that it is an
EMERGENCY, which goes to a person at once and is never refused, whatever came before. Only her yes
to the price shown makes it TOW_ORDERED. Nobody answers in time: it is ESCALATED to a person, and
her later answer still counts; so does her yes to a price that still holds. No price to be had, a tow
that does not come, or a provider that has fallen silent is ESCALATED too; when the provider is heard
again, the tow goes on. A tow that she calls off leaves her SAFE: nobody is needed. The car that
closes its incident ends a question that nobody needs any more, but never an ordered tow or an
emergency: those end when the tow is done or when a person says so. A check-in that was opened because
a car fell silent ends when the car is heard again, unless she has asked for help by then. Even what is
SAFE or CLOSED calls a person again when a truck may come that nobody wants.

What is not in the table does not move the check-in: the second of two taps changes nothing. While a
tow is on its way, what she would say without one means nothing either: an old page may still say it.
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
    NO_PRICE = "no-price"
    TOW_LOST = "tow-lost"
    TOW_DOUBTFUL = "tow-doubtful"
    TOW_HEARD = "tow-heard"
    CALLED_OFF = "called-off"
    HELP_DONE = "help-done"
    CAR_CLOSED = "car-closed"
    CAR_HEARD = "car-heard"
    OPERATOR_DONE = "operator-done"


TRANSITIONS: dict[tuple[CheckIn, Happening], CheckIn] = {
    (CheckIn.ASKED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.ASKED, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.ASKED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.ASKED, Happening.NO_ANSWER): CheckIn.ESCALATED,
    (CheckIn.ASKED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.ASKED, Happening.CAR_HEARD): CheckIn.CLOSED,
    (CheckIn.ASKED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.SAFE, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.SAFE, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.SAFE, Happening.TOW_DOUBTFUL): CheckIn.ESCALATED,
    (CheckIn.SAFE, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.SAFE, Happening.CAR_HEARD): CheckIn.CLOSED,
    (CheckIn.SAFE, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_WANTED, Happening.SAYS_YES): CheckIn.TOW_ORDERED,
    (CheckIn.TOW_WANTED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.TOW_WANTED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.TOW_WANTED, Happening.NO_ANSWER): CheckIn.ESCALATED,
    (CheckIn.TOW_WANTED, Happening.NO_PRICE): CheckIn.ESCALATED,
    (CheckIn.TOW_WANTED, Happening.TOW_DOUBTFUL): CheckIn.ESCALATED,
    (CheckIn.TOW_WANTED, Happening.TOW_HEARD): CheckIn.TOW_ORDERED,
    (CheckIn.TOW_WANTED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.TOW_WANTED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_ORDERED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.TOW_ORDERED, Happening.TOW_LOST): CheckIn.ESCALATED,
    (CheckIn.TOW_ORDERED, Happening.TOW_DOUBTFUL): CheckIn.ESCALATED,
    (CheckIn.TOW_ORDERED, Happening.CALLED_OFF): CheckIn.SAFE,
    (CheckIn.TOW_ORDERED, Happening.HELP_DONE): CheckIn.CLOSED,
    (CheckIn.TOW_ORDERED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.EMERGENCY, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.SAYS_SAFE): CheckIn.SAFE,
    (CheckIn.ESCALATED, Happening.WANTS_TOW): CheckIn.TOW_WANTED,
    (CheckIn.ESCALATED, Happening.SAYS_YES): CheckIn.TOW_ORDERED,
    (CheckIn.ESCALATED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.ESCALATED, Happening.TOW_HEARD): CheckIn.TOW_ORDERED,
    (CheckIn.ESCALATED, Happening.CALLED_OFF): CheckIn.SAFE,
    (CheckIn.ESCALATED, Happening.HELP_DONE): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.CAR_CLOSED): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.CAR_HEARD): CheckIn.CLOSED,
    (CheckIn.ESCALATED, Happening.OPERATOR_DONE): CheckIn.CLOSED,
    (CheckIn.CLOSED, Happening.SAYS_EMERGENCY): CheckIn.EMERGENCY,
    (CheckIn.CLOSED, Happening.TOW_DOUBTFUL): CheckIn.ESCALATED,
}

_NOT_WITH_A_TOW = frozenset(
    {
        Happening.SAYS_SAFE,
        Happening.WANTS_TOW,
        Happening.SAYS_YES,
        Happening.NO_ANSWER,
        Happening.NO_PRICE,
        Happening.CAR_CLOSED,
        Happening.CAR_HEARD,
    }
)
"""What means nothing while a tow is on its way."""

_ASKED_FOR_HELP = frozenset({CheckIn.TOW_WANTED, CheckIn.TOW_ORDERED, CheckIn.EMERGENCY})

NEEDS_A_PERSON = frozenset({CheckIn.EMERGENCY, CheckIn.ESCALATED})
"""The check-ins that stand at the top of the operator's list."""


def next_step(check_in: CheckIn, happening: Happening, *, tow_open: bool = False, help_wanted: bool = False) -> CheckIn:
    """The check-in after the happening; the same one when that means nothing there.

    tow_open: a tow is on its way, or is being called off. help_wanted: she has asked for it, see `wants_help`.
    """
    if help_wanted and happening is Happening.CAR_HEARD:
        return check_in  # A car that speaks again brings nobody home.
    if tow_open and happening in _NOT_WITH_A_TOW:
        return check_in
    return TRANSITIONS.get((check_in, happening), check_in)


def wants_help(before: bool, after: CheckIn) -> bool:
    """Whether she has asked for help and has not said since that she is safe. after: the check-in's new state."""
    return (before or after in _ASKED_FOR_HELP) and after is not CheckIn.SAFE


class Tow(Enum):
    """Where an ordered tow stands; the provider reports each, in this order unless one is left out."""

    REQUESTED = "requested"
    ASSIGNED = "assigned"
    EN_ROUTE = "en-route"
    ON_SITE = "on-site"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDS = frozenset({Tow.COMPLETED, Tow.CANCELLED, Tow.FAILED})
"""After these nothing comes."""

_ORDER = list(Tow)


def next_tow(now: Tow, reported: Tow) -> Tow:
    """The tow after a report: never backwards, and an end stays the end.

    So late and doubled reports do no harm.
    """
    if now in ENDS:
        return now
    return reported if _ORDER.index(reported) > _ORDER.index(now) else now


class CallOff(Enum):
    """Who wants a tow not to come: a person, the closing of its check-in, or an order for another one."""

    DRIVER = "driver"
    OPERATOR = "operator"
    CLOSING = "closing"
    SPARE = "spare"


def happening_of(tow: Tow, called_off: CallOff | None = None) -> Happening | None:
    """What a tow's new state means for its check-in.

    A tow that an operator called off leaves a driver without one: that stays somebody's business.
    """
    if tow is Tow.COMPLETED:
        return Happening.HELP_DONE
    if tow not in ENDS or called_off in (CallOff.CLOSING, CallOff.SPARE):
        return None
    return Happening.CALLED_OFF if called_off is CallOff.DRIVER else Happening.TOW_LOST
