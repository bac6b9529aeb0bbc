"""A provider of tows that is asked over HTTP and reports back by webhook."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self
from urllib.parse import quote as escaped

from hardshoulder_fleet.assistance.answers import (
    FindAnswer,
    OrderAnswer,
    QuoteAnswer,
    RefusalAnswer,
    read_answer,
)
from hardshoulder_fleet.assistance.exchange import Exchange, Reply
from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.assistance.webhook import ReportData, read_report
from hardshoulder_fleet.core.views import Order, Quote

_GONE = 410
_SERVER_ERROR = 500
_REFUSALS = range(400, 500)


class HttpProvider:
    """See `assistance.interface.Assistance`. To be closed, or used as a context manager; from any thread.

    base_url: of the provider's service. callback_url: where it reports to. webhook_secret: what its
    reports are signed with. timeout_s: how long one call lasts at most, from name look-up to the
    last byte of the answer.
    """

    def __init__(self, base_url: str, callback_url: str, webhook_secret: bytes, timeout_s: float = 5.0) -> None:
        """Raises ValueError for a base_url that is none."""
        self._exchange = Exchange(base_url, timeout_s)
        self._callback_url = callback_url
        self._secret = webhook_secret

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def quote(
        self, incident_id: str, latitude: float | None, longitude: float | None, vehicle: str, kind: str
    ) -> Quote:
        position = _position(latitude, longitude)
        question = {"incident_id": incident_id, "position": position, "vehicle": vehicle, "kind": kind}
        quote = read_answer(QuoteAnswer, self._ask("POST", "/quotes", question)).quote()
        if quote.valid_until <= datetime.now(UTC):
            raise NoHelp("The towing provider's quote had expired when it came; compare the clocks.", Why.EXPIRED)
        return quote

    def request(self, quote_id: str, reference: str) -> str:
        order = {"quote_id": quote_id, "reference": reference, "callback_url": self._callback_url}
        return read_answer(OrderAnswer, self._ask("POST", "/orders", order)).order_ref

    def status(self, order_ref: str) -> Order:
        return self._order(order_ref, self._ask("GET", f"/orders/{escaped(order_ref, safe='')}"))

    def cancel(self, order_ref: str) -> Order:
        return self._order(order_ref, self._ask("POST", f"/orders/{escaped(order_ref, safe='')}/cancel", {}))

    def find(self, reference: str) -> Order | None:
        answer = read_answer(FindAnswer, self._ask("GET", f"/orders?reference={escaped(reference, safe='')}"))
        return None if answer.order is None else answer.order.order()

    def hear(self, body: bytes, signature: str) -> ReportData:
        """What came in at the webhook. Raises BadReportError for a wrong signature or an unreadable report."""
        return read_report(body, signature, self._secret)

    def close(self) -> None:
        """Ends its connections and its thread."""
        self._exchange.close()

    def _order(self, order_ref: str, body: bytes) -> Order:
        order = read_answer(OrderAnswer, body)
        if order.order_ref != order_ref:
            raise NoHelp("The towing provider answered for another order than the one asked about.", Why.UNREADABLE)
        return order.order()

    def _ask(self, method: str, path: str, content: Mapping[str, object] | None = None) -> bytes:
        """The body of an answer in JSON that means yes. Raises NoHelp."""
        reply = self._exchange.ask(method, path, content)
        if reply.status in (200, 201):
            return reply.json_body()
        raise _refusal(reply)


def _position(latitude: float | None, longitude: float | None) -> dict[str, float] | None:
    """Raises NoHelp for a place that is not on the globe: a tow must not set out for it."""
    if latitude is None or longitude is None:
        return None
    on_globe = math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180
    if not on_globe:
        sentence = f"The car's position {latitude:g}, {longitude:g} is not on the globe: nobody can be sent there."
        raise NoHelp(sentence, Why.REFUSED)
    return {"latitude": latitude, "longitude": longitude}


def _refusal(reply: Reply) -> NoHelp:
    """What a status other than success means."""
    if 300 <= reply.status < 400:
        return NoHelp("The towing provider points to another address, and that is not followed.", Why.UNREADABLE)
    if reply.status >= _SERVER_ERROR:
        return NoHelp(f"The towing provider is out of order (HTTP {reply.status}).", Why.UNREACHABLE)
    if reply.status not in _REFUSALS:
        return NoHelp(f"The towing provider's answer makes no sense (HTTP {reply.status}).", Why.UNREADABLE)
    reason = _reason(reply)
    if reply.status == _GONE:
        return NoHelp(f"The towing provider's quote has expired: {reason}", Why.EXPIRED)
    return NoHelp(f"The towing provider refuses: {reason}", Why.REFUSED)


def _reason(reply: Reply) -> str:
    """The provider's own words where it gives any."""
    try:
        return read_answer(RefusalAnswer, reply.json_body()).detail
    except NoHelp:
        return f"it gives no reason (HTTP {reply.status})."
