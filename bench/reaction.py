"""How fast the line is, with the real daemon, a real serial line and a real broker.

Two times for each breakdown. Reaction: from the write of the frame that completes the evidence (the
second that says "airbag deployed", which needs no hold) to the first hazard frame read at the
other end of the line. Alert: from that hazard frame, which leaves in the same turn of the loop as the
decision, to the alert in a subscriber's hands.
"""

import argparse
import select
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from paho.mqtt.client import MQTTMessage

from hardshoulder.core.vocabulary import Vss
from hardshoulder.wire import IncidentEvent, parse_event
from hardshoulder_sim.processes import Broker, DaemonProcess, write_config
from hardshoulder_sim.slcan_port import SlcanPort
from support.fleet import Fleet
from support.talker import Talker, reference_plan

# An incident closes soon after the car drives on, so that the next breakdown can follow.
SHORT = {
    "recovered_after_s": 0.1, "drove_on_after_s": 0.1, "closed_after_s": 0.1, "clear_after_s": 0.05, "arm_after_s": 0.3,
}  # fmt: skip
HAZARD_REQUEST_ID, REQUEST_ON = 0x2A0, 1
GIVE_UP_AFTER_S = 10.0


class Arrivals(Fleet):
    """A fleet that acknowledges everything and notes when each incident was first heard."""

    def __init__(self, port: int) -> None:
        super().__init__(port, acknowledge=True)
        self.first_heard_s: dict[str, float] = {}
        self.changed = threading.Event()

    def _on_message(self, client: "object", userdata: object, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        super()._on_message(client, userdata, message)  # type: ignore[arg-type]
        event = parse_event(bytes(message.payload)) if message.topic.endswith("/incident") else None
        if isinstance(event, IncidentEvent):
            self.first_heard_s.setdefault(event.data.incident_id, now_s)
            self.changed.set()


@dataclass
class Car:
    """Talks at its cycle times and takes note of the first hazard frame after a moment."""

    port: SlcanPort
    talker: Talker = field(default_factory=lambda: Talker(reference_plan("electric")))
    due_s: dict[str, float] = field(default_factory=dict)

    def speak_until(self, until_s: float) -> Iterator[tuple[float, bool]]:
        """Talks; yields (time, asked on) for each hazard request read."""
        while (now_s := time.monotonic()) < until_s:
            for message in self.talker.plan.messages:
                if now_s >= self.due_s.get(message.name, 0.0):
                    self.due_s[message.name] = now_s + message.cycle_s
                    self.port.send(self.talker.frame(message, now_s))
            wait_s = max(0.0, min(*self.due_s.values(), until_s) - time.monotonic())
            if select.select([self.port], [], [], wait_s)[0]:
                heard_s = time.monotonic()
                for frame in self.port.receive_ready():
                    if frame.can_id == HAZARD_REQUEST_ID:
                        yield heard_s, frame.data[1] >> 4 == REQUEST_ON

    def drive(self, seconds: float) -> bool:
        """Talks for a while; whether the last hazard request, if one came, was ON."""
        asked = [on for _, on in self.speak_until(time.monotonic() + seconds)]
        return bool(asked) and asked[-1]

    def crash(self) -> tuple[float, float]:
        """(evidence complete, first hazard frame), monotonic seconds."""
        message = self.talker.carrier(Vss.AIRBAG_DEPLOYED)
        self.talker.values[Vss.AIRBAG_DEPLOYED] = True
        for _ in range(2):
            complete_s = time.monotonic()
            self.port.send(self.talker.frame(message, complete_s))
        self.due_s[message.name] = complete_s + message.cycle_s
        for heard_s, on in self.speak_until(complete_s + GIVE_UP_AFTER_S):
            if on:
                return complete_s, heard_s
        raise RuntimeError("no hazard frame came; see daemon.log")


def _heard(fleet: Arrivals, count: int) -> float:
    while len(fleet.first_heard_s) < count:
        if not fleet.changed.wait(GIVE_UP_AFTER_S):
            raise RuntimeError("no alert came; see daemon.log")
        fleet.changed.clear()
    return list(fleet.first_heard_s.values())[count - 1]


def measure(trials: int) -> tuple[list[float], list[float]]:
    """(reaction, alert) in seconds, one of each for every trial."""
    reactions, alerts = [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        broker = stack.enter_context(Broker(folder))
        fleet = stack.enter_context(Arrivals(broker.port))
        car = Car(SlcanPort(folder / "can0"))
        config = write_config(folder, "reference-electric", broker.port, f"slcan:{folder / 'can0'}", thresholds=SHORT)
        stack.enter_context(DaemonProcess(config))
        car.drive(2.0)
        for trial in range(1, trials + 1):
            complete_s, hazard_s = car.crash()
            reactions.append(hazard_s - complete_s)
            car.drive(0.1)
            alerts.append(_heard(fleet, trial) - hazard_s)
            car.talker.values[Vss.AIRBAG_DEPLOYED] = False
            while car.drive(0.5):
                pass  # until the daemon says OFF: the incident is closed
            car.drive(0.3)
    return reactions, alerts


def row(name: str, seconds: list[float], budget_ms: float) -> str:
    """A line of the table: name, count, median, 99th percentile, worst, budget; in milliseconds."""
    ordered = sorted(value * 1000 for value in seconds)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return (
        f"| {name} | {len(ordered)} | {statistics.median(ordered):.2f} ms | {p99:.2f} ms | {ordered[-1]:.2f} ms "
        f"| p99 below {budget_ms:g} ms |"
    )


def main() -> int:
    """Prints the two rows."""
    parser = argparse.ArgumentParser(description="reaction and alert times of the running daemon")
    parser.add_argument("--trials", type=int, default=200, help="breakdowns to measure (default 200)")
    reactions, alerts = measure(parser.parse_args().trials)
    print("| what | n | p50 | p99 | worst | budget |\n|---|---|---|---|---|---|")
    print(row("evidence complete to hazard frame on the bus", reactions, 5))
    print(row("hazard frame (detection) to alert at a subscriber", alerts, 100))
    return 0


if __name__ == "__main__":
    sys.exit(main())
