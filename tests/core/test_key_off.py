"""Key-off at standstill, in every order in which the car's control units can say so or fall silent."""

from itertools import permutations

import pytest

from hardshoulder.core.actions import State
from hardshoulder.core.vocabulary import Propulsion, Value
from support.driven import Driven, driving
from support.plain import plain_car, unprotected

LAG_S = 0.7
"""From one sign to the next: longer than any finding but silence and a stall is held."""

AFTER_S = 6.0
"""Longer than parking takes, and than a drive is silent before it is a finding."""

LONG_S = 25.0
"""Longer than a stall is waited for."""

POWER: dict[str, Value] = {"power_state": "OFF"}
READY: dict[str, Value] = {"drive_ready": False}
ENGINE: dict[str, Value] = {"engine_running": False, "engine_speed": 0.0, "drive_torque": 0.0}
CONTACTORS: dict[str, Value] = {"power_connected": False}
SUPPLY: dict[str, Value] = {"supply_voltage": 8.5}
"""An old battery under the load of the fans, once nothing charges it any more."""

SIGNS = {
    Propulsion.COMBUSTION: (POWER, READY, ENGINE, SUPPLY),
    Propulsion.HYBRID: (POWER, READY, ENGINE, CONTACTORS),
    Propulsion.ELECTRIC: (POWER, READY, CONTACTORS, SUPPLY),
}
NODES = ("Power", "Drive", "Speed", "Supply")
"""What falls silent one after the other; with the drive goes all else that it sends."""


def standing(propulsion: Propulsion, *, protected: bool = True) -> Driven:
    """A car that has driven and came to a halt with the drive alive."""
    plan = plain_car(propulsion)
    driven = driving(plan if protected else unprotected(plan), 50.0, seconds=2)
    driven.say(speed=0.0, pedal_position=0.0)
    return driven.run(1)


@pytest.mark.slow
@pytest.mark.parametrize("protected", [True, False], ids=["protected", "unprotected"])
@pytest.mark.parametrize("propulsion", Propulsion)
def test_key_off_at_standstill_is_nothing_in_any_order_of_signals(propulsion: Propulsion, protected: bool) -> None:
    for order in permutations(SIGNS[propulsion]):
        driven = standing(propulsion, protected=protected)
        for sign in order:
            driven.say(**sign)
            driven.run(LAG_S)
        driven.run(AFTER_S)
        assert not driven.incidents, order
        assert driven.is_in(State.PARKED), order


@pytest.mark.slow
@pytest.mark.parametrize("propulsion", Propulsion)
def test_nodes_that_leave_in_any_order_after_key_off_are_nothing(propulsion: Propulsion) -> None:
    for order in permutations(NODES):
        driven = standing(propulsion)
        driven.say(**POWER, **READY, **ENGINE)
        driven.run(0.3)
        for node in order:
            driven.muted |= {node, "Engine", "Contactors"} if node == "Drive" else {node}
            driven.run(LAG_S)
        driven.run(AFTER_S)
        assert not driven.incidents, order


def test_signals_that_go_ahead_of_the_key_and_one_that_lags_are_nothing() -> None:
    """All of them at once, and the power mode half a minute late: the selector says that it is no stall."""
    driven = standing(Propulsion.HYBRID)
    driven.say(**READY, **ENGINE, **CONTACTORS, selected_gear="PARK")
    driven.run(LONG_S + 5.0)
    driven.say(**POWER)
    driven.run(10)
    assert not driven.incidents and driven.is_in(State.PARKED)
