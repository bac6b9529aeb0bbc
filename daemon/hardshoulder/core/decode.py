"""From frames to readings: length, counter and checksum are checked first, then values are read.

A message counts as received only when its protection holds, and has held of late (`e2e`). What
does not hold updates no signal and is counted by message and fault.
"""

from collections import Counter as Tally
from collections.abc import Callable
from enum import Enum
from sys import float_info
from typing import NamedTuple

from hardshoulder.core.bits import Packing, compile_number, compile_unsigned
from hardshoulder.core.e2e import EndToEnd, Sequence
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, Field, MessagePlan, SignalPlan
from hardshoulder.core.protection import compile_checksum
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


ReadSignal = Callable[[int], Value | Fault | None]
"""Reads a signal out of a payload's number (`bits.Packing`)."""

Readings = list[tuple[Vss, Value]]


class Decoded(NamedTuple):
    """A frame of a wanted message. believed: whether it counts; the sender lives even where it does not."""

    message: MessagePlan
    readings: Readings
    believed: bool


def _value_reader(plan: SignalPlan, shift: int) -> ReadSignal:
    """Reads the value; a `Fault` when it is not to be believed."""
    read = compile_number(plan.field, shift)
    if plan.values:
        words: dict[int | float, bool | str | Fault] = dict(plan.values)
        words |= dict.fromkeys(plan.not_available, Fault.NOT_AVAILABLE)
        return lambda payload: words.get(read(payload), Fault.RANGE)
    scale, offset, absent = plan.scale, plan.offset, frozenset(plan.not_available)
    # So that an infinity is out of any range, and a NaN, which compares false with everything, as well.
    lowest = -float_info.max if plan.minimum is None else plan.minimum
    highest = float_info.max if plan.maximum is None else plan.maximum

    def number(payload: int) -> Value | Fault:
        raw = read(payload)
        if raw in absent:
            return Fault.NOT_AVAILABLE
        value = raw * scale + offset
        return value if lowest <= value <= highest else Fault.RANGE

    return number


def compile_signal(plan: SignalPlan, packing: Packing) -> ReadSignal:
    """A function from a payload's number to value, `Fault`, or None where multiplexing leaves the signal out."""
    read = _value_reader(plan, packing.shift(plan.field))
    if not plan.multiplex:
        return read
    gates = [
        (compile_unsigned(gate.selector, packing.shift(gate.selector)), frozenset(gate.values))
        for gate in plan.multiplex
    ]
    return lambda payload: read(payload) if all(select(payload) in values for select, values in gates) else None


def _fields_of(signal: SignalPlan) -> list[Field]:
    return [signal.field, *(gate.selector for gate in signal.multiplex)]


def packing_of(message: MessagePlan) -> Packing:
    """The message's payload as one number, for all that is read from it."""
    fields = [field for signal in message.signals for field in _fields_of(signal)]
    return Packing(fields if message.counter is None else [*fields, message.counter.field], message.length)


class MessageDecoder:
    """Reads one message, and knows whether it can be believed for the time being."""

    __slots__ = ("_count", "_end_to_end", "_holds", "_sequence", "_signals", "number", "plan")

    def __init__(self, plan: MessagePlan) -> None:
        packing = packing_of(plan)
        self.plan = plan
        self.number = packing.number
        self._signals = [(signal.vss, compile_signal(signal, packing)) for signal in plan.signals]
        self._holds = None if plan.checksum is None else compile_checksum(plan.can_id, plan.checksum)
        self._end_to_end = EndToEnd()
        self._count, self._sequence = None, None
        if plan.counter is not None:
            self._count = compile_unsigned(plan.counter.field, packing.shift(plan.counter.field))
            self._sequence = Sequence(plan.counter, plan.cycle_s)

    def check(self, data: bytes, payload: int, at_s: float) -> Fault | None:
        """The first thing wrong with the frame as a whole, if anything is. payload: the number of `data`.

        A doubled frame says nothing new and nothing against its message; the other faults do.
        """
        holds, sequence = self._holds, self._sequence
        if len(data) != self.plan.length:
            return Fault.LENGTH
        if holds is None and sequence is None:
            return None
        if holds is not None and not holds(data):
            self._end_to_end.take(False)
            return Fault.CHECKSUM
        in_order = True
        if sequence is not None and self._count is not None:
            count = self._count(payload)
            if sequence.repeats(count, at_s):
                return Fault.COUNTER
            in_order = sequence.follows(count, at_s)
        if self._end_to_end.take(in_order):
            return None
        return Fault.UNTRUSTED if in_order else Fault.COUNTER

    def read(self, payload: int, faults: list[Fault]) -> Readings:
        """The values that can be believed; what cannot goes into `faults`."""
        readings: Readings = []
        for vss, read in self._signals:
            value = read(payload)
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
        at_s, bus, can_id, data = frame
        message = self._messages.get((bus, can_id))
        if message is None:
            return None
        plan, payload = message.plan, message.number(data)
        fault = message.check(data, payload, at_s)
        if fault is not None:
            self.faults[plan.name, fault] += 1
            return Decoded(plan, [], False)
        faults: list[Fault] = []
        readings = message.read(payload, faults)
        for found in faults:
            self.faults[plan.name, found] += 1
        return Decoded(plan, readings, True)
