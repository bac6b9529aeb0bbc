"""The whole circle of the demo: real parties on loopback, and the story that they tell.

mosquitto, the daemon, a car behind a serial line, the fleet, a towing provider, and a phone that
receives the check-in link. A browser answers in the driver's place, or a person does.
"""

import math
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hardshoulder.config import make_bundle
from hardshoulder.profile import find_profile, load_profile, shipped_profiles
from hardshoulder_sim.browser import browser_programs
from hardshoulder_sim.car_process import CarProcess
from hardshoulder_sim.commissioning import commission
from hardshoulder_sim.demo_options import Options
from hardshoulder_sim.driver_at_phone import answer
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, ProviderProcess, make_secret
from hardshoulder_sim.fleet_watch import Ending, FleetWatch
from hardshoulder_sim.processes import Broker, Child, DaemonProcess, mosquitto, write_config
from hardshoulder_sim.recordings.breakdown import Breakdown, find_breakdown
from hardshoulder_sim.reference import BUS
from hardshoulder_sim.story import Events, Stage, Story
from hardshoulder_sim.witness import Witness

SCENARIO = "motorway-shutdown-combustion"
ASKED_WITHIN_S = 120.0
HELPED_WITHIN_S = 120.0
PERSON_HAS_S = 3600.0
TOW_PAUSE_S = 2.0
LINGER_S = 15.0
"""After an end, a person may still look at the page, or change the end: `safe` can become `tow`."""

_LAMPS = ("shutdown", "hazards commanded", "lamps flash", "hazards confirmed")
_ALERT = ("detected", "alert received", "committed at the fleet", "driver asked")
_HELP = (
    "page opened",
    "answered",
    "price shown",
    "tow ordered",
    "operator sees it",
    "tow assigned",
    "tow en route",
    "tow on site",
    "tow completed",
)

Say = Callable[[str], None]


class Interrupted(Exception):
    """Somebody wants it to end before everything has begun."""


@dataclass(slots=True)
class Circle:
    """All parties, while they run. children: in the order of their start."""

    phone: Phone
    fleet: FleetProcess
    watch: FleetWatch
    events: Events
    commissioned: bool
    children: list[Child] = field(default_factory=list)

    @property
    def operator(self) -> str:
        """The address of the operator's list."""
        return f"{self.fleet.address}/operator"

    @property
    def dead(self) -> Child | None:
        """A party that ended by itself; none may."""
        return next((child for child in self.children if not child.running), None)


def run(options: Options, say: Say, interrupted: Callable[[], bool] = lambda: False) -> bool:
    """The whole story in the folder of the options; whether it is complete.

    Raises UserError for bad input and for a party that cannot be started.
    """
    mosquitto()
    if options.headless:
        browser_programs()
    log = options.log
    breakdown = None if log is None else find_breakdown(log, options.profile, options.dbc, options.from_s)
    with ExitStack() as stack:
        try:
            circle = _begin(stack, options, breakdown, interrupted)
        except Interrupted:
            return False
        say(f"broker, daemon, car, fleet and provider run; operator's list: {circle.operator}; logs: {options.folder}")
        if circle.commissioned:
            say("commissioned: the car fits its profile, its hazards flashed at rest, and its driver said so")
        say(_title(options, breakdown))
        driver: _Browser | _Person
        if options.headless:
            driver = stack.enter_context(_Browser(circle, options.pictures, say))
        else:
            driver = _Person(circle, say)
        asked_within_s = ASKED_WITHIN_S + (0.0 if breakdown is None else breakdown.suspected_s - breakdown.from_s)
        return _tell(circle, driver, Story(_needed(options), say), asked_within_s, interrupted)


def _title(options: Options, breakdown: Breakdown | None) -> str:
    if breakdown is None:
        return f"{SCENARIO} as {options.profile}, seed {options.seed}"
    where = f"from {breakdown.from_s:.1f} s on; by a replay it breaks down at {breakdown.suspected_s:.1f} s"
    return f"{options.log} as {options.profile}, {where}"


def _needed(options: Options) -> tuple[str, ...]:
    """The stages that have to happen. A recording has no lamps that could answer; a person may choose."""
    return (*(() if options.log else _LAMPS), *_ALERT, *(_HELP if options.headless else ()))


# Beginning ----------------------------------------------------------------------------------


def _begin(stack: ExitStack, options: Options, breakdown: Breakdown | None, interrupted: Callable[[], bool]) -> Circle:
    """Starts every party; the stack ends them. Raises Interrupted between two of them."""
    folder, events = options.folder, Events()
    children: list[Child] = []

    def start(child: Child) -> None:
        if interrupted():
            raise Interrupted
        stack.enter_context(child)
        children.append(child)

    # A path to a serial line has to be short, and the folder need not be.
    lines = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
    stack.callback(_keep_log, lines, folder)
    asked = "a message with the check-in link reaches the phone"
    phone = stack.enter_context(Phone(lambda: events.put(Stage("driver asked", time.time(), asked))))
    start(broker := Broker(folder))
    secret = make_secret(folder)
    start(provider := ProviderProcess(folder, secret, TOW_PAUSE_S))
    fleet = FleetProcess(folder, broker.port, provider.port, secret, phone, PERSON_HAS_S)
    watch = FleetWatch(fleet.address, fleet.database, events.put)
    stack.callback(watch.close)
    start(fleet)
    watch.start()
    witness = Witness(broker.port, events.put)
    stack.callback(witness.close)
    witness.start()
    config = _config(options, breakdown, broker.port, f"slcan:{lines / 'can0'}")
    commissioned = _commission(config, lines / "can0", interrupted)
    start(CarProcess(lines / "can0", _car_command(options, breakdown, lines), folder / "car.log", events.put))
    start(DaemonProcess(config))
    return Circle(phone, fleet, watch, events, commissioned, children)


def _car_command(options: Options, breakdown: Breakdown | None, lines: Path) -> list[str]:
    if breakdown is None:
        return ["drive", SCENARIO, "--seed", str(options.seed), "--out", str(lines / "drive.log"), "--events", "-"]
    channel = [] if breakdown.channel is None else ["--channel", breakdown.channel]
    return ["play", str(options.log), "--from", str(breakdown.from_s), *channel]


def _config(options: Options, breakdown: Breakdown | None, broker_port: int, url: str) -> Path:
    profile, bus = (options.profile, BUS) if breakdown is None else (str(breakdown.profile), breakdown.bus)
    return write_config(
        options.folder, profile, broker_port, url, bus=bus, dbc=options.dbc, mode=_mode(profile), commissioned=False
    )


def _mode(profile: str) -> str:
    """A recorded car that takes commands stands nowhere to be commissioned; only ours does."""
    path = find_profile(profile)
    ours = path.name.startswith("reference-") and path in shipped_profiles().values()
    return "armed" if ours or load_profile(path).hazard.command is None else "monitor"


def _commission(config: Path, line: Path, interrupted: Callable[[], bool]) -> bool:
    """As with any car that is to be armed, and whether it was; the one that stands in for a recording is simulated."""
    bundle = make_bundle(config)
    if not (bundle.settings.armed and bundle.allowed):
        return False
    return commission(config, line, bundle.plan.propulsion, interrupted) != ""


def _keep_log(lines: Path, folder: Path) -> None:
    if (lines / "drive.log").exists():
        shutil.copy(lines / "drive.log", folder / "drive.log")


# The driver ---------------------------------------------------------------------------------


class _Browser:
    """Answers in the driver's place, on a thread of its own. failed: it could not go on."""

    def __init__(self, circle: Circle, pictures: Path | None, say: Say) -> None:
        self._circle, self._pictures, self._say = circle, pictures, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="driver")
        self._done = False
        self._until_s = math.inf
        self.failed = False

    def __enter__(self) -> "_Browser":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def over(self) -> bool:
        """Whether nothing more comes of her, or she has waited for too long."""
        return self._done or self.failed or time.monotonic() > self._until_s

    def _answer(self) -> None:
        link = None
        while link is None and not self._stop.is_set():
            link = _next_link(self._circle, wait_s=0.1)
        if link is None:
            return
        self._until_s = time.monotonic() + HELPED_WITHIN_S
        try:
            answer(link, self._circle.operator, self._circle.events.put, self._pictures, self._stop.is_set)
            self._done = True
        except Exception as error:  # whatever the browser does, the story says what is missing
            first_line = str(error).strip().partition("\n")[0]
            self._say(f"the browser failed: {type(error).__name__}: {first_line}")
            self.failed = True


class _Person:
    """Is shown the links, and may take her time; the demo ends some time after the fleet's story does."""

    failed = False

    def __init__(self, circle: Circle, say: Say) -> None:
        self._circle, self._say = circle, say
        self._ending: Ending | None = None
        self._until_s = 0.0

    def over(self) -> bool:
        """Whether an end of the story has stood for a while."""
        if (link := _next_link(self._circle, wait_s=0.0)) is not None:
            self._say(f"open this as the driver: {link}\nand this as the operator: {self._circle.operator}")
            self._say("(the demo goes on as you choose; Ctrl-C ends it)")
        ending = self._circle.watch.ending
        if not self._circle.events.empty():
            return False  # what led to the ending comes first
        if ending != self._ending:
            self._ending, self._until_s = ending, time.monotonic() + LINGER_S
            if ending is not None:
                self._say(
                    f"An end of the story: {ending.why}. The demo ends in {LINGER_S:.0f} s, unless the story goes on."
                )
        return ending is not None and time.monotonic() > self._until_s


def _next_link(circle: Circle, wait_s: float) -> str | None:
    try:
        return circle.phone.links.get(timeout=wait_s) if wait_s else circle.phone.links.get_nowait()
    except queue.Empty:
        return None


# Telling ------------------------------------------------------------------------------------


def _tell(
    circle: Circle, driver: _Browser | _Person, story: Story, asked_within_s: float, interrupted: Callable[[], bool]
) -> bool:
    """Until the driver's part is over, or something keeps it from coming to that; whether all went well."""
    ask_until_s = time.monotonic() + asked_within_s

    def over() -> bool:
        if interrupted() or circle.dead is not None:
            return True
        nobody_asked = "driver asked" not in story.stages and time.monotonic() > ask_until_s
        return nobody_asked or driver.over()

    story.follow(circle.events, over)
    if interrupted():
        return False
    if circle.dead is not None:
        story.say(f"{circle.dead.name} has ended by itself; its log is {circle.dead.log_file}")
    for name in story.missing:
        story.say(f"MISSING  {name}")
    complete = not story.missing and not driver.failed and circle.dead is None
    if complete:
        _conclude(story)
    return complete


def _conclude(story: Story) -> None:
    if "lamps flash" in story.stages:
        story.say(
            f"from detection: lamps flash after {story.between_ms('detected', 'lamps flash'):.0f} ms, "
            f"the fleet has committed after {story.between_ms('detected', 'committed at the fleet'):.0f} ms"
        )
