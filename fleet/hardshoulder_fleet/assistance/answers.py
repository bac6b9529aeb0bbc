"""What a provider may answer, read strictly: a price that is misread is money of a frightened driver."""

import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.core.views import Order, Price, Quote

# ISO 4217 currencies whose minor unit is not a hundredth. A price in one of them would be shown wrongly.
_NOT_HUNDREDTHS = re.compile(
    "BHD|BIF|CLP|DJF|GNF|IQD|ISK|JOD|JPY|KMF|KRW|KWD|LYD|OMR|PYG|RWF|TND|UGX|UYI|VND|VUV|XAF|XOF|XPF"
)
_AMOUNT_MINOR_MAX = 10_000_00


def _in_hundredths(currency: str) -> str:
    if _NOT_HUNDREDTHS.fullmatch(currency):
        raise ValueError("prices are shown in hundredths, and this currency has no such unit")
    return currency


def _printable(text: str) -> str:
    """Terms are shown to a person and stored as what was agreed: nothing in them may hide."""
    if not all(character.isprintable() or character == "\n" for character in text):
        raise ValueError("there are characters in it that nobody can see")
    return text


def _as_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A provider's name for something of its own; nothing in it could mean another path."""


EtaMinutes = Annotated[int, Field(ge=0, le=24 * 60)]
"""Until the truck is there."""


class _Answer(BaseModel):
    """What a provider says; a newer one may say more than this fleet understands."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class PriceAnswer(_Answer):
    """amount_minor: hundredths of the currency."""

    amount_minor: Annotated[int, Field(gt=0, le=_AMOUNT_MINOR_MAX)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(_in_hundredths)]


class QuoteAnswer(_Answer):
    """The answer to a question for a price."""

    quote_id: Reference
    price: PriceAnswer
    terms: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable)]
    arrives_within_minutes: Annotated[int, Field(ge=1, le=24 * 60)]
    valid_until: Annotated[AwareDatetime, AfterValidator(_as_utc)]

    def quote(self) -> Quote:
        """As the fleet knows it."""
        price = Price(self.price.amount_minor, self.price.currency)
        return Quote(self.quote_id, price, self.terms, self.arrives_within_minutes, self.valid_until)


class OrderAnswer(_Answer):
    """The answer to everything that concerns an order. eta_minutes: until the truck is there."""

    order_ref: Reference
    state: Tow
    eta_minutes: EtaMinutes | None = None

    def order(self) -> Order:
        """As the fleet knows it."""
        return Order(self.order_ref, self.state, self.eta_minutes)


class FindAnswer(_Answer):
    """The answer to the question for an order by its reference; null: there is none."""

    order: OrderAnswer | None


class RefusalAnswer(_Answer):
    """The answer to what the provider will not do. detail: its reason, in a sentence."""

    detail: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_printable)]


Answer = TypeVar("Answer", bound=_Answer)


def read_answer(model: type[Answer], body: bytes) -> Answer:
    """Raises NoHelp when it says anything else."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "body"
        sentence = f"The towing provider's answer cannot be read: {place}: {first['msg']}."
        raise NoHelp(sentence, Why.UNREADABLE) from None
