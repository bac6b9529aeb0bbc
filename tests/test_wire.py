"""The contract: models, topics, words, and the documents made from them."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hardshoulder import wire
from hardshoulder.core.actions import (
    Entry,
    Evidence,
    Finding,
    HazardState,
    Health,
    Incident,
    Location,
    Report,
    ReportStatus,
    State,
)
from hardshoulder.core.vocabulary import Vss
from hardshoulder.events import (
    EVIDENCE_LIMIT,
    TIMELINE_LIMIT,
    incident_event,
    presence_event,
    sentence,
    status_event,
)
from support.ids import ids
from support.incidents import BEGIN, IDENTITY, incident, report, status, wall_time

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MESSAGES = ("incident", "status", "presence", "ack")

times_s = st.floats(min_value=-1e6, max_value=1e9, allow_nan=False)
numbers = st.floats(allow_nan=True, allow_infinity=True)
texts = st.text(max_size=40)
values = st.one_of(st.booleans(), numbers, texts)
evidence = st.builds(
    Evidence,
    finding=st.sampled_from(Finding),
    signal=st.sampled_from(Vss) | texts,
    value=values,
    at_s=times_s,
)
locations = st.builds(Location, latitude=numbers, longitude=numbers, heading=st.none() | numbers, age_s=numbers)
incidents = st.builds(
    Incident,
    incident_id=ids,
    sequence=st.integers(min_value=0, max_value=2**40),
    kind=st.sampled_from(Finding),
    state=st.sampled_from(State),
    hazards=st.sampled_from(HazardState),
    suspected_at_s=times_s,
    opened_at_s=times_s,
    hazards_requested_at_s=st.none() | times_s,
    stopped_at_s=st.none() | times_s,
    closed_at_s=st.none() | times_s,
    speed_kph_at_open=st.none() | numbers,
    evidence=st.lists(evidence, max_size=4).map(tuple),
    location=st.none() | locations,
    timeline=st.lists(st.builds(Entry, at_s=times_s, what=texts), max_size=4).map(tuple),
    cause=st.integers(min_value=0, max_value=255),
    sub_cause=st.integers(min_value=0, max_value=255),
)
statuses = st.builds(
    ReportStatus,
    state=st.sampled_from(State),
    health=st.sampled_from(Health),
    missing=st.lists(texts, max_size=3).map(tuple),
    speed_kph=st.none() | numbers,
    at_s=times_s,
)


def make_incident_event(of: Incident | None = None) -> wire.IncidentEvent:
    """The event of an incident, by default of the one that all tests share."""
    return incident_event(IDENTITY, Report(of or incident(), 10.5), wall_time, clock_trusted=True)


def make_status_event(of: ReportStatus) -> wire.StatusEvent:
    """The event of a status on a car with one bus down."""
    return status_event(
        IDENTITY,
        of,
        wall_time,
        clock_trusted=False,
        buses={"powertrain": True, "body": False},
        invalid_frames={"checksum": 3},
        outbox_depth=2,
        storage_ok=False,
        bus_errors={"body.bus-off": 1},
    )


def make_ack(**changes: object) -> bytes:
    """An acknowledgement with some fields changed; `None` leaves a field out."""
    whole = json.loads(wire.encode(wire.ack_event(make_incident_event(), "/fleet", BEGIN)))
    whole.update(changes)
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


def schema(name: str) -> Any:
    return json.loads((DOCS / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vehicle", ["a", "car-7", "WVW_ZZZ-1", "x" * 64])
def test_topic_holds_the_vehicle(vehicle: str) -> None:
    assert wire.topic(vehicle, "incident") == f"hardshoulder/v1/{vehicle}/incident"
    assert wire.topic(vehicle, "command/hazards/result") == f"hardshoulder/v1/{vehicle}/command/hazards/result"


@pytest.mark.parametrize("vehicle", ["", "+", "#", "a/b", "a+", "x" * 65, "käfer", "a\n", "a b", "$SYS", "a\0"])
def test_vehicle_cannot_reach_another_topic(vehicle: str) -> None:
    with pytest.raises(wire.WireError, match="vehicle id"):
        wire.topic(vehicle, "incident")


@pytest.mark.parametrize("leaf", ["", "+", "#", "command/+", "command/#", "/ack", "ack/", "a//b", "ack\n"])
def test_leaf_holds_no_wildcard(leaf: str) -> None:
    with pytest.raises(wire.WireError, match="end of a topic"):
        wire.topic("car-7", leaf)


@given(incidents)
def test_every_incident_survives_the_wire_and_fits_its_schema(of: Incident) -> None:
    event = make_incident_event(of)
    payload = wire.encode(event)
    assert wire.parse_event(payload) == event
    jsonschema.Draft7Validator(schema("incident")).validate(json.loads(payload))


@given(statuses)
def test_every_status_survives_the_wire_and_fits_its_schema(of: ReportStatus) -> None:
    event = make_status_event(of)
    payload = wire.encode(event)
    assert wire.parse_event(payload) == event
    jsonschema.Draft7Validator(schema("status")).validate(json.loads(payload))


@given(st.booleans(), st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.timezones()))
def test_every_presence_survives_the_wire(online: bool, at: datetime) -> None:
    event = presence_event("car-7", online=online, at=at)
    assert wire.parse_event(wire.encode(event)) == event


@given(ids, st.integers(min_value=0))
def test_every_acknowledgement_survives_the_wire(incident_id: str, sequence: int) -> None:
    event = make_incident_event(replace(incident(), incident_id=incident_id, sequence=sequence))
    ack = wire.parse_ack(wire.encode(wire.ack_event(event, "/fleet", BEGIN)))
    assert ack == wire.AckData(event_id=event.id, incident_id=incident_id, sequence=sequence)


def test_incident_event_says_everything_the_incident_says() -> None:
    told = json.loads(wire.encode(make_incident_event()))
    assert told["specversion"] == "1.0"
    assert told["type"] == "org.hardshoulder.incident.v1"
    assert told["source"] == "/hardshoulder/car-7"
    assert told["subject"] == "incident-1"
    assert told["time"] == "2026-03-14T06:30:10.500000Z"
    assert told["dataschema"] == schema("incident")["$id"]
    data = told["data"]
    assert data["cause"] == {
        "code": 91,
        "name": "vehicleBreakdown",
        "sub_code": 3,
        "sub_name": "engineProblem",
    }
    assert data["suspected_at"] == "2026-03-14T06:30:10Z"
    assert data["stopped_at"] is None
    assert data["mode"] == "armed"
    assert data["location"] == {
        "latitude": 48.1,
        "longitude": 11.6,
        "heading": 90.0,
        "age_s": 0.5,
        "accuracy_m": None,
        "source": "bus",
    }
    assert data["timeline"][1] == {"at": "2026-03-14T06:30:10.500000Z", "what": "opened"}
    assert data["evidence"][0]["value"] == 0.0


def test_status_event_says_how_the_car_is() -> None:
    data = json.loads(wire.encode(make_status_event(status())))["data"]
    assert data["buses"] == {"powertrain": "up", "body": "down"}
    assert data["invalid_frames"] == {"checksum": 3}
    assert data["bus_errors"] == {"body.bus-off": 1}
    assert (data["outbox_depth"], data["storage_ok"], data["clock_trusted"]) == (2, False, False)


def test_a_status_of_a_car_from_before_bus_errors_is_read() -> None:
    whole = json.loads(wire.encode(make_status_event(status())))
    del whole["data"]["bus_errors"]
    event = wire.parse_event(json.dumps(whole).encode())
    assert isinstance(event, wire.StatusEvent)
    assert event.data.bus_errors == {}


def test_a_car_that_only_monitors_says_so() -> None:
    identity = replace(IDENTITY, armed=False)
    event = incident_event(identity, report(), wall_time, clock_trusted=True)
    assert event.data.mode == "monitor"


@pytest.mark.parametrize(
    ("cause", "sub_cause", "name", "sub_name"),
    [
        (91, 0, "vehicleBreakdown", "unavailable"),
        (91, 1, "vehicleBreakdown", "lackOfFuel"),
        (91, 10, "vehicleBreakdown", "vehicleOnFire"),
        (91, 11, "vehicleBreakdown", "unknown"),
        (92, 3, "postCrash", "accidentWithECallAutomaticallyTriggered"),
        (94, 2, "stationaryVehicle", "vehicleBreakdown"),
        (17, 0, "unknown", "unknown"),
    ],
)
def test_causes_have_the_names_of_the_standard(cause: int, sub_cause: int, name: str, sub_name: str) -> None:
    told = make_incident_event(replace(incident(), cause=cause, sub_cause=sub_cause)).data.cause
    assert (told.name, told.sub_name) == (name, sub_name)


@pytest.mark.parametrize("finding", Finding)
def test_every_finding_has_its_words(finding: Finding) -> None:
    without_signal = sentence(Evidence(finding, "", 0.0, 0.0))
    assert re.fullmatch(r"[A-Z1-9].+[a-z]\.", without_signal)
    others = {sentence(Evidence(other, "", 0.0, 0.0)) for other in Finding if other is not finding}
    assert without_signal not in others


@pytest.mark.parametrize(
    ("signal", "value", "words"),
    [
        (Vss.ENGINE_SPEED, 0.0, "Vehicle.Powertrain.CombustionEngine.Speed was 0 rpm."),
        (Vss.ENGINE_RUNNING, False, "Vehicle.Powertrain.CombustionEngine.IsRunning was false."),
        (Vss.POWER_STATE, "OFF", "Vehicle.LowVoltageSystemState was OFF."),
        ("powertrain", 1.5, "powertrain was 1.5."),
    ],
)
def test_sentence_names_the_reading_with_its_unit(signal: str, value: bool | float | str, words: str) -> None:
    assert sentence(Evidence(Finding.ENGINE_STOPPED, signal, value, 0.0)) == f"The engine stopped: {words}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_cannot_say_do_not_stop_an_alert(value: float) -> None:
    broken = replace(
        incident(),
        speed_kph_at_open=value,
        location=Location(value, 0.0, None, 0.0),
        evidence=(Evidence(Finding.NO_DRIVE, Vss.SPEED, value, 1.0),),
    )
    data = make_incident_event(broken).data
    assert data.speed_kph_at_open is None
    assert data.location is None
    assert data.evidence[0].value == str(value)


def test_an_event_has_a_bounded_size() -> None:
    entries = tuple(Entry(float(number), f"entry {number}") for number in range(1000))
    readings = tuple(Evidence(Finding.NO_DRIVE, Vss.SPEED, float(number), 0.0) for number in range(1000))
    data = make_incident_event(replace(incident(), timeline=entries, evidence=readings)).data
    assert len(data.timeline) == TIMELINE_LIMIT
    assert data.timeline[-1].what == "entry 999"
    assert len(data.evidence) == EVIDENCE_LIMIT
    assert len(wire.encode(make_incident_event(replace(incident(), timeline=entries)))) < wire.EVENT_LIMIT_BYTES


def test_times_are_told_in_utc_wherever_the_car_is() -> None:
    def local(at_s: float) -> datetime:
        return wall_time(at_s).astimezone(timezone(timedelta(hours=-7)))

    event = incident_event(IDENTITY, report(), local, clock_trusted=True)
    assert json.loads(wire.encode(event))["time"] == "2026-03-14T06:30:10.500000Z"
    assert event.data.opened_at.tzinfo is UTC


def test_a_wall_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        presence_event("car-7", online=True, at=datetime(2026, 1, 1))


def test_the_car_sends_no_field_outside_the_contract() -> None:
    data = make_incident_event().data.model_dump() | {"colour": "red"}
    with pytest.raises(ValidationError, match="Extra inputs"):
        wire.IncidentData.model_validate(data)


def test_events_are_frozen() -> None:
    event = make_incident_event()
    with pytest.raises(ValidationError, match="frozen"):
        event.data.sequence = 2


def test_both_sides_pass_over_fields_of_a_newer_version() -> None:
    event = make_incident_event()
    newer = json.loads(wire.encode(event))
    newer["traceparent"] = "00-0af7"
    newer["data"]["colour"] = "red"
    newer["data"]["location"]["altitude"] = 512.0
    assert wire.parse_event(json.dumps(newer).encode()) == event
    newest_ack = make_ack(partitionkey="eu", data={"event_id": "e1", "incident_id": "i1", "sequence": 1, "case": 4711})
    assert wire.parse_ack(newest_ack).event_id == "e1"


def test_an_acknowledgement_needs_only_what_cloudevents_asks_for() -> None:
    ack = make_ack(subject=None, time=None, dataschema=None, datacontenttype=None)
    assert wire.parse_ack(ack).incident_id == "incident-1"


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "EOF"),
        (b"\xff\xfe", "Invalid JSON|utf-8"),
        (b"null", "valid dictionary|object"),
        (b"[]", "object"),
        (b"{" * 5000, "JSON"),
        (b"[" * 5000, "JSON"),
        (make_ack(specversion="0.3"), "specversion"),
        (make_ack(type="org.hardshoulder.ack.v2"), "type"),
        (make_ack(id=None), "id: Field required"),
        (make_ack(data=None), "data: Field required"),
        (make_ack(time="0001-01-01T00:00:00+14:00"), "time: .*out of range"),
        (make_ack(time=1700000000), "time"),
        (make_ack(data={"event_id": "", "incident_id": "i1", "sequence": 1}), "data.event_id"),
        (make_ack(data={"event_id": "1" * 129, "incident_id": "i1", "sequence": 1}), "data.event_id"),
        (make_ack(data={"event_id": "e1", "incident_id": "i1", "sequence": "1"}), "data.sequence"),
        (make_ack(data={"event_id": "e1", "incident_id": "i1", "sequence": -1}), "data.sequence"),
        (make_ack(data={"event_id": "e1", "incident_id": "i1", "sequence": True}), "data.sequence"),
        (make_ack(data={"event_id": 7, "incident_id": "i1", "sequence": 1}), "data.event_id"),
        (make_ack(padding="x" * wire.ACK_LIMIT_BYTES), "65536 are the limit"),
    ],
)
def test_a_bad_acknowledgement_is_refused_in_one_sentence(payload: bytes, complaint: str) -> None:
    with pytest.raises(wire.WireError, match=complaint) as caught:
        wire.parse_ack(payload)
    text = str(caught.value)
    assert text.startswith("The acknowledgement")
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 400


def test_an_acknowledgement_of_exactly_the_limit_is_read() -> None:
    missing = wire.ACK_LIMIT_BYTES - len(make_ack(padding=""))
    payload = make_ack(padding="x" * missing)
    assert len(payload) == wire.ACK_LIMIT_BYTES
    assert wire.parse_ack(payload).incident_id == "incident-1"


@given(st.binary(max_size=200))
def test_no_bytes_bring_the_readers_down(payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_ack(payload)
    with pytest.raises(wire.WireError):
        wire.parse_event(payload)


def test_an_event_that_is_too_large_is_refused() -> None:
    with pytest.raises(wire.WireError, match="limit"):
        wire.parse_event(b" " * (wire.EVENT_LIMIT_BYTES + 1))
