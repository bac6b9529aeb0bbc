"""fleet.toml as it is written: strict, every problem at once, one line each.

docs/schemas/fleet.json is generated from these models.
"""

import ipaddress
import os
import re
import secrets
import tomllib
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

SECRET_BYTES_MIN = 16
EMERGENCY_NUMBER = "112"
"""What reaches ambulance, fire brigade and police in Europe and on most mobile phones elsewhere."""

_Port = Annotated[int, Field(ge=1, le=65535)]


def _without_nul(text: str) -> str:
    """Raises ValueError for the character NUL: no path, host or name has it, and no call takes it."""
    if "\0" in text:
        raise ValueError("holds the character NUL; remove it")
    return text


_Plain = Annotated[str, AfterValidator(_without_nul)]
_Text = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]


class ConfigError(Exception):
    """Bad input. `problems` holds one finished sentence each: file, key, what is wrong, what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Strict(BaseModel):
    """Nothing is converted, nothing unknown is let through, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


_URL = r"^https?://[^\s/?#][^\s?#]*$"


def _checked_url(url: str) -> str:
    """Raises ValueError for anything but the address of a place on the web."""
    _without_nul(url)
    try:
        parts = urlsplit(url)
        complete = parts.hostname and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        complete = False
    if not complete or not re.fullmatch(_URL, url):
        raise ValueError("expected an address like https://fleet.example")
    return url.rstrip("/")


# The pattern is for editors; here our own words say what is wrong.
_Url = Annotated[str, Field(json_schema_extra={"pattern": _URL}), AfterValidator(_checked_url)]


_ZONE = r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$"


def _known_zone(name: str) -> str:
    """Raises ValueError for a time zone that this machine does not know."""
    if not re.fullmatch(_ZONE, name):
        raise ValueError("expected the name of a time zone, such as Europe/Berlin")
    try:
        zone_of(name)
    except (KeyError, OSError, ValueError):  # no such zone, a part of the world, a file that is none
        raise ValueError(f"{name} is no time zone here; correct it, or install the package tzdata") from None
    return name


_Zone = Annotated[str, Field(json_schema_extra={"pattern": _ZONE}), AfterValidator(_known_zone)]


def zone_of(name: str) -> tzinfo:
    """The time zone of this name. Raises KeyError, OSError or ValueError; never for UTC, which needs no data."""
    return UTC if name == "UTC" else ZoneInfo(name)


class ListenKeys(_Strict):
    """Where the pages are served."""

    host: _Text = "127.0.0.1"
    port: _Port = 8080

    def is_loopback(self) -> bool:
        """Whether only this machine can come in."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class MqttKeys(_Strict):
    """The broker."""

    host: _Text
    port: _Port = 1883
    username: _Plain | None = None
    password_file: _Plain | None = None
    ca_file: _Plain | None = None
    cert_file: _Plain | None = None
    key_file: _Plain | None = None
    client_id: _Text = "hardshoulder-fleet"


class NotifyKeys(_Strict):
    """The channels that bring the driver her link: addresses as Apprise writes them."""

    urls: Annotated[list[_Text], Field(min_length=1, max_length=20)]


class ProviderKeys(_Strict):
    """Who is asked for tows. callback_url: where the provider reaches us, when not below base_url."""

    url: _Url
    webhook_secret_file: _Text
    callback_url: _Url | None = None
    timeout_s: Annotated[float, Field(ge=0.1, le=10)] = 5.0


class LostContactKeys(_Strict):
    """When the driver of a car that fell silent on the road is asked."""

    grace_s: Annotated[float, Field(ge=1, le=3600)] = 180.0
    above_kph: Annotated[float, Field(ge=0, le=100)] = 15.0
    at_once: Annotated[int, Field(ge=1, le=10_000)] = 10


class Config(_Strict):
    """fleet.toml, format 1. Paths are relative to the file."""

    format: Literal[1]
    base_url: _Url
    database: _Text = "fleet.sqlite3"
    secret_file: _Text = "links.secret"
    operator_token_file: _Plain | None = None
    answer_within_s: Annotated[float, Field(ge=1, le=3600)] = 90.0
    link_valid_h: Annotated[float, Field(gt=0, le=7 * 24)] = 24.0
    emergency_number: Annotated[str, Field(pattern=r"^[0-9]{2,15}$")] = EMERGENCY_NUMBER
    time_zone: _Zone = "UTC"
    listen: ListenKeys = ListenKeys()
    mqtt: MqttKeys
    notify: NotifyKeys
    provider: ProviderKeys
    lost_contact: LostContactKeys = LostContactKeys()

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        # The list shows where people are stranded.
        if self.operator_token_file is None and not self.listen.is_loopback():
            raise ValueError(f"operator_token_file: needed when others can reach {self.listen.host}; name a file")
        return self


def load_config(path: Path) -> Config:
    """The checked file. Raises ConfigError."""
    try:
        return Config.model_validate(tomllib.loads(_read_text(path)))
    except ValidationError as error:
        raise ConfigError(
            *(f"{path}: {_line(one['loc'], one['type'], one['msg'])}" for one in error.errors())
        ) from None
    except (ValueError, RecursionError) as error:  # tomllib lets the limits of int() and of the stack through
        raise ConfigError(f"{path}: not valid TOML: {error}; correct it") from None


def beside(config: Path, name: str) -> Path:
    """A path in a configuration file is relative to that file."""
    return config.resolve().parent / name


def read_secret(path: Path) -> bytes:
    """The secret in this file, without the white space around it. Raises ConfigError."""
    secret = _read_text(path).strip().encode()
    if len(secret) < SECRET_BYTES_MIN:
        raise ConfigError(
            f"{path}: a secret has at least {SECRET_BYTES_MIN} bytes, this one {len(secret)}; make a longer one"
        )
    return secret


def read_or_make_secret(path: Path) -> bytes:
    """The same, but a file that is missing is made, readable for its owner alone. Raises ConfigError.

    Nobody else has to know what signs the links. Whoever loses the file makes the links sent so
    far invalid, and nothing worse.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return read_secret(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be made: {error.strerror}; check the folder and its permissions") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return read_secret(path)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None


_REMEDIES = {
    "extra_forbidden": "unknown key; remove it or correct its spelling",
    "missing": "required and not there; add it",
}


def _line(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """`notify.urls[0]: …`: the place as one would write it in TOML, and what to do about it."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    said = _REMEDIES.get(kind, message.removeprefix("Value error, "))
    return f"{key}: {said}" if key else said
