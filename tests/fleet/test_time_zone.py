"""Times are told in the fleet's own zone, and a yes counts for the words that it was given to."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from hardshoulder_fleet.config import ConfigError, load_config
from hardshoulder_fleet.web import words
from hardshoulder_fleet.web.app import WebSettings, create_app
from support.browser import SECRET, Web
from support.drivers import Driver, Operator

BERLIN = ZoneInfo("Europe/Berlin")
CONFIG = """
format = 1
base_url = "https://fleet.example"
mqtt.host = "broker.example"
notify.urls = ["json://127.0.0.1:9000/"]
provider = {{ url = "https://tows.example", webhook_secret_file = "webhook.secret" }}
time_zone = "{zone}"
"""


def abroad(web: Web) -> TestClient:
    """The same fleet, started again with another zone."""
    settings = WebSettings(None, SECRET, web.clock, time_zone=BERLIN)
    return TestClient(create_app(web.desk, web.links, web.provider, settings), raise_server_exceptions=False)


def test_both_pages_tell_times_of_the_zone_and_name_it(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.clock.now = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)
    driver, operator = Driver(web, web.break_down()), Operator(web)
    driver.client = operator.client = abroad(web)
    assert "This price holds until 01:00 CET on 23 Nov 2026." in driver.tap("tow").text
    page = operator.page()
    assert "As of 00:50:00 CET" in page and "2026-11-23 00:50 CET" in page and "until 01:00 CET on 23 Nov 2026" in page
    assert "As of 00:50:00 CET" in operator.board() and "UTC" not in page + operator.board()
    web.database.close()


def test_words_that_would_be_others_by_now_are_shown_again_and_nothing_is_ordered(tmp_path: Path) -> None:
    web = Web(tmp_path)
    driver = Driver(web, web.break_down())
    driver.tap("tow")
    data = {name: driver.hidden(name) for name in ("form", "quote_id", "shown")}
    driver.client = abroad(web)
    again = driver.client.post(f"{driver.path}/order", data=data).text
    assert "The price or its terms have changed in the meantime. Nothing was ordered." in again
    assert driver.view().tow is None
    shown = re.findall(r'<p class="terms">([^<]*)</p>', again)
    driver.order()
    tow, quote = driver.view().tow, driver.view().quote
    assert tow and quote and [tow.consent_text] == shown == [words.consent_text(quote, BERLIN)]
    web.database.close()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
def test_a_zone_is_known(zone: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(CONFIG.format(zone=zone))
    assert load_config(path).time_zone == zone


@pytest.mark.parametrize("zone", ["Europe/Garching", "Europe", "../../etc/passwd", "/etc/localtime", "", "zone.tab"])
def test_any_other_is_refused_in_one_line(zone: str, tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(CONFIG.format(zone=zone))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    [line] = caught.value.problems
    assert line.startswith(f"{path}: time_zone: ")
