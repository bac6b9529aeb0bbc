"""Reading a TOML file into a strict pydantic model, with every problem of the file at once."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from hardshoulder.errors import UserError


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let through, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Problems(ValueError):
    """What a validator found: finished lines without the file, each one beginning with its key."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


Model = TypeVar("Model", bound=BaseModel)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_NOT_WRITTEN = ("[key]", "bool", "str")  # parts of a place that pydantic adds for dictionary keys and unions
_REMEDIES = {
    "extra_forbidden": "unknown key; remove it or correct its spelling",
    "missing": "required and not there; add it",
}


def read_text(path: Path) -> str:
    """The file's text. Raises UserError when it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None


def key_text(location: tuple[int | str, ...]) -> str:
    """`signals."Vehicle.Speed".unit`, `bus[0].url`: the place as one would write it in TOML."""
    text = ""
    for part in location:
        if part in _NOT_WRITTEN:
            continue
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else f'"{part}"')
    return text or "(whole file)"


def _lines(errors: list[ErrorDetails]) -> Iterator[str]:
    """One line for each place; a value that may be of two kinds is wrong twice in one place."""
    at: dict[str, list[str]] = {}
    for error in errors:
        found: Any = error.get("ctx", {}).get("error")
        if isinstance(found, Problems):
            yield from found.lines
        else:
            message = error["msg"].removeprefix("Value error, ")
            at.setdefault(key_text(error["loc"]), []).append(_REMEDIES.get(error["type"], message))
    yield from (f"{key}: {', or: '.join(messages)}" for key, messages in at.items())


def nul_places(value: object, at: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Every place of what was parsed that holds the character NUL; no path, host or name has it, no call takes it."""
    if isinstance(value, str):
        if "\0" in value:
            yield at
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from nul_places(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from nul_places(item, (*at, number))


def load(path: Path, model: type[Model]) -> Model:
    """The file as a checked model. Raises UserError with a line for each problem."""
    try:
        raw = tomllib.loads(read_text(path))
        nul = [f"{path}: {key_text(place)}: holds the character NUL; remove it" for place in nul_places(raw)]
    except (ValueError, RecursionError) as error:  # tomllib lets the limits of int() and of the stack through
        raise UserError(f"{path}: not valid TOML: {error}") from None
    if nul:
        raise UserError(*nul)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise UserError(*(f"{path}: {line}" for line in _lines(error.errors()))) from None
