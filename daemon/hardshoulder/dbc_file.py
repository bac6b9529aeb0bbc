"""DBC files as published: only the messages somebody needs have to be sound.

A DBC file of a real car often has a broken line somewhere (an id that does not fit, a
signal outside its message, a malformed comment). The file is cut down to the needed messages
first, and cantools reads what is left. What is left out or repaired is told.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import cantools
from cantools.database.can import Message

from hardshoulder.core.frame import EXTENDED, STANDARD_ID_MAX
from hardshoulder.errors import UserError

_MESSAGE = re.compile(r"BO_\s+(\d+)\s+(\S+?)\s*:\s*(\d+)\s+(\S+)\s*$")
_SIGNAL = re.compile(
    r"SG_\s+(?P<name>\w+)\s+(?P<mux>M|m\d+M?)?\s*:\s*(?P<start>\d+)\|(?P<length>\d+)@[01][+-]\s*"
    r"\([^,()]+,[^,()]+\)\s*\[[^|\]]*\|[^|\]]*\]\s*\"[^\"]*\"\s*.*$"
)
_OF_MESSAGE = re.compile(r"(?:VAL_|SIG_VALTYPE_|SG_MUL_VAL_)\s+(\d+)\s+(\w+)")
_CYCLE = re.compile(r"BA_\s+\"GenMsgCycleTime\"\s+BO_\s+(\d+)\s+(\d+)")


@dataclass(slots=True)
class _Cut:
    """The needed part of a file while it is being cut out."""

    lines: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)  # message number as written -> as repaired
    names: dict[str, int] = field(default_factory=dict)  # message name -> line
    cycles_s: dict[str, float] = field(default_factory=dict)  # by message number as written
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DbcMessage:
    """A message read from a DBC file. cycle_s: None where the file gives none."""

    message: Message
    cycle_s: float | None
    source: str


def _repaired_id(number: str) -> str:
    """29-bit ids carry bit 31 in a DBC; some files leave it out."""
    value = int(number)
    return str(value | EXTENDED) if STANDARD_ID_MAX < value < EXTENDED else number


class _Cutter:
    """Walks the statements of one file and keeps what is needed."""

    def __init__(self, path: Path, needed: dict[str, frozenset[str]]) -> None:
        self._path = path
        self._needed = needed
        self._inside: str | None = None  # the needed message whose signals are being read
        self._bits = 0
        self.cut = _Cut()

    def take(self, number: int, statement: str) -> None:
        if statement.startswith("BO_ "):
            self._message(number, statement)
        elif statement.startswith("SG_ "):
            if self._inside is not None:
                self._signal(number, statement)
        elif statement:
            self._inside = None
            self._about(statement)

    def _message(self, number: int, statement: str) -> None:
        self._inside = None
        match = _MESSAGE.match(statement)
        words = statement.split()
        name = match[2] if match else (words[2].rstrip(":") if len(words) > 2 else "?")
        if name not in self._needed:
            return
        if match is None:
            raise UserError(f"{self._path}:{number}: expected `BO_ id name: length sender`, got `{statement[:60]}`")
        if name in self.cut.names:
            raise UserError(
                f"{self._path}:{number}: message {name} stands twice (first in line {self.cut.names[name]})"
            )
        repaired = _repaired_id(match[1])
        if repaired != match[1]:
            self.cut.notes.append(
                f"{self._path.name}:{number}: {name} has a 29-bit id without bit 31; read as extended"
            )
        self.cut.names[name], self.cut.ids[match[1]] = number, repaired
        self.cut.lines += ["", f"BO_ {repaired} {name}: {match[3]} Vector__XXX"]
        self._inside, self._bits = name, int(match[3]) * 8

    def _signal(self, number: int, statement: str) -> None:
        assert self._inside is not None
        match = _SIGNAL.match(statement)
        words = statement.split()
        name = match["name"] if match else (words[1] if len(words) > 1 else "?")
        wrong = "is not a signal line" if match is None else self._misfit(match)
        if wrong is None:
            self.cut.lines.append(" " + re.sub(r"(\"[^\"]*\")\s*[^\"]*$", r"\1 Vector__XXX", statement))
        elif name in self._needed[self._inside]:
            raise UserError(
                f"{self._path}:{number}: signal {name} of {self._inside} {wrong}; expected "
                f'`SG_ name : start|length@order sign (scale,offset) [min|max] "unit" receivers`'
            )
        else:
            self.cut.notes.append(f"{self._path.name}:{number}: left out signal {name} of {self._inside}: {wrong}")

    def _misfit(self, match: re.Match[str]) -> str | None:
        fits = int(match["start"]) < self._bits and 0 < int(match["length"]) <= min(self._bits, 64)
        return None if fits else f"does not fit into {self._bits // 8} bytes"

    def _about(self, statement: str) -> None:
        cycle = _CYCLE.match(statement)
        if cycle and int(cycle[2]) > 0:
            self.cut.cycles_s[cycle[1]] = int(cycle[2]) / 1000
        # SIG_VALTYPE_ and SG_MUL_VAL_ change how bits are read; value names do not, so they stay out.
        match = _OF_MESSAGE.match(statement)
        if match and match[1] in self.cut.ids and not statement.startswith("VAL_"):
            self.cut.lines.append(statement.replace(match[1], self.cut.ids[match[1]], 1))


def _load(path: Path, cut: _Cut) -> list[Message]:
    # The header is ours: files without BS_ or BU_ are common and cantools wants both.
    text = "\n".join(['VERSION ""', "NS_ :", "BS_:", "BU_: Vector__XXX", *cut.lines, ""])
    try:
        database = cantools.database.load_string(text, "dbc", strict=False)
    except Exception as error:  # cantools raises its parser's own classes; all of them mean a broken file
        names = ", ".join(cut.names)
        raise UserError(f"{path}: cannot read the needed messages ({names}): {error}") from None
    return list(database.messages)  # type: ignore[union-attr]


def read_dbc(path: Path, needed: dict[str, frozenset[str]]) -> tuple[dict[str, DbcMessage], tuple[str, ...]]:
    """The needed messages that the file has, and notes on what was repaired or left out.

    needed: message name to the signals of it that must be sound. Raises UserError naming file
    and line when one of those is broken.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path of the DBC file") from None
    text = raw.decode("utf-8", "replace") if raw[:3] == b"\xef\xbb\xbf" else raw.decode("cp1252", "replace")
    if "BO_ " not in text:
        raise UserError(f"{path}: no `BO_` line in it; this is not a DBC file")
    cutter = _Cutter(path, needed)
    # Line by line: what matters stands on one line each, and a comment whose quotes do not
    # balance (common) must not swallow the messages after it.
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        cutter.take(number, line.strip())
    cut = cutter.cut
    if not cut.names:
        return {}, tuple(cut.notes)
    cycles_s = {int(cut.ids[n]): s for n, s in cut.cycles_s.items() if n in cut.ids}
    found = {}
    for message in _load(path, cut):
        number = message.frame_id | (EXTENDED if message.is_extended_frame else 0)
        found[message.name] = DbcMessage(message, cycles_s.get(number), str(path))
    return found, tuple(cut.notes)
