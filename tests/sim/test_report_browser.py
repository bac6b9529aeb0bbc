"""The report in a real browser: it draws, it zooms, it says values, and it asks nobody for anything."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from hardshoulder_sim.browser import DESK_SCREEN, browser
from hardshoulder_sim.processes import wait_until
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay
from hardshoulder_sim.reports.page import as_page
from hardshoulder_sim.reports.recorder import Recorder, Recording
from support.compared import cruise_and_stall
from support.recorded import compiled

HOSTILE = "</script><script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">&<b>"

# What the page asked for, as far as it was let; what it was not let is in the console.
REQUESTS = "return performance.getEntriesByType('resource').map(entry => entry.name)"
RANGE = "return document.getElementById('chart')._fullLayout.xaxis.range"
MOVE = """
const frame = document.getElementById('frame'), box = frame.getBoundingClientRect();
const across = document.getElementById('chart')._fullLayout.xaxis;
frame.dispatchEvent(new MouseEvent('mousemove', {
  clientX: box.left + across._offset + across.d2p(arguments[0]), clientY: box.top + 200, bubbles: true}));
"""
VALUES = """
return Object.fromEntries([...document.querySelectorAll('.legend > div')].map(row =>
  [row.querySelector('span').textContent.replace('\\u200e', ''), row.querySelector('b').textContent]));
"""


@pytest.fixture(scope="module")
def stalled(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReplayResult, Recording]:
    log = cruise_and_stall(tmp_path_factory.mktemp("logs"))[1]
    recorder = Recorder()
    result = replay(log, compiled("reference-combustion").plan, ReplayOptions(listener=recorder))
    return result, recorder.recording(result.duration_s)


@contextmanager
def opened(folder: Path, page: str, *, dark: bool = False) -> Iterator[Chrome]:
    """The page as a file of its own, drawn."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    with browser(folder / "profile", size=DESK_SCREEN, dark=dark) as driver:
        driver.get(file.as_uri())
        wait_until(lambda: bool(driver.execute_script("return document.documentElement.dataset.drawn")), "it is drawn")
        yield driver


def complaints(driver: Chrome) -> list[str]:
    """What the console holds, refused requests and scripts as well."""
    return [entry["message"] for entry in driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_it_draws_without_a_complaint_or_a_request(
    tmp_path: Path, stalled: tuple[ReplayResult, Recording], dark: bool
) -> None:
    with opened(tmp_path, as_page(*stalled), dark=dark) as driver:
        assert driver.execute_script(REQUESTS) == []
        drawn = len(driver.find_elements(By.CSS_SELECTOR, "#chart .scatterlayer .trace"))
        traces = driver.execute_script("return document.getElementById('chart').data.length")
        assert 30 < drawn <= traces
        assert driver.find_elements(By.CSS_SELECTOR, "#chart .barlayer .point path")
        background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
        offered = [button.get_attribute("data-title") for button in driver.find_elements(By.CLASS_NAME, "modebar-btn")]
        assert offered == ["Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
        assert complaints(driver) == []


@pytest.mark.slow
def test_a_reader_zooms_and_reads_values(tmp_path: Path, stalled: tuple[ReplayResult, Recording]) -> None:
    (incident,) = stalled[0].incidents
    with opened(tmp_path, as_page(*stalled)) as driver:
        whole = driver.execute_script(RANGE)
        assert whole == [0, pytest.approx(stalled[1].end_s, abs=1e-3)]
        assert set(driver.execute_script(VALUES).values()) == {""}
        driver.execute_script(MOVE, incident.opened_at_s - 1.0)
        before = driver.execute_script(VALUES)
        driver.execute_script(MOVE, incident.opened_at_s + 1.0)
        after = driver.execute_script(VALUES)
        assert (before["CombustionEngine.Speed"], after["CombustionEngine.Speed"]) == ("2000 rpm", "0 rpm")
        assert (before["CombustionEngine.IsRunning"], after["CombustionEngine.IsRunning"]) == ("true", "false")
        assert before["Speed"] == after["Speed"] == "80 km/h"
        buttons = {button.text: button for button in driver.find_elements(By.CSS_SELECTOR, ".tools button")}
        script = "Plotly.relayout(document.getElementById('chart'), {'xaxis.range': [4, 6]})"
        driver.execute_script(script)
        wait_until(lambda: driver.execute_script(RANGE) == [4, 6], "it is zoomed")
        buttons["Whole recording"].click()
        wait_until(lambda: driver.execute_script(RANGE) == whole, "it shows all again")
        assert complaints(driver) == []


@pytest.mark.slow
def test_hostile_names_stay_names(tmp_path: Path, stalled: tuple[ReplayResult, Recording]) -> None:
    result, recording = stalled
    hostile = replace(result, log=f"/x/{HOSTILE}", notes=(HOSTILE,), faults={HOSTILE: 1})
    marked = replace(recording, invalid=((1.0, HOSTILE, "checksum"),), holes=((2.0, 3.0),), left_out=(HOSTILE,))
    with opened(tmp_path, as_page(hostile, marked)) as driver:
        assert driver.title != "caught"
        assert driver.find_element(By.TAG_NAME, "h1").text == HOSTILE.rpartition("/")[2]
        assert not driver.find_elements(By.CSS_SELECTOR, "body img")
        assert complaints(driver) == []


@pytest.mark.slow
def test_the_policy_would_stop_a_stranger(tmp_path: Path, stalled: tuple[ReplayResult, Recording]) -> None:
    """Were a name to become markup after all, it would neither run nor fetch."""
    page = as_page(*stalled).replace(
        "<h1>", "<script>document.title='caught'</script><img src='http://127.0.0.1:9/x'><h1>"
    )
    with opened(tmp_path, page) as driver:
        assert driver.title != "caught"
        refused = complaints(driver)
        assert len(refused) == 2 and all("Content Security Policy" in line for line in refused)


@pytest.mark.slow
def test_it_can_be_printed(tmp_path: Path, stalled: tuple[ReplayResult, Recording]) -> None:
    with opened(tmp_path, as_page(*stalled), dark=True) as driver:
        made: dict[str, Any] = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        pdf = base64.b64decode(made["data"])
        assert pdf.startswith(b"%PDF-") and len(pdf) > 20_000
        assert json.dumps(complaints(driver)) == "[]"
