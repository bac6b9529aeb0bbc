"""The reference car's DBC: complete, protected where it matters, and free of overlaps."""

from importlib.resources import files

import cantools.database
import pytest
from cantools.database.can import Database, Message
from cantools.database.can.signal import Signal

from hardshoulder.core.bits import mask_of
from hardshoulder.core.plan import Field

PROTECTED = {
    "PCM_Engine",
    "PCM_Drive",
    "PCM_Warnings",
    "BMS_Contactors",
    "ACU_Crash",
    "ESC_Speed",
    "ESC_Wheels",
    "BCM_Power",
    "BCM_Lamps",
    "HSR_HazardRequest",
    "SUP_Supply",
    "TCU_Gear",
}
CYCLES_MS = {
    "PCM_Engine": (0x0A0, 20),
    "PCM_Drive": (0x0A4, 20),
    "PCM_Warnings": (0x0A8, 100),
    "BMS_Contactors": (0x0B0, 100),
    "ACU_Crash": (0x0F0, 100),
    "ESC_Speed": (0x110, 20),
    "ESC_Wheels": (0x114, 20),
    "BCM_Power": (0x1F0, 100),
    "BCM_Lamps": (0x1F4, 100),
    "HSR_HazardRequest": (0x2A0, 100),
    "SUP_Supply": (0x300, 100),
    "TCU_Gear": (0x320, 100),
    "GNS_Position": (0x350, 200),
    "GNS_Motion": (0x354, 200),
    "HSR_Display": (0x3C0, 1000),
}


def load() -> Database:
    text = files("hardshoulder_dbc").joinpath("reference.dbc").read_text(encoding="ascii")
    loaded = cantools.database.load_string(text, database_format="dbc", strict=True)
    assert isinstance(loaded, Database)
    return loaded


DATABASE = load()
SIGNALS = [(message, signal) for message in DATABASE.messages for signal in message.signals]


def field(signal: Signal) -> Field:
    return Field(signal.start, signal.length, signal.byte_order == "little_endian")


def named(pair: Message | Signal) -> str:
    return pair.name


def test_it_holds_the_messages_it_should() -> None:
    found = {message.name: (message.frame_id, message.cycle_time) for message in DATABASE.messages}
    assert found == CYCLES_MS


def test_the_bus_runs_at_500_kbit() -> None:
    assert DATABASE.dbc is not None
    assert DATABASE.dbc.attributes["Baudrate"].value == 500_000


@pytest.mark.parametrize("message", DATABASE.messages, ids=named)
def test_every_message_says_what_it_is(message: Message) -> None:
    assert message.comment
    assert message.length == 8
    assert len(message.senders) == 1
    assert message.senders[0] in {node.name for node in DATABASE.nodes}


@pytest.mark.parametrize(("message", "signal"), SIGNALS, ids=named)
def test_every_signal_says_what_it_is(message: Message, signal: Signal) -> None:
    assert signal.comment, message.name
    assert signal.receivers, message.name


@pytest.mark.parametrize("message", DATABASE.messages, ids=named)
def test_protection_is_where_it_is_relied_on(message: Message) -> None:
    signals = {signal.name: signal for signal in message.signals}
    assert ({"Counter", "Checksum"} <= signals.keys()) == (message.name in PROTECTED)
    if message.name in PROTECTED:
        assert signals["Counter"].length == 4
        assert mask_of((field(signals["Checksum"]),), 8).count(0xFF) == 1, "a byte of its own"
        assert message.dbc is not None
        assert message.dbc.attributes["DataId"].value == message.frame_id


@pytest.mark.parametrize("message", DATABASE.messages, ids=named)
def test_no_two_signals_share_a_bit(message: Message) -> None:
    taken = 0
    for signal in message.signals:
        mask = int.from_bytes(mask_of((field(signal),), message.length), "big")
        assert mask.bit_count() == signal.length
        assert not taken & mask, signal.name
        taken |= mask


@pytest.mark.parametrize(("message", "signal"), SIGNALS, ids=named)
def test_a_reading_can_be_missing(message: Message, signal: Signal) -> None:
    """All ones (the highest value of a signed signal) is out of range and says that there is none."""
    if signal.name in ("Counter", "Checksum", "Request"):
        return
    missing = (1 << (signal.length - signal.is_signed)) - 1
    assert signal.choices is not None
    assert str(signal.choices[missing]) == "NOT_AVAILABLE", message.name
    assert signal.maximum is not None
    assert missing * float(signal.scale) + float(signal.offset) > signal.maximum


def test_a_hazard_request_holds_nothing_else() -> None:
    message = DATABASE.get_message_by_name("HSR_HazardRequest")
    assert {signal.name for signal in message.signals} == {"Request", "Counter", "Checksum"}
    signal = message.get_signal_by_name("Request")
    assert signal.choices is not None
    assert {raw: str(word) for raw, word in signal.choices.items()} == {
        0: "NONE",
        1: "ON",
        2: "OFF",
        3: "NOT_AVAILABLE",
    }
