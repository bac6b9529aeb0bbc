"""What lies between a breakdown and the fleet, failed on purpose: broker killed at every packet, odd answers."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hardshoulder.edge.outbox import INCIDENT_PRIORITY, Outbox, PendingEvent
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder.events import incident_event
from hardshoulder.wire import encode, topic
from hardshoulder_sim.processes import Broker, wait_until
from support.broken_line import PUBACK, PUBLISH, Line, Packet, Way
from support.car import Said, fast, running
from support.fleet import Fleet
from support.incidents import IDENTITY, report, wall_time

SPOKEN = [
    (Way.TO_BROKER, PUBLISH),
    (Way.FROM_BROKER, PUBACK),
    (Way.FROM_BROKER, PUBLISH),
    (Way.TO_BROKER, PUBACK),
]
"""Of one alert on the car's line: said, taken by the broker, acknowledged by the fleet, heard."""


@pytest.mark.slow
@pytest.mark.parametrize("packet", SPOKEN, ids=["publish", "its-puback", "the-fleets-word", "its-puback-too"])
def test_the_broker_is_killed_at_every_packet_of_an_alert(tmp_path: Path, packet: Packet) -> None:
    """The packet itself does not come through, and what comes back is an empty broker."""
    storage = tmp_path / "storage"
    storage.mkdir()
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path))
        line = stack.enter_context(Line(broker.port))
        fleet = stack.enter_context(Fleet(broker.port, acknowledge=True))
        courier = stack.enter_context(running(fast(line.port), storage))
        wait_until(lambda: courier.connected, "the connection")
        wait_until(lambda: line.passed.count((Way.FROM_BROKER, PUBACK)) == 1, "the presence is said")
        line.break_at(lambda passing: passing == packet, then=broker.kill)
        courier.submit(report())
        assert line.broken.wait(20)
        broker.start()
        line.mend()
        wait_until(lambda: courier.connected and courier.depth() == 0, "it is acknowledged")
        heard = {(event.id, event.subject, event.data.sequence) for event in fleet.incidents()}
    assert len(heard) == 1, "one event, under one id, however often it was said"


def test_acknowledged_twice_and_late_is_acknowledged_once(tmp_path: Path) -> None:
    said = Said()
    with Broker(tmp_path) as broker, Fleet(broker.port) as fleet, running(fast(broker.port), tmp_path, said) as courier:
        courier.submit(report())
        # Never, for a while: it is said again under the same id.
        wait_until(lambda: len(fleet.incidents()) >= 3, "it is repeated")
        event = fleet.incidents()[0]
        assert {again.id for again in fleet.incidents()} == {event.id}
        assert courier.depth() == 1
        for _ in range(3):
            fleet.acknowledge_event(event)
        assert courier.drain(20.0)
        assert courier.take_acknowledged() == ["incident-1"], "told once, however often it was acknowledged"
        courier.submit(report(sequence=2))
        wait_until(lambda: fleet.incidents()[-1].data.sequence == 2, "the next one goes out")
        assert courier.failures == 0


@pytest.mark.full
@pytest.mark.timeout(900)
def test_ten_thousand_alerts_that_waited_arrive_once_each(tmp_path: Path) -> None:
    """Stored by an earlier life of the car; the last of them is as safe as the first."""
    outbox = Outbox.open(tmp_path / FILE_NAME)
    waiting = [stored(f"incident-{number}") for number in range(10_000)]
    with outbox.together():
        for event in waiting:
            outbox.add(event)
    outbox.close()
    with Broker(tmp_path, "max_queued_messages 0") as broker, Fleet(broker.port, acknowledge=True) as fleet:
        began_s = time.monotonic()
        with running(replace(fast(broker.port), resend_after_s=120.0), tmp_path) as courier:
            wait_until(lambda: courier.connected and courier.depth() == 0, "all are acknowledged", 800.0)
            assert courier.failures == 0
        print(f"10,000 alerts in {time.monotonic() - began_s:.1f} s")
        assert {event.id for event in fleet.incidents()} == {event.event_id for event in waiting}


def stored(incident_id: str) -> PendingEvent:
    """An alert as the courier keeps it."""
    event = incident_event(IDENTITY, report(incident_id), wall_time, clock_trusted=True)
    to = topic(IDENTITY.vehicle, "incident")
    return PendingEvent(event.id, to, incident_id, encode(event), INCIDENT_PRIORITY, 1000.0)
