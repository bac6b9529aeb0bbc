"""The driver's page, the operator's list and the webhook, on a real desk with a real file."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from hardshoulder.core.actions import HazardState
from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.assistance.webhook import SIGNATURE_HEADER, sign
from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import Quote
from hardshoulder_fleet.web import words
from hardshoulder_fleet.web.guard import BODY_LIMIT_BYTES
from hardshoulder_fleet.web.operator import Bell, OperatorsList
from hardshoulder_fleet.web.settings import WebSettings
from support.browser import SECRET, Web, stranded
from support.drivers import Driver


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """The application on a desk of its own."""
    made = Web(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def driver(web: Web) -> Driver:
    """A driver whose car stands at the roadside."""
    return Driver(web, web.break_down())


def test_opening_the_link_changes_nothing(driver: Driver) -> None:
    before = (driver.web.desk.version(), driver.view())
    for _ in range(3):
        driver.page()
    assert driver.client.head(driver.path).status_code == 200
    assert driver.client.get(driver.path, headers={"Sec-Purpose": "prefetch"}).status_code == 200
    assert (driver.web.desk.version(), driver.view()) == before
    assert driver.web.provider.asked == 0


def test_the_page_says_what_was_noticed_what_to_do_and_asks(driver: Driver) -> None:
    page = driver.page()
    assert "The engine stopped." in page and "Vehicle." not in page
    assert "Your hazard lights are on." in page and "side away from traffic" in page
    assert [answer in page for answer in ('value="safe"', 'value="tow"', 'value="emergency"')] == [True] * 3


def test_lights_that_are_not_on_are_for_her_to_switch_on(web: Web) -> None:
    page = Driver(web, web.break_down(stranded(hazards=HazardState.REFUSED))).page()
    assert "Switch on your hazard lights: the red triangle." in page


def test_every_page_is_hers_alone(driver: Driver) -> None:
    for path in (driver.path, "/c/nonsense", "/nothing", "/operator"):
        headers = driver.client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_a_price_comes_before_the_yes_and_the_words_are_kept(driver: Driver) -> None:
    page = driver.tap("tow").text
    view = driver.view()
    assert view.quote and view.tow is None and view.state is CheckIn.TOW_WANTED
    shown = words.consent_text(view.quote, UTC)
    assert "A tow costs" in page and shown in page
    driver.order()
    tow = driver.view().tow
    assert tow and tow.consent_text == shown and tow.price.text() == "129.00 EUR"


def test_double_taps_order_one_tow(driver: Driver) -> None:
    with ThreadPoolExecutor(4) as taps:
        answers = list(taps.map(driver.tap, ["tow"] * 4))
    data = {name: driver.hidden(name) for name in ("form", "quote_id", "shown")}
    with ThreadPoolExecutor(4) as taps:
        answers += list(taps.map(lambda _: driver.client.post(f"{driver.path}/order", data=data), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert driver.view().state is CheckIn.TOW_ORDERED
    assert sum("Yes to a tow" in entry.what for entry in driver.view().story) == 1


def test_a_second_tab_sees_what_the_first_has_done(driver: Driver) -> None:
    form = driver.hidden("form")
    driver.tap("tow")
    driver.order()
    late = driver.client.post(f"{driver.path}/answer", data={"form": form, "answer": "safe"})
    assert "Tow ordered" in late.text
    assert driver.view().state is CheckIn.TOW_ORDERED


def test_an_expired_price_orders_nothing_and_can_be_asked_again(driver: Driver) -> None:
    driver.tap("tow")
    quote_id = driver.hidden("quote_id")
    driver.web.clock.move(minutes=11)
    answer = driver.order(quote_id)
    assert "The price has expired." in answer.text and "Nothing was ordered." in answer.text
    assert driver.view().tow is None
    assert "130.00 EUR" in driver.tap("tow").text


def test_a_price_from_another_tab_is_not_what_she_agreed_to(driver: Driver) -> None:
    driver.tap("tow")
    old = driver.hidden("quote_id")
    driver.web.clock.move(minutes=11)
    driver.tap("tow")
    assert "The price or its terms have changed" in driver.order(old).text
    assert driver.view().tow is None


@pytest.mark.parametrize("why", [Why.UNREACHABLE, Why.SLOW, Why.UNREADABLE])
def test_without_a_provider_a_person_is_called(driver: Driver, why: Why) -> None:
    driver.web.provider.fails = why
    page = driver.tap("tow").text
    assert "No towing price can be had right now." in page and "A person was called." in page
    assert 'value="emergency"' in page and 'href="tel:112"' in page
    assert driver.view().state is CheckIn.ESCALATED
    assert "does not answer" in driver.client.get("/operator").text
    driver.web.provider.fails = None
    assert "A tow costs" in driver.tap("tow").text


def test_a_price_that_fails_in_one_tab_ends_no_tow_ordered_in_another(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, give = driver.web.provider, driver.web.provider.quote

    def order_meanwhile(*asked: str | float | None) -> Quote:
        monkeypatch.setattr(provider, "quote", give)
        driver.tap("tow")
        driver.order()
        raise NoHelp("The towing provider does not answer.", Why.SLOW)

    monkeypatch.setattr(provider, "quote", order_meanwhile)
    page = driver.tap("tow").text
    view = driver.view()
    assert view.state is CheckIn.TOW_ORDERED
    assert view.tow is not None
    assert view.tow.state is Tow.REQUESTED
    assert "Tow ordered." in page and "Nothing was ordered" not in page


def test_a_yes_counts_as_long_as_the_price_holds(driver: Driver) -> None:
    driver.tap("tow")
    driver.web.clock.move(seconds=95)
    assert driver.web.desk.claim_deadlines(driver.web.clock(), 1)
    page = driver.page()
    assert "A person was called." in page and "129.00 EUR" in page and "You have 8 minutes to decide." in page
    assert "Tow ordered." in driver.order().text
    assert driver.view().state is CheckIn.TOW_ORDERED


def test_a_yes_after_the_price_has_ended_is_told_that_nothing_was_ordered(driver: Driver) -> None:
    driver.tap("tow")
    quote_id = driver.hidden("quote_id")
    driver.web.clock.move(minutes=9, seconds=30)
    assert driver.web.desk.claim_deadlines(driver.web.clock(), 1)
    assert "You have less than a minute to decide." in driver.page()
    driver.web.clock.move(seconds=30)
    page = driver.order(quote_id).text
    assert "A person was called." in page and "Nothing was ordered." in page and "EUR" not in page
    assert driver.view().tow is None


def test_an_emergency_shows_the_number_and_calls_a_person(driver: Driver) -> None:
    driver.tap("tow")
    page = driver.tap("emergency").text
    assert 'class="call" href="tel:112"' in page and "A person at your fleet was called" in page
    assert driver.view().state is CheckIn.EMERGENCY


def test_terms_are_shown_as_text(driver: Driver) -> None:
    driver.web.provider.terms = "<script>alert(1)</script>"
    page = driver.tap("tow").text
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_tow_is_followed_to_its_end(driver: Driver) -> None:
    driver.tap("tow")
    driver.order()
    desk, now = driver.web.desk, driver.web.clock
    desk.requested(1, "T-1", now())
    desk.provider_said("T-1", Tow.EN_ROUTE, 1, now())
    now.move(minutes=5)
    assert "within 30 minutes" in driver.page()
    now.move(minutes=31)
    assert "any moment now" in driver.page()
    desk.provider_said("T-1", Tow.ON_SITE, 2, now())
    assert "The truck is with you." in driver.page()
    desk.provider_said("T-1", Tow.COMPLETED, 3, now())
    page = driver.page()
    assert "Your tow is completed." in page and "Tow completed. <time" in page and "0 s ago</time>" in page
    happened = page.split("What happened")[1]
    assert "The provider has taken your order." in happened and "The truck was with you." in happened
    assert not [raw for raw in ("UTC", "T-1", "on-site") if raw in happened]


def test_links_that_open_nothing_still_name_the_number(driver: Driver) -> None:
    forged = driver.client.get("/c/nonsense")
    driver.web.clock.move(hours=2)
    expired = driver.client.get(driver.path)
    assert (forged.status_code, expired.status_code) == (404, 410)
    assert "expired" in expired.text and "not complete" in forged.text
    assert all('href="tel:112"' in answer.text for answer in (forged, expired))


@pytest.mark.parametrize("data", [{}, {"answer": "tow"}, {"answer": "tow", "form": "forged"}, {"answer": "x" * 3000}])
def test_a_form_that_is_not_ours_changes_nothing(driver: Driver, data: dict[str, str]) -> None:
    before = driver.web.desk.version()
    answer = driver.client.post(f"{driver.path}/answer", data=data)
    assert answer.status_code in (403, 422) and "112" in answer.text
    assert driver.web.desk.version() == before


def test_a_form_of_another_incident_is_refused(driver: Driver) -> None:
    data = {"answer": "safe", "form": driver.web.links.make_form("incident-2", driver.web.clock())}
    assert driver.client.post(f"{driver.path}/answer", data=data).status_code == 403


def test_an_unknown_answer_is_refused_in_words(driver: Driver) -> None:
    answer = driver.tap("nonsense")
    assert answer.status_code == 422 and "Go back" in answer.text


def test_a_body_too_large_is_refused(driver: Driver) -> None:
    answer = driver.client.post("/hooks/provider", content=b"x" * (BODY_LIMIT_BYTES + 1))
    assert answer.status_code == 413 and "no-store" in answer.headers["Cache-Control"]


def test_a_failure_of_ours_is_a_page_and_no_trace(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "noticed", lambda _view: 1 / 0)
    answer = driver.client.get(driver.path)
    assert answer.status_code == 500 and "ZeroDivision" not in answer.text and 'href="tel:112"' in answer.text


def test_the_list_shows_who_needs_a_person_first(driver: Driver) -> None:
    driver.web.break_down(stranded("incident-2"), "van-2")
    driver.web.desk.answer("incident-2", Happening.SAYS_EMERGENCY, driver.web.clock())
    page = driver.client.get("/operator").text
    assert page.index("van-2") < page.index("car-7")
    assert 'href="geo:48.10000,11.60000"' in page and "80 km/h" in page and "flashing" in page


def test_an_operator_reads_the_story_and_closes_it(driver: Driver) -> None:
    driver.tap("tow")
    driver.order()
    page = driver.client.get("/operator/incident/incident-1").text
    assert "Agreed by the driver" in page and "Yes to a tow" in page and "0 rpm" in page
    assert "Ruleset 1<" in page
    form = re.search('name="form" value="([^"]*)"', page)
    assert form
    address = "/operator/incident/incident-1/done"
    refused = driver.client.post(address, data={"form": driver.hidden("form"), "note": "x"})
    assert refused.status_code == 403 and driver.view().state is CheckIn.TOW_ORDERED
    done = driver.client.post(address, data={"form": form[1], "note": "fetched by a friend"})
    assert done.url.path == "/operator" and driver.view().state is CheckIn.CLOSED
    assert driver.client.get("/operator/incident/nobody").status_code == 404


def test_the_list_is_for_operators_alone(tmp_path: Path) -> None:
    web = Web(tmp_path, operator_token="open sesame")
    web.break_down()
    client = TestClient(web.app)
    paths = ("/operator", "/operator/incident/incident-1", "/operator/events")
    assert [client.get(path).status_code for path in paths] == [401] * 3
    assert client.post("/operator/incident/incident-1/done", data={"form": "x"}).status_code == 401
    assert client.get("/operator", headers={"Authorization": "Bearer open sesame"}).status_code == 200
    assert client.post("/operator/sign-in", data={"token": "wrong"}).status_code == 401
    signed_in = client.post("/operator/sign-in", data={"token": "open sesame"})
    assert "car-7" in signed_in.text and "open sesame" not in str(client.cookies)


def report(**fields: object) -> bytes:
    """A provider's report."""
    return json.dumps({"order_ref": "T-1", "state": "assigned", "sequence": 1} | fields).encode()


def test_the_webhook_takes_what_is_signed(driver: Driver) -> None:
    driver.tap("tow")
    driver.order()
    driver.web.desk.requested(1, "T-1", driver.web.clock())

    def post(body: bytes, signature: str | None = None) -> Response:
        headers = {SIGNATURE_HEADER: signature or sign(body, SECRET)}
        answer: Response = driver.client.post("/hooks/provider", content=body, headers=headers)
        return answer

    assert [post(report(eta_minutes=20)).json() for _ in range(2)] == [{"detail": "Taken."}, {"detail": "Nothing new."}]
    tow = driver.view().tow
    assert tow and tow.state is Tow.ASSIGNED
    assert post(report(sequence=2, state="completed"), sign(report(), SECRET)).status_code == 403
    assert driver.client.post("/hooks/provider", content=report()).status_code == 403
    malformed = [post(body) for body in (b"", b"<html>", report(state="lost"), report(sequence="2"))]
    assert [answer.status_code for answer in malformed] == [422] * 4
    assert driver.view().tow == tow


def listed(web: Web) -> tuple[OperatorsList, Bell]:
    """The operator's list without a server around it: its stream has no end that a test client could wait for."""
    bell = Bell()
    web.desk.listen(bell.ring)
    return OperatorsList(web.desk, web.links, WebSettings(None, SECRET, web.clock, web.stopping.is_set), bell), bell


def test_the_list_tells_a_change_at_once_and_ends_with_the_process(driver: Driver) -> None:
    operators_list, _ = listed(driver.web)

    async def next_board(events: AsyncIterator[str]) -> str:
        while True:
            text = await asyncio.wait_for(anext(events), 2)
            if text.startswith("event: board\ndata:"):
                return text

    async def watch() -> None:
        events = operators_list.events()
        assert "Asked, no answer yet" in await next_board(events)
        driver.web.desk.answer("incident-1", Happening.SAYS_EMERGENCY, driver.web.clock())
        assert "Emergency" in await next_board(events)
        driver.web.stopping.set()
        assert [text async for text in events] == [": heartbeat\n\n"]

    asyncio.run(watch())
