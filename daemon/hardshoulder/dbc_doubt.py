"""Broken lines of a DBC file that may have said how a needed signal is read."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from hardshoulder.core.frame import EXTENDED_ID_MAX
from hardshoulder.dbc_grammar import FLOAT_LENGTHS, MESSAGE, CutMessage, CutSignal, repaired_id

WORDS_LOOKED_AT = 12
"""Words of a line that is no statement in which the name of something needed is looked for."""

DIGITS = "0123456789"
TYPE, RANGES = "SIG_VALTYPE_", "SG_MUL_VAL_"


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that may have been a SIG_VALTYPE_ or SG_MUL_VAL_ of something needed."""

    line: int
    words: frozenset[str]
    subject: str  # the word where the signal's name should stand
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
        return self.subject not in block.signals if names_message else not self.words & known


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
    if all(word.endswith("_") for word in words):
        return None
    named = frozenset(words) | {word.lstrip(DIGITS) for word in words}  # a lost space joins the id to the name
    return Stray(number, named, (*words, "", "", "")[2], kinds)
