"""The tow on both pages: when it comes, calling it off in two steps, and what became of that."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response

from hardshoulder_fleet.assistance.webhook import SIGNATURE_HEADER, sign
from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import Order
from support.browser import SECRET, TERMS, Web, stranded
from support.drivers import Driver, Operator, hidden


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """A driver whose tow is ordered, and known to the provider as T-1."""
    web = Web(tmp_path)
    driver = Driver(web, web.break_down())
    driver.tap("tow")
    driver.order()
    web.desk.requested(1, "T-1", web.clock())
    yield driver
    web.database.close()


@pytest.fixture
def operator(driver: Driver) -> Operator:
    """Who looks at her incident."""
    return Operator(driver.web)


def said(driver: Driver, state: Tow, sequence: int, eta_minutes: int | None = None) -> None:
    driver.web.desk.provider_said("T-1", state, sequence, driver.web.clock(), eta_minutes)


def test_the_provider_says_when_it_comes_and_that_grows_old(driver: Driver, operator: Operator) -> None:
    said(driver, Tow.EN_ROUTE, 1, 15)
    driver.web.clock.move(minutes=3)
    page = driver.page()
    assert 'It should be with you <b class="nowrap">in about 12 minutes</b>.' in page
    assert "The provider said so 3 min ago." in page
    assert "in about 12 minutes (said 3 min ago)" in operator.page()
    assert "in about 12 minutes (said 3 min ago)" in operator.board()
    driver.web.clock.move(minutes=13)
    assert "any moment now" in driver.page()
    driver.web.clock.move(minutes=10)
    assert 'It should have been with you <b class="nowrap">11 minutes ago</b>.' in driver.page()
    assert "late: due 11 minutes ago (said 26 min ago)" in operator.page()
    said(driver, Tow.ON_SITE, 2)
    assert "with you <b" not in driver.page()


def test_calling_off_takes_two_steps_and_shows_the_terms(driver: Driver) -> None:
    said(driver, Tow.EN_ROUTE, 1, 15)
    assert f'href="{driver.path}/call-off"' in driver.page()
    before = driver.view()
    asked = driver.client.get(f"{driver.path}/call-off")
    assert "Call off the tow?" in asked.text and TERMS in asked.text and "in about 15 minutes" in asked.text
    assert driver.view() == before, "looking changes nothing"
    answer = driver.call_off()
    assert "Calling off the tow." in answer.text and driver.view().state is CheckIn.TOW_ORDERED
    assert "/call-off" not in answer.text and "in about" not in answer.text
    said(driver, Tow.CANCELLED, 2)
    page = driver.page()
    assert "The tow was called off." in page and "No truck is on its way to you." in page
    assert driver.view().state is CheckIn.SAFE
    # She may order another one.
    assert "A tow costs" in driver.tap("tow").text


def test_a_refusal_is_told_on_both_pages(driver: Driver, operator: Operator) -> None:
    driver.call_off()
    driver.web.desk.not_called_off(1, "The towing provider refuses: Our truck is there.", driver.web.clock())
    page = driver.page()
    assert "The tow could not be called off, so the truck still comes." in page and "Our truck is there." in page
    assert "Try again to call off the tow" in page
    assert "not called off: The towing provider refuses: Our truck is there." in operator.board()
    assert "Ask the provider again to call it off" in operator.page()
    assert "Done, close it; the truck still comes" in operator.page()


def test_an_old_page_calls_off_nothing_else(driver: Driver) -> None:
    form = driver.hidden("form")
    path = f"{driver.path}/call-off"
    assert driver.client.post(path, data={"form": form, "tow": "2"}).status_code == 200
    assert driver.client.post(path, data={"form": "forged", "tow": "1"}).status_code == 403
    refused = [driver.client.post(path, data=data) for data in ({}, {"form": form}, {"form": form, "tow": "x"})]
    assert [answer.status_code for answer in refused] == [422] * 3
    tow = driver.view().tow
    assert tow and tow.called_off is None


def test_nothing_to_call_off_leads_back_to_the_page(driver: Driver) -> None:
    said(driver, Tow.ON_SITE, 1)
    answer = driver.client.get(f"{driver.path}/call-off")
    assert answer.url.path == driver.path
    assert "speak to the driver of the truck" in answer.text


def test_the_operator_calls_off_and_keeps_her_in_sight(driver: Driver, operator: Operator) -> None:
    page = operator.page()
    assert "Yes, call it off" in page and TERMS in page and "Done: close it and call off the tow" in page
    assert "is being called off by an operator" in operator.post("call-off", tow="1").text
    said(driver, Tow.CANCELLED, 1)
    assert driver.view().state is CheckIn.ESCALATED
    assert "The tow was called off, so somebody at your fleet has been told" in driver.page()


def test_done_says_that_it_calls_off_and_does(driver: Driver, operator: Operator) -> None:
    assert operator.post("done", note="x" * 1000).url.path == "/operator"
    tow = driver.view().tow
    assert tow and (tow.called_off, driver.view().state) == (CallOff.CLOSING, CheckIn.CLOSED)
    assert "Your fleet has closed it and calls off the tow." in driver.page()
    assert "is being called off by the closing of the check-in" in operator.board()


def test_a_note_that_is_too_long_is_named(driver: Driver, operator: Operator) -> None:
    answer = operator.post("done", note="x" * 1001)
    assert answer.status_code == 422 and "The note is longer than 1000 characters" in answer.text
    assert driver.view().state is CheckIn.TOW_ORDERED


def test_a_silent_provider_is_told_to_her_and_the_tow_stays(driver: Driver, operator: Operator) -> None:
    driver.web.clock.move(minutes=5)
    assert driver.web.desk.claim_doubts(driver.web.clock())
    page = driver.page()
    assert "A person was called." in page and "Your tow is still ordered." in page
    assert "Call off the tow" in page and 'value="tow"' not in page and 'value="safe"' not in page
    assert "The towing provider has said nothing for 5 min" in operator.board()


def test_an_order_that_may_have_been_heard_is_told_honestly(tmp_path: Path) -> None:
    web = Web(tmp_path)
    driver = Driver(web, web.break_down())
    driver.tap("tow")
    driver.order()
    web.desk.given_up(1, "The towing provider did not answer within 5 s.", web.clock(), unclear=True)
    unknown = "It is not known yet whether the tow was ordered"
    assert unknown in driver.page() and unknown in Operator(web).board()
    page = driver.tap("tow").text
    assert f"{unknown}. If you order this one, the first is called off." in page
    safe = driver.tap("safe").text
    assert "If it was, it is called off." in safe and "Nothing was ordered" not in safe
    web.desk.found(1, Order("T-1", Tow.REQUESTED), web.clock())
    tow = driver.view().tow
    assert tow and tow.called_off is CallOff.SPARE
    web.database.close()


def test_a_yes_to_a_second_price_while_the_first_tow_comes_is_told(driver: Driver) -> None:
    answer = driver.order("quote-7")
    assert "You have a tow already. A second one was not ordered." in answer.text
    tow = driver.view().tow
    assert tow and tow.number == 1


def test_an_emergency_with_a_tow_says_that_it_still_comes(driver: Driver) -> None:
    assert "Tow ordered. It was not called off." in driver.tap("emergency").text


@pytest.mark.parametrize("incident_id", ["events-1", "sign-in-2", "x:9", "1..", "a.1:done"])
def test_no_name_of_an_incident_leads_to_another_page(tmp_path: Path, incident_id: str) -> None:
    web = Web(tmp_path)
    driver = Driver(web, web.break_down(what=stranded(incident_id)), incident_id)
    operator = Operator(web, incident_id)
    driver.web.desk.answer(incident_id, Happening.SAYS_EMERGENCY, web.clock())
    [link] = re.findall(r'href="(/operator/incident/[^"]+)"', operator.board())
    assert incident_id in web_text(operator.client.get(link))
    assert operator.post("done", note="").url.path == "/operator"
    assert driver.view().state is CheckIn.CLOSED
    web.database.close()


def test_a_report_of_an_unknown_order_is_kept_and_not_taken(driver: Driver) -> None:
    body = b'{"order_ref": "T-2", "state": "assigned", "sequence": 1}'
    headers = {SIGNATURE_HEADER: sign(body, SECRET)}
    answers = [driver.client.post("/hooks/provider", content=body, headers=headers) for _ in range(2)]
    assert [(answer.status_code, answer.json()["detail"]) for answer in answers] == [
        (202, "Kept until the order is known.")
    ] * 2


def web_text(answer: Response) -> str:
    """A page that is there."""
    assert answer.status_code == 200
    return answer.text


def test_closing_does_not_call_off_a_tow_that_the_button_did_not_tell_of(tmp_path: Path) -> None:
    web = Web(tmp_path)
    driver, operator = Driver(web, web.break_down()), Operator(web)
    data = {name: hidden(operator.page(), name) for name in ("form", "tow")}
    driver.tap("tow")
    driver.order()
    refused = operator.client.post(f"{operator.address}/done", data=data)
    assert refused.status_code == 409 and "Nothing was closed." in refused.text and operator.address in refused.text
    assert driver.view().state is CheckIn.TOW_ORDERED
    tow = hidden(operator.page().split('class="done"')[1], "tow")
    assert operator.post("done", tow=tow).status_code == 200
    view = driver.view()
    assert view.state is CheckIn.CLOSED and view.tow and view.tow.called_off is CallOff.CLOSING
    web.database.close()
