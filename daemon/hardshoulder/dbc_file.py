"""DBC files as published: only what somebody needs of them has to be sound.

The needed signals and the selectors that they are multiplexed by are cut out first (`dbc_cut`), and cantools
reads nothing else. What is left out or repaired is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cantools
from cantools.database.can import Message

from hardshoulder.dbc_cut import Cutter
from hardshoulder.dbc_grammar import CutMessage
from hardshoulder.dbc_text import Statement, breaks_off, imports_of, statements, text_of
from hardshoulder.errors import UserError


@dataclass(frozen=True, slots=True)
class DbcMessage:
    """A message read from a DBC file.

    message: with the needed signals alone. signals: every signal the file names, sound or not.
    cycle_s: None where the file gives none. source: file and line.
    """

    message: Message
    signals: tuple[str, ...]
    cycle_s: float | None
    source: str


def _statements(index: int, block: CutMessage) -> list[str]:
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


def _load(path: Path, block: CutMessage) -> Message:
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


def read_dbc(path: Path, needed: Mapping[str, frozenset[str]]) -> tuple[dict[str, DbcMessage], tuple[str, ...]]:
    """The needed messages that the file has, and notes on what was repaired or left out.

    needed: message name to the signals of it that must be sound. Raises UserError naming file
    and line wherever one of those is broken.
    """
    text = text_of(path)
    cutter = Cutter(path, needed)
    last = Statement(0, "", 0)
    for last in statements(text):
        cutter.take(last)
    cutter.found.finish()
    if cutter.found.problems:
        raise UserError(*dict.fromkeys(cutter.found.problems))
    found = {
        block.name: DbcMessage(_load(path, block), tuple(block.signals), block.cycle_s, f"{path}:{block.line}")
        for block in cutter.found.blocks.values()
    }
    imports = [
        f"{path.name}:{line}: is a template that wants {name} in it, which is not read; give that file too, "
        "or the one that was put together"
        for line, name in imports_of(text)
    ]
    if breaks_off(text, last):
        imports.append(f"{path.name}:{text.count(chr(10)) + 1}: the file breaks off in the middle of a statement")
    return found, (*imports, *cutter.found.notes)
