"""How long the fleet waits for whom."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from hardshoulder_fleet.core.checkin import Tow


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited before something is done about it.

    answer: for the driver. lease: for whoever took an errand. ask_tow: after a provider's last word,
    until it is asked how the tow stands. silence: after that word, and assigned: after the order
    without a truck, until a person is called. contact: after the line of a driving car broke, until its
    driver is asked.
    """

    answer: timedelta = timedelta(seconds=90)
    lease: timedelta = timedelta(seconds=30)
    ask_tow: timedelta = timedelta(seconds=60)
    silence: timedelta = timedelta(minutes=5)
    assigned: timedelta = timedelta(minutes=10)
    contact: timedelta = timedelta(minutes=3)

    def doubt_at(self, tow: Tow, ordered_at: datetime, heard_at: datetime) -> datetime:
        """When a person is called for a tow that is open, unless a better word comes before."""
        silent_at = heard_at + self.silence
        return min(silent_at, ordered_at + self.assigned) if tow is Tow.REQUESTED else silent_at
