"""Debian's Chromium without a screen, for the demo and the tests of the fleet's pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from hardshoulder.errors import UserError

PHONE = (390, 844)
DESK_SCREEN = (1280, 800)

# It starts as root in a container and looks nothing up on a network.
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def browser_programs() -> tuple[str, str]:
    """Chromium and its driver. Raises UserError when either is not installed."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/bin"))
    chromium, driver = (shutil.which(name, path=search) for name in ("chromium", "chromedriver"))
    if chromium is None or driver is None:
        missing = "chromium" if chromium is None else "chromedriver"
        packages = "chromium chromium-driver"
        raise UserError(f"{missing} is not installed; on Debian: apt-get install --no-install-recommends {packages}")
    return chromium, driver


@contextmanager
def browser(
    profile: Path, *, size: tuple[int, int] = PHONE, javascript: bool = True, dark: bool = False
) -> Iterator[Chrome]:
    """A browser. profile: a folder of its own. size: of the page, in CSS pixels."""
    options = ChromeOptions()
    options.binary_location, program = browser_programs()
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    # A group of its own: Ctrl-C at the terminal is for whoever opened it, who then closes it in order.
    driver = Chrome(options, Service(program, popen_kw={"process_group": 0}))
    try:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        yield driver
    finally:
        driver.quit()


def text_of(driver: Chrome, selector: str) -> str:
    """The visible text of the first element, "" where there is none: read in one go, as a page may renew itself."""
    script = """const found = document.querySelector(arguments[0]);
    return found?.checkVisibility() ? found.innerText.trim() : "";"""
    return str(driver.execute_script(script, selector))


def attributes(driver: Chrome, selector: str, name: str) -> list[str]:
    """An attribute of every element, in the page's order, read in one go."""
    script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.getAttribute(arguments[1]))"
    return list(driver.execute_script(script, selector, name))


def tap(driver: Chrome, selector: str, by: str = By.CSS_SELECTOR) -> None:
    """Click the first element. A page that renews itself may replace it first: then nothing was clicked."""
    for _ in range(5):
        try:
            return driver.find_element(by, selector).click()
        except StaleElementReferenceException:
            continue
    raise UserError(f"{selector} is replaced faster than it can be clicked; reload the page")
