"""The hazard lights in every state at every event, and in any story: what holds whatever happens."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.test_hazard import Car, asked, flashing
from core.test_hazard_driver import PLAN, drivers
from hardshoulder.core.actions import HazardState
from hardshoulder.core.hazard import Hazard
from hardshoulder.core.plan import CommandStyle, HazardPlan, Readback, Thresholds
from hardshoulder.core.signals import Senses
from hardshoulder.core.vocabulary import Vss
from support.plain import each


def _overruled() -> Car:
    car = flashing()
    car.press()
    return car


def _unconfirmed() -> Car:
    car = asked()
    car.run(1)
    return car


def _refused() -> Car:
    car = flashing()
    car.hazard.refuse(car.now_s)
    return car


def _released() -> Car:
    car = flashing()
    car.hazard.release(car.now_s)
    return car


def _unavailable() -> Car:
    car = Car(CommandStyle.LEVEL, Readback.STATUS)
    car.hazard = Hazard(HazardPlan(None, Readback.STATUS), Thresholds(), car.senses)
    car.run(1)
    car.hazard.request(car.now_s)
    return car


STATES: dict[str, Callable[[], Car]] = {
    "off": lambda: Car(CommandStyle.LEVEL, Readback.STATUS),
    "requested": asked,
    "confirmed": flashing,
    "unconfirmed": _unconfirmed,
    "refused": _refused,
    "unavailable": _unavailable,
    "drivers": drivers,
    "released": _released,
    "overruled": _overruled,
}


def _show(status: bool) -> Callable[[Car], None]:
    def show(car: Car) -> None:
        car.status = status
        car.run(3)

    return show


EVENTS: dict[str, Callable[[Car], object]] = {
    "request": lambda car: car.hazard.request(car.now_s),
    "crash": lambda car: car.hazard.request(car.now_s, crash=True),
    "refuse": lambda car: car.hazard.refuse(car.now_s),
    "release": lambda car: car.hazard.release(car.now_s),
    "drove-on": lambda car: car.hazard.drove_on(),
    "flash": _show(True),
    "dark": _show(False),
    "silence": lambda car: setattr(car, "silent", True),
    "press": lambda car: car.press(),
}


def sound(car: Car, sent: int) -> None:
    """What holds whatever happened."""
    hazard, state = car.hazard, car.hazard.state
    if state in (HazardState.OFF, HazardState.UNAVAILABLE, HazardState.DRIVERS, HazardState.REFUSED):
        assert 1 not in car.frames[sent:], "asked for in a state that asks for nothing"
    if hazard.overruled:
        assert state is HazardState.RELEASED
    if state is HazardState.UNAVAILABLE:
        assert car.frames == []
    assert hazard.next_deadline() > car.now_s or hazard.next_deadline() == inf


@pytest.mark.parametrize(("state", "event"), list(product(STATES, EVENTS)))
def test_every_state_takes_every_event(state: str, event: str) -> None:
    car = STATES[state]()
    EVENTS[event](car)
    car.hazard.look(car.now_s)
    car.hazard.due(car.now_s)
    sent = len(car.frames)
    car.run(0.7)
    sound(car, sent)
    if event == "press" and state in ("confirmed", "drivers"):
        assert car.hazard.overruled
    if event == "refuse" and state in ("requested", "confirmed", "unconfirmed"):
        assert car.shows(HazardState.REFUSED)
    if event == "crash" and state in ("overruled", "released", "refused"):
        assert car.hazard.state is not HazardState.RELEASED
    if event == "request" and state == "overruled":
        assert car.shows(HazardState.RELEASED)
    if state == "drivers" and event != "dark":
        assert 1 not in car.frames and 2 not in car.frames


@given(
    st.sampled_from(CommandStyle),
    st.sampled_from(Readback),
    st.lists(st.tuples(st.sampled_from(sorted(EVENTS)), st.sampled_from([0.0, 0.1, 0.7, 2.5])), max_size=12),
)
def test_any_story_stays_sound(style: CommandStyle, readback: Readback, story: list[tuple[str, float]]) -> None:
    car = Car(style, readback)
    car.run(0.5)
    for event, seconds in story:
        EVENTS[event](car)
        sent = len(car.frames)
        car.run(seconds + 0.01)
        sound(car, sent)


def test_a_car_that_tells_neither_switch_nor_stalk_is_no_error() -> None:
    bare = each(PLAN, lambda m: replace(m, signals=tuple(s for s in m.signals if s.vss is Vss.SPEED)))
    hazard = Hazard(HazardPlan(None, Readback.NONE), Thresholds(), Senses(bare))
    hazard.request(1.0)
    assert not hazard.look(2.0) and hazard.state is HazardState.UNAVAILABLE
