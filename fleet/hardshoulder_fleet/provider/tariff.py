"""What a tow costs and how long it takes to come: the same question always gets the same answer."""

import math
from dataclasses import dataclass

from hardshoulder_fleet.core.views import Price

_EARTH_RADIUS_KM = 6371.0
_MINUTES_STEP = 5


class OutOfReachError(Exception):
    """Nobody drives that far; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Position:
    """WGS 84 degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A price, what it stands for in words, and when somebody is there at the latest."""

    price: Price
    terms: str
    arrives_within_minutes: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A base price and one for each started kilometre between depot and car, as the crow flies.

    base_minor, per_km_minor: hundredths of the currency. unknown_km: charged where nobody knows
    where the car is. reach_km: how far the trucks go.
    """

    depot: Position = Position(48.2489, 11.6510)
    depot_name: str = "Garching"
    base_minor: int = 89_00
    per_km_minor: int = 2_50
    currency: str = "EUR"
    unknown_km: int = 30
    reach_km: int = 150
    ready_minutes: int = 15
    speed_kph: int = 60

    def offer(self, position: Position | None) -> Offer:
        """Raises OutOfReachError."""
        km = self.unknown_km if position is None else max(1, math.ceil(distance_km(self.depot, position)))
        if km > self.reach_km:
            raise OutOfReachError(
                f"The car is {km:,} km from our depot in {self.depot_name}, and our trucks go {self.reach_km} km."
            )
        price = Price(self.base_minor + km * self.per_km_minor, self.currency)
        return Offer(price, self._terms(km, known=position is not None), self._minutes(km))

    def _terms(self, km: int, *, known: bool) -> str:
        base, per_km = Price(self.base_minor, self.currency).text(), Price(self.per_km_minor, self.currency).text()
        way = f"{km} km from our depot in {self.depot_name}, as the crow flies"
        if not known:
            way = f"{km} km, a flat rate because your position is not known; our driver will call you"
        return (
            f"Tow of one car up to 3.5 t to the nearest garage: {base} and {per_km} per km for {way}. "
            "The price is final and includes tax. Cancelling is free until the truck is with you."
        )

    def _minutes(self, km: int) -> int:
        minutes = self.ready_minutes + km * 60 / self.speed_kph
        return math.ceil(minutes / _MINUTES_STEP) * _MINUTES_STEP


def distance_km(here: Position, there: Position) -> float:
    """Along the great circle, by the haversine formula."""
    lat_1, lat_2 = math.radians(here.latitude), math.radians(there.latitude)
    half_lat, half_lon = (lat_2 - lat_1) / 2, math.radians(there.longitude - here.longitude) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(lat_1) * math.cos(lat_2) * math.sin(half_lon) ** 2
    # Rounding may carry it a hair beyond 1, for two places on opposite sides of the globe.
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))
