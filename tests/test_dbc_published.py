"""DBC files as they are published: what cantools refuses is read where it does not matter, and told where it does."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardshoulder.compile import compile_profile
from hardshoulder.dbc_file import read_dbc
from hardshoulder.profile import find_profile
from support.dbc import COMMENT, DBC, SPEED, Desk, assert_sound, database_of, fits_in, layouts, whole
from support.written import REFERENCE_DBC, changed, problems_of

# Published, and the mechanical repair of it that cantools loads.
TWINS = [
    ("alfa-giulia/fca_giorgio.dbc", "alfa-giulia/fca_giorgio.sanitized.dbc"),
    ("kona-ev/kona_pcan.dbc", "kona-ev/kona_pcan.sanitized.dbc"),
]
# Files that cantools loads as they are, but for the first only when it is told not to be strict.
LOADABLE = [
    "tesla-model3/Model3CAN.dbc",
    "ford-mustang/ford_lincoln_base_pt.dbc",
    "obd-trip164/canmod-gps.dbc",
    "subaru-brz/sample_can_spec.dbc",
    "subaru-brz/subaru_outback_2015_generated.dbc",
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with one DBC file in it."""
    return Desk(tmp_path_factory.mktemp("published"))


# Files of real cars --------------------------------------------------------------------------


@pytest.mark.parametrize(("published", "sanitized"), TWINS)
def test_a_published_file_gives_the_same_messages_as_its_repair(drives: Path, published: str, sanitized: str) -> None:
    database = database_of((drives / sanitized).read_bytes())
    needed = whole(database)
    found, notes = read_dbc(drives / published, needed)
    assert len(needed) > 30
    for message in database.messages:
        assert layouts(found[message.name].message) == layouts(message)
    assert notes or published.startswith("kona")


@pytest.mark.parametrize("name", LOADABLE)
def test_what_cantools_loads_is_read_as_cantools_reads_it(drives: Path, name: str) -> None:
    """All of it but the signals that lie outside their messages; by the names in the lines, not in the attributes."""
    content = (drives / name).read_bytes()
    database = database_of(re.sub(rb'\nBA_ "System\w+LongSymbol"[^\n]*', b"", content), strict=False)
    sound = {m.name: frozenset(s.name for s in m.signals if fits_in(m, s.name)) for m in database.messages}
    found, _ = read_dbc(drives / name, sound)
    for message in database.messages:
        assert layouts(found[message.name].message) == layouts(message, sound[message.name])


def test_the_profile_of_the_giulia_compiles_alike_from_both(drives: Path) -> None:
    plans = [compile_profile(find_profile("alfa-giulia"), (drives / name,)) for name in TWINS[0]]
    assert plans[0].messages == plans[1].messages
    assert plans[0].messages


# One defect after the other ------------------------------------------------------------------

HARMLESS = {
    "comment of several lines that quotes statements": ("\nBA_ ", f'\n{COMMENT}the end";\nBA_ '),
    "the same before the messages": ("BO_ 272", f'{COMMENT}the end";\nBO_ 272'),
    "comment with quotes inside": ("\nBA_ ", '\nCM_ SG_ 272 Kph "a 12" wheel, said\nhe, "or so";\nBA_ '),
    "comment with a backslash before a quote": ("\nBA_ ", '\nCM_ SG_ 272 Kph "a 12\\" wheel;\nBO_ 272 x";\nBA_ '),
    "comment without a semicolon": ("\nBA_ ", '\nCM_ SG_ 272 Kph "fast"\nBA_ '),
    "comment without its last quote": ("BO_ 272", 'CM_ BO_ 272 "no end;\nBO_ 272'),
    "values without a semicolon": ("\nBA_ ", '\nVAL_ 272 Brake 0 "off" 1 "on"\nBA_ '),
    "independent signals": (
        "BO_ 272",
        "BO_ 3221225472 VECTOR__INDEPENDENT_SIG_MSG: 0 Vector__XXX\n SG_ Kph : 0|8@1+ (1,0)\n\nBO_ 272",
    ),
    "no NS_ and no BS_": ("NS_ :\n\tCM_\n\nBS_:\n", ""),
    "a list of keywords in one line": (
        "NS_ :\n\tCM_\n",
        "NS_ : NS_DESC_ CM_ BA_DEF_ BA_ VAL_ SG_MUL_VAL_ SIG_VALTYPE_\n",
    ),
    "signal groups": ("\nBA_ ", "\nSIG_GROUP_ 272 All 1 : Kph Brake;\nBA_ "),
    "line ends lost before the next signal": ("DSP\n SG_ Brake", "DSP SG_ Brake"),
    "line ends lost before the first signal": ("ESC\n SG_ Kph", "ESC SG_ Kph"),
    "line ends lost before a message": ("DSP\n\nBO_", "DSP BO_"),
    "another message without a colon": ("BO_ 272", "BO_ 99 Foo 8 ESC\n SG_ Kph : 0|8@1+ (1,0)\nBO_ 272"),
    "another message's keyword broken": ("BO_ 272", "BQ_ 99 Foo: 8 ESC\n SG_ Kph : 0|8@1+ (1,0)\nBO_ 272"),
    "another message with this id": ("BO_ 272", "BO_ 272 Foo: 8 ESC\n SG_ Kph : 0|8@1+ (1,0)\n\nBO_ 272"),
    "UTF-8": ('"km/h"', '"km/h \xe4\xb8\xad \xc2\xb0"'),
    "UTF-8 broken": ('"km/h"', '"km/h \xe4\xb8 \x81"'),
}


@pytest.mark.parametrize("defect", HARMLESS)
def test_a_defect_that_does_no_harm(desk: Desk, defect: str) -> None:
    old, new = HARMLESS[defect]
    content = DBC.replace(old, new, 1)
    assert content != DBC
    found = desk.read(content.encode("latin-1"))
    assert_sound(found)
    assert not found["Speed"].message.signals[0].is_float
    assert found["Speed"].cycle_s == 0.02
    assert desk.notes == ()


@dataclass(frozen=True)
class Told:
    """A defect that is repaired or left out, with the line and the words of the note."""

    old: str
    new: str
    line: int
    words: str


TOLD = {
    "a message twice, alike": Told(SPEED, SPEED + SPEED, 13, "message Speed stands twice (first in line 10)"),
    "a signal twice, alike": Told(
        " SG_ Brake", ' SG_ Kph : 7|16@0+ (0.010,0.0) [0|1] "" X\n SG_ Brake', 12, "Kph of Speed stands twice (first in"
    ),
    "signals that overlap": Told("23|2@0+", "15|2@0+", 12, "Brake of Speed overlaps Kph of line 11; read"),
    "a line in the message that is none": Told(" SG_ Brake :", " SX_ Brake :", 12, "left out a line of Speed"),
    "a number that begins with a point": Told("(0.01,0)", "(.01,0)", 11, "Kph of Speed has a number that begins with"),
    "a type without its end": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 0\nBA_", 14, "Kph of Speed is told of in a line"),
    "an end in a line of its own": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 0\n;\nBA_", 14, "does not end with `;`"),
    "a signal behind its message": Told(
        *("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 0;\n SG_ Brake : 0|2@1+ (1,0)\nBA_", 15),
        "left out `SG_ Brake : 0|2@1+ (1,0)`: line 14 (`SIG_VALTYPE_ 272 Kph : 0;`) ended the message before it",
    ),
    "a type without its colon": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph 0;\nBA_", 11, "a SIG_VALTYPE_ line without `:`"),
    "a type that ends twice": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 0;;\nBA_", 14, "before a `;` that ends nothing"),
    "a type twice, alike": Told("\nBA_", "\n" + "SIG_VALTYPE_ 272 Kph : 0;\n" * 2 + "BA_", 15, "a second SIG_VALTYPE_"),
    "a type under an id that no message has": Told(
        "\nBA_", "\nSIG_VALTYPE_ 27 Brake : 0;\nBA_", 14, "tells of signal Brake (as in Speed) under an id that no"
    ),
    "a file that breaks off": Told(" 20;\n", " 2", 14, "the file breaks off in the middle of a statement"),
    "a second message line that is none": Told("\nBA_ ", "\nBO_ x Speed: 8 ESC\nBA_ ", 14, "a line that names"),
}  # fmt: skip


@pytest.mark.parametrize("defect", TOLD)
def test_a_defect_that_is_told(desk: Desk, defect: str) -> None:
    told = TOLD[defect]
    content = DBC.replace(told.old, told.new, 1)
    assert content != DBC
    assert_sound(desk.read(content))
    assert len([note for note in desk.notes if note.startswith(f"car.dbc:{told.line}: ") and told.words in note]) == 1


REFUSED = {
    "a message whose keyword is broken": Told("BO_ 272", "BQ_ 272", 10, "got `BQ_ 272 Speed: 8 ESC`"),
    "a message whose id has grown to its name": Told("BO_ 272 Speed", "BO_ 272Speed", 10, "got `BO_ 272Speed: 8 ESC`"),
    "a signal whose keyword is broken": Told(" SG_ Kph :", " SX_ Kph :", 11, "not a signal line, and Speed lacks"),
    "a signal that lost its name": Told(" SG_ Kph :", " SG_ :", 11, "not a signal line, and Speed lacks"),
    "a type whose keyword is broken": Told("\nBA_", "\nSIX_VALTYPE_ 272 Kph : 1;\nBA_", 14, "may be about Kph"),
    "a type whose id is broken": Told("\nBA_", "\nSIG_VALTYPE_ 2x2 Kph : 1;\nBA_", 14, "may be about Kph"),
    "a type of another message": Told("\nBA_", "\nSIG_VALTYPE_ 372 Kph : 1;\nBA_", 14, "may be about Kph"),
    "a type over two lines": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph\n: 1;\nBA_", 14, "line that cannot be read"),
    "two types": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 1;\nSIG_VALTYPE_ 272 Kph : 0;\nBA_", 15, "has two SIG_"),
    "a type that goes on": Told("\nBA_", "\nSIG_VALTYPE_ 272 Kph : 0\n0;\nBA_", 15, "may go on here"),
    "a type that lost half its keyword": Told("\nBA_", "\nVALTYPE_ Kph : 1;\nBA_", 14, "may be about Kph"),
    "a type that lost its space": Told("\nBA_", "\nSIG_VALTYPE _272 Kph x 1;\nBA_", 14, "may be about Kph"),
    "a type that grew to other values": Told(
        *("\nBA_", '\nVAL_ 272 Brake 0 "off"TYPE_ 272 Kph : 1;\nBA_', 14), "may be about Kph"
    ),
    "a type whose line end got lost in it": Told(
        *("\nBA_", "\nSIG_VALTYPE_ 272 Brake SIG_VALTYPE_ 272 Kph : 1;\nBA_", 14), "may be about Kph"
    ),
    "a message of two lengths": Told("Speed: 8 ESC", "Speed:9 8 ESC", 10, "got `BO_ 272 Speed:9 8 ESC`"),
    "a name with a quote in it": Told("\nBA_", '\nSIG_VALTYPE_ 2x2 Kph" : 1;\nBA_', 14, "may be about Kph"),
    "a number behind the layout": Told("(0.01,0)", "(0.01,)0", 11, "is not a signal line"),
    "a form feed in a number": Told("7|16", "7|1\f", 11, "is not a signal line"),
    "a type with a comment's keyword": Told("\nBA_", "\nCM_ TYPE_ 272 Kph : 1;\nBA_", 14, "may be about Kph"),
    "a type with a message's keyword": Told("\nBA_", "\nBO_ TYPE_ 272 Kph : 1;\nBA_", 14, "may be about Kph"),
    "a digit behind the layout": Told("(0.01,0)", "(0.01,0)0", 11, "is not a signal line"),
    "a comment that does not end": Told(
        *("\nBA_", f"\n{COMMENT}the end;\nBA_", 15),
        'message Speed may belong to the text that begins in line 14; end that with `";`',
    ),
    "a comment that does not begin": Told(
        *("\nBA_", "\n" + COMMENT.replace('"', "") + 'the end";\nBA_', 15),
        "message Speed may belong to the text that begins in line 14",
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", REFUSED)
def test_a_defect_that_may_matter_is_an_error_that_names_its_line(desk: Desk, defect: str) -> None:
    told = REFUSED[defect]
    content = DBC.replace(told.old, told.new, 1)
    assert content != DBC
    problems = desk.problems(content)
    assert [
        problem for problem in problems if problem.startswith(f"{desk.path}:{told.line}: ") and told.words in problem
    ]


def test_a_type_whose_signal_is_broken_is_refused_where_it_may_be_missed(desk: Desk) -> None:
    wide = DBC.replace("7|16@0+", "7|32@0+").replace(" SG_ Brake : 23|2", " SG_ Brake : 63|2")
    for line in (
        "SIG_VALTYPE_ 272 Kpx : 1;",
        "SIG_VALTYPE_ 272 ;",
        "SIG_VALTYPE_ ;",
        "SIG_VALTYP 1;",
        "SIX_ 99 Kpx : 1;",
    ):
        (problem,) = desk.problems(wide.replace("\nBA_ ", f"\n{line}\nBA_ "))
        assert problem.startswith(f"{desk.path}:14: cannot be read and may be about Kph of Speed"), line
    typed = wide.replace("\nBA_ ", "\nSIG_VALTYPE_ 272 Kph : 1;\nSIG_VALTYPE_ 272 Gone : 1;\nBA_ ")
    assert desk.read(typed)["Speed"].message.signals[0].is_float


def test_a_type_behind_another_statement_is_not_lost(desk: Desk) -> None:
    wide = DBC.replace("7|16@0+", "7|32@0+").replace(" SG_ Brake : 23|2", " SG_ Brake : 63|2")
    for before in (
        'CM_ BO_ 272 "x; y";',
        'VAL_ 272 Brake 0 "a" ; ',
        'BA_DEF_ BO_ "A" INT 0 1;',
        "SIG_VALTYPE_ 272 Brake : 0;",
    ):
        found = desk.read(wide.replace("\nBA_ ", f"\n{before}SIG_VALTYPE_ 272 Kph : 1;\nBA_ "))
        assert found["Speed"].message.signals[0].is_float, before


def test_a_list_of_keywords_is_no_broken_line(desk: Desk) -> None:
    wide = DBC.replace("7|16@0+", "7|32@0+").replace(" SG_ Brake : 23|2", " SG_ Brake : 63|2")
    for keywords in (
        "\tSIG_VALTYPE_\n\tSG_MUL_VAL_\n",
        "NS_DESC_ CM_ SIG_VALTYPE_ SG_MUL_VAL_\n",
        "SIG_VALTYPE_ BA_\n",
    ):
        found = desk.read(wide.replace("\tCM_\n", keywords))
        assert not found["Speed"].message.signals[0].is_float


def test_selectors_that_get_lost_are_told(desk: Desk) -> None:
    layout = " SG_ A M : 32|4@1+ (1,0)\n SG_ Kph m0 : 7|16@0+ (0.01,0)"
    content = DBC.replace(" SG_ Kph : 7|16@0+ (0.01,0)", layout)
    (kph,) = (s for s in desk.read(content)["Speed"].message.signals if s.name == "Kph")
    assert kph.multiplexer_ids == [0]
    damaged = ("SG_MUL_VAL_ 999 Kph", "SG_MUX_VAL_ 272 Kph", "SG_MUL_VAL_ 272 Kpx", "VAL_ 272 Kph", "SG_MUL_VAL_")
    for line in (f"{begin} A 0-3;" for begin in damaged):
        (problem,) = desk.problems(content.replace("\nBA_ ", f"\n{line}\nBA_ "))
        assert problem.startswith(f"{desk.path}:15: cannot be read and may be about Kph of Speed"), line


@pytest.mark.parametrize("ranges", ["0-1\n, 3-3;", "0-1;, 3-3;", "0-1\n\n-3;", "0-1\nx, 3-3;", "0-1;\n3-3;"])
def test_selectors_that_go_on_behind_their_line_are_refused(desk: Desk, ranges: str) -> None:
    layout = " SG_ A M : 32|4@1+ (1,0)\n SG_ Kph m0 : 7|16@0+ (0.01,0)"
    content = DBC.replace(" SG_ Kph : 7|16@0+ (0.01,0)", layout)
    (problem,) = desk.problems(content.replace("\nBA_ ", f"\nSG_MUL_VAL_ 272 Kph A {ranges}\nBA_ "))
    line = 15 + ranges.count("\n")
    assert problem.startswith(f"{desk.path}:{line}: signal Kph of Speed is told of in the statement before"), problem


def test_two_branches_of_one_selector_value_overlap(desk: Desk) -> None:
    layout = " SG_ A M : 32|4@1+ (1,0)\n SG_ B m5 : 7|2@0+ (1,0)\n SG_ Kph m0 : 7|16@0+ (0.01,0)"
    content = DBC.replace(" SG_ Kph : 7|16@0+ (0.01,0)", layout)
    for ranges, told in (("0-4, 6-9", 0), ("0-9", 1)):
        desk.read(content.replace("\nBA_ ", f"\nSG_MUL_VAL_ 272 Kph A {ranges};\nBA_ "))
        assert sum("overlaps" in note for note in desk.notes) == told


def test_a_template_of_opendbc_says_what_it_lacks(desk: Desk) -> None:
    content = 'CM_ "IMPORT _toyota_2017.dbc";\nCM_ "IMPORT _comma.dbc";\n\n' + SPEED
    assert_sound(desk.read(content))
    assert [note.partition(" is a template that wants ")[2].split()[0] for note in desk.notes] == [
        "_toyota_2017.dbc",
        "_comma.dbc",
    ]
    assert desk.notes[1].startswith("car.dbc:2: ")


def test_a_name_beyond_ascii_is_found(desk: Desk) -> None:
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        found = desk.read(DBC.replace("Kph", "Gr\xf6\xdfe-1").encode(encoding), {"Speed": frozenset({"Gr\xf6\xdfe-1"})})
        assert [signal.name for signal in found["Speed"].message.signals] == ["Gr\xf6\xdfe-1"]


def test_a_signal_that_is_not_there_is_told_with_the_line_of_its_message(tmp_path: Path) -> None:
    dbc = tmp_path / "short.dbc"
    lines = REFERENCE_DBC.read_text("ascii").splitlines()
    (at,) = (number for number, line in enumerate(lines) if line.startswith(" SG_ VehicleSpeed "))
    begin = max(number for number, line in enumerate(lines[:at], 1) if line.startswith("BO_ "))
    dbc.write_text("\n".join([*lines[:at], *lines[at + 1 :]]), encoding="ascii")
    problems = problems_of(lambda: compile_profile(changed(tmp_path), (dbc,)))
    assert any(f"in {dbc}:{begin} has no signal 'VehicleSpeed'" in problem for problem in problems)
