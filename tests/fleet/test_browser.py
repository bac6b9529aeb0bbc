"""The whole way in Debian's Chromium: a tap, a price, a yes, and the operator's list that renews itself."""

import os
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from hardshoulder_fleet.core.checkin import CheckIn, Happening
from hardshoulder_sim.browser import DESK_SCREEN, browser, text_of
from hardshoulder_sim.processes import wait_until
from support.browser import served, stranded

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
        driver.find_element(By.CSS_SELECTOR, "button.tow").click()
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")
        shown = text_of(driver, ".terms")
        driver.find_element(By.ID, "yes").click()
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
        driver.find_element(By.CSS_SELECTOR, "button.tow").click()
        wait_for(driver, "h1", "A tow costs 129.00 EUR.")
        driver.find_element(By.ID, "yes").click()
        wait_for(driver, "h1", "Tow ordered.")
        driver.find_element(By.CSS_SELECTOR, "button.emergency").click()
        wait_for(driver, "h1", "Hurt or in danger? Call 112 yourself, now.")
        assert driver.find_element(By.CSS_SELECTOR, "a.call").get_attribute("href") == "tel:112"
        driver.get(f"{address}/operator")
        assert "Emergency" in text_of(driver, "[data-incident]")
        assert driver.find_elements(By.CSS_SELECTOR, "meta[http-equiv=refresh]")


def test_both_pages_fit_their_screens(tmp_path: Path) -> None:
    folder = Path(os.environ.get(PICTURES_VARIABLE, tmp_path))
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
