"""A reference car on a real pseudo-terminal, told by a test when to break down."""

import select
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.physics.driver import Indicator
from hardshoulder_sim.slcan_port import SlcanPort
from support.emulated import BridgePort
from support.talker import Talker, reference_plan

REQUEST_ID, DISPLAY_ID = 0x2A0, 0x3C0
LOST: dict[Vss, Value] = {
    Vss.ENGINE_SPEED: 0.0,
    Vss.ENGINE_RUNNING: False,
    Vss.DRIVE_READY: False,
    Vss.POWER_CONNECTED: False,
    Vss.DRIVE_TORQUE: 0.0,
}


class LiveCar:
    """Talks in real time on a thread of its own; its body controller obeys hazard requests.

    heard: every frame that somebody else put on the bus. deaf: its body controller hears no requests. also: a frame
    that it sends again and again beside its own. crowd: frames that other control units send after each of its own.
    """

    def __init__(self, link: Path | BridgePort, propulsion: str) -> None:
        """link: where its slcan adapter appears, or a port that is there already."""
        self._talker = Talker(reference_plan(propulsion))
        self._healthy = dict(self._talker.values)
        self._port = SlcanPort(link) if isinstance(link, Path) else link
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="car", daemon=True)
        self.body = BodyController()
        self.heard: list[Frame] = []
        self.deaf = False
        self.also: Frame | None = None
        self.crowd: tuple[Frame, ...] = ()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._port.close()

    @property
    def requests(self) -> list[int]:
        """What the hazard requests so far asked for: 1 on, 2 off."""
        return [frame.data[1] >> 4 for frame in list(self.heard) if frame.can_id == REQUEST_ID]

    @property
    def shown(self) -> list[int]:
        """The notices that the display was given, each once."""
        return list(dict.fromkeys(frame.data[0] for frame in list(self.heard) if frame.can_id == DISPLAY_ID))

    @property
    def hazards(self) -> bool:
        """Whether the hazard lights flash."""
        return self.body.hazard_active

    def lose_drive(self) -> None:
        """The drive dies and says so; the car rolls on."""
        self.say(LOST)

    def regain_drive(self) -> None:
        """The drive is back."""
        self.say({vss: self._healthy[vss] for vss in LOST})

    def press_hazard_button(self) -> None:
        """The driver's finger on the hazard button."""
        with self._lock:
            self.body.press_button(time.monotonic())

    def say(self, values: dict[Vss, Value]) -> None:
        """Changes what the car says."""
        with self._lock:
            self._talker.values |= values

    def put(self, frame: Frame) -> None:
        """A frame of somebody who is no part of the car as we know it."""
        self._port.send(frame)

    def _live(self) -> None:
        due_s = dict.fromkeys((message.name for message in self._talker.plan.messages), time.monotonic())
        while not self._stop.is_set():
            wait_s = max(0.0, min(due_s.values()) - time.monotonic())
            select.select([self._port], [], [], wait_s)
            now_s = time.monotonic()
            self._listen()
            with self._lock:
                self.body.step(now_s, Indicator.NEUTRAL)
                self._talker.values[Vss.HAZARD_SWITCH] = self.body.button_pressed(now_s)
                self._talker.values[Vss.HAZARD_SIGNALING] = self.hazards
                for message in self._talker.plan.messages:
                    if now_s >= due_s[message.name]:
                        due_s[message.name] += message.cycle_s
                        self._port.send(self._talker.frame(message, now_s))
                        for frame in self.crowd:
                            self._port.send(frame)
                        if self.also is not None and message.cycle_s >= 0.1:
                            self._port.send(self.also)

    def _listen(self) -> None:
        for frame in self._port.receive_ready():
            self.heard.append(frame)
            if frame.can_id == REQUEST_ID and not self.deaf:
                with self._lock:
                    self.body.receive(frame)
