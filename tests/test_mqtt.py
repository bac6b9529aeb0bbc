"""The courier against a real broker: what reaches the fleet, and that it comes once more until it is heard."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.enums import CallbackAPIVersion

from hardshoulder.core.actions import State
from hardshoulder.edge.outbox import Outbox
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder_sim.processes import Broker, wait_until
from support.car import Said, fast, running, stored_depth
from support.fleet import Fleet
from support.incidents import IDENTITY, report, status_report

ROOT = Path(__file__).parent.parent


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running_broker:
        yield running_broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def test_an_event_is_kept_until_its_acknowledgement(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder) as courier:
        courier.submit(report())
        wait_until(lambda: len(fleet.incidents()) >= 3, "the event comes again")
        assert len({event.id for event in fleet.incidents()}) == 1
        assert courier.depth() == 1
        event = fleet.incidents()[0]
        assert (event.data.vehicle, event.data.incident_id) == (IDENTITY.vehicle, "incident-1")
        fleet.acknowledge_event(event)
        assert courier.drain(20.0)
        assert courier.depth() == 0
    assert Outbox.open(folder / FILE_NAME).depth() == 0


def test_an_event_says_its_content_type_and_is_not_retained(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port, acknowledge=True) as fleet, running(fast(broker.port), folder) as courier:
        courier.submit(report())
        assert courier.drain(20.0)
        [message] = [message for message in fleet.messages if message.topic.endswith("/incident")]
        assert message.properties is not None
        assert vars(message.properties)["ContentType"] == "application/cloudevents+json"
        assert message.qos == 1
    with Fleet(broker.port) as late:
        wait_until(lambda: bool(late.told("presence")), "the retained presence")
        assert late.incidents() == []


def test_only_the_acknowledged_event_is_forgotten(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder) as courier:
        for sequence in (1, 2, 3):
            courier.submit(report(sequence=sequence))
        wait_until(lambda: {event.data.sequence for event in fleet.incidents()} == {1, 2, 3}, "three events")
        [second] = {event.id: event for event in fleet.incidents() if event.data.sequence == 2}.values()
        fleet.acknowledge_event(second)
        wait_until(lambda: courier.depth() == 2, "one event is forgotten")
    left = [json.loads(event.payload)["data"]["sequence"] for event in Outbox.open(folder / FILE_NAME).pending(10)]
    assert sorted(left) == [1, 3]


def test_bad_acknowledgements_are_said_and_change_nothing(broker: Broker, folder: Path) -> None:
    said = Said()
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder, said) as courier:
        courier.submit(report())
        wait_until(lambda: bool(fleet.incidents()), "the event")
        event = fleet.incidents()[0]
        fleet.say("car-7", b"{")
        wait_until(lambda: said.count("The acknowledgement cannot be read") == 1, "the complaint")
        stranger = event.model_copy(update={"id": "another"})
        fleet.acknowledge_event(stranger)
        count = len(fleet.incidents())
        wait_until(lambda: len(fleet.incidents()) > count, "the event comes again")
        assert courier.depth() == 1
        fleet.acknowledge_event(event)
        assert courier.drain(20.0)
        assert courier.failures == 0


@pytest.mark.slow
def test_an_event_waits_for_a_broker_that_is_not_there_yet(tmp_path: Path, folder: Path) -> None:
    broker, said = Broker(tmp_path), Said()
    with running(fast(broker.port), folder, said) as courier:
        courier.submit(report())
        wait_until(lambda: said.count("cannot be reached") == 1, "the broker is missed")
        assert not courier.connected
        assert not courier.drain(0.2)
        with broker, Fleet(broker.port, acknowledge=True) as fleet:
            wait_until(lambda: bool(fleet.incidents()), "the event")
            assert courier.drain(20.0)
            assert courier.connected
            assert said.count("cannot be reached") == 1, said.lines


def test_an_event_survives_a_restart_of_the_courier(tmp_path: Path, folder: Path) -> None:
    broker = Broker(tmp_path)
    with running(fast(broker.port), folder) as courier:
        courier.submit(report("before-the-restart"))
    [stored] = Outbox.open(folder / FILE_NAME).pending(10)
    with broker, Fleet(broker.port, acknowledge=True) as fleet, running(fast(broker.port), folder) as courier:
        wait_until(lambda: bool(fleet.incidents()), "the event")
        assert courier.drain(20.0)
        assert {(event.id, event.subject) for event in fleet.incidents()} == {(stored.event_id, "before-the-restart")}


@pytest.mark.slow
def test_a_new_connection_sends_again_at_once_with_the_same_id(broker: Broker, folder: Path) -> None:
    # The resend interval is longer than the test: what comes twice comes because of the connection.
    settings, said = replace(fast(broker.port), resend_after_s=200.0), Said()
    with Fleet(broker.port) as fleet, running(settings, folder, said) as courier:
        courier.submit(report())
        wait_until(lambda: len(fleet.incidents()) == 1, "the event")
        # The broker hangs up on the car when somebody else comes with its client id.
        intruder = Client(CallbackAPIVersion.VERSION2, f"hardshoulder-{IDENTITY.vehicle}")
        intruder.connect("127.0.0.1", broker.port)
        wait_until(lambda: intruder.loop(0.02) == MQTT_ERR_SUCCESS and intruder.is_connected(), "the intruder is in")
        wait_until(lambda: said.count("is lost: the line broke") == 1, "the broken line is noticed")
        intruder.disconnect()
        wait_until(lambda: len(fleet.incidents()) >= 2, "the event comes again")
        assert len({event.id for event in fleet.incidents()}) == 1
        fleet.acknowledge_event(fleet.incidents()[0])
        assert courier.drain(20.0)


@pytest.mark.slow
def test_an_event_outlives_the_death_of_the_broker(broker: Broker, folder: Path) -> None:
    said = Said()
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder, said) as courier:
        courier.submit(report("before"))
        wait_until(lambda: bool(fleet.incidents()), "the event")
        first = fleet.incidents()[0]
        broker.kill()
        wait_until(lambda: not courier.connected, "the broken line is noticed")
        courier.submit(report("meanwhile"))
        seen = len(fleet.incidents())
        broker.start()
        wait_until(lambda: {event.subject for event in fleet.incidents()[seen:]} == {"before", "meanwhile"}, "both")
        assert {event.id for event in fleet.incidents() if event.subject == "before"} == {first.id}
        fleet.acknowledge = True
        assert courier.drain(20.0)
    assert said.count("is lost") == 1
    assert said.count("Connected") == 2


@pytest.mark.slow
def test_a_thousand_events_reach_the_fleet_once_the_broker_is_there(tmp_path: Path, folder: Path) -> None:
    broker = Broker(tmp_path)
    settings = replace(fast(broker.port), resend_after_s=60.0)
    with running(settings, folder) as courier:
        for number in range(1000):
            courier.submit(report(f"incident-{number}"))
        wait_until(lambda: stored_depth(folder) == 1000, "all are stored")
        with broker, Fleet(broker.port, acknowledge=True) as fleet:
            assert courier.drain(60.0)
            assert {event.subject for event in fleet.incidents()} == {f"incident-{number}" for number in range(1000)}


def test_presence_follows_a_clean_start_and_stop(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port) as fleet:
        with running(fast(broker.port), folder):
            wait_until(lambda: [told["online"] for told in fleet.told("presence")] == [True], "online")
        wait_until(lambda: [told["online"] for told in fleet.told("presence")] == [True, False], "offline")
    with Fleet(broker.port) as late:
        wait_until(lambda: [told["online"] for told in late.told("presence")] == [False], "the retained word")
        assert late.messages[0].retain


def run_car(port: int, folder: Path, incident_id: str = "") -> subprocess.Popen[str]:
    """A car as a process of its own."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("daemon", "tests"))
    command = [sys.executable, "-m", "support.car", str(port), str(folder), incident_id]
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_the_last_will_speaks_for_a_car_that_loses_its_power(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port) as fleet:
        with run_car(broker.port, folder, "lost-power") as car:
            try:
                wait_until(lambda: bool(fleet.incidents()), "the event of the car")
                assert [told["online"] for told in fleet.told("presence")] == [True]
            finally:
                car.kill()
        wait_until(lambda: [told["online"] for told in fleet.told("presence")] == [True, False], "the last will")
        before = {event.id for event in fleet.incidents()}
        fleet.acknowledge = True
        with running(fast(broker.port), folder) as courier:
            wait_until(lambda: [told["online"] for told in fleet.told("presence")][-1], "online again")
            assert courier.drain(20.0)
        assert {event.id for event in fleet.incidents()} == before
        wills = [json.loads(message.payload)["id"] for message in fleet.messages if message.topic.endswith("presence")]
        assert len(set(wills)) == len(wills)


def test_status_is_retained_and_tells_the_newest(broker: Broker, folder: Path) -> None:
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder) as courier:
        courier.submit(status_report(State.DRIVING))
        wait_until(lambda: [told["state"] for told in fleet.told("status")] == ["driving"], "the first status")
        courier.submit(status_report(State.STRANDED))
        wait_until(lambda: [told["state"] for told in fleet.told("status")] == ["driving", "stranded"], "the next one")
        assert courier.drain(20.0)
    with Fleet(broker.port) as late:
        wait_until(lambda: bool(late.told("status")), "the retained status")
        [told] = late.told("status")
    assert told["state"] == "stranded"
    assert told["buses"] == {"powertrain": "up"}
    assert told["invalid_frames"] == {"checksum": 1}
    assert told["storage_ok"] is True
    assert Outbox.open(folder / FILE_NAME).depth() == 0


@pytest.mark.slow
def test_a_status_from_before_the_connection_is_told_after_it(tmp_path: Path, folder: Path) -> None:
    broker = Broker(tmp_path)
    with running(fast(broker.port), folder) as courier:
        courier.submit(status_report(State.DRIVING))
        courier.submit(status_report(State.ROLLING))
        with broker, Fleet(broker.port) as fleet:
            wait_until(lambda: [told["state"] for told in fleet.told("status")] == ["rolling"], "the newest status")
