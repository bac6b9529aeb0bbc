"""The contract: what the car publishes, what it hears, and on which topics.

Every message is a CloudEvents 1.0 event in JSON, structured mode. What the car sends is strict
and knows no other field. What either side receives may carry fields it does not know, so that
cars and fleets can be updated in any order. docs/asyncapi.yaml is made from this module; the
car's values become events in `hardshoulder.events`.
"""

import re
import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hardshoulder.core.actions import Finding, HazardState, Health, State
from hardshoulder.wire_parts import (
    CoarseLocationData,
    Count,
    PowerData,
    Sent,
    ShadowData,
    Time,
)

INCIDENT_TYPE: Literal["org.hardshoulder.incident.v1"] = "org.hardshoulder.incident.v1"
STATUS_TYPE: Literal["org.hardshoulder.status.v1"] = "org.hardshoulder.status.v1"
PRESENCE_TYPE: Literal["org.hardshoulder.presence.v1"] = "org.hardshoulder.presence.v1"
ACK_TYPE: Literal["org.hardshoulder.ack.v1"] = "org.hardshoulder.ack.v1"

CONTENT_TYPE = "application/cloudevents+json"
"""The MQTT 5 content type of every message."""

ACK_LIMIT_BYTES = 64 * 1024
EVENT_LIMIT_BYTES = 256 * 1024

_REASON_CHARACTERS = 320

_VEHICLE = r"[A-Za-z0-9_-]{1,64}"
_LEAF = r"[a-z0-9-]{1,32}(/[a-z0-9-]{1,32}){0,2}"

# An id becomes one step of a page's address and a word of a log line: it holds nothing that a path, a shell or a line
# reads otherwise, and it is neither `.` nor `..`.
_ID = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}"


class WireError(ValueError):
    """A message or a name that the contract does not allow; the text is one sentence."""


Vehicle = Annotated[str, Field(pattern=f"^{_VEHICLE}$")]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Id = Annotated[str, Field(pattern=f"^{_ID}$")]
"""What names an incident or an event: our cars draw UUIDs."""


class _Received(BaseModel):
    """What the car receives: a newer fleet may say more than this car understands."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class CauseData(Sent):
    """A cause as road authorities know it: ETSI EN 302 637-3 (DENM), codes of TS 102 894-2."""

    code: Annotated[int, Field(ge=0, le=255)]
    name: str
    sub_code: Annotated[int, Field(ge=0, le=255)]
    sub_name: str


class EvidenceData(Sent):
    """A rule that holds and the reading that started it; `sentence` says it in words."""

    finding: Finding
    signal: str
    value: bool | float | str
    at: Time
    sentence: str


class LocationData(Sent):
    """WGS 84 degrees; `age_s` says how old the fix was when it was taken.

    `accuracy_m`: the radius in which the car is with two chances in three, null where nobody says. `source`: the car's
    bus, or a receiver (GNSS) of the module's own; null from a car older than this field.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    heading: float | None
    age_s: float
    accuracy_m: float | None = None
    source: Literal["bus", "gnss"] | None = None


class EntryData(Sent):
    """One line of the timeline."""

    at: Time
    what: str


WINDOW_SIGNALS = 64
WINDOW_VALUES = 128
"""The most that an evidence window may hold: signals, and values of each."""

_WindowValues = Annotated[tuple[bool | float | str | None, ...], Field(max_length=WINDOW_VALUES)]


class WindowData(Sent):
    """What the car said before the incident: of each mapped signal a value every `step_s` from `begins_at` on.

    null where the signal was not fresh. A signal that said nothing in that time is left out. Numbers have six digits.
    """

    begins_at: Time
    step_s: Annotated[float, Field(gt=0)]
    signals: Annotated[dict[Name, _WindowValues], Field(max_length=WINDOW_SIGNALS)]


class RecordingData(Sent):
    """Raw frames that the car keeps of the incident, and stay there; `ends_at` moves on when it breaks down anew."""

    name: Name
    begins_at: Time
    ends_at: Time


class IncidentData(Sent):
    """The whole incident as it stands; of one incident the highest sequence number counts.

    `clock_trusted` is false while the car's wall clock had not been set by a time source: the
    distances between the times are right even then, the times themselves may not be. `clock_corrected_by_s` says
    that they were not, and that the car has moved them by so many seconds when its clock was set; the id is the same,
    so a fleet that has the event from before takes its times from this one.
    `hazard_button` says where the driver finds the button, in the car's language. `ruleset` names the
    thresholds and switches that were at work; a car that is older than this field leaves it out.
    `evidence_window` is the one thing that the next event does not tell again: the first of an incident alone carries
    it. `recording` is null where the car records nothing.
    """

    schema_version: Literal[1]
    vehicle: Vehicle
    incident_id: Id
    sequence: Count
    kind: Finding
    cause: CauseData
    state: State
    mode: Literal["monitor", "armed"]
    hazards: HazardState
    clock_trusted: bool
    suspected_at: Time
    opened_at: Time
    hazards_requested_at: Time | None
    stopped_at: Time | None
    closed_at: Time | None
    speed_kph_at_open: float | None
    evidence: tuple[EvidenceData, ...]
    location: LocationData | None
    timeline: tuple[EntryData, ...]
    hazard_button: str
    profile: str
    profile_digest: str
    software: str
    ruleset: str = ""
    evidence_window: WindowData | None = None
    recording: RecordingData | None = None
    clock_corrected_by_s: float | None = None


class StatusData(Sent):
    """What the car does and how much the daemon sees; retained, the newest counts.

    `shadow` is null where no candidate ruleset is configured. `bus_errors` counts what CAN controllers reported since
    the daemon started, as `bus.kind` (bus-off, error-passive, ack, …); a car older than this field leaves it out.
    `coarse_location` is there only where the driver agreed to it, for a car that falls silent.
    """

    schema_version: Literal[1]
    vehicle: Vehicle
    state: State
    mode: Literal["monitor", "armed"]
    health: Health
    missing: tuple[str, ...]
    speed_kph: float | None
    clock_trusted: bool
    buses: dict[str, Literal["up", "down"]]
    invalid_frames: dict[str, Count]
    outbox_depth: Count
    storage_ok: bool
    profile: str
    profile_digest: str
    software: str
    ruleset: str = ""
    shadow: ShadowData | None = None
    bus_errors: dict[str, Count] = Field(default_factory=dict)
    power: PowerData | None = None
    coarse_location: CoarseLocationData | None = None


class PresenceData(Sent):
    """Whether the car is connected; the broker itself says `false` when the line breaks.

    `connection` numbers a car's connections upwards. A car with several brokers is gone when its newest connection
    is: the last will of one before may come after the greeting of the next. null from a car older than this field.
    `leaving` says why a car goes that says goodbye: it sleeps, parked; its supply is low; its daemon was stopped. null
    in a last will.
    """

    schema_version: Literal[1]
    vehicle: Vehicle
    online: bool
    connection: Count | None = None
    leaving: Literal["asleep", "low-supply", "stopped"] | None = None


class AckData(_Received):
    """The fleet has this event in its database: the car may forget it."""

    event_id: Id
    incident_id: Id
    sequence: Count


class _Envelope(Sent):
    """The CloudEvents attributes that every event of the car carries."""

    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, Field(pattern=f"^/hardshoulder/{_VEHICLE}$")]
    subject: str
    time: Time
    datacontenttype: Literal["application/json"]
    dataschema: str


class IncidentEvent(_Envelope):
    """An incident was opened or has changed."""

    type: Literal["org.hardshoulder.incident.v1"]
    subject: Id
    data: IncidentData


class StatusEvent(_Envelope):
    """The car's state, or the daemon's sight of it, has changed."""

    type: Literal["org.hardshoulder.status.v1"]
    subject: Vehicle
    data: StatusData


class PresenceEvent(_Envelope):
    """The car has come or gone; sent as a last will it carries the time of the connection."""

    type: Literal["org.hardshoulder.presence.v1"]
    subject: Vehicle
    data: PresenceData


class AckEvent(_Received):
    """The fleet's acknowledgement, sent after its commit and again for every duplicate."""

    specversion: Literal["1.0"]
    id: Name
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    type: Literal["org.hardshoulder.ack.v1"]
    subject: str | None = None
    time: Time | None = None
    datacontenttype: str | None = "application/json"
    dataschema: str | None = None
    data: AckData


Event = IncidentEvent | StatusEvent | PresenceEvent

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def topic(vehicle: str, leaf: str) -> str:
    """The topic of one car, for example `hardshoulder/v1/car-7/incident`.

    leaf: `incident`, `status`, `presence`, `ack`, `command/<name>` or `command/<name>/result`.
    Raises WireError for anything that could reach another topic, such as a wildcard.
    """
    if not re.fullmatch(_VEHICLE, vehicle):
        raise WireError(f"The vehicle id {vehicle!r} is not made of 1 to 64 letters, digits, '_' and '-'.")
    if not re.fullmatch(_LEAF, leaf):
        raise WireError(f"{leaf!r} is not the end of a topic.")
    return f"hardshoulder/v1/{vehicle}/{leaf}"


def schema_id(event_type: str) -> str:
    """The identifier of a type's schema: `urn:hardshoulder:schema:incident:v1`."""
    return "urn:hardshoulder:schema:" + event_type.removeprefix("org.hardshoulder.").replace(".", ":")


def new_event_id() -> str:
    """An identifier that no other event carries."""
    return str(uuid.uuid4())


def report_id(incident_id: str, sequence: int, run: str) -> str:
    """The identifier of a report, always the same for the same one: told again, it is known to be that.

    run: of the daemon. Another one may have numbered another report alike, where the disk kept neither.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{incident_id} {sequence} {run}"))


def encode(event: Event | AckEvent) -> bytes:
    """The event as it goes over the wire."""
    return event.model_dump_json().encode()


def ack_event(event: IncidentEvent, source: str, at: datetime) -> AckEvent:
    """The acknowledgement of an event, for the fleet to publish. at: with a time zone."""
    return AckEvent(
        specversion="1.0",
        id=new_event_id(),
        source=source,
        type=ACK_TYPE,
        subject=event.data.incident_id,
        time=at,
        dataschema=schema_id(ACK_TYPE),
        data=AckData(event_id=event.id, incident_id=event.data.incident_id, sequence=event.data.sequence),
    )


def parse_ack(payload: bytes) -> AckData:
    """What an acknowledgement says. Raises WireError for anything else."""
    _refuse_large(payload, "acknowledgement", ACK_LIMIT_BYTES)
    try:
        return AckEvent.model_validate_json(payload).data
    except ValidationError as error:
        raise WireError(f"The acknowledgement cannot be read: {_reason(error)}.") from None


def parse_event(payload: bytes) -> Event:
    """An event of a car, of this version or a newer one. Raises WireError for anything else."""
    _refuse_large(payload, "event", EVENT_LIMIT_BYTES)
    try:
        return _EVENT.validate_json(payload, extra="ignore")
    except ValidationError as error:
        raise WireError(f"The event cannot be read: {_reason(error)}.") from None


def _refuse_large(payload: bytes, what: str, limit_bytes: int) -> None:
    if len(payload) > limit_bytes:
        raise WireError(f"The {what} has {len(payload)} bytes, and {limit_bytes} are the limit.")


def _reason(error: ValidationError) -> str:
    """The first thing that is wrong, and where, in one line: place and message may repeat what the sender wrote."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    said = f"{place}: {first['msg']}" if place else first["msg"]
    short = said if len(said) <= _REASON_CHARACTERS else said[: _REASON_CHARACTERS - 1] + "…"
    return "".join(character if character.isprintable() else " " for character in short)
