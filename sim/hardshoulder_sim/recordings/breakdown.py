"""Where a recording breaks down, found by a replay before it is played in real time."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hardshoulder.compile import compile_profile
from hardshoulder.core.plan import CarPlan
from hardshoulder.errors import UserError
from hardshoulder.profile import Profile, find_profile, load_profile
from hardshoulder_sim.recordings.channels import SURVEY_FRAMES, Channels, log_channels
from hardshoulder_sim.recordings.logs import open_log
from hardshoulder_sim.recordings.replay import ReplayOptions, ReplayResult, replay

HEALTHY_S = 10.0
"""Of the healthy drive that is played before the breakdown: a car has to be seen driving to be seen stopping."""


@dataclass(frozen=True, slots=True)
class Breakdown:
    """bus: the car's, by the profile. channel: the recording's for it. Times in seconds since its first frame."""

    profile: Path
    bus: str
    channel: str | None
    from_s: float
    suspected_s: float


def find_breakdown(log: Path, profile: str, dbc: tuple[Path, ...], from_s: float | None = None) -> Breakdown:
    """The first breakdown in the recording.

    from_s: where playing is to begin; None: shortly before the breakdown. Raises UserError for a broken
    log, profile or DBC file, for a recording without a breakdown, and for one that lies before from_s.
    """
    path = find_profile(profile)
    loaded = load_profile(path)
    plan = compile_profile(path, dbc)
    if len(plan.buses) > 1:
        raise UserError(f"{profile}: this car has {len(plan.buses)} buses, and here is a line for one; use replay")
    result = replay(log, plan, ReplayOptions(log_channels(loaded)))
    if not result.incidents:
        raise UserError(f"{log}: {_why_none(result)}")
    suspected_s = result.incidents[0].suspected_at_s
    if from_s is not None and from_s >= suspected_s:
        raise UserError(f"--from {from_s:g}: the car breaks down at {suspected_s:.3f} s; begin before that")
    begin_s = max(0.0, suspected_s - HEALTHY_S) if from_s is None else from_s
    return Breakdown(path.resolve(), plan.buses[0], _channel(log, plan, loaded), begin_s, suspected_s)


def _why_none(result: ReplayResult) -> str:
    if not any(samples for samples, _ in result.signals.values()):
        return "none of this profile's messages can be read in it; give the car's own --profile and --dbc"
    return (
        "a replay finds no breakdown in it; lay one over it with `hardshoulder-sim splice`, and give what that writes"
    )


def _channel(log: Path, plan: CarPlan, profile: Profile) -> str | None:
    channels = Channels(plan, log_channels(profile), {})
    channels.survey(islice(open_log(log), SURVEY_FRAMES))
    return channels.channel_of(plan.buses[0])
