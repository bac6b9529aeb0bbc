"""docs/PRIVACY.md: every claim has a test that exists, and those that are about messages are here."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardshoulder import wire
from hardshoulder.config import LocationKeys
from hardshoulder.core.actions import Location, Report, State
from hardshoulder.core.vocabulary import Vss
from hardshoulder.events import incident_event, presence_event, status_event
from support.driven import DEAD, Driven
from support.incidents import BEGIN, IDENTITY, incident, status, wall_time
from support.plain import plain_car
from support.recordings import Bench

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "PRIVACY.md").read_text(encoding="utf-8")
PLACE = re.compile(r"latitude|longitude|location|heading", re.IGNORECASE)


def broken_down() -> Driven:
    """A car that says where it is, drives, and breaks down."""
    driven = Driven(plain_car())
    driven.say(speed=90.0, latitude=48.137, longitude=11.575, heading=271.0)
    driven.run(6.0)
    driven.say(**DEAD)
    return driven.run(2.0)


def fields(schema: object) -> Iterator[str]:
    """The names of all fields in a schema."""
    if isinstance(schema, list):
        for item in schema:
            yield from fields(item)
    elif isinstance(schema, dict):
        yield from schema.get("properties", {})
        for item in schema.values():
            yield from fields(item)


def data_of(event: wire.Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wire.encode(event))["data"]
    return found


def test_every_claim_names_a_test_that_exists() -> None:
    claims = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", DOCUMENT)
    assert len(claims) >= 10
    for path, name in claims:
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {name}"


def test_the_place_leaves_the_car_for_an_incident_alone() -> None:
    """The car knows where it is all the time."""
    told_always = status_event(
        IDENTITY,
        status(),
        wall_time,
        clock_trusted=True,
        buses={"main": True},
        invalid_frames={},
        outbox_depth=0,
        storage_ok=True,
    )
    assert data_of(told_always)["coarse_location"] is None
    for event in (told_always, presence_event("car-7", online=True, at=BEGIN)):
        told = {name: value for name, value in data_of(event).items() if name != "coarse_location"}
        assert not PLACE.search(json.dumps(told))
    for name, consented in (("status", {"coarse_location", "latitude", "longitude"}), ("presence", set())):
        schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8"))
        assert {field for field in fields(schema) if PLACE.search(field)} == consented
    assert not LocationKeys().coarse_in_status, "nobody has agreed to it by default"
    (first, *_) = broken_down().of(Report)
    told = data_of(incident_event(IDENTITY, first, wall_time, clock_trusted=True))
    assert told["location"]["latitude"] == 48.137
    without = replace(incident(), location=None)
    assert data_of(incident_event(IDENTITY, Report(without, 1.0), wall_time, clock_trusted=True))["location"] is None


def test_a_driver_who_agreed_tells_the_place_to_a_kilometre() -> None:
    place = Location(48.137124, 11.575678, 271.0, 12.5, accuracy_m=4.0, source="gnss")
    agreed = status_event(
        IDENTITY,
        status(),
        wall_time,
        clock_trusted=True,
        buses={"main": True},
        invalid_frames={},
        outbox_depth=0,
        storage_ok=True,
        place=place,
    )
    assert data_of(agreed)["coarse_location"] == {"latitude": 48.14, "longitude": 11.58, "age_s": 12.5}


def test_signals_leave_the_car_once_for_an_incident() -> None:
    driven = broken_down()
    first, *later = (
        data_of(incident_event(IDENTITY, report, wall_time, clock_trusted=True)) for report in driven.of(Report)
    )
    assert Vss.SPEED in first["evidence_window"]["signals"]
    assert later and all(data["evidence_window"] is None for data in later)


def test_without_an_incident_no_frame_reaches_the_disk(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(120)
    assert list(tmp_path.iterdir()) == []
    bench.break_down(state=State.ROLLING).drive(1)
    assert [path.name for path in tmp_path.iterdir()] == ["recordings"]


def test_a_recording_names_neither_car_nor_person(tmp_path: Path) -> None:
    bench = Bench(tmp_path).drive(2).break_down().drive(70)
    data = bench.path.read_bytes()
    assert IDENTITY.vehicle.encode() not in data and IDENTITY.hazard_button.encode() not in data
    start = data.index(b"{")
    head = json.loads(data[start : data.index(b"}", start) + 1])
    assert set(head) == {"incident", "profile", "profile_digest", "software", "buses"}


def test_no_message_has_a_field_for_raw_frames() -> None:
    """The recording is named and not sent: a name, and from when until when."""
    assert set(wire.RecordingData.model_fields) == {"name", "begins_at", "ends_at"}
    assert set(wire.WindowData.model_fields) == {"begins_at", "step_s", "signals"}
    for name in ("incident", "status", "presence"):
        schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8"))
        assert not {"frames", "raw", "data_bytes"} & set(fields(schema))
