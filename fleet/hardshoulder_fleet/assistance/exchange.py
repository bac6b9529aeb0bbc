"""One question and one answer over HTTP, with an end in time and in size."""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass

import httpx

from hardshoulder_fleet.assistance.address import on_this_machine, parse_address
from hardshoulder_fleet.assistance.interface import NoHelp, Why

LIMIT_BYTES = 64 * 1024
"""Of an answer; a quote with long terms has three thousand."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. content_type: the header, in lower case and without parameters."""

    status: int
    content_type: str
    body: bytes

    def json_body(self) -> bytes:
        """The body. Raises NoHelp when it does not even claim to be JSON."""
        if self.content_type != "application/json":
            # What the header says is not repeated: it is the provider's text, of any length.
            spoken = "a web page" if self.content_type == "text/html" else "something else"
            raise NoHelp(f"The towing provider answered with {spoken} instead of JSON.", Why.UNREADABLE)
        return self.body


class Exchange:
    """Asks one server. Its own thread runs an event loop: only there can an exchange be given up at any point.

    Timeouts of single reads would not do: a server that sends a byte a second passes all of them.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        """Raises ValueError for an address that is none."""
        url = parse_address(base_url)
        if url.query or url.fragment:
            raise ValueError(f"{base_url!r} goes on after its path; it has to be the beginning of other addresses.")
        self._timeout_s = timeout_s
        self._base_url = str(url).rstrip("/")
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            # Calls are rare, and a connection kept open would be one more way to fail.
            limits=httpx.Limits(max_keepalive_connections=0),
            # What answers on this machine is not asked through a proxy.
            trust_env=not on_this_machine(url),
            # Unpacked, a small answer may be a huge one.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="assistance", daemon=True)
        self._thread.start()

    def ask(self, method: str, path: str, content: Mapping[str, object] | None) -> Reply:
        """The whole answer. Raises NoHelp, within timeout_s."""
        answer = asyncio.run_coroutine_threadsafe(self._bounded(method, path, content), self._loop)
        try:
            return answer.result()
        except CancelledError:
            raise NoHelp("The fleet ended while the towing provider was asked.", Why.UNREACHABLE) from None

    def close(self) -> None:
        """Ends connections and thread; a second time does nothing."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._give_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _give_up(self) -> None:
        """Whoever still waits for an answer hears that there is none."""
        asking = asyncio.all_tasks() - {asyncio.current_task()}
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._client.aclose()

    async def _bounded(self, method: str, path: str, content: Mapping[str, object] | None) -> Reply:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(method, path, content)
        except (TimeoutError, httpx.TimeoutException):
            sentence = f"The towing provider did not answer within {self._timeout_s:g} s."
            raise NoHelp(sentence, Why.SLOW) from None
        except httpx.ConnectError:
            raise NoHelp("The towing provider cannot be reached.", Why.UNREACHABLE) from None
        except httpx.RequestError as error:
            sentence = f"The connection to the towing provider broke ({type(error).__name__})."
            raise NoHelp(sentence, Why.UNREACHABLE) from None

    async def _ask(self, method: str, path: str, content: Mapping[str, object] | None) -> Reply:
        async with self._client.stream(method, self._base_url + path, json=content) as response:
            body = b""
            if response.headers.get("content-encoding", "identity") != "identity":
                raise NoHelp("The towing provider packed its answer, though it was asked not to.", Why.UNREADABLE)
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LIMIT_BYTES:
                    sentence = f"The towing provider's answer is larger than {LIMIT_BYTES // 1024} KiB."
                    raise NoHelp(sentence, Why.UNREADABLE)
            content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Reply(response.status_code, content_type, body)
