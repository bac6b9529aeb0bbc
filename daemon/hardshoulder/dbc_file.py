"""DBC files as published: only what somebody needs of them has to be sound.

A DBC file of a real car often has a broken line somewhere (an id that does not fit, a
signal outside its message, a malformed comment). The needed signals and the selectors that they
are multiplexed by are cut out first, and cantools reads nothing else. What is left out or
repaired is told.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import cantools
from cantools.database.can import Message

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX
from hardshoulder.errors import UserError

LONGEST_PAYLOAD = 64
LONGEST_FIELD = 64
SELECTOR_VALUES = 65_536
MOST_LINES = 100
"""Problems, and notes, that are told of one file."""
FLOAT_LENGTHS = (16, 32, 64)

_EXPECTED_MESSAGE = "expected `BO_ id name: length sender`"
_EXPECTED_SIGNAL = 'expected `SG_ name : start|length@order sign (scale,offset) [min|max] "unit" receivers`'

# Possessive and of limited length throughout: a line made to hurt costs no more than its own length.
_NUMBER = r"[0-9]{1,10}+"
_REAL = r"[+-]?(?:[0-9]{1,40}+\.?[0-9]{0,40}+|\.[0-9]{1,40}+)(?:[eE][+-]?[0-9]{1,5}+)?"
_MESSAGE = re.compile(rf"BO_\s++({_NUMBER})\s++([^\s:]++)\s*+:\s*+({_NUMBER})\s++\S")
_NAMED = re.compile(r"SG_\s++(\w++)\s*+(M|m[0-9]{1,5}+M?)?")
_LAYOUT = re.compile(
    rf"\s*+:\s*+({_NUMBER})\s*+\|\s*+({_NUMBER})\s*+@\s*+([01])\s*+([+-])\s*+\(\s*+({_REAL})\s*+,\s*+({_REAL})\s*+\)"
)
_OF_SIGNAL = re.compile(rf"\w++\s++({_NUMBER})\s++(\w++)")
_VALUE_TYPE = re.compile(r"\s*+:?\s*+([0-3])\s*+;?\s*+$")
_SELECTOR = re.compile(r"\s++(\w++)\s*+([0-9,\s-]++);?\s*+$")
_RANGE = re.compile(rf"\s*+({_NUMBER})\s*+-\s*+({_NUMBER})\s*+")
_CYCLE = re.compile(rf"BA_\s++\"GenMsgCycleTime\"\s++BO_\s++({_NUMBER})\s++({_NUMBER})\s*+;")


@dataclass(slots=True)
class _Signal:
    """A signal line. wrong: why it cannot be used, None when it can."""

    line: int
    name: str
    mux: str
    layout: str = ""
    length: int = 0
    wrong: str | None = None
    is_float: bool = False
    selector: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Block:
    """A needed message as it stands in the file."""

    name: str
    line: int
    number: int  # with bit 31 for a 29-bit id
    length: int
    signals: dict[str, _Signal] = field(default_factory=dict)
    cycle_s: float | None = None
    wanted: dict[str, _Signal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DbcMessage:
    """A message read from a DBC file.

    message: with the needed signals alone. signals: every signal the file names, sound or not.
    cycle_s: None where the file gives none.
    """

    message: Message
    signals: tuple[str, ...]
    cycle_s: float | None
    source: str


def _repaired_id(number: int) -> int:
    """29-bit ids carry bit 31 in a DBC; some files leave it out."""
    return number | EXTENDED if STANDARD_ID_MAX < number <= EXTENDED_ID_MAX else number


def _id_fits(number: int) -> bool:
    return 0 <= number <= STANDARD_ID_MAX or EXTENDED <= number <= EXTENDED | EXTENDED_ID_MAX


class _Cutter:
    """Walks the statements of one file and keeps what is needed."""

    def __init__(self, path: Path, needed: dict[str, frozenset[str]]) -> None:
        self._path = path
        self._needed = needed
        self._inside: _Block | None = None  # the needed message whose signals are being read
        self.blocks: dict[str, _Block] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def take(self, number: int, statement: str) -> None:
        keyword = statement.split(None, 1)[0] if statement else ""
        if keyword == "BO_":
            self._message(number, statement)
        elif keyword == "SG_":
            self._signal(number, statement)
        elif keyword:
            self._inside = None
            if keyword in ("SIG_VALTYPE_", "SG_MUL_VAL_"):
                self._about_signal(number, statement, keyword)
            elif keyword == "BA_":
                self._cycle(statement)

    def _problem(self, number: int, text: str) -> None:
        if len(self.problems) < MOST_LINES:
            self.problems.append(f"{self._path}:{number}: {text}")

    def _note(self, number: int, text: str) -> None:
        if len(self.notes) < MOST_LINES:
            self.notes.append(f"{self._path.name}:{number}: {text}")

    def _message(self, number: int, statement: str) -> None:
        self._inside = None
        match = _MESSAGE.match(statement)
        words = statement.split(None, 3)
        name = match[2] if match else (words[2].rstrip(":") if len(words) > 2 else "?")
        if name not in self._needed:
            return
        if match is None:
            self._problem(number, f"{_EXPECTED_MESSAGE}, got `{statement[:60]}`")
        elif name in self.blocks:
            self._problem(number, f"message {name} stands twice (first in line {self.blocks[name].line}); remove one")
        else:
            self._open(number, name, int(match[1]), int(match[3]))

    def _open(self, number: int, name: str, written: int, length: int) -> None:
        repaired = _repaired_id(written)
        if repaired != written:
            self._note(number, f"{name} has a 29-bit id without bit 31; read as extended")
        if not _id_fits(repaired):
            self._problem(number, f"the id {written} of {name} is none; expected 11 bits, or 29 bits and bit 31")
        if length > LONGEST_PAYLOAD:
            self._problem(number, f"{name} has {length} bytes; expected at most {LONGEST_PAYLOAD}")
        self._inside = self.blocks[name] = _Block(name, number, repaired, length)

    def _signal(self, number: int, statement: str) -> None:
        block = self._inside
        named = _NAMED.match(statement)
        if block is None or named is None:
            if block is not None:
                self._note(number, f"left out a line of {block.name} that is not a signal")
            return
        signal = _Signal(number, named[1], named[2] or "")
        layout = _LAYOUT.match(statement, named.end())
        if layout is None:
            signal.wrong = "is not a signal line"
        else:
            start, signal.length = int(layout[1]), int(layout[2])
            scale, offset = float(layout[5]), float(layout[6])
            signal.layout = f"{start}|{signal.length}@{layout[3]}{layout[4]} ({scale!r},{offset!r})"
            signal.wrong = _misfit(block, start, signal.length, scale, offset)
        if twin := block.signals.get(signal.name):
            twin.wrong = f"stands twice (again in line {number})"
        else:
            block.signals[signal.name] = signal

    def _about_signal(self, number: int, statement: str, keyword: str) -> None:
        """SIG_VALTYPE_ and SG_MUL_VAL_ change how bits are read."""
        match = _OF_SIGNAL.match(statement)
        take = _take_value_type if keyword == "SIG_VALTYPE_" else _take_selector
        for block in self._blocks_of(match):
            assert match is not None
            signal = block.signals.get(match[2])
            if signal is not None and signal.wrong is None:
                signal.wrong = take(signal, statement[match.end() :])
                signal.line = number if signal.wrong is not None else signal.line

    def _blocks_of(self, match: re.Match[str] | None) -> list[_Block]:
        """The needed messages with the id that was matched; two may share one on two buses."""
        number = None if match is None else _repaired_id(int(match[1]))
        return [block for block in self.blocks.values() if block.number == number]

    def _cycle(self, statement: str) -> None:
        match = _CYCLE.match(statement)
        for block in self._blocks_of(match):
            assert match is not None
            block.cycle_s = int(match[2]) / 1000 or block.cycle_s

    def finish(self) -> None:
        """Finds what every needed signal depends on; problems where that is broken, notes for the rest."""
        for block in self.blocks.values():
            for name in sorted(self._needed[block.name] & block.signals.keys()):
                self._want(block, block.signals[name])
            for signal in block.signals.values():
                if signal.wrong is not None and signal.name not in block.wanted:
                    self._note(signal.line, f"left out signal {signal.name} of {block.name}: {signal.wrong}")

    def _want(self, block: _Block, signal: _Signal) -> None:
        """Takes the signal and the selectors above it."""
        above = {signal.name}
        while True:
            block.wanted[signal.name] = signal
            if signal.wrong is not None:
                self._problem(signal.line, f"signal {signal.name} of {block.name} {signal.wrong}; {_EXPECTED_SIGNAL}")
                return
            if not signal.mux.startswith("m") and signal.selector is None:
                return
            signal.selector = signal.selector or _only_selector(block)
            selector = block.signals.get(signal.selector or "")
            if selector is None or selector.name in above:
                self._problem(
                    signal.line,
                    f"signal {signal.name} of {block.name} is multiplexed, but no sound line says by which signal; "
                    "expected one signal with `M`, or `SG_MUL_VAL_ id name selector from-to;`",
                )
                return
            above.add(selector.name)
            signal = selector


def _misfit(block: _Block, start: int, length: int, scale: float, offset: float) -> str | None:
    bits = block.length * 8
    if start >= bits or not 0 < length <= min(bits, LONGEST_FIELD):
        return f"does not fit into {block.length} bytes"
    return None if math.isfinite(scale) and math.isfinite(offset) else "has a scale or offset that is no number"


def _take_value_type(signal: _Signal, rest: str) -> str | None:
    match = _VALUE_TYPE.match(rest)
    if match is None:
        return "has a SIG_VALTYPE_ line that cannot be read"
    signal.is_float = match[1] in "12"
    if signal.is_float and signal.length not in FLOAT_LENGTHS:
        return f"is a floating-point number of {signal.length} bits"
    return None


def _take_selector(signal: _Signal, rest: str) -> str | None:
    match = _SELECTOR.match(rest)
    ranges = [_RANGE.fullmatch(part) for part in match[2].split(",")] if match else []
    if match is None or any(part is None for part in ranges):
        return "has a SG_MUL_VAL_ line that cannot be read"
    signal.selector = match[1]
    signal.ranges = tuple((int(part[1]), int(part[2])) for part in ranges if part is not None)
    if any(first > last for first, last in signal.ranges):
        return "has a SG_MUL_VAL_ line whose values run backwards"
    # Counted before they are listed: `0-4294967295` would fill the memory.
    if sum(last - first + 1 for first, last in signal.ranges) > SELECTOR_VALUES:
        return f"is selected by more than {SELECTOR_VALUES} values"
    return None


def _only_selector(block: _Block) -> str | None:
    found = [signal.name for signal in block.signals.values() if signal.mux.endswith("M")]
    return found[0] if len(found) == 1 else None


def _statements(index: int, block: _Block) -> list[str]:
    """The message for cantools. Names are ours: those of real files may start with a digit or be a keyword."""
    alias = {name: f"S{place}" for place, name in enumerate(block.wanted)}
    lines, after = ["", f"BO_ {block.number} M{index}: {block.length} Vector__XXX"], []
    for signal in block.wanted.values():
        name, mux = alias[signal.name], signal.mux
        if signal.selector is not None:
            mux = mux if mux.startswith("m") else f"m0{mux}"
        lines.append(f' SG_ {name} {mux} : {signal.layout} [0|0] "" Vector__XXX')
        if signal.ranges and signal.selector is not None:
            ranges = ", ".join(f"{first}-{last}" for first, last in signal.ranges)
            after.append(f"SG_MUL_VAL_ {block.number} {name} {alias[signal.selector]} {ranges};")
        if signal.is_float:
            after.append(f"SIG_VALTYPE_ {block.number} {name} : 1;")
    return [*lines, "", *after]


def _load(path: Path, block: _Block) -> Message:
    # The header is ours: files without BS_ or BU_ are common and cantools wants both.
    text = "\n".join(['VERSION ""', "NS_ :", "BS_:", "BU_: Vector__XXX", *_statements(0, block), ""])
    try:
        database = cantools.database.load_string(text, "dbc", strict=False)
    except Exception as error:  # cantools raises its parser's own classes; all of them mean a broken file
        raise UserError(f"{path}:{block.line}: cannot read message {block.name}: {error}") from None
    message: Message = database.messages[0]  # type: ignore[union-attr]
    names = list(block.wanted)
    for signal in message.signals:
        signal.name = names[int(signal.name[1:])]
        above = signal.multiplexer_signal
        signal.multiplexer_signal = None if above is None else names[int(above[1:])]
        if signal.multiplexer_signal != block.wanted[signal.name].selector:
            raise UserError(f"{path}:{block.line}: cannot tell by what {signal.name} of {block.name} is multiplexed")
    return message


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path of the DBC file") from None
    has_mark = raw[:3] == b"\xef\xbb\xbf"
    text = raw.decode("utf-8-sig" if has_mark else "cp1252", "replace")
    if "BO_" not in text:
        raise UserError(f"{path}: no `BO_` line in it; this is not a DBC file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_dbc(path: Path, needed: dict[str, frozenset[str]]) -> tuple[dict[str, DbcMessage], tuple[str, ...]]:
    """The needed messages that the file has, and notes on what was repaired or left out.

    needed: message name to the signals of it that must be sound. Raises UserError naming file
    and line wherever one of those is broken.
    """
    cutter = _Cutter(path, needed)
    # Line by line: what matters stands on one line each, and a comment whose quotes do not
    # balance (common) must not swallow the messages after it.
    for number, line in enumerate(_text_of(path).split("\n"), 1):
        cutter.take(number, line.strip())
    cutter.finish()
    if cutter.problems:
        raise UserError(*dict.fromkeys(cutter.problems))
    found = {
        block.name: DbcMessage(_load(path, block), tuple(block.signals), block.cycle_s, str(path))
        for block in cutter.blocks.values()
    }
    return found, tuple(cutter.notes)
