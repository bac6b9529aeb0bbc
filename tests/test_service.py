"""What scripts/install puts in place, and what systemd itself says of the units; nothing is started here."""

import configparser
import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from hardshoulder.config import Config

ROOT = Path(__file__).parent.parent
INSTALL = ROOT / "scripts" / "install"
UNITS = ("hardshoulder.service", "hardshoulder-fleet.service")
SERVICE = (ROOT / "docs" / "SERVICE.md").read_text("utf-8")
EXPOSURE_TENTHS = 15
PLACED = {
    "etc/systemd/system/hardshoulder.service",
    "etc/sysusers.d/hardshoulder.conf",
    "etc/systemd/network/80-can0.network",
    "etc/hardshoulder/config.toml",
    "usr/local/share/doc/hardshoulder/SERVICE.md",
    "usr/local/share/doc/hardshoulder/CONFIGURATION.md",
}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed, so no unit was looked at; on Debian: apt-get install systemd",
)


def install(root: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [str(INSTALL), "--root", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def unit(name: str) -> configparser.ConfigParser:
    """A unit as systemd reads it, but for keys that stand more than once."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the library's own pages tell
    parser.read(ROOT / "systemd" / name)
    return parser


def test_everything_is_put_in_place_and_taken_away(tmp_path: Path) -> None:
    done = install(tmp_path, "--files-only")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == PLACED
    assert stat.S_IMODE((tmp_path / "etc/hardshoulder/config.toml").stat().st_mode) == 0o640
    assert install(tmp_path, "--uninstall").returncode == 0
    assert files(tmp_path) == {"etc/hardshoulder/config.toml"}
    assert install(tmp_path, "--uninstall", "--purge").returncode == 0
    assert files(tmp_path) == set()


def test_what_a_person_wrote_is_kept(tmp_path: Path) -> None:
    assert install(tmp_path, "--files-only").returncode == 0
    written = {"etc/hardshoulder/config.toml": "mine", "etc/systemd/network/80-can0.network": "[Match]\nName=can0\n"}
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "etc/systemd/system/hardshoulder.service").write_text("stale")
    for options in (("--files-only",), ("--uninstall",)):
        done = install(tmp_path, *options)
        assert done.returncode == 0, done.stderr
        assert {name: (tmp_path / name).read_text() for name in written} == written
    assert files(tmp_path) == set(written)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--root"], "--root: names no folder; write --root DIR"),
        (["--root", "/nowhere/at/all"], "--root: /nowhere/at/all is no folder; make it first"),
        (["--everything"], "--everything: no such option; --help lists what there is"),
        (["--root", "/tmp", "--purge"], "--purge: goes with --uninstall alone"),
    ],
)
def test_a_misuse_is_one_line(options: list[str], said: str) -> None:
    done = subprocess.run([str(INSTALL), *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"scripts/install: {said}\n")


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_program_is_installed_from_the_hashed_lock_and_runs(tmp_path: Path) -> None:
    done = install(tmp_path)
    assert done.returncode == 0, done.stderr
    program = tmp_path / "opt" / "hardshoulder"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(program / "bin" / "python"), "-m", "hardshoulder", "check", "--config"]
    checked = subprocess.run(
        [*command, str(tmp_path / "etc/hardshoulder/config.toml")],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert "vehicle car-0001, profile reference-combustion" in checked.stdout, checked.stderr
    assert (program / "bin" / "hardshoulder").read_text().startswith("#!/opt/hardshoulder/bin/python")
    listed = subprocess.run(
        [str(program / "bin" / "python"), "-m", "pip", "list", "--format=freeze"],
        capture_output=True, text=True, check=True, env=environment,
    ).stdout  # fmt: skip
    names = {line.split("==")[0].lower() for line in listed.splitlines()}
    assert {"hardshoulder", "cantools", "paho-mqtt", "pydantic"} <= names
    assert not {"hatchling", "pytest", "sqlalchemy", "fastapi"} & names, "a car carries no tools and no fleet"
    link = tmp_path / "usr/local/bin/hardshoulder"
    assert link.readlink() == Path("/opt/hardshoulder/bin/hardshoulder")
    assert install(tmp_path, "--uninstall", "--purge").returncode == 0
    assert files(tmp_path) == set() and not link.is_symlink()


def test_the_example_configuration_is_one() -> None:
    config = Config.model_validate(tomllib.loads((ROOT / "systemd" / "config.toml").read_text()))
    assert config.mode == "monitor"
    service = unit("hardshoulder.service")["Service"]
    assert config.storage.folder == f"/var/lib/{service['StateDirectory']}"
    assert config.status.socket == f"/run/{service['RuntimeDirectory']}/status.sock"


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_the_exposure_is_low(name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_TENTHS}"]
    done = subprocess.run([*command, str(ROOT / "systemd" / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [exposure] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    # Another systemd weighs otherwise; the document tells what this one says.
    assert not version.startswith("systemd 252 ") or f"| `{name}` | {exposure} |" in SERVICE


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_no_fault_in_the_unit(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (ROOT / "systemd" / name).read_text()
    start = unit(name)["Service"]["ExecStart"].split(" ")[0]
    (tmp_path / name).write_text(text.replace(f"ExecStart={start} ", f"ExecStart={program} "))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if name in line]
    assert (done.returncode, ours) == (0, [])
    broken = tmp_path / "broken.service"
    broken.write_text(text.replace("Restart=always", "Restart=sometimes"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, check=False
    )
    assert "broken.service" in done.stderr and "sometimes" in done.stderr, "it would have found one"


def test_the_service_is_what_the_requirements_ask_for() -> None:
    parsed = unit("hardshoulder.service")
    service = parsed["Service"]
    assert (service["Type"], service["Restart"], parsed["Unit"]["StartLimitIntervalSec"]) == ("notify", "always", "0")
    assert 0 < int(service["WatchdogSec"]) <= 30
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["RestrictAddressFamilies"].split() == ["AF_CAN", "AF_UNIX", "AF_INET", "AF_INET6"]
    assert (service["ProtectSystem"], service["User"]) == ("strict", "hardshoulder")
    assert "ProcSubset" not in service, "the journal of the incident reads the boot's id below /proc/sys"
    for name in UNITS:
        user = unit(name)["Service"]["User"]
        assert f"u {user} - " in (ROOT / "systemd" / "sysusers.d" / "hardshoulder.conf").read_text()
    network = unit("network/80-can0.network")
    assert (network["Match"]["Name"], network["CAN"]["BitRate"], network["CAN"]["RestartSec"]) == (
        "can0",
        "500K",
        "100ms",
    )
