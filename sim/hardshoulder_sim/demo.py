"""The main job on one machine: a car breaks down on the motorway, its hazards flash, the alert is out.

Four real parties on loopback: mosquitto, the daemon, a simulated car behind a serial line, and a
subscriber that acknowledges alerts as a fleet would.
"""

import argparse
import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.core.actions import HazardState
from hardshoulder.errors import UserError
from hardshoulder.wire import IncidentData, IncidentEvent, ack_event, encode, parse_event, topic
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config

SCENARIO = "motorway-shutdown-combustion"
PROFILE = "reference-combustion"
GIVE_UP_AFTER_S = 75.0
QUIET_S = 0.3

STAGES = ("shutdown", "detected", "hazards commanded", "hazards confirmed", "alert received", "confirmation received")


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the story. at_s: wall time in seconds."""

    name: str
    at_s: float
    detail: str


@dataclass(slots=True)
class Story:
    """The stages as they are told, by the car and by the subscriber.

    Both tell of the same moments from different ends, so lines wait until it is quiet and are
    then said in the order in which things happened.
    """

    say: Callable[[str], None]
    began_s: float = field(default_factory=time.time)
    stages: dict[str, Stage] = field(default_factory=dict)
    _waiting: list[Stage] = field(default_factory=list)
    _last_s: float | None = None

    def tell(self, stage: Stage) -> None:
        """Adds a stage; the first of each name counts."""
        if stage.name not in self.stages:
            self.stages[stage.name] = stage
            self._waiting.append(stage)

    def speak(self) -> None:
        """Says what waits."""
        for stage in sorted(self._waiting, key=lambda stage: stage.at_s):
            gap = "" if self._last_s is None else f"+{(stage.at_s - self._last_s) * 1000:.0f} ms"
            self.say(f"{stage.at_s - self.began_s:8.3f} s  {stage.name:<22} {gap:>9}   {stage.detail}")
            self._last_s = stage.at_s
        self._waiting.clear()

    @property
    def complete(self) -> bool:
        """Whether every stage happened."""
        return all(name in self.stages for name in STAGES)


class Subscriber:
    """A fleet of one: hears the alerts of one broker and acknowledges each."""

    def __init__(self, port: int, hear: Callable[[IncidentData, float], None]) -> None:
        self._hear = hear
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("hardshoulder/v1/+/incident", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        wait_until(self._ready.is_set, "the subscriber has subscribed")

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        at_s = time.time()
        event = parse_event(bytes(message.payload))
        assert isinstance(event, IncidentEvent), "only alerts were subscribed to"
        client.publish(
            topic(event.data.vehicle, "ack"), encode(ack_event(event, "/demo/fleet", datetime.now(UTC))), qos=1
        )
        self._hear(event.data, at_s)

    def close(self) -> None:
        """Ends the connection."""
        self._client.disconnect()
        self._client.loop_stop()


class CarProcess:
    """`hardshoulder-sim drive` in real time, and what it tells of itself, a JSON line each."""

    def __init__(self, folder: Path, seed: int, events: "queue.Queue[Stage | None]") -> None:
        self._events = events
        command = [
            sys.executable, "-m", "hardshoulder_sim", "drive", SCENARIO, "--seed", str(seed), "--realtime",
            "--bus", f"slcan-pty:{folder / 'can0'}", "--out", str(folder / "drive.log"), "--events", "-",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, name="car", daemon=True).start()
        wait_until((folder / "can0").exists, "the car's serial line is there")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            name = {"fault": "shutdown", "hazard-request": "hazards commanded", "hazards-flash": "hazards confirmed"}
            if told["event"] in name:
                self._events.put(Stage(name[told["event"]], told["at"], told["text"]))
        self._events.put(None)

    def close(self) -> None:
        """Ends the drive."""
        self._process.send_signal(signal.SIGINT)  # unlike SIGTERM it lets the log be finished
        self._process.wait()


def _alert_stages(alert: IncidentData, at_s: float) -> list[Stage]:
    """What one alert tells: when it was decided, and that it arrived."""
    evidence = ", ".join(item.finding.value for item in alert.evidence)
    speed = "" if alert.speed_kph_at_open is None else f" at {alert.speed_kph_at_open:.0f} km/h"
    received = Stage("alert received", at_s, f"{alert.cause.name}/{alert.cause.sub_name}, sequence {alert.sequence}")
    stages = [Stage("detected", alert.opened_at.timestamp(), f"{evidence}{speed}"), received]
    if alert.hazards is HazardState.CONFIRMED:
        stages.append(Stage("confirmation received", at_s, f"hazards {alert.hazards.value}, sequence {alert.sequence}"))
    return stages


def _follow(story: Story, events: "queue.Queue[Stage | None]") -> None:
    """Tells the stages until all happened, the drive ended or patience did."""
    until_s = time.monotonic() + GIVE_UP_AFTER_S
    while not story.complete and time.monotonic() < until_s:
        try:
            stage = events.get(timeout=QUIET_S)
        except queue.Empty:
            story.speak()
            continue
        if stage is None:
            break
        story.tell(stage)
    story.speak()


def run(folder: Path, seed: int, say: Callable[[str], None]) -> bool:
    """The whole story in this folder; whether every stage happened."""
    events: queue.Queue[Stage | None] = queue.Queue()

    def hear(alert: IncidentData, at_s: float) -> None:
        for stage in _alert_stages(alert, at_s):
            events.put(stage)

    with Broker(folder) as broker:
        say(f"broker on 127.0.0.1:{broker.port}, files in {folder}")
        # A path to a serial line has to be short, and the folder need not be.
        with tempfile.TemporaryDirectory(prefix="hs-") as lines:
            car = CarProcess(Path(lines), seed, events)
            config = write_config(folder, PROFILE, broker.port, f"slcan:{Path(lines) / 'can0'}")
            try:
                with DaemonProcess(config):
                    subscriber = Subscriber(broker.port, hear)
                    story = Story(say)
                    say(f"the daemon watches, the car drives: {SCENARIO}, seed {seed}")
                    _follow(story, events)
                    subscriber.close()
            finally:
                car.close()
                shutil.copy(Path(lines) / "drive.log", folder / "drive.log")
    return _conclude(story, say)


def _conclude(story: Story, say: Callable[[str], None]) -> bool:
    for name in STAGES:
        if name not in story.stages:
            say(f"MISSING  {name}")
    if story.complete:
        stages = story.stages
        seen_s = stages["alert received"].at_s - stages["detected"].at_s
        lamps_s = stages["hazards confirmed"].at_s - stages["detected"].at_s
        say(f"detection to flashing lamps {lamps_s * 1000:.0f} ms, to the alert at the fleet {seen_s * 1000:.0f} ms")
    return story.complete


def main(arguments: list[str] | None = None) -> int:
    """0 when every stage happened, 1 when one did not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--headless", action="store_true", help="never wait for a person; the exit status tells")
    parser.add_argument("--seed", type=int, default=1, help="variation of the drive (default 1)")
    parser.add_argument("--folder", type=Path, default=Path("out/demo"), help="where logs go (default out/demo)")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    try:
        complete = run(options.folder.resolve(), options.seed, lambda line: print(line, flush=True))
    except UserError as error:
        print("\n".join(f"scripts/demo: {problem}" for problem in error.problems), file=sys.stderr)
        return 2
    if complete and not options.headless:
        print(f"look at it: hardshoulder-sim replay {options.folder / 'drive.log'} --profile {PROFILE}")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
