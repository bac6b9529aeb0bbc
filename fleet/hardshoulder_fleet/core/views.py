"""What the pages are told: plain values, made by the desk, shown by the web."""

from dataclasses import dataclass
from datetime import datetime

from hardshoulder_fleet.core.checkin import CheckIn, Tow


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in minor units (cents) of an ISO 4217 currency."""

    amount_minor: int
    currency: str

    def text(self) -> str:
        """`129.00 EUR`."""
        return f"{self.amount_minor // 100}.{self.amount_minor % 100:02d} {self.currency}"


@dataclass(frozen=True, slots=True)
class Quote:
    """A provider's price for one tow. quote_id: the provider's own."""

    quote_id: str
    price: Price
    terms: str
    arrives_within_minutes: int
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class TowView:
    """An ordered tow. consent_text: the words that were shown and agreed to."""

    order_ref: str
    state: Tow
    price: Price
    consent_text: str
    ordered_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the whole story: the car's, the driver's, the provider's and ours."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class CheckInView:
    """One incident with its check-in, as driver's page and operator's list need it.

    noticed: the evidence in sentences. hazards, kind, car_state: the words of the wire format.
    location: degrees. gaps: sequence numbers that have not arrived.
    """

    incident_id: str
    vehicle: str
    kind: str
    cause: str
    car_state: str
    hazards: str
    hazard_button: str | None
    speed_kph: float | None
    latitude: float | None
    longitude: float | None
    noticed: tuple[str, ...]
    state: CheckIn
    opened_at: datetime
    changed_at: datetime
    answer_due_at: datetime | None
    quote: Quote | None
    tow: TowView | None
    gaps: tuple[int, ...]
    story: tuple[Entry, ...]
