"""The documents of the contract: made from the models, complete, and true to their examples."""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hardshoulder import wire

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MESSAGES = ("incident", "status", "presence", "ack")


def schema(name: str) -> Any:
    return json.loads((DOCS / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8"))


def load_contract() -> Any:
    """scripts/contract as a module."""
    loader = SourceFileLoader("contract", str(ROOT / "scripts" / "contract"))
    spec = importlib.util.spec_from_loader("contract", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def contract(monkeypatch: pytest.MonkeyPatch) -> Any:
    """scripts/contract; no bytecode of it is left beside the scripts."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return load_contract()


@pytest.mark.slow
def test_the_documents_are_what_the_models_say() -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(ROOT / "scripts" / "contract"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_check_notices_every_difference(
    contract: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contract, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["contract"])
    assert contract.main() == 0
    monkeypatch.setattr(sys, "argv", ["contract", "--check"])
    assert contract.main() == 0
    (tmp_path / "docs" / "schemas" / "ack.v1.json").write_text("{}")
    (tmp_path / "docs" / "schemas" / "old.v0.json").write_text("{}")
    (tmp_path / "docs" / "asyncapi.yaml").unlink()
    assert contract.main() == 1
    said = capsys.readouterr().out
    assert all(name in said for name in ("ack.v1.json", "old.v0.json", "asyncapi.yaml"))
    assert "status.v1.json" not in said


@pytest.mark.parametrize("name", MESSAGES)
def test_the_documented_example_is_valid(name: str) -> None:
    document = schema(name)
    jsonschema.Draft7Validator.check_schema(document)
    [example] = document["examples"]
    jsonschema.Draft7Validator(document, format_checker=jsonschema.FormatChecker()).validate(example)
    payload = json.dumps(example).encode()
    if name == "ack":
        assert wire.parse_ack(payload).sequence == example["data"]["sequence"]
    else:
        assert json.loads(wire.encode(wire.parse_event(payload))) == example


def test_the_schemas_let_fields_of_a_newer_version_pass() -> None:
    for name in MESSAGES:
        assert "additionalProperties" not in re.sub(
            r'"additionalProperties": \{', "", (DOCS / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8")
        )


def test_the_asyncapi_document_names_every_topic_and_message() -> None:
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    for name in MESSAGES:
        channel = document["channels"][name]
        assert channel["address"].replace("{vehicle}", "car-7") == wire.topic("car-7", name)
        message = document["components"]["messages"][name]
        assert (DOCS / message["payload"]["$ref"]).is_file()
        assert message["examples"][0]["payload"] == schema(name)["examples"][0]
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in document["operations"].values()}
    assert actions == {f"#/channels/{name}": "receive" if name == "ack" else "send" for name in MESSAGES}


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))

    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for item in node for found in references(item)]
        if not isinstance(node, dict):
            return []
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for item in node.values() for found in references(item)]

    inside = [reference for reference in references(document) if reference.startswith("#/")]
    assert len(inside) >= 3 * len(MESSAGES)
    for reference in inside:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)
