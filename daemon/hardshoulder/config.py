"""config.toml as it is written, and its way into a bundle.

docs/schemas/config.json is generated from these models.
"""

import tomllib
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field as Key
from pydantic import model_validator

from hardshoulder import __version__
from hardshoulder.candidate import CandidateKeys, candidate_plan, candidate_problems
from hardshoulder.compile import compile_profile
from hardshoulder.core.notices import TEXT_KEYS
from hardshoulder.core.plan import CarPlan, Release, Side
from hardshoulder.core.power import PowerLimits
from hardshoulder.errors import UserError
from hardshoulder.plan_cache import FORMAT, Bundle, Source, sha256_of
from hardshoulder.profile import find_profile, load_profile, shipped_profiles
from hardshoulder.resolve import dbc_paths
from hardshoulder.ruleset import Layer, RuleKeys, ThresholdKeys, threshold_problems
from hardshoulder.sending import allow_list
from hardshoulder.settings import (
    BrokerAddress,
    BusSettings,
    LocationSettings,
    MqttSettings,
    PowerSettings,
    RecorderSettings,
    Settings,
    StorageSettings,
)
from hardshoulder.toml_file import Problems, Strict, load, read_text

TEXTS = Path(__file__).parent / "texts"

# What turns files into a bundle: a changed default or a mended compiler makes old bundles untrue too.
COMPILER = tuple(sorted((*Path(__file__).parent.glob("*.py"), *(Path(__file__).parent / "core").glob("*.py"))))
LANGUAGES = tuple(sorted(path.stem for path in TEXTS.glob("*.toml")))


class BusKeys(Strict):
    """Where a bus of the profile is found."""

    name: str
    url: Annotated[str, Key(pattern=r"^[a-z0-9_]+:.+$")]
    bitrate: Annotated[int, Key(ge=10_000, le=1_000_000)] | None = None


class FallbackKeys(Strict):
    """Another broker, with the same user, certificates and times."""

    host: Annotated[str, Key(min_length=1)]
    port: Annotated[int, Key(ge=1, le=65535)] = 1883


class MqttKeys(Strict):
    """The broker, and those that are tried when it fails."""

    host: Annotated[str, Key(min_length=1)]
    port: Annotated[int, Key(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    client_id: str | None = None
    keepalive_s: Annotated[int, Key(ge=5, le=3600)] = 30
    resend_after_s: Annotated[float, Key(ge=1, le=3600)] = 10.0
    fallback: Annotated[list[FallbackKeys], Key(max_length=8)] = []
    answer_within_s: Annotated[float, Key(ge=1, le=60)] = 10.0
    return_after_s: Annotated[float, Key(ge=1, le=3600)] = 60.0


class StorageKeys(Strict):
    """Where unacknowledged alerts are kept."""

    folder: Annotated[str, Key(min_length=1)]
    max_events: Annotated[int, Key(ge=100, le=1_000_000)] = 10_000


class RecorderKeys(Strict):
    """Raw frames around an incident, kept in the car."""

    enabled: bool = True
    before_s: Annotated[float, Key(ge=0, le=600)] = 30.0
    after_s: Annotated[float, Key(ge=1, le=3600)] = 60.0
    memory_mb: Annotated[int, Key(ge=1, le=512)] = 8
    max_mb: Annotated[int, Key(ge=1, le=1_000_000)] = 256
    keep_days: Annotated[int, Key(ge=0, le=3650)] = 30


class NoticeKeys(Strict):
    """A program that shows or speaks notices."""

    command: Annotated[list[str], Key(min_length=1)]


class StatusKeys(Strict):
    """Where the running daemon can be asked. socket: None leaves it beside the storage."""

    socket: Annotated[str, Key(min_length=1)] | None = None


class PowerKeys(Strict):
    """How the module spares the car's battery."""

    sleep_after_s: Annotated[float, Key(ge=0, le=86_400)] = 300.0
    floor_v: Annotated[float, Key(ge=0, le=60)] = 12.0
    radio_after_s: Annotated[float, Key(ge=10, le=86_400)] = 60.0
    hazards_after_s: Annotated[float, Key(ge=10, le=86_400)] = 600.0
    backup_supply: bool = False
    supply_file: str | None = None
    supply_scale: Annotated[float, Key(gt=0, le=1000)] = 1.0
    ignition_file: str | None = None


class LocationKeys(Strict):
    """A GNSS receiver on a serial port, and what is told of the place."""

    port: Annotated[str, Key(min_length=1)] | None = None
    baud: Annotated[int, Key(ge=1200, le=1_000_000)] = 9600
    coarse_in_status: bool = False


class ClockKeys(Strict):
    """When the module's wall clock counts as set."""

    trusted_by: Literal["synchronised", "date"] = "synchronised"


class MarketKeys(Strict):
    """Where the car is driven. hazards_until: None leaves it to the profile."""

    drives_on: Literal["right", "left"] = "right"
    hazards_until: Annotated[Release, Key(strict=False)] | None = None


class Config(Strict):
    """config.toml, format 1."""

    format: Literal[1]
    vehicle: Annotated[str, Key(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    mode: Literal["monitor", "armed"] = "monitor"
    profile: str
    dbc: list[str] = []
    language: str = "en"
    market: MarketKeys = MarketKeys()
    bus: Annotated[list[BusKeys], Key(min_length=1)]
    mqtt: MqttKeys | None = None
    storage: StorageKeys
    recorder: RecorderKeys = RecorderKeys()
    notice: NoticeKeys | None = None
    status: StatusKeys = StatusKeys()
    clock: ClockKeys = ClockKeys()
    power: PowerKeys = PowerKeys()
    location: LocationKeys = LocationKeys()
    thresholds: ThresholdKeys = ThresholdKeys()  # type: ignore[valid-type]
    rules: RuleKeys = RuleKeys()  # type: ignore[valid-type]
    candidate: CandidateKeys | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.language not in LANGUAGES:
            raise Problems([f"language: no texts in {self.language!r}; there is {', '.join(LANGUAGES)}"])
        return self


def _beside(config: Path, name: str | None) -> Path | None:
    """A path in a config file is relative to that file; absolute, because the bundle outlives this process."""
    return None if name is None else config.resolve().parent / name


def _settings(path: Path, config: Config) -> Settings:
    mqtt = config.mqtt
    return Settings(
        vehicle=config.vehicle,
        armed=config.mode == "armed",
        language=config.language,
        buses=tuple(BusSettings(bus.name, bus.url, bus.bitrate) for bus in config.bus),
        mqtt=None if mqtt is None else _mqtt_settings(path, mqtt),
        storage=StorageSettings(path.resolve().parent / config.storage.folder, config.storage.max_events),
        notice_command=tuple(config.notice.command) if config.notice else (),
        status_socket=_beside(path, config.status.socket),
        recorder=RecorderSettings(**config.recorder.model_dump()),
        location=LocationSettings(**config.location.model_dump()),
        power=_power_settings(path, config.power),
        clock_by_date_alone=config.clock.trusted_by == "date",
    )


def _mqtt_settings(path: Path, keys: MqttKeys) -> MqttSettings:
    return MqttSettings(
        host=keys.host,
        port=keys.port,
        username=keys.username,
        password_file=_beside(path, keys.password_file),
        ca_file=_beside(path, keys.ca_file),
        cert_file=_beside(path, keys.cert_file),
        key_file=_beside(path, keys.key_file),
        client_id=keys.client_id,
        keepalive_s=keys.keepalive_s,
        resend_after_s=keys.resend_after_s,
        fallbacks=tuple(BrokerAddress(other.host, other.port) for other in keys.fallback),
        answer_within_s=keys.answer_within_s,
        return_after_s=keys.return_after_s,
    )


def _power_settings(path: Path, keys: PowerKeys) -> PowerSettings:
    limits = PowerLimits(
        sleep_after_s=keys.sleep_after_s or inf,
        floor_v=keys.floor_v,
        radio_after_s=keys.radio_after_s,
        hazards_after_s=keys.hazards_after_s,
        backup_supply=keys.backup_supply,
    )
    supply, ignition = _beside(path, keys.supply_file), _beside(path, keys.ignition_file)
    return PowerSettings(limits, supply, keys.supply_scale, ignition)


def find_status_socket(path: Path) -> Path:
    """Where the daemon of this configuration can be asked. Raises UserError."""
    return _settings(path, load(path, Config)).asked_at


def _bus_problems(path: Path, config: Config, plan: CarPlan) -> list[str]:
    names = [bus.name for bus in config.bus]
    unknown = [name for name in names if name not in plan.buses]
    problems = [
        f"{path}: bus: profile {plan.profile} has no bus {name!r}; it has {', '.join(plan.buses)}" for name in unknown
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    return problems + [f"{path}: bus: {name!r} is configured twice; remove one" for name in twice]


def load_texts(language: str) -> dict[str, str]:
    """The notices in one of `LANGUAGES`, by notice name."""
    texts: dict[str, str] = tomllib.loads(read_text(TEXTS / f"{language}.toml"))
    assert texts.keys() == set(TEXT_KEYS), f"texts/{language}.toml is incomplete"
    return texts


def _in_market(plan: CarPlan, market: MarketKeys) -> CarPlan:
    """The car under the law of its market. Traffic passes a car at the roadside on the other side."""
    until = market.hazards_until or plan.hazard.until
    return replace(plan, get_out=Side(market.drives_on), hazard=replace(plan.hazard, until=until))


def _compared(plan: CarPlan) -> tuple[Path, ...]:
    """The shipped profile of the same name, by which the ruleset is named; it may be the profile itself."""
    shipped = shipped_profiles().get(plan.profile)
    return () if shipped is None else (shipped,)


def make_bundle(path: Path) -> Bundle:
    """Config, profile and DBC compiled. Raises UserError with every problem found."""
    config = load(path, Config)
    profile_path = find_profile(config.profile, path.parent)
    dbc = tuple(path.parent / name for name in config.dbc)
    plan = compile_profile(profile_path, dbc, config.language, Layer(config.thresholds, config.rules))
    plan = _in_market(plan, config.market)
    candidate = None if config.candidate is None else candidate_plan(plan, config.candidate)
    problems = _bus_problems(path, config, plan)
    problems += [f"{path}: {problem}" for problem in threshold_problems(plan.thresholds)]
    problems += [f"{path}: {problem}" for problem in candidate_problems(candidate)] if candidate else []
    if problems:
        raise UserError(*problems)
    texts_file = TEXTS / f"{config.language}.toml"
    dbc_files = dbc_paths(load_profile(profile_path), profile_path, dbc)
    files = (path, profile_path, *_compared(plan), texts_file, *dbc_files, *COMPILER)
    return Bundle(
        format=FORMAT,
        version=__version__,
        sources=tuple(Source(file, sha256_of(file)) for file in dict.fromkeys(file.resolve() for file in files)),
        settings=_settings(path, config),
        plan=plan,
        allowed=allow_list(plan),
        texts=load_texts(config.language),
        candidate=candidate,
    )
