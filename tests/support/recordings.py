"""Recordings of ours for tests: a recorder whose time a test tells, and the frames that it hears."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hardshoulder.core.actions import Incident, State
from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.edge.recorded import Recorded
from hardshoulder.edge.recorder import Recorder
from hardshoulder.edge.recording import Head, Kind, Moment, chunk, end_body, head_body, pieces
from hardshoulder.edge.surroundings import Clock
from hardshoulder.settings import RecorderSettings
from support.car import Said
from support.incidents import IDENTITY, incident

BUSES = ("main", "body")
HEAD = Head("incident-1", "example", "ab" * 32, "0.1.0", BUSES)
BEGIN = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)
START_US = round(BEGIN.timestamp() * 1e6)


class Times:
    """A clock that stands until a test moves it."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s
        self.trusted = True
        self.ahead_s = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(
            now_s=lambda: self.now_s,
            wall_time=lambda at_s: BEGIN + timedelta(seconds=at_s + self.ahead_s),
            trusted=lambda: self.trusted,
        )


class Bench:
    """A recorder without its thread: a test tells it what it hears, and when its turn is."""

    def __init__(self, storage: Path, times: Times | None = None, **settings: float) -> None:
        self.times, self.said, self.storage = times or Times(), Said(), storage
        told = replace(RecorderSettings(), **settings)  # type: ignore[arg-type]
        self.recorder = Recorder(told, storage, IDENTITY, BUSES, self.times.clock, self.said)
        self.heard: list[Frame] = []
        self._count = 0

    @property
    def path(self) -> Path:
        """The recording of the one incident."""
        return self.storage / "recordings" / "incident-1.hsr"

    def drive(self, seconds: float, rate: int = 100, length: int = 8) -> "Bench":
        """The car talks, and the recorder has its turn every half second."""
        for _ in range(round(seconds * 2)):
            begin_s = self.times.now_s
            for number in range(rate // 2):
                self._count += 1
                bus, data = BUSES[number % 2], self._count.to_bytes(8, "big")[:length]
                frame = Frame(begin_s + number / rate, bus, 0x100 + number % 50, data)
                self.heard.append(frame)
                self.recorder.hear(frame)
            self.times.now_s = begin_s + 0.5
            self.recorder._turn()
        return self

    def break_down(self, incident_id: str = "incident-1", state: State = State.ROLLING) -> "Bench":
        """The core reports an incident in this state."""
        now_s = self.times.now_s
        self.recorder.follow(self.incident(incident_id, state), now_s)
        return self

    def incident(self, incident_id: str = "incident-1", state: State = State.ROLLING) -> Incident:
        return replace(incident(incident_id), state=state, opened_at_s=self.times.now_s)

    def read(self, path: Path | None = None) -> Recorded:
        return Recorded((path or self.path).read_bytes())


def numbers(recorded: Recorded) -> list[int]:
    """What `drive` counted, of each frame that is there."""
    return [int.from_bytes(frame.data, "big") for frame in recorded]


def small(frames: int = 40, every_s: float = 0.05) -> list[Frame]:
    """Frames of two buses, short and long, with identifiers of both kinds."""
    return [
        Frame(
            1000.0 + number * every_s,
            BUSES[number % 2],
            (0x18DA0000 + number) | EXTENDED if number % 3 == 0 else 0x100 + number,
            bytes([number]) * (12 if number % 7 == 0 else number % 9),
        )
        for number in range(frames)
    ]


def written(frames: Iterable[Frame], *, end: bool = True) -> bytes:
    """The frames as a recording of one part."""
    numbers = {name: number for number, name in enumerate(BUSES)}
    out = [chunk(Kind.HEAD, 0, moment(1000.0), head_body(HEAD))]
    for piece in pieces(frames, numbers):
        out.append(chunk(Kind.FRAMES, len(out), moment(piece.base_us / 1e6), piece.body, piece.frames))
    if end:
        out.append(chunk(Kind.END, len(out), moment(2000.0), end_body("complete")))
    return b"".join(out)


def moment(at_s: float, *, trusted: bool = True, ahead_s: float = 0.0) -> Moment:
    return Moment(round(at_s * 1e6), START_US + round((at_s + ahead_s) * 1e6), trusted)


def told(frames: Iterable[Frame]) -> list[tuple[int, str, int, bytes]]:
    """What a reader says of these frames."""
    return [(START_US + round(frame.at_s * 1e6), frame.bus, frame.can_id, frame.data) for frame in frames]


def read(data: bytes) -> list[tuple[int, str, int, bytes]]:
    return [(frame.at_us, frame.bus, frame.can_id, frame.data) for frame in Recorded(data)]
