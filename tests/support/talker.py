"""Makes believable frames for any compiled car: VSS values in, protected frames out."""

import struct
from collections.abc import Mapping
from functools import cache

from hardshoulder.core.bits import insert
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, FieldKind, MessagePlan, SignalPlan
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import WHEELS, Value, Vss

HEALTHY: dict[Vss, Value] = {
    Vss.SPEED: 100.0,
    Vss.POWER_STATE: "ON",
    Vss.SUPPLY_VOLTAGE: 14.2,
    Vss.ENGINE_RUNNING: True,
    Vss.ENGINE_SPEED: 2200.0,
    Vss.POWER_CONNECTED: True,
    Vss.DRIVE_READY: True,
    Vss.STATE_OF_CHARGE: 60.0,
    Vss.FUEL_LEVEL: 50.0,
    Vss.SELECTED_GEAR: "DRIVE",
    Vss.PEDAL_POSITION: 12.0,
    Vss.PARKING_BRAKE: False,
    Vss.HAZARD_SIGNALING: False,
    Vss.HAZARD_SWITCH: False,
    Vss.INDICATOR_STALK: "NEUTRAL",
    Vss.INDICATOR_LEFT: False,
    Vss.INDICATOR_RIGHT: False,
    Vss.AIRBAG_DEPLOYED: False,
    Vss.LATITUDE: 48.0,
    Vss.LONGITUDE: 11.0,
    Vss.HEADING: 90.0,
    Vss.GNSS_SPEED: 100.0,
    Vss.WHEEL_FRONT_LEFT: 100.0,
    Vss.WHEEL_FRONT_RIGHT: 100.0,
    Vss.WHEEL_REAR_LEFT: 100.0,
    Vss.WHEEL_REAR_RIGHT: 100.0,
    Vss.ENGINE_RESTS: False,
    Vss.LIMP_HOME: False,
    Vss.OVERHEATED: False,
    Vss.OIL_PRESSURE_LOW: False,
    Vss.MALFUNCTION: False,
    Vss.BRAKE_PRESSED: False,
    Vss.BRAKE_FAILING: False,
    Vss.IGNITION_SWITCH: "ON",
    Vss.DRIVE_TORQUE: 300.0,
}

SPEEDS = (Vss.SPEED, Vss.GNSS_SPEED, *WHEELS)
"""What follows the car's speed unless a test says otherwise."""

_SECOND_MEANINGS = frozenset({Vss.ENGINE_RESTS, Vss.LIMP_HOME})
"""One word of a state signal that is mapped already: sent only when it is true."""

_MADE: dict[int, tuple[MessagePlan, dict[tuple[object, ...], bytes]]] = {}
"""Payloads by message, counter and values: many tests say the same. The message keeps its id from being used again."""


@cache
def reference_plan(propulsion: str = "combustion") -> CarPlan:
    """The compiled plan of a reference car."""
    # Not above: cantools and pydantic are slow to import, and cars that are written down need neither.
    from hardshoulder.compile import compile_profile
    from hardshoulder.profile import find_profile

    return compile_profile(find_profile(f"reference-{propulsion}"))


def raw_of(signal: SignalPlan, value: Value) -> int:
    """The raw number that the car sends for this value."""
    if signal.values:
        return next(raw for raw, word in signal.values if word == value)
    assert not isinstance(value, str)
    if signal.field.kind is FieldKind.FLOAT:
        return int.from_bytes(struct.pack("<d", value), "little")
    return round((value - signal.offset) / signal.scale)


class Talker:
    """One car's nodes, with their counters; `values` is what they say."""

    def __init__(self, plan: CarPlan, values: Mapping[Vss, Value] = HEALTHY) -> None:
        self.plan = plan
        self.values = dict(values)
        self.foot_trembles = True
        self._lifted = False
        self._counts = dict.fromkeys((message.name for message in plan.messages), 0)

    def message(self, name: str) -> MessagePlan:
        """A message of the plan by its name."""
        return next(message for message in self.plan.messages if message.name == name)

    def carrier(self, vss: Vss) -> MessagePlan:
        """The message that carries this signal."""
        return next(m for m in self.plan.messages for signal in m.signals if signal.vss is vss)

    def frame(self, message: MessagePlan, at_s: float) -> Frame:
        """The message as it stands, with the next counter and a right checksum."""
        self._counts[message.name] += 1
        count = 0 if message.counter is None else self._counts[message.name] % message.counter.modulo
        _, made = _MADE.setdefault(id(message), (message, {}))
        self._tremble(message)
        key = (count, *(self.values[signal.vss] for signal in message.signals))
        data = made.get(key)
        if data is None:
            data = made[key] = self._payload(message, count)
        return Frame(at_s, message.bus, message.can_id, data)

    def _tremble(self, message: MessagePlan) -> None:
        """No foot is as still as a sensor that is stuck."""
        pedal = self.values[Vss.PEDAL_POSITION]
        if self.foot_trembles and pedal and any(signal.vss is Vss.PEDAL_POSITION for signal in message.signals):
            self._lifted = not self._lifted
            self.values[Vss.PEDAL_POSITION] = float(pedal) + (-0.4 if self._lifted else 0.4)

    def _payload(self, message: MessagePlan, count: int) -> bytes:
        payload = bytearray(message.length)
        for signal in sorted(message.signals, key=lambda signal: signal.vss in _SECOND_MEANINGS):
            if signal.vss in _SECOND_MEANINGS and not self.values[signal.vss]:
                continue
            insert(payload, signal.field, raw_of(signal, self.values[signal.vss]))
        counter = None if message.counter is None else (message.counter, count)
        return protect(message.can_id, bytes(payload), counter, message.checksum)
