"""From frames to readings: length, counter and checksum are checked first, then values are read.

A message counts as received only when its protection holds. What does not hold updates no
signal and is counted by message and fault.
"""

from collections import Counter as Tally
from collections.abc import Callable
from enum import Enum

from hardshoulder.core.bits import compile_number, compile_unsigned
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan, SignalPlan
from hardshoulder.core.protection import checksum_holds
from hardshoulder.core.vocabulary import Value, Vss


class Fault(Enum):
    """Why a frame, or a value in it, was not believed."""

    LENGTH = "length"
    COUNTER = "counter"
    CHECKSUM = "checksum"
    RANGE = "range"
    NOT_AVAILABLE = "not-available"


ReadSignal = Callable[[bytes], Value | Fault | None]
Readings = list[tuple[Vss, Value]]


def _value_reader(plan: SignalPlan) -> ReadSignal:
    """Reads the value; a `Fault` when it is not to be believed."""
    read = compile_number(plan.field)
    absent = frozenset(plan.not_available)
    if plan.values:
        words: dict[int | float, bool | str] = dict(plan.values)
        return lambda data: Fault.NOT_AVAILABLE if (raw := read(data)) in absent else words.get(raw, Fault.RANGE)
    scale, offset = plan.scale, plan.offset
    lowest = float("-inf") if plan.minimum is None else plan.minimum
    highest = float("inf") if plan.maximum is None else plan.maximum

    def number(data: bytes) -> Value | Fault:
        raw = read(data)
        if raw in absent:
            return Fault.NOT_AVAILABLE
        value = raw * scale + offset
        # Written so that a NaN, which compares false with everything, is out of range.
        return value if lowest <= value <= highest and value - value == 0 else Fault.RANGE

    return number


def compile_signal(plan: SignalPlan) -> ReadSignal:
    """A function from payload to value, `Fault`, or None where multiplexing leaves the signal out."""
    read = _value_reader(plan)
    if not plan.multiplex:
        return read
    gates = [(compile_unsigned(gate.selector), frozenset(gate.values)) for gate in plan.multiplex]
    return lambda data: read(data) if all(select(data) in values for select, values in gates) else None


class MessageDecoder:
    """Reads one message and remembers its last counter."""

    __slots__ = ("_counter", "_last_count", "_signals", "plan")

    def __init__(self, plan: MessagePlan) -> None:
        self.plan = plan
        self._signals = [(signal.vss, compile_signal(signal)) for signal in plan.signals]
        self._counter = None if plan.counter is None else compile_unsigned(plan.counter.field)
        self._last_count: int | None = None

    def check(self, can_id: int, data: bytes) -> Fault | None:
        """The first thing wrong with the frame as a whole, if anything is."""
        if len(data) != self.plan.length:
            return Fault.LENGTH
        checksum = self.plan.checksum
        if checksum is not None and not checksum_holds(can_id, data, checksum):
            return Fault.CHECKSUM
        if self._counter is not None:
            count, last = self._counter(data), self._last_count
            self._last_count = count
            if count == last:
                return Fault.COUNTER
        return None

    def read(self, data: bytes, faults: list[Fault]) -> Readings:
        """The values that can be believed; what cannot goes into `faults`."""
        readings: Readings = []
        for vss, read in self._signals:
            value = read(data)
            if isinstance(value, Fault):
                faults.append(value)
            elif value is not None:
                readings.append((vss, value))
        return readings


class Decoder:
    """Decodes the frames of one car."""

    def __init__(self, plan: CarPlan) -> None:
        self._messages = {(m.bus, m.can_id): MessageDecoder(m) for m in plan.messages}
        self.faults: Tally[tuple[str, Fault]] = Tally()

    @property
    def wanted(self) -> frozenset[tuple[str, int]]:
        """The (bus, id) pairs that carry anything of interest."""
        return frozenset(self._messages)

    def decode(self, frame: Frame) -> tuple[MessagePlan, Readings] | None:
        """The frame's message and its believable values; None for a frame nobody wants or believes."""
        message = self._messages.get((frame.bus, frame.can_id))
        if message is None:
            return None
        fault = message.check(frame.can_id, frame.data)
        if fault is not None:
            self.faults[message.plan.name, fault] += 1
            return None
        faults: list[Fault] = []
        readings = message.read(frame.data, faults)
        for found in faults:
            self.faults[message.plan.name, found] += 1
        return message.plan, readings
