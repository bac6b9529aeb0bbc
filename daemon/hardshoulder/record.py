"""The record of a commissioning: that a person has seen this car's hazards flash under this very profile.

It lies beside the configuration, and not in the storage folder: a disk that is missing must not disarm the car.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from hardshoulder.errors import UserError
from hardshoulder.plan_cache import Bundle

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What was found. digest: SHA-256 (hex) of profile and DBC, as in the plan. at: RFC 3339. vin: "" where the car
    says none. seen: whether the car itself told that its lamps flash.
    """

    vehicle: str
    profile: str
    digest: str
    software: str
    at: str
    vin: str
    seen: bool
    format: int = FORMAT


def record_file(config: Path) -> Path:
    """Where the record of this configuration is."""
    return config.resolve().with_suffix(".commissioned.json")


def write_record(config: Path, record: Record) -> Path:
    """Writes the record, whole or not at all. Raises UserError."""
    path = record_file(config)
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(asdict(record), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path}: the record cannot be written: {error.strerror}; make its folder writable") from None
    return path


def withdraw_record(config: Path) -> None:
    """What is tested anew is not known any more. Raises UserError."""
    try:
        record_file(config).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"{record_file(config)}: cannot be removed: {error.strerror}; make its folder writable"
        ) from None


def _unfit(config: Path, bundle: Bundle) -> str | None:
    """Why the record does not let this car be armed; None: it does."""
    path = record_file(config)
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return f"this car was never commissioned (there is no {path})"
    except (OSError, ValueError):
        return f"{path} cannot be read"
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        return f"{path} is no record of format {FORMAT}"
    if raw.get("vehicle") != bundle.settings.vehicle:
        return f"{path} is the record of vehicle {raw.get('vehicle')}"
    if raw.get("digest") != bundle.plan.digest:
        return f"profile or DBC have changed since the commissioning in {path}"
    return None


def why_not_armed(config: Path, bundle: Bundle) -> str | None:
    """The sentence with which an armed start is refused; None: it may start.

    Monitor sends nothing, and so does a profile without a command: neither needs a record.
    """
    why = _unfit(config, bundle) if bundle.settings.armed and bundle.allowed else None
    if why is None:
        return None
    return (
        f'{config}: mode is "armed", and {why}; run `hardshoulder commission --config {config}` at standstill with a '
        'person in the car, or set mode = "monitor"'
    )
