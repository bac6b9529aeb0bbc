"""The main job on one machine: a car breaks down, its hazards flash, the driver is asked, help comes.

Real parties on loopback: mosquitto, the daemon, a car behind a serial line, the fleet, a towing
provider, and a phone that receives the check-in link.
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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.core.actions import HazardState
from hardshoulder.errors import UserError
from hardshoulder.wire import IncidentData, IncidentEvent, parse_ack, parse_event
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, ProviderProcess, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from hardshoulder_sim.story import Stage, Story

SCENARIO = "motorway-shutdown-combustion"
PROFILE = "reference-combustion"
GIVE_UP_AFTER_S = 120.0
PERSON_HAS_S = 3600.0
TOW_PAUSE_S = 2.0

_CAR = ("shutdown", "hazards commanded", "lamps flash", "hazards confirmed")
_ALERT = ("detected", "alert received", "committed at the fleet", "driver asked")
_HELP = (
    "page opened",
    "price shown",
    "operator sees it",
    "tow assigned",
    "tow en route",
    "tow on site",
    "tow completed",
)

Events = queue.Queue[Stage | None]


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo shows. log: a recorded drive instead of the simulated car."""

    folder: Path
    headless: bool
    seed: int
    log: Path | None
    profile: str
    dbc: tuple[Path, ...]
    pictures: Path | None

    @property
    def needed(self) -> tuple[str, ...]:
        """The stages that have to happen; a recording has no lamps that could answer."""
        return (*(() if self.log else _CAR), *_ALERT, *_HELP)


class Witness:
    """Hears what passes through the broker: alerts to the fleet, acknowledgements to the car."""

    def __init__(self, port: int, events: Events) -> None:
        self._events = events
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        topics = [("hardshoulder/v1/+/incident", 1), ("hardshoulder/v1/+/ack", 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        wait_until(self._ready.is_set, "the witness has subscribed")

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        at_s, payload = time.time(), bytes(message.payload)
        if message.topic.endswith("/ack"):
            detail = f"the car is told to forget sequence {parse_ack(payload).sequence}"
            self._events.put(Stage("committed at the fleet", at_s, detail))
            return
        event = parse_event(payload)
        assert isinstance(event, IncidentEvent), "only alerts were subscribed to"
        for stage in _alert_stages(event.data, at_s):
            self._events.put(stage)

    def close(self) -> None:
        """Ends the connection."""
        self._client.disconnect()
        self._client.loop_stop()


def _alert_stages(alert: IncidentData, at_s: float) -> list[Stage]:
    """What one alert tells: when it was decided, and that it arrived."""
    evidence = ", ".join(item.finding.value for item in alert.evidence)
    speed = "" if alert.speed_kph_at_open is None else f" at {alert.speed_kph_at_open:.0f} km/h"
    received = Stage("alert received", at_s, f"{alert.cause.name}/{alert.cause.sub_name}, sequence {alert.sequence}")
    stages = [Stage("detected", alert.opened_at.timestamp(), f"{evidence}{speed}"), received]
    if alert.hazards is HazardState.CONFIRMED:
        stages.append(Stage("hazards confirmed", at_s, f"the daemon has seen them, sequence {alert.sequence}"))
    return stages


class CarProcess:
    """The car in real time: simulated, or a recording played onto the line."""

    def __init__(self, lines: Path, options: Options, events: Events) -> None:
        self._events = events
        line = f"slcan-pty:{lines / 'can0'}"
        if options.log is None:
            what = ["drive", SCENARIO, "--seed", str(options.seed), "--out", str(lines / "drive.log"), "--events", "-"]
        else:
            what = ["play", str(options.log)]
        command = [sys.executable, "-m", "hardshoulder_sim", *what, "--bus", line]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, name="car", daemon=True).start()
        wait_until((lines / "can0").exists, "the car's serial line is there")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        names = {"fault": "shutdown", "hazard-request": "hazards commanded", "hazards-flash": "lamps flash"}
        for line in self._process.stdout:
            if line.startswith("{") and (told := json.loads(line))["event"] in names:
                self._events.put(Stage(names[told["event"]], told["at"], told["text"]))

    def close(self) -> None:
        """Ends the drive."""
        self._process.send_signal(signal.SIGINT)  # unlike SIGTERM it lets the log be finished
        self._process.wait()


def run(options: Options, say: Callable[[str], None]) -> bool:
    """The whole story in this folder; whether every stage happened."""
    events: Events = queue.Queue()
    folder = options.folder
    with ExitStack() as stack:
        # A path to a serial line has to be short, and the folder need not be.
        lines = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        broker = stack.enter_context(Broker(folder))
        phone = stack.enter_context(Phone())
        secret = make_secret(folder)
        provider = stack.enter_context(ProviderProcess(folder, secret, TOW_PAUSE_S))
        fleet = stack.enter_context(FleetProcess(folder, broker.port, provider.port, secret, phone, PERSON_HAS_S))
        stack.callback(_keep_log, lines, folder)
        car = CarProcess(lines, options, events)
        stack.callback(car.close)
        config = write_config(
            folder, options.profile, broker.port, f"slcan:{lines / 'can0'}", bus=_bus_of(options), dbc=options.dbc
        )
        stack.enter_context(DaemonProcess(config))
        witness = Witness(broker.port, events)
        stack.callback(witness.close)
        say(f"broker, daemon, car, fleet and provider run; operator's list: {fleet.address}/operator; logs: {folder}")
        say(f"{options.log or SCENARIO} as {options.profile}" + ("" if options.log else f", seed {options.seed}"))
        driver = threading.Thread(target=_driver, args=(options, phone, fleet, events, say), daemon=True)
        driver.start()
        story = Story(options.needed, say)
        story.follow(events, GIVE_UP_AFTER_S if options.headless else PERSON_HAS_S)
        driver.join(timeout=5)  # a browser that takes its last picture
    return _conclude(story, say)


def _bus_of(options: Options) -> str:
    """The name of the profile's first bus."""
    from hardshoulder.profile import find_profile, load_profile

    return load_profile(find_profile(options.profile)).bus[0].name


def _driver(options: Options, phone: Phone, fleet: FleetProcess, events: Events, say: Callable[[str], None]) -> None:
    """Waits for the link; answers it by itself, or shows it to a person."""
    link = phone.links.get()
    events.put(Stage("driver asked", time.time(), "a message with the check-in link reaches the phone"))
    if options.headless or options.pictures:
        from hardshoulder_sim.driver_at_phone import answer

        try:
            answer(link, f"{fleet.address}/operator", events.put, options.pictures)
        except Exception as error:  # whatever the browser does, the story says what is missing
            say(f"the browser failed: {type(error).__name__}: {error}")
            events.put(None)
    else:
        say(f"open this as the driver: {link}\nand this as the operator: {fleet.address}/operator\n(Ctrl-C ends)")


def _keep_log(lines: Path, folder: Path) -> None:
    if (lines / "drive.log").exists():
        shutil.copy(lines / "drive.log", folder / "drive.log")


def _conclude(story: Story, say: Callable[[str], None]) -> bool:
    for name in story.missing:
        say(f"MISSING  {name}")
    if "lamps flash" in story.stages and not story.missing:
        say(
            f"from detection: lamps flash after {story.between_ms('detected', 'lamps flash'):.0f} ms, "
            f"the fleet has committed after {story.between_ms('detected', 'committed at the fleet'):.0f} ms"
        )
    return not story.missing


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--headless", action="store_true", help="a browser answers; the exit status tells")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="variation of the drive (default 1)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="a recorded (spliced) drive instead of the simulation")
    parser.add_argument("--profile", metavar="NAME|FILE", help="the recorded car's profile")
    parser.add_argument("--dbc", type=Path, action="append", default=[], metavar="FILE", help="its DBC file")
    parser.add_argument("--screenshot", type=Path, metavar="DIR", help="save driver's and operator's pages there")
    parser.add_argument("--folder", type=Path, default=Path("out/demo"), metavar="DIR", help="logs (out/demo)")
    given = parser.parse_args(arguments)
    if (given.log is None) != (given.profile is None):
        parser.error("--log and --profile go together")
    return Options(
        folder=given.folder.resolve(),
        headless=given.headless,
        seed=given.seed,
        log=None if given.log is None else given.log.resolve(),
        profile=given.profile or PROFILE,
        dbc=tuple(path.resolve() for path in given.dbc),
        pictures=None if given.screenshot is None else given.screenshot.resolve(),
    )


def main(arguments: list[str] | None = None) -> int:
    """0 when every stage happened, 1 when one did not, 2 for bad input."""
    options = _options(arguments)
    try:
        shutil.rmtree(options.folder, ignore_errors=True)
        options.folder.mkdir(parents=True)
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
        complete = run(options, lambda line: print(line, flush=True))
    except UserError as error:
        print("\n".join(f"scripts/demo: {problem}" for problem in error.problems), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
