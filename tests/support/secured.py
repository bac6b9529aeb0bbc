"""A broker with the shipped configuration and certificates of a test authority, on a port of its own."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from paho.mqtt.client import Client

from hardshoulder.settings import MqttSettings
from hardshoulder_sim.processes import Broker
from support.car import fast

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "fleet" / "broker"
TEST_CA = ROOT / "scripts" / "test-ca"
PLACE = "/etc/mosquitto/hardshoulder/"


def run_test_ca(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs scripts/test-ca."""
    command = [sys.executable, "-B", str(TEST_CA), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def certificates(folder: Path, *cars: str, days: int = 2) -> Path:
    """The folder with an authority, the broker's and the fleet's certificate and those of the cars."""
    done = run_test_ca(folder, "--days", str(days), *(word for car in cars for word in ("--car", car)))
    assert done.returncode == 0, done.stderr
    return folder


class SecureBroker(Broker):
    """fleet/broker/mosquitto.conf as it is shipped, but for port, places and user."""

    def __init__(self, folder: Path, authority: Path, **changes: str) -> None:
        """changes: lines of the configuration by their first word."""
        super().__init__(folder)
        text = (SHIPPED / "mosquitto.conf").read_text("utf-8")
        acl = folder / "acl"
        acl.write_bytes((SHIPPED / "acl").read_bytes())
        acl.chmod(0o600)
        (folder / "kept").mkdir(exist_ok=True)
        lines = {
            "listener": f"{self.port} 127.0.0.1\nuser root",
            "persistence_location": f"{folder / 'kept'}/",
            "acl_file": str(acl),
            **changes,
        }
        text = text.replace(PLACE, f"{authority}/")
        for word, rest in lines.items():
            text, count = re.subn(rf"^{word} .*$", f"{word} {rest}", text, flags=re.MULTILINE)
            assert count == 1, f"{word} stands once in the shipped configuration"
        self._configuration.write_text(text)


def secure_car(port: int, authority: Path, car: str = "car-7") -> MqttSettings:
    """A car with a certificate of this authority."""
    files = {
        "ca_file": authority / "ca.pem",
        "cert_file": authority / f"{car}.pem",
        "key_file": authority / f"{car}.key",
    }
    return replace(fast(port), **files)  # type: ignore[arg-type]  # three paths


class Holder:
    """Whoever holds a certificate: makes a client of paho use it."""

    def __init__(self, authority: Path, name: str) -> None:
        self._authority, self._certificate, self._key = (
            str(authority / file) for file in ("ca.pem", f"{name}.pem", f"{name}.key")
        )

    def __call__(self, client: Client) -> None:
        client.tls_set(self._authority, self._certificate, self._key)
