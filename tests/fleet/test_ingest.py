"""The fleet's ears on a real broker: commit first, acknowledge then; nothing lost, nothing doubled."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hardshoulder.core.actions import State
from hardshoulder.events import presence_event
from hardshoulder.wire import EVENT_LIMIT_BYTES, AckData, IncidentEvent, encode, topic
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.ingest import BrokerSettings, Ingest, IngestError
from hardshoulder_fleet.store.queues import BEGINNING_BYTES
from hardshoulder_sim.processes import Broker, wait_until
from support.desks import car_says, make_desk
from support.incidents import BEGIN
from support.talking_car import Car

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@contextmanager
def listening(desk: Desk, port: int, *, connected: bool = True) -> Iterator[Ingest]:
    ingest = Ingest(desk, BrokerSettings("127.0.0.1", port), lambda: datetime.now(UTC))
    ingest.start()
    try:
        if connected:
            wait_until(ingest.subscribed.is_set, "the fleet listens")
        yield ingest
    finally:
        ingest.stop()


def rejected(desk: Desk) -> list[tuple[str, str, int, str]]:
    query = "SELECT topic, reason, payload_bytes, beginning FROM rejected ORDER BY number"
    with desk._database.engine.connect() as connection:
        return [(row[0], row[1], row[2], row[3]) for row in connection.exec_driver_sql(query).all()]


def events_in(path: Path) -> list[str]:
    desk = make_desk(path)
    with desk._database.engine.connect() as connection:
        ids = connection.exec_driver_sql("SELECT event_id FROM event ORDER BY event_id").scalars().all()
    desk._database.close()
    return list(ids)


def test_an_alert_is_in_the_database_before_the_car_may_forget_it(broker: Broker, desk: Desk, path: Path) -> None:
    with Car(broker.port) as car, listening(desk, broker.port) as ingest:
        car.say(car_says())
        wait_until(lambda: bool(car.acks), "the acknowledgement")
        assert car.acks[0] == AckData(event_id="incident-1-1", incident_id="incident-1", sequence=1)
        assert events_in(path) == ["incident-1-1"]
        assert (ingest.taken, ingest.duplicates, ingest.rejected) == (1, 0, 0)


def test_duplicates_are_acknowledged_again_and_gaps_are_known(
    broker: Broker, desk: Desk, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "hardshoulder_fleet.ingest")
    with Car(broker.port) as car, listening(desk, broker.port) as ingest:
        car.say(car_says(4, State.STRANDED), car_says(1), car_says(1), car_says(4, State.STRANDED), car_says(2))
        wait_until(lambda: len(car.acks) == 5, "five acknowledgements")
        assert car.heard() == [("incident-1", number) for number in (4, 1, 1, 4, 2)]
        assert (ingest.taken, ingest.duplicates) == (3, 2)
    view = desk.view("incident-1")
    assert view is not None
    assert (view.gaps, view.car_state) == ((3,), "stranded")
    assert events_in(path) == ["incident-1-1", "incident-1-2", "incident-1-4"]
    said = [line for line in caplog.messages if "vehicle=car-7" in line]
    words = ("taken", "taken", "known already", "known already", "taken")
    assert said == [
        f"{word}: vehicle=car-7 incident=incident-1 sequence={number}"
        for word, number in zip(words, (4, 1, 1, 4, 2), strict=True)
    ]


def of_version(version: int) -> bytes:
    event = json.loads(encode(car_says()))
    event["data"]["schema_version"] = version
    return json.dumps(event).encode()


def of_incident(incident_id: str, event_id: str = "event-1") -> bytes:
    event = json.loads(encode(car_says()))
    event["id"], event["data"]["incident_id"] = event_id, incident_id
    return json.dumps(event).encode()


def of_type(name: str) -> bytes:
    return json.dumps(json.loads(encode(car_says())) | {"type": name}).encode()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (of_version(2), "schema_version"),
        (of_type("org.hardshoulder.incident.v2"), "The event cannot be read"),
        (encode(car_says()).ljust(EVENT_LIMIT_BYTES + 1), f"{EVENT_LIMIT_BYTES} are the limit"),
        (of_type("a\nb" * 50_000), "The event cannot be read"),
        (b"", "The event cannot be read"),
        (b"<html>no</html>", "Invalid JSON"),
        (b"\xff\xfe", "The event cannot be read"),
        (b"[" * 50_000, "The event cannot be read"),
        (encode(car_says(vehicle="car-8")), "not the one of 'car-8'"),
        (encode(car_says(10**18)), "is above"),
        (encode(presence_event("car-7", online=True, at=BEGIN)), "An incident was expected"),
        (of_incident(".."), "incident_id: String should match pattern"),
        (of_incident("../../etc/1"), "incident_id: String should match pattern"),
        (of_incident("incident-1\ntaken: incident=2"), "incident_id: String should match pattern"),
        (of_incident("1" * 129), "incident_id: String should match pattern"),
        (of_incident("incident-1", event_id="event 1"), "id: String should match pattern"),
    ],
)
def test_what_cannot_be_an_alert_is_kept_and_not_acknowledged(
    broker: Broker, desk: Desk, caplog: pytest.LogCaptureFixture, payload: bytes, reason: str
) -> None:
    with Car(broker.port) as car, listening(desk, broker.port) as ingest:
        car.send(payload)
        car.say(car_says())
        wait_until(lambda: bool(car.acks), "what comes after it is heard")
        assert car.heard() == [("incident-1", 1)]
        assert (ingest.taken, ingest.rejected) == (1, 1)
    [(where, why, size_bytes, beginning)] = rejected(desk)
    assert (where, size_bytes) == (topic("car-7", "incident"), len(payload))
    assert beginning == payload[:BEGINNING_BYTES].decode(errors="replace")
    assert reason in why
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith("rejected a message") and "\n" not in line and len(line) < 600
    # It would never get better: the broker does not send it again.
    with listening(desk, broker.port) as ingest, Car(broker.port) as car:
        car.say(car_says(2))
        wait_until(lambda: ingest.taken == 1, "the next one")
        assert ingest.rejected == 0


def test_a_hundred_times_the_limit_is_stopped_by_the_broker(broker: Broker, desk: Desk) -> None:
    with Car(broker.port) as car, listening(desk, broker.port) as ingest:
        car.send(b" " * (EVENT_LIMIT_BYTES * 100))
        car.say(car_says())
        wait_until(lambda: bool(car.acks), "what comes after it is heard")
        assert ingest.rejected == 0


def test_another_car_cannot_speak_of_an_incident_that_is_not_its_own(broker: Broker, desk: Desk) -> None:
    with Car(broker.port) as car, Car(broker.port, "car-8") as other, listening(desk, broker.port) as ingest:
        car.say(car_says())
        wait_until(lambda: bool(car.acks), "the incident is known")
        other.say(car_says(2, State.CLOSED, vehicle="car-8"))
        wait_until(lambda: ingest.rejected == 1, "the stranger is refused")
    assert other.acks == []
    view = desk.view("incident-1")
    assert view is not None and view.car_state == "rolling"


def test_what_comes_while_the_fleet_is_away_is_heard_afterwards(broker: Broker, desk: Desk) -> None:
    with listening(desk, broker.port):
        pass
    with Car(broker.port) as car:
        car.say(*(car_says(number) for number in range(1, 31)))
        assert car.acks == []
        with listening(desk, broker.port):
            wait_until(lambda: len(car.acks) == 30, "all of it")
    assert len(set(car.heard())) == 30


def test_a_broker_that_comes_late_and_goes_in_between(broker: Broker, desk: Desk) -> None:
    broker.kill()
    with listening(desk, broker.port, connected=False) as ingest:
        assert not ingest.subscribed.is_set()
        for number in (1, 2):
            broker.start()
            wait_until(ingest.subscribed.is_set, "the fleet listens")
            with Car(broker.port) as car:
                car.say(car_says(number))
                wait_until(lambda car=car: bool(car.acks), "the acknowledgement")  # type: ignore[misc]
            broker.kill()
            wait_until(lambda: not ingest.subscribed.is_set(), "the fleet notices")


KILLED = """
import pathlib, sys, threading
from datetime import UTC, datetime
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.ingest import BrokerSettings, Ingest
from support.desks import make_desk

class Slow:
    def __init__(self, desk):
        self.desk = desk
    def take_event(self, event, now):
        self.desk.take_event(event, now)
        print("committed", flush=True)
        threading.Event().wait()
    def listening(self, since):
        pass

ingest = Ingest(Slow(make_desk(pathlib.Path(sys.argv[1]))), BrokerSettings("127.0.0.1", int(sys.argv[2])),
                lambda: datetime.now(UTC))
ingest.start()
ingest.subscribed.wait()
print("listening", flush=True)
threading.Event().wait()
"""


def test_killed_between_commit_and_acknowledgement(broker: Broker, path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(path), str(broker.port)]
    with Car(broker.port) as car:
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            car.say(car_says(1), car_says(2))
            assert process.stdout.readline() == b"committed\n"
            process.kill()
        assert events_in(path) == ["incident-1-1"]
        assert car.acks == []
        desk = make_desk(path)
        with listening(desk, broker.port) as ingest:
            wait_until(lambda: len(car.acks) == 2, "the car is told after the restart")
            assert (ingest.taken, ingest.duplicates) == (1, 1)
        assert car.heard() == [("incident-1", 1), ("incident-1", 2)]
        assert len(desk.claim_errands(datetime.now(UTC))) == 1
        desk._database.close()
    assert events_in(path) == ["incident-1-1", "incident-1-2"]


def test_a_database_that_does_not_take_it_is_asked_again(
    broker: Broker, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = desk.take_event, []

    def full_at_first(event: IncidentEvent, now: datetime) -> bool:
        calls.append(event.id)
        if len(calls) == 1:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        return real(event, now)

    monkeypatch.setattr(desk, "take_event", full_at_first)
    with Car(broker.port) as car, listening(desk, broker.port) as ingest:
        car.say(car_says())
        wait_until(lambda: bool(car.acks), "the acknowledgement")
        assert (ingest.taken, ingest.rejected, len(calls)) == (1, 0, 2)


def test_a_password_that_cannot_be_read_is_told(desk: Desk, tmp_path: Path) -> None:
    settings = BrokerSettings("127.0.0.1", 1883, "fleet", tmp_path / "nowhere")
    with pytest.raises(IngestError, match=r"127\.0\.0\.1:1883 cannot be set up: .*No such file"):
        Ingest(desk, settings, lambda: datetime.now(UTC))
