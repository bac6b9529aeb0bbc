"""From frames to readings: length, counter and checksum are checked first, then values are read.

A message counts as received only when its protection holds, and has held of late (`e2e`). What
does not hold updates no signal and is counted by message and fault.
"""

from collections import Counter as Tally
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from hardshoulder.core.bits import compile_number, compile_unsigned
from hardshoulder.core.e2e import EndToEnd, Sequence
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, MessagePlan, SignalPlan
from hardshoulder.core.protection import checksum_holds
from hardshoulder.core.vocabulary import Value, Vss


class Fault(Enum):
    """Why a frame, or a value in it, was not believed.

    UNTRUSTED: right in itself, but its message was wrong too often of late.
    """

    LENGTH = "length"
    COUNTER = "counter"
    CHECKSUM = "checksum"
    UNTRUSTED = "untrusted"
    RANGE = "range"
    NOT_AVAILABLE = "not-available"


ReadSignal = Callable[[bytes], Value | Fault | None]
Readings = list[tuple[Vss, Value]]


class Decoded(NamedTuple):
    """A frame of a wanted message. believed: whether it counts; the sender lives even where it does not."""

    message: MessagePlan
    readings: Readings
    believed: bool


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
    """Reads one message, and knows whether it can be believed for the time being."""

    __slots__ = ("_count", "_end_to_end", "_sequence", "_signals", "plan")

    def __init__(self, plan: MessagePlan) -> None:
        self.plan = plan
        self._signals = [(signal.vss, compile_signal(signal)) for signal in plan.signals]
        self._end_to_end = EndToEnd()
        self._count, self._sequence = None, None
        if plan.counter is not None:
            self._count = compile_unsigned(plan.counter.field)
            self._sequence = Sequence(plan.counter, plan.cycle_s)

    def check(self, can_id: int, data: bytes, at_s: float) -> Fault | None:
        """The first thing wrong with the frame as a whole, if anything is.

        A doubled frame says nothing new and nothing against its message; the other faults do.
        """
        plan = self.plan
        if len(data) != plan.length:
            return Fault.LENGTH
        checksum, sequence = plan.checksum, self._sequence
        if checksum is None and sequence is None:
            return None
        if checksum is not None and not checksum_holds(can_id, data, checksum):
            self._end_to_end.take(False)
            return Fault.CHECKSUM
        in_order = True
        if sequence is not None and self._count is not None:
            count = self._count(data)
            if sequence.repeats(count, at_s):
                return Fault.COUNTER
            in_order = sequence.follows(count, at_s)
        if self._end_to_end.take(in_order):
            return None
        return Fault.UNTRUSTED if in_order else Fault.COUNTER

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

    def decode(self, frame: Frame) -> Decoded | None:
        """The frame's message and its believable values; None for a frame nobody wants."""
        message = self._messages.get((frame.bus, frame.can_id))
        if message is None:
            return None
        fault = message.check(frame.can_id, frame.data, frame.at_s)
        if fault is not None:
            self.faults[message.plan.name, fault] += 1
            return Decoded(message.plan, [], False)
        faults: list[Fault] = []
        readings = message.read(frame.data, faults)
        for found in faults:
            self.faults[message.plan.name, found] += 1
        return Decoded(message.plan, readings, True)
