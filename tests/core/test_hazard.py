"""The hazard lights' own machine: level, pulse and toggle, status bit and lamps."""

from dataclasses import replace
from math import inf

import pytest

from hardshoulder.core.actions import HazardState
from hardshoulder.core.hazard import Hazard
from hardshoulder.core.plan import CarPlan, CommandStyle, HazardPlan, Readback, Thresholds
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Value, Vss
from support.talker import reference_plan

PLAN = reference_plan()
COMMAND = PLAN.hazard.command
assert COMMAND is not None


class Car:
    """Lamps and status as a test sets them, heard every 10 ms."""

    def __init__(
        self, style: CommandStyle, readback: Readback, plan: CarPlan = PLAN, *, masks_indicators: bool = False
    ) -> None:
        assert COMMAND is not None
        self.senses = Senses(plan)
        command = replace(COMMAND, style=style, masks_indicators=masks_indicators)
        self.hazard = Hazard(HazardPlan(command, readback), Thresholds(), self.senses)
        self.now_s = 0.0
        self.flashes_per_minute: float | None = None
        self.status = False
        self.pressed = False
        self.stalk = "NEUTRAL"
        self.silent = False
        self.frames: list[int] = []
        self.states: list[str] = []

    def shows(self, state: HazardState) -> bool:
        return self.hazard.state is state

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now_s = round(self.now_s + 0.01, 2)
            lit = self.flashes_per_minute is not None and (self.now_s * self.flashes_per_minute / 60) % 1 < 0.5
            said: dict[Vss, Value] = {
                Vss.HAZARD_SIGNALING: self.status, Vss.INDICATOR_LEFT: lit, Vss.INDICATOR_RIGHT: lit,
                Vss.HAZARD_SWITCH: self.pressed, Vss.INDICATOR_STALK: self.stalk,
            }  # fmt: skip
            for vss, value in said.items() if not self.silent else ():
                if vss in self.senses.signals:
                    self.senses.update(vss, value, self.now_s)
            if self.hazard.look(self.now_s):
                self.states.append(self.hazard.state.value)
            self.frames += [frame.data[1] >> 4 for frame in self.hazard.due(self.now_s)]

    def press(self) -> None:
        """A finger on the switch for 0.3 s."""
        self.pressed = True
        self.run(0.3)
        self.pressed = False
        self.run(0.1)


def asked(
    style: CommandStyle = CommandStyle.LEVEL, readback: Readback = Readback.STATUS, *, masks_indicators: bool = False
) -> Car:
    car = Car(style, readback, masks_indicators=masks_indicators)
    car.run(3)
    car.hazard.request(car.now_s)
    return car


def flashing(style: CommandStyle = CommandStyle.LEVEL, *, for_s: float = 5.0, masks_indicators: bool = False) -> Car:
    """Asked for, seen to flash for that long."""
    car = asked(style, masks_indicators=masks_indicators)
    car.run(0.2)
    car.status = True
    car.run(for_s)
    assert car.shows(HazardState.CONFIRMED)
    return car


def test_nothing_is_sent_unasked() -> None:
    car = Car(CommandStyle.LEVEL, Readback.STATUS)
    car.run(10)
    assert not car.frames and car.shows(HazardState.OFF)


def test_a_level_is_repeated_until_it_is_let_go_and_then_said_off_three_times() -> None:
    car = asked()
    car.status = True
    car.run(1.95)
    assert car.frames == [1] * 20
    until_s = car.hazard.release(car.now_s)
    car.run(5)
    assert car.frames[20:] == [2, 2, 2]
    assert car.shows(HazardState.RELEASED)
    assert until_s < car.now_s


def test_a_pulse_is_sent_for_its_frames_only() -> None:
    car = asked(CommandStyle.PULSE)
    car.run(5)
    assert car.frames == [1] * COMMAND.pulse_frames  # type: ignore[union-attr]


def test_a_toggle_is_never_repeated_blindly() -> None:
    car = asked(CommandStyle.TOGGLE)
    car.run(5)
    assert car.frames == [1, 1, 1] and car.shows(HazardState.UNCONFIRMED)


@pytest.mark.parametrize(("flashing", "frames"), [(True, [1, 1, 1]), (False, [])])
def test_a_toggle_is_taken_back_only_while_the_lamps_flash(flashing: bool, frames: list[int]) -> None:
    car = asked(CommandStyle.TOGGLE)
    car.status = True
    car.run(1)
    car.status = flashing
    car.run(1)
    sent = len(car.frames)
    car.hazard.release(car.now_s)
    car.run(2)
    assert car.frames[sent:] == frames


def test_a_status_bit_confirms() -> None:
    car = asked()
    car.run(0.3)
    assert car.shows(HazardState.REQUESTED)
    car.status = True
    car.run(0.05)
    assert car.shows(HazardState.CONFIRMED)


def test_patience_with_a_status_bit_ends_after_half_a_second_and_late_lamps_still_count() -> None:
    car = asked()
    car.run(0.49)
    assert car.shows(HazardState.REQUESTED)
    car.run(0.02)
    assert car.shows(HazardState.UNCONFIRMED)
    car.status = True
    car.run(0.05)
    assert car.shows(HazardState.CONFIRMED)


@pytest.mark.parametrize("rate", [60, 90, 120])
def test_flashing_lamps_confirm_within_the_window(rate: int) -> None:
    car = asked(readback=Readback.LAMPS)
    car.flashes_per_minute = rate
    car.run(2.45)
    assert car.shows(HazardState.CONFIRMED)


def test_lamps_that_stay_on_or_dark_do_not_confirm() -> None:
    car = asked(readback=Readback.LAMPS)
    car.flashes_per_minute = 0.001
    car.run(2.6)
    assert car.shows(HazardState.UNCONFIRMED)


def test_lamps_that_flash_already_are_the_drivers() -> None:
    car = Car(CommandStyle.LEVEL, Readback.LAMPS)
    car.flashes_per_minute = 90
    car.run(3)
    car.hazard.request(car.now_s)
    car.run(3)
    assert car.shows(HazardState.DRIVERS) and not car.frames
    car.hazard.release(car.now_s)
    car.run(3)
    assert not car.frames


def test_a_car_without_a_command_cannot_be_asked() -> None:
    hazard = Hazard(HazardPlan(None, Readback.NONE), Thresholds(), Senses(PLAN))
    hazard.request(1.0)
    assert hazard.state is HazardState.UNAVAILABLE and not hazard.due(1.0)
    assert hazard.release(2.0) == 2.0 and hazard.next_deadline() == inf


def test_a_refused_request_stays_quiet() -> None:
    car = asked()
    car.run(0.05)
    car.hazard.refuse(car.now_s)
    sent = len(car.frames)
    car.run(5)
    assert len(car.frames) == sent and car.shows(HazardState.REFUSED)


def test_a_late_loop_neither_stretches_the_period_nor_sends_a_burst() -> None:
    car = asked()
    assert [car.hazard.due(at_s) != [] for at_s in (3.0, 3.13, 3.201, 3.29, 3.301, 7.0, 7.05, 7.101)] == [
        True, True, True, False, True, True, False, True,
    ]  # fmt: skip


def test_letting_go_twice_says_off_no_oftener() -> None:
    car = asked()
    car.run(1)
    car.hazard.release(car.now_s)
    car.run(2)
    sent = len(car.frames)
    car.hazard.release(car.now_s)
    car.run(2)
    assert car.shows(HazardState.RELEASED) and len(car.frames) == sent
