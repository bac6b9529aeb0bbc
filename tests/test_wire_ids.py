"""What names an incident or an event: safe in addresses, topics and log lines, and whatever else is refused."""

import json
import re
import shlex
import uuid
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from hardshoulder import wire
from hardshoulder.events import incident_event, presence_event, status_event
from support.ids import ids
from support.incidents import BEGIN, IDENTITY, report, status, wall_time

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "schemas" / "incident.v1.json").read_text("utf-8"))


def of_incident(incident_id: str, event_id: str = "event-1") -> bytes:
    """An event about this incident, whatever the car's own models say."""
    whole = json.loads(wire.encode(incident_event(IDENTITY, report(), wall_time, clock_trusted=True)))
    whole["id"], whole["subject"], whole["data"]["incident_id"] = event_id, incident_id, incident_id
    return json.dumps(whole).encode()


def ack_of(incident_id: str) -> bytes:
    """An acknowledgement that names this incident."""
    event = wire.parse_event(of_incident("incident-1"))
    assert isinstance(event, wire.IncidentEvent)
    whole = json.loads(wire.encode(wire.ack_event(event, "/fleet", BEGIN)))
    whole["data"]["incident_id"] = incident_id
    return json.dumps(whole).encode()


@given(st.uuids(version=4))
def test_what_our_cars_draw_is_an_id(drawn: uuid.UUID) -> None:
    event = wire.parse_event(of_incident(str(drawn), wire.new_event_id()))
    assert isinstance(event, wire.IncidentEvent) and event.data.incident_id == str(drawn)


@given(ids)
def test_an_id_is_one_step_of_an_address_and_one_word_of_a_line(incident_id: str) -> None:
    assert isinstance(wire.parse_event(of_incident(incident_id)), wire.IncidentEvent)
    below = urlsplit(urljoin("http://fleet.example/operator/", f"{quote(incident_id, safe='')}/done")).path
    assert unquote(below).split("/") == ["", "operator", incident_id, "done"]
    assert shlex.split(incident_id) == incident_id.split() == incident_id.splitlines() == [incident_id]
    assert topic_matches_sub(f"a/+/{incident_id}", f"a/b/{incident_id}")


@given(st.text() | st.text("abz09-_.:/ \n\0+#%?&é", max_size=140))
def test_any_other_text_is_no_id(text: str) -> None:
    assume(not (re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", text) and text[0].isalnum()))
    for payload in (of_incident(text), of_incident("incident-1", text)):
        with pytest.raises(wire.WireError, match=r"\.(data\.incident_id|id|subject): String should") as caught:
            wire.parse_event(payload)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 400
        assert not jsonschema.Draft7Validator(SCHEMA).is_valid(json.loads(payload)) or text.endswith("\n")
    with pytest.raises(wire.WireError, match="incident_id"):
        wire.parse_ack(ack_of(text))


@pytest.mark.parametrize("id", ["..", ".", "../1", "-1", "_", "1\n", "a/1", "1" * 129, "", "é1", "١"])
def test_what_could_be_a_path_an_option_or_a_line_is_no_id(id: str) -> None:
    with pytest.raises(wire.WireError):
        wire.parse_event(of_incident(id))


FERRY_STATUS = status_event(
    replace(IDENTITY, vehicle="ferry"),
    status(),
    wall_time,
    clock_trusted=True,
    buses={},
    invalid_frames={},
    outbox_depth=0,
    storage_ok=True,
)


@pytest.mark.parametrize("told", [FERRY_STATUS, presence_event("ferry", online=True, at=BEGIN)])
def test_a_state_is_about_its_vehicle_which_needs_no_digit(told: wire.StatusEvent | wire.PresenceEvent) -> None:
    assert wire.parse_event(wire.encode(told)) == told
    with pytest.raises(wire.WireError, match="subject"):
        wire.parse_event(json.dumps(json.loads(wire.encode(told)) | {"subject": "a/b"}).encode())


def test_what_the_sender_wrote_makes_no_complaint_long_or_two_lines() -> None:
    with pytest.raises(wire.WireError, match="found using 'type'") as caught:
        wire.parse_event(json.dumps({"type": "a\nb"}).encode())
    assert "\n" not in str(caught.value)
    with pytest.raises(wire.WireError, match="cannot be read: Input tag 'xxx") as caught:
        wire.parse_event(json.dumps({"type": "x" * 10_000}).encode())
    assert len(str(caught.value)) < 400
