"""One seeded run: breakdowns and faults mixed, everything healed at the end, and the sentence asked for."""

import atexit
import logging
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from hardshoulder.config import make_bundle
from hardshoulder.plan_cache import Bundle
from hardshoulder_sim.faults.oracle import arrived, broken
from hardshoulder_sim.faults.outcome import Outcome
from hardshoulder_sim.faults.simulated.fleet import make_template
from hardshoulder_sim.faults.simulated.mischief import FAULTS
from hardshoulder_sim.faults.simulated.world import World
from hardshoulder_sim.processes import write_config

THRESHOLDS = {
    "recovered_after_s": 0.1, "drove_on_after_s": 0.1, "closed_after_s": 0.1, "clear_after_s": 0.05, "arm_after_s": 0.3,
}  # fmt: skip
"""So that an incident is over when the car drives on for a moment; detection keeps its own times."""
QUIET_S, PATIENCE_S = 60.0, 3600.0
LONGEST_FAULT_S = 260.0
AT_THE_END = 0.5
MEMORY = Path("/dev/shm")


@cache
def _bundle() -> Bundle:
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        path = write_config(Path(folder), "reference-electric", 1, "socketcan:none", thresholds=THRESHOLDS)
        return make_bundle(path)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hs-", dir=_memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make_template(folder / "template.sqlite3")
    return folder / "template.sqlite3"


def _memory() -> Path | None:
    return MEMORY if MEMORY.is_dir() else None


def run(seed: int, minutes: float, only: str | None = None) -> Outcome:
    """One run. minutes: of simulated time, in which the car breaks down about once a minute, at least once.

    only: one of `FAULTS`, and no other.
    """
    root = Path(tempfile.mkdtemp(prefix="hs-", dir=_memory()))
    try:
        with _quiet_fleet():
            return _run(seed, minutes, root, [only] if only else sorted(FAULTS))
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _quiet_fleet() -> Iterator[None]:
    """The fleet says to its log what it lives through, and that is a lot here."""
    fleet = logging.getLogger("hardshoulder_fleet")
    before = fleet.level
    fleet.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        fleet.setLevel(before)


def _run(seed: int, minutes: float, root: Path, names: list[str]) -> Outcome:
    chance = random.Random(seed)
    world = World(_bundle(), root, _template(), chance)
    outcome = Outcome(seed)
    drives = max(1, round(minutes))
    with world.in_place():
        world.start()
        begin_s, end_s = world.timeline.now_s, world.timeline.now_s + max(60.0, minutes * 60.0)
        for number in range(drives):
            at_s = begin_s + (end_s - begin_s) / drives * (number + chance.uniform(0.05, 0.5))
            world.timeline.at(at_s, partial(world.drive, number))
        _plan(world, outcome, chance, names, (begin_s, end_s))
        world.run(end_s + LONGEST_FAULT_S)
        world.drive_on()
        world.run(world.timeline.now_s + LONGEST_FAULT_S)
        _drain(world)
        _judge(world, outcome)
        world.daemon = None
        world.kill_fleet()
    for fuse in (world.car_fuse, world.fleet_fuse):
        outcome.passed += fuse.passed
        outcome.struck.update(fuse.struck)
    return outcome


def _plan(
    world: World, outcome: Outcome, chance: random.Random, names: list[str], between_s: tuple[float, float]
) -> None:
    """One fault while the first alert is on its way, and some more at any time."""
    begin_s, end_s = between_s

    def strike(name: str) -> None:
        if not world.committed:
            world.timeline.after(chance.uniform(0.0, 20.0), lambda: strike(name))
            return
        outcome.faults[name] += 1
        outcome.unacknowledged += world.unacknowledged
        FAULTS[name](world, chance)

    def first() -> None:
        strike(chance.choice(names))

    world.first_commit = first
    # The end of an incident is an alert like its beginning.
    if chance.random() < AT_THE_END:
        at_s = end_s + LONGEST_FAULT_S - chance.uniform(-1.5, 0.5)
        world.timeline.at(at_s, partial(strike, chance.choice(names)))
    for _ in range(chance.randint(2, 4 + round((end_s - begin_s) / 60.0))):
        world.timeline.at(chance.uniform(begin_s, end_s), partial(strike, chance.choice(names)))


def _drain(world: World) -> None:
    """Until everything is there, and a while longer for what might come twice."""
    world.car_fuse.put_out()
    world.fleet_fuse.put_out()
    # Once more, in case that the daemon was away.
    world.drive_on()
    until_s = world.timeline.now_s + PATIENCE_S
    while world.timeline.now_s < until_s and not _complete(world):
        world.run(world.timeline.now_s + QUIET_S)
    world.run(world.timeline.now_s + QUIET_S)


def _complete(world: World) -> bool:
    shown = {incident.incident_id: incident.shown for incident in arrived(world.database)}
    return shown == world.last and world.daemon is not None and not world.driving and world.daemon.waiting() == 0


def _judge(world: World, outcome: Outcome) -> None:
    incidents = {incident.incident_id: incident for incident in arrived(world.database)}
    outcome.incidents_in, outcome.incidents_at_fleet = world.breakdowns, len(incidents)
    say = outcome.complaints.append
    for number, opened in world.opened.items():
        there = [name for name in opened if name in incidents]
        if len(there) != 1:
            say(f"breakdown {number}: {len(opened)} incidents opened, {len(there)} at the fleet")
        if number not in world.asked:
            say(f"breakdown {number}: hazards were never asked for")
    for name in incidents.keys() - world.last.keys():
        say(f"{name}: at the fleet, and no car said it")
    for incident in incidents.values():
        outcome.complaints += broken(incident)
        if incident.shown != world.last.get(incident.incident_id):
            say(f"{incident.incident_id}: shows report {incident.shown} of {world.last.get(incident.incident_id)}")
        if incident.state != "closed" and not world.boots:
            say(f"{incident.incident_id}: is {incident.state} at the fleet, and over")
    if world.daemon is None or world.daemon.waiting():
        say("the car still waits for acknowledgements")
    if not world.breakdowns:
        say("no incident came about")
    if not outcome.unacknowledged:
        say("no fault began while an incident was on its way")
