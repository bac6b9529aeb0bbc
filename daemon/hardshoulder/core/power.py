"""The module's own power: awake, parked or asleep, and what is given up when the car's supply stays below its floor.

Two lines feed a module. The ignition (terminal 15) says that somebody uses the car; the permanent supply (terminal 30)
is the car's battery, and what is taken from it while it is parked is missing at the next start. So a parked car whose
buses have fallen silent sleeps; traffic on a bus, the ignition or motion wakes it.

Below its floor the radio is given up first, and the hazards long after: lamps are what keeps somebody alive, and the
radio is what she can do without once help has been asked for. Both only after the supply was known to be low for longer
than any starter takes: a start pulls 12 V down to 6 V for a second or two. A car that drives gives up nothing, because
its drive feeds more than a module takes. And nobody gives anything up for a supply that is not known.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf

from hardshoulder.core.hold import Hold

BUSY_FACTOR = 3.0
"""So many times the patience an alert that waits for the fleet may keep the radio: then the car is worth more."""


class PowerState(Enum):
    """AWAKE: somebody uses the car. PARKED: nobody does, and sleep is near. ASLEEP: nothing is done but listening."""

    AWAKE = "awake"
    PARKED = "parked"
    ASLEEP = "asleep"


@dataclass(frozen=True, slots=True)
class PowerLimits:
    """sleep_after_s: how long a parked car has to be silent; infinity: it never sleeps.

    floor_v: below it the radio is given up after radio_after_s, and hazards hazards_after_s later. They come back at
    back_above_v more than the floor, held for back_after_s.
    backup_supply: the module has a supply of its own, so the car's costs it no radio; the lamps are the car's.
    """

    sleep_after_s: float = 300.0
    floor_v: float = 12.0
    radio_after_s: float = 60.0
    hazards_after_s: float = 600.0
    back_above_v: float = 0.5
    back_after_s: float = 10.0
    backup_supply: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The car at one moment, as far as its power is concerned.

    in_use: it is not parked, or an incident is open. drives: its drive moves it. ignition, supply_v: None where nobody
    knows. heard_s: when a bus was heard last. busy: an alert is on its way over a broker that is there.
    """

    in_use: bool
    drives: bool
    ignition: bool | None
    supply_v: float | None
    heard_s: float
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """radio, hazards: whether they may be used."""

    state: PowerState
    radio: bool
    hazards: bool


@dataclass(frozen=True, slots=True)
class PowerReport:
    """What others are told. low_radio: the radio is given up for the supply's sake; hazards: they may be used."""

    state: PowerState
    ignition: bool | None
    supply_v: float | None
    low_radio: bool
    hazards: bool


class Power:
    """What the module does about its supply. Times are arguments, monotonic."""

    def __init__(self, limits: PowerLimits, now_s: float) -> None:
        self._limits = limits
        self._rest = Hold(limits.sleep_after_s)
        self._worn = Hold(limits.sleep_after_s * BUSY_FACTOR)
        self._low = Hold(limits.radio_after_s)
        self._empty = Hold(limits.radio_after_s * BUSY_FACTOR)
        self._dark = Hold(limits.hazards_after_s)
        self._well = Hold(limits.back_after_s)
        self._holds = (self._rest, self._worn, self._low, self._empty, self._dark, self._well)
        self._heard_s = now_s
        self._asleep_s = inf
        self._radio = self._hazards = True

    def look(self, car: Look, now_s: float) -> Verdict:
        """What follows from what is known now."""
        state = self._state(car, now_s)
        self._mind_supply(car, now_s)
        return Verdict(state, self._radio and state is not PowerState.ASLEEP, self._hazards)

    def next_deadline(self, now_s: float) -> float:
        """When time alone changes its mind; infinity when only the car can."""
        return min(hold.deadline_after(now_s) for hold in self._holds)

    def _state(self, car: Look, now_s: float) -> PowerState:
        used = car.in_use or car.ignition is True
        # While it sleeps, whatever is heard wakes it; before, each word puts sleep off.
        if used or car.heard_s > self._heard_s:
            self._heard_s = max(car.heard_s, self._heard_s)
            self._rest.update(False, now_s)
            self._worn.update(False, now_s)
        if used:
            return PowerState.AWAKE
        rested, worn = self._rest.update(True, now_s), self._worn.update(True, now_s)
        return PowerState.ASLEEP if worn or (rested and not car.busy) else PowerState.PARKED

    def _mind_supply(self, car: Look, now_s: float) -> None:
        limits, volts = self._limits, car.supply_v
        low = volts is not None and volts < limits.floor_v and not car.drives
        well = volts is not None and (volts >= limits.floor_v + limits.back_above_v or car.drives)
        starving, empty = self._low.update(low, now_s), self._empty.update(low, now_s)
        if starving and not limits.backup_supply and (empty or not car.busy):
            self._radio = False
        # Counted from when the radio was given up, or would have been.
        if self._dark.update(low and starving and (limits.backup_supply or not self._radio), now_s):
            self._hazards = False
        if self._well.update(well, now_s):
            self._radio = self._hazards = True
