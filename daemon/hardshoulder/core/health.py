"""How much the daemon can see, and where the car was last seen."""

from hardshoulder.core.actions import Health, Location
from hardshoulder.core.signals import Freshness, Senses
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Vss


def health(senses: Senses, now_s: float, *, resting: bool = False) -> tuple[Health, tuple[str, ...]]:
    """The verdict, and the names of the mapped signals that are stale or were never seen.

    Without speed, or without any word from the drive, nothing can be judged: blind.
    resting: a workshop's tester is at work.
    """
    missing = tuple(vss for vss in senses.signals if senses.freshness(vss, now_s) is not Freshness.FRESH)
    drive = [vss for vss in DRIVE_EVIDENCE if vss in senses.signals]
    if resting:
        return Health.RESTING, missing
    no_speed = Vss.SPEED in missing or Vss.SPEED not in senses.signals
    if no_speed or all(vss in missing for vss in drive):
        return Health.BLIND, missing
    return (Health.DEGRADED if missing else Health.WATCHING), missing


def location(senses: Senses, now_s: float) -> Location | None:
    """The last position, however old: in a tunnel it is the best there is."""
    latitude, longitude = (senses.signals.get(vss) for vss in (Vss.LATITUDE, Vss.LONGITUDE))
    if latitude is None or longitude is None or not (latitude.samples and longitude.samples):
        return None
    heading = senses.number(Vss.HEADING, now_s)
    age_s = now_s - min(latitude.seen_s, longitude.seen_s)
    return Location(float(latitude.value), float(longitude.value), heading, age_s)
