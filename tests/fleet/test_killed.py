"""`hardshoulder-fleet serve`, killed between its commit and what it says afterwards: nothing lost, nothing doubled."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, free_port, wait_until
from support.broken_line import PUBACK, PUBLISH, Line, Packet, Way
from support.desks import car_says
from support.talking_car import Car

pytestmark = pytest.mark.slow

ALERTS = [car_says(incident_id=f"incident-{number}") for number in (1, 2)]
NAMES = [alert.data.incident_id for alert in ALERTS]
SPOKEN = {(Way.TO_BROKER, PUBACK), (Way.TO_BROKER, PUBLISH), (Way.FROM_BROKER, PUBACK)}
"""What follows a commit: the broker may forget, the car may forget, the broker has it."""

KNOWN = "SELECT incident_id FROM event ORDER BY 1"
LINKED = "SELECT incident_id FROM errand WHERE kind = 'send-link' AND ended_at IS NOT NULL ORDER BY 1"


def at(number: int) -> Callable[[Packet], bool]:
    """The packet of this number among those that follow a commit."""
    seen: list[Packet] = []

    def swallow(packet: Packet) -> bool:
        if packet in SPOKEN:
            seen.append(packet)
        return len(seen) == number

    return swallow


def rows(folder: Path, query: str) -> list[object]:
    """What the fleet has on its disk, asked from outside."""
    with closing(sqlite3.connect(folder / "fleet.sqlite3")) as database:
        return [row[0] for row in database.execute(query)]


@pytest.mark.parametrize("number", [1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 7))])
def test_killed_at_every_word_after_a_commit(tmp_path: Path, number: int) -> None:
    secret = make_secret(tmp_path)
    with Broker(tmp_path) as broker, Line(broker.port) as line, Phone() as phone, Car(broker.port) as car:
        with FleetProcess(tmp_path, line.port, free_port(), secret, phone, answer_within_s=3600) as fleet:
            line.wait_until_subscribed()
            line.break_at(at(number), then=fleet.kill)
            car.say(*ALERTS)
            assert line.broken.wait(20), "the fleet has said it, and is gone"
            known, heard = rows(tmp_path, KNOWN), car.heard()
            assert known in (NAMES[:1], NAMES), "committed before anything was said"
            assert {name for name, _ in heard} <= set(known), "the car forgets nothing that is on no disk"
            line.mend()
            fleet.start()
            line.wait_until_subscribed()
            # As our daemon does with what was not acknowledged.
            car.say(*(alert for alert in ALERTS if (alert.data.incident_id, 1) not in heard))
            wait_until(lambda: {name for name, _ in car.heard()} == set(NAMES), "all was acknowledged")
            page = httpx.get(f"{fleet.address}/operator").text
            assert [page.count(f'data-incident="{name}"') for name in NAMES] == [1, 1]
            assert fleet.stop() == 0
        assert rows(tmp_path, "SELECT event_id FROM event ORDER BY 1") == [alert.id for alert in ALERTS]
        assert rows(tmp_path, "SELECT incident_id FROM errand ORDER BY 1") == NAMES, "one link each"
        taken = [line for line in fleet.log().splitlines() if " taken: vehicle=car-7 " in line]
        assert len(taken) <= len(NAMES), "a repetition is called one in the log"


def test_what_was_known_at_the_kill_is_acknowledged_and_nobody_is_asked_again(tmp_path: Path) -> None:
    secret = make_secret(tmp_path)
    with Broker(tmp_path) as broker, Line(broker.port) as line, Phone() as phone, Car(broker.port) as car:
        with FleetProcess(tmp_path, line.port, free_port(), secret, phone, answer_within_s=3600) as fleet:
            line.wait_until_subscribed()
            line.break_at(at(1), then=lambda: None)
            car.say(*ALERTS)
            wait_until(lambda: rows(tmp_path, LINKED) == NAMES, "the drivers were asked")
            fleet.kill()
            assert car.acks == []
            line.mend()
            fleet.start()
            # Nobody says anything again: the broker has kept what it was not told to forget.
            wait_until(lambda: {name for name, _ in car.heard()} == set(NAMES), "all was acknowledged")
            assert fleet.stop() == 0
        assert phone.links.qsize() == len(NAMES)
        assert [fleet.log().count(f" known already: vehicle=car-7 incident={name} ") for name in NAMES] == [1, 1]
        assert rows(tmp_path, "SELECT count(*) FROM errand") == [len(NAMES)]
