"""Makes believable frames for any compiled car: VSS values in, protected frames out."""

from collections.abc import Mapping
from functools import cache

from hardshoulder.compile import compile_profile
from hardshoulder.core.bits import insert
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan, SignalPlan
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.profile import find_profile

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
    Vss.INDICATOR_LEFT: False,
    Vss.INDICATOR_RIGHT: False,
    Vss.AIRBAG_DEPLOYED: False,
    Vss.LATITUDE: 48.0,
    Vss.LONGITUDE: 11.0,
    Vss.HEADING: 90.0,
}


@cache
def reference_plan(propulsion: str = "combustion") -> CarPlan:
    """The compiled plan of a reference car."""
    return compile_profile(find_profile(f"reference-{propulsion}"))


def raw_of(signal: SignalPlan, value: Value) -> int:
    """The raw number that the car sends for this value."""
    if signal.values:
        return next(raw for raw, word in signal.values if word == value)
    assert not isinstance(value, str)
    return round((value - signal.offset) / signal.scale)


class Talker:
    """One car's nodes, with their counters; `values` is what they say."""

    def __init__(self, plan: CarPlan, values: Mapping[Vss, Value] = HEALTHY) -> None:
        self.plan = plan
        self.values = dict(values)
        self._counts = dict.fromkeys((message.name for message in plan.messages), 0)

    def message(self, name: str) -> MessagePlan:
        """A message of the plan by its name."""
        return next(message for message in self.plan.messages if message.name == name)

    def carrier(self, vss: Vss) -> MessagePlan:
        """The message that carries this signal."""
        return next(m for m in self.plan.messages for signal in m.signals if signal.vss is vss)

    def frame(self, message: MessagePlan, at_s: float) -> Frame:
        """The message as it stands, with the next counter and a right checksum."""
        payload = bytearray(message.length)
        for signal in message.signals:
            insert(payload, signal.field, raw_of(signal, self.values[signal.vss]))
        self._counts[message.name] += 1
        counter = None if message.counter is None else (message.counter, self._counts[message.name])
        return Frame(
            at_s, message.bus, message.can_id, protect(message.can_id, bytes(payload), counter, message.checksum)
        )
