"""The module's power on a clock of the test's: when it sleeps, what wakes it, what it gives up and when."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.power import Look, Power, PowerLimits, PowerState, Verdict

LIMITS = PowerLimits()
PARKED = Look(in_use=False, drives=False, ignition=False, supply_v=12.6, heard_s=0.0)
STRANDED = Look(in_use=True, drives=False, ignition=True, supply_v=12.4, heard_s=0.0)


class Module:
    """A module and the times at which its verdict changed."""

    def __init__(self, limits: PowerLimits = LIMITS) -> None:
        self.power = Power(limits, 0.0)
        self.now_s = 0.0
        self.changes: list[tuple[float, Verdict]] = []

    def look(self, car: Look, at_s: float) -> Verdict:
        """Looks at each deadline before, and then."""
        while (due_s := self.power.next_deadline(self.now_s)) <= at_s:
            self._look(car, due_s)
        return self._look(car, at_s)

    def _look(self, car: Look, at_s: float) -> Verdict:
        self.now_s = at_s
        verdict = self.power.look(replace(car, heard_s=min(car.heard_s, at_s)), at_s)
        if not self.changes or self.changes[-1][1] != verdict:
            self.changes.append((at_s, verdict))
        return verdict


def test_a_parked_car_that_is_silent_sleeps_and_traffic_wakes_it() -> None:
    module = Module()
    assert module.look(PARKED, 0.0).state is PowerState.PARKED
    assert module.look(replace(PARKED, heard_s=100.0), 100.0).state is PowerState.PARKED
    assert module.look(replace(PARKED, heard_s=100.0), 399.9).state is PowerState.PARKED, "each word puts sleep off"
    asleep = module.look(replace(PARKED, heard_s=100.0), 400.0)
    assert asleep == Verdict(PowerState.ASLEEP, radio=False, hazards=True)
    assert module.power.next_deadline(400.0) == inf or module.power.next_deadline(400.0) > 400.0 + 500.0
    assert module.look(replace(PARKED, heard_s=5000.0), 5000.0).state is PowerState.PARKED
    assert module.look(replace(PARKED, heard_s=5000.0), 5300.0).state is PowerState.ASLEEP


@pytest.mark.parametrize("used", [{"in_use": True}, {"ignition": True}])
def test_a_car_that_is_used_is_awake(used: dict[str, bool]) -> None:
    module = Module()
    module.look(PARKED, 0.0)
    assert module.look(PARKED, 300.0).state is PowerState.ASLEEP
    assert module.look(replace(PARKED, **used), 301.0).state is PowerState.AWAKE
    assert module.look(replace(PARKED, **used), 9000.0).state is PowerState.AWAKE
    assert module.look(PARKED, 9001.0).state is PowerState.PARKED
    assert module.look(PARKED, 9301.0).state is PowerState.ASLEEP


def test_an_ignition_that_nobody_knows_keeps_nothing_awake() -> None:
    module = Module()
    module.look(replace(PARKED, ignition=None), 0.0)
    assert module.look(replace(PARKED, ignition=None), 300.0).state is PowerState.ASLEEP


def test_an_alert_on_its_way_puts_sleep_off_and_not_for_ever() -> None:
    module, busy = Module(), replace(PARKED, busy=True)
    module.look(busy, 0.0)
    assert module.look(busy, 899.9).state is PowerState.PARKED
    assert module.look(busy, 900.0).state is PowerState.ASLEEP


def test_a_car_that_never_sleeps() -> None:
    module = Module(replace(LIMITS, sleep_after_s=inf))
    module.look(PARKED, 0.0)
    assert module.look(PARKED, 1e9).state is PowerState.PARKED


def test_below_the_floor_the_radio_goes_first_and_hazards_long_after() -> None:
    module, low = Module(), replace(STRANDED, supply_v=11.9)
    module.look(STRANDED, 0.0)
    module.look(low, 10.0)
    module.look(low, 2000.0)
    assert [(at_s, verdict.radio, verdict.hazards) for at_s, verdict in module.changes] == [
        (0.0, True, True),
        (70.0, False, True),
        (670.0, False, False),
    ]


@given(st.floats(min_value=3.0, max_value=11.9), st.floats(min_value=0.1, max_value=59.0))
def test_cranking_gives_up_nothing(volts: float, lasts_s: float) -> None:
    """12 V at 6 V for as long as a starter takes and much longer, in a car that stands or is stranded."""
    for car in (PARKED, STRANDED):
        module = Module()
        module.look(car, 0.0)
        module.look(replace(car, supply_v=volts, ignition=True), 10.0)
        module.look(replace(car, supply_v=volts, ignition=True), 10.0 + lasts_s)
        after = module.look(replace(car, supply_v=12.1), 10.1 + lasts_s)
        assert after.radio and after.hazards
        module.look(replace(car, supply_v=volts), 20.0 + lasts_s)
        again = module.look(replace(car, supply_v=12.1), 20.0 + 2 * lasts_s)
        assert again.radio and again.hazards, "two dips do not add up"


def test_it_comes_back_well_above_the_floor_and_after_a_while() -> None:
    module, low = Module(), replace(STRANDED, supply_v=11.5)
    module.look(low, 0.0)
    assert not module.look(low, 700.0).hazards
    for at_s, volts in ((701.0, 12.3), (800.0, 12.3), (801.0, 12.6), (805.0, 12.4), (806.0, 12.6)):
        assert module.look(replace(STRANDED, supply_v=volts), at_s) == Verdict(PowerState.AWAKE, False, False)
    assert module.look(replace(STRANDED, supply_v=12.6), 816.0) == Verdict(PowerState.AWAKE, True, True)


def test_a_supply_that_nobody_knows_changes_nothing() -> None:
    module, low = Module(), replace(STRANDED, supply_v=11.5)
    unknown = replace(STRANDED, supply_v=None)
    module.look(low, 0.0)
    module.look(unknown, 50.0)
    assert module.look(unknown, 5000.0).radio
    module.look(low, 5001.0)
    assert not module.look(low, 5061.0).radio
    assert not module.look(unknown, 9000.0).radio, "and gives nothing back"


def test_a_car_that_drives_gives_up_nothing() -> None:
    """An alternator that died: the drive to the garage is the worst time to lose the radio."""
    module, drives = Module(), replace(STRANDED, supply_v=11.0, drives=True)
    module.look(drives, 0.0)
    assert module.look(drives, 5000.0) == Verdict(PowerState.AWAKE, True, True)
    module.look(replace(drives, drives=False), 5001.0)
    assert not module.look(replace(drives, drives=False), 5061.0).radio
    module.look(drives, 5100.0)
    assert module.look(drives, 5110.0).radio


def test_an_alert_on_its_way_keeps_the_radio_and_not_for_ever() -> None:
    module, low = Module(), replace(STRANDED, supply_v=11.5, busy=True)
    module.look(low, 0.0)
    assert module.look(low, 179.9).radio
    assert module.look(low, 180.0) == Verdict(PowerState.AWAKE, False, True)
    assert module.look(low, 780.0) == Verdict(PowerState.AWAKE, False, False)


def test_a_module_with_a_supply_of_its_own_keeps_its_radio() -> None:
    """The lamps are the car's all the same, and go when they would have gone without it."""
    module = Module(replace(LIMITS, backup_supply=True))
    low = replace(STRANDED, supply_v=4.0)
    module.look(low, 0.0)
    module.look(low, 5000.0)
    assert [(at_s, verdict.radio, verdict.hazards) for at_s, verdict in module.changes] == [
        (0.0, True, True),
        (660.0, True, False),
    ]


@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0.0, max_value=400.0),
            st.booleans(),
            st.booleans(),
            st.sampled_from([None, True, False]),
            st.one_of(st.none(), st.floats(min_value=0.0, max_value=16.0)),
            st.booleans(),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_hazards_are_never_given_up_before_the_radio(
    steps: list[tuple[float, bool, bool, bool | None, float | None, bool]], backup: bool
) -> None:
    module = Module(replace(LIMITS, backup_supply=backup))
    now_s = 0.0
    for after_s, in_use, drives, ignition, volts, busy in steps:
        now_s += after_s
        car = Look(in_use, drives, ignition, volts, heard_s=now_s if busy else 0.0, busy=busy)
        verdict = module.look(car, now_s)
        assert verdict.hazards or backup or not verdict.radio
        assert (verdict.state is PowerState.AWAKE) == (in_use or ignition is True)
        assert verdict.state is not PowerState.ASLEEP or not verdict.radio
