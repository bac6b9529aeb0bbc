"""Profiles and configurations as a test writes them, and the real command that reads them."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hardshoulder
import hardshoulder_dbc
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile

Table = dict[str, Any]
Keys = tuple[str | int, ...]

FOLDERS = tuple(Path(package.__path__[0]) for package in (hardshoulder, hardshoulder_dbc))
REFERENCE_DBC = FOLDERS[1] / "reference.dbc"


class Gone:
    """Stands for a value that is to be taken out."""


GONE = Gone()


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def toml(table: Table) -> str:
    """The table as TOML, one line for each key at the top."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def shipped(name: str) -> Table:
    """A shipped profile as a table, its DBC named by an absolute path."""
    table = tomllib.loads(find_profile(name).read_text("utf-8"))
    return table | {"dbc": str(REFERENCE_DBC)}


def change(table: Table, keys: Keys, value: object) -> None:
    """Sets what stands at the place, or takes it out for GONE; tables on the way are made."""
    place: Any = table
    for key in keys[:-1]:
        place = place.setdefault(key, {}) if isinstance(key, str) else place[key]
    if value is GONE:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value


def write(path: Path, table: Table) -> Path:
    """Writes the table as TOML; returns the path."""
    path.write_text(toml(table), encoding="utf-8")
    return path


def changed(folder: Path, *changes: tuple[Keys, object], base: str = "reference-combustion") -> Path:
    """A shipped profile with these changes, written into the folder."""
    table = shipped(base)
    for keys, value in changes:
        change(table, keys, value)
    return write(folder / "car.toml", table)


def problems_of(call: Callable[[], object]) -> tuple[str, ...]:
    """The problems that the call tells the user; a failure when there are none."""
    with pytest.raises(UserError) as caught:
        call()
    return caught.value.problems


def config_table(profile: str = "reference-combustion", bus: str = "main") -> Table:
    """A configuration that lacks nothing but the things around it."""
    return {
        "format": 1,
        "vehicle": "car-7",
        "profile": profile,
        "bus": [{"name": bus, "url": "socketcan:can0"}],
        "storage": {"folder": "state"},
    }


def environment(cache: Path) -> dict[str, str]:
    """An environment in which a child finds this checkout and keeps its cache in that folder."""
    kept = {name: value for name, value in os.environ.items() if name != "CACHE_DIRECTORY"}
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(folder.parent) for folder in FOLDERS),
        "XDG_CACHE_HOME": str(cache),
    }


def hardshoulder_command(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the real command to its end."""
    command = [sys.executable, "-m", "hardshoulder", *arguments]
    return subprocess.run(command, env=environment(cache), capture_output=True, text=True, timeout=60, check=False)
