"""Writes values into recorded payloads so that checksums hold and counters stay as they were."""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from hardshoulder.core.bits import fits, insert
from hardshoulder.core.decode import SignalReader, packing_of
from hardshoulder.core.plan import FieldKind, MessagePlan, SignalPlan
from hardshoulder.core.protection import checksum_holds, protect
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Value, Vss
from hardshoulder.profile import Profile
from hardshoulder.resolve import dbc_paths

_CHECKSUM_NAME = re.compile(r"(?i)(_cs$|cks|chks|checksum|crc)")
_FLOATS = {16: "<e", 32: "<f", 64: "<d"}
_HEALTHY: dict[Vss, Value] = {
    Vss.POWER_STATE: "ON",
    Vss.POWER_CONNECTED: True,
    Vss.DRIVE_READY: True,
    Vss.STATE_OF_CHARGE: 50.0,
    Vss.FUEL_LEVEL: 50.0,
    Vss.SUPPLY_VOLTAGE: 13.8,
}

Said = Callable[[Vss], Value | None]
"""What a signal shall say; None: what was recorded."""


class Rewriter:
    """Writes values into the payloads of one message."""

    def __init__(self, message: MessagePlan, *, evidence_only: bool) -> None:
        """evidence_only: leave alone what a checksum guards that nobody here can write."""
        self._message = message
        self._packing = packing = packing_of(message)
        self._signals: list[tuple[SignalPlan, SignalReader]] = [
            (signal, SignalReader(signal, packing))
            for signal in message.signals
            if not evidence_only or signal.vss in DRIVE_EVIDENCE
        ]

    def rewrite(self, can_id: int, data: bytes, said: Said) -> bytes:
        """The payload with what is said of its signals; the same one when nothing differs.

        A frame that the core would not believe stays as it is.
        """
        message = self._message
        if len(data) != message.length or (
            message.checksum is not None and not checksum_holds(can_id, data, message.checksum)
        ):
            return data
        payload, number = bytearray(data), self._packing.number(data)
        for signal, reader in self._signals:
            recorded, value = reader.read(number), said(signal.vss)
            if value is None or recorded is None or recorded == value:
                continue
            raw = raw_of(signal, value)
            if raw is not None:
                insert(payload, signal.field, raw)
        return data if payload == data else protect(can_id, bytes(payload), None, message.checksum)


def raw_of(signal: SignalPlan, value: Value) -> int | None:
    """The bits that say the value, or the nearest one that is believed; None when it has no word for it."""
    if signal.values:
        return next((raw for raw, meaning in signal.values if meaning == value), None)
    number = float(value)
    if signal.minimum is not None:
        number = max(number, signal.minimum)
    if signal.maximum is not None:
        number = min(number, signal.maximum)
    number = (number - signal.offset) / signal.scale
    if signal.field.kind is FieldKind.FLOAT:
        width = signal.field.length
        return int.from_bytes(struct.pack(_FLOATS[width], number), "little")
    half = 1 << signal.field.length - 1
    lowest, highest = (-half, half - 1) if signal.field.kind is FieldKind.SIGNED else (0, 2 * half - 1)
    raw = min(highest, max(lowest, round(number)))
    while raw in signal.not_available and raw > lowest:
        raw -= 1
    return raw


def healthy_payload(message: MessagePlan) -> bytes:
    """A payload of a message that was not recorded, as it would say that all is well."""
    payload = bytearray(message.length)
    # Two signals may be read from one field: what is known to be well wins over zero.
    for signal in sorted(message.signals, key=lambda signal: signal.vss in _HEALTHY):
        assert fits(signal.field, message.length), "the plan is compiled from a DBC that was checked"
        for gate in signal.multiplex:
            insert(payload, gate.selector, gate.values[0])
        raw = raw_of(signal, _HEALTHY.get(signal.vss, 0.0))
        insert(payload, signal.field, raw or 0)
    return bytes(payload)


def guarded_messages(profile: Profile, path: Path, given: tuple[Path, ...]) -> frozenset[str]:
    """The needed messages that have a checksum in the DBC which the profile does not declare."""
    needed = {keys.message for keys in profile.signals.values()}
    declared = {name: keys.checksum.signal for name, keys in profile.messages.items() if keys.checksum is not None}
    return frozenset(
        message
        for file in dbc_paths(profile, path, given)
        for message, signal in _signal_names(file)
        if message in needed and _CHECKSUM_NAME.search(signal) and signal != declared.get(message)
    )


def _signal_names(dbc: Path) -> Iterator[tuple[str, str]]:
    """(message, signal) for every signal line; the file was read and found sound when the plan was made."""
    message = ""
    for line in dbc.read_bytes().decode("latin-1").splitlines():
        words = line.replace(":", " ").split()
        if words[:1] == ["BO_"] and len(words) > 2:
            message = words[2]
        elif words[:1] == ["SG_"] and len(words) > 1:
            yield message, words[1]
