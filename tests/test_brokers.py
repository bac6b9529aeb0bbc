"""Several brokers in order, with real ones: whatever fails, every alert reaches a fleet that listens to all of them."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hardshoulder.edge.brokers import Numbers
from hardshoulder.settings import BrokerAddress, MqttSettings
from hardshoulder_sim.processes import Broker, wait_until
from support.car import Said, running
from support.fleet import Fleet
from support.incidents import report, status_report

pytestmark = pytest.mark.slow


@pytest.fixture
def stage() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


def settings(*ports: int, answer_within_s: float = 1.0, return_after_s: float = 1.0) -> MqttSettings:
    first, *others = ports
    return MqttSettings(
        host="127.0.0.1",
        port=first,
        keepalive_s=5,
        resend_after_s=1.0,
        fallbacks=tuple(BrokerAddress("127.0.0.1", port) for port in others),
        answer_within_s=answer_within_s,
        return_after_s=return_after_s,
    )


class Everywhere:
    """A fleet that listens to all brokers and acknowledges where it heard."""

    def __init__(self, stack: ExitStack, *brokers: Broker) -> None:
        self.at = [stack.enter_context(Fleet(broker.port, acknowledge=True)) for broker in brokers]

    def heard(self) -> set[tuple[str, int]]:
        """The alerts, as a fleet knows them: by incident and sequence, whatever came how often."""
        return set(self._ids())

    def doubled(self) -> list[tuple[str, int]]:
        """Alerts that came under more than one id, which no fleet could know for the same."""
        return [alert for alert, ids in self._ids().items() if len(ids) > 1]

    def _ids(self) -> dict[tuple[str, int], set[str]]:
        ids: dict[tuple[str, int], set[str]] = {}
        for fleet in self.at:
            for event in fleet.incidents():
                ids.setdefault((event.data.incident_id, event.data.sequence), set()).add(event.id)
        return ids


def expected(count: int) -> set[tuple[str, int]]:
    return {("incident-1", sequence) for sequence in range(1, count + 1)}


def presences(fleet: Fleet) -> list[tuple[bool, int]]:
    return [(told["online"], told["connection"]) for told in fleet.told("presence")]


def test_the_first_is_not_there_at_the_start(tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    first, second = Broker(tmp_path), stage.enter_context(Broker(tmp_path))
    fleet, said = Everywhere(stage, second), Said()
    with running(settings(first.port, second.port), folder, said) as courier:
        courier.submit(report())
        assert courier.drain(20.0)
        assert fleet.heard() == expected(1) and not fleet.doubled()
        assert said.count(f"127.0.0.1:{first.port} cannot be reached") == 1
        assert said.count(f"Connected to the broker 127.0.0.1:{second.port}") == 1


def test_the_first_is_killed_in_the_middle_of_an_incident(tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    first, second = (stage.enter_context(Broker(tmp_path)) for _ in range(2))
    fleet = Everywhere(stage, first, second)
    with running(settings(first.port, second.port), folder) as courier:
        for sequence in range(1, 21):
            courier.submit(report(sequence=sequence))
            if sequence == 10:
                wait_until(lambda: len(fleet.heard()) >= 5, "some are through")
                first.kill()
        assert courier.drain(30.0)
        assert fleet.heard() == expected(20) and not fleet.doubled()
        assert len(fleet.at[1].incidents()) >= 10, "the later ones came by the second"


@pytest.mark.parametrize("how", ["never answers", "falls silent"])
def test_one_that_is_silent_is_left(how: str, tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    """Half open: the line stands and nobody is at its end."""
    first, second = (stage.enter_context(Broker(tmp_path)) for _ in range(2))
    if how == "never answers":
        deaf = stage.enter_context(socket.create_server(("127.0.0.1", 0)))
        port, fleet = int(deaf.getsockname()[1]), Everywhere(stage, second)
    else:
        port, fleet = first.port, Everywhere(stage, first, second)
    said = Said()
    with running(settings(port, second.port), folder, said) as courier:
        if how == "falls silent":
            wait_until(lambda: courier.connected, "the first is there")
            os.kill(first.pid, signal.SIGSTOP)
            stage.callback(os.kill, first.pid, signal.SIGCONT)
        for sequence in range(1, 11):
            courier.submit(report(sequence=sequence))
        assert courier.drain(30.0)
        assert fleet.heard() == expected(10) and not fleet.doubled()
        assert {(event.data.incident_id, event.data.sequence) for event in fleet.at[-1].incidents()} == expected(10)
        assert (how == "falls silent") == (said.count("does not answer any more") == 1)


def test_back_to_the_first_when_it_is_there_again(tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    """Made before the other is left: nothing is lost or doubled, and the newest connection is the one that counts."""
    first, second = Broker(tmp_path), stage.enter_context(Broker(tmp_path))
    at_second, said = Everywhere(stage, second), Said()
    with running(settings(first.port, second.port), folder, said) as courier:
        courier.submit(report(sequence=1))
        assert courier.drain(20.0)
        stage.enter_context(first)
        both = Everywhere(stage, first, second)
        both.at[1] = at_second.at[0]
        wait_until(lambda: said.count(f"The broker 127.0.0.1:{first.port} is there again") == 1, "it goes back")
        for sequence in range(2, 12):
            courier.submit(report(sequence=sequence))
        assert courier.drain(20.0)
        assert both.heard() == expected(11) and not both.doubled()
        assert {event.data.sequence for event in both.at[0].incidents()} >= set(range(2, 12))
        wait_until(lambda: presences(both.at[1])[-1][0] is False, "it said goodbye to the second")
        [(online, newest)] = set(presences(both.at[0]))
        assert online and newest > presences(both.at[1])[-1][1]
    assert (False, newest) in presences(both.at[0]), "and to the first at the end"


def test_the_last_will_of_a_line_that_was_left_names_its_own_connection(
    tmp_path: Path, folder: Path, stage: ExitStack
) -> None:
    first, second = (stage.enter_context(Broker(tmp_path)) for _ in range(2))
    fleet = Everywhere(stage, first, second)
    with running(settings(first.port, second.port, return_after_s=60.0), folder) as courier:
        wait_until(lambda: bool(presences(fleet.at[0])), "it is connected")
        os.kill(first.pid, signal.SIGSTOP)
        courier.submit(report())
        wait_until(lambda: bool(presences(fleet.at[1])), "the second hears of it")
        os.kill(first.pid, signal.SIGCONT)
        wait_until(lambda: presences(fleet.at[0])[-1][0] is False, "the will is spoken")
        [(_, newest)] = presences(fleet.at[1])
        assert presences(fleet.at[0])[-1][1] < newest
        assert courier.drain(20.0)


def test_a_car_that_rests_says_so_once_and_comes_back(tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    """Its goodbye is no broken line: the broker must not speak the will after it."""
    broker = stage.enter_context(Broker(tmp_path))
    fleet = stage.enter_context(Fleet(broker.port, acknowledge=True))
    with running(settings(broker.port), folder) as courier:
        wait_until(lambda: bool(presences(fleet)), "it is there")
        courier.submit(status_report())
        courier.rest("asleep")
        wait_until(lambda: not presences(fleet)[-1][0], "it has gone")
        courier.submit(report())
        courier.rest(None)
        assert courier.drain(20.0), "what was reported meanwhile was kept"
        wait_until(lambda: presences(fleet)[-1][0], "it is back")
    said = [(told["online"], told["leaving"]) for told in fleet.told("presence")]
    assert said == [(True, None), (False, "asleep"), (True, None), (False, "stopped")]


def test_trying_is_bounded(folder: Path) -> None:
    """None is there: each is asked in turn, a round in seconds, and each complaint is made once."""
    said = Said()
    deaf = socket.create_server(("127.0.0.1", 0))
    refused = [socket.socket() for _ in range(2)]
    for line in refused:
        line.bind(("127.0.0.1", 0))
    ports = [int(line.getsockname()[1]) for line in refused]
    with running(settings(*ports, int(deaf.getsockname()[1])), folder, said) as courier:
        courier.submit(report())
        deaf.settimeout(20.0)
        for _ in range(3):
            line, _ = deaf.accept()
            line.close()
        assert courier.depth() == 1
        wait_until(lambda: all(said.count(f"127.0.0.1:{port} cannot be reached") == 1 for port in ports), "each once")
    # A line more for each kind of trouble of the third, which takes the connection and hangs up.
    assert max(Counter(text for _, text in said.lines).values()) == 1
    for line in (deaf, *refused):
        line.close()


def test_a_list_of_one_is_as_before(tmp_path: Path, folder: Path, stage: ExitStack) -> None:
    broker, said = stage.enter_context(Broker(tmp_path)), Said()
    fleet = Everywhere(stage, broker)
    with running(replace(settings(broker.port), fallbacks=()), folder, said) as courier:
        os.kill(broker.pid, signal.SIGSTOP)
        courier.submit(report())
        os.kill(broker.pid, signal.SIGCONT)
        assert courier.drain(20.0)
        assert fleet.heard() == expected(1) and said.count("does not answer") == 0


def test_each_connection_has_a_higher_number_whatever_the_clock_does() -> None:
    wall = [1000.0]
    numbers = Numbers(lambda: wall[0])
    assert [numbers(), numbers()] == [1000, 1001]
    wall[0] = 5.0
    assert numbers() == 1002
    wall[0] = 9000.5
    assert numbers() == 9000
