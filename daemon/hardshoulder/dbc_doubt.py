"""Broken lines of a DBC file that may have said how a needed signal is read."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from string import ascii_letters

from hardshoulder.core.frame import EXTENDED_ID_MAX
from hardshoulder.dbc_grammar import FLOAT_LENGTHS, MESSAGE, CutMessage, CutSignal, repaired_id

WORDS_LOOKED_AT = 12
"""Words of a line that is no statement in which the name of something needed is looked for."""

ENDING = 40
"""Characters at the end of a line that show what it was."""

DIGITS = "0123456789"
NO_DIGITS = "_" + ascii_letters
TYPE, RANGES = "SIG_VALTYPE_", "SG_MUL_VAL_"

_JOINED = re.compile(rf"{TYPE}|{RANGES}|(?:[EL]|(?<!\w))_\s+[0-9]+\s")
"""What is left of such a line where it was joined to another statement: its keyword, or the end of that with the id."""

# What the end of a line shows of its kind, whatever became of its keyword.
_SHAPES = {TYPE: re.compile(r":\s*+[0-3]\s*+;?$"), RANGES: re.compile(r"[0-9]\s*+-\s*+[0-9]++\s*+;?$")}


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that may have been a SIG_VALTYPE_ or SG_MUL_VAL_ of something needed."""

    line: int
    words: frozenset[str]
    subjects: frozenset[str]  # the words where the signal's name should stand
    kinds: frozenset[str]  # what its keyword is, or may have been

    def may_be_about(self, block: CutMessage, signal: CutSignal, known: AbstractSet[str]) -> bool:
        """Whether it names the signal, or nothing that the file has; known: every id and signal of it."""
        names_message = bool({str(block.number), str(block.number & EXTENDED_ID_MAX)} & self.words)
        if signal.name in self.words:
            return names_message or len(self.kinds) == 1
        # Many signals have 16 bits, and hardly one of them is a float.
        unlikely = signal.length == min(FLOAT_LENGTHS) and TYPE in self.kinds
        if unlikely or len(self.kinds) != 1:
            return False
        # A selector is no subject: without the name of its subject such a line still names that.
        selectors = {other.name for other in block.signals.values() if other.mux.endswith("M")}
        if names_message:
            return not self.subjects <= block.signals.keys() - selectors
        return not self.words & (known - selectors)


@dataclass(slots=True)
class Seen:
    """What the whole file names, needed or not: so that a line about something else is known for what it is."""

    signals: dict[int, set[str]] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)

    def message(self, statement: str) -> None:
        """A BO_ line."""
        match = MESSAGE.match(statement)
        self.inside = set() if match is None else self.signals.setdefault(repaired_id(int(match[1])), set())

    def words(self) -> set[str]:
        """Every id, of more digits than a type or a range begins with, and every signal."""
        ids = {str(number) for number in self.signals}
        return {word for word in ids if len(word) > 2}.union(*self.signals.values())


def stray_of(number: int, statement: str, kinds: frozenset[str]) -> Stray | None:
    """The line as one that may be about something needed; None for a list of keywords, as at the top of a file."""
    words = [word for word in re.split(r"[^\w.-]+", statement[:200]) if word][:WORDS_LOOKED_AT]
    if ";" not in statement and all(word.endswith("_") for word in words):
        return None
    stripped = ((word.lstrip(DIGITS), word.lstrip(NO_DIGITS), word.rstrip(NO_DIGITS)) for word in words)
    tokens = re.split(r"[\s:;]+", statement[:200])
    # A lost space joins the id to the keyword before it or to the name behind it.
    named = frozenset(words).union(*stripped)
    subjects = frozenset((*found, "", "", "")[2] for found in (words, tokens))
    return Stray(number, named, subjects, kinds)


def kinds_of(statement: str, cut_off: str | None) -> frozenset[str]:
    """What a line without a keyword may have been: as it begins, as the line before broke off, or as it ends."""
    begun = frozenset(kind for kind in (TYPE, RANGES) if kind == cut_off or statement.startswith(kind[:6]))
    return begun or ended_as(statement) or frozenset({TYPE, RANGES})


def ended_as(statement: str) -> frozenset[str]:
    """What a line is by its end."""
    return frozenset(kind for kind, shape in _SHAPES.items() if shape.search(statement[-ENDING:]))


def joined_to(statement: str) -> tuple[str, frozenset[str]] | None:
    """What may be a SIG_VALTYPE_ or SG_MUL_VAL_ in or behind another statement, and which of them."""
    if statement.startswith(("VAL_", "CM_", "BA_", "BO_", "SG_ ")) and '"' not in statement and ended_as(statement):
        return statement, ended_as(statement)  # with another keyword, as `VAL_` is what is left of `SG_MUL_VAL_`
    match = _JOINED.search(statement, len(RANGES))
    if match is None:
        return None
    kinds = frozenset({match[0]}) & {TYPE, RANGES}
    return statement[match.start() :], kinds or frozenset({TYPE, RANGES})
