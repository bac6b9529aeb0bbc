"""The text of a DBC file, cut into its statements.

A statement of the kind that matters stands on one line. Comments do not: one may run over many lines and
quote anything, other statements too. So strings are followed, and where quotes do not balance the text is read
line by line, with a doubt about the lines that may still belong to a comment.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hardshoulder.errors import UserError

WITH_TEXT = frozenset(
    {
        *("CM_", "VAL_", "VAL_TABLE_", "EV_", "ENVVAR_DATA_", "CAT_DEF_", "FILTER"),
        *("BA_", "BA_REL_", "BA_SGTYPE_", "BA_DEF_", "BA_DEF_DEF_", "BA_DEF_REL_", "BA_DEF_DEF_REL_", "BA_DEF_SGTYPE_"),
    }
)
"""Keywords of statements that end with `;` and may hold strings."""

_ENDED = (*sorted(WITH_TEXT), "SIG_VALTYPE_", "SG_MUL_VAL_")
_MAY_HOLD_TEXT = tuple(sorted(WITH_TEXT))

_STRING = re.compile(r'"(?:\\"|[^"])*+"')
_QUOTE = re.compile(r'(?<!\\)"')
_CLOSE = re.compile(r'(?:\\"|[^"])*+"\s*+;')
# A signal may have a keyword for a name, so what follows one has to look like its statement.
_NEXT = re.compile(
    r"(?<=[\s;])(?=(?:BO_|SIG_VALTYPE_|SG_MUL_VAL_|VAL_)\s+[0-9]|SG_\s+[^\s:]+\s[^:]{0,20}:|(?:CM_|BA_)\s+[\"BS])"
)
_ABOUT = re.compile(r'(?:CM_|BA_\w*|VAL_\w*|EV_|ENVVAR_DATA_|CAT_DEF_|FILTER)\s+(?:"|\S+\s+\S)')
# Blank for Python, but for no reader of DBC files: a number that got one in its middle would be read as a shorter one.
_NO_BLANK = re.compile(r"[^\S \t\r\n]")
_ENDS = re.compile(r'^$|;$|^BO_\s.*:\s*+[0-9]+\s+\S|^SG_[^"]*"[^"]*"\s*[^\s"]')
_IMPORT = re.compile(r'CM_\s+"IMPORT\s+([^"\s;]++)')


class Statement(NamedTuple):
    """A statement, stripped.

    line: where it begins. doubt: the line in which a text begins that may hold it and does not end; 0: none does.
    """

    line: int
    text: str
    doubt: int


def text_of(path: Path) -> str:
    """The file's text with plain line ends. Raises UserError for what cannot be read or is no DBC file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; check the path of the DBC file") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What most tools write. A byte that it lacks stands in a text, or makes a name that nobody asks for.
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("cp1252", "replace")
    if "BO_" not in text:
        raise UserError(f"{path}: no `BO_` line in it; this is not a DBC file")
    return _NO_BLANK.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def imports_of(text: str) -> list[tuple[int, str]]:
    """The files that a template wants to be put together with, as opendbc's generator does, and where it says so."""
    return [
        (number, match[1])
        for number, line in enumerate(text.split("\n"), 1)
        if (match := _IMPORT.match(line.lstrip())) is not None
    ]


def breaks_off(text: str, last: Statement) -> bool:
    """Whether the end of the file is missing: what it may have said of a needed signal leaves no other trace."""
    if text.endswith(("\n", '";')):
        return False
    return _is_odd(last.text) or _ENDS.search(last.text) is None


def statements(text: str) -> Iterator[Statement]:
    """Every statement in its order; of one with a string that runs over several lines, its first line."""
    lines = text.split("\n")
    place, doubt = 0, 0
    while place < len(lines):
        line = lines[place].strip()
        place += 1
        if not line:
            continue
        if not line.startswith(_MAY_HOLD_TEXT) or _ABOUT.match(line) is None:
            if doubt and _closes(line):
                doubt = 0  # the end of the text that did not end before
                continue
            yield from _pieces(place, line, doubt)
            continue
        if _is_whole(line):
            doubt = 0
            yield from _pieces(place, line, 0)
            continue
        yield Statement(place, line, 0)
        end, rest = _end_of(lines, place) if _is_odd(line) else (None, "")
        if end is not None:
            place, doubt = end + 1, 0
            yield from _pieces(place, rest, 0)
        elif not line.endswith(";"):
            doubt = place


def _is_odd(line: str) -> bool:
    return len(_QUOTE.findall(line)) % 2 == 1


def _is_whole(line: str) -> bool:
    return not _is_odd(line) and line.endswith((";", '"'))


def _closes(line: str) -> bool:
    """Whether the line ends a text that began before it."""
    return _is_odd(line) and _CLOSE.match(line) is not None


def _end_of(lines: list[str], place: int) -> tuple[int | None, str]:
    """The line in which a string ends as it should, with `";`, and what stands behind; None where it does not."""
    for number in range(place, len(lines)):
        if '"' in lines[number].replace('\\"', ""):
            match = _CLOSE.match(lines[number])
            return (None, "") if match is None else (number, lines[number][match.end() :].strip())
    return None, ""


def _pieces(number: int, line: str, doubt: int) -> Iterator[Statement]:
    """The statements of one line; where a line end was lost there are several."""
    ends_itself = line.startswith(_ENDED)
    if not line or (line.find(";") in (-1, len(line) - 1) if ends_itself else _NEXT.search(line) is None):
        if line:
            yield Statement(number, line, doubt)
        return
    bare = _STRING.sub(lambda match: '"' + "." * (len(match[0]) - 2) + '"', line)
    if ends_itself:
        begins = [0, *(match.end() for match in re.finditer(";", bare))]
    else:
        begins = [0, *(match.start() for match in _NEXT.finditer("" if _is_odd(line) else bare))]
    for begin, end in pairwise([*begins, len(line)]):
        if text := line[begin:end].strip():
            yield Statement(number, text, doubt)
