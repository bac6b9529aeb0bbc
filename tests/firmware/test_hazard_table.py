"""The hazards' table of docs/PROTOCOL.md: every state meets every event."""

from collections.abc import Callable

import pytest

from hardshoulder_bridge.protocol import End, Wants
from support.acts import (
    come_back,
    drive_on,
    drop_supply,
    flash,
    press,
    press_pin,
    release,
    silence,
)
from support.pair import ASKS, CONFIRMS, INCIDENT, Pair

pytestmark = pytest.mark.slow

OFF, ASKED, CONFIRMED, HELD = range(4)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def sleep_without_incident(pair: Pair) -> None:
    """The last heartbeat says that no incident is open, and then none comes."""
    pair.want(wants_of(pair) & ~Wants.INCIDENT)
    pair.run(0.01)
    silence(pair)


def wants_of(pair: Pair) -> Wants:
    return {OFF: INCIDENT, ASKED: ASKS, CONFIRMED: CONFIRMS, HELD: Wants(0)}[pair.board.lights]


def ask(pair: Pair) -> None:
    pair.want(ASKS)
    pair.run(0.05)


def confirm(pair: Pair) -> None:
    """The lamp is asked for, and the next heartbeat says that it flashes."""
    pair.want(CONFIRMS)
    pair.run(0.15)


def wait(pair: Pair) -> None:
    pair.run(1.0)


def lease_ends(pair: Pair) -> None:
    pair.want(wants_of(pair), pair.now_s + 0.1)
    pair.run(0.2)


def enter(pair: Pair, lights: int) -> None:
    """Brings the board into a state."""
    pair.link()
    pair.want({OFF: INCIDENT, ASKED: ASKS}.get(lights, CONFIRMS))
    pair.run(0.3)
    if lights == HELD:
        pair.stop()
        pair.run(0.55)
        come_back(pair)
    assert pair.board.lights == lights


Event = Callable[[Pair], None]
# event -> what OFF, ASKED, CONFIRMED and HELD become, and why it ended where it did.
TABLE: list[tuple[Event, tuple[int, int, int, int], End]] = [
    (wait, (OFF, ASKED, CONFIRMED, HELD), End.NEVER),
    (ask, (ASKED, ASKED, CONFIRMED, CONFIRMED), End.NEVER),
    (confirm, (CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED), End.NEVER),
    (release, (OFF, OFF, OFF, HELD), End.RELEASED),
    (silence, (OFF, OFF, HELD, HELD), End.SILENT),
    (sleep_without_incident, (OFF, OFF, OFF, HELD), End.SILENT),
    (come_back, (OFF, OFF, HELD, HELD), End.SILENT),
    (flash, (OFF, CONFIRMED, CONFIRMED, HELD), End.NEVER),
    (press, (OFF, ASKED, CONFIRMED, OFF), End.SWITCH),
    (press_pin, (OFF, ASKED, CONFIRMED, OFF), End.SWITCH),
    (drive_on, (OFF, ASKED, CONFIRMED, OFF), End.DROVE_ON),
    (drop_supply, (OFF, ASKED, CONFIRMED, OFF), End.SUPPLY),
    (lease_ends, (OFF, OFF, OFF, HELD), End.LEASE),
]
NAMES = [
    "time", "asked", "confirmed", "released", "silence", "silence-no-incident", "new-daemon", "car-flashes", "switch",
    "switch-pin", "drives-on", "supply", "lease",
]  # fmt: skip


@pytest.mark.parametrize("before", [OFF, ASKED, CONFIRMED, HELD], ids=["off", "asked", "confirmed", "held"])
@pytest.mark.parametrize(("event", "after", "end"), TABLE, ids=NAMES)
def test_every_state_meets_every_event(
    pair: Pair, before: int, event: Event, after: tuple[int, int, int, int], end: End
) -> None:
    enter(pair, before)
    event(pair)
    assert pair.board.lights == after[before]
    if before != OFF and after[before] == OFF:
        assert pair.board.end == end
