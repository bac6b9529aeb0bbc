"""The driver in the headless demo: opens the link on her phone, asks for a tow, sees the price, says yes.

An operator's list is open beside her. Both pages have to show what the fleet says.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome

from hardshoulder_sim.browser import DESK_SCREEN, browser, tap, text_of
from hardshoulder_sim.processes import wait_until
from hardshoulder_sim.story import Stage, Tell

_TOW_HEADLINES = (
    "A truck is assigned.",
    "The truck is on its way.",
    "The truck is with you.",
    "Your tow is completed.",
)
_LOOK_AGAIN_S = 0.2
_PATIENCE_S = 60.0


class Stopped(Exception):
    """The demo ends before the driver is done."""


@dataclass(frozen=True, slots=True)
class Screens:
    """What she and the operator look at. pictures: a folder for both pages, or None. stopped: whether to give up."""

    phone: Chrome
    desk: Chrome
    pictures: Path | None
    stopped: Callable[[], bool]

    def wait_until(self, holds: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        """Raises Stopped, or AssertionError with `what` after the time."""

        def looked() -> bool:
            if self.stopped():
                raise Stopped
            return holds()

        wait_until(looked, what, timeout_s)

    def save(self, page: Chrome, name: str) -> None:
        """Keeps a picture of the page, if pictures are wanted."""
        if self.pictures is not None:
            page.save_screenshot(str(self.pictures / name))


def answer(link: str, operator: str, tell: Tell, pictures: Path | None, stopped: Callable[[], bool]) -> None:
    """The whole way in two browsers; returns when the tow is completed, or when it is stopped.

    Raises AssertionError for a page that does not show what it has to.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-browser-")))
        phone = stack.enter_context(browser(folder / "phone", dark=True))
        desk = stack.enter_context(browser(folder / "desk", size=DESK_SCREEN, dark=True))
        screens = Screens(phone, desk, pictures, stopped)
        try:
            _open(screens, link, operator, tell)
            _order(screens)
            _watch_the_tow(screens)
        except Stopped:
            return


def _open(screens: Screens, link: str, operator: str, tell: Tell) -> None:
    screens.desk.get(operator)
    screens.phone.get(link)
    headline = text_of(screens.phone, "h1").replace("\n", " ")
    tell(Stage("page opened", time.time(), headline))
    screens.save(screens.phone, "driver-asked.png")


def _order(screens: Screens) -> None:
    phone, desk = screens.phone, screens.desk
    tap(phone, "button.tow")
    screens.wait_until(lambda: text_of(phone, "h1").startswith("A tow costs"), "the phone shows the price")
    screens.save(phone, "driver-price.png")
    tap(phone, "#yes")
    ordered = "the operator's page shows the order without reloading"
    screens.wait_until(lambda: "Tow ordered" in text_of(desk, "[data-incident]"), ordered)
    screens.save(desk, "operator.png")


def _watch_the_tow(screens: Screens) -> None:
    """The page renews itself now and then; a person who waits would pull it down more often."""
    seen: set[str] = set()

    def completed() -> bool:
        seen.add(text_of(screens.phone, "h1"))
        if _TOW_HEADLINES[-1] in seen:
            return True
        time.sleep(_LOOK_AGAIN_S)
        screens.phone.refresh()
        return False

    screens.wait_until(completed, f"the phone shows “{_TOW_HEADLINES[-1]}”", _PATIENCE_S)
    left_out = [headline for headline in _TOW_HEADLINES if headline not in seen]
    assert not left_out, f"the phone never showed {left_out}"
    screens.save(screens.phone, "driver-completed.png")
