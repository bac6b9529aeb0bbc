"""What cannot be served, over real HTTP: too much, broken off, incomplete. People get a page, programs JSON."""

import json
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from hardshoulder_fleet.web.guard import BODY_LIMIT_BYTES
from support.browser import Web, served, stranded

pytestmark = pytest.mark.slow

MUCH = b"x" * (BODY_LIMIT_BYTES + 1)
INCIDENT = "/operator/incident/incident-1"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


class Site:
    """The application behind a real server, and the page of one driver."""

    def __init__(self, web: Web, address: str) -> None:
        self.web, self.address = web, address
        self.page = web.break_down().removeprefix(address)
        self.http = httpx.Client(base_url=address, trust_env=False, follow_redirects=False)

    def version(self) -> int:
        """How often anything has changed."""
        return self.web.desk.version()

    def hidden(self, page: str) -> str:
        """What this page's forms carry."""
        found = re.search('name="form" value="([^"]*)"', self.http.get(page).text)
        assert found
        return found[1]

    def raw(self, path: str, headers: bytes, body: bytes, *, hang_up: bool = False) -> bytes:
        """The answer to a POST that is written byte for byte."""
        port = int(self.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: fleet\r\nConnection: close\r\n".encode() + headers + b"\r\n")
            with suppress(ConnectionError):
                line.sendall(body)  # The answer may be there before the last byte has gone.
            if hang_up:
                return b""
            return until_it_ends(line)


def until_it_ends(line: socket.socket) -> bytes:
    """All that comes. A server that answers and leaves bytes unread resets the line behind its answer."""
    answer = b""
    with suppress(ConnectionResetError):
        while more := line.recv(65536):
            answer += more
    return answer


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path) as (web, address):
        made = Site(web, address)
        yield made
        made.http.close()


FORMS = ("{page}/answer", "{page}/order", f"{INCIDENT}/done", "/operator/sign-in")
PLACES = (*FORMS, "{page}", "/operator", "/operator/events", "/static/style.css", "/nowhere", "/c/nonsense/answer")


def is_page(answer: httpx.Response, status: int) -> bool:
    """Whether it is a page of ours, with the number and with everything an answer of ours carries."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    return 'href="tel:112"' in answer.text


@pytest.mark.parametrize("place", PLACES)
def test_too_much_is_a_page_wherever_it_is_sent(site: Site, place: str) -> None:
    path, before = place.format(page=site.page), site.version()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for answer in (
        site.http.post(path, content=MUCH, headers=form),
        site.http.post(path, content=(MUCH[begin : begin + 999] for begin in range(0, len(MUCH), 999)), headers=form),
        site.http.post(path, files={"note": MUCH}),
    ):
        assert is_page(answer, 413)
        assert "That was more than 16 KiB at once; nothing was changed." in answer.text
    assert site.version() == before


def test_too_much_for_a_program_is_json(site: Site) -> None:
    for content in (MUCH, iter([MUCH])):
        answer = site.http.post("/hooks/provider", content=content)
        assert answer.status_code == 413
        assert answer.json() == {"detail": "That was more than 16 KiB at once; nothing was changed."}


def test_as_much_as_may_be_is_read(site: Site) -> None:
    form = site.hidden(site.page)
    padding = BODY_LIMIT_BYTES - len(f"form={form}&answer=safe&x=")
    body = f"form={form}&answer=safe&x={'x' * padding}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.http.post(f"{site.page}/answer", content=body + b"x", headers=headers).status_code == 413
    assert site.http.post(f"{site.page}/answer", content=body, headers=headers).status_code == 303
    view = site.web.desk.view("incident-1")
    assert view is not None and view.state.value == "safe"


def chunked(body: bytes, size: int) -> bytes:
    """The body in chunks of this size."""
    pieces = (body[begin : begin + size] for begin in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param(b"Content-Length: 99999999\r\n", b"", b"413", id="announced, and nothing comes"),
        pytest.param(b"Content-Length: 99999999\r\n", b"x", b"413", id="announced, and a byte comes"),
        pytest.param(b"Content-Length: 4\r\n", MUCH, b"422", id="announced as little: the rest is no part of it"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", chunked(MUCH, 7), b"413", id="in small chunks"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", chunked(MUCH, 10**6), b"413", id="in one chunk"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", b"ffffff\r\n" + MUCH, b"413", id="without an end"),
        pytest.param(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked(MUCH, 99), b"413", id="both"),
        pytest.param(b"Content-Length: 99999999\r\nExpect: 100-continue\r\n", b"", b"413", id="asked first"),
        pytest.param(b"Content-Length: -1\r\n", b"", b"400", id="less than nothing"),
    ],
)
def test_a_length_that_is_not_true_does_no_harm(
    site: Site, headers: bytes, body: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    before = site.version()
    assert site.raw(f"{site.page}/answer", FORM + headers, body).startswith(b"HTTP/1.1 " + status)
    assert site.version() == before
    assert "Traceback" not in caplog.text and site.http.get(site.page).status_code == 200


@pytest.mark.parametrize("path", ["/c/nonsense/answer", "/hooks/provider"])
def test_who_hangs_up_in_the_middle_is_one_line_and_no_failure(
    site: Site, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "hardshoulder_fleet.web"):
        site.raw(path, FORM + b"Content-Length: 100\r\n", b"answer=", hang_up=True)
        # The server sees the end of the line after what it has read before: in the order in which they came.
        while "broke off" not in caplog.text:
            assert site.http.get(site.page).status_code == 200
    [line] = [record.getMessage() for record in caplog.records if record.name == "hardshoulder_fleet.web"]
    assert line == "a request broke off: POST"


def test_a_note_that_is_too_long_is_told_so_and_changes_nothing(site: Site) -> None:
    page = INCIDENT
    before, form = site.version(), site.hidden(page)
    answer = site.http.post(f"{page}/done", data={"form": form, "note": "x" * 1001})
    assert is_page(answer, 422) and f'href="{page}"' in answer.text
    assert "The note is longer than 1000 characters; nothing was changed." in answer.text
    assert site.version() == before
    assert site.http.post(f"{page}/done", data={"form": form, "note": "é" * 1000}).status_code == 303


def test_a_token_that_is_too_long_is_told_so(site: Site) -> None:
    answer = site.http.post("/operator/sign-in", data={"token": "x" * 257})
    assert is_page(answer, 422) and 'href="/operator"' in answer.text
    assert "The token is longer than 256 characters; nothing was changed." in answer.text


@pytest.mark.parametrize("place", FORMS[:3])
@pytest.mark.parametrize("data", [{}, {"form": ""}, {"form": "x" * 1025, "answer": "safe", "quote_id": "q"}])
def test_a_form_that_lacks_something_is_told_so_and_leads_back(site: Site, place: str, data: dict[str, str]) -> None:
    path, before = place.format(page=site.page), site.version()
    if data == {"form": ""} and "operator" in path:
        data = {"note": "closed"}
    answer = site.http.post(path, data=data)
    assert is_page(answer, 422)
    assert "This form is not complete; nothing was changed." in answer.text
    assert f'href="{path.rpartition("/")[0]}"' in answer.text
    assert site.version() == before


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"a=&" * 5000, "application/x-www-form-urlencoded", 400),
        (b"nonsense", "multipart/form-data; boundary=b", 400),
        (b"--b", "multipart/form-data", 400),
        (b'{"form": "x", "answer": "safe"}', "application/json", 422),
        (b"\xff\xfe\x00", "text/plain", 422),
        (b"", "", 422),
    ],
)
def test_what_is_no_form_is_a_page(site: Site, content: bytes, kind: str, status: int) -> None:
    before = site.version()
    answer = site.http.post(f"{site.page}/answer", content=content, headers={"Content-Type": kind})
    assert is_page(answer, status) and "nothing was changed" in answer.text
    assert site.version() == before


def test_a_file_in_place_of_a_note_is_a_page(site: Site) -> None:
    page = INCIDENT
    answer = site.http.post(f"{page}/done", data={"form": site.hidden(page)}, files={"note": b"x"})
    assert is_page(answer, 422)


@pytest.mark.parametrize(
    ("method", "place", "allowed"),
    [
        ("DELETE", "{page}", {"GET", "HEAD"}),
        ("POST", "{page}", {"GET", "HEAD"}),
        ("GET", "{page}/answer", {"POST"}),
        ("PUT", "{page}/order", {"POST"}),
        ("POST", "/operator", {"GET"}),
        ("PATCH", "/operator/sign-in", {"POST"}),
    ],
)
def test_what_a_page_cannot_do_is_a_page(site: Site, method: str, place: str, allowed: set[str]) -> None:
    answer = site.http.request(method, place.format(page=site.page))
    assert is_page(answer, 405) and "This page cannot do that." in answer.text
    assert allowed <= set(re.split(", ?", answer.headers["Allow"]))


@pytest.mark.parametrize("path", ["/", "/nowhere", "/c", "/c/", "/c//x", "/static", "/static/", "/static/../app.py"])
def test_what_is_nowhere_is_a_page(site: Site, path: str) -> None:
    answer = site.http.get(path)
    assert is_page(answer, 404) and "There is no such page." in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/hooks/provider", 405), ("POST", "/hooks/x", 404)])
def test_programs_are_told_in_json(site: Site, method: str, path: str, status: int) -> None:
    answer = site.http.request(method, path)
    assert answer.status_code == status and answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.text)["detail"].endswith(".")


def test_a_slash_too_many_is_the_same_page_without_a_redirect(site: Site) -> None:
    for path in (site.page, "/operator", INCIDENT):
        answer = site.http.get(f"{path}/", headers={"Host": "evil.example"})
        assert answer.status_code == 200 and "Location" not in answer.headers and "evil.example" not in answer.text
    data = {"form": site.hidden(site.page), "answer": "safe"}
    answer = site.http.post(f"{site.page}/answer/", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, site.page)
    assert is_page(site.http.get(f"{site.page}//"), 404)


@pytest.mark.parametrize("name", ["events", "sign-in", "done", "incident"])
def test_an_incident_with_the_name_of_a_page_can_be_seen_and_closed(site: Site, name: str) -> None:
    site.web.break_down(stranded(name), "van-2")
    page = f"/operator/incident/{name}"
    assert f'href="{page}"' in site.http.get("/operator").text
    assert site.http.post(f"{page}/done", data={"form": site.hidden(page)}).status_code == 303
    view = site.web.desk.view(name)
    assert view is not None and view.state.value == "closed"
