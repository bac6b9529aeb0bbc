"""The dead-man: when it takes over, what it does, and every way it ends."""

from itertools import pairwise
from math import inf

import pytest

from hardshoulder_bridge.protocol import End, Seen
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.physics.driver import Indicator
from hardshoulder_sim.reference import Value
from support.acts import drive, flash, press, release, silence
from support.firmware import Board
from support.pair import ASKS, CONFIRMS, INCIDENT, Pair, request

pytestmark = pytest.mark.slow

OFF, ASKED, CONFIRMED, HELD = range(4)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_word_from_linux_ends_what_the_board_holds(pair: Pair) -> None:
    pair.hold()
    pair.link()
    pair.want(ASKS)
    pair.run(0.1)
    assert pair.board.lights == CONFIRMED, "in control again"
    release(pair)
    assert (pair.board.lights, pair.board.end) == (OFF, End.RELEASED)


def test_a_lease_that_ends_ends_the_hold_too(pair: Pair) -> None:
    pair.link()
    pair.want(CONFIRMS, pair.now_s + 3.0)
    pair.run(0.3)
    pair.stop()
    pair.run(2.5)
    assert pair.board.lights == HELD
    pair.run(0.3)
    assert (pair.board.lights, pair.board.end) == (OFF, End.LEASE)


def test_a_daemon_that_slept_and_knows_better_ends_the_hold(pair: Pair) -> None:
    """It slept through its deadline with the hazards on; by the time it is back, the incident is over."""
    pair.link()
    assert pair.session is not None
    session = pair.session
    pair.want(CONFIRMS)
    pair.run(0.3)
    pair.stop()
    pair.run(0.6)
    assert pair.board.lights == HELD
    pair.session = session
    pair.want(INCIDENT)
    pair.run(0.4)
    assert (pair.board.lights, pair.board.end) == (OFF, End.RELEASED)


@pytest.mark.parametrize("seconds", [0.495, 0.505])
def test_what_was_not_confirmed_outlives_its_sender_by_the_deadline(pair: Pair, seconds: float) -> None:
    pair.link()
    pair.want(ASKS)
    pair.run(0.004)
    assert pair.board.lights == ASKED
    pair.stop()
    pair.run(seconds)
    assert pair.board.lights == (ASKED if seconds < 0.5 else OFF)
    assert pair.board.lamp is (seconds < 0.333)


def test_a_board_that_never_heard_linux_stays_out_of_the_way() -> None:
    pair = Pair()
    flash(pair)
    press(pair)
    drive(pair)
    pair.run(30.0, 0.01)
    assert pair.board.said() == b""
    assert pair.board.sent() == []
    assert (pair.board.lights, pair.board.lamp) == (OFF, False)


def test_the_lamp_flashes_ninety_times_a_minute_whoever_asks(pair: Pair) -> None:
    pair.link()
    pair.want(CONFIRMS)
    pair.run(0.3)
    pair.stop()
    changes, lit = [], pair.board.lamp
    for _ in range(20_000):
        pair.step(0.001)
        if pair.board.lamp is not lit:
            lit = not lit
            changes.append(pair.now_s)
    assert pair.board.lights == HELD
    gaps = [after - before for before, after in pairwise(changes)]
    assert all(gap == pytest.approx(0.333, abs=0.003) for gap in gaps)
    assert 20 / 0.336 - 2 < len(changes) < 20 / 0.333 + 2


def live_with(body: BodyController, pair: Pair, seconds: float) -> list[bool]:
    """Lets the simulated body controller hear what the board sends; whether it flashed, every 10 ms."""
    flashed = []
    for _ in range(round(seconds / 0.01)):
        pair.run(0.01)
        for frame in pair.board.sent():
            body.receive(frame)
        body.step(pair.now_s, Indicator.NEUTRAL)
        flashed.append(body.hazard_active)
    return flashed


def test_a_body_controller_goes_on_flashing_when_the_board_takes_over(pair: Pair) -> None:
    """Counter and checksum go on where the daemon's last frame was: none is rejected, and no flash is missed."""
    body = BodyController()
    pair.link()
    pair.want(CONFIRMS)
    assert pair.session is not None
    for number in range(5):
        pair.session.transmit(0x2A0, request(number))
        live_with(body, pair, 0.1)
    assert body.hazard_active
    pair.stop()
    silent = live_with(body, pair, 0.6)
    assert silent[:15] == [True] * 15
    assert live_with(body, pair, 5.0)[-490:] == [True] * 490
    assert body.rejected == 0
    press(pair)
    assert live_with(body, pair, 0.5)[-1] is False
    assert body.rejected == 0


def test_the_request_is_taken_back_three_times_and_then_the_bus_is_left_alone(pair: Pair) -> None:
    pair.hold()
    pair.run(1.0)
    held = pair.board.sent()
    assert {frame.data[1] >> 4 for frame in held} == {1}
    press(pair)
    pair.run(2.0)
    after = [frame.data[1] >> 4 for frame in pair.board.sent()]
    assert after.count(2) == 3
    assert after[-3:] == [2, 2, 2]


def test_a_bouncing_or_stuck_pin_is_no_press(pair: Pair) -> None:
    pair.board.switch(down=True)
    pair.run(0.2)
    pair.hold()
    for _ in range(20):
        pair.board.switch(down=False)
        pair.run(0.02)
        pair.board.switch(down=True)
        pair.run(0.02)
    assert pair.board.lights == HELD
    pair.board.switch(down=False)
    pair.run(0.05)
    pair.board.switch(down=True)
    pair.run(0.05)
    assert (pair.board.lights, pair.board.end) == (OFF, End.SWITCH)


def test_a_press_before_the_hold_does_not_end_it(pair: Pair) -> None:
    pair.link()
    pair.want(CONFIRMS)
    press(pair)
    silence(pair)
    pair.run(1.0)
    assert pair.board.lights == HELD


@pytest.mark.parametrize("before", ["silence", "no-reading", "bad-checksum"])
def test_only_an_edge_from_released_is_a_press(pair: Pair, before: str) -> None:
    pair.hold()
    pair.car_talks = False
    lamps = pair.car["BCM_Lamps"]
    if before == "no-reading":
        for _ in range(3):
            frame = pair.frame("BCM_Lamps", lamps | {"HazardSwitch": 3})
            pair.board.hear(frame.can_id, frame.data)
            pair.run(0.1)
    elif before == "silence":
        pair.run(0.6)
    pressed = pair.frame("BCM_Lamps", lamps | {"HazardSwitch": "PRESSED"})
    data = pressed.data if before != "bad-checksum" else bytes((pressed.data[0] ^ 1,)) + pressed.data[1:]
    pair.board.hear(pressed.can_id, data)
    pair.run(0.1)
    assert pair.board.lights == HELD
    for word in ("RELEASED", "PRESSED"):
        frame = pair.frame("BCM_Lamps", lamps | {"HazardSwitch": word})
        pair.board.hear(frame.can_id, frame.data)
        pair.run(0.01)
    assert pair.board.end == End.SWITCH


@pytest.mark.parametrize("interruption", ["stands", "drive-dies", "car-silent", "no-reading", "slow"])
def test_driving_on_has_to_last_without_a_break(pair: Pair, interruption: str) -> None:
    pair.hold()
    drive(pair)
    pair.run(9.4, 0.01)
    assert pair.board.lights == HELD
    cases: dict[str, tuple[str, dict[str, Value]]] = {
        "stands": ("ESC_Speed", {"VehicleSpeed": 0.0}),
        "slow": ("ESC_Speed", {"VehicleSpeed": 9.9}),
        "no-reading": ("ESC_Speed", {"VehicleSpeed": 655.35}),
        "drive-dies": ("PCM_Drive", {"DriveReady": "FAULT"}),
        "car-silent": ("ESC_Speed", {}),
    }
    changed = cases[interruption]
    before = dict(pair.car[changed[0]])
    pair.car[changed[0]] |= changed[1]
    pair.car_talks = interruption != "car-silent"
    pair.run(0.06 if pair.car_talks else 0.6)
    pair.car[changed[0]], pair.car_talks = before, True
    pair.run(9.8, 0.01)
    assert pair.board.lights == HELD
    pair.run(0.3)
    assert (pair.board.lights, pair.board.end) == (OFF, End.DROVE_ON)


def test_driving_before_the_hold_does_not_count(pair: Pair) -> None:
    """A crash is an incident too, and its car may roll with a drive that still says ready."""
    drive(pair)
    pair.link()
    pair.run(15.0, 0.01)
    pair.want(CONFIRMS)
    pair.run(0.3)
    silence(pair)
    pair.run(1.0)
    assert pair.board.lights == HELD


def test_a_supply_that_dips_is_no_end(pair: Pair) -> None:
    pair.hold()
    for _ in range(5):
        pair.board.supply(6.0)
        pair.run(1.9, 0.01)
        pair.board.supply(12.0)
        pair.run(0.01)
    pair.board.supply(65.535)
    pair.run(3.0, 0.01)
    assert pair.board.lights == HELD


def test_a_dead_bus_ends_no_hold(pair: Pair) -> None:
    pair.hold()
    pair.car_talks = False
    pair.run(120.0, 0.01)
    assert pair.board.lights == HELD


def test_a_hold_is_told_to_the_daemon_that_comes_back(pair: Pair) -> None:
    pair.hold()
    pair.link()
    pair.run(0.05)
    assert pair.session is not None
    assert pair.session.status is not None
    assert {Seen.HELD, Seen.HAZARDS_ON} <= set(pair.session.status.seen)
    press(pair)
    assert pair.session.status.end is End.SWITCH
    assert Seen.HELD not in pair.session.status.seen


def test_a_board_that_restarts_holds_nothing(pair: Pair) -> None:
    """Its memory is gone with its power; it does not guess."""
    pair.hold()
    pair.board = Board(pair.now_s)
    pair.run(1.0)
    assert pair.board.lights == OFF
    assert pair.board.sent() == []


def test_without_an_end_the_lease_has_none(pair: Pair) -> None:
    pair.link()
    pair.want(CONFIRMS, inf)
    pair.run(0.3)
    silence(pair)
    pair.run(3600.0, 0.5)
    assert pair.board.lights == HELD
