"""What a stored report tells the pages. The contract was kept when it came in; it is not held against it again.

A contract that has become stricter, or a word that this version does not know, must not take the whole
list away from an operator because of one old row.
"""

from pydantic import AwareDatetime, BaseModel, ConfigDict


class _Stored(BaseModel):
    """Of what is in a row only what is shown."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Cause(_Stored):
    """See `hardshoulder.wire.CauseData`."""

    name: str
    sub_name: str


class Evidence(_Stored):
    """See `hardshoulder.wire.EvidenceData`."""

    sentence: str


class Place(_Stored):
    """See `hardshoulder.wire.LocationData`."""

    latitude: float
    longitude: float


class Line(_Stored):
    """See `hardshoulder.wire.EntryData`."""

    at: AwareDatetime
    what: str


class Reported(_Stored):
    """See `hardshoulder.wire.IncidentData`."""

    kind: str
    cause: Cause
    state: str
    hazards: str
    hazard_button: str
    speed_kph_at_open: float | None
    location: Place | None
    evidence: tuple[Evidence, ...]
    timeline: tuple[Line, ...]
    ruleset: str = ""
    last_heard_at: AwareDatetime | None = None


class _Event(_Stored):
    data: Reported


def read_report(payload: str) -> Reported:
    """The incident as this event tells it. payload: as `EventRow` has it."""
    return _Event.model_validate_json(payload).data
