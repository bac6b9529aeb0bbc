"""The driver in the demo: opens the link on her phone, asks for a tow, sees the price, says yes."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from hardshoulder_sim.browser import DESK_SCREEN, browser, text_of
from hardshoulder_sim.processes import wait_until
from hardshoulder_sim.story import Stage

TOW_STAGES = {
    "A truck is assigned.": "tow assigned",
    "The truck is on its way.": "tow en route",
    "The truck is with you.": "tow on site",
    "Your tow is completed.": "tow completed",
}
_LOOK_AGAIN_S = 0.2
_PATIENCE_S = 60.0

Tell = Callable[[Stage], None]


def answer(link: str, operator: str, tell: Tell, pictures: Path | None) -> None:
    """The whole way in two browsers. pictures: a folder for both pages, or None."""
    with (
        tempfile.TemporaryDirectory(prefix="hs-browser-") as folder,
        browser(Path(folder) / "phone", dark=True) as phone,
        browser(Path(folder) / "desk", size=DESK_SCREEN, dark=True) as desk,
    ):
        desk.get(operator)
        phone.get(link)
        _tell(tell, "page opened", text_of(phone, "h1"))
        _save(phone, pictures, "driver-asked.png")
        _order(phone, desk, tell, pictures)
        _watch_the_tow(phone, tell)
        _save(phone, pictures, "driver-completed.png")


def _order(phone: Chrome, desk: Chrome, tell: Tell, pictures: Path | None) -> None:
    phone.find_element(By.CSS_SELECTOR, "button.tow").click()
    wait_until(lambda: text_of(phone, "h1").startswith("A tow costs"), "the price is shown")
    _tell(tell, "price shown", text_of(phone, "h1"))
    _save(phone, pictures, "driver-price.png")
    phone.find_element(By.ID, "yes").click()
    tapped_s = time.time()
    wait_until(lambda: "Tow ordered" in text_of(desk, "[data-incident]"), "the operator sees the order")
    _tell(tell, "operator sees it", f"{(time.time() - tapped_s) * 1000:.0f} ms after the yes, without reloading")
    _save(desk, pictures, "operator.png")


def _watch_the_tow(phone: Chrome, tell: Tell) -> None:
    """The page renews itself now and then; a person who waits would pull it down more often."""
    until_s, seen = time.monotonic() + _PATIENCE_S, ""
    while seen != "tow completed" and time.monotonic() < until_s:
        headline = text_of(phone, "h1")
        if headline in TOW_STAGES and TOW_STAGES[headline] != seen:
            seen = TOW_STAGES[headline]
            _tell(tell, seen, headline)
        time.sleep(_LOOK_AGAIN_S)
        phone.refresh()


def _tell(tell: Tell, name: str, detail: str) -> None:
    tell(Stage(name, time.time(), detail.replace("\n", " ")))


def _save(page: Chrome, pictures: Path | None, name: str) -> None:
    if pictures is not None:
        page.save_screenshot(str(pictures / name))
