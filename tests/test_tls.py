"""The shipped broker with certificates: who comes in, who is kept out, and that a stolen certificate opens nothing."""

import socket
import ssl
import stat
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.edge.mqtt import Link
from hardshoulder.settings import MqttSettings
from hardshoulder.wire import ack_event, encode, topic
from hardshoulder_fleet.ingest import BrokerSettings, Ingest
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from support.car import Said, fast, running, stored_depth
from support.desks import car_says, make_desk
from support.fleet import Fleet
from support.incidents import report
from support.live_car import LiveCar
from support.secured import Holder, SecureBroker, certificates, run_test_ca, secure_car

FLEET_FILES = {"ca": "ca.pem", "cert": "fleet.pem", "key": "fleet.key"}


class Place(NamedTuple):
    """A broker that is up, the folder of its authority, and one for the car's outbox."""

    broker: Broker
    authority: Path
    storage: Path

    @property
    def fleet(self) -> Holder:
        return Holder(self.authority, "fleet")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("authority"), "car-7", "car-8")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another authority, that gave out the same names."""
    return certificates(tmp_path_factory.mktemp("foreign"), "car-7")


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Path:
    """The same authority, but what it gave out ended yesterday."""
    folder = tmp_path_factory.mktemp("expired")
    for name in ("ca.pem", "ca.key"):
        (folder / name).write_bytes((authority / name).read_bytes())
    return certificates(folder, "car-7", days=-1)


@pytest.fixture
def place(tmp_path: Path, authority: Path) -> Iterator[Place]:
    storage = tmp_path / "state"
    storage.mkdir()
    with SecureBroker(tmp_path, authority) as broker:
        yield Place(broker, authority, storage)


class Thief:
    """Whoever has another car's certificate and key, and speaks MQTT as he likes."""

    def __init__(self, place: Place, name: str = "car-8", **options: Any) -> None:
        self.heard: list[MQTTMessage] = []
        self.connected = threading.Event()
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, **options)
        Holder(place.authority, name)(self.client)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _client, _userdata, message: self.heard.append(message)
        self._port = place.broker.port

    def __enter__(self) -> Self:
        self.client.connect("127.0.0.1", self._port)
        self.client.loop_start()
        wait_until(self._subscribed.is_set, "he has subscribed")
        return self

    def __exit__(self, *_error: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, to: str, payload: bytes) -> None:
        """Publishes; returns when the broker has judged it."""
        self.client.publish(to, payload, qos=1).wait_for_publish(20)

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe([("#", 1), ("hardshoulder/v1/car-7/#", 1), ("hardshoulder/v1/+/ack", 1)])
        self.connected.set()


@pytest.mark.slow
def test_a_car_and_the_fleet_with_their_certificates_do_all_their_work(place: Place, tmp_path: Path) -> None:
    files = {f"{kind}_file": place.authority / name for kind, name in FLEET_FILES.items()}
    desk, said = make_desk(tmp_path / "fleet.sqlite3"), Said()
    settings = BrokerSettings("127.0.0.1", place.broker.port, **files)  # type: ignore[arg-type]  # three paths
    ingest = Ingest(desk, settings, lambda: datetime.now(UTC))
    ingest.start()
    try:
        wait_until(ingest.subscribed.is_set, "the fleet listens")
        with running(secure_car(place.broker.port, place.authority), place.storage, said) as courier:
            courier.submit(report())
            wait_until(lambda: courier.depth() == 1 or ingest.taken == 1, "it is on its way")
            assert courier.drain(20.0)
        assert ingest.taken == 1
        assert {level for level, _ in said.lines} == {"info"}, said.lines
    finally:
        ingest.stop()


@pytest.mark.slow
def test_a_stolen_certificate_of_another_car_opens_nothing_of_ours(place: Place) -> None:
    car = secure_car(place.broker.port, place.authority)
    with (
        Fleet(place.broker.port, secure=place.fleet) as fleet,
        Thief(place) as thief,
        running(car, place.storage) as courier,
    ):
        courier.submit(report())
        wait_until(lambda: bool(fleet.incidents()), "the alert")
        event = fleet.incidents()[0]
        # He tells the car to forget its alert, and the fleet of an incident that never was.
        thief.say(topic("car-7", "ack"), encode(ack_event(event, "/thief", datetime.now(UTC))))
        thief.say(topic("car-7", "incident"), encode(car_says(incident_id="forged")))
        thief.say(topic("car-7", "presence"), b"{}")
        # What the broker took after that is the fence: it has judged all before.
        thief.say(topic("car-8", "incident"), encode(car_says(incident_id="his-own", vehicle="car-8")))
        wait_until(lambda: any(e.subject == "his-own" for e in fleet.incidents()), "the fence")
        assert {e.subject for e in fleet.incidents()} == {"incident-1", "his-own"}
        assert courier.depth() == 1
        fleet.acknowledge_event(event)
        assert courier.drain(20.0)
        fleet.say("car-8", b"for him")
        wait_until(lambda: bool(thief.heard), "what is addressed to him")
        assert {message.topic for message in thief.heard} == {"hardshoulder/v1/car-8/ack"}
    assert all(told != {} for told in fleet.told("presence"))


@pytest.mark.slow
def test_a_stolen_certificate_leaves_no_will_in_our_name(place: Place) -> None:
    thief = Thief(place)
    thief.client.will_set(topic("car-7", "presence"), b'{"data": {"online": "forged"}}', qos=1, retain=True)
    with Fleet(place.broker.port, secure=place.fleet) as fleet:
        thief.client.connect("127.0.0.1", place.broker.port)
        thief.client.loop_start()
        wait_until(thief.connected.is_set, "he is in")
        thief.client.loop_stop()
        line = thief.client.socket()
        assert line is not None
        line.close()
        wait_until(lambda: "Client car-8 closed its connection" in place.broker.log(), "he is gone without a goodbye")
        with running(secure_car(place.broker.port, place.authority), place.storage):
            wait_until(lambda: bool(fleet.told("presence")), "the car's own word")
        assert fleet.told("presence")[0]["online"] is True


@pytest.mark.slow
def test_nobody_pushes_a_car_off_by_coming_under_its_client_id(place: Place) -> None:
    said = Said()
    with running(secure_car(place.broker.port, place.authority), place.storage, said) as courier:
        wait_until(lambda: courier.connected, "the connection")
        with Thief(place, client_id="hardshoulder-car-7"), Thief(place, "fleet", client_id="car-7") as other:
            other.say(topic("car-7", "ack"), b"a fence")
            wait_until(lambda: said.count("cannot be read") == 1, "the car has heard it")
        assert courier.connected
        assert said.count("Connected") == 1


def without_certificate(good: MqttSettings, _foreign: Path, _expired: Path) -> MqttSettings:
    return replace(good, cert_file=None, key_file=None)


def plain(good: MqttSettings, _foreign: Path, _expired: Path) -> MqttSettings:
    return fast(good.port)


def of_another_authority(good: MqttSettings, foreign: Path, _expired: Path) -> MqttSettings:
    return replace(good, cert_file=foreign / "car-7.pem", key_file=foreign / "car-7.key")


def expired_certificate(good: MqttSettings, _foreign: Path, expired: Path) -> MqttSettings:
    return replace(good, cert_file=expired / "car-7.pem", key_file=expired / "car-7.key")


def of_a_broker(good: MqttSettings, _foreign: Path, _expired: Path) -> MqttSettings:
    assert good.ca_file is not None
    return replace(good, cert_file=good.ca_file.with_name("broker.pem"), key_file=good.ca_file.with_name("broker.key"))


def that_trusts_others(good: MqttSettings, foreign: Path, _expired: Path) -> MqttSettings:
    return replace(good, ca_file=foreign / "ca.pem")


REFUSED = {
    without_certificate: "it asks for a certificate of the car; set mqtt.cert_file and mqtt.key_file",
    plain: "it hung up on a plain line; if it wants TLS, set mqtt.ca_file",
    of_another_authority: "it does not know the authority of the car's certificate; renew mqtt.cert_file",
    expired_certificate: "the car's certificate has expired; renew mqtt.cert_file",
    of_a_broker: "the car's certificate is for another purpose; renew mqtt.cert_file",
    that_trusts_others: "certificate verify failed: self-signed certificate in certificate chain",
}


@pytest.mark.slow
@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_who_is_refused_is_told_why_and_keeps_the_alert(
    change: Any, place: Place, foreign: Path, expired: Path
) -> None:
    said, good = Said(), secure_car(place.broker.port, place.authority)
    with (
        Fleet(place.broker.port, secure=place.fleet) as fleet,
        running(change(good, foreign, expired), place.storage, said) as courier,
    ):
        courier.submit(report())
        wait_until(lambda: said.count(REFUSED[change]) == 1, REFUSED[change])
        assert stored_depth(place.storage) == 1
        assert not courier.connected
        assert courier.failures == 0
        assert fleet.incidents() == []


@pytest.mark.slow
def test_a_certificate_of_another_name_is_told(place: Place) -> None:
    said, settings = Said(), secure_car(place.broker.port, place.authority, "car-8")
    with running(settings, place.storage, said) as courier:
        courier.submit(report())
        wait_until(lambda: said.count("mqtt.cert_file has to carry the car's own name") == 1, "the reason")
        assert courier.depth() == 1


@pytest.mark.slow
def test_a_broker_with_an_old_certificate_is_refused(tmp_path: Path, expired: Path) -> None:
    said, storage = Said(), tmp_path / "state"
    storage.mkdir()
    with SecureBroker(tmp_path, expired) as broker, running(secure_car(broker.port, expired), storage, said) as courier:
        wait_until(lambda: said.count("certificate has expired; look at the car's clock too") == 1, "the reason")
        assert not courier.connected


def old_context(side: int, version: ssl.TLSVersion) -> ssl.SSLContext:
    """TLS as it was, with everything that is forbidden today."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def greeted(place: Place, version: ssl.TLSVersion) -> bool:
    """Whether the broker agrees with a client of this version."""
    context = old_context(ssl.PROTOCOL_TLS_CLIENT, version)
    context.load_verify_locations(place.authority / "ca.pem")
    context.load_cert_chain(place.authority / "car-7.pem", place.authority / "car-7.key")
    with socket.create_connection(("127.0.0.1", place.broker.port), timeout=20) as line:
        try:
            context.wrap_socket(line).close()
        except (ssl.SSLError, OSError):
            return False
    return True


def test_the_broker_speaks_no_tls_below_1_2(place: Place) -> None:
    versions = (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert [greeted(place, version) for version in versions] == [False, True, True]


class OldServer(threading.Thread):
    """A host that speaks TLS 1.1 and nothing later."""

    def __init__(self, authority: Path) -> None:
        super().__init__(daemon=True)
        self._context = old_context(ssl.PROTOCOL_TLS_SERVER, ssl.TLSVersion.TLSv1_1)
        self._context.load_cert_chain(authority / "broker.pem", authority / "broker.key")
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.greeted = 0

    def run(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                with suppress(OSError), self._context.wrap_socket(line, server_side=True):
                    self.greeted += 1

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join()


def test_the_car_speaks_no_tls_below_1_2(tmp_path: Path, authority: Path) -> None:
    said, server = Said(), OldServer(authority)
    server.start()
    try:
        with running(secure_car(server.port, authority), tmp_path, said):
            wait_until(lambda: said.count("it speaks no TLS 1.2 or later; update the broker") == 1, "the reason")
        assert server.greeted == 0
    finally:
        server.close()


@pytest.mark.slow
def test_the_fleet_is_told_why_it_is_refused(
    place: Place, tmp_path: Path, expired: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = BrokerSettings("127.0.0.1", place.broker.port, ca_file=place.authority / "ca.pem")
    for changed, reason in (
        (settings, "CERTIFICATE_REQUIRED"),
        (replace(settings, cert_file=expired / "fleet.pem", key_file=expired / "fleet.key"), "CERTIFICATE_EXPIRED"),
    ):
        ingest = Ingest(make_desk(tmp_path / "fleet.sqlite3"), changed, lambda: datetime.now(UTC))
        ingest.start()
        try:
            wait_until(lambda reason=reason: reason in caplog.text, reason)  # type: ignore[misc]  # bound at once
            assert not ingest.subscribed.is_set()
        finally:
            ingest.stop()


def test_a_secret_that_everybody_can_read_is_told(tmp_path: Path, authority: Path) -> None:
    said, key = Said(), tmp_path / "car-7.key"
    key.write_bytes((authority / "car-7.key").read_bytes())
    key.chmod(0o644)
    settings = replace(secure_car(1, authority), key_file=key)
    Link(settings, "car-7", lambda *_: b"", lambda: None, said, number=lambda: 1, troubles=deque())
    assert said.lines == [
        ("warning", f"mqtt.key_file: everybody can read {key}; take that right away (chmod o= {key}).")
    ]
    key.chmod(0o640)
    Link(settings, "car-7", lambda *_: b"", lambda: None, said, number=lambda: 1, troubles=deque())
    assert len(said.lines) == 1


@pytest.mark.slow
def test_a_daemon_that_the_broker_refuses_goes_on_watching(tmp_path: Path, authority: Path, expired: Path) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(SecureBroker(tmp_path, authority))
        car = stack.enter_context(LiveCar(tmp_path / "can0", "electric"))
        config = write_config(
            tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}", vehicle="car-7"
        )
        files = {"ca": authority / "ca.pem", "cert": expired / "car-7.pem", "key": expired / "car-7.key"}
        lines = "".join(f'{kind}_file = "{file}"\n' for kind, file in files.items())
        config.write_text(config.read_text().replace("[mqtt]\n", f"[mqtt]\n{lines}"))
        daemon = stack.enter_context(DaemonProcess(config))
        wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
        wait_until(lambda: "the car's certificate has expired; renew" in daemon.log(), "the reason")
        car.lose_drive()
        wait_until(lambda: car.hazards, "the lamps flash all the same")
        wait_until(lambda: stored_depth(tmp_path / "storage") >= 1, "the alert is kept")
        assert daemon.stop() == 0
        assert "BEGIN" not in daemon.log(), "no key is in the log"


def test_the_authority_is_kept_and_its_keys_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    assert run_test_ca(folder).returncode == 0
    before = (folder / "ca.pem").read_bytes()
    done = run_test_ca(folder, "--car", "car-9")
    assert f"made   {folder / 'car-9.pem'}" in done.stdout and f"kept   {folder / 'broker.pem'}" in done.stdout
    assert (folder / "ca.pem").read_bytes() == before
    assert {stat.S_IMODE(key.stat().st_mode) for key in folder.glob("*.key")} == {0o600}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--car", "a/b"], "'a/b' is no car's id; use 1 to 64 of letters, digits, '_' and '-'"),
        (["--car", "hardshoulder.fleet"], "'hardshoulder.fleet' is no car's id"),
        (["--car", "fleet"], "'fleet' is the name of another file here"),
        (["--broker", "a b"], "'a b' is neither an address nor the name of a host"),
    ],
)
def test_a_name_that_cannot_be_is_told(tmp_path: Path, options: list[str], said: str) -> None:
    done = run_test_ca(tmp_path / "ca", *options)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "ca").exists()
