"""The number to call in danger is the fleet's, on every page and in every message."""

import json
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from hardshoulder_fleet.messages import check_in_text
from hardshoulder_fleet.web.app import WebSettings, create_app
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, free_port
from support.broken_line import Line
from support.browser import SECRET, Web
from support.desks import car_says
from support.talking_car import Car

pytestmark = pytest.mark.slow


def test_every_page_tells_the_number_of_its_own_fleet(tmp_path: Path) -> None:
    web = Web(tmp_path)
    settings = WebSettings(None, SECRET, web.clock, emergency_number="911")
    there = create_app(web.desk, web.links, web.provider, settings)
    page = web.break_down().removeprefix("http://testserver")
    # One after the other and back again: neither app's number gets into the other's pages.
    for app, number, other in ((there, "911", "112"), (web.app, "112", "911"), (there, "911", "112")):
        client = TestClient(app, raise_server_exceptions=False)
        answers = [
            client.get(page),
            client.get("/nowhere"),
            client.get("/c/nonsense"),
            client.post(f"{page}/answer", data={}),
            client.post(f"{page}/answer", content=b"x" * 20_000),
        ]
        assert [answer.status_code for answer in answers] == [200, 404, 404, 422, 413]
        for answer in answers:
            assert f'href="tel:{number}"' in answer.text and f"Call {number}" in answer.text
            assert f"tel:{other}" not in answer.text and f"Call {other}" not in answer.text


def test_the_message_tells_it(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.break_down()
    view = web.desk.view("incident-1")
    assert view is not None
    assert check_in_text(view, "http://x/c/1").endswith("Call 112.")
    assert check_in_text(view, "http://x/c/1", "911").endswith("Call 911.")


class Reader(Phone):
    """Somebody who reads the whole message, not the link alone."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def _take(self, body: bytes) -> None:
        self.texts.append(json.loads(body)["message"])
        super()._take(body)


class American(FleetProcess):
    """`hardshoulder-fleet serve` with a number of its own in fleet.toml."""

    def command(self) -> list[str]:
        text = self._config.read_text("utf-8")
        self._config.write_text(text.replace("format = 1\n", 'format = 1\nemergency_number = "911"\n'))
        return super().command()


def test_what_stands_in_the_file_reaches_the_driver(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Line(broker.port) as line, Reader() as phone, Car(broker.port) as car:
        with American(tmp_path, line.port, free_port(), make_secret(tmp_path), phone, answer_within_s=60):
            line.wait_until_subscribed()
            car.say(car_says())
            link = phone.links.get(timeout=20)
            page = httpx.get(link, trust_env=False).text
        assert phone.texts[0].endswith("In danger? Call 911.")
        assert 'href="tel:911"' in page and "112" not in page.replace(link.rpartition("/")[2], "")
