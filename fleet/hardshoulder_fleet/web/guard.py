"""Stands before every route: limits what comes in, and sets what every answer has to carry."""

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hardshoulder_fleet.web.pages import emergency_number, time_zone
from hardshoulder_fleet.web.refusals import refusal
from hardshoulder_fleet.web.settings import WebSettings

BODY_LIMIT_BYTES = 16 * 1024
_TOO_LARGE = f"That was more than {BODY_LIMIT_BYTES // 1024} KiB at once; nothing was changed."
_DIGITS_MAX = 20
"""Of a length that is looked at: int() refuses thousands of them."""

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


class _HungUp(Exception):
    """The sender went away before the end of the body: there is nobody to answer."""


class Guard:
    """ASGI middleware around the whole application. settings: what all its pages tell the same way."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; what fails unforeseen is logged, and the driver gets a page of ours."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        emergency_number.set(self._settings.emergency_number)
        time_zone.set(self._settings.time_zone)
        answer = _Answer(send)
        try:
            # Before the application sees any of it: what reads forms makes a 400 of whatever fails meanwhile.
            body = await _whole_body(scope, receive)
            await self._app(_without_last_slash(scope), _again(body, receive), answer)
        except _TooLarge:
            await _instead(answer, scope, receive, refusal(scope, 413, _TOO_LARGE))
        except _HungUp:
            log.info("a request broke off: %s", scope["method"])
        except Exception:
            # The path holds the driver's key and stays out of the log.
            log.exception("a request failed: %s", scope["method"])
            await _instead(answer, scope, receive, refusal(scope, 500, "Something went wrong on our side."))


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


def _without_last_slash(scope: Scope) -> Scope:
    """A messenger that adds a slash to her link leads to the same page, without a redirect that repeats her key."""
    path: str = scope["path"]
    return {**scope, "path": path[:-1]} if len(path) > 1 and path.endswith("/") else scope


async def _whole_body(scope: Scope, receive: Receive) -> bytes:
    """Raises _TooLarge, and _HungUp when the end does not come.

    A header that announces too much is believed, and nothing is read. One that announces less is not:
    what really arrives is counted.
    """
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdecimal() and int(announced[:_DIGITS_MAX]) > BODY_LIMIT_BYTES:
        raise _TooLarge
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _HungUp
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT_BYTES:
            raise _TooLarge
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Hands over what was read, and then whatever comes after it."""
    handed_over = False

    async def again() -> Message:
        nonlocal handed_over
        if handed_over:
            return await receive()
        handed_over = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
