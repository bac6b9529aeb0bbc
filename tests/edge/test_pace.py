"""When a busy bus is left alone for a moment, and when it is not."""

import selectors
from types import SimpleNamespace

import pytest

from hardshoulder.edge import pace as module
from hardshoulder.edge.pace import REST_S, Pace


class Clock(selectors.DefaultSelector):
    """A clock that only sleeping and waiting move, and a selector on which nothing ever is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.slept: list[float] = []
        self.waited: list[float | None] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.waited.append(timeout)
        return []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now_s, sleep=clock.sleep))
    return clock


def read(clock: Clock, pace: Pace, count: int, after_s: float) -> None:
    clock.now_s += after_s
    pace.came(count)


@pytest.mark.parametrize(
    ("count", "after_s", "rests"),
    [
        (1, 0.00025, True),
        (1, REST_S / 2, True),
        (12, REST_S, True),
        (1, 0.002, False),
        (2, 0.01, False),
        (0, 0.01, False),
    ],
)
def test_frames_gather_when_two_would_come_meanwhile(clock: Clock, count: int, after_s: float, rests: bool) -> None:
    pace = Pace(clock)
    read(clock, pace, count, after_s)
    pace.wait(1.0, calm=True)
    assert clock.slept == ([REST_S] if rests else [])
    assert clock.waited == pytest.approx([1.0 - REST_S if rests else 1.0])


def test_whoever_suspects_something_does_not_rest(clock: Clock) -> None:
    pace = Pace(clock)
    read(clock, pace, 1, 0.00025)
    pace.wait(1.0, calm=False)
    assert not clock.slept


def test_a_rest_ends_with_the_next_deadline(clock: Clock) -> None:
    pace = Pace(clock)
    read(clock, pace, 1, 0.00025)
    pace.wait(0.001, calm=True)
    assert (clock.slept, clock.waited) == ([0.001], [0.0])


def test_a_bus_that_falls_silent_is_waited_for_as_any_other(clock: Clock) -> None:
    pace = Pace(clock)
    read(clock, pace, 1, 0.00025)
    pace.wait(1.0, calm=True)
    read(clock, pace, 0, 1.0)
    pace.wait(1.0, calm=True)
    assert len(clock.slept) == 1
