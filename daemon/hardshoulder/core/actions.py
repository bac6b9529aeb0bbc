"""What the core can ask the edges to do, and in which order they have to do it."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal

from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import Value


class State(Enum):
    """Where the car is on the way from parked to broken down and back."""

    PARKED = "parked"
    DRIVING = "driving"
    SUSPECT = "suspect"
    ROLLING = "rolling"
    STRANDED = "stranded"
    RECOVERED = "recovered"
    DRIVING_ON = "driving-on"
    CLOSED = "closed"


class Finding(Enum):
    """One rule holding. The order says which one names the incident when several do."""

    CRASH = "crash"
    SWITCHED_OFF = "switched-off"
    POWER_LOST = "power-lost"
    CONTACTORS_OPEN = "contactors-open"
    ENGINE_STOPPED = "engine-stopped"
    DRIVE_NOT_READY = "drive-not-ready"
    NO_TORQUE = "no-torque"
    BUS_SILENT = "bus-silent"
    DRIVE_SILENT = "drive-silent"
    SUPPLY_COLLAPSED = "supply-collapsed"
    NO_DRIVE = "no-drive"
    STALLED = "stalled"
    STOP_NOW = "stop-now"
    LIMP_HOME = "limp-home"
    MALFUNCTION = "malfunction"


class HazardState(Enum):
    """What we know of the hazard lights.

    OFF: not asked for. REQUESTED: asked for, not yet seen. CONFIRMED: seen to flash.
    UNCONFIRMED: asked for and not seen in time. REFUSED: the permit let nothing out.
    UNAVAILABLE: this car takes no command. DRIVERS: flashing before we asked. RELEASED: asked
    off again.
    """

    OFF = "off"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    DRIVERS = "drivers"
    RELEASED = "released"


class Notice(Enum):
    """What the driver is told; the words are in `hardshoulder/texts`."""

    HAZARDS_ON = "hazards-on"
    HAZARD_BUTTON = "hazard-button"
    STOPPED = "stopped"
    HELP_ASKED = "help-asked"
    RECOVERED = "recovered"


class Health(Enum):
    """How much the daemon can see: all it needs, less than that, or nothing to judge by.

    RESTING: a workshop's tester is on the bus, so nothing is judged.
    """

    WATCHING = "watching"
    DEGRADED = "degraded"
    BLIND = "blind"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A finding and the reading that started it. at_s: when the reading came."""

    finding: Finding
    signal: str
    value: Value
    at_s: float


@dataclass(frozen=True, slots=True)
class Location:
    """WGS 84 degrees, and the age of the fix when it was taken.

    accuracy_m: None where nobody says. source: the car's bus, or a receiver of our own.
    """

    latitude: float
    longitude: float
    heading: float | None
    age_s: float
    accuracy_m: float | None = None
    source: Literal["bus", "gnss"] = "bus"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an incident's timeline."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands. sequence: of the last report that went out; 0 before the first."""

    incident_id: str
    sequence: int
    kind: Finding
    state: State
    hazards: HazardState
    suspected_at_s: float
    opened_at_s: float
    hazards_requested_at_s: float | None
    stopped_at_s: float | None
    closed_at_s: float | None
    speed_kph_at_open: float | None
    evidence: tuple[Evidence, ...]
    location: Location | None
    timeline: tuple[Entry, ...]
    cause: int
    sub_cause: int


class Use(Enum):
    """What a frame that is sent is for; each has a lease of its own at the permit."""

    HAZARDS = "hazards"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True)
class Transmit:
    """Put this frame on the bus, if the permit lets it pass."""

    frame: Frame
    use: Use = Use.HAZARDS


@dataclass(frozen=True, slots=True)
class Lease:
    """The permit may be open until then (infinity: until told otherwise). holder: the incident it is for."""

    until_s: float
    holder: str
    use: Use = Use.HAZARDS


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the driver."""

    notice: Notice
    at_s: float


@dataclass(frozen=True, slots=True)
class Window:
    """What the car said before an incident: for each signal a value every `step_s`, None where it was not fresh.

    begins_at_s: of the first value of each.
    """

    begins_at_s: float
    step_s: float
    signals: tuple[tuple[str, tuple[Value | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """What an edge keeps of an incident: raw frames under this name, from before it until some time after."""

    name: str
    begins_at_s: float
    ends_at_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """The incident changed: the fleet has to know.

    window: in the first report of an incident alone. Left to the edges: recording; run, of the daemon that numbered it
    ("": nobody knows); dated, False where its times come from another boot and nobody knows the wall clock of then.
    """

    incident: Incident
    at_s: float
    window: Window | None = None
    recording: Recording | None = None
    run: str = ""
    dated: bool = True


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """The car's state or the daemon's sight changed."""

    state: State
    health: Health
    missing: tuple[str, ...]
    speed_kph: float | None
    at_s: float


Action = Transmit | Lease | Notify | Report | ReportStatus


class Severity(IntEnum):
    """Lower goes first: nothing stands between a decision and the lamps."""

    LAMPS = 0
    DRIVER = 1
    FLEET = 2
    STATUS = 3


_SEVERITY: dict[type, Severity] = {
    Lease: Severity.LAMPS,
    Transmit: Severity.LAMPS,
    Notify: Severity.DRIVER,
    Report: Severity.FLEET,
    ReportStatus: Severity.STATUS,
}


def by_severity(actions: list[Action]) -> list[Action]:
    """The actions in the order in which they have to be performed (stable)."""
    return sorted(actions, key=_severity)


def _severity(action: Action) -> Severity:
    # A lease for the display comes with those for the lamps: what shows that lamps were refused needs it at once.
    display = isinstance(action, Transmit) and action.use is Use.DISPLAY
    return Severity.DRIVER if display else _SEVERITY[type(action)]


def latest_frames(actions: list[Action]) -> list[Action]:
    """The actions with the newest frame of each use alone.

    A loop that was held up hands over all frames that fell due meanwhile. The permit lets one of them pass; it should
    be the newest, so that the counter of the next one follows it and no receiver takes the series for broken.
    """
    newest = {action.use: place for place, action in enumerate(actions) if isinstance(action, Transmit)}
    return [
        action
        for place, action in enumerate(actions)
        if not isinstance(action, Transmit) or newest[action.use] == place
    ]
