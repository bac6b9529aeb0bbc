"""What every provider of tows can be asked, whatever it speaks.

A call blocks until there is an answer or NoHelp, and an adapter says how long that may last. So
it is made from a thread that may wait, never inside a transaction and never on an event loop.
"""

from enum import Enum
from typing import Protocol

from hardshoulder_fleet.core.views import Order, Quote


class Why(Enum):
    """What kept the provider from helping."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    EXPIRED = "expired"


_MAY_PASS = frozenset({Why.UNREACHABLE, Why.SLOW, Why.UNREADABLE})


class NoHelp(Exception):
    """No answer that could be used; the text is one sentence for an operator."""

    def __init__(self, sentence: str, why: Why) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.why = why

    @property
    def may_pass(self) -> bool:
        """Whether asking the same again can help. The request may have been heard: only repeat what is idempotent."""
        return self.why in _MAY_PASS


class Assistance(Protocol):
    """A provider of tows. Every call raises NoHelp."""

    def quote(
        self, incident_id: str, latitude: float | None, longitude: float | None, vehicle: str, kind: str
    ) -> Quote:
        """A price for towing this vehicle; it binds nobody. latitude, longitude: degrees, None when nobody knows.

        kind: the finding the incident is named after, in the words of the wire format.
        """

    def request(self, quote_id: str, reference: str) -> str:
        """Orders the quoted tow, at the driver's cost; the provider's name for the order.

        reference: our name for this one order. A repeated request of one reference and quote gives
        the order that is there already.
        """

    def status(self, order_ref: str) -> Order:
        """How the tow stands."""

    def cancel(self, order_ref: str) -> Order:
        """Calls the tow off, and tells how it stands then: a completed one stays completed.

        NoHelp that may not pass means that the truck comes all the same.
        """

    def find(self, reference: str) -> Order | None:
        """The order that was placed under this reference; None: there is none."""
