"""The reference car's messages: encoded by cantools from reference.dbc, protected by the core."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cantools.database
from cantools.database.can import Database, Message

from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import Checksum, ChecksumKind, Counter, Field
from hardshoulder.core.protection import protect

BUS = "main"
BITRATE = 500_000
COUNTER_MODULO = 16

Value = float | str
"""What a signal is given: a number in its unit, or a word of its value table."""


@dataclass(frozen=True, slots=True)
class ReferenceMessage:
    """A message of reference.dbc and how it is protected; counter and checksum None: not at all."""

    definition: Message
    cycle_s: float
    counter: Counter | None
    checksum: Checksum | None

    @property
    def can_id(self) -> int:
        """The 11-bit identifier."""
        return self.definition.frame_id

    @property
    def sender(self) -> str:
        """The node that sends it."""
        return self.definition.senders[0]

    def frame(self, at_s: float, count: int, values: Mapping[str, Value]) -> Frame:
        """The message with these values as the frame number `count` of its sender.

        Raises cantools' EncodeError for a value that the signal cannot hold.
        """
        whole = dict(values)
        if self.counter is not None:
            whole["Counter"] = count % self.counter.modulo
        if self.checksum is not None:
            whole["Checksum"] = 0
        data = self.definition.encode(whole, strict=True)
        return Frame(at_s, BUS, self.can_id, protect(self.can_id, data, None, self.checksum))


def dbc_text() -> str:
    """The text of reference.dbc."""
    return files("hardshoulder_dbc").joinpath("reference.dbc").read_text(encoding="ascii")


@cache
def database() -> Database:
    """reference.dbc as cantools understands it."""
    loaded = cantools.database.load_string(dbc_text(), database_format="dbc", strict=True)
    assert isinstance(loaded, Database)
    return loaded


def field_of(message: Message, name: str) -> Field | None:
    """Where the signal lies; None when the message has none of that name."""
    for signal in message.signals:
        if signal.name == name:
            return Field(signal.start, signal.length, signal.byte_order == "little_endian")
    return None


def _reference(message: Message) -> ReferenceMessage:
    assert message.cycle_time, f"{message.name} has no cycle time"
    counter, checksum = field_of(message, "Counter"), field_of(message, "Checksum")
    kind = ChecksumKind.CRC8_SAE_J1850
    return ReferenceMessage(
        definition=message,
        cycle_s=message.cycle_time / 1000.0,
        counter=None if counter is None else Counter(counter, COUNTER_MODULO),
        checksum=None if checksum is None else Checksum(checksum, kind, data_id=message.frame_id),
    )


@cache
def reference_messages() -> dict[str, ReferenceMessage]:
    """Every message of reference.dbc by its name."""
    return {message.name: _reference(message) for message in database().messages}
