"""The release's software bill: held against CycloneDX' own schema and against the locked sets."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hardshoulder import __version__

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "software_bill.py"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The bill as the command writes it."""
    out = tmp_path_factory.mktemp("bill") / "release" / "bill.json"
    done = subprocess.run([sys.executable, SCRIPT, "--out", out], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith(f"{out}: CycloneDX 1.6, ")
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def bill(text: str) -> Any:
    return json.loads(text)


def test_it_fits_the_schema_and_a_broken_one_does_not(text: str, bill: Any) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(json.dumps(bill | {"components": [{"name": "x"}]})) is not None


def test_it_names_this_release(bill: Any) -> None:
    ours = bill["metadata"]["component"]
    assert (ours["name"], ours["version"], ours["type"]) == ("hardshoulder", __version__, "application")
    assert ours["purl"] == f"pkg:pypi/hardshoulder@{__version__}"
    assert ours["licenses"] == [{"license": {"id": "Apache-2.0"}}]


@pytest.mark.parametrize(("name", "who"), [("daemon", "car"), ("fleet", "fleet")])
def test_it_has_every_package_of_the_locked_set_with_every_hash(bill: Any, name: str, who: str) -> None:
    pins = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    wanted = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", pins, re.MULTILINE))
    there = {
        one["name"]: one["version"]
        for one in bill["components"]
        if {"name": "hardshoulder:installed-by", "value": who} in one["properties"]
    }
    assert there == wanted
    hashes = {
        one["content"]
        for component in bill["components"]
        for file in component["externalReferences"]
        for one in file["hashes"]
    }
    assert set(re.findall(r"sha256:([0-9a-f]{64})", pins)) <= hashes


def test_it_says_under_which_licence_and_who_needs_whom(bill: Any) -> None:
    licensed = {one["name"]: one.get("licenses") for one in bill["components"]}
    assert licensed["pydantic"] == [{"license": {"id": "MIT"}}]
    needs = {one["ref"].partition("@")[0]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert any(ref.startswith("pkg:pypi/paho-mqtt@") for ref in needs["pkg:pypi/hardshoulder"])
    assert any(ref.startswith("pkg:pypi/pydantic-core@") for ref in needs["pkg:pypi/pydantic"])


def test_a_place_that_cannot_be_written_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", "/proc/bill.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("scripts/sbom: ") and done.stderr.count("\n") == 1
