"""The whole way in Debian's Chromium: a tap, a price, a yes, and the operator's list that renews itself."""

import base64
import os
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.deeds import Deeds
from hardshoulder_fleet.errands import Errands
from hardshoulder_sim.browser import DESK_SCREEN, attributes, browser, tap, text_of
from hardshoulder_sim.processes import wait_until
from support.browser import served, stranded
from support.silence import comes, goes, status_says, word
from support.tows import FakeProvider

PICTURES_VARIABLE = "HARDSHOULDER_PICTURES"
"""A folder for pictures of both pages; without it they are taken and thrown away."""

pytestmark = pytest.mark.slow


def wait_for(driver: Chrome, selector: str, words: str) -> None:
    """A tap returns before the page that answers it has come."""
    wait_until(lambda: text_of(driver, selector) == words, f"{selector} says {words!r}")


def row_says(operator: Chrome, words: str) -> bool:
    """Whether the row of the one incident says so; a row may be replaced while it is read."""
    script = "return document.querySelector('[data-incident=\"incident-1\"]')?.innerText ?? ''"
    return words in operator.execute_script(script)


def test_a_tap_a_price_a_yes_and_the_operator_sees_it(tmp_path: Path) -> None:
    with (
        served(tmp_path) as (web, address),
        browser(tmp_path / "driver") as driver,
        browser(tmp_path / "operator", size=DESK_SCREEN) as operator,
    ):
        operator.get(f"{address}/operator")
        operator.execute_script("window.notReloaded = true")
        driver.get(web.break_down())
        wait_until(lambda: row_says(operator, "Asked, no answer yet"), "the operator sees the check-in")
        tap(driver, "button.tow")
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")
        shown = text_of(driver, ".terms")
        tap(driver, "#yes")
        wait_for(driver, "h1", "Tow ordered.")
        wait_until(lambda: row_says(operator, "Tow ordered"), "the operator sees the order")
        assert operator.execute_script("return window.notReloaded") is True
        view = web.desk.view("incident-1")
        assert view and view.tow and view.tow.consent_text == shown


def test_the_drivers_page_needs_no_javascript(tmp_path: Path) -> None:
    with served(tmp_path) as (web, address), browser(tmp_path / "driver", javascript=False) as driver:
        driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
        assert driver.title == "off"
        driver.get(web.break_down())
        tap(driver, "button.tow")
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")
        tap(driver, "#yes")
        wait_for(driver, "h1", "Tow ordered.")
        tap(driver, "button.emergency")
        wait_for(driver, "h1", "Hurt or in danger? Call 112 yourself, now.")
        assert driver.find_element(By.CSS_SELECTOR, "a.call").get_attribute("href") == "tel:112"
        driver.get(f"{address}/operator")
        assert "Emergency" in text_of(driver, "[data-incident]")
        assert driver.find_elements(By.CSS_SELECTOR, "meta[http-equiv=refresh]")


def pictures(folder: Path) -> Path:
    """Where they go."""
    return Path(os.environ.get(PICTURES_VARIABLE, folder))


def take(page: Chrome, path: Path) -> None:
    """A picture of the whole page, which has to fit its width."""
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), path.name
    rect = page.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": rect["width"], "height": rect["height"], "scale": 1}
    shot = page.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    assert path.write_bytes(base64.b64decode(shot["data"])) > 5_000


def run_all(errands: Errands) -> None:
    """What is due."""
    while errands.run_due():
        pass


def order_by_hand(driver: Chrome, link: str) -> None:
    """From the link to the yes."""
    driver.get(link)
    tap(driver, "button.tow")
    wait_for(driver, "h1", "A tow costs 129.00 EUR.")
    tap(driver, "#yes")
    wait_for(driver, "h1", "Tow ordered.")


def ask_to_call_off(driver: Chrome) -> None:
    """The first of the two steps."""
    tap(driver, "Call off the tow", By.LINK_TEXT)
    wait_for(driver, "h1", "Call off the tow?")


def test_a_tow_is_called_off_in_two_steps_without_javascript(tmp_path: Path) -> None:
    folder, provider = pictures(tmp_path), FakeProvider()
    with (
        served(tmp_path) as (web, address),
        browser(tmp_path / "driver", javascript=False) as driver,
        browser(tmp_path / "operator", size=DESK_SCREEN) as operator,
    ):
        errands = Errands(web.desk, Deeds(web.desk, lambda _view: None, provider, web.clock), web.clock)
        operator.get(f"{address}/operator")
        order_by_hand(driver, web.break_down())
        run_all(errands)
        web.desk.provider_said("order-1", Tow.EN_ROUTE, 1, web.clock(), 15)
        web.clock.move(minutes=3)
        driver.refresh()
        wait_for(driver, ".lead b", "in about 12 minutes")
        take(driver, folder / "driver-on-its-way.png")
        ask_to_call_off(driver)
        take(driver, folder / "driver-call-off.png")
        tap(driver, "No, keep the tow", By.LINK_TEXT)
        wait_for(driver, "h1", "The truck is on its way.")
        ask_to_call_off(driver)
        assert provider.calls("cancel") == []
        tap(driver, "#call-off")
        wait_for(driver, "h1", "Calling off the tow.")
        wait_until(lambda: row_says(operator, "is being called off by the driver"), "the operator sees it")
        take(driver, folder / "driver-calling-off.png")
        run_all(errands)
        assert provider.calls("cancel") == ["order-1"]
        driver.refresh()
        wait_for(driver, "h1", "The tow was called off.")
        take(driver, folder / "driver-called-off.png")
        wait_until(lambda: row_says(operator, "Called off the tow"), "the operator sees that nobody is needed")


def test_a_price_that_still_holds_can_be_taken_after_a_person_was_called(tmp_path: Path) -> None:
    with served(tmp_path) as (web, _), browser(tmp_path / "driver") as driver:
        driver.get(web.break_down())
        tap(driver, "button.tow")
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")
        web.clock.move(seconds=95)
        web.desk.claim_deadlines(web.clock())
        driver.refresh()
        wait_for(driver, "h1", "A person was called.")
        take(driver, pictures(tmp_path) / "driver-price-still-holds.png")
        tap(driver, "#yes")
        wait_for(driver, "h1", "Tow ordered.")


def test_a_truck_that_still_comes_is_seen_by_both(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    with (
        served(tmp_path) as (web, address),
        browser(tmp_path / "driver") as driver,
        browser(tmp_path / "operator", size=DESK_SCREEN) as operator,
    ):
        order_by_hand(driver, web.break_down())
        web.desk.requested(1, "K7Q2", web.clock())
        web.desk.provider_said("K7Q2", Tow.EN_ROUTE, 1, web.clock(), 20)
        web.desk.call_off("incident-1", CallOff.DRIVER, web.clock())
        web.desk.not_called_off(1, "The towing provider refuses: Our truck is there.", web.clock())
        web.clock.move(minutes=6)
        web.desk.claim_doubts(web.clock())
        driver.refresh()
        wait_for(driver, "h1", "A person was called.")
        assert "the truck still comes" in text_of(driver, ".note")
        take(driver, folder / "driver-silent-provider.png")
        operator.get(f"{address}/operator")
        wait_for(operator, "#line", "Live")
        take(operator, folder / "operator-silent-provider.png")
        tap(operator, ".what a")
        wait_until(lambda: "said nothing for 6 min" in text_of(operator, ".why"), "the operator reads why")
        tap(operator, "details.call-off summary")
        take(operator, folder / "incident-silent-provider.png")
        tap(operator, "details.call-off button")
        wait_until(lambda: "is being called off by an operator" in text_of(operator, "dl"), "it is under way")
        tap(operator, ".done button")
        wait_for(operator, "h1", "Check-ins")


def test_both_pages_fit_their_screens(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    with (
        served(tmp_path) as (web, address),
        browser(tmp_path / "driver", dark=True) as driver,
        browser(tmp_path / "operator", size=DESK_SCREEN, dark=True) as operator,
    ):
        for number, vehicle in enumerate(["van-12", "car-31", "truck-4", "car-88"], start=2):
            web.break_down(stranded(f"incident-{number}"), vehicle)
            web.clock.move(seconds=95)
        web.desk.answer("incident-2", Happening.SAYS_EMERGENCY, web.clock())
        web.desk.claim_deadlines(web.clock(), 1)
        web.desk.answer("incident-4", Happening.SAYS_SAFE, web.clock())
        web.desk.operator_done("incident-4", "fetched by a friend", web.clock())
        driver.get(web.break_down())
        operator.get(f"{address}/operator")
        wait_for(operator, "#line", "Live")
        assert operator.execute_script("return document.querySelector('.urgent h2').innerText") == "Needs a person 2"
        for page, name in ((driver, "driver.png"), (operator, "operator.png")):
            assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), name
            assert page.save_screenshot(str(folder / name))
        emergency = driver.find_element(By.CSS_SELECTOR, "button.emergency").rect
        assert emergency["y"] + emergency["height"] <= 844, "all three answers on the first screen"
        states = {view.state for view in web.desk.board(web.clock())}
        assert {CheckIn.EMERGENCY, CheckIn.ESCALATED, CheckIn.CLOSED} <= states


def test_silent_cars_are_seen_below_the_others(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    with served(tmp_path) as (web, address), browser(tmp_path / "operator", size=DESK_SCREEN) as operator:
        silent = web.fall_silent("van-12")
        web.clock.move(seconds=95)
        web.desk.claim_deadlines(web.clock())
        asked = web.fall_silent("truck-4", 84.0)
        for number in range(12):
            vehicle = f"bus-{number}"
            says = status_says(vehicle=vehicle, at=web.clock())
            web.desk.hear([word(comes(vehicle=vehicle)), word(says), word(goes(vehicle=vehicle))], web.clock())
        web.clock.move(seconds=180)
        assert web.desk.claim_lost(web.clock()) == []
        web.break_down()
        operator.get(f"{address}/operator")
        wait_for(operator, "#line", "Live")
        assert text_of(operator, ".silent h2") == "Lost contact 2"
        order = attributes(operator, ".silent tbody tr", "data-incident")
        assert order == [silent.incident_id, asked.incident_id], "who needs a person is first"
        assert "12 cars fell silent on the road" in text_of(operator, ".outage")
        take(operator, folder / "operator-silent.png")
        operator.get(f"{address}/operator/incident/{silent.incident_id}")
        wait_for(operator, "h2", "Lost contact: Needs a person")
        take(operator, folder / "incident-silent.png")
        web.desk.answer(asked.incident_id, Happening.WANTS_TOW, web.clock())
        operator.get(f"{address}/operator")
        wait_for(operator, "#line", "Live")
        assert text_of(operator, ".silent h2") == "Lost contact 1", "whoever asks for help stands with the others"


def test_the_driver_of_a_silent_car_answers_without_javascript(tmp_path: Path) -> None:
    with served(tmp_path) as (web, _), browser(tmp_path / "driver", javascript=False) as driver:
        view = web.fall_silent("truck-4", 84.0)
        driver.get(web.links.make(view.incident_id, web.clock()))
        wait_for(driver, "h1", "We have lost contact with your car.")
        assert "driving at 84 km/h" in text_of(driver, "main")
        emergency = driver.find_element(By.CSS_SELECTOR, "button.emergency").rect
        take(driver, pictures(tmp_path) / "driver-silent.png")
        assert emergency["y"] + emergency["height"] <= 844, "all three answers on the first screen"
        tap(driver, "button.tow")
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")


def test_the_drivers_page_renews_itself_and_survives_a_hole_in_the_network(tmp_path: Path) -> None:
    with served(tmp_path) as (web, _), browser(tmp_path / "driver") as driver:
        driver.get(web.break_down())
        driver.execute_script("window.notReloaded = true; document.body.dataset.refresh = '0.2'")
        driver.execute_script("look()")
        driver.execute_cdp_cmd("Network.enable", {})
        hole = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", hole)
        wait_until(lambda: "No connection right now." in text_of(driver, "#line"), "she is told that it may be old")
        assert "Stand behind the barrier" in text_of(driver, "main")
        take(driver, pictures(tmp_path) / "driver-no-network.png")
        web.desk.answer("incident-1", Happening.SAYS_SAFE, web.clock())
        driver.execute_cdp_cmd("Network.emulateNetworkConditions", hole | {"offline": False})
        driver.execute_script("look()")
        wait_for(driver, "h1", "Good that you are safe.")
        assert text_of(driver, "#line") == ""
        assert driver.execute_script("return window.notReloaded") is True
        # The button of the new page works, with the form that came with it.
        tap(driver, "button.tow")
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")


def test_an_open_incident_renews_itself_and_keeps_a_note_that_is_being_written(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    with served(tmp_path) as (web, address), browser(tmp_path / "o", size=DESK_SCREEN, dark=True) as operator:
        web.break_down()
        operator.get(f"{address}/operator/incident/incident-1")
        wait_for(operator, "#line", "Live")
        web.desk.answer("incident-1", Happening.SAYS_EMERGENCY, web.clock())
        wait_for(operator, ".urgent h2", "Emergency")
        assert "This is an emergency." in text_of(operator, ".story")
        operator.find_element(By.NAME, "note").send_keys("called her")
        web.desk.operator_done("incident-1", "another operator was quicker", web.clock())
        wait_until(lambda: "another operator was quicker" in text_of(operator, ".story"), "the story goes on")
        wait_for(operator, "#line", "The buttons have changed meanwhile; reload before you use them.")
        assert operator.find_element(By.NAME, "note").get_attribute("value") == "called her"
        take(operator, folder / "incident-changed.png")
