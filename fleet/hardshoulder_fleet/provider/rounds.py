"""What the provider does of its own accord: tows go on, and the fleet is told of each step until it hears."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx

from hardshoulder_fleet.assistance.address import on_this_machine
from hardshoulder_fleet.assistance.webhook import SIGNATURE_HEADER, sign
from hardshoulder_fleet.provider.ledger import Ledger, Report
from hardshoulder_fleet.provider.settings import Retry

TELL_TIMEOUT_S = 5.0
_AFTER_TROUBLE_S = 5.0

_log = logging.getLogger(__name__)


class Rounds:
    """Two tasks for each order: one lets the tow go on, one tells. A receiver that is away stops no tow.

    To be used on one event loop.
    """

    def __init__(self, ledger: Ledger, secret: bytes, retry: Retry) -> None:
        self._ledger = ledger
        self._secret = secret
        self._retry = retry
        self._news: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = {direct: _client(direct=direct) for direct in (False, True)}

    def resume(self) -> None:
        """Takes up whatever a former process left."""
        for order_ref in self._ledger.unfinished():
            self.follow(order_ref)

    def follow(self, order_ref: str) -> None:
        """Looks after this order until it has ended and been told; a second time only says that there is news."""
        if order_ref in self._news:
            self._news[order_ref].set()
            return
        self._news[order_ref] = asyncio.Event()
        task = asyncio.create_task(self._both(order_ref))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Leaves everything as it is in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    async def _both(self, order_ref: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._patiently(self._drive, order_ref))
                group.create_task(self._patiently(self._tell, order_ref))
        finally:
            del self._news[order_ref]

    async def _patiently(self, work: Callable[[str], Awaitable[None]], order_ref: str) -> None:
        """A full disk passes; the order must not be forgotten over it."""
        while True:
            try:
                return await work(order_ref)
            except sqlite3.Error:
                _log.exception("the database fails, another attempt in %g s: order=%s", _AFTER_TROUBLE_S, order_ref)
                await asyncio.sleep(_AFTER_TROUBLE_S)

    async def _drive(self, order_ref: str) -> None:
        while True:
            before = self._ledger.order(order_ref)
            order = self._ledger.advance(order_ref, time.time())
            if before != order:
                _log.info("tow %s: order=%s sequence=%d", order.state.value, order_ref, order.sequence)
                self._news[order_ref].set()
            if order.next_at is None:
                self._news[order_ref].set()
                return
            await asyncio.sleep(max(0.0, order.next_at - time.time()))

    async def _tell(self, order_ref: str) -> None:
        while True:
            news = self._news[order_ref]
            # Before looking: what comes while we look sets it again.
            news.clear()
            report, order = self._ledger.next_report(order_ref), self._ledger.order(order_ref)
            assert order is not None, f"no order {order_ref}"
            if report is not None:
                await self._tell_one(order.callback_url, report)
            elif order.next_at is None:
                return
            else:
                await news.wait()

    async def _tell_one(self, url: str, report: Report) -> None:
        """One attempt, when it is time for it."""
        await asyncio.sleep(max(0.0, report.next_try_at - time.time()))
        problem = await self._post(url, report)
        if problem is None:
            self._ledger.heard(report)
            return
        wait_s = self._retry.after(report.attempts + 1)
        self._ledger.not_heard(report, time.time() + wait_s)
        _log.warning(
            "report not heard, again in %g s: order=%s sequence=%d: %s",
            wait_s, report.order_ref, report.sequence, problem,
        )  # fmt: skip

    async def _post(self, url: str, report: Report) -> str | None:
        """What went wrong, or None."""
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(report.body, self._secret)}
        client = self._clients[on_this_machine(httpx.URL(url))]
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_TIMEOUT_S):
                try:
                    # Only the status matters: what else the receiver says, however long, stays unread.
                    async with client.stream("POST", url, content=report.body, headers=headers) as response:
                        return None if response.is_success else f"HTTP {response.status_code}"
                except httpx.RequestError as error:
                    return str(error) or type(error).__name__
        return f"no answer within {TELL_TIMEOUT_S:g} s"


def _client(*, direct: bool) -> httpx.AsyncClient:
    """direct: without the environment's proxy, for receivers on this machine."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=TELL_TIMEOUT_S, limits=limits, trust_env=not direct, follow_redirects=False)
