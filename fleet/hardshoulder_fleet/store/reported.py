"""What a stored report tells the pages. The contract was kept when it came in; it is not held against it again.

A contract that has become stricter, or a word that this version does not know, must not take the whole
list away from an operator because of one old row.
"""

from datetime import datetime

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
    age_s: float | None = None
    accuracy_m: float | None = None


class Line(_Stored):
    """See `hardshoulder.wire.EntryData`."""

    at: AwareDatetime
    what: str


class Window(_Stored):
    """See `hardshoulder.wire.WindowData`."""

    begins_at: AwareDatetime
    step_s: float
    signals: dict[str, tuple[bool | float | str | None, ...]]


class Recording(_Stored):
    """See `hardshoulder.wire.RecordingData`."""

    name: str


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
    recording: Recording | None = None
    last_heard_at: AwareDatetime | None = None
    coarse: bool = False
    clock_trusted: bool = True
    clock_corrected_by_s: float | None = None


class _Event(_Stored):
    data: Reported


class _Stamped(_Stored):
    time: AwareDatetime


class _Before(_Stored):
    evidence_window: Window | None = None


class _First(_Stored):
    data: _Before


def read_window(payload: str) -> Window | None:
    """What the car said before the incident; apart from the rest, because a list of incidents does not need it."""
    return _First.model_validate_json(payload).data.evidence_window


def read_stamp(payload: str) -> datetime:
    """When the car says that it happened."""
    return _Stamped.model_validate_json(payload).time


def read_report(payload: str) -> Reported:
    """The incident as this event tells it. payload: as `EventRow` has it."""
    return _Event.model_validate_json(payload).data
