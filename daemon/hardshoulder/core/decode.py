"""From frames to readings: length, counter and checksum are checked first, then values are read.

A message counts as received only when its protection holds, and has held of late (`e2e`). What
does not hold updates no signal and is counted by message and fault.
"""

from collections import Counter as Tally
from collections.abc import Callable
from enum import Enum
from sys import float_info
from typing import NamedTuple

from hardshoulder.core.bits import Packing, compile_number
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


Readings = list[tuple[Vss, Value]]


class Decoded(NamedTuple):
    """A frame of a wanted message. believed: whether it counts; the sender lives even where it does not."""

    message: MessagePlan
    readings: Readings
    believed: bool


Meaning = Callable[[int], Value | Fault]
"""The value that a field's bits say; a `Fault` when it is not to be believed."""


class _Words(dict[int | float, bool | str | Fault]):
    """What raw numbers stand for."""

    def __missing__(self, raw: int | float) -> Fault:
        return Fault.RANGE


def _meaning(plan: SignalPlan) -> Meaning:
    number, means = compile_number(plan.field), _meaning_of_number(plan)
    return means if number is None else lambda bits: means(number(bits))


def _meaning_of_number(plan: SignalPlan) -> Callable[[int | float], Value | Fault]:
    if plan.values:
        return _Words([*plan.values, *((raw, Fault.NOT_AVAILABLE) for raw in plan.not_available)]).__getitem__
    scale, offset, absent = plan.scale, plan.offset, frozenset(plan.not_available)
    # So that an infinity is out of any range, and a NaN, which compares false with everything, as well.
    lowest = -float_info.max if plan.minimum is None else plan.minimum
    highest = float_info.max if plan.maximum is None else plan.maximum

    def scaled(raw: int | float) -> Value | Fault:
        if raw in absent:
            return Fault.NOT_AVAILABLE
        value = raw * scale + offset
        return value if lowest <= value <= highest else Fault.RANGE

    return scaled


class SignalReader:
    """Reads one signal out of the number of a payload (`bits.Packing`).

    Its bits are number >> shift & mask, and `means` says what they stand for. gates: None, or what says whether
    multiplexing leaves the signal out.
    """

    __slots__ = ("gates", "mask", "means", "shift", "vss")

    def __init__(self, plan: SignalPlan, packing: Packing) -> None:
        self.vss = plan.vss
        self.shift, self.mask = packing.place(plan.field)
        self.means = _meaning(plan)
        gates = [(*packing.place(gate.selector), frozenset(gate.values)) for gate in plan.multiplex]
        self.gates = gates or None

    def there(self, payload: int) -> bool:
        """Whether every selector holds one of its values."""
        return self.gates is None or all(payload >> shift & mask in values for shift, mask, values in self.gates)

    def read(self, payload: int) -> Value | Fault | None:
        """The value; None where multiplexing leaves the signal out."""
        return self.means(payload >> self.shift & self.mask) if self.there(payload) else None


def packing_of(message: MessagePlan) -> Packing:
    """The message's payload as one number, for all that is read from it."""
    fields = [field for signal in message.signals for field in _fields_of(signal)]
    return Packing(fields if message.counter is None else [*fields, message.counter.field], message.length)


def _fields_of(signal: SignalPlan) -> list[Field]:
    return [signal.field, *(gate.selector for gate in signal.multiplex)]


class MessageDecoder:
    """Reads one message, and knows whether it can be believed for the time being."""

    __slots__ = ("_count", "_end_to_end", "_holds", "_sequence", "_signals", "packing", "plan")

    def __init__(self, plan: MessagePlan) -> None:
        self.plan = plan
        self.packing = packing_of(plan)
        readers = [SignalReader(signal, self.packing) for signal in plan.signals]
        # Unfolded, because this is done for every signal of every frame.
        self._signals = [(r.vss, r.shift, r.mask, r.means, None if r.gates is None else r) for r in readers]
        self._holds = None if plan.checksum is None else compile_checksum(plan.can_id, plan.checksum)
        self._end_to_end = EndToEnd()
        self._count, self._sequence = (0, 0), None
        if plan.counter is not None:
            self._count = self.packing.place(plan.counter.field)
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
        if sequence is not None:
            shift, mask = self._count
            follows = sequence.take(payload >> shift & mask, at_s)
            if follows is None:
                return Fault.COUNTER
            in_order = follows
        if self._end_to_end.take(in_order):
            return None
        return Fault.UNTRUSTED if in_order else Fault.COUNTER

    def read(self, payload: int, faults: list[Fault]) -> Readings:
        """The values that can be believed; what cannot goes into `faults`."""
        readings: Readings = []
        for vss, shift, mask, means, gated in self._signals:
            if gated is not None and not gated.there(payload):
                continue
            value = means(payload >> shift & mask)
            if isinstance(value, Fault):
                faults.append(value)
            else:
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
        plan, packing = message.plan, message.packing
        # `Packing.number` and the named tuple's own constructor, without their calls: this is done for every frame.
        payload = int.from_bytes(data + data[::-1] if packing.doubled else data, packing.order)
        fault = message.check(data, payload, at_s)
        if fault is not None:
            self.faults[plan.name, fault] += 1
            return Decoded(plan, [], False)
        faults: list[Fault] = []
        readings = message.read(payload, faults)
        for found in faults:
            self.faults[plan.name, found] += 1
        return tuple.__new__(Decoded, (plan, readings, True))
