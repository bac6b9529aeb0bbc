"""Composes a long drive out of pieces: each piece adds to profile, key and events, and moves the time on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from random import Random

from hardshoulder_sim.interference import Distortion, Garbling, Interference
from hardshoulder_sim.physics.course import Act, Events, Ground, Keys, Profile, Spell
from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.case import Occurrence
from hardshoulder_sim.proving.variants import Variant

_PULLS_AWAY_MPS2 = (0.9, 1.8)
_BRAKES_MPS2 = (1.0, 2.2)
_CARRIER_MPS2 = 1.2
_CRANK_S = (0.7, 1.3)
_READY_AFTER_S = (1.8, 3.0)
ON, OFF, ACC, LOCK, START = PowerMode.ON, PowerMode.OFF, PowerMode.ACC, PowerMode.LOCK, PowerMode.START


@dataclass(slots=True)
class Composer:
    """A drive in the making. now_s, kph: where its end is, and how fast the driver wants to be there."""

    random: Random
    kind: CarKind
    variant: Variant
    now_s: float = 0.0
    kph: float = 0.0
    corners: list[tuple[float, float]] = field(default_factory=list)
    turns: list[tuple[float, PowerMode]] = field(default_factory=list)
    acts: list[Spell[Act]] = field(default_factory=list)
    slopes: list[Spell[float]] = field(default_factory=list)
    grounds: list[Spell[Ground]] = field(default_factory=list)
    faults: list[Spell[Fault]] = field(default_factory=list)
    outages: list[Spell[frozenset[str]]] = field(default_factory=list)
    wakes: list[Spell[None]] = field(default_factory=list)
    distortions: list[Spell[Distortion]] = field(default_factory=list)
    garblings: list[Spell[Garbling]] = field(default_factory=list)
    testers: list[Spell[None]] = field(default_factory=list)
    occurrences: list[Occurrence] = field(default_factory=list)

    # Driving ------------------------------------------------------------------------------

    def some(self, least: float, most: float) -> float:
        """A number in between."""
        return self.random.uniform(least, most)

    def wait(self, seconds: float) -> None:
        """Goes on as it is."""
        self.now_s += seconds
        self.corners.append((self.now_s, self.kph))

    def reach(self, kph: float) -> None:
        """Gets to that speed as an ordinary driver does."""
        span = _PULLS_AWAY_MPS2 if kph > self.kph else _BRAKES_MPS2
        self.ramp(kph, abs(kph - self.kph) / 3.6 / self.some(*span))

    def ramp(self, kph: float, seconds: float) -> None:
        """Gets to that speed within that time."""
        self.now_s += max(seconds, 0.1)
        self.kph = kph
        self.corners.append((self.now_s, kph))

    def cruise(self, least_kph: float, most_kph: float) -> None:
        """Gets to a speed in between; stays where it is when it is there already."""
        if not least_kph <= self.kph <= most_kph:
            self.reach(self.some(least_kph, most_kph))
            self.wait(self.some(1.0, 2.0))

    def halt(self) -> None:
        """Stops, and stands for a moment."""
        if self.kph > 0.0:
            self.reach(0.0)
            self.wait(self.some(1.5, 2.5))

    # The key ------------------------------------------------------------------------------

    def turn(self, mode: PowerMode) -> None:
        """The key turns now."""
        self.turns.append((self.now_s, mode))

    def start(self) -> None:
        """Starts the drive, as from the key in any position, and waits for it."""
        if self.turns and self.turns[-1][1] is not ON:
            self.turn(ON)
            self.wait(self.some(0.5, 1.0))
        self.turn(START)
        self.wait(self.some(*_CRANK_S))
        self.turn(ON)
        self.wait(self.some(*_READY_AFTER_S))

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Halts and puts the selector in park for what is inside; sets off afterwards."""
        self.halt()
        begin_s = self.now_s
        self.wait(1.0)
        yield
        self.acts.append(Spell(Act.PARKED, begin_s, self.now_s))
        self.wait(0.5)

    # What happens to it -----------------------------------------------------------------------

    @contextmanager
    def marked(self, name: str) -> Iterator[None]:
        """What is inside is one occurrence of that look-alike."""
        begin_s = self.now_s
        yield
        self.occurrences.append(Occurrence(name, round(begin_s, 3), round(self.now_s, 3)))

    def act(self, act: Act, seconds: float) -> None:
        """The driver does that for a while, from now on; time does not move."""
        self.acts.append(Spell(act, self.now_s, self.now_s + seconds))

    def out(self, nodes: frozenset[str], seconds: float, after_s: float = 0.0) -> None:
        """These nodes are silent for a while."""
        begin_s = self.now_s + after_s
        self.outages.append(Spell(nodes, begin_s, begin_s + seconds))

    def lie(self, distortion: Distortion, seconds: float, after_s: float = 0.0) -> None:
        """A signal lies for a while."""
        begin_s = self.now_s + after_s
        self.distortions.append(Spell(distortion, begin_s, begin_s + seconds))

    def carry(self, mps: float, seconds: float) -> None:
        """What the car stands on moves off, and comes to rest again; time does not move."""
        for second in range(ceil(seconds)):
            speed_mps = min(_CARRIER_MPS2 * (second + 1), mps, _CARRIER_MPS2 * (seconds - second))
            begin_s = self.now_s + second
            self.grounds.append(Spell(Ground(carrier_mps=max(speed_mps, 0.0)), begin_s, begin_s + 1.0))

    def events(self) -> Events:
        """As a scenario has them."""
        return Events(tuple(self.faults), tuple(self.acts), tuple(self.slopes), tuple(self.grounds))

    def interference(self) -> Interference:
        """As a scenario has it."""
        return Interference(
            tuple(self.outages),
            tuple(self.wakes),
            tuple(self.distortions),
            tuple(self.garblings),
            tuple(self.testers),
        )

    def profile(self) -> Profile:
        """Corners in the order of time."""
        return tuple(self.corners)

    def keys(self) -> Keys:
        """Turns of the key in the order of time."""
        return tuple(self.turns)
