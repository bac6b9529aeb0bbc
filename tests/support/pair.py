"""Both ends of the link at a time of the test's own: the daemon's session and the firmware, with a line between."""

from collections.abc import Callable
from itertools import count
from math import inf

from hardshoulder.core.frame import Frame
from hardshoulder_bridge.protocol import Wants
from hardshoulder_bridge.session import Heard, Session
from hardshoulder_sim.reference import Value, reference_messages
from support.firmware import Board

INCIDENT = Wants.INCIDENT
ASKS = Wants.INCIDENT | Wants.HAZARDS
CONFIRMS = ASKS | Wants.CONFIRMED

CAR: dict[str, dict[str, Value]] = {
    "BCM_Lamps": {
        "HazardActive": "INACTIVE", "LampLeft": 0, "LampRight": 0, "HazardSwitch": "RELEASED", "IndicatorStalk": 0,
    },
    "ESC_Speed": {"VehicleSpeed": 0.0, "Standstill": 1, "BrakePedal": 0, "BrakeSystem": 0},
    "PCM_Drive": {"DriveReady": "NOT_READY", "AcceleratorPedal": 0.0, "DriveTorque": 0.0},
}  # fmt: skip
"""What the car says of itself where the board listens."""


def clean(data: bytes) -> bytes:
    """A line that changes nothing."""
    return data


class Pair:
    """A board with the reference car around it, and a session that is `run` beside it.

    to_board, to_linux: what the line does to the bytes each way. heard: CAN frames that reached the session.
    car: what the car says; it says it every 20 ms.
    """

    def __init__(self) -> None:
        self.board = Board()
        self.to_board: Callable[[bytes], bytes] = clean
        self.to_linux: Callable[[bytes], bytes] = clean
        self.car = {name: dict(values) for name, values in CAR.items()}
        self.car_talks = True
        self.heard: list[Heard] = []
        self.session: Session | None = None
        self._sessions = count(1)
        self._count = 0
        self._talk_s = 0.0

    @property
    def now_s(self) -> float:
        """The time of both."""
        return self.board.now_s

    def start(self) -> Session:
        """A daemon starts: a session that knows nothing of the one before."""
        self.session = Session(lambda: next(self._sessions), self.now_s)
        return self.session

    def stop(self) -> None:
        """The daemon is gone, without a word."""
        self.session = None

    def run(self, seconds: float, step_s: float = 0.002) -> None:
        """Time passes."""
        end_s = self.now_s + seconds
        while self.now_s < end_s - 1e-9:
            self.step(min(step_s, end_s - self.now_s))

    def run_until(self, holds: Callable[[], bool], within_s: float = 5.0) -> None:
        """Time passes until it holds; AssertionError when it does not in time."""
        end_s = self.now_s + within_s
        while not holds():
            assert self.now_s < end_s, f"not within {within_s} s"
            self.step(0.002)

    def step(self, after_s: float) -> None:
        """Both ends do what is due, then time passes."""
        if self.session is not None:
            self.session.tick(self.now_s)
            self.board.tell(self.to_board(self.session.take_outgoing()))
        if self.car_talks and self.now_s >= self._talk_s:
            self._talk_s = self.now_s + 0.02
            self.talk()
        self.board.turn(after_s)
        said = self.to_linux(self.board.said())
        if self.session is not None:
            self.heard += self.session.receive(said, self.now_s)

    def talk(self) -> None:
        """The car says everything once."""
        self._count += 1
        for name, values in self.car.items():
            frame = self.frame(name, values)
            self.board.hear(frame.can_id, frame.data)

    def frame(self, name: str, values: dict[str, Value]) -> Frame:
        """A message of the car as it stands."""
        return reference_messages()[name].frame(self.now_s, self._count, values)

    def want(self, wants: Wants, lease_until_s: float = inf) -> None:
        """The daemon wants that from now on."""
        assert self.session is not None
        self.session.want(wants, lease_until_s, self.now_s)

    def link(self) -> None:
        """A daemon starts and is welcomed."""
        session = self.start()
        self.run_until(lambda: session.linked)
        self.run(0.01)

    def hold(self) -> None:
        """An incident with confirmed hazards, and then nobody: the board alone."""
        self.link()
        self.want(CONFIRMS)
        self.run(0.3)
        self.stop()
        self.run(0.51)
        assert self.board.lights == 3


def request(count: int, *, on: bool = True) -> bytes:
    """The hazard request of the reference car as frame number `count`."""
    values: dict[str, Value] = {"Request": 1 if on else 2}
    return reference_messages()["HSR_HazardRequest"].encode(values, count)
