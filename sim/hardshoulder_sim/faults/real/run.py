"""One seeded run with real processes and in real time: breakdowns, faults among them, and the sentence asked for."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hardshoulder_sim.faults.oracle import compare
from hardshoulder_sim.faults.outcome import Outcome
from hardshoulder_sim.faults.proxy import Proxy
from hardshoulder_sim.faults.real.stage import Stage
from hardshoulder_sim.processes import wait_until

PATIENCE_S = 180.0
"""A line that was half open is noticed after one and a half keepalives."""

PLACES = (
    "before journal Journal._append: fsync",
    'before outbox Outbox.together: self._connection.execute("COMMIT")',
    'after outbox Outbox.together: self._connection.execute("COMMIT")',
    "before wire: PUBLISH of an alert",
    "after wire: PUBLISH of an alert",
    "before Link._on_message",
    "after Link._on_message",
    "before wire: PUBACK of an acknowledgement",
    "after wire: PUBACK of an acknowledgement",
)
"""Some of the places of `crash_points`; tests/test_crash_points.py has them all."""

Heal = Callable[[], object]
Fault = Callable[[Stage, random.Random], Heal]


def _daemon_killed(stage: Stage, _chance: random.Random) -> Heal:
    stage.daemon.kill()
    return stage.daemon.start


def _daemon_killed_at_a_place(stage: Stage, chance: random.Random) -> Heal:
    """Ends now, and the next one at one of its commits or publishes: that is two."""
    stage.daemon.kill()
    stage.daemon.kill_at = chance.choice(PLACES)
    stage.daemon.start()

    def again() -> None:
        # It may have passed there already, or it never will: then it is ended as it stands.
        stage.daemon.kill()
        stage.daemon.kill_at = None
        stage.daemon.start()

    return again


def _fleet_killed(stage: Stage, _chance: random.Random) -> Heal:
    stage.fleet.kill()
    return stage.fleet.start


def _broker_killed(stage: Stage, _chance: random.Random) -> Heal:
    stage.broker.kill()
    return stage.broker.start


def _broker_replaced(stage: Stage, _chance: random.Random) -> Heal:
    stage.broker.kill()
    stage.empty_broker()
    return stage.broker.start


def _line(how: Callable[[Proxy], None]) -> Fault:
    def begin(stage: Stage, chance: random.Random) -> Heal:
        line = chance.choice((stage.car_line, stage.fleet_line))
        how(line)
        return line.mend

    return begin


FAULTS: dict[str, Fault] = {
    "daemon killed": _daemon_killed,
    "daemon killed at a commit or publish": _daemon_killed_at_a_place,
    "fleet killed": _fleet_killed,
    "broker killed": _broker_killed,
    "broker replaced by an empty one": _broker_replaced,
    "network cut": _line(Proxy.cut),
    "network stalled": _line(Proxy.stall),
    "connection reset": _line(Proxy.reset),
    "half-open connection": _line(Proxy.half_open),
    "2 s delay": _line(lambda line: line.slow(delay_s=2.0)),
    "64 kbit/s": _line(lambda line: line.slow(bits_per_s=64_000.0)),
}


def run(seed: int, minutes: float) -> Outcome:
    """One run. minutes: as many breakdowns, at least one; a breakdown takes some twenty seconds."""
    chance, outcome = random.Random(seed), Outcome(seed)
    with tempfile.TemporaryDirectory(prefix="hs-") as folder, Stage(Path(folder)) as stage:
        try:
            for _ in range(max(1, round(minutes))):
                _breakdown(stage, chance, outcome)
            _end(stage, outcome)
        except AssertionError as error:
            outcome.complaints.append(str(error))
        if outcome.complaints:
            stage.keep_logs(Path(tempfile.gettempdir()) / f"hardshoulder-faults-{seed}")
    return outcome


def _breakdown(stage: Stage, chance: random.Random, outcome: Outcome) -> None:
    """The car breaks down behind a line on which no acknowledgement comes back, and meanwhile things go wrong."""
    wait_until(lambda: stage.daemon.said("Connected to the broker"), "the daemon has its broker", PATIENCE_S)
    stage.car_line.stall()
    begin_s = time.monotonic()
    stage.car.break_down()
    outcome.incidents_in += 1
    wait_until(lambda: stage.car.asked_since(begin_s), "hazards are asked for")
    wait_until(lambda: stage.waiting() > 0, "the alert is on the car's disk")
    for name in chance.sample(sorted(FAULTS), chance.randint(1, 3)):
        outcome.faults[name] += 1
        outcome.unacknowledged += stage.waiting() > 0
        heal = FAULTS[name](stage, chance)
        if chance.random() < 0.5:
            stage.car_line.mend()
        time.sleep(chance.uniform(0.1, 2.0))
        heal()
    stage.car_line.mend()
    fallen_s = time.monotonic()
    wait_until(lambda: stage.car.asked_since(fallen_s), "hazards are asked for still")
    stage.car.drive_well()
    wait_until(lambda: _over(stage, outcome), "the fleet has heard the end of it", PATIENCE_S)


def _over(stage: Stage, outcome: Outcome) -> bool:
    incidents = stage.at_fleet()
    return len(incidents) >= outcome.incidents_in and all(incident.state == "closed" for incident in incidents)


def _end(stage: Stage, outcome: Outcome) -> None:
    wait_until(lambda: stage.waiting() == 0, "the car has been told of all", PATIENCE_S)
    incidents = stage.at_fleet()
    outcome.incidents_at_fleet = len(incidents)
    outcome.complaints += compare(outcome.incidents_in, incidents)
    if not stage.daemon.running:
        outcome.complaints.append("the daemon does not watch the car")
    if not outcome.unacknowledged:
        outcome.complaints.append("no fault began while an incident was on its way")
