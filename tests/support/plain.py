"""Cars written down without a DBC: every number is a 64-bit float, so that a test can say any value exactly."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from hardshoulder.core.plan import (
    CarPlan,
    Checksum,
    ChecksumKind,
    CommandStyle,
    Counter,
    Field,
    FieldKind,
    HazardCommand,
    HazardPlan,
    MessagePlan,
    Readback,
    SignalPlan,
    Thresholds,
    Traits,
)
from hardshoulder.core.vocabulary import STATES, UNITS, WHEELS, Propulsion, Unit, Vss

MESSAGES: dict[str, tuple[Vss, ...]] = {
    "Speed": (Vss.SPEED, Vss.BRAKE_PRESSED, Vss.BRAKE_FAILING),
    "Power": (Vss.POWER_STATE, Vss.IGNITION_SWITCH),
    "Supply": (Vss.SUPPLY_VOLTAGE,),
    "Engine": (Vss.ENGINE_RUNNING, Vss.ENGINE_SPEED, Vss.ENGINE_RESTS, Vss.FUEL_LEVEL),
    "Contactors": (Vss.POWER_CONNECTED, Vss.STATE_OF_CHARGE),
    "Drive": (Vss.DRIVE_READY, Vss.PEDAL_POSITION, Vss.LIMP_HOME, Vss.DRIVE_TORQUE),
    "Gear": (Vss.SELECTED_GEAR, Vss.PARKING_BRAKE),
    "Lamps": (
        Vss.HAZARD_SIGNALING,
        Vss.INDICATOR_LEFT,
        Vss.INDICATOR_RIGHT,
        Vss.HAZARD_SWITCH,
        Vss.INDICATOR_STALK,
    ),
    "Crash": (Vss.AIRBAG_DEPLOYED,),
    "Position": (Vss.LATITUDE, Vss.LONGITUDE, Vss.HEADING),
    "Satellites": (Vss.GNSS_SPEED,),
    "Warnings": (Vss.OIL_PRESSURE_LOW, Vss.OVERHEATED, Vss.MALFUNCTION),
    "Wheels": WHEELS,
}
"""Which control unit says what."""

CYCLE_S = 0.1
STALE_AFTER_S = 0.5
TESTER = ("main", 0x7DF)

_NOT_THERE = {
    Propulsion.COMBUSTION: MESSAGES["Contactors"],
    Propulsion.HYBRID: (),
    Propulsion.ELECTRIC: (*MESSAGES["Engine"], Vss.OIL_PRESSURE_LOW),
}
COMMAND = HazardCommand("main", 0x2A0, b"\x00\x10", b"\x00\x20", CommandStyle.LEVEL, 0.1, 3, None, None)


def _signal(vss: Vss, start: int, stale_after_s: float) -> tuple[SignalPlan, int]:
    """The signal from that bit on, and the bit behind it."""
    unit = UNITS[vss]
    words: tuple[tuple[int, bool | str], ...] = ()
    if unit is Unit.BOOLEAN:
        words = ((0, False), (1, True))
    elif unit is Unit.STATE:
        words = tuple(enumerate(sorted(STATES[vss])))
    length, kind = (8, FieldKind.UNSIGNED) if words else (64, FieldKind.FLOAT)
    field = Field(start, length, True, kind)
    plan = SignalPlan(vss, field, 1.0, 0.0, None, None, (), words, (), CYCLE_S, stale_after_s)
    return plan, start + length


def _message(name: str, can_id: int, carried: Iterable[Vss]) -> MessagePlan:
    signals, bit = [], 0
    for vss in carried:
        signal, bit = _signal(vss, bit, STALE_AFTER_S)
        signals.append(signal)
    counter = Counter(Field(bit, 4, True), 16)
    checksum = Checksum(Field(bit + 8, 8, True), ChecksumKind.CRC8_SAE_J1850, can_id)
    return MessagePlan(name, "main", can_id, bit // 8 + 2, CYCLE_S, counter, checksum, tuple(signals))


@cache
def plain_car(
    propulsion: Propulsion = Propulsion.COMBUSTION,
    *,
    without: frozenset[Vss] = frozenset(),
    only: frozenset[Vss] | None = None,
    traits: Traits = Traits(),  # noqa: B008  frozen
    thresholds: Thresholds = Thresholds(),  # noqa: B008  frozen
) -> CarPlan:
    """A car that says everything its propulsion has, or `only` some of it, each control unit at 10 Hz."""
    absent = without | frozenset(_NOT_THERE[propulsion])
    messages = []
    for number, (name, signals) in enumerate(MESSAGES.items()):
        carried = [vss for vss in signals if vss not in absent and (only is None or vss in only)]
        if carried:
            messages.append(_message(name, 0x100 + number, carried))
    hazard = HazardPlan(COMMAND, Readback.STATUS if only is None else Readback.NONE)
    return CarPlan(
        "plain", "", propulsion, traits, thresholds, ("main",), tuple(messages), hazard, "there", workshop=(TESTER,)
    )  # fmt: skip


def each(plan: CarPlan, change: Callable[[MessagePlan], MessagePlan]) -> CarPlan:
    """The car with every message changed."""
    return replace(plan, messages=tuple(change(message) for message in plan.messages))


def unprotected(plan: CarPlan) -> CarPlan:
    """The car without checksums and counters."""
    return each(plan, lambda message: replace(message, counter=None, checksum=None))


def with_cycles(plan: CarPlan, cycles_s: Mapping[str, float]) -> CarPlan:
    """The car with other cycle times of the named messages; they turn stale after four."""

    def change(message: MessagePlan) -> MessagePlan:
        cycle_s = cycles_s.get(message.name)
        if cycle_s is None:
            return message
        stale_after_s = max(STALE_AFTER_S, 4 * cycle_s)
        signals = tuple(replace(s, cycle_s=cycle_s, stale_after_s=stale_after_s) for s in message.signals)
        return replace(message, cycle_s=cycle_s, signals=signals)

    return each(plan, change)


def on_second_bus(plan: CarPlan, *names: str) -> CarPlan:
    """The car with these messages on a second bus."""
    moved = each(plan, lambda message: replace(message, bus="body") if message.name in names else message)
    return replace(moved, buses=("main", "body"))


def with_limits(plan: CarPlan, **thresholds: float) -> CarPlan:
    """The car with other thresholds."""
    return replace(plan, thresholds=replace(plan.thresholds, **thresholds))
