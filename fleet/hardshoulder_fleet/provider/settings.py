"""How the provider works: its prices, its pace, its patience."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.provider.tariff import Tariff

NEXT = {
    Tow.REQUESTED: Tow.ASSIGNED,
    Tow.ASSIGNED: Tow.EN_ROUTE,
    Tow.EN_ROUTE: Tow.ON_SITE,
    Tow.ON_SITE: Tow.COMPLETED,
}
"""How a tow goes when nobody calls it off."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a tow stays in a state before the next, in seconds."""

    requested_s: float = 60.0
    assigned_s: float = 180.0
    en_route_s: float = 20 * 60.0
    on_site_s: float = 25 * 60.0

    @classmethod
    def all(cls, pause_s: float) -> Self:
        """The same everywhere, for demonstrations and tests."""
        return cls(pause_s, pause_s, pause_s, pause_s)

    def after(self, state: Tow) -> float | None:
        """Seconds; None for an end."""
        return {
            Tow.REQUESTED: self.requested_s,
            Tow.ASSIGNED: self.assigned_s,
            Tow.EN_ROUTE: self.en_route_s,
            Tow.ON_SITE: self.on_site_s,
        }.get(state)


@dataclass(frozen=True, slots=True)
class Retry:
    """When a report is told again that was not heard: after first_s, then twice as long, up to longest_s."""

    first_s: float = 0.5
    longest_s: float = 60.0

    def after(self, attempts: int) -> float:
        """Seconds to wait after so many attempts, at least one."""
        # The exponent is bounded: after a week without the receiver it would leave the floats.
        return min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 32))


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """secret: what reports are signed with. quote_valid_s: how long a price stands, in seconds."""

    database: Path
    secret: bytes
    pauses: Pauses = field(default_factory=Pauses)
    tariff: Tariff = field(default_factory=Tariff)
    retry: Retry = field(default_factory=Retry)
    quote_valid_s: float = 15 * 60.0
