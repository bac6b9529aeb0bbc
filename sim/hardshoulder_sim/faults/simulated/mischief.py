"""What goes wrong in a run: each fault begins, lasts its time and is over, so that the sentence can be asked for."""

import json
import random
import uuid
from collections.abc import Callable

from hardshoulder_sim.faults.simulated.world import World, straight

Fault = Callable[[World, random.Random], None]

_YEAR_S = 365.25 * 86400.0
SOON = 40
"""A process that is to be killed ends at one of so many places that it passes next."""


def _lasting(world: World, chance: random.Random, longest_s: float, over: Callable[[], None]) -> None:
    world.timeline.after(chance.uniform(0.2, longest_s), over)


def daemon_killed(world: World, chance: random.Random) -> None:
    """At a commit, a publish or an acknowledgement."""
    world.car_fuse.light(chance, SOON)


def power_cut(world: World, chance: random.Random) -> None:
    """The same for the whole module: memory is lost, and what was not flushed may be there in part."""
    world.power_cut = True
    world.car_fuse.light(chance, SOON)


def fleet_killed(world: World, chance: random.Random) -> None:
    """Before and after its commit, between that and the two acknowledgements."""
    world.fleet_fuse.light(chance, 8)


def broker_restarted(world: World, chance: random.Random) -> None:
    """It comes back with what it had on its disk."""
    world.broker.fall(empty=False)
    _lasting(world, chance, 20.0, lambda: setattr(world.broker, "up", True))


def broker_replaced(world: World, chance: random.Random) -> None:
    """An empty one comes in its place."""
    world.broker.fall(empty=True)
    _lasting(world, chance, 20.0, lambda: setattr(world.broker, "up", True))


def broker_refuses(world: World, chance: random.Random) -> None:
    """It hangs up, and takes nobody for a while."""
    world.broker.refuses = True
    for client in list(world.broker.clients.values()):
        client.break_off()
    _lasting(world, chance, 60.0, lambda: setattr(world.broker, "refuses", False))


def _line(world: World, chance: random.Random) -> str:
    return chance.choice(sorted(world.lines))


def network_cut(world: World, chance: random.Random) -> None:
    """Nobody gets through for a while, and both ends learn of it."""
    whose = _line(world, chance)
    line = world.lines[whose]
    line.down = True
    _reset(world, whose)
    _lasting(world, chance, 120.0, lambda: setattr(line, "down", False))


def _reset(world: World, whose: str) -> None:
    for name, client in list(world.broker.clients.items()):
        if (name == "hardshoulder-fleet") == (whose == "fleet"):
            client.break_off()


def connection_reset(world: World, chance: random.Random) -> None:
    """One connection breaks, and the next one is fine."""
    _reset(world, _line(world, chance))


def half_open(world: World, chance: random.Random) -> None:
    """Bytes vanish and no end is told: some come late, some never."""
    line = world.lines[_line(world, chance)]
    line.deaf = True
    _lasting(world, chance, 240.0, line.hear_again)


def delayed(world: World, chance: random.Random) -> None:
    """2 s each way."""
    line = world.lines[_line(world, chance)]
    line.delay_s = 2.0
    _lasting(world, chance, 60.0, lambda: setattr(line, "delay_s", 0.002))


def narrow(world: World, chance: random.Random) -> None:
    """64 kbit/s."""
    line = world.lines[_line(world, chance)]
    line.bytes_per_s = 8_000.0
    _lasting(world, chance, 60.0, lambda: setattr(line, "bytes_per_s", 1e9))


def disk_trouble(trouble: str) -> Fault:
    """The disk refuses to write, in this way."""

    def begin(world: World, chance: random.Random) -> None:
        world.disk.trouble = trouble
        _lasting(world, chance, 60.0, lambda: world.disk.heal(world.timeline.now_s))

    return begin


def file_damaged(how: str) -> Fault:
    """The outbox's file is taken away or cut short while the daemon has it open."""

    def begin(world: World, _chance: random.Random) -> None:
        world.disk.damage(how, world.timeline.now_s)

    return begin


def acknowledged(how: str) -> Fault:
    """The fleet's acknowledgements come wrongly, twice, late or never."""

    def begin(world: World, chance: random.Random) -> None:
        def meddle(topic: str, payload: bytes) -> list[tuple[float, bytes]]:
            return _COPIES[how](payload, chance) if topic.endswith("/ack") else [(0.0, payload)]

        world.meddle = meddle
        _lasting(world, chance, 60.0, lambda: setattr(world, "meddle", straight))

    return begin


def _wrong(payload: bytes, chance: random.Random) -> list[tuple[float, bytes]]:
    """No acknowledgement, or one of something that the car never said."""
    told = json.loads(payload)
    told["data"]["event_id"] = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return [(0.0, chance.choice([b"", b"{}", b"\xff\x00", payload[:-7], json.dumps(told).encode()]))]


_COPIES: dict[str, Callable[[bytes, random.Random], list[tuple[float, bytes]]]] = {
    "wrongly": _wrong,
    "twice": lambda payload, chance: [(0.0, payload), (chance.uniform(0.0, 3.0), payload)],
    "late": lambda payload, chance: [(chance.uniform(1.0, 90.0), payload)],
    "never": lambda _payload, _chance: [],
}


def clock_stepped(world: World, chance: random.Random) -> None:
    """The car's wall clock jumps by years, and stays there for a while."""
    world.wall_ahead_s = chance.uniform(-20.0, 20.0) * _YEAR_S
    _lasting(world, chance, 120.0, lambda: setattr(world, "wall_ahead_s", 0.0))


FAULTS: dict[str, Fault] = {
    "daemon killed": daemon_killed,
    "power cut": power_cut,
    "fleet killed": fleet_killed,
    "broker restarted": broker_restarted,
    "broker replaced by an empty one": broker_replaced,
    "broker refuses": broker_refuses,
    "network cut": network_cut,
    "connection reset": connection_reset,
    "half-open connection": half_open,
    "2 s delay": delayed,
    "64 kbit/s": narrow,
    **{f"disk {name}": disk_trouble(name) for name in ("full", "failing", "locked", "read-only")},
    **{f"outbox {how}": file_damaged(how) for how in ("deleted", "truncated")},
    **{f"acknowledged {how}": acknowledged(how) for how in _COPIES},
    "clock stepped by years": clock_stepped,
}
