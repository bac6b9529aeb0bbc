"""What the wire says of rules: the ruleset of every alert and status, and how a candidate does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder import wire
from hardshoulder.core.actions import Finding
from hardshoulder.core.shadow import KEPT, Comparison, Opening, ShadowStatus, Verdict
from hardshoulder.events import incident_event, status_event
from support.incidents import IDENTITY, report, status, wall_time

SCHEMAS = Path(__file__).parent.parent / "docs" / "schemas"
OPENING = Opening("candidate-1", 7.25, Finding.NO_TORQUE, 88.5)
ACTIVE = Opening("incident-1", 8.5, Finding.ENGINE_STOPPED, None)

openings = st.builds(
    Opening,
    incident_id=st.text(max_size=9),
    at_s=st.floats(0.0, 1e6),
    kind=st.sampled_from(Finding),
    speed_kph=st.none() | st.floats(),
)
comparisons = st.one_of(
    st.builds(Comparison, st.just(Verdict.OTHER_KIND), openings, openings),
    st.builds(Comparison, st.just(Verdict.ONLY_ACTIVE), openings, st.none()),
    st.builds(Comparison, st.just(Verdict.ONLY_CANDIDATE), st.none(), openings),
)
shadows = st.builds(
    ShadowStatus,
    ruleset=st.text(max_size=40),
    running=st.booleans(),
    counts=st.fixed_dictionaries(dict.fromkeys(Verdict, st.integers(0, 10**6))).map(lambda c: tuple(c.items())),
    latest=st.lists(comparisons, max_size=KEPT).map(tuple),
)


def told(shadow: ShadowStatus | None) -> dict[str, Any]:
    """The status event of a car with this candidate, as it goes over the wire."""
    event = status_event(
        IDENTITY, status(), wall_time,
        clock_trusted=True, buses={}, invalid_frames={}, outbox_depth=0, storage_ok=True, shadow=shadow,
    )  # fmt: skip
    payload = wire.encode(event)
    assert wire.parse_event(payload) == event
    parsed: dict[str, Any] = json.loads(payload)
    return parsed


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.v1.json").read_text(encoding="utf-8"))


@given(shadows)
def test_every_shadow_survives_the_wire_and_fits_its_schema(shadow: ShadowStatus) -> None:
    jsonschema.Draft7Validator(schema("status")).validate(told(shadow))


def test_a_shadow_says_counts_and_disagreements() -> None:
    counts = {Verdict.AGREED: 5, Verdict.OTHER_KIND: 1, Verdict.ONLY_ACTIVE: 0, Verdict.ONLY_CANDIDATE: 2}
    latest = (Comparison(Verdict.ONLY_CANDIDATE, None, OPENING), Comparison(Verdict.OTHER_KIND, ACTIVE, OPENING))
    shadow = told(ShadowStatus("2-rc1", True, tuple(counts.items()), latest))["data"]["shadow"]
    assert {key: value for key, value in shadow.items() if key != "latest"} == {
        "ruleset": "2-rc1", "running": True, "agreed": 5, "other_kind": 1, "only_active": 0, "only_candidate": 2,
    }  # fmt: skip
    at = "2026-03-14T06:30:07.250000Z"
    assert shadow["latest"] == [
        {"verdict": "only-candidate", "at": at, "kind": None, "candidate_kind": "no-torque", "speed_kph": 88.5},
        {"verdict": "other-kind", "at": at, "kind": "engine-stopped", "candidate_kind": "no-torque", "speed_kph": 88.5},
    ]


def test_a_candidate_that_never_began_has_counted_nothing() -> None:
    shadow = told(ShadowStatus("2-rc1", False, (), ()))["data"]["shadow"]
    assert (shadow["running"], shadow["agreed"], shadow["only_active"], shadow["latest"]) == (False, 0, 0, [])


def test_no_candidate_is_null() -> None:
    assert told(None)["data"]["shadow"] is None


def test_alert_and_status_carry_the_ruleset() -> None:
    who = replace(IDENTITY, ruleset="1+3f2a9c01")
    assert incident_event(who, report(), wall_time, clock_trusted=True).data.ruleset == "1+3f2a9c01"
    assert told(None)["data"]["ruleset"] == IDENTITY.ruleset


@pytest.mark.parametrize("name", ["incident", "status"])
def test_an_older_car_that_says_nothing_of_rules_is_still_understood(name: str) -> None:
    whole = json.loads(wire.encode(incident_event(IDENTITY, report(), wall_time, clock_trusted=True)))
    whole = whole if name == "incident" else told(None)
    for key in ("ruleset", "shadow"):
        whole["data"].pop(key, None)
    event = wire.parse_event(json.dumps(whole).encode())
    assert isinstance(event, wire.IncidentEvent | wire.StatusEvent)
    assert event.data.ruleset == ""
    jsonschema.Draft7Validator(schema(name)).validate(whole)
