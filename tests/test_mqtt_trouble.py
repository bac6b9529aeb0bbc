"""The courier in trouble: disks, clocks, passwords, certificates and brokers that do not do as they should."""

import json
import math
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from paho.mqtt.client import Client

from hardshoulder.edge.courier import Courier, StatusReport
from hardshoulder.edge.mqtt import LONGEST_RETRY_S
from hardshoulder.edge.outbox import Outbox
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder.settings import MqttSettings
from hardshoulder_sim.processes import Broker, free_port, wait_until
from support.car import Said, fast, make_courier, running, stored_depth, wall_time
from support.fleet import Fleet
from support.incidents import IDENTITY, report, status, status_report


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running_broker:
        yield running_broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


@pytest.mark.slow
def test_events_wait_in_memory_for_a_folder_and_move_there(broker: Broker, tmp_path: Path) -> None:
    said, folder = Said(), tmp_path / "mounted-later"
    with Fleet(broker.port) as fleet, running(fast(broker.port), folder, said) as courier:
        courier.submit(status_report())
        courier.submit(report())
        wait_until(lambda: bool(fleet.incidents()), "the alert does not wait for the disk")
        wait_until(lambda: fleet.told("status")[-1:] != [] and not fleet.told("status")[-1]["storage_ok"], "it is told")
        folder.mkdir()
        wait_until(lambda: said.count("again") == 1, "the folder is found")
        wait_until(lambda: bool(fleet.told("status")[-1]["storage_ok"]), "that is told too")
        assert courier.depth() == 1
    assert said.count("mounted-later is not there") == 1
    [stored] = Outbox.open(folder / FILE_NAME).pending(10)
    assert stored.event_id == fleet.incidents()[0].id


def test_a_corrupt_outbox_costs_no_new_event(broker: Broker, folder: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"torn page" * 2000)
    said = Said()
    courier = make_courier(fast(broker.port), folder, said)
    courier.submit(report("reported-before-the-start"))
    with Fleet(broker.port, acknowledge=True) as fleet:
        courier.start()
        wait_until(lambda: bool(fleet.incidents()), "the event")
        assert courier.drain(20.0)
        assert courier.stop(10.0)
    assert fleet.incidents()[0].subject == "reported-before-the-start"
    assert said.count(f"{FILE_NAME}.corrupt-1") == 1


def test_an_error_of_the_program_is_said_and_the_next_alert_goes_out(broker: Broker, folder: Path) -> None:
    def forgets_one_moment(at_s: float) -> datetime:
        if at_s == 666.0:
            raise KeyError("no such moment")
        return wall_time(at_s)

    said = Said()
    with (
        Fleet(broker.port, acknowledge=True) as fleet,
        running(fast(broker.port), folder, said, forgets_one_moment) as courier,
    ):
        courier.submit(report("cannot-be-told", at_s=math.inf))
        courier.submit(StatusReport(replace(status(), at_s=666.0), {}, {}))
        courier.submit(report("can-be-told"))
        wait_until(lambda: bool(fleet.incidents()), "the second event")
        wait_until(lambda: courier.failures == 2, "both errors are counted")
        assert courier.drain(20.0)
    assert {event.subject for event in fleet.incidents()} == {"can-be-told"}
    assert said.count("cannot-be-told cannot be sent: OverflowError") == 1
    assert said.count("The status cannot be sent: KeyError") == 1


def test_the_thread_outlives_a_clock_that_fails(broker: Broker, folder: Path) -> None:
    broken = threading.Event()

    def fails_at_times(at_s: float) -> datetime:
        if broken.is_set():
            raise OSError("no clock")
        return wall_time(at_s)

    said = Said()
    with (
        Fleet(broker.port) as fleet,
        running(fast(broker.port), folder, said, fails_at_times) as courier,
    ):
        courier.submit(report("known-already"))
        wait_until(lambda: bool(fleet.incidents()), "the first event")
        broken.set()
        wait_until(lambda: said.count("The courier stumbled and goes on: OSError: no clock") >= 1, "it stumbles")
        courier.submit(report("lost-to-the-clock"))
        wait_until(lambda: said.count("lost-to-the-clock cannot be sent: OSError") == 1, "the error is said")
        broken.clear()
        courier.submit(report("after-the-clock"))
        fleet.acknowledge = True
        assert courier.drain(20.0)
        assert courier.failures >= 2
    assert {event.subject for event in fleet.incidents()} == {"known-already", "after-the-clock"}


def test_stopping_is_bounded_without_a_broker(folder: Path) -> None:
    courier = make_courier(fast(free_port()), folder, Said())
    courier.start()
    courier.submit(report())
    begin_s = time.monotonic()
    assert not courier.drain(0.1)
    assert courier.stop(10.0)
    assert time.monotonic() - begin_s < 8.0
    assert Outbox.open(folder / FILE_NAME).depth() == 1


@pytest.mark.slow
def test_a_broker_that_is_away_is_one_line(folder: Path) -> None:
    said = Said()
    with running(fast(free_port()), folder, said):
        time.sleep(4.0)  # three attempts: at once, after 1 s, after 2 s more
    assert [text for _, text in said.lines if "cannot be reached" not in text] == []
    assert len(said.lines) == 1


def test_a_clean_stop_is_no_error(broker: Broker, folder: Path) -> None:
    said = Said()
    with running(fast(broker.port), folder, said) as courier:
        wait_until(lambda: courier.connected, "the connection")
    assert {level for level, _ in said.lines} == {"info"}


def test_an_alert_waits_for_no_long_pause_between_attempts() -> None:
    assert LONGEST_RETRY_S <= 5


def test_a_report_right_before_the_stop_reaches_the_disk(folder: Path) -> None:
    """However early the stop comes, even before the thread has looked at the disk for the first time."""
    for number in range(20):
        courier = make_courier(fast(free_port()), folder, Said())
        courier.submit(report(f"incident-{number}"))
        courier.start()
        assert courier.stop(10.0)
        assert stored_depth(folder) == number + 1


def test_what_is_lost_at_the_stop_is_said(tmp_path: Path) -> None:
    said = Said()
    with running(fast(free_port()), tmp_path / "never", said) as courier:
        courier.submit(report())
    assert said.count("1 events were not acknowledged and are not on the disk") == 1


def test_a_courier_that_was_never_started_stops(folder: Path) -> None:
    assert make_courier(fast(free_port()), folder, Said()).stop(1.0)


def test_a_silent_peer_does_not_hold_up_the_disk(tmp_path: Path, folder: Path) -> None:
    """A host that takes the connection and says nothing is no broker; events are stored all the same."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, running(fast(deaf.getsockname()[1]), folder) as courier:
        courier.submit(report())
        wait_until(lambda: stored_depth(folder) == 1, "the event is stored")
        assert not courier.connected


def make_password(folder: Path) -> tuple[Path, Path]:
    """A password file of mosquitto, and the file the car reads."""
    secret, hashed = folder / "password", folder / "mosquitto.passwords"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(hashed), "car", "open sesame"], check=True, capture_output=True)
    hashed.chmod(0o600)
    return secret, hashed


def test_user_and_password_open_the_broker(tmp_path: Path, folder: Path) -> None:
    secret, hashed = make_password(tmp_path)
    said = Said()
    with Broker(tmp_path, "allow_anonymous false", f"password_file {hashed}") as broker:
        settings = replace(fast(broker.port), username="car", password_file=secret)
        with running(settings, folder) as courier:
            wait_until(lambda: courier.connected, "the connection")
        secret.write_text("wrong")
        with running(settings, folder, said) as courier:
            wait_until(lambda: said.count("refuses the connection: Not authorized") == 1, "the refusal")
            assert not courier.connected


def test_a_broker_that_forbids_the_alert_is_named(tmp_path: Path, folder: Path) -> None:
    rules, said = tmp_path / "rules", Said()
    rules.write_text("topic write hardshoulder/v1/car-7/presence\n")
    rules.chmod(0o600)
    with Broker(tmp_path, f"acl_file {rules}") as broker, running(fast(broker.port), folder, said) as courier:
        courier.submit(report())
        wait_until(lambda: said.count("refuses a message: Not authorized") == 1, "the refused alert")
        assert courier.depth() == 1


def find_plugin() -> Path | None:
    """mosquitto's own plugin that can refuse a subscription, where it is installed."""
    places = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
    return next((file for place in places for file in Path(place).rglob("mosquitto_dynamic_security.so")), None)


@pytest.mark.skipif(find_plugin() is None, reason="mosquitto's dynamic security plugin is not installed")
def test_a_broker_that_hides_the_acknowledgements_is_named(tmp_path: Path, folder: Path) -> None:
    rules, said = tmp_path / "rules.json", Said()
    allowed = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules.write_text(json.dumps({"defaultACLAccess": allowed, "clients": [], "groups": [], "roles": []}))
    rules.chmod(0o600)
    options = (f"plugin {find_plugin()}", f"plugin_opt_config_file {rules}")
    with Broker(tmp_path, *options) as broker, running(fast(broker.port), folder, said):
        wait_until(lambda: said.count("does not let the car hear hardshoulder/v1/car-7/ack") == 1, "the refused ear")


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that vouches for itself, and its key."""
    certificate, key = folder / "broker.pem", folder / "broker.key"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


def test_the_line_can_be_encrypted(tmp_path: Path, folder: Path) -> None:
    certificate, key = make_certificates(tmp_path)
    (tmp_path / "stranger").mkdir()
    stranger, _ = make_certificates(tmp_path / "stranger")
    said = Said()

    def secure(client: Client) -> None:
        client.tls_set(str(certificate))

    with Broker(tmp_path, f"certfile {certificate}", f"keyfile {key}") as broker:
        settings = replace(fast(broker.port), ca_file=certificate)
        with Fleet(broker.port, acknowledge=True, secure=secure) as fleet, running(settings, folder) as courier:
            courier.submit(report())
            wait_until(lambda: bool(fleet.incidents()), "the event")
            assert courier.drain(20.0)
        with running(replace(settings, ca_file=stranger), folder, said) as courier:
            wait_until(lambda: said.count("certificate verify failed") == 1, "the stranger is refused")
            assert not courier.connected


@pytest.mark.parametrize(
    "change", [{"password_file": Path("missing")}, {"ca_file": Path("missing")}, {"host": "a" * 70 + ".example"}]
)
def test_settings_that_cannot_work_are_said_and_events_are_stored(change: dict[str, object], folder: Path) -> None:
    said = Said()
    settings: MqttSettings = replace(fast(free_port()), username="car", **change)  # type: ignore[arg-type]  # varied on purpose
    with running(settings, folder, said) as courier:
        courier.submit(report())
        wait_until(lambda: said.count("cannot be set up") == 1, "the complaint")
        wait_until(lambda: stored_depth(folder) == 1, "the event is stored")
        assert not courier.connected
        assert courier.failures == 0


def test_a_thread_that_cannot_begin_says_so(folder: Path) -> None:
    said = Said()
    courier: Courier = make_courier(fast(free_port()), folder, said)
    courier._identity = replace(IDENTITY, vehicle="a/+")
    courier.start()
    wait_until(lambda: courier.failures == 1, "the error is counted")
    assert said.count("Nothing can be sent to the fleet: WireError") == 1
