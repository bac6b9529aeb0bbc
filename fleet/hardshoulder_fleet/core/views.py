"""What the pages are told: plain values, made by the desk, shown by the web."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Tow


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
class Order:
    """What a provider says of an order. eta_minutes: until the truck is there; None: it does not say."""

    order_ref: str
    state: Tow
    eta_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class TowView:
    """An ordered tow. order_ref: empty until the provider has given it.

    consent_text: the words that were shown and agreed to. ended: it is not on its way any more.
    unsettled: nobody knows whether the provider has this order. called_off: by whom, while that is
    under way and afterwards. refusal: why the provider did not call it off. eta_minutes: what the
    provider said at `eta_at`. heard_at: when it last said anything.
    """

    number: int
    order_ref: str
    state: Tow
    price: Price
    consent_text: str
    ordered_at: datetime
    changed_at: datetime
    ended: bool
    unsettled: bool
    called_off: CallOff | None
    refusal: str
    eta_minutes: int | None
    eta_at: datetime | None
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the whole story: the car's, the driver's, the provider's and ours."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Track:
    """What one signal said in the seconds before an incident: a value every `step_s`, None where it was not fresh."""

    signal: str
    step_s: float
    values: tuple[bool | float | str | None, ...]


@dataclass(frozen=True, slots=True)
class OutageView:
    """Cars that fell silent together and still are: how many, and when the first of them did."""

    cars: int
    since: datetime


class Clock(Enum):
    """What is to be thought of the car's times in a story.

    UNSET: its clock had not been set, so they are counted back from when the report came. CORRECTED: it was set later,
    and the car has corrected them.
    """

    SET = "set"
    UNSET = "unset"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class CheckInView:
    """One incident with its check-in, as driver's page and operator's list need it.

    noticed: the evidence in sentences. hazards, kind, car_state: the words of the wire format.
    place_age_s, place_within_m: how old the place was when it was said, and how far off it may be; None: nobody knows.
    location: degrees. gaps: sequence numbers that have not arrived.
    ruleset: the rules that opened it; None from a car that does not say.
    recording: what the car calls its raw frames of the incident; None where it keeps none.
    last_heard_at: of a car that fell silent; its kind is `core.contact.LOST_CONTACT`, speed_kph and
    car_state are what was heard then. wants_help: see `core.checkin.wants_help`.
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
    ruleset: str | None
    recording: str | None
    last_heard_at: datetime | None
    wants_help: bool
    state: CheckIn
    opened_at: datetime
    changed_at: datetime
    answer_due_at: datetime | None
    quote: Quote | None
    tow: TowView | None
    gaps: tuple[int, ...]
    story: tuple[Entry, ...]
    clock: Clock = Clock.SET
    place_age_s: float | None = None
    place_within_m: float | None = None
