"""Lays the interference of a run over its messages, one message at a time."""

import math
from collections import defaultdict
from collections.abc import Iterator
from math import inf
from random import Random

from hardshoulder.core.frame import Frame
from hardshoulder_sim.interference import Distortion, Garble, Garbling, Interference, Lie
from hardshoulder_sim.physics.course import Spell
from hardshoulder_sim.reference import ReferenceMessage, Value, reference_messages

_LATE_S = 0.004
_COUNTER_JUMPS = 7


class Disturber:
    """What happens to the messages of one sender's name.

    from_s: before that time it has nothing to do, so that nobody need ask.
    """

    def __init__(self, name: str, interference: Interference, random: Random) -> None:
        self._message: ReferenceMessage = reference_messages()[name]
        self._random = random
        self._lies = [spell for spell in interference.distortions if spell.what.message == name]
        garblings = [spell for spell in interference.garblings if spell.what.message == name]
        self._garblings = sorted(garblings, key=lambda spell: spell.begin_s)
        self._frozen: dict[Spell[Distortion], Value] = {}
        self._left = self._garblings[0].what.frames if self._garblings else 0
        begins_s = [lie.begin_s for lie in self._lies] + [garbling.begin_s for garbling in self._garblings]
        self.from_s = min(begins_s, default=inf)

    # Values -----------------------------------------------------------------------------

    def bend(self, at_s: float, values: dict[str, Value]) -> dict[str, Value]:
        """The values as the lies of that time make them."""
        for spell in self._lies:
            if spell.holds(at_s):
                values[spell.what.signal] = self._lie(spell, at_s, values[spell.what.signal])
        return values

    def _lie(self, spell: Spell[Distortion], at_s: float, value: Value) -> Value:
        lie = spell.what
        match lie.lie:
            case Lie.FROZEN:
                return self._frozen.setdefault(spell, value)
            case Lie.STUCK:
                return lie.word or lie.amount
            case Lie.ABSENT:
                return "NOT_AVAILABLE"
        if isinstance(value, str):
            return value
        if lie.lie is Lie.NOISY:
            return self._within(lie.signal, value + self._random.gauss(0.0, lie.amount))
        part = (at_s - spell.begin_s) / (spell.end_s - spell.begin_s)
        return self._within(lie.signal, value + lie.amount * math.sin(math.pi * part))

    def _within(self, signal: str, value: float) -> float:
        definition = self._message.definition.get_signal_by_name(signal)
        assert definition.minimum is not None and definition.maximum is not None
        return min(max(value, definition.minimum), definition.maximum)

    # Frames -----------------------------------------------------------------------------

    def garble(self, frame: Frame) -> Iterator[Frame]:
        """What comes of the frame; it may be nothing, or come again."""
        if not self._garblings or frame.at_s < self._garblings[0].begin_s:
            yield frame
            return
        garbling = self._garblings[0].what
        self._left -= 1
        if self._left <= 0:
            self._garblings.pop(0)
            self._left = self._garblings[0].what.frames if self._garblings else 0
        yield from self._garbled(frame, garbling)

    def _garbled(self, frame: Frame, garbling: Garbling) -> Iterator[Frame]:
        match garbling.garble:
            case Garble.DOUBLED:
                yield frame
                yield frame._replace(at_s=round(frame.at_s + 0.0003, 6))
            case Garble.LATE:
                yield frame._replace(at_s=round(frame.at_s + _LATE_S, 6))
            case Garble.SHORT:
                yield frame._replace(data=frame.data[:-1])
            case Garble.RANDOM:
                yield frame._replace(data=self._random.randbytes(len(frame.data)))
            case Garble.ZEROS:
                yield frame._replace(data=bytes(len(frame.data)))
            case Garble.ONES:
                yield frame._replace(data=b"\xff" * len(frame.data))
            case Garble.CHECKSUM:
                yield frame._replace(data=self._flipped(frame.data))
            case Garble.COUNTER | Garble.SKIP:
                yield frame

    def _flipped(self, data: bytes) -> bytes:
        """The payload with another checksum; as it is where the message has none."""
        if self._message.checksum is None:
            return data
        place = self._message.checksum.field.start // 8
        return data[:place] + bytes([data[place] ^ self._random.randint(1, 255)]) + data[place + 1 :]

    def count(self, at_s: float, count: int) -> int:
        """The count that the frame carries: it may stand still or jump."""
        if not self._garblings or at_s < self._garblings[0].begin_s:
            return count
        garbling = self._garblings[0].what
        if garbling.garble is Garble.COUNTER:
            # The first garbled frame repeats the count before it, and so do the ones that follow.
            return count - 1 - (garbling.frames - self._left)
        return count + _COUNTER_JUMPS if garbling.garble is Garble.SKIP else count


def disturbers(interference: Interference, names: list[str], random: Random) -> dict[str, Disturber]:
    """One for each message that anything happens to."""
    touched: dict[str, bool] = defaultdict(bool)
    for lie in interference.distortions:
        touched[lie.what.message] = True
    for garbling in interference.garblings:
        touched[garbling.what.message] = True
    return {name: Disturber(name, interference, random) for name in names if touched[name]}
