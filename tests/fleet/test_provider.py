"""The provider as a process, asked by HttpProvider, reporting to a real receiver; killed, restarted, unheard."""

import hashlib
import hmac
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from hardshoulder_fleet.__main__ import main
from hardshoulder_fleet.assistance.http import HttpProvider
from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.core.views import Order, Price
from hardshoulder_sim.fleet_processes import ProviderProcess
from hardshoulder_sim.processes import wait_until

pytestmark = pytest.mark.slow

SECRET = b"between the two of us"
WHOLE = ["assigned", "en-route", "on-site", "completed"]


class Towing(ProviderProcess):
    """`hardshoulder-fleet provider` in this folder, with a secret of its own. Of a repeated option the last counts."""

    def __init__(self, folder: Path, pause_s: float, *more: str) -> None:
        (folder / "secret").write_bytes(SECRET + b"\n")
        super().__init__(folder, folder / "secret", pause_s)
        self.url = f"http://127.0.0.1:{self.port}"
        self.more = more

    def command(self) -> list[str]:
        return [*super().command(), *self.more]


class Receiver:
    """Where the provider reports to. `stop` and `start` may follow each other; the port stays the same.

    on_report: called with a report's sequence number before it is answered; gives the status.
    """

    def __init__(self) -> None:
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._reservation.getsockname()[1]}/hooks/provider"
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.on_report: Callable[[int], int] = lambda _sequence: 200
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(body)
                receiver.signatures.append(self.headers["X-Hardshoulder-Signature"])
                assert self.path == "/hooks/provider" and self.headers["Content-Type"] == "application/json"
                self.send_response(receiver.on_report(json.loads(body)["sequence"]))
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self._reservation.getsockname()[1]), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def close(self) -> None:
        self.stop()
        self._reservation.close()

    def states(self, order_ref: str) -> list[str]:
        """What a receiver knows that keeps the first of each (order_ref, sequence), in the order of arrival."""
        first: dict[int, str] = {}
        for body in list(self.bodies):
            report = json.loads(body)
            if report["order_ref"] == order_ref:
                first.setdefault(report["sequence"], report["state"])
        assert list(first) == list(range(1, len(first) + 1)), "told in their order"
        return list(first.values())

    def times_told(self, sequence: int) -> int:
        return sum(json.loads(body)["sequence"] == sequence for body in list(self.bodies))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.close()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Towing]:
    """One whose tows are over in half a second."""
    with Towing(tmp_path, 0.1) as process:
        yield process


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Towing]:
    """One whose tows stay where they are."""
    with Towing(tmp_path, 3600) as process:
        yield process


def client_of(process: Towing, receiver: Receiver) -> HttpProvider:
    return HttpProvider(process.url, receiver.url, SECRET)


def quote_id(client: HttpProvider) -> str:
    return client.quote("incident-1", 48.2706, 11.6446, "car-1", "engine-stopped").quote_id


def order(client: HttpProvider, reference: str = "incident-1") -> str:
    return client.request(quote_id(client), reference)


def wait_for(receiver: Receiver, order_ref: str, states: list[str]) -> None:
    wait_until(lambda: receiver.states(order_ref) == states, f"{states} was told", 40.0)


# A tow --------------------------------------------------------------------------------------


def test_a_tow_is_told_from_assigned_to_completed_and_signed(provider: Towing, receiver: Receiver) -> None:
    with client_of(provider, receiver) as client:
        order_ref = order(client)
        wait_for(receiver, order_ref, WHOLE)
        assert client.status(order_ref).state is Tow.COMPLETED
        assert client.cancel(order_ref).state is Tow.COMPLETED
        reports = [client.hear(*pair) for pair in zip(receiver.bodies, receiver.signatures, strict=True)]
    for body, signature in zip(receiver.bodies, receiver.signatures, strict=True):
        assert signature == "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert [report.state.value for report in reports] == WHOLE
    assert [report.eta_minutes is not None for report in reports] == [True, True, False, False]


def test_tows_do_not_wait_for_each_other(provider: Towing, receiver: Receiver) -> None:
    with client_of(provider, receiver) as client:
        with ThreadPoolExecutor(8) as pool:
            orders = list(pool.map(lambda number: order(client, f"incident-{number}"), range(8)))
        assert len(set(orders)) == 8
        for order_ref in orders:
            wait_for(receiver, order_ref, WHOLE)


@pytest.mark.parametrize("after", range(1, 4))
def test_a_killed_provider_goes_on_where_it_was(
    provider: Towing, receiver: Receiver, after: int, tmp_path: Path
) -> None:
    """Killed while the receiver has a report and has not answered: the worst moment there is."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(sequence: int) -> int:
        if sequence == after and not reached.is_set():
            reached.set()
            go_on.wait(20)
        return 200

    receiver.on_report = hold
    with client_of(provider, receiver) as client:
        order_ref = order(client)
        assert reached.wait(20), "the report came"
        provider.kill()
        go_on.set()
        provider.start()
        wait_for(receiver, order_ref, WHOLE)
        assert client.status(order_ref).state is Tow.COMPLETED
    assert receiver.times_told(after) == 2
    assert len(receiver.bodies) == len(WHOLE) + 1
    assert len(set(receiver.bodies)) == len(WHOLE), "told again, a report is the same to the byte"


def test_a_stopped_provider_goes_on_as_well(provider: Towing, receiver: Receiver) -> None:
    receiver.on_report = lambda _sequence: 503
    with client_of(provider, receiver) as client:
        order_ref = order(client)
        wait_until(lambda: receiver.times_told(1) > 0, "the report came")
        provider.stop()
        receiver.on_report = lambda _sequence: 200
        provider.start()
        wait_for(receiver, order_ref, WHOLE)


def test_a_receiver_that_is_away_hears_everything_later(provider: Towing, receiver: Receiver) -> None:
    receiver.stop()
    with client_of(provider, receiver) as client:
        order_ref = order(client)
        wait_until(lambda: provider.log().count("report not heard") >= 2, "it tried again")
        wait_until(lambda: client.status(order_ref).state is Tow.COMPLETED, "the tow did not wait for the receiver")
        receiver.start()
        wait_for(receiver, order_ref, WHOLE)
    assert len(receiver.bodies) == len(WHOLE)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_receiver_that_does_not_take_it_is_told_again(provider: Towing, receiver: Receiver, status: int) -> None:
    receiver.on_report = lambda sequence: status if receiver.times_told(sequence) < 2 else 200
    with client_of(provider, receiver) as client:
        wait_for(receiver, order(client), WHOLE)
    assert f"sequence=1: HTTP {status}" in provider.log()


# Orders -------------------------------------------------------------------------------------


def test_the_same_request_again_is_the_same_order(lasting: Towing, receiver: Receiver) -> None:
    with client_of(lasting, receiver) as client:
        quote = quote_id(client)
        with ThreadPoolExecutor(8) as pool:
            orders = set(pool.map(lambda _: client.request(quote, "incident-1"), range(16)))
        assert len(orders) == 1
        # A new price for an incident whose tow is on its way brings no second truck.
        assert {client.request(quote_id(client), "incident-1")} == orders
        lasting.kill()
        lasting.start()
        assert {client.request(quote, "incident-1")} == orders


def test_a_cancelled_tow_is_told_and_stays_cancelled(lasting: Towing, receiver: Receiver) -> None:
    with client_of(lasting, receiver) as client:
        quote = quote_id(client)
        order_ref = client.request(quote, "incident-1")
        assert client.status(order_ref).state is Tow.REQUESTED
        assert client.cancel(order_ref).state is Tow.CANCELLED
        wait_for(receiver, order_ref, ["cancelled"])
        assert client.cancel(order_ref).state is Tow.CANCELLED
        assert client.request(quote, "incident-1") == order_ref, "a late repetition brings no truck"
        assert client.status(order_ref).state is Tow.CANCELLED
        assert order(client) != order_ref, "a new price does"
    assert len(receiver.bodies) == 1


def test_an_order_is_found_by_the_reference_it_was_placed_under(lasting: Towing, receiver: Receiver) -> None:
    with client_of(lasting, receiver) as client:
        assert client.find("incident-1/1") is None
        first, second = order(client, "incident-1/1"), order(client, "incident-1/2")
        assert first != second, "each order has a reference of its own"
        assert client.find("incident-1/1") == Order(first, Tow.REQUESTED)
        client.cancel(first)
        lasting.kill()
        lasting.start()
        assert client.find("incident-1/1") == Order(first, Tow.CANCELLED)
        assert client.find("incident-1/2") == Order(second, Tow.REQUESTED)


@pytest.mark.slow
def test_a_truck_that_is_there_is_not_called_off(tmp_path: Path, receiver: Receiver) -> None:
    with Towing(tmp_path, 1.0) as process, client_of(process, receiver) as client:
        order_ref = order(client)
        wait_for(receiver, order_ref, WHOLE[:1])
        assert (client.status(order_ref).eta_minutes or 0) > 10
        wait_for(receiver, order_ref, WHOLE[:3])
        error = refused(lambda: client.cancel(order_ref))
        assert (error.sentence, error.may_pass) == (
            "The towing provider refuses: Our truck is with the car already.",
            False,
        )
        wait_for(receiver, order_ref, WHOLE)


@pytest.mark.slow
def test_a_tow_can_be_cancelled_on_its_way(tmp_path: Path, receiver: Receiver) -> None:
    with Towing(tmp_path, 0.5) as process, client_of(process, receiver) as client:
        order_ref = order(client)
        wait_until(lambda: "en-route" in receiver.states(order_ref), "the truck is on its way")
        client.cancel(order_ref)
        later = order(client, "incident-2")
        wait_for(receiver, later, WHOLE)
        # The other tow took as long as this one would have had to go on.
        assert receiver.states(order_ref)[-1] == "cancelled"


def refused(call: Callable[[], object]) -> NoHelp:
    with pytest.raises(NoHelp) as caught:
        call()
    return caught.value


@pytest.mark.slow
def test_an_expired_quote_orders_nothing(tmp_path: Path, receiver: Receiver) -> None:
    with Towing(tmp_path, 3600, "--quote-valid-s=1.5") as process, client_of(process, receiver) as client:
        used, unused = quote_id(client), client.quote("incident-2", None, None, "car-2", "crash")
        order_ref = client.request(used, "incident-1")
        wait_until(lambda: datetime.now(UTC) > unused.valid_until, "the quote expires")
        error = refused(lambda: client.request(unused.quote_id, "incident-2"))
        assert error.why is Why.EXPIRED
        assert error.sentence.endswith("quote has expired: Its time is over; please ask for a new price.")
        assert client.request(used, "incident-1") == order_ref, "what was ordered in time stays ordered"


def test_what_was_never_quoted_or_ordered_is_refused(lasting: Towing, receiver: Receiver) -> None:
    with client_of(lasting, receiver) as client:
        quote = quote_id(client)
        client.request(quote, "incident-1")
        errors = {
            "We made no such quote.": refused(lambda: client.request("nothing", "incident-2")),
            "This quote was used for another order.": refused(lambda: client.request(quote, "incident-2")),
            "We have no such order.": refused(lambda: client.status("nothing")),
        }
        assert "We have no such order." in refused(lambda: client.cancel("nothing")).sentence
    for reason, error in errors.items():
        assert (error.sentence, error.why) == (f"The towing provider refuses: {reason}", Why.REFUSED)


def test_the_price_is_the_tariffs(lasting: Towing, receiver: Receiver) -> None:
    with client_of(lasting, receiver) as client:
        quotes = [client.quote("incident-1", 48.2706, 11.6446, "car-1", "engine-stopped") for _ in range(2)]
        far = refused(lambda: client.quote("incident-1", -33.86, 151.21, "car-1", "engine-stopped"))
    assert quotes[0].quote_id != quotes[1].quote_id
    assert {quote.price for quote in quotes} == {Price(89_00 + 3 * 2_50, "EUR")}
    assert "89.00 EUR and 2.50 EUR per km for 3 km from our depot" in quotes[0].terms
    assert timedelta(minutes=10) < quotes[0].valid_until - datetime.now(UTC) <= timedelta(minutes=15)
    assert far.why is Why.REFUSED
    assert "km from our depot in Garching, and our trucks go 150 km" in far.sentence


GOOD = {"incident_id": "i", "position": {"latitude": 48.2, "longitude": 11.6}, "vehicle": "car-1", "kind": "crash"}
ORDER = {"quote_id": "q", "reference": "i", "callback_url": "http://127.0.0.1/"}


@pytest.mark.parametrize(
    ("path", "content", "status", "sentence"),
    [
        ("/quotes", json.dumps(GOOD | {"position": {"latitude": 91, "longitude": 0}}), 422, "position.latitude: "),
        ("/quotes", json.dumps(GOOD | {"position": {"latitude": 0, "longitude": -181}}), 422, "position.longitude: "),
        ("/quotes", '{"position": {"latitude": NaN, "longitude": 0}}', 422, "cannot be read"),
        ("/quotes", json.dumps(GOOD | {"position": {"latitude": "48", "longitude": 0}}), 422, "position.latitude: "),
        ("/quotes", json.dumps(GOOD | {"vehicle": "x" * 129}), 422, "vehicle: "),
        ("/quotes", "<html>", 422, "Invalid JSON"),
        ("/quotes", " " * 20_000, 413, "more than 16 KiB"),
        ("/orders", "{}", 422, "quote_id: Field required"),
        ("/orders", json.dumps(ORDER | {"callback_url": "file:///etc/passwd"}), 422, "callback_url: "),
        ("/orders", json.dumps(ORDER | {"callback_url": f"http://{'a' * 99}/"}), 422, "callback_url: "),
        ("/elsewhere", "{}", 404, "Not Found"),
    ],
)
def test_bad_questions_get_one_sentence(
    lasting_once: Towing, path: str, content: str, status: int, sentence: str
) -> None:
    answer = httpx.post(lasting_once.url + path, content=content, trust_env=False)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


@pytest.fixture(scope="module")
def lasting_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Towing]:
    with Towing(tmp_path_factory.mktemp("provider"), 3600) as process:
        yield process


# How it starts ------------------------------------------------------------------------------


def _fails(folder: Path, *more: str) -> str:
    """What one says that cannot start."""
    done = subprocess.run(Towing(folder, 1, *more).command(), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    return done.stderr


@pytest.mark.slow
def test_what_it_cannot_work_with_is_one_line(tmp_path: Path, lasting_once: Towing) -> None:
    (tmp_path / "text").write_bytes(b"short" + b"\n" * 4096)
    taken = lasting_once.log().rpartition("database ")[2].splitlines()[0]
    assert "file is not a database" in _fails(tmp_path, "--database", str(tmp_path / "text"))
    assert "database is locked" in _fails(tmp_path, "--database", taken)
    assert f"Port {lasting_once.port} of 127.0.0.1 cannot be used" in _fails(tmp_path, "--port", str(lasting_once.port))
    assert "has 5 bytes; 16 are the least" in _fails(tmp_path, "--secret-file", str(tmp_path / "text"))
    assert "cannot be read: No such file" in _fails(tmp_path, "--secret-file", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "wrong", ["--port=0", "--port=65536", "--port=x", "--pause-s=0", "--pause-s=nan", "--quote-valid-s=-1"]
)
def test_wrong_numbers_are_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["provider", "--port", "1", "--database", "d", "--secret-file", "s", wrong])
    assert "expected" in capsys.readouterr().err
