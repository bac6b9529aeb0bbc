"""What the driver is told next: one notice at a time, three seconds for each, the most important first.

A notice that comes while another is being read waits. Of one matter the newest counts: hazards that came on after all
make "the button is here" untrue. Of several matters the most important goes first, and none is lost.
"""

from math import inf

from hardshoulder.core.actions import Notice
from hardshoulder.core.plan import Side

GAP_S = 3.0
"""A driver in trouble takes in one sentence in this time."""

_BY_IMPORTANCE = (
    Notice.HAZARD_BUTTON,
    Notice.STOPPED,
    Notice.HAZARDS_ON,
    Notice.RECOVERED,
    Notice.HELP_ASKED,
)
_MATTER = {
    Notice.HAZARDS_ON: "lamps",
    Notice.HAZARD_BUTTON: "lamps",
    Notice.STOPPED: "car",
    Notice.RECOVERED: "car",
    Notice.HELP_ASKED: "help",
}


def text_key(notice: Notice, get_out: Side) -> str:
    """The name of the notice's text: a driver who gets out is told on which side."""
    return f"{notice.value}-{get_out.value}" if notice is Notice.STOPPED else notice.value


TEXT_KEYS = tuple(dict.fromkeys(text_key(notice, side) for notice in Notice for side in Side))
"""The names of all texts."""


class Board:
    """Notices that wait. Times are arguments."""

    def __init__(self) -> None:
        self._waiting: dict[str, Notice] = {}
        self._next_s = -inf

    def post(self, notice: Notice) -> None:
        """Something the driver has to know."""
        self._waiting[_MATTER[notice]] = notice

    def take(self, now_s: float) -> Notice | None:
        """The notice that is to be shown now, if there is one and the last has been read."""
        if now_s < self._next_s or not self._waiting:
            return None
        notice = min(self._waiting.values(), key=_BY_IMPORTANCE.index)
        del self._waiting[_MATTER[notice]]
        self._next_s = now_s + GAP_S
        return notice

    def next_deadline(self) -> float:
        """When the next notice is due."""
        return self._next_s if self._waiting else inf
