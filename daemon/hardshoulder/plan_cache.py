"""The compiled form of a configuration, kept between starts so that the car is watched sooner.

`hardshoulder compile` (a child process: cantools and pydantic stay out of the daemon) turns
config, profile and DBC into one JSON bundle. The daemon keeps it and trusts it only while every
file it was made from still has the same hash.
"""

import contextlib
import hashlib
import json
import os
import sys
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hardshoulder import __version__
from hardshoulder.core.permit import Allowed
from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.settings import Settings

FORMAT = 3
COMPILE_TIMEOUT_S = 120
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """A file the bundle was made from, and its SHA-256 (hex) at that time."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """All the daemon needs to start: settings, the car, what may be sent, what the driver is told.

    candidate: the car under a ruleset that is tried and not obeyed.
    """

    format: int
    version: str
    sources: tuple[Source, ...]
    settings: Settings
    plan: CarPlan
    allowed: tuple[Allowed, ...]
    texts: dict[str, str]
    candidate: CarPlan | None = None


def encode(value: Any) -> Any:
    """Dataclasses, enums, bytes, paths and tuples as JSON values."""
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Path) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def decode(kind: Any, raw: Any) -> Any:
    """The value of type `kind` that `encode` wrote. Raises ValueError, TypeError or KeyError."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _decode_union(arguments, raw)
    if origin is tuple:
        kinds = [arguments[0]] * len(raw) if arguments[-1] is Ellipsis else arguments
        return tuple(decode(item_kind, item) for item_kind, item in zip(kinds, raw, strict=True))
    if origin is dict:
        return {key: decode(arguments[1], item) for key, item in raw.items()}
    if is_dataclass(kind):
        hints = _hints(typing.cast("type", kind))
        return typing.cast("type", kind)(**{name: decode(hints[name], item) for name, item in raw.items()})
    if kind is bytes:
        return bytes.fromhex(raw)
    if isinstance(kind, type) and issubclass(kind, Enum | Path):
        return kind(raw)
    return raw


def _decode_union(kinds: tuple[Any, ...], raw: Any) -> Any:
    if raw is None:
        return None
    structured = [kind for kind in kinds if is_dataclass(kind) or kind is Path]
    return decode(structured[0], raw) if structured else raw


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of the file's bytes. Raises OSError."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dump(bundle: Bundle) -> str:
    """The bundle as one line of JSON."""
    return json.dumps(encode(bundle), separators=(",", ":"))


def parse(text: str) -> Bundle | None:
    """The bundle, or None where it is damaged or was written by another version."""
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT or raw["version"] != __version__:
            return None
        return typing.cast("Bundle", decode(Bundle, raw))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def still_true(bundle: Bundle) -> bool:
    """Whether every file it was made from is unchanged."""
    try:
        return all(sha256_of(source.path) == source.sha256 for source in bundle.sources)
    except OSError:
        return False


def seal(text: str) -> str:
    """The text below its SHA-256: a number that rots on a worn flash chip is a valid number still."""
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def unseal(sealed: str) -> str | None:
    """The text; None where a bit of it or of its hash has changed."""
    digest, _, text = sealed.partition("\n")
    return text if hashlib.sha256(text.encode()).hexdigest() == digest else None


def _home_cache() -> str:
    try:
        return str(Path.home() / ".cache")
    except RuntimeError:  # a container's user without a home; what cannot be kept is compiled again
        return "/var/cache"


def cache_file(config: Path) -> Path:
    """Where the bundle of this config file is kept: systemd's cache folder, or the user's."""
    root = os.environ.get("CACHE_DIRECTORY") or os.environ.get("XDG_CACHE_HOME") or _home_cache()
    name = hashlib.sha256(str(config.resolve()).encode()).hexdigest()[:16]
    return Path(root.split(":")[0]) / "hardshoulder" / f"{name}.json"


def load_bundle(config: Path) -> Bundle:
    """The bundle of a config file: from the cache while it is true, else compiled by a child process.

    Raises UserError with every problem of config, profile and DBC.
    """
    kept = cache_file(config)
    try:
        text = unseal(kept.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        text = None
    bundle = None if text is None else parse(text)
    if bundle is not None and still_true(bundle):
        return bundle
    text = _compile_in_child(config)
    _keep(kept, text)
    fresh = parse(text)
    assert fresh is not None, "the child wrote a bundle of another version"
    return fresh


def _compile_in_child(config: Path) -> str:
    import subprocess  # not above: a start from the cache needs no child

    command = [sys.executable, "-m", "hardshoulder", "compile", "--config", str(config)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{config}: compiling took longer than {COMPILE_TIMEOUT_S} s; is the DBC file far too large?"
        ) from None
    if child.returncode != 0:
        problems = [line.removeprefix("hardshoulder: ") for line in child.stderr.splitlines() if line.strip()]
        raise UserError(*(problems or [f"{config}: the compiler ended with status {child.returncode}"]))
    return child.stdout


def _keep(path: Path, text: str) -> None:
    """Writes the cache, whole or not at all; a folder that cannot be written costs only time."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(seal(text), "utf-8")
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
