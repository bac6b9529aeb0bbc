"""Where the car is: the better of what its bus and a receiver of our own say, and in a tunnel the last of both.

A receiver says how good its word is and the bus seldom does, so the receiver counts while it is fresh; then the bus,
while that is; then the younger of the two, however old it is, with its age.
"""

from dataclasses import dataclass, replace
from math import inf, isfinite

from hardshoulder.core.actions import Location

FRESH_S = 5.0
"""A receiver speaks once a second."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A place as a receiver of satellites gave it. WGS 84 degrees; at_s: when it was read, monotonic.

    accuracy_m: the radius in which the car is with two chances in three; None where the receiver does not say.
    heading: degrees from north, speed_kph: over ground; None at rest, or where it does not say.
    """

    latitude: float
    longitude: float
    accuracy_m: float | None
    heading: float | None
    speed_kph: float | None
    at_s: float

    @property
    def possible(self) -> bool:
        """Whether it is a place on the globe."""
        return abs(self.latitude) <= 90.0 and abs(self.longitude) <= 180.0 and isfinite(self.at_s)


class Whereabouts:
    """The last word of a receiver of ours, beside that of the bus. Times are arguments."""

    def __init__(self) -> None:
        self._fix: Fix | None = None

    def take(self, fix: Fix) -> None:
        """A new fix; one that is nowhere on the globe changes nothing."""
        if fix.possible:
            self._fix = fix

    def best(self, by_bus: Location | None, now_s: float) -> Location | None:
        """The place to tell, with its age; None: nobody ever knew. by_bus: the car's own last word."""
        if self._fix is None:
            return by_bus
        fix = self._fix
        ours = Location(
            fix.latitude,
            fix.longitude,
            fix.heading,
            max(0.0, now_s - fix.at_s),
            accuracy_m=fix.accuracy_m,
            source="gnss",
        )
        if by_bus is None or ours.age_s <= FRESH_S:
            return ours
        bus_age_s = by_bus.age_s if isfinite(by_bus.age_s) else inf
        return by_bus if bus_age_s <= FRESH_S or bus_age_s < ours.age_s else ours


def coarse(place: Location) -> Location:
    """The place to about a kilometre: enough to know on which road to look, too little to know at whose door.

    A hundredth of a degree is 1.1 km to the north, and to the east at the equator; less towards the poles.
    """
    return replace(place, latitude=round(place.latitude, 2), longitude=round(place.longitude, 2), heading=None)
