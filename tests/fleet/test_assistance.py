"""HttpProvider against servers that are down, slow, rude or wrong: real sockets, and an end in time for each."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hardshoulder_fleet.assistance.http import HttpProvider
from hardshoulder_fleet.assistance.interface import Assistance, NoHelp, Why
from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.core.views import Order, Price
from hardshoulder_sim.processes import free_port, wait_until

TIMEOUT_S = 0.5
# Far below any timeout that a broken bound would run into, far above what a busy machine adds.
BOUND_S = 4.0
SECRET = b"between the two of us"
QUOTE = {
    "quote_id": "q1",
    "price": {"amount_minor": 12_900, "currency": "EUR"},
    "terms": "Tow to the nearest garage.",
    "arrives_within_minutes": 35,
    "valid_until": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
}

Script = Callable[[socket.socket], None]


class Server:
    """Listens on loopback and does with every connection what the script says, after the request's head has come."""

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self.requests.append(_request(connection))
                self._script(connection)
            except OSError:
                return  # The client has had enough, as it should.

    def close(self) -> None:
        # Wakes accept(), which close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += (chunk := connection.recv(65536))
        assert chunk, "the client left in the middle of its request"
    head, _, body = request.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def asked(script: Script) -> Iterator[tuple[HttpProvider, Server]]:
    server = Server(script)
    try:
        with provider(server.port) as client:
            yield client, server
    finally:
        server.close()


def provider(port: int, timeout_s: float = TIMEOUT_S) -> HttpProvider:
    return HttpProvider(f"http://127.0.0.1:{port}", "http://127.0.0.1:1/hooks/provider", SECRET, timeout_s)


def answer(status: int, body: bytes, content_type: str = "application/json", *more: str) -> Script:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *more]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return lambda connection: connection.sendall(head + body)


def answer_json(status: int, content: object) -> Script:
    return answer(status, json.dumps(content).encode())


def drip(beginning: bytes, drop: bytes) -> Script:
    """Says the beginning, and then a little every 50 ms for as long as somebody listens."""

    def script(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while True:
            connection.sendall(drop)
            time.sleep(0.05)

    return script


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def silence(connection: socket.socket) -> None:
    connection.recv(1)  # Returns when the client leaves.


def ask(client: Assistance) -> None:
    client.quote("incident-1", 48.2, 11.6, "car-1", "engine-stopped")


def refused(client: Assistance, call: Callable[[Assistance], object] = ask) -> NoHelp:
    """What the call ends with, within the bound."""
    began_s = time.monotonic()
    with pytest.raises(NoHelp) as caught:
        call(client)
    assert time.monotonic() - began_s < BOUND_S
    assert str(caught.value) == caught.value.sentence
    return caught.value


# A good provider ----------------------------------------------------------------------------


def test_a_quote_is_read_and_asked_for_with_all_that_is_known() -> None:
    with asked(answer_json(201, QUOTE | {"a newer field": 1})) as (client, server):
        quote = client.quote("incident-1", 48.2, 11.6, "car-1", "engine-stopped")
    assert (quote.quote_id, quote.price, quote.arrives_within_minutes) == ("q1", Price(12_900, "EUR"), 35)
    assert quote.terms == QUOTE["terms"]
    assert quote.valid_until == datetime.fromisoformat(str(QUOTE["valid_until"]))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /quotes HTTP/1.1")
    assert json.loads(body) == {
        "incident_id": "incident-1",
        "position": {"latitude": 48.2, "longitude": 11.6},
        "vehicle": "car-1",
        "kind": "engine-stopped",
    }


@pytest.mark.parametrize(("latitude", "longitude"), [(None, None), (48.2, None), (None, 11.6)])
def test_half_a_position_is_none(latitude: float | None, longitude: float | None) -> None:
    with asked(answer_json(201, QUOTE)) as (client, server):
        client.quote("incident-1", latitude, longitude, "car-1", "engine-stopped")
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["position"] is None


def test_an_order_carries_reference_and_callback_and_never_the_secret() -> None:
    with asked(answer_json(201, {"order_ref": "o1", "state": "requested"})) as (client, server):
        assert client.request("q1", "incident-1") == "o1"
    _, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "quote_id": "q1",
        "reference": "incident-1",
        "callback_url": "http://127.0.0.1:1/hooks/provider",
    }
    assert SECRET not in server.requests[0]


def test_status_and_cancel_tell_the_state_and_when_the_truck_comes() -> None:
    with asked(answer_json(200, {"order_ref": "o1", "state": "en-route", "eta_minutes": 12})) as (client, server):
        assert client.status("o1") == Order("o1", Tow.EN_ROUTE, 12)
        assert client.cancel("o1") == Order("o1", Tow.EN_ROUTE, 12)
    assert [request.split(b" HTTP")[0] for request in server.requests] == [b"GET /orders/o1", b"POST /orders/o1/cancel"]


@pytest.mark.parametrize(
    ("order", "found"),
    [(None, None), ({"order_ref": "o1", "state": "assigned"}, Order("o1", Tow.ASSIGNED))],
)
def test_an_order_is_found_by_its_reference(order: object, found: Order | None) -> None:
    with asked(answer_json(200, {"order": order})) as (client, server):
        assert client.find("incident-1/2&x=1") == found
    assert server.requests[0].startswith(b"GET /orders?reference=incident-1%2F2%26x%3D1 HTTP/1.1")


@pytest.mark.parametrize(
    "content", [{}, {"order": "o1"}, {"order": {"order_ref": "o1", "state": "requested", "eta_minutes": -1}}]
)
def test_an_answer_that_does_not_say_whether_there_is_an_order_is_none(content: object) -> None:
    with asked(answer_json(200, content)) as (client, _):
        assert refused(client, lambda client: client.find("incident-1/1")).why is Why.UNREADABLE


def test_an_order_reference_cannot_lead_to_another_path() -> None:
    with asked(answer_json(200, {"order_ref": "o1", "state": "en-route"})) as (client, server):
        assert refused(client, lambda client: client.status("../quotes?x=1")).why is Why.UNREADABLE
    assert server.requests[0].startswith(b"GET /orders/..%2Fquotes%3Fx%3D1 HTTP/1.1")


def test_one_client_serves_many_threads() -> None:
    with asked(answer_json(201, QUOTE)) as (client, server):
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 16


def test_the_environments_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with asked(answer_json(201, QUOTE)) as (client, _):
        ask(client)


# Bad ones -----------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    with provider(free_port()) as client:
        error = refused(client)
    assert error.sentence == "The towing provider cannot be reached."
    assert error.why is Why.UNREACHABLE
    assert error.may_pass


_JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(silence, id="silent"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"), id="drips its head"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"), id="drips headers"),
        pytest.param(drip(_JSON_HEAD + b"Content-Length: 4000\r\n\r\n", b" "), id="drips its body"),
        pytest.param(drip(_JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="drips chunks"),
        pytest.param(drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), id="says wait for ever"),
    ],
)
def test_a_slow_provider_holds_nobody(script: Script) -> None:
    with asked(script) as (client, _):
        error = refused(client)
    assert (error.sentence, error.why) == ("The towing provider did not answer within 0.5 s.", Why.SLOW)
    assert error.may_pass


@pytest.mark.parametrize(
    ("script", "sentence", "why"),
    [
        (answer(200, b"<html>", "text/html; charset=utf-8"), "with a web page instead of JSON", Why.UNREADABLE),
        (answer(200, b"{}", "text/plain"), "with something else instead of JSON", Why.UNREADABLE),
        (answer(200, b"<html>"), "cannot be read: body: Invalid JSON", Why.UNREADABLE),
        (answer(502, b"<html>", "text/html"), "is out of order (HTTP 502)", Why.UNREACHABLE),
        (answer(204, b""), "makes no sense (HTTP 204)", Why.UNREADABLE),
        (answer(302, b"", "text/html", "Location: http://127.0.0.1:1/"), "points to another address", Why.UNREADABLE),
        (answer(404, b"<html>", "text/html"), "refuses: it gives no reason (HTTP 404).", Why.REFUSED),
        (answer_json(409, {"detail": "We are on strike."}), "refuses: We are on strike.", Why.REFUSED),
        (answer_json(409, {"detail": "\x1b[2J"}), "refuses: it gives no reason (HTTP 409).", Why.REFUSED),
        (answer_json(410, {"detail": "Too late."}), "quote has expired: Too late.", Why.EXPIRED),
        (answer(200, b" " * 70_000), "is larger than 64 KiB", Why.UNREADABLE),
        (flood, "is larger than 64 KiB", Why.UNREADABLE),
        (answer(200, b"", "application/json", "Content-Encoding: gzip"), "packed its answer", Why.UNREADABLE),
        (lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"), "broke", Why.UNREACHABLE),
        (lambda _connection: None, "broke", Why.UNREACHABLE),
        (lambda connection: connection.sendall(_JSON_HEAD + b"Content-Length: 9\r\n\r\n{"), "broke", Why.UNREACHABLE),
    ],
)
def test_a_provider_that_makes_no_sense_is_no_help(script: Script, sentence: str, why: Why) -> None:
    with asked(script) as (client, _):
        error = refused(client)
    assert sentence in error.sentence
    assert error.sentence.endswith(".") and "\n" not in error.sentence
    assert error.why is why


def test_a_redirect_is_not_followed() -> None:
    elsewhere = Server(answer_json(201, QUOTE))
    to = f"Location: http://127.0.0.1:{elsewhere.port}/quotes"
    try:
        with asked(answer(307, b"", "application/json", to)) as (client, _):
            refused(client)
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"price": {"amount_minor": "12900", "currency": "EUR"}}, "price.amount_minor"),
        ({"price": {"amount_minor": 129.5, "currency": "EUR"}}, "price.amount_minor"),
        ({"price": {"amount_minor": 0, "currency": "EUR"}}, "price.amount_minor"),
        ({"price": {"amount_minor": -5, "currency": "EUR"}}, "price.amount_minor"),
        ({"price": {"amount_minor": 10**9, "currency": "EUR"}}, "price.amount_minor"),
        ({"price": {"amount_minor": 12_900, "currency": "€"}}, "price.currency"),
        ({"price": {"amount_minor": 12_900, "currency": "JPY"}}, "price.currency"),
        ({"price": None}, "price"),
        ({"terms": ""}, "terms"),
        ({"terms": "free\u202e of charge"}, "terms"),
        ({"terms": "x" * 2001}, "terms"),
        ({"arrives_within_minutes": -1}, "arrives_within_minutes"),
        ({"valid_until": "2099-01-01T00:00:00"}, "valid_until"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"quote_id": "a/b"}, "quote_id"),
        ({"quote_id": "q\n"}, "quote_id"),
    ],
)
def test_a_quote_that_could_be_misread_is_no_quote(change: dict[str, Any], place: str) -> None:
    with asked(answer_json(201, QUOTE | change)) as (client, _):
        error = refused(client)
    assert f"cannot be read: {place}: " in error.sentence
    assert error.why is Why.UNREADABLE


def test_a_quote_that_comes_expired_is_none() -> None:
    with asked(answer_json(201, QUOTE | {"valid_until": "2020-01-01T00:00:00Z"})) as (client, _):
        assert refused(client).why is Why.EXPIRED


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(90.1, 0.0), (0.0, -180.5), (float("nan"), 0.0), (0.0, float("inf"))]
)
def test_nobody_is_sent_off_the_globe(latitude: float, longitude: float) -> None:
    with asked(answer_json(201, QUOTE)) as (client, server):
        error = refused(client, lambda client: client.quote("i", latitude, longitude, "car-1", "crash"))
    assert "is not on the globe" in error.sentence
    assert error.why is Why.REFUSED and not error.may_pass
    assert server.requests == []


def test_closing_frees_whoever_waits() -> None:
    heard: list[NoHelp] = []

    def wait(client: Assistance) -> None:
        try:
            ask(client)
        except NoHelp as error:
            heard.append(error)

    server = Server(silence)
    client = provider(server.port, timeout_s=60.0)
    waiting = threading.Thread(target=wait, args=(client,))
    waiting.start()
    wait_until(lambda: bool(server.requests), "the request has come")
    client.close()
    waiting.join(BOUND_S)
    assert [error.why for error in heard] == [Why.UNREACHABLE]
    client.close()
    server.close()


@pytest.mark.parametrize(
    "address",
    ["", "towing.example", "ftp://towing.example", "http://", "http://a/?b", "http://[::1", f"http://{'a' * 99}/"],
)
def test_a_wrong_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        HttpProvider(address, "http://127.0.0.1:1/hooks/provider", SECRET)
