"""DBC files made to hurt, and the reference file after any mishap: a result or a told problem, never a traceback."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.dbc_file import DbcMessage
from hardshoulder.dbc_found import MOST_LINES
from hardshoulder.errors import UserError
from hardshoulder.profile import find_profile, load_profile
from hardshoulder.resolve import needed_signals
from support.dbc import HEADER, NEEDED, SPEED, Desk, assert_sound
from support.written import REFERENCE_DBC

REFERENCE_LINES = REFERENCE_DBC.read_bytes().splitlines(keepends=True)
REFERENCE_NEEDED = needed_signals(load_profile(find_profile("reference-hybrid")))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with one DBC file in it."""
    return Desk(tmp_path_factory.mktemp("dbc"))


LARGE = 5_000_000
HOSTILE = {
    "one line": "BO_ " + "x" * LARGE,
    "spaces in a message": "BO_ 272" + " " * LARGE + "x",
    "colons": "BO_ 272 " + ":" * LARGE,
    "digits": "BO_ " + "1" * LARGE,
    "spaces in a signal": SPEED + " SG_ Kph2" + " " * LARGE + "x",
    "spaces behind a signal": SPEED + ' SG_ X : 0|8@1+ (1,0) [0|1] ""' + " " * LARGE + '"',
    "quotes": SPEED + ' SG_ X : 0|8@1+ (1,0) [0|1] ""' + '"' * LARGE,
    "parentheses": SPEED + " SG_ X : 0|8@1+ (" + "1" * LARGE,
    "selectors": SPEED + "SG_MUL_VAL_ 272 Brake Kph " + "1-1," * (LARGE // 4) + "x",
    "spaces in selectors": SPEED + "SG_MUL_VAL_ 272 Brake Kph " + "1 " * (LARGE // 2),
    "spaces in a type": SPEED + "SIG_VALTYPE_ 272 Brake" + " " * LARGE + "x",
    "spaces in an attribute": SPEED + 'BA_ "GenMsgCycleTime" BO_ 272' + " " * LARGE + "x",
    "lines": SPEED + "SG_ x\n" * (LARGE // 40),
    "empty lines": SPEED + "\n" * LARGE,
    "comment": SPEED + 'CM_ "' + "a " * (LARGE // 2),
}


@pytest.mark.slow
@pytest.mark.timeout(20)  # a second each; what grows with the square of the length would take days
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_large_file_made_to_hurt(desk: Desk, kind: str) -> None:
    found = desk.read(HOSTILE[kind], NEEDED)
    assert found.keys() <= {"Speed"}
    assert ("Speed" in found) == (SPEED in HOSTILE[kind])


mutations = st.one_of(
    st.tuples(st.just("delete"), st.integers(0, 10_000), st.just(b"")),
    st.tuples(st.just("double"), st.integers(0, 10_000), st.just(b"")),
    st.tuples(st.just("replace"), st.integers(0, 10_000), st.binary(max_size=30)),
    st.tuples(st.just("bytes"), st.integers(0, 100_000), st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("cut"), st.integers(0, 100_000), st.just(b"")),
)


def mutated(steps: list[tuple[str, int, bytes]]) -> bytes:
    """The reference DBC after some mishaps."""
    lines = list(REFERENCE_LINES)
    for kind, place, text in steps:
        at = place % max(1, len(lines))
        if kind == "delete":
            del lines[at : at + 1]
        elif kind == "double":
            lines[at:at] = lines[at : at + 1]
        elif kind == "replace":
            lines[at : at + 1] = [text + b"\n"]
        else:
            whole = b"".join(lines)
            at = place % max(1, len(whole))
            whole = whole[:at] + text + (whole[at + len(text) :] if kind == "bytes" else b"")
            lines = whole.splitlines(keepends=True)
    return b"".join(lines)


def read_or_told(desk: Desk, content: bytes, needed: dict[str, frozenset[str]]) -> dict[str, DbcMessage] | None:
    """The result, or None when the user was told, line by line, what is wrong."""
    problems: tuple[str, ...] = ()
    try:
        return desk.read(content, needed)
    except UserError as error:
        problems = error.problems
    assert all(problem.startswith(str(desk.path)) and "\n" not in problem for problem in problems)
    return None


def assert_told_or_read(desk: Desk, content: bytes) -> None:
    """Whatever was read is what was asked for."""
    found = read_or_told(desk, content, REFERENCE_NEEDED) or {}
    assert found.keys() <= REFERENCE_NEEDED.keys()
    for name, message in found.items():
        assert {signal.name for signal in message.message.signals} <= set(message.signals)
        assert message.message.length <= 64, name


@pytest.mark.slow
@given(st.lists(mutations, min_size=1, max_size=8))
def test_mishaps_never_end_in_a_traceback(desk: Desk, steps: list[tuple[str, int, bytes]]) -> None:
    assert_told_or_read(desk, mutated(steps))


WORDS = """BO_ SG_ SIG_VALTYPE_ SG_MUL_VAL_ BA_ 272 Speed: 8 0|8@1+ 7|16@0- (1,0) (1e9,nan) [0|1] "" M m0 m1M : ;
0-3 , - Kph Brake VehicleSpeed ESC_Speed Counter "GenMsgCycleTime" 4294967295 -1 1:"""


@pytest.mark.slow
@given(st.lists(st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join), max_size=12), st.integers(0, 300))
def test_lines_of_real_words_never_end_in_a_traceback(desk: Desk, lines: list[str], at: int) -> None:
    extra = [(line + "\n").encode("ascii") for line in lines]
    assert_told_or_read(desk, b"".join(REFERENCE_LINES[:at] + extra + REFERENCE_LINES[at:]))
    found = read_or_told(desk, b"".join([SPEED.encode("ascii"), *extra]), {"Speed": frozenset({"Kph", "Brake"})})
    assert found is None or {signal.name for signal in found["Speed"].message.signals} >= {"Kph", "Brake"}


def test_what_is_told_has_an_end(desk: Desk) -> None:
    assert_sound(desk.read(HEADER + SPEED + " SG_ ?\n" * 5000))
    assert len(desk.notes) == MOST_LINES
    assert len(desk.problems(SPEED + "BO_ 273 Speed: 8 ESC\n" * 5000)) == MOST_LINES
