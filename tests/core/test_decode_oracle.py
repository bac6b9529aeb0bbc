"""Decoding against cantools: random layouts, written as a DBC file, through the real compile path."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path

import cantools.database
import pytest
from cantools.database.can import Database, Message
from hypothesis import assume, given
from hypothesis import strategies as st

from hardshoulder.compile import compile_profile
from hardshoulder.core.bits import Packing, compile_number, extract, fits, insert, mask_of
from hardshoulder.core.decode import Decoder, Fault
from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, Frame
from hardshoulder.core.plan import CarPlan, Field, FieldKind
from hardshoulder.core.vocabulary import UNITS, Unit
from support.written import write

NUMBERS = [vss for vss, unit in UNITS.items() if unit not in (Unit.BOOLEAN, Unit.STATE)]
LENGTHS = (*range(1, 9), 12, 16, 20, 24, 32, 48, 64)
FACTORS = (1.0, 0.25, 0.01, -0.5, 3.0, 1e-7, 1000.0)
MULTIPLEXING = ("none", "simple", "nested")
OFFSETS = (0.0, -40.0, 0.125, 100000.0)


def walk(start: int, little_endian: bool) -> Iterator[int]:
    """The bits of a field from its start on, one by one as a DBC counts them."""
    bit = start
    while True:
        yield bit
        bit = bit + 1 if little_endian else (bit - 1 if bit % 8 else bit + 15)


def bits_of(field: Field) -> frozenset[int]:
    """The payload bits of the field."""
    return frozenset(islice(walk(field.start, field.little_endian), field.length))


def bits_set(data: bytes) -> frozenset[int]:
    return frozenset(bit for bit in range(len(data) * 8) if data[bit // 8] >> bit % 8 & 1)


def number_in(payload: bytes, field: Field) -> int | float:
    """The field's number, read as a message that has nothing else is read."""
    packing = Packing([field], len(payload))
    (shift, mask), number = packing.place(field), compile_number(field)
    bits = packing.number(payload) >> shift & mask
    return bits if number is None else number(bits)


@dataclass(frozen=True)
class Drawn:
    """One signal of a drawn message. ranges: of the selector's values, where the selector is named."""

    name: str
    field: Field
    scale: float
    offset: float
    mux: str = ""
    selector: str = ""
    ranges: str = ""

    def line(self) -> str:
        order, sign = int(self.field.little_endian), "+" if self.field.kind is FieldKind.UNSIGNED else "-"
        layout = f"{self.field.start}|{self.field.length}@{order}{sign}"
        return f' SG_ {self.name} {self.mux}: {layout} ({self.scale!r},{self.offset!r}) [0|0] "" Vector__XXX'

    def after(self, number: int) -> Iterator[str]:
        if self.field.kind is FieldKind.FLOAT:
            yield f"SIG_VALTYPE_ {number} {self.name} : {2 if self.field.length == 64 else 1};"
        if self.selector:
            yield f"SG_MUL_VAL_ {number} {self.name} {self.selector} {self.ranges};"


@dataclass(frozen=True)
class Layout:
    """A drawn message."""

    can_id: int
    length: int
    signals: tuple[Drawn, ...]

    def dbc(self) -> str:
        lines = [f"BO_ {self.can_id} Message: {self.length} Vector__XXX", *(each.line() for each in self.signals), ""]
        lines += [line for each in self.signals for line in each.after(self.can_id)]
        header = ['VERSION ""', "NS_ :", "BS_:", "BU_: Vector__XXX", ""]
        return "\n".join([*header, *lines, ""])

    def oracle(self) -> Message:
        database = cantools.database.load_string(self.dbc(), "dbc", strict=True)
        assert isinstance(database, Database)
        return database.messages[0]

    def plan(self, folder: Path) -> CarPlan:
        """Through profile and DBC file, as a car's plan is made."""
        (folder / "drawn.dbc").write_text(self.dbc(), encoding="ascii")
        named = dict(zip(NUMBERS, self.signals, strict=False))
        signals = {
            str(vss): {"message": "Message", "signal": signal.name, "unit": str(UNITS[vss])}
            for vss, signal in named.items()
        }
        profile = {
            "format": 1,
            "name": "drawn",
            "description": "drawn",
            "propulsion": "electric",
            "dbc": "drawn.dbc",
            "bus": [{"name": "main"}],
            "hazard_button": {"en": "there"},
            "messages": {"Message": {"cycle_s": 0.1}},
            "signals": signals,
        }
        return compile_profile(write(folder / "drawn.toml", profile))


@st.composite
def fields(draw: st.DrawFn, free: frozenset[int], exactly: int | None = None) -> Field:
    """Any field in the free bits; an unsigned one where the length is given."""
    little_endian = draw(st.booleans())
    starts = [bit for bit in sorted(free) if set(islice(walk(bit, little_endian), exactly or 1)) <= free]
    assume(starts)
    start = draw(st.sampled_from(starts))
    if exactly is not None:
        return Field(start, exactly, little_endian)
    longest = sum(1 for _ in takewhile(free.__contains__, islice(walk(start, little_endian), 64)))
    kind = draw(st.sampled_from(FieldKind))
    floats = [size for size in (16, 32, 64) if size <= longest]
    if kind is FieldKind.FLOAT and floats:
        return Field(start, draw(st.sampled_from(floats)), little_endian, kind)
    kind = FieldKind.UNSIGNED if kind is FieldKind.FLOAT else kind
    return Field(start, draw(st.integers(1, longest)), little_endian, kind)


class Drawing:
    """A message in the making. free: bits of no signal. shared: bits only of signals that come and go."""

    def __init__(self, draw: st.DrawFn, length: int) -> None:
        self._draw = draw
        self._free = frozenset(range(length * 8))
        self._shared: frozenset[int] = frozenset()
        self.signals: list[Drawn] = []

    def selector(self, name: str, bits: int, mux: str, above: str = "", ranges: str = "") -> None:
        field = self._draw(fields(self._free, bits))
        self._free -= bits_of(field)
        self.signals.append(Drawn(name, field, 1.0, 0.0, mux, above, ranges))

    def branch(self, name: str, mux: str, above: str = "", ranges: str = "") -> None:
        """A signal that excludes the other branches, so that it may share their bits."""
        field = self._draw(fields(self._free | self._shared))
        self._shared |= bits_of(field)
        self._free -= bits_of(field)
        self._add(name, field, mux, above, ranges)

    def plain(self, name: str) -> None:
        field = self._draw(fields(self._free))
        self._free -= bits_of(field)
        self._add(name, field)

    def _add(self, name: str, field: Field, mux: str = "", above: str = "", ranges: str = "") -> None:
        scale, offset = self._draw(st.sampled_from(FACTORS)), self._draw(st.sampled_from(OFFSETS))
        self.signals.append(Drawn(name, field, scale, offset, mux, above, ranges))


@st.composite
def layouts(draw: st.DrawFn, multiplexing: str) -> Layout:
    """A message without overlaps, every value of its selectors in use."""
    can_id = draw(st.one_of(st.integers(0, STANDARD_ID_MAX), st.integers(0, EXTENDED_ID_MAX).map(EXTENDED.__or__)))
    length = draw(st.sampled_from(LENGTHS))
    drawing = Drawing(draw, length)
    if multiplexing == "simple":
        drawing.selector("Outer", 1, "M ")
        drawing.branch("Zero", "m0 ")
        drawing.branch("One", "m1 ")
    elif multiplexing == "nested":
        drawing.selector("Outer", 1, "M ")
        drawing.selector("Inner", 2, "m1M ", "Outer", "1-1")
        drawing.branch("Zero", "m0 ", "Outer", "0-0")
        drawing.branch("Low", "m0 ", "Inner", "0-0, 2-2")
        drawing.branch("High", "m1 ", "Inner", "1-1, 3-3")
    else:
        drawing.plain("Plain")
    for number in range(draw(st.integers(0, 2))):
        drawing.plain(f"Plain{number}")
    return Layout(can_id, length, tuple(drawing.signals))


@st.composite
def messages(draw: st.DrawFn, multiplexing: str | None = None) -> tuple[Layout, bytes]:
    """A layout and a payload for it."""
    layout = draw(layouts(multiplexing or draw(st.sampled_from(MULTIPLEXING))))
    return layout, draw(st.binary(min_size=layout.length, max_size=layout.length))


def numbers(message: Message, payload: bytes, *, scaling: bool) -> dict[str, int | float]:
    """What cantools makes of the payload."""
    decoded = message.decode(payload, decode_choices=False, scaling=scaling)
    assert isinstance(decoded, dict)
    found = {name: value for name, value in decoded.items() if isinstance(value, int | float)}
    assert found.keys() == decoded.keys()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the drawn files are written, one after the other."""
    return tmp_path_factory.mktemp("drawn")


@pytest.mark.slow
@pytest.mark.parametrize("multiplexing", MULTIPLEXING)
@given(data=st.data())
def test_values_are_those_of_cantools(folder: Path, multiplexing: str, data: st.DataObject) -> None:
    layout, payload = data.draw(messages(multiplexing))
    plan, oracle = layout.plan(folder), layout.oracle()
    decoder = Decoder(plan)
    decoded = decoder.decode(Frame(1.0, "main", layout.can_id, payload))
    assert decoded is not None
    readings = dict(decoded[1])
    expected, raws = numbers(oracle, payload, scaling=True), numbers(oracle, payload, scaling=False)
    wild = 0
    for vss, signal in zip(NUMBERS, layout.signals, strict=False):
        if signal.name not in expected:
            assert vss not in readings
        elif not math.isfinite(expected[signal.name]):
            wild += 1
            assert vss not in readings
        else:
            size = max(1e-300, abs(raws[signal.name] * signal.scale), abs(signal.offset))
            assert abs(float(readings[vss]) - expected[signal.name]) <= 1e-14 * size
    assert decoder.faults == ({("Message", Fault.RANGE): wild} if wild else {})


@pytest.mark.slow
@given(messages())
def test_raw_numbers_are_those_of_cantools(folder: Path, drawn: tuple[Layout, bytes]) -> None:
    layout, payload = drawn
    by_name = dict(zip(NUMBERS, layout.signals, strict=False))
    raws = numbers(layout.oracle(), payload, scaling=False)
    (message,) = layout.plan(folder).messages
    assert {signal.vss for signal in message.signals} == by_name.keys()
    for signal in message.signals:
        name = by_name[signal.vss].name
        if name in raws:
            ours, theirs = number_in(payload, signal.field), raws[name]
            assert ours == theirs or (math.isnan(ours) and math.isnan(theirs))


@given(messages())
def test_inserted_numbers_are_those_cantools_encodes(drawn: tuple[Layout, bytes]) -> None:
    layout, payload = drawn
    oracle = layout.oracle()
    raws = numbers(oracle, payload, scaling=False)
    # Some of the bits of a NaN do not come through a Python float.
    assume(not any(math.isnan(raw) for raw in raws.values()))
    encoded = oracle.encode(dict(raws), scaling=False, strict=False)
    made = bytearray(layout.length)
    for signal in layout.signals:
        if signal.name in raws:
            insert(made, signal.field, extract(payload, signal.field))
    assert bytes(made) == encoded


@given(
    st.sampled_from(LENGTHS).flatmap(
        lambda size: st.tuples(fields(frozenset(range(size * 8))), st.binary(min_size=size, max_size=size))
    ),
    st.data(),
)
def test_what_is_inserted_is_extracted_and_nothing_else_changes(
    drawn: tuple[Field, bytes], data: st.DataObject
) -> None:
    field, before = drawn
    raw = data.draw(st.integers(0, (1 << field.length) - 1))
    after = bytearray(before)
    insert(after, field, raw)
    assert extract(bytes(after), field) == raw
    own = bits_of(field)
    assert bits_set(bytes(after)) - own == bits_set(before) - own
    assert bits_set(mask_of((field,), len(before))) == own
    assert fits(field, len(before))


@given(st.integers(0, 600), st.integers(0, 64), st.booleans(), st.integers(0, 64))
def test_a_field_fits_when_all_its_bits_do(start: int, length: int, little_endian: bool, size: int) -> None:
    field = Field(start, length, little_endian)
    assert fits(field, size) == (length > 0 and max(bits_of(field), default=0) < size * 8)


@given(st.integers(1, 64).flatmap(lambda n: st.tuples(st.just(n), st.integers(-(1 << n - 1), (1 << n - 1) - 1))))
def test_a_negative_number_comes_back(drawn: tuple[int, int]) -> None:
    length, number = drawn
    field = Field(0, length, True, FieldKind.SIGNED)
    payload = bytearray(8)
    insert(payload, field, number)
    assert number_in(bytes(payload), field) == number
