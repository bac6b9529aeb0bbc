"""Reading a TOML file into a strict pydantic model, with every problem of the file at once."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from hardshoulder.errors import UserError


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let through, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Model = TypeVar("Model", bound=BaseModel)

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
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (f'"{part}"' if "." in part else part)
    return text or "(whole file)"


def _problem(path: Path, error: ErrorDetails) -> str:
    remedy = _REMEDIES.get(error["type"])
    message = error["msg"].removeprefix("Value error, ")
    return f"{path}: {key_text(error['loc'])}: {remedy or message}"


def load(path: Path, model: type[Model]) -> Model:
    """The file as a checked model. Raises UserError with a line for each problem."""
    try:
        raw = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise UserError(*(_problem(path, detail) for detail in error.errors())) from None
