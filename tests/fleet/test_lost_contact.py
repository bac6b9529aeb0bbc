"""Cars that fall silent on a real broker: last wills, retained words, a fleet that dies or loses its own line."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from hardshoulder.core.actions import State
from hardshoulder.events import presence_event
from hardshoulder.wire import EVENT_LIMIT_BYTES, encode, topic
from hardshoulder_fleet.core.checkin import CheckIn
from hardshoulder_fleet.core.contact import LOST_CONTACT
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, Patience
from hardshoulder_fleet.ingest import BrokerSettings, Ingest
from hardshoulder_fleet.store.database import open_database
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import Broker, free_port, wait_until
from support.desks import ANSWER_WITHIN, LEASE, car_says
from support.incidents import BEGIN
from support.silence import TalkingCar, status_says
from support.talking_car import Car

pytestmark = pytest.mark.slow

GRACE = timedelta(seconds=1)


def short_desk(path: Path) -> Desk:
    """A desk with little patience for silent cars."""
    return Desk(open_database(f"sqlite:///{path}"), Patience(ANSWER_WITHIN, LEASE, contact=GRACE))


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    made = short_desk(path)
    yield made
    made._database.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@contextmanager
def listening(desk: Desk, port: int) -> Iterator[Ingest]:
    ingest = Ingest(desk, BrokerSettings("127.0.0.1", port), lambda: datetime.now(UTC))
    ingest.start()
    try:
        wait_until(ingest.subscribed.is_set, "the fleet listens")
        yield ingest
    finally:
        ingest.stop()


def contact(path: Path, columns: str, vehicle: str = "car-7") -> tuple[object, ...] | None:
    """What is on the fleet's disk of a car, asked from outside."""
    with closing(sqlite3.connect(path)) as database:
        query = f"SELECT {columns} FROM contact WHERE vehicle = ?"
        row: tuple[object, ...] | None = database.execute(query, [vehicle]).fetchone()
        return row


def knows(path: Path, online: bool, word: str, vehicle: str = "car-7") -> None:
    """Returns when the fleet has these on its disk."""

    def does() -> bool:
        row = contact(path, "online, status", vehicle)
        return row is not None and row[0] == online and word in str(row[1])

    wait_until(does, f"the fleet knows that {vehicle} is {'there' if online else 'gone'} and {word}")


def silent(desk: Desk) -> list[CheckInView]:
    return [view for view in desk.board(datetime.now(UTC)) if view.kind == LOST_CONTACT]


def is_asked(desk: Desk) -> CheckInView:
    """Returns when the grace is over and the check-in is there."""
    found: list[CheckInView] = []

    def is_there() -> bool:
        found.extend(desk.claim_lost(datetime.now(UTC)))
        return bool(found)

    wait_until(is_there, "the driver is asked")
    return found[0]


def much_later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def test_the_line_of_a_driving_car_breaks_and_it_comes_back(broker: Broker, desk: Desk, path: Path) -> None:
    with listening(desk, broker.port), TalkingCar(broker.port) as car:
        car.drives(110.0)
        knows(path, True, '"speed_kph":110.0')
        assert desk.claim_lost(much_later()) == []
        car.is_cut()
        knows(path, False, '"speed_kph":110.0')
        view = is_asked(desk)
        assert (view.vehicle, view.state, view.car_state, view.speed_kph) == ("car-7", CheckIn.ASKED, "driving", 110.0)
        car.connect()
        car.drives(90.0)
        wait_until(lambda: silent(desk)[0].state is CheckIn.CLOSED, "it closes by itself")
        assert desk.claim_lost(much_later()) == []


def test_a_car_that_parks_and_sleeps_is_left_alone(broker: Broker, desk: Desk, path: Path) -> None:
    with listening(desk, broker.port), TalkingCar(broker.port) as car:
        car.drives()
        car.drives(0.0, State.PARKED)
        knows(path, True, '"state":"parked"')
        car.is_cut()
        knows(path, False, '"state":"parked"')
        assert desk.claim_lost(much_later()) == []


def test_a_car_with_an_open_incident_gets_no_second_check_in(broker: Broker, desk: Desk, path: Path) -> None:
    with listening(desk, broker.port), Car(broker.port) as alert, TalkingCar(broker.port) as car:
        car.drives()
        alert.say(car_says())
        wait_until(lambda: bool(alert.acks), "the incident is known")
        car.is_cut()
        knows(path, False, '"state":"driving"')
        assert desk.claim_lost(much_later()) == []
        [view] = desk.board(datetime.now(UTC))
        assert view.incident_id == "incident-1"
        assert "The car's line broke." in [entry.what for entry in view.story]


def test_the_fleets_own_outage_makes_no_car_lost(broker: Broker, desk: Desk, path: Path) -> None:
    with listening(desk, broker.port) as ingest, TalkingCar(broker.port) as car:
        car.drives()
        knows(path, True, '"speed_kph":110.0')
        broker.kill()
        wait_until(lambda: not ingest.subscribed.is_set(), "the fleet notices")
        assert desk.claim_lost(much_later()) == []
        broker.start()
        wait_until(ingest.subscribed.is_set, "the fleet is back")
        assert contact(path, "online, wait_from") == (1, None)
        assert desk.claim_lost(much_later()) == []


def test_a_car_that_goes_while_the_fleet_is_away_is_missed_afterwards(broker: Broker, path: Path) -> None:
    desk = short_desk(path)
    with TalkingCar(broker.port) as car:
        with listening(desk, broker.port):
            car.drives(50.0)
            knows(path, True, '"speed_kph":50.0')
        desk._database.close()
        car.drives(110.0)
        car.is_cut()
        again = short_desk(path)
        with listening(again, broker.port):
            knows(path, False, '"speed_kph":110.0')
            assert is_asked(again).speed_kph == 110.0
        again._database.close()


def test_what_is_retained_from_before_is_no_news(broker: Broker, desk: Desk, path: Path) -> None:
    with TalkingCar(broker.port, "ghost") as ghost:
        ghost.drives()
        ghost.is_cut()
    with listening(desk, broker.port):
        knows(path, False, '"speed_kph":110.0', "ghost")
        assert desk.claim_lost(much_later()) == []


def of_version(version: int) -> bytes:
    event = json.loads(encode(status_says()))
    event["data"]["schema_version"] = version
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("leaf", "payload", "reason"),
    [
        ("status", of_version(2), "schema_version"),
        ("status", encode(status_says()).ljust(EVENT_LIMIT_BYTES + 1), f"{EVENT_LIMIT_BYTES} are the limit"),
        ("status", encode(status_says(vehicle="car-8")), "not the status of 'car-8'"),
        ("status", encode(presence_event("car-7", online=False, at=BEGIN)), "not the presence of 'car-7'"),
        ("presence", encode(presence_event("car-8", online=False, at=BEGIN)), "not the presence of 'car-8'"),
        ("presence", encode(car_says()), "A status or a presence was expected"),
        ("presence", b"offline", "Invalid JSON"),
        ("presence", b"", "The event cannot be read"),
    ],
)
def test_what_cannot_be_a_word_of_this_car_is_rejected_once(
    broker: Broker, desk: Desk, path: Path, caplog: pytest.LogCaptureFixture, leaf: str, payload: bytes, reason: str
) -> None:
    with listening(desk, broker.port), TalkingCar(broker.port) as car:
        for _ in range(3):
            car.send(leaf, payload)
        car.drives()
        knows(path, True, '"speed_kph":110.0')
    with closing(sqlite3.connect(path)) as database:
        [(where, why)] = database.execute("SELECT topic, reason FROM rejected").fetchall()
    assert (where, reason in why) == (topic("car-7", leaf), True)
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("rejected a message") and "\n" not in line


KILLED = """
import pathlib, sys, threading
from datetime import UTC, datetime
from hardshoulder_fleet.ingest import BrokerSettings, Ingest
from support.desks import make_desk

desk = make_desk(pathlib.Path(sys.argv[1]))
hear = desk.hear

def hear_and_hang(words, now):
    hear(words, now)
    if any(word.event.type == sys.argv[3] and word.event.data.model_dump().get("online") is not True for word in words):
        print("committed", flush=True)
        threading.Event().wait()

desk.hear = hear_and_hang
ingest = Ingest(desk, BrokerSettings("127.0.0.1", int(sys.argv[2])), lambda: datetime.now(UTC))
ingest.start()
ingest.subscribed.wait()
print("listening", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("kind", ["org.hardshoulder.status.v1", "org.hardshoulder.presence.v1"])
def test_killed_between_commit_and_acknowledgement(broker: Broker, path: Path, kind: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(path), str(broker.port), kind]
    with TalkingCar(broker.port) as car:
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            car.drives(110.0)
            if "presence" in kind:
                knows(path, True, '"speed_kph":110.0')
                car.is_cut()
            assert process.stdout.readline() == b"committed\n"
            process.kill()
        before = contact(path, "online, status, missed_at")
        assert before is not None and '"speed_kph":110.0' in str(before[1])
        desk = short_desk(path)
        with listening(desk, broker.port) as ingest:
            wait_until(lambda: ingest._contacts.kept > 0, "the broker has said it again")
            assert contact(path, "online, status, missed_at") == before
            if "presence" not in kind:
                car.is_cut()
                knows(path, False, '"speed_kph":110.0')
            is_asked(desk)
            assert desk.claim_lost(much_later()) == []
            assert len(silent(desk)) == 1
        desk._database.close()


def test_the_whole_service_asks_restarts_in_the_grace_and_closes(tmp_path: Path) -> None:
    secret, database = make_secret(tmp_path), tmp_path / "fleet.sqlite3"
    with Broker(tmp_path) as broker, Phone() as phone, TalkingCar(broker.port) as car:
        fleet = FleetProcess(tmp_path, broker.port, free_port(), secret, phone, answer_within_s=3600, grace_s=8.0)
        with fleet:
            wait_until(lambda: "connected to the broker" in fleet.log(), "the fleet is connected")
            car.drives()
            knows(database, True, '"speed_kph":110.0')
            car.is_cut()
            knows(database, False, '"speed_kph":110.0')
            fleet.kill()
            assert phone.links.empty(), "the grace is not over"
            fleet.start()
            link = phone.links.get(timeout=60)
            page = httpx.get(link).text
            assert "We have lost contact with your car." in page and "driving at 110 km/h" in page
            assert "Lost contact; was driving at 110 km/h" in httpx.get(f"{fleet.address}/operator").text
            car.connect()
            car.drives()
            wait_until(lambda: "This check-in is closed." in httpx.get(link).text, "it closes by itself")
            assert fleet.stop() == 0
        assert phone.links.empty(), "nobody was asked twice"
        assert "Traceback" not in fleet.log()
