"""Frames at the core: any of them in any order at any time, at the responder, the permit and the recorder's side.

An input is a row of steps of `STEP` bytes: what, how long, which, and eight bytes of data. Most of them change what a
message says or stop it, and let the car talk on; protected as it does, so that what was made up reaches the rules.
"""

import random
from collections.abc import Callable
from functools import cache
from itertools import count
from math import isfinite
from pathlib import Path

from hardshoulder.compile import compile_profile
from hardshoulder.core.actions import Action, Lease, Transmit
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, Frame
from hardshoulder.core.permit import Permit
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.protection import protect
from hardshoulder.core.responder import Responder
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.profile import find_profile
from hardshoulder.sending import allow_list
from hardshoulder_fuzz.target import Check, Target
from support.recorded import CRUISING, payload

STEP = 11
CARS = ("reference-combustion", "reference-hybrid", "reference-electric")
MOST_FRAMES = 1_500
MOST_SECONDS = 600.0
SAY, TALK, MUTE, AS_IT_IS, ANY, LEAP, HOLE, PLUG, BACK, HEARD, REFUSED = range(11)
"""What a step does: a message says something else, the car talks on, a message falls silent or speaks again, a frame
of the car without protection, any frame, time passes, a hole, a lost bus, a frame from the past, the fleet's word,
the permit's refusal."""

_BROKEN: dict[Vss, Value] = CRUISING | {
    Vss.ENGINE_RUNNING: False, Vss.ENGINE_SPEED: 0.0, Vss.DRIVE_READY: False, Vss.DRIVE_TORQUE: 0.0,
    Vss.POWER_CONNECTED: False, Vss.POWER_STATE: "OFF",
}  # fmt: skip


@cache
def plan_of(number: int) -> CarPlan:
    """One of the cars, compiled once."""
    return compile_profile(find_profile(CARS[number % len(CARS)]))


class Bench:
    """A responder with its permit, and the car that talks to it. The clock never runs backwards."""

    def __init__(self, plan: CarPlan) -> None:
        numbers = count(1)
        self.responder = Responder(plan, lambda: f"incident-{next(numbers)}")
        self.permit = Permit(allow_list(plan), armed=True)
        self.now_s = 0.0
        self._messages = plan.messages
        self._buses = plan.buses
        self._begin()
        self._take(self.responder.tick(0.0))

    def _begin(self) -> None:
        self._says = {message.name: payload(message, 0, CRUISING) for message in self._messages}
        self._due_s = {message.name: self.now_s for message in self._messages}
        self._counts = dict.fromkeys(self._says, 0)
        self._silent: set[str] = set()

    def input(self, data: bytes) -> None:
        """All the steps of one input. Raises whatever the core does, and AssertionError for what it must not do."""
        self._begin()
        self._frames, self._until_s = 0, self.now_s + MOST_SECONDS
        for at in range(0, len(data) - STEP + 1, STEP):
            self._step(data[at : at + STEP])
            if self._frames > MOST_FRAMES or self.now_s > self._until_s:
                return

    def _step(self, step: bytes) -> None:
        what, long, which, said = step[0] % 11, step[1], step[2], step[3:]
        message = self._messages[which % len(self._messages)]
        if what == SAY:
            self._says[message.name] = said.ljust(message.length, b"\0")[: message.length]
        elif what == TALK:
            self._talk(self.now_s + long / 50)
        elif what == MUTE:
            self._silent ^= {message.name}
        elif what == AS_IT_IS:
            self._hear(message.bus, message.can_id, said[: long % 9])
        elif what == ANY:
            number = int.from_bytes(said[:4], "big")
            can_id = number & EXTENDED_ID_MAX | EXTENDED if number & EXTENDED else number & STANDARD_ID_MAX
            self._hear(self._buses[which % len(self._buses)], can_id, said * (long % 9))
        else:
            self._happen(what, long, message, self._buses[which % len(self._buses)])

    def _happen(self, what: int, long: int, message: MessagePlan, bus: str) -> None:
        if what == LEAP:
            self._pass(self.now_s + (long / 50 if long < 128 else (long - 127) ** 2 / 200))
        elif what == HOLE:
            self.now_s += long
            self._take(self.responder.hole(self.now_s))
        elif what == PLUG:
            self._take(self.responder.lost_bus(bus, self.now_s))
        elif what == BACK:
            said = self._sealed(message)
            self._take(self.responder.receive(Frame(self.now_s - long, message.bus, message.can_id, said)))
        elif what == HEARD:
            incident = self.responder.incident
            named = f"incident-{long}" if incident is None or long else incident.incident_id
            self._take(self.responder.acknowledged(named, self.now_s))
        elif what == REFUSED:
            self._take(self.responder.hazards_refused(self.now_s))

    def _talk(self, until_s: float) -> None:
        """The car says what it says, each message at its cycle."""
        while (at_s := min(self._due_s.values())) <= until_s and self._frames <= MOST_FRAMES:
            at_s = max(at_s, self.now_s)
            for message in self._messages:
                if self._due_s[message.name] <= at_s:
                    self._due_s[message.name] = at_s + message.cycle_s
                    if message.name not in self._silent:
                        self._pass(at_s)
                        self._hear(message.bus, message.can_id, self._sealed(message))
        self._pass(until_s)

    def _sealed(self, message: MessagePlan) -> bytes:
        number = self._counts[message.name] = self._counts[message.name] + 1
        counter = None if message.counter is None else (message.counter, number)
        return protect(message.can_id, self._says[message.name], counter, message.checksum)

    def _hear(self, bus: str, can_id: int, data: bytes) -> None:
        self._frames += 1
        self._take(self.responder.receive(Frame(self.now_s, bus, can_id, data)))

    def _pass(self, until_s: float) -> None:
        """Lets time pass as the daemon does, from one deadline to the next."""
        for _ in range(20_000):
            due_s = self.responder.next_deadline()
            if due_s >= until_s:
                break
            self.now_s = max(self.now_s, due_s)
            self._take(self.responder.tick(self.now_s))
            assert self.responder.next_deadline() > due_s, "a deadline that was fired is due again at once"
        else:
            raise AssertionError("more deadlines than anything could have")
        self.now_s = max(self.now_s, until_s)
        self._take(self.responder.tick(self.now_s))

    def _take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Lease):
                self.permit.open_until(action.until_s, action.holder, action.use)
            elif isinstance(action, Transmit):
                assert isfinite(action.frame.at_s)
                # Whatever was heard: what goes out is on the list.
                refusal = self.permit.check(action.frame.bus, action.frame.can_id, action.frame.data, self.now_s)
                assert refusal is None or refusal.name in ("TOO_FAST", "CLOSED"), f"the core asks for {refusal}"


def _make(_folder: Path) -> Check:
    def check(data: bytes) -> bool:
        if data:
            Bench(plan_of(data[0])).input(data[1:])
        return bool(data)

    return check


def _lasting(_folder: Path) -> Check:
    benches = [Bench(plan_of(number)) for number in range(len(CARS))]

    def check(data: bytes) -> bool:
        if data:
            benches[data[0] % len(CARS)].input(data[1:])
        return bool(data)

    return check


def _step(what: int, long: int = 0, which: int = 0, said: bytes = b"") -> bytes:
    return bytes((what, long, which)) + said.ljust(STEP - 3, b"\0")[: STEP - 3]


def _breakdown(car: int) -> bytes:
    """The car drives, its drive dies, it rolls out and comes to life again."""
    messages = plan_of(car).messages
    dead = [_step(SAY, 0, at, payload(message, 0, _BROKEN)) for at, message in enumerate(messages)]
    alive = [_step(SAY, 0, at, payload(message, 0, CRUISING)) for at, message in enumerate(messages)]
    drive = _step(TALK, 60)
    return bytes((car,)) + b"".join((drive, *dead, drive, _step(HEARD), _step(LEAP, 100), *alive, drive))


def _disturbed(car: int) -> bytes:
    """A bit of everything."""
    chance = random.Random(car)
    steps = (_step(what, chance.randrange(60), chance.randrange(16), chance.randbytes(8)) for what in range(11))
    return bytes((car,)) + _step(TALK, 60) + b"".join(steps)


def _seeds() -> list[bytes]:
    make: tuple[Callable[[int], bytes], ...] = (_breakdown, _disturbed)
    return [one(car) for car in range(len(CARS)) for one in make]


FRAMES = Target(
    "frames", "no exception, no deadline twice, nothing asked for that the permit's list lacks", _seeds, _make, _lasting
)
