"""Stands before every route: limits what comes in, and sets what every answer has to carry."""

import logging

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hardshoulder_fleet.web.pages import error_page

BODY_LIMIT_BYTES = 16 * 1024

log = logging.getLogger("hardshoulder_fleet.web")

# A page of ours needs nothing from anywhere else, runs no script of its own HTML and is nobody's frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # The address of the driver's page is her key: no other site may learn it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class _TooLarge(Exception):
    """The body has more bytes than any form or report of ours."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; what fails unforeseen is logged, and the driver gets a page of ours."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self._app(scope, _limited(receive), answer)
        except _TooLarge:
            await _instead(answer, scope, receive, error_page(413, "That was too much at once."))
        except Exception:
            # The path holds the driver's key and stays out of the log.
            log.exception("a request failed: %s", scope["method"])
            await _instead(answer, scope, receive, error_page(500, "Something went wrong on our side."))


class _Answer:
    """Sends an answer with our headers, and remembers whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await self._send(message)


async def _instead(answer: _Answer, scope: Scope, receive: Receive, page: Response) -> None:
    if answer.begun:
        raise RuntimeError("An answer broke off after it had begun.")
    await page(scope, receive, answer)


def _limited(receive: Receive) -> Receive:
    """Counts what really arrives; a header may promise anything."""
    came_bytes = 0

    async def limited() -> Message:
        nonlocal came_bytes
        message = await receive()
        came_bytes += len(message.get("body", b""))
        if came_bytes > BODY_LIMIT_BYTES:
            raise _TooLarge
        return message

    return limited
