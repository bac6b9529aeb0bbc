"""Results that were written with --json, read back and brought into one shape, so that two can be compared.

Both formats say which cases there were and what was found in each; everything else in them is for people.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardshoulder.errors import UserError
from hardshoulder_sim.proving.summary import FORMAT as EVALUATION
from hardshoulder_sim.recordings.replay_report import FORMAT as REPLAY


@dataclass(frozen=True, slots=True)
class Found:
    """An incident in a case. opened_s: since the case began. rest: what else was said of it, to be compared whole."""

    kind: str
    opened_s: float
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """One file. rulesets: the names at work. cases: by name, what was found in each, in the order of time.

    told: by case, what belongs to no incident. origin: what has to be equal for the names to mean the same cases.
    """

    path: Path
    format: str
    rulesets: tuple[str, ...]
    cases: Mapping[str, tuple[Found, ...]]
    told: Mapping[str, str]
    origin: str = ""


Json = dict[str, Any]


def read_results(path: Path) -> Results:
    """Reads what `replay --json` or `evaluate --json` wrote. Raises UserError for anything else."""
    records = _records(path)
    formats = {record["format"] for record in records}
    if len(formats) > 1:
        raise UserError(f"{path}: holds more than one format: {', '.join(sorted(formats))}")
    (name,) = formats
    if name == EVALUATION and len(records) > 1:
        raise UserError(f"{path}: holds {len(records)} evaluations; give each a file of its own")
    try:
        return _READERS[name](path, records)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: says that it is {name}, but is not: {why}") from None


def _records(path: Path) -> list[Json]:
    """One object for the whole file, or one for each line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; cannot read it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8; is it a JSON file?") from None
    if not text.strip():
        raise UserError(f"{path}: is empty")
    records = list(_parsed(path, text))
    for record in records:
        _check_format(path, record)
    return records


def _parsed(path: Path, text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
        return
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply to be a result") from None
    except ValueError:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for number, line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}: line {number}: not JSON: {error}") from None


def _check_format(path: Path, record: Any) -> None:
    name = record.get("format") if isinstance(record, dict) else None
    if isinstance(name, str) and name in _READERS:
        return
    known = " or ".join(_READERS)
    if name is None:
        raise UserError(f'{path}: has no "format"; only what `replay --json` and `evaluate --json` write can be read')
    family = str(name).rpartition(".v")[0]
    if any(known_name.rpartition(".v")[0] == family for known_name in _READERS):
        raise UserError(f"{path}: is in format {name!r}, of another version; this program reads {known}")
    raise UserError(f"{path}: is in format {name!r}; this program compares {known}")


# The two formats ----------------------------------------------------------------------------------


def _replays(path: Path, records: list[Json]) -> Results:
    cases: dict[str, tuple[Found, ...]] = {}
    told: dict[str, str] = {}
    for record in records:
        name = f"{record['log']} as {record['profile']}"
        if name in cases:
            raise UserError(f"{path}: has {name} twice")
        cases[name] = tuple(_replayed(incident) for incident in record["incidents"])
        told[name] = json.dumps([record["notices"], record["hazard_frames"]], sort_keys=True)
    return Results(path, REPLAY, _rulesets(records), cases, told)


def _replayed(incident: Json) -> Found:
    compared = {key: value for key, value in incident.items() if key not in ("kind", "opened_at_s")}
    return Found(str(incident["kind"]), float(incident["opened_at_s"]), json.dumps(compared, sort_keys=True))


def _evaluation(path: Path, records: list[Json]) -> Results:
    """Cases without an incident are named as well, so that two runs over other cases are not taken for one."""
    (record,) = records
    cases = {
        name: tuple(Found(str(found["kind"]), float(found["opened_s"])) for found in told)
        for name, told in record["cases"].items()
    }
    return Results(path, EVALUATION, _rulesets(records), cases, {}, f"generator {record['generator']}")


def _rulesets(records: list[Json]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(record["ruleset"]) for record in records))


_READERS: dict[str, Callable[[Path, list[Json]], Results]] = {REPLAY: _replays, EVALUATION: _evaluation}
