"""The settings of the daemon as frozen values; light to import, because the car is watched first."""

from dataclasses import dataclass, field
from pathlib import Path

from hardshoulder.core.power import PowerLimits

STATUS_SOCKET = "status.sock"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: what every event says about the car and the daemon in it.

    vehicle: 1 to 64 of letters, digits, `_` and `-`; it becomes a part of every topic.
    profile, profile_digest: the vehicle profile's name and its SHA-256 (hex).
    software: the daemon's version.
    armed: False while the daemon only monitors and switches nothing.
    hazard_button: where the driver finds the button, in the configured language.
    ruleset: the version of thresholds and switches at work.
    """

    vehicle: str
    profile: str
    profile_digest: str
    software: str
    armed: bool
    hazard_button: str
    ruleset: str


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where another broker is."""

    host: str
    port: int = 1883


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """How the broker is reached.

    password_file: a file that holds the password, so that it stands in no configuration.
    ca_file: the authorities that may vouch for the broker; the connection is encrypted when this
    or `cert_file` is given, and with `cert_file` alone the system's own authorities are trusted.
    cert_file, key_file: the car's certificate, where the broker asks for one.
    client_id: None stands for `hardshoulder-<vehicle>`.
    resend_after_s: when an event is published again that the fleet has not acknowledged.
    fallbacks: tried in this order when the first broker fails. answer_within_s: how long one may be silent then.
    return_after_s: how often those before the one in use are tried.
    """

    host: str
    port: int = 1883
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_id: str | None = None
    keepalive_s: int = 30
    resend_after_s: float = 10.0
    fallbacks: tuple[BrokerAddress, ...] = ()
    answer_within_s: float = 10.0
    return_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where events wait for the fleet, and how many of them may."""

    folder: Path
    max_events: int = 10_000


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """How much of the raw frames around an incident is kept, in the folder of `StorageSettings`.

    memory_mb: what the ring before an incident may take. max_mb: what all recordings together may take on the disk.
    keep_days: how long a recording is kept; 0 for as long as there is room.
    """

    enabled: bool = True
    before_s: float = 30.0
    after_s: float = 60.0
    memory_mb: int = 8
    max_mb: int = 256
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class LocationSettings:
    """A GNSS receiver of the module's own, and what is told of the place without an incident.

    port: its serial port; None: there is none. coarse_in_status: the driver agreed that `status` tells the place to a
    kilometre.
    """

    port: str | None = None
    baud: int = 9600
    coarse_in_status: bool = False


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """How the module spares the car's battery; `limits` as the core takes them.

    supply_file, ignition_file: files of the system (sysfs) that say the permanent supply and the ignition, where no bus
    does; a number times supply_scale is volts, and 0 is off. None: the signals of the profile alone.
    """

    limits: PowerLimits = field(default_factory=PowerLimits)
    supply_file: Path | None = None
    supply_scale: float = 1.0
    ignition_file: Path | None = None


@dataclass(frozen=True, slots=True)
class BusSettings:
    """Where one of the profile's buses is. bitrate: bit/s, for adapters that set it."""

    name: str
    url: str
    bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's configuration, checked.

    armed: whether anything may be sent on CAN at all.
    mqtt: None where alerts have nowhere to go.
    notice_command: a program that shows or speaks a notice, given the text as last argument.
    status_socket: where the daemon can be asked how it does; None: beside the storage.
    clock_by_date_alone: the module's clock runs on a battery; a date that can be is right.
    """

    vehicle: str
    armed: bool
    language: str
    buses: tuple[BusSettings, ...]
    mqtt: MqttSettings | None
    storage: StorageSettings
    notice_command: tuple[str, ...] = ()
    recorder: RecorderSettings = RecorderSettings()
    status_socket: Path | None = None
    clock_by_date_alone: bool = False
    power: PowerSettings = PowerSettings()
    location: LocationSettings = LocationSettings()

    @property
    def asked_at(self) -> Path:
        """The socket at which `hardshoulder status` asks."""
        return self.status_socket or self.storage.folder / STATUS_SOCKET
