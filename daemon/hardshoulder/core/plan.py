"""What the core has to know about one car: the compiled form of a profile and its DBC.

Made by `hardshoulder.compile`, kept as JSON by `hardshoulder.plan_cache`, trusted by the core.
"""

from dataclasses import dataclass
from enum import Enum

from hardshoulder.core.vocabulary import Propulsion, Value, Vss


class FieldKind(Enum):
    """How the bits of a field are read."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Field:
    """A bit field inside a payload, in the DBC's own counting.

    start: for little endian the least significant bit, for big endian the most significant
    one, both numbered byte * 8 + bit as in a DBC file.
    length: bits; 16, 32 or 64 for a float.
    """

    start: int
    length: int
    little_endian: bool
    kind: FieldKind = FieldKind.UNSIGNED


@dataclass(frozen=True, slots=True)
class Multiplex:
    """A signal is present only while `selector` holds one of `values` (raw)."""

    selector: Field
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """How one VSS signal is read from a payload.

    value = raw * scale + offset, in the VSS unit; or `values` maps raw to a word or a truth.
    raw_values in `not_available`, and results outside minimum..maximum, update nothing.
    stale_after_s: age at which the last value is no longer believed.
    """

    vss: Vss
    field: Field
    scale: float
    offset: float
    minimum: float | None
    maximum: float | None
    not_available: tuple[int, ...]
    values: tuple[tuple[int, bool | str], ...]
    multiplex: tuple[Multiplex, ...]
    cycle_s: float
    stale_after_s: float


class ChecksumKind(Enum):
    """The checksums we can check and write; `core.protection` defines each."""

    CRC8_SAE_J1850 = "crc8-sae-j1850"
    CRC8_H2F = "crc8-h2f"
    SUM8 = "sum8"
    SUM8_WITH_ID = "sum8-with-id"
    SUM8_FIELDS_INVERTED = "sum8-fields-inverted"
    XOR8 = "xor8"


@dataclass(frozen=True, slots=True)
class Counter:
    """An alive counter that grows by one with every frame, modulo `modulo`.

    max_step: how many frames may be missing in a row, plus one, before the count is out of sequence.
    """

    field: Field
    modulo: int
    max_step: int = 3


@dataclass(frozen=True, slots=True)
class Checksum:
    """covers: for `sum8-fields-inverted` the fields that are added up; empty for the others."""

    field: Field
    kind: ChecksumKind
    data_id: int | None = None
    covers: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class MessagePlan:
    """One message the car sends: where it is, how it is protected, what is read from it."""

    name: str
    bus: str
    can_id: int
    length: int
    cycle_s: float
    counter: Counter | None
    checksum: Checksum | None
    signals: tuple[SignalPlan, ...]


class CommandStyle(Enum):
    """How a body controller wants to be asked.

    LEVEL: `on` is repeated for as long as the hazards shall flash, then `off` three times.
    PULSE: `on` for `pulse_frames` frames, at the end `off` three times; a second `on` changes nothing.
    TOGGLE: `on` for `pulse_frames` frames flips the lamps, so it is never repeated blindly; at the
    end it is sent once more, and only while the lamps are seen to flash.
    """

    LEVEL = "level"
    PULSE = "pulse"
    TOGGLE = "toggle"


@dataclass(frozen=True, slots=True)
class HazardCommand:
    """Every bit of the frame that asks for the hazard lights.

    on, off: whole payloads with counter and checksum bits zero.
    masks_indicators: the indicators cannot be seen while the hazards flash.
    """

    bus: str
    can_id: int
    on: bytes
    off: bytes
    style: CommandStyle
    period_s: float
    pulse_frames: int
    counter: Counter | None
    checksum: Checksum | None
    masks_indicators: bool = False


class Release(Enum):
    """When the hazards are let go, unless the driver ends them before.

    DRIVE_ON: when the car has driven on under its own power for a while. DRIVE_RETURNS: as soon as its drive answers
    again. CLOSED: with the incident.
    """

    DRIVE_ON = "drive-on"
    DRIVE_RETURNS = "drive-returns"
    CLOSED = "closed"


class Readback(Enum):
    """How we see that the lamps flash: a status bit, the two lamps, or not at all."""

    STATUS = "status"
    LAMPS = "lamps"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HazardPlan:
    """How hazards are asked for (None: they cannot be), seen and let go."""

    command: HazardCommand | None
    readback: Readback
    until: Release = Release.DRIVE_ON


@dataclass(frozen=True, slots=True)
class DisplayPlan:
    """The frame that shows the driver a notice.

    payloads: by the name of the text (`hardshoulder.core.notices`), with counter and checksum bits zero; clear: none.
    """

    bus: str
    can_id: int
    period_s: float
    clear: bytes
    payloads: tuple[tuple[str, bytes], ...]
    counter: Counter | None
    checksum: Checksum | None


@dataclass(frozen=True, slots=True)
class VinPart:
    """Characters of the VIN in a message, eight bits each, the first in the field's highest byte."""

    bus: str
    can_id: int
    length: int
    field: Field
    multiplex: tuple[Multiplex, ...]


@dataclass(frozen=True, slots=True)
class VinPlan:
    """Where the car says its VIN, and the regular expression that one of this profile's cars fits."""

    parts: tuple[VinPart, ...]
    pattern: str


class Side(Enum):
    """A side of the car."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Traits:
    """What this car does that looks like a breakdown and is none.

    start_stop_below_kph: up to this speed the engine may stop by itself (0: never).
    coasts_engine_off: the engine may stop at any speed while coasting.
    """

    start_stop_below_kph: float = 0.0
    coasts_engine_off: bool = False


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers the rules use; docs/DETECTION.md gives the reason of each.

    Units stand in the names: km/h, seconds, rpm, volt, percent.
    """

    alert_above_kph: float = 15.0
    arm_above_kph: float = 8.0
    arm_after_s: float = 1.0
    standstill_below_kph: float = 2.0
    engine_stopped_below_rpm: float = 400.0
    engine_stopped_hold_s: float = 0.3
    power_lost_hold_s: float = 0.6
    contactors_open_hold_s: float = 0.2
    drive_not_ready_hold_s: float = 0.3
    drive_silent_after_s: float = 3.0
    bus_silent_after_s: float = 1.0
    supply_collapsed_below_v: float = 9.0
    supply_collapsed_hold_s: float = 0.7
    no_drive_pedal_percent: float = 25.0
    no_drive_hold_s: float = 2.0
    no_drive_loss_kph: float = 4.0
    pedal_hangs_after_s: float = 2.5
    no_torque_below_nm: float = 20.0
    no_torque_hold_s: float = 0.7
    no_torque_loss_kph: float = 0.5
    stop_now_hold_s: float = 1.0
    limp_home_hold_s: float = 0.5
    malfunction_counts_for_s: float = 10.0
    stalled_after_s: float = 20.0
    settled_after_s: float = 0.3
    motion_doubted_after_s: float = 1.5
    crash_hold_s: float = 0.0
    clear_after_s: float = 1.0
    recovered_after_s: float = 2.0
    drove_on_after_s: float = 10.0
    closed_after_s: float = 60.0
    parked_after_s: float = 5.0
    confirm_status_within_s: float = 0.5
    confirm_lamps_within_s: float = 2.5


@dataclass(frozen=True, slots=True)
class CarPlan:
    """Everything the core knows about one car.

    profile: the profile's name; digest: SHA-256 (hex) of profile and DBC bytes.
    buses: the profile's bus names, in its order.
    hazard_button: where the driver finds the button, in the configured language.
    dropped: what the DBC could not give and nobody needed, for `check` to print.
    workshop: (bus, id) of the frames with which a tester asks control units.
    switched_off: names of the findings that are not looked for.
    ruleset: the version of thresholds and switches, carried by every alert.
    get_out: the side away from traffic. display, vin: None where the profile has none.
    """

    profile: str
    digest: str
    propulsion: Propulsion
    traits: Traits
    thresholds: Thresholds
    buses: tuple[str, ...]
    messages: tuple[MessagePlan, ...]
    hazard: HazardPlan
    hazard_button: str
    dropped: tuple[str, ...] = ()
    workshop: tuple[tuple[str, int], ...] = ()
    switched_off: tuple[str, ...] = ()
    ruleset: str = "1"
    get_out: Side = Side.RIGHT
    display: DisplayPlan | None = None
    vin: VinPlan | None = None


def as_text(value: Value) -> str:
    """A value as a person reads it: `true`, `OFF`, `431.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:g}"
