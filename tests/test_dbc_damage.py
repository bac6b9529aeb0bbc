"""Any damage to a DBC file: a needed signal is read as before, or it is told; never is it read otherwise in silence."""

import math
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardshoulder.dbc_file import DbcMessage
from hardshoulder.errors import UserError
from support.dbc import COMMENT, Desk, Layout, database_of, fits_in, layouts


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with one DBC file in it."""
    return Desk(tmp_path_factory.mktemp("damage"))


GOOD = f"""VERSION "1"

NS_ :
\tNS_DESC_
\tCM_
\tBA_
\tSIG_VALTYPE_

BS_:

BU_: ESC DSP GNS

BO_ 272 Speed: 8 ESC
 SG_ Kph : 7|16@0+ (0.01,-5) [0|655.34] "km/h" DSP,GNS
 SG_ Brake : 23|2@0+ (1,0) [0|1] "" DSP
 SG_ Back : 24|12@1- (0.5,0) [0|1] "" DSP

BO_ 2564485397 Wide: 8 GNS
 SG_ Turn : 0|32@1- (1,0) [0|0] "deg" DSP
 SG_ Height : 32|32@1- (1,0) [0|0] "m" DSP

BO_ 300 Many: 8 ESC
 SG_ Which M : 0|8@1+ (1,0) [0|255] "" DSP
 SG_ Inner m1M : 8|8@1+ (1,0) [0|255] "" DSP
 SG_ Deep m2 : 16|16@1+ (0.1,0) [0|0] "" DSP
 SG_ Broad m0 : 8|8@1+ (1,0) [0|0] "" DSP

BO_ 301 Other: 4 ESC
 SG_ Counter : 0|4@1+ (1,0) [0|15] "" DSP

CM_ "A file for tests.";
{COMMENT}the end";
CM_ BO_ 301 "nobody needs; this";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_DEF_ "GenMsgCycleTime" 100;
BA_ "GenMsgCycleTime" BO_ 272 20;
VAL_ 272 Brake 0 "off" 1 "on" ;
SIG_VALTYPE_ 2564485397 Turn : 1;
SIG_VALTYPE_ 2564485397 Height : 1;
SG_MUL_VAL_ 300 Inner Which 1-1;
SG_MUL_VAL_ 300 Deep Inner 2-3, 7-7;
SG_MUL_VAL_ 300 Broad Which 0-0, 4-9;
""".encode("ascii")
GOOD_NEEDED = {
    "Speed": frozenset({"Kph", "Back"}),
    "Wide": frozenset({"Turn"}),
    "Many": frozenset({"Deep", "Broad"}),
}

DAMAGES = st.tuples(
    st.sampled_from(["delete", "double", "move", "garble", "cut out", "put in"]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from([b"\n", b'"', b";", b" ", b":", b"0", b"m", b"_"])),
)


def damaged(content: bytes, damage: tuple[str, float, float, bytes]) -> bytes:
    """The file after one mishap, to a line or to a few bytes."""
    kind, part, other, noise = damage
    lines = content.splitlines(keepends=True)
    line, to, at = int(part * len(lines)), int(other * len(lines)), int(part * len(content))
    match kind:
        case "delete":
            return b"".join(lines[:line] + lines[line + 1 :])
        case "double":
            return b"".join(lines[: line + 1] + lines[line:])
        case "move":
            rest = lines[:line] + lines[line + 1 :]
            return b"".join([*rest[:to], lines[line], *rest[to:]])
        case "garble":
            return content[:at] + noise + content[at + len(noise) :]
        case "cut out":
            return content[:at] + content[at + len(noise) :]
        case _:
            return content[:at] + noise + content[at:]


def read_or_problems(
    desk: Desk, content: bytes, needed: Mapping[str, frozenset[str]]
) -> tuple[dict[str, DbcMessage], tuple[str, ...]]:
    """What was read, or what was told instead."""
    try:
        return desk.read(content, dict(needed)), ()
    except UserError as error:
        return {}, error.problems


def agrees(content: bytes, message: str, name: str, layout: Layout) -> bool:
    """Whether the damaged file is a sound one that says just this."""
    try:
        database = database_of(content)
        return layouts(database.get_message_by_name(message))[name] == layout
    except Exception:  # cantools raises whatever its parser runs into; all of it means that the file is broken
        return False


@cache
def layouts_of(good: bytes) -> dict[str, dict[str, Layout]]:
    """Every message as cantools reads it."""
    return {message.name: layouts(message) for message in database_of(good).messages}


def check_damage(desk: Desk, good: bytes, needed: Mapping[str, frozenset[str]], content: bytes) -> None:
    wanted = layouts_of(good)
    found, problems = read_or_problems(desk, content, needed)
    for problem in problems:
        place, _, text = problem.removeprefix(f"{desk.path}:").partition(": ")
        assert (place.isdecimal() and text) or problem.startswith(f"{desk.path}: no `BO_` line"), problem
    for name, message in found.items():
        for signal, layout in layouts(message.message, needed[name]).items():
            if layout == wanted[name][signal] or not fits_in(message.message, signal):
                continue
            said = any(signal in note or name in note or "breaks off" in note for note in desk.notes)
            assert said or agrees(content, name, signal, layout), (name, signal, layout, desk.notes)


@pytest.mark.slow
@settings(max_examples=400)
@given(damage=DAMAGES)
@example(damage=("put in", 0.960270643236418, 0.0, b"\n"))  # between two ranges of Deep
def test_damage_never_changes_a_needed_signal_in_silence(desk: Desk, damage: tuple[str, float, float, bytes]) -> None:
    """Read as before, or told with its line, unless the damage made another sound file, which no reader could tell."""
    check_damage(desk, GOOD, GOOD_NEEDED, damaged(GOOD, damage))


@pytest.mark.slow
def test_every_line_lost_doubled_or_cut_in_two_is_harmless_or_told(desk: Desk) -> None:
    lines = GOOD.splitlines(keepends=True)
    for place in range(len(lines)):
        before, line, after = lines[:place], lines[place], lines[place + 1 :]
        half = len(line) // 2
        for instead in (b"", line + line, line[:half] + b"\n" + line[half:], line.strip(b"\n") + b" ", line[:half]):
            check_damage(desk, GOOD, GOOD_NEEDED, b"".join([*before, instead, *after]))


@pytest.mark.slow
def test_every_byte_of_the_lines_that_matter_is_harmless_or_told(desk: Desk) -> None:
    for place in range(GOOD.index(b"BO_ 272"), GOOD.index(b"BO_ 301")):
        for instead in (b"", b"x", b"\n", b'"'):
            check_damage(desk, GOOD, GOOD_NEEDED, GOOD[:place] + instead + GOOD[place + 1 :])
    for place in range(GOOD.index(b"SIG_VALTYPE_ 256"), len(GOOD)):
        for instead in (b"", b"x", b"\n", b'"', b";"):
            check_damage(desk, GOOD, GOOD_NEEDED, GOOD[:place] + instead + GOOD[place + 1 :])


def mishaps_at(at: int) -> Iterator[bytes]:
    """The good file with one of many mishaps at a byte."""
    yield GOOD[:at]
    for length in range(3, 13, 3):
        yield GOOD[:at] + GOOD[at + length :]
    for noise in (b"\n", b";", b",", b"\nx", b"9"):
        yield GOOD[:at] + noise + GOOD[at:]
    yield GOOD[:at] + b";\n" + GOOD[at + 2 :]


@pytest.mark.slow
def test_every_mishap_to_what_is_said_of_signals_is_harmless_or_told(desk: Desk) -> None:
    for at in range(GOOD.index(b"VAL_ 272"), len(GOOD) + 1):
        for content in mishaps_at(at):
            check_damage(desk, GOOD, GOOD_NEEDED, content)


@pytest.mark.slow
def test_every_line_in_every_wrong_place_is_harmless_or_told(desk: Desk) -> None:
    lines = GOOD.splitlines(keepends=True)
    for place in range(lines.index(b"BO_ 272 Speed: 8 ESC\n"), len(lines)):
        rest = lines[:place] + lines[place + 1 :]
        for to in range(0, len(lines)):
            check_damage(desk, GOOD, GOOD_NEEDED, b"".join([*rest[:to], lines[place], *rest[to:]]))


def test_the_good_file_is_read_as_cantools_reads_it(desk: Desk) -> None:
    database = database_of(GOOD)
    found = desk.read(GOOD, dict(GOOD_NEEDED))
    for name, needed in GOOD_NEEDED.items():
        expected = layouts(database.get_message_by_name(name))
        assert layouts(found[name].message, needed) == {signal: expected[signal] for signal in needed}
    assert desk.notes == ()
    assert found["Wide"].message.signals[0].is_float
    assert math.isclose(found["Speed"].cycle_s or 0.0, 0.02)
