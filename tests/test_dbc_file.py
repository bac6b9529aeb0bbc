"""DBC files as they are found: damaged where nobody looks, damaged where somebody does, and made to hurt."""

import re
from pathlib import Path

import pytest

from hardshoulder.compile import compile_profile
from hardshoulder.core.frame import EXTENDED
from hardshoulder.dbc_file import read_dbc
from hardshoulder.profile import load_profile, shipped_profiles
from hardshoulder.resolve import needed_signals
from support.dbc import DBC, HEADER, NEEDED, SPEED, Desk, assert_sound
from support.written import problems_of

DRIVES = {
    "alfa-giulia": "alfa-giulia/fca_giorgio.dbc",
    "ford-mustang-s550": "ford-mustang/ford_lincoln_base_pt.dbc",
    "tesla-model3": "tesla-model3/Model3CAN.dbc",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with one DBC file in it."""
    return Desk(tmp_path_factory.mktemp("dbc"))


def test_a_sound_file(desk: Desk) -> None:
    found = desk.read(DBC)
    assert_sound(found)
    assert found["Speed"].cycle_s == 0.02
    assert found["Speed"].signals == ("Kph", "Brake")
    assert desk.notes == ()


UNNEEDED = {
    "signal outside its message": (" SG_ Brake : 23|2", " SG_ Brake : 64|2", "left out signal Brake of Speed"),
    "signal of no length": (" SG_ Brake : 23|2", " SG_ Brake : 23|0", "left out signal Brake of Speed"),
    "signal line that is none": (" SG_ Brake : 23|2@0+", " SG_ Brake 23,2", "is not a signal line"),
    "name with a digit in front": (" SG_ Brake", " SG_ 2Brake", None),
    "name that is a keyword": (" SG_ Brake", " SG_ BO_", None),
    "nothing but the keyword": (" SG_ Brake : 23|2@0+", " SG_", "a line of Speed that is not a signal"),
    "scale that is no number": ("(1,0) [0|1]", "(1.2.3,0) [0|1]", "is not a signal line"),
    "scale beyond all numbers": ("(1,0) [0|1]", "(1e999,0) [0|1]", "scale or offset that is no number"),
    "float of odd length": ("\nBA_ ", "\nSIG_VALTYPE_ 272 Brake : 1;\nBA_ ", "floating-point number of 2 bits"),
    "value type of a signal that is not there": ("\nBA_ ", "\nSIG_VALTYPE_ 272 Gone : 1;\nBA_ ", None),
    "selector without end": (
        "\nBA_ ",
        "\nSG_MUL_VAL_ 272 Brake Kph 0-4294967295;\nBA_ ",
        "selected by more than 65536 values",
    ),
    "another message": ("BO_ 272 Speed", "BO_ x y z\n SG_ ?\nBO_ 272 Speed", None),
    "another message's id": ("BO_ 272 Speed", "BO_ 99999999999 Foo: 8 ESC\nBO_ 272 Speed", None),
    "quotes that do not balance": ("BO_ 272", 'CM_ "never closed;\nCM_ BO_ 272 "it\'s 12" wide";\nBO_ 272', None),
    "attribute": ("BA_ ", 'BA_ "Foo" BO_ nonsense;\nBA_DEF_ ???\nBA_ ', None),
    "values": ("\nBA_ ", "\nVAL_ 272 Brake 0 unquoted 1;\nVAL_TABLE_\nBA_ ", None),
    "another signal twice": (" SG_ Brake", " SG_ Brake : 0|1@1+ (1,0)\n SG_ Brake", "stands twice (again in line"),
    "no header": (HEADER, "", None),
    "no senders": ("BU_: ESC DSP", "", None),
    "no line of the senders' names": ("ESC DSP", "ESC ESC 12V", None),
    "tabs": ("BO_ 272 Speed: 8 ESC\n SG_ ", "BO_\t272\tSpeed\t:\t8\tESC\n\t\tSG_\t", None),
    "another unit": ('"km/h"', '"km\xb0/h\x81"', None),
    "no limits and no unit": (' [0|655.34] "km/h" DSP', "", None),
    "limits that are none": ("[0|655.34]", "[a|]", None),
    "a scale without a zero": ("(0.01,0)", "(.01,+0.)", "has a number that begins with a point"),
    "spaces": ("7|16@0+ (0.01,0)", "7 | 16 @ 0 + ( 0.01 , 0 )", None),
    "windows line ends": ("\n", "\r\n", None),
    "old line ends": ("\n", "\r", None),
    "byte order mark and nothing before the message": (HEADER, "\xef\xbb\xbf", None),
    "byte order mark": ("VERSION", "\xef\xbb\xbfVERSION", None),
}


@pytest.mark.parametrize("damage", UNNEEDED)
def test_damage_that_nobody_needs(desk: Desk, damage: str) -> None:
    old, new, note = UNNEEDED[damage]
    content = DBC.replace(old, new)
    assert content != DBC
    assert_sound(desk.read(content.encode("latin-1")))
    assert len(desk.notes) == (note is not None)
    assert note is None or (note in desk.notes[0] and desk.notes[0].startswith("car.dbc:"))


NEEDED_DAMAGE = {
    "signal outside its message": ("7|16@0+", "64|16@0+", 11, "signal Kph of Speed does not fit into 8 bytes"),
    "signal too long": ("7|16@0+", "7|65@0+", 11, "does not fit into 8 bytes"),
    "signal line that is none": ("7|16@0+", "7,16@0+", 11, "signal Kph of Speed is not a signal line; expected `SG_"),
    "byte order that is none": ("7|16@0+", "7|16@2+", 11, "is not a signal line"),
    "sign that is none": ("7|16@0+", "7|16@0*", 11, "is not a signal line"),
    "cut off": (',0) [0|655.34] "km/h" DSP', "", 11, "is not a signal line"),
    "scale that is no number": ("(0.01,0)", "(nan,0)", 11, "is not a signal line"),
    "scale beyond all numbers": ("(0.01,0)", "(1e999,0)", 11, "has a scale or offset that is no number"),
    "number of a million digits": ("7|16", f"7|{'1' * 1_000_000}", 11, "is not a signal line"),
    "message line that is none": ("BO_ 272 Speed: 8 ESC", "BO_ 272 Speed", 10, "expected `BO_ id name: length sender`"),
    "message without a sender": ("Speed: 8 ESC", "Speed: 8", 10, "expected `BO_ id name: length sender`"),
    "id that is no number": ("BO_ 272", "BO_ 0x110", 10, "got `BO_ 0x110 Speed: 8 ESC`"),
    "id of 30 bits": ("BO_ 272", "BO_ 536870912", 10, "the id 536870912 of Speed is none; expected 11 bits"),
    "id of 33 bits": ("BO_ 272", "BO_ 4294967296", 10, "the id 4294967296 of Speed is none"),
    "message of 65 bytes": ("Speed: 8", "Speed: 65", 10, "Speed has 65 bytes; expected at most 64"),
    "message twice, with two ids": (
        SPEED,
        SPEED + SPEED.replace("272", "273"),
        13,
        "message Speed stands twice (first in line 10) and differs; remove one",
    ),
    "signal twice": (" SG_ Brake", " SG_ Kph", 11, "signal Kph of Speed stands twice (again in line 12)"),
    "multiplexed by nothing": (" SG_ Kph", " SG_ Kph m0", 11, "Kph of Speed is multiplexed, but no sound line says"),
    "multiplexed by what is broken": (
        ' SG_ Kph : 7|16@0+ (0.01,0) [0|655.34] "km/h" DSP\n SG_ Brake : 23|2',
        " SG_ Kph m0 : 7|16@0+ (0.01,0)\n SG_ Brake M : 64|2",
        12,
        "signal Brake of Speed does not fit into 8 bytes",
    ),
    "multiplexed by two": (
        " SG_ Kph : 7|16@0+ (0.01,0)",
        " SG_ A M : 32|2@1+ (1,0)\n SG_ B M : 34|2@1+ (1,0)\n SG_ Kph m0 : 7|16@0+ (0.01,0)",
        13,
        "is multiplexed, but no sound line says by which signal",
    ),
    "multiplexed by an unknown": (
        "\nBA_ ",
        "\nSG_MUL_VAL_ 272 Kph Gone 1-1;\nBA_ ",
        11,
        "multiplexed, but no sound line says",
    ),
    "multiplexed in a circle": (
        "\nBA_ ",
        "\nSG_MUL_VAL_ 272 Kph Brake 1-1;\nSG_MUL_VAL_ 272 Brake Kph 1-1;\nBA_ ",
        12,
        "multiplexed, but no sound line says",
    ),
    "selector values that are none": ("\nBA_ ", "\nSG_MUL_VAL_ 272 Kph Brake 1;\nBA_ ", 14, "cannot be read"),
    "selector values backwards": ("\nBA_ ", "\nSG_MUL_VAL_ 272 Kph Brake 3-1;\nBA_ ", 14, "run backwards"),
    "value type that is none": ("\nBA_ ", "\nSIG_VALTYPE_ 272 Kph : x;\nBA_ ", 14, "SIG_VALTYPE_ line that cannot be"),
    "float of odd length": ("7|16@0+", "7|24@0+", 14, "is a floating-point number of 24 bits"),
}


@pytest.mark.parametrize("damage", NEEDED_DAMAGE)
def test_damage_that_matters_is_told_with_file_and_line(desk: Desk, damage: str) -> None:
    old, new, line, text = NEEDED_DAMAGE[damage]
    content = DBC.replace(old, new, 1)
    if damage == "float of odd length":
        content = content.replace("\nBA_ ", "\nSIG_VALTYPE_ 272 Kph : 1;\nBA_ ")
    assert content != DBC
    (problem,) = desk.problems(content)
    assert problem.startswith(f"{desk.path}:{line}: ")
    assert text in problem
    assert len(problem) < 400 + len(str(desk.path))


def test_all_damage_is_told_at_once(desk: Desk) -> None:
    needed = {"Speed": frozenset({"Kph", "Brake"}), "Other": frozenset({"X"})}
    content = DBC.replace("7|16@0+", "7,16").replace("23|2@0+", "99|2@0+") + "BO_ ? Other\n"
    problems = desk.problems(content, needed)
    assert sorted(re.findall(r":(\d+): ", " ".join(problems))) == ["11", "12", "15"]


def test_a_29_bit_id_without_bit_31_is_repaired_and_told(desk: Desk) -> None:
    content = DBC.replace("272", "217056256")  # 0x0CF00400
    message = desk.read(content)["Speed"]
    assert (message.message.frame_id, message.message.is_extended_frame) == (0x0CF00400, True)
    assert message.cycle_s == 0.02
    assert desk.notes == ("car.dbc:10: Speed has a 29-bit id without bit 31; read as extended",)


@pytest.mark.parametrize(("written", "extended"), [(2047, False), (2048, True), (0x1FFF_FFFF, True)])
def test_what_does_not_fit_into_11_bits_is_extended(desk: Desk, written: int, extended: bool) -> None:
    message = desk.read(DBC.replace("272", str(written)))["Speed"].message
    assert (message.frame_id, message.is_extended_frame) == (written, extended)


def test_a_29_bit_id_with_bit_31_is_right(desk: Desk) -> None:
    message = desk.read(DBC.replace("272", str(EXTENDED | 0x110)))["Speed"].message
    assert (message.frame_id, message.is_extended_frame) == (0x110, True)
    assert desk.notes == ()


def test_nested_multiplexing_takes_the_selectors_along(desk: Desk) -> None:
    layout = " SG_ A M : 32|2@1+ (1,0)\n SG_ B m1M : 34|4@1+ (1,0)\n SG_ Kph m0 : 7|16@0+ (0.01,0)"
    more = "\nSG_MUL_VAL_ 272 B A 1-1;\nSG_MUL_VAL_ 272 Kph B 2-3, 7-7 ;\nBA_ "
    content = DBC.replace(" SG_ Kph : 7|16@0+ (0.01,0)", layout).replace("\nBA_ ", more)
    signals = {signal.name: signal for signal in desk.read(content)["Speed"].message.signals}
    assert signals.keys() == {"A", "B", "Kph"}
    assert (signals["Kph"].multiplexer_signal, signals["Kph"].multiplexer_ids) == ("B", [2, 3, 7])
    assert (signals["B"].multiplexer_signal, signals["B"].multiplexer_ids) == ("A", [1])


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 500, b"BU_: A\n", "BO_ 272 Speed: 8 ESC".encode("utf-16")])
def test_what_is_no_dbc_file(desk: Desk, content: bytes) -> None:
    assert desk.problems(content) == (f"{desk.path}: no `BO_` line in it; this is not a DBC file",)


@pytest.mark.parametrize("name", ["gone.dbc", "."])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (problem,) = problems_of(lambda: read_dbc(tmp_path / name, NEEDED))
    assert problem.startswith(f"{tmp_path / name}: ")
    assert problem.endswith("; check the path of the DBC file")


def test_a_message_that_is_not_there(desk: Desk) -> None:
    assert desk.read(DBC, {"Other": frozenset({"X"})}) == {}


def test_a_signal_that_is_not_there_is_left_to_the_profile_to_tell(desk: Desk) -> None:
    message = desk.read(DBC, {"Speed": frozenset({"Gone"})})["Speed"]
    assert message.message.signals == []
    assert message.signals == ("Kph", "Brake")


@pytest.mark.parametrize("profile", DRIVES)
def test_published_files_of_real_cars(drives: Path, profile: str) -> None:
    path = shipped_profiles()[profile]
    needed = needed_signals(load_profile(path))
    found, _ = read_dbc(drives / DRIVES[profile], needed)
    assert found.keys() == needed.keys()
    plan = compile_profile(path, (drives / DRIVES[profile],))
    assert {message.name for message in plan.messages} == needed.keys()
