"""The whole fleet as a process on a real broker: what a broken car sends, and the line or the page each of it gets."""

import json
from pathlib import Path

import httpx
import pytest

from hardshoulder.core.actions import State
from hardshoulder.wire import EVENT_LIMIT_BYTES, encode
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, free_port, wait_until
from support.broken_line import Line
from support.desks import car_says
from support.talking_car import Car

pytestmark = pytest.mark.slow


def changed(**data: object) -> bytes:
    """An alert of another car's making."""
    event = json.loads(encode(car_says(9)))
    return json.dumps(event | {"data": event["data"] | data}).encode()


BAD = {
    changed(schema_version=2): "data.schema_version: Input should be 1",
    encode(car_says(9)).ljust(EVENT_LIMIT_BYTES + 1): f"has {EVENT_LIMIT_BYTES + 1} bytes, and {EVENT_LIMIT_BYTES} are",
    changed(incident_id="../../operator"): "data.incident_id: String should match pattern",
    changed(incident_id="1\ntaken: all"): "data.incident_id: String should match pattern",
    b"{": "Invalid JSON",
}


def test_each_gets_its_line_or_its_page_and_the_good_ones_go_on(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Line(broker.port) as line, Phone() as phone, Car(broker.port) as car:
        with FleetProcess(tmp_path, line.port, free_port(), make_secret(tmp_path), phone, answer_within_s=60) as fleet:
            line.wait_until_subscribed()
            car.say(car_says(3, State.STRANDED))
            for payload in BAD:
                car.send(payload)
            car.say(car_says(3, State.STRANDED), car_says(1))
            wait_until(lambda: len(car.acks) == 3, "what fits is acknowledged")
            phone.links.get(timeout=20)
            page = httpx.get(f"{fleet.address}/operator/incident/incident-1", trust_env=False).text
            board = httpx.get(f"{fleet.address}/operator", trust_env=False).text
            assert fleet.stop() == 0
        assert car.heard() == [("incident-1", number) for number in (3, 3, 1)]
        assert phone.links.empty(), "the driver was asked once"
    lines = fleet.log().splitlines()
    rejected = [line for line in lines if "rejected a message on 'hardshoulder/v1/car-7/incident': " in line]
    assert len(rejected) == len(BAD)
    assert all(reason in line for line, reason in zip(rejected, BAD.values(), strict=True))
    told = [line.partition("ingest ")[2] for line in lines if "incident=incident-1 " in line]
    assert told == [
        f"{word}: vehicle=car-7 incident=incident-1 sequence={number}"
        for word, number in (("taken", 3), ("known already", 3), ("taken", 1))
    ]
    # Late as the first report came, the newest counts; the one that never came is named.
    assert "car standing" in page and "numbers 2 have not arrived" in page
    assert board.count("data-incident=") == 1
    assert "Traceback" not in fleet.log()
