"""`hardshoulder check`: what it prints, what it finds missing, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardshoulder.check import missing
from hardshoulder.config import make_bundle
from hardshoulder_sim.processes import vouch_for
from support.written import Table, config_table, environment, hardshoulder_command, shipped, write


@contextmanager
def listening() -> Iterator[int]:
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def adapter(tmp_path: Path) -> Iterator[Path]:
    """A serial line by the name of an adapter."""
    ours, theirs = os.openpty()
    (tmp_path / "adapter").symlink_to(os.ttyname(theirs))
    yield tmp_path / "adapter"
    os.close(ours)
    os.close(theirs)


def complete(folder: Path, port: int) -> Table:
    """A configuration that lacks nothing: device, broker and folder are there."""
    (folder / "state").mkdir()
    bus = [{"name": "main", "url": f"slcan:{folder / 'adapter'}"}]
    return config_table() | {"bus": bus, "mqtt": {"host": "127.0.0.1", "port": port}}


def missing_with(folder: Path, **changes: object) -> list[str]:
    """What is missing where this is configured otherwise; a table is laid over the one that was there."""
    with listening() as port:
        table = complete(folder, port)
        for key, value in changes.items():
            table[key] = table.get(key, {}) | value if isinstance(value, dict) else value
        return list(missing(make_bundle(write(folder / "config.toml", table))))


@pytest.mark.slow
def test_check_of_a_car_that_lacks_nothing(tmp_path: Path) -> None:
    with listening() as port:
        path = write(tmp_path / "config.toml", complete(tmp_path, port))
        ended = hardshoulder_command(tmp_path / "cache", "check", "--config", str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == "vehicle car-7, profile reference-combustion (combustion), ruleset 1, mode monitor"
    assert lines[-1] == "the car can be protected"
    assert "  main 110 ESC_Speed, every 0.02 s, counter and checksum" in lines
    assert "  main 350 GNS_Position, every 0.2 s, no protection" in lines
    assert "    Vehicle.Speed" in lines
    payloads = "0010000000000000 or 0020000000000000"
    assert f"  main 2A0#{payloads} (fixed bits 00F0FFFFFFFFFFFF), never: mode is monitor" in lines
    root = "hardshoulder/v1/car-7"
    assert f"  to 127.0.0.1:{port}: {root}/incident, {root}/status, {root}/presence" in lines
    assert f"  kept in {tmp_path / 'state'} until acknowledged on {root}/ack" in lines


@pytest.mark.slow
def test_check_says_when_an_armed_car_sends(tmp_path: Path) -> None:
    with listening() as port:
        path = write(tmp_path / "config.toml", complete(tmp_path, port) | {"mode": "armed"})
        vouch_for(path)
        ended = hardshoulder_command(tmp_path / "cache", "check", "--config", str(path))
    assert ended.returncode == 0
    assert "(fixed bits 00F0FFFFFFFFFFFF), while an incident is open" in ended.stdout


def closed_port() -> int:
    """A port at which nobody answers."""
    with listening() as port:
        return port


@pytest.mark.slow
def test_check_of_a_car_that_lacks_everything(tmp_path: Path) -> None:
    with listening() as port:
        table = complete(tmp_path, port)
    (tmp_path / "adapter").unlink()
    (tmp_path / "state").rmdir()
    table["mqtt"] |= {"port": closed_port(), "password_file": "password"}
    path = write(tmp_path / "config.toml", table)
    ended = hardshoulder_command(tmp_path / "cache", "check", "--config", str(path))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[-1] == "the car could not be protected"
    missing = [line for line in ended.stdout.splitlines() if line.startswith("missing: ")]
    assert missing == [
        f"missing: bus main: there is no device {tmp_path / 'adapter'}",
        f"missing: no broker answers at 127.0.0.1:{table['mqtt']['port']}: Connection refused",
        f"missing: mqtt.password_file: cannot read {tmp_path / 'password'}",
        f"missing: storage folder {tmp_path / 'state'} is not there; alerts would be kept in memory only",
    ]


@pytest.mark.slow
def test_check_of_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with listening() as port:
        table = complete(tmp_path, port) | {"storage": {"folder": "/proc/self"}}  # not even root writes there
        path = write(tmp_path / "config.toml", table)
        ended = hardshoulder_command(tmp_path / "cache", "check", "--config", str(path))
    assert ended.returncode == 1
    assert "missing: storage folder /proc/self cannot be written; alerts would be" in ended.stdout


def test_check_of_a_profile_that_sees_too_little(tmp_path: Path) -> None:
    profile = shipped("reference-combustion")
    power = "Vehicle.LowVoltageSystemState"
    profile |= {"signals": {power: profile["signals"][power]}, "hazard": {"readback": "none"}}
    del profile["display"]
    profile["messages"] = {"BCM_Power": profile["messages"]["BCM_Power"]}
    profile["bus"] = [{"name": "main"}, {"name": "body"}]
    profile["messages"]["BCM_Power"]["bus"] = "main"
    write(tmp_path / "blind.toml", profile)
    (tmp_path / "state").mkdir()
    table = config_table("blind.toml") | {"bus": [{"name": "main", "url": "socketcan:nocan9"}]}
    ended = hardshoulder_command(
        tmp_path / "cache", "check", "--config", str(write(tmp_path / "config.toml", table))
    )  # fmt: skip
    assert ended.returncode == 1
    missing = [line for line in ended.stdout.splitlines() if line.startswith("missing: ")]
    assert [line.split(":")[1].strip()[:40] for line in missing] == [
        "the profile maps no Vehicle.Speed",
        "the profile maps none of Vehicle.Powertr",
        "bus main",
        "bus body of the profile has no [[bus]] i",
        "no [mqtt] in the configuration",
    ]
    assert "  nothing: this profile takes no command; the driver is told: the red triangle" in ended.stdout
    assert "  nothing: no broker is configured" in ended.stdout


def test_a_host_that_is_no_name(tmp_path: Path) -> None:
    assert missing_with(tmp_path, mqtt={"host": "broker..example"}) == [
        "mqtt.host: 'broker..example' is no name of a host"
    ]


@pytest.mark.parametrize("bus", ["nosuch:x", "virtual:x"])
def test_an_interface_that_nobody_knows(tmp_path: Path, bus: str) -> None:
    lines = missing_with(tmp_path, bus=[{"name": "main", "url": bus}])
    assert lines == (["bus main: python-can has no interface nosuch"] if bus == "nosuch:x" else [])


@pytest.mark.parametrize("kind", ["file", "folder", "no terminal"])
def test_a_device_that_is_no_serial_line(tmp_path: Path, kind: str) -> None:
    device = Path("/dev/null") if kind == "no terminal" else tmp_path / "device"
    if kind == "file":
        device.touch()
    elif kind == "folder":
        device.mkdir()
    lines = missing_with(tmp_path, bus=[{"name": "main", "url": f"slcan:{device}"}])
    assert lines == [f"bus main: {device} is no serial device"]


def make_certificate(folder: Path, name: str, *more: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command = ["openssl", "req", "-x509", *curve, *(more or ["-nodes"]), "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_certificates_have_to_load(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "car")
    _, stranger = make_certificate(tmp_path, "stranger")
    _, locked = make_certificate(tmp_path, "locked", "-passout", "pass:sesame")
    torn = tmp_path / "torn.pem"
    torn.write_text("-----BEGIN CERTIFICATE-----\n")
    for number, (files, begins) in enumerate(
        [
            ({"ca_file": certificate, "cert_file": certificate, "key_file": key}, []),
            ({"ca_file": torn}, [f"mqtt.ca_file: {torn} holds no certificate"]),
            (
                {"cert_file": certificate, "key_file": stranger},
                [f"mqtt.cert_file: {certificate} with {stranger} is"],
            ),
            ({"cert_file": certificate, "key_file": locked}, [f"mqtt.cert_file: {certificate} with {locked} is no"]),
            ({"cert_file": certificate}, [f"mqtt.cert_file: {certificate} is no certificate and key"]),
            ({"cert_file": certificate, "key_file": tmp_path / "gone"}, [f"mqtt.key_file: cannot read {tmp_path}"]),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "adapter").symlink_to(tmp_path / "adapter")
        lines = missing_with(folder, mqtt={name: str(file) for name, file in files.items()})
        assert len(lines) == len(begins), lines
        assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True)), lines


def test_a_notice_program_that_is_not_there(tmp_path: Path) -> None:
    assert missing_with(tmp_path, notice={"command": ["no-such-speaker", "--wait"]}) == [
        "notice.command: there is no program no-such-speaker"
    ]


def test_a_notice_program_that_is_there(tmp_path: Path) -> None:
    assert missing_with(tmp_path, notice={"command": [sys.executable]}) == []


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    with listening() as port:
        path = write(tmp_path / "config.toml", complete(tmp_path, port))
        unread, written = os.pipe()
        os.close(unread)
        ended = subprocess.run(
            [sys.executable, "-m", "hardshoulder", "check", "--config", str(path)],
            env=environment(tmp_path / "cache"), stdout=written, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
        os.close(written)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")
