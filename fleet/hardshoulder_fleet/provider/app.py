"""The provider's HTTP service: quotes and orders come in here."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from hardshoulder_fleet.provider.ledger import Ledger, Order, RefusedError
from hardshoulder_fleet.provider.questions import OrderQuestion, QuoteQuestion, RefusalError, read_question
from hardshoulder_fleet.provider.rounds import Rounds
from hardshoulder_fleet.provider.settings import ProviderSettings
from hardshoulder_fleet.provider.tariff import OutOfReachError, Position

_CONFLICT = 409
_GONE = 410
_UNPROCESSABLE = 422
_NOT_FOUND = 404

_log = logging.getLogger(__name__)


def create_provider(settings: ProviderSettings) -> FastAPI:
    """The application; its database is open from now on. Raises LedgerError.

    A refusal is a status from 400 on with `{"detail": one sentence}`.
    """
    desk = _Desk(settings)
    app = FastAPI(title="Towing provider", lifespan=desk.life, openapi_url=None)
    app.add_exception_handler(RefusalError, _refuse)
    app.add_api_route("/quotes", desk.quote, methods=["POST"], status_code=201)
    app.add_api_route("/orders", desk.order, methods=["POST"], response_model=None)
    app.add_api_route("/orders", desk.find, methods=["GET"])
    app.add_api_route("/orders/{order_ref}", desk.status, methods=["GET"])
    app.add_api_route("/orders/{order_ref}/cancel", desk.cancel, methods=["POST"])
    return app


async def _refuse(_request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, RefusalError)
    return JSONResponse({"detail": str(refusal)}, refusal.status)


class _Desk:
    """The answers. Everything runs on the event loop's thread, so no two of them touch the ledger at once."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._ledger = Ledger(settings.database, settings.pauses)
        self._rounds = Rounds(self._ledger, settings.secret, settings.retry)

    @asynccontextmanager
    async def life(self, _app: FastAPI) -> AsyncIterator[None]:
        """Takes up what a former process left, and leaves everything to the next."""
        self._rounds.resume()
        try:
            yield
        finally:
            await self._rounds.close()
            self._ledger.close()

    async def quote(self, request: Request) -> dict[str, object]:
        question = await read_question(QuoteQuestion, request)
        at = question.position
        try:
            offer = self._settings.tariff.offer(None if at is None else Position(at.latitude, at.longitude))
        except OutOfReachError as error:
            raise RefusalError(_UNPROCESSABLE, str(error)) from None
        valid_until = time.time() + self._settings.quote_valid_s
        return {
            "quote_id": self._ledger.add_quote(offer, valid_until),
            "price": {"amount_minor": offer.price.amount_minor, "currency": offer.price.currency},
            "terms": offer.terms,
            "arrives_within_minutes": offer.arrives_within_minutes,
            "valid_until": datetime.fromtimestamp(valid_until, UTC).isoformat(),
        }

    async def order(self, request: Request) -> JSONResponse:
        """201 for a new order, 200 for one that was there."""
        question = await read_question(OrderQuestion, request)
        try:
            order, new = self._ledger.take_order(
                question.quote_id, question.reference, question.callback_url, time.time()
            )
        except RefusedError as error:
            raise RefusalError(_GONE if error.expired else _CONFLICT, str(error)) from None
        if new:
            price = self._ledger.price_of(order).text()
            _log.info("tow ordered: order=%s reference=%s price=%s", order.order_ref, order.reference, price)
            self._rounds.follow(order.order_ref)
        return JSONResponse(_told(order), 201 if new else 200)

    async def find(self, reference: str = "") -> dict[str, object]:
        """By the reference it was ordered under: `order` is null when there is none."""
        order = self._ledger.order_for(reference)
        return {"order": None if order is None else _told(order)}

    async def status(self, order_ref: str) -> dict[str, object]:
        return _told(self._known(order_ref))

    async def cancel(self, order_ref: str) -> dict[str, object]:
        before = self._known(order_ref)
        try:
            order = self._ledger.cancel(order_ref, time.time())
        except RefusedError as error:
            raise RefusalError(_CONFLICT, str(error)) from None
        if order != before:
            _log.info("tow cancelled: order=%s", order_ref)
            self._rounds.follow(order_ref)
        return _told(order)

    def _known(self, order_ref: str) -> Order:
        order = self._ledger.order(order_ref)
        if order is None:
            raise RefusalError(_NOT_FOUND, "We have no such order.")
        return order


def _told(order: Order) -> dict[str, object]:
    told: dict[str, object] = {"order_ref": order.order_ref, "state": order.state.value}
    minutes = order.minutes_left(time.time())
    return told if minutes is None else told | {"eta_minutes": minutes}
