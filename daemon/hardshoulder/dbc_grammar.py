"""The lines of a DBC file that say how bits are read, and what becomes of them."""

import math
import re
from dataclasses import dataclass, field

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX

LONGEST_PAYLOAD = 64
LONGEST_FIELD = 64
SELECTOR_VALUES = 65_536
FLOAT_LENGTHS = (16, 32, 64)

EXPECTED_MESSAGE = "expected `BO_ id name: length sender`"
EXPECTED_SIGNAL = 'expected `SG_ name : start|length@order sign (scale,offset) [min|max] "unit" receivers`'

# Possessive and of limited length throughout: a line made to hurt costs no more than its own length.
_NUMBER = r"[0-9]{1,10}+"
_REAL = r"[+-]?(?:[0-9]{1,40}+\.?[0-9]{0,40}+|\.[0-9]{1,40}+)(?:[eE][+-]?[0-9]{1,5}+)?"
MESSAGE = re.compile(
    rf"BO_\s++({_NUMBER})\s++([^\s:]++)\s*+:\s*+({_NUMBER})\s++(?!{_NUMBER}\s++\S)\S"
)  # no second length
NAMED = re.compile(r"SG_\s++([^\s:|@(),\"]++)(?:\s++(M|m[0-9]{1,5}+M?))?(?=[\s:]|$)")
LAYOUT = re.compile(
    rf"\s*+:\s*+({_NUMBER})\s*+\|\s*+({_NUMBER})\s*+@\s*+([01])\s*+([+-])\s*+\(\s*+({_REAL})\s*+,\s*+({_REAL})\s*+\)"
    r"(?=[\s\[\"]|$)"
)
OF_SIGNAL = re.compile(rf"\w++\s++({_NUMBER})\s++([^\s:;]++)")
CYCLE = re.compile(rf"BA_\s++\"GenMsgCycleTime\"\s++BO_\s++({_NUMBER})\s++({_NUMBER})\s*+;")
ABOUT = re.compile(rf'(?:CM_\s++SG_|VAL_|BA_\s++"\w++"\s++SG_)\s++({_NUMBER})\s++([^\s:;"]++)')
_VALUE_TYPE = re.compile(r"\s*+(:?)\s*+([0-2])\s*+;?\s*+$")
_SELECTOR = re.compile(r"\s++([^\s:;]++)\s*+([0-9,\s-]++);?\s*+$")
_RANGE = re.compile(rf"\s*+({_NUMBER})\s*+-\s*+({_NUMBER})\s*+")


@dataclass(slots=True)
class CutSignal:
    """A signal line.

    wrong: why it cannot be used, None when it can. odd: what is told of it where it is used, by line.
    """

    line: int
    name: str
    mux: str
    layout: str = ""
    start: int = 0
    length: int = 0
    little_endian: bool = True
    wrong: str | None = None
    typed: bool = False
    is_float: bool = False
    selector: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    odd: dict[int, str] = field(default_factory=dict)

    def bits(self) -> frozenset[int]:
        """The bits that it covers, numbered as in DBC files."""
        if self.little_endian:
            return frozenset(range(self.start, self.start + self.length))
        first = self.start // 8 * 8 + 7 - self.start % 8
        return frozenset(place // 8 * 8 + 7 - place % 8 for place in range(first, first + self.length))

    def selected(self) -> tuple[tuple[int, int], ...]:
        """The values of its selector, from and to, for which it is in the frame: those of both its lines."""
        value = int(self.mux.strip("mM") or 0)
        listed = any(first <= value <= last for first, last in self.ranges)
        return self.ranges if listed else (*self.ranges, (value, value))

    def says_the_same(self, other: "CutSignal") -> bool:
        """Whether the two lines give one layout."""
        return (self.mux, self.layout, self.wrong) == (other.mux, other.layout, other.wrong)


@dataclass(slots=True)
class CutMessage:
    """A needed message as it stands in the file.

    number: with bit 31 for a 29-bit id. broken: lines in it that are no signal. wanted: what is needed of it.
    """

    name: str
    line: int
    number: int
    length: int
    signals: dict[str, CutSignal] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)
    cycle_s: float | None = None
    wanted: dict[str, CutSignal] = field(default_factory=dict)


def repaired_id(number: int) -> int:
    """29-bit ids carry bit 31 in a DBC; some files leave it out."""
    return number | EXTENDED if STANDARD_ID_MAX < number <= EXTENDED_ID_MAX else number


def id_fits(number: int) -> bool:
    """Whether the bus has such an id."""
    return 0 <= number <= STANDARD_ID_MAX or EXTENDED <= number <= EXTENDED | EXTENDED_ID_MAX


def signal_of(line: int, statement: str, named: re.Match[str], payload: int) -> CutSignal:
    """The signal of a statement whose name was found. payload: bytes of its message."""
    signal = CutSignal(line, named[1], named[2] or "")
    layout = LAYOUT.match(statement, named.end())
    if layout is None:
        signal.wrong = "is not a signal line"
        return signal
    signal.start, signal.length, signal.little_endian = int(layout[1]), int(layout[2]), layout[3] == "1"
    scale, offset = float(layout[5]), float(layout[6])
    if "." in (layout[5].lstrip("+-")[0], layout[6].lstrip("+-")[0]):
        signal.odd[line] = f"has a number that begins with a point; read as ({scale!r},{offset!r})"
    signal.layout = f"{signal.start}|{signal.length}@{layout[3]}{layout[4]} ({scale!r},{offset!r})"
    if signal.start >= payload * 8 or not 0 < signal.length <= min(payload * 8, LONGEST_FIELD):
        signal.wrong = f"does not fit into {payload} bytes"
    elif not (math.isfinite(scale) and math.isfinite(offset)):
        signal.wrong = "has a scale or offset that is no number"
    return signal


def take_value_type(signal: CutSignal, rest: str) -> str | None:
    """Reads the rest of a SIG_VALTYPE_ line; what is wrong with it."""
    match = _VALUE_TYPE.match(rest)
    if match is None:
        return "has a SIG_VALTYPE_ line that cannot be read"
    kind = match[2] in "12"
    if signal.typed and kind != signal.is_float:
        return "has two SIG_VALTYPE_ lines that differ"
    signal.typed, signal.is_float = True, kind
    if not match[1]:
        signal.odd[signal.line] = "has a SIG_VALTYPE_ line without `:`; read as written"
    if signal.is_float and signal.length not in FLOAT_LENGTHS:
        return f"is a floating-point number of {signal.length} bits"
    return None


def take_selector(signal: CutSignal, rest: str) -> str | None:
    """Reads the rest of a SG_MUL_VAL_ line; what is wrong with it."""
    match = _SELECTOR.match(rest)
    ranges = [_RANGE.fullmatch(part) for part in match[2].split(",")] if match else []
    if match is None or any(part is None for part in ranges):
        return "has a SG_MUL_VAL_ line that cannot be read"
    found = tuple((int(part[1]), int(part[2])) for part in ranges if part is not None)
    if signal.selector is not None and (signal.selector, signal.ranges) != (match[1], found):
        return "has two SG_MUL_VAL_ lines that differ"
    signal.selector, signal.ranges = match[1], found
    if any(first > last for first, last in found):
        return "has a SG_MUL_VAL_ line whose values run backwards"
    # Counted before they are listed: `0-4294967295` would fill the memory.
    if sum(last - first + 1 for first, last in found) > SELECTOR_VALUES:
        return f"is selected by more than {SELECTOR_VALUES} values"
    return None
