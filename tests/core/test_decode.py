"""What a frame has to be for its values to count, and under which fault it is counted when it is not."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.decode import Decoder, Fault, SignalReader, packing_of
from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.core.plan import (
    CarPlan,
    Checksum,
    ChecksumKind,
    Counter,
    Field,
    FieldKind,
    HazardPlan,
    MessagePlan,
    Multiplex,
    Readback,
    SignalPlan,
    Thresholds,
    Traits,
)
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import Propulsion, Value, Vss

SPEED = Field(0, 16, True)
COUNTER = Counter(Field(48, 4, True), 16)
CHECKSUM = Checksum(Field(56, 8, True), ChecksumKind.CRC8_SAE_J1850, 0x110)


def signal(
    vss: Vss = Vss.SPEED,
    field: Field = SPEED,
    *,
    scale: float = 0.01,
    offset: float = 0.0,
    valid: tuple[float, float] | None = None,
    not_available: tuple[int, ...] = (),
    values: tuple[tuple[int, bool | str], ...] = (),
    multiplex: tuple[Multiplex, ...] = (),
) -> SignalPlan:
    """A signal as the compiler would make it."""
    lowest, highest = valid or (None, None)
    return SignalPlan(
        vss, field, scale, offset, lowest, highest, not_available, values, multiplex, cycle_s=0.1, stale_after_s=0.5
    )


def message(
    *signals: SignalPlan,
    bus: str = "main",
    can_id: int = 0x110,
    length: int = 8,
    counter: Counter | None = None,
    checksum: Checksum | None = None,
    name: str = "Speed",
) -> MessagePlan:
    """A message as the compiler would make it."""
    return MessagePlan(name, bus, can_id, length, 0.1, counter, checksum, signals)


def decoder(*messages: MessagePlan) -> Decoder:
    """A decoder of a car that sends these messages."""
    buses = tuple(dict.fromkeys(each.bus for each in messages))
    hazard = HazardPlan(None, Readback.NONE)
    plan = CarPlan("car", "", Propulsion.COMBUSTION, Traits(), Thresholds(), buses, messages, hazard, "there")
    return Decoder(plan)


def payload(raw: int = 5000, count: int = 0) -> bytes:
    """A protected speed frame."""
    return protect(0x110, struct.pack("<Q", raw), (COUNTER, count), CHECKSUM)


def send(
    to: Decoder, data: bytes, bus: str = "main", can_id: int = 0x110, at_s: float = 1.0
) -> list[tuple[Vss, Value]] | None:
    """The readings of a frame; None when nobody wants it or it was not believed."""
    decoded = to.decode(Frame(at_s, bus, can_id, data))
    return decoded.readings if decoded is not None and decoded.believed else None


def test_a_sound_frame_is_read() -> None:
    car = decoder(message(signal(), counter=COUNTER, checksum=CHECKSUM))
    assert send(car, payload(5000, 0)) == [(Vss.SPEED, 50.0)]
    assert send(car, payload(5001, 1)) == [(Vss.SPEED, 50.01)]
    assert not car.faults


@pytest.mark.parametrize("length", [0, 1, 7, 9, 12, 64])
def test_a_wrong_length_is_not_believed(length: int) -> None:
    car = decoder(message(signal()))
    assert send(car, bytes(length)) is None
    assert car.faults == {("Speed", Fault.LENGTH): 1}


@given(st.integers(0, 63))
def test_a_bad_checksum_is_not_believed(flip: int) -> None:
    car = decoder(message(signal(), counter=COUNTER, checksum=CHECKSUM))
    bad = struct.pack("<Q", struct.unpack("<Q", payload())[0] ^ 1 << flip)
    assert send(car, bad) is None
    assert car.faults == {("Speed", Fault.CHECKSUM): 1}


def test_a_stuck_counter_is_not_believed_until_it_moves() -> None:
    car = decoder(message(signal(), counter=COUNTER, checksum=CHECKSUM))
    counts = [3, 3, 3, 4, 4, 6, 15, 0]
    believed = [send(car, payload(5000 + place, count), at_s=place * 0.1) for place, count in enumerate(counts)]
    assert [readings is not None for readings in believed] == [True, False, False, True, False, True, False, True]
    assert car.faults == {("Speed", Fault.COUNTER): 4}


def test_a_frame_with_a_bad_checksum_does_not_move_the_counter() -> None:
    car = decoder(message(signal(), counter=COUNTER, checksum=CHECKSUM))
    assert send(car, payload(5000, 3)) is not None
    corrupt = bytearray(payload(5000, 4))
    corrupt[0] ^= 0xFF
    assert send(car, bytes(corrupt)) is None
    assert send(car, payload(5000, 3)) is None
    assert car.faults == {("Speed", Fault.CHECKSUM): 1, ("Speed", Fault.COUNTER): 1}


@pytest.mark.parametrize(
    ("raw", "believed"), [(0, False), (999, False), (1000, True), (5000, True), (20000, True), (20001, False)]
)
def test_out_of_range_updates_nothing(raw: int, believed: bool) -> None:
    car = decoder(message(signal(valid=(10.0, 200.0))))
    assert send(car, struct.pack("<Q", raw)) == ([(Vss.SPEED, raw * 0.01)] if believed else [])
    assert car.faults == ({} if believed else {("Speed", Fault.RANGE): 1})


@pytest.mark.parametrize("length", [16, 32, 64])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("valid", [None, (0.0, 400.0)])
def test_what_is_no_number_updates_nothing(length: int, value: float, valid: tuple[float, float] | None) -> None:
    car = decoder(message(signal(field=Field(0, length, True, FieldKind.FLOAT), valid=valid)))
    code = {16: "<e6x", 32: "<f4x", 64: "<d"}[length]
    assert send(car, struct.pack(code, value)) == []
    assert car.faults == {("Speed", Fault.RANGE): 1}


def test_a_number_that_grows_out_of_bounds_updates_nothing() -> None:
    car = decoder(message(signal(field=Field(0, 64, True, FieldKind.FLOAT), scale=1000.0)))
    assert send(car, struct.pack("<d", 1e307)) == []
    assert car.faults == {("Speed", Fault.RANGE): 1}


def test_raws_that_stand_for_no_reading_update_nothing() -> None:
    car = decoder(message(signal(not_available=(65534, 65535))))
    assert [send(car, struct.pack("<Q", raw)) for raw in (65534, 65535)] == [[], []]
    assert send(car, struct.pack("<Q", 65533)) == [(Vss.SPEED, 655.33)]
    assert car.faults == {("Speed", Fault.NOT_AVAILABLE): 2}


def test_a_signed_raw_that_stands_for_no_reading_is_a_signed_number() -> None:
    car = decoder(message(signal(field=Field(0, 16, True, FieldKind.SIGNED), not_available=(-32768,))))
    assert send(car, struct.pack("<hHI", -32768, 0, 0)) == []
    assert send(car, struct.pack("<hHI", -32767, 0, 0)) == [(Vss.SPEED, -327.67)]


STATES = ((0, "OFF"), (3, "ON"))


@pytest.mark.parametrize(
    ("raw", "readings", "faults"),
    [
        (0, ["OFF"], {}),
        (3, ["ON"], {}),
        (1, [], {("Speed", Fault.RANGE): 1}),
        (7, [], {("Speed", Fault.NOT_AVAILABLE): 1}),
    ],
)
def test_words(raw: int, readings: list[str], faults: dict[tuple[str, Fault], int]) -> None:
    power = signal(Vss.POWER_STATE, Field(0, 3, True), values=STATES, not_available=(7,))
    car = decoder(message(power))
    assert send(car, bytes([raw]) + bytes(7)) == [(Vss.POWER_STATE, word) for word in readings]
    assert car.faults == faults


@pytest.mark.parametrize("value", [math.nan, math.inf, 2.5])
def test_a_float_that_is_no_raw_of_a_word_is_out_of_range(value: float) -> None:
    power = signal(Vss.POWER_STATE, Field(0, 32, True, FieldKind.FLOAT), values=STATES)
    car = decoder(message(power))
    assert send(car, struct.pack("<fI", value, 0)) == []
    assert car.faults == {("Speed", Fault.RANGE): 1}
    assert send(car, struct.pack("<fI", 3.0, 0)) == [(Vss.POWER_STATE, "ON")]


def test_one_bad_value_does_not_take_its_neighbour_along() -> None:
    car = decoder(
        message(signal(not_available=(65535,)), signal(Vss.ENGINE_SPEED, Field(16, 16, True), scale=0.25))
    )  # fmt: skip
    assert send(car, struct.pack("<HHI", 65535, 4000, 0)) == [(Vss.ENGINE_SPEED, 1000.0)]
    assert car.faults == {("Speed", Fault.NOT_AVAILABLE): 1}


def test_two_buses_with_the_same_id_stay_apart() -> None:
    power = signal(Vss.SUPPLY_VOLTAGE, scale=0.001)
    car = decoder(message(signal()), message(power, bus="body", length=2, name="Power"))
    assert car.wanted == {("main", 0x110), ("body", 0x110)}
    assert send(car, struct.pack("<Q", 5000)) == [(Vss.SPEED, 50.0)]
    assert send(car, struct.pack("<H", 12000), bus="body") == [(Vss.SUPPLY_VOLTAGE, 12.0)]
    assert send(car, struct.pack("<H", 12000)) is None
    assert send(car, struct.pack("<H", 12000), bus="other") is None
    assert car.faults == {("Speed", Fault.LENGTH): 1}


def test_counters_of_two_buses_are_counted_apart() -> None:
    car = decoder(
        message(signal(), counter=COUNTER, checksum=CHECKSUM),
        message(signal(Vss.ENGINE_SPEED), counter=COUNTER, checksum=CHECKSUM, bus="body", name="Other"),
    )
    assert send(car, payload(5000, 3)) is not None
    assert send(car, payload(5000, 3), bus="body") is not None
    assert not car.faults


def test_an_11_bit_id_is_not_the_29_bit_id_of_the_same_number() -> None:
    car = decoder(message(signal(), can_id=0x110 | EXTENDED))
    assert send(car, struct.pack("<Q", 5000)) is None
    assert send(car, struct.pack("<Q", 5000), can_id=0x110 | EXTENDED) == [(Vss.SPEED, 50.0)]


@pytest.mark.parametrize(
    ("outer", "inner", "present"), [(1, 2, True), (1, 3, True), (1, 4, False), (0, 2, False), (0, 4, False)]
)
def test_a_multiplexed_signal_is_there_when_all_its_selectors_say_so(outer: int, inner: int, present: bool) -> None:
    gates = (Multiplex(Field(24, 8, True), (2, 3)), Multiplex(Field(16, 8, True), (1,)))
    car = decoder(message(signal(multiplex=gates, not_available=(9,))))
    assert send(car, struct.pack("<HBBI", 5000, outer, inner, 0)) == ([(Vss.SPEED, 50.0)] if present else [])
    assert send(car, struct.pack("<HBBI", 9, outer, inner, 0)) == []
    assert car.faults == ({("Speed", Fault.NOT_AVAILABLE): 1} if present else {})


@pytest.mark.parametrize("gates", [(), (Multiplex(Field(16, 8, True), (1,)),)])
def test_one_signal_is_read_by_itself(gates: tuple[Multiplex, ...]) -> None:
    plan = message(signal(multiplex=gates, not_available=(9,)))
    packing, reader = packing_of(plan), SignalReader(plan.signals[0], packing_of(plan))
    said = [reader.read(packing.number(struct.pack("<HBBI", raw, gate, 0, 0))) for raw, gate in ((5000, 1), (9, 1))]
    assert said == [50.0, Fault.NOT_AVAILABLE]
    assert reader.read(packing.number(struct.pack("<HBBI", 5000, 2, 0, 0))) == (None if gates else 50.0)


def test_a_checksum_without_a_counter_is_enough() -> None:
    car = decoder(message(signal(), checksum=CHECKSUM))
    assert [send(car, payload(5000, 3)) for _ in range(3)] == [[(Vss.SPEED, 50.0)]] * 3
