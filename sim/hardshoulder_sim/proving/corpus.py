"""Recorded drives of real cars through the core; a section of its own, for they prove something else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hardshoulder.compile import compile_profile
from hardshoulder.core.vocabulary import Vss
from hardshoulder.errors import UserError
from hardshoulder.profile import load_profile, shipped_profiles
from hardshoulder_sim.recordings.channels import log_channels
from hardshoulder_sim.recordings.replay import ReplayOptions, replay

_LOGS = (".log", ".csv", ".asc", ".blf", ".trc", ".mf4")
_REFERENCE = "reference-"
_DRIVE = (Vss.SPEED, Vss.ENGINE_SPEED, Vss.ENGINE_RUNNING, Vss.POWER_CONNECTED, Vss.DRIVE_READY, Vss.POWER_STATE)


def replay_drives(folder: Path) -> list[dict[str, Any]]:
    """Every recording below the folder, as every car that a shipped profile can read in it.

    A profile counts as the recording's when one of its signals on motion or drive came in. Raises UserError
    when nothing in the folder can be read by any.
    """
    found = [record for log in _logs(folder) for record in _replays(log, folder)]
    if not found:
        raise UserError(f"{folder}: no recording there that a shipped profile can read")
    return found


def _logs(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and any(suffix in _LOGS for suffix in path.suffixes):
            yield path


def _replays(log: Path, folder: Path) -> Iterator[dict[str, Any]]:
    for name, profile in shipped_profiles().items():
        if name.startswith(_REFERENCE):
            continue
        for dbc in ((), *((path,) for path in sorted(log.parent.glob("*.dbc")))):
            record = _replay(log, folder, profile, dbc)
            if record is not None:
                yield record


def _replay(log: Path, folder: Path, profile: Path, dbc: tuple[Path, ...]) -> dict[str, Any] | None:
    """None where the profile does not fit the DBC file or the recording."""
    try:
        plan = compile_profile(profile, dbc)
        options = ReplayOptions(log_channels=log_channels(load_profile(profile)))
        result = replay(log, plan, options)
    except UserError:
        return None
    if not any(result.signals[vss][0] for vss in _DRIVE if vss in result.signals):
        return None
    return {
        "log": str(log.relative_to(folder)),
        "profile": plan.profile,
        "dbc": [path.name for path in dbc],
        "duration_s": round(result.duration_s, 3),
        "frames": result.frames,
        "incidents": [incident.kind.value for incident in result.incidents],
    }
