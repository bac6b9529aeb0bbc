"""The message to the driver: what it says, and what happens when it cannot be sent."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.messages import MessageError, check_in_text, send_check_in
from support.browser import Web

LINK = "https://fleet.example/c/token"


@pytest.fixture
def view(tmp_path: Path) -> CheckInView:
    """A check-in that has just been opened."""
    web = Web(tmp_path)
    web.break_down()
    found = web.desk.view("incident-1")
    assert found
    return found


@contextmanager
def channel(status: int = 200, takes_s: float = 0.0) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A receiver of messages: its Apprise address, and what came."""
    came: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            time.sleep(takes_s)
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"json://127.0.0.1:{server.server_port}/driver", came
        server.shutdown()


def test_the_text_is_short_plain_and_promises_that_looking_is_free(view: CheckInView) -> None:
    text = check_in_text(view, LINK)
    assert LINK in text and "costs nothing and orders nothing" in text and "112" in text
    assert len(text) - len(LINK) < 240


def test_the_message_arrives(view: CheckInView) -> None:
    with channel() as (url, came):
        send_check_in([url], view, LINK)
    assert [message["message"] for message in came] == [check_in_text(view, LINK)]


def test_one_channel_is_enough(view: CheckInView, caplog: pytest.LogCaptureFixture) -> None:
    with channel() as (good, came), channel(status=500) as (bad, _):
        send_check_in([bad, good], view, LINK)
    assert len(came) == 1
    assert "channel 1 of 2" in caplog.text and "127.0.0.1" not in caplog.messages[-1]


@pytest.mark.parametrize("urls", [[], ["nonsense"], ["json://127.0.0.1:9/"]])
def test_nobody_to_take_it_is_said(urls: list[str], view: CheckInView) -> None:
    with pytest.raises(MessageError, match="incident-1"):
        send_check_in(urls, view, LINK)


def test_a_slow_channel_is_not_waited_for(view: CheckInView) -> None:
    with channel(takes_s=1.5) as (url, _):
        begin_s = time.monotonic()
        with pytest.raises(MessageError):
            send_check_in([url], view, LINK, timeout_s=0.2)
        assert time.monotonic() - begin_s < 1.0
