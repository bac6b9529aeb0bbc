"""What the profile format carries: ranges of raws, flags, slow values of a quick message, DBC files, testers."""

from pathlib import Path

import cantools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.compile import TESTER_IDS, compile_profile
from hardshoulder.core.decode import Decoder
from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.core.plan import CarPlan, MessagePlan, SignalPlan
from hardshoulder.core.vocabulary import Value, Vss
from hardshoulder.profile import MOST_RAWS, find_profile, raws_of
from support.written import FOLDERS, Keys, Table, change, changed, shipped, write

SPEED = ("signals", "Vehicle.Speed")
OBD = 0x7E8
GNSS_SPEED = 7
Readings = dict[Vss, Value]
OBD_PLAN = compile_profile(find_profile("obd2"))
OBD_MESSAGE = cantools.database.load_file(FOLDERS[1] / "obd2.dbc").messages[0]  # type: ignore[union-attr]


def small_car(folder: Path, dbc: str, signals: dict[Vss, Table]) -> CarPlan:
    """A car with one message of ours, M with id 1."""
    (folder / "small.dbc").write_text(dbc, encoding="ascii")
    table = shipped("reference-combustion") | {"dbc": "small.dbc", "messages": {"M": {"cycle_s": 0.1}}}
    table |= {"signals": {str(vss): {"message": "M"} | keys for vss, keys in signals.items()}}
    table |= {"hazard": {"readback": "none"}}
    del table["display"]
    return compile_profile(write(folder / "small.toml", table))


def said(plan: CarPlan, bus: str, can_id: int, data: bytes) -> Readings:
    """What one frame says."""
    decoded = Decoder(plan).decode(Frame(0.0, bus, can_id, data))
    assert decoded is not None
    return dict(decoded[1])


def message_of(plan: CarPlan, name: str) -> MessagePlan:
    """The plan of one message."""
    return next(message for message in plan.messages if message.name == name)


def signal_of(plan: CarPlan, vss: Vss) -> SignalPlan:
    """The plan of one signal."""
    return next(signal for message in plan.messages for signal in message.signals if signal.vss is vss)


# Raws ---------------------------------------------------------------------------------------


@given(first=st.integers(-(10**19), 10**19), count=st.integers(1, MOST_RAWS))
def test_a_key_names_every_raw_from_one_to_another(first: int, count: int) -> None:
    last = first + count - 1
    assert raws_of(f"{first}..{last}") == range(first, last + 1)
    assert raws_of(str(first)) == range(first, first + 1)


@pytest.mark.parametrize("key", ["", "..", "1..", "..1", "1...2", "1-2", "01..2", "1..02", "-0", "1..2..3", " 1", "١"])
def test_a_key_that_names_nothing(key: str) -> None:
    with pytest.raises(ValueError, match="is none"):
        raws_of(key)


def test_a_pressure_is_a_truth_and_gears_are_words(tmp_path: Path) -> None:
    dbc = 'BO_ 1 M: 2 X\n SG_ Bar : 0|8@1+ (0.5,0) [0|0] "" X\n SG_ Gear : 8|8@1- (1,0) [0|0] "" X\n'
    brake: Table = {"signal": "Bar", "values": {"0..2": False, "3..254": True}, "not_available": [255]}
    gear: Table = {"signal": "Gear", "values": {"0": "NEUTRAL", "1..6": "DRIVE", "-2..-1": "REVERSE"}}
    plan = small_car(tmp_path, dbc, {Vss.BRAKE_PRESSED: brake, Vss.SELECTED_GEAR: gear})

    def read(pressure: int, raw_gear: int) -> Readings:
        return said(plan, "main", 1, bytes((pressure, raw_gear & 0xFF)))

    for pressure in range(255):
        assert read(pressure, 0)[Vss.BRAKE_PRESSED] is (pressure > 2)
    assert Vss.BRAKE_PRESSED not in read(255, 0)
    words = {raw: read(0, raw).get(Vss.SELECTED_GEAR) for raw in range(-4, 9)}
    assert [raw for raw, word in words.items() if word == "DRIVE"] == [1, 2, 3, 4, 5, 6]
    assert [raw for raw, word in words.items() if word == "REVERSE"] == [-2, -1]
    assert [raw for raw, word in words.items() if word is None] == [-4, -3, 7, 8]


# Flags --------------------------------------------------------------------------------------


def test_a_flag_beside_the_value(tmp_path: Path) -> None:
    dbc = 'BO_ 1 M: 2 X\n SG_ V : 0|8@1+ (1,0) [0|0] "" X\n SG_ Q : 8|4@1- (1,0) [0|0] "" X\n'
    keys = {"signal": "V", "unit": "km/h", "valid_while": {"Q": [1, 15]}}
    plan = small_car(tmp_path, dbc, {Vss.SPEED: keys})
    decoder = Decoder(plan)
    for flag in range(16):
        decoded = decoder.decode(Frame(float(flag), "main", 1, bytes((50, flag))))
        assert decoded is not None
        assert decoded[1] == ([(Vss.SPEED, 50.0)] if flag in (1, 15) else [])
    assert not decoder.faults  # a value that is not there is no fault


def test_satellites_that_see_nothing_say_nothing() -> None:
    plan = compile_profile(find_profile("obd2-gnss"))
    assert said(plan, "gnss", GNSS_SPEED, bytes.fromhex("4D0080DA00"))[Vss.GNSS_SPEED] == pytest.approx(0.038 * 3.6)
    assert said(plan, "gnss", GNSS_SPEED, bytes.fromhex("4C0080DA00")) == {}


# Slow values of a quick message -------------------------------------------------------------


def test_a_value_that_comes_less_often_than_its_message_is_believed_for_longer(tmp_path: Path) -> None:
    plan = compile_profile(changed(tmp_path, ((*SPEED, "cycle_s"), 3.0)))
    speed, brake = signal_of(plan, Vss.SPEED), signal_of(plan, Vss.BRAKE_PRESSED)
    assert (speed.cycle_s, speed.stale_after_s) == (3.0, 12.0)
    assert (brake.cycle_s, brake.stale_after_s) == (0.02, 0.5)
    assert message_of(plan, "ESC_Speed").cycle_s == 0.02
    told = changed(tmp_path, ((*SPEED, "cycle_s"), 3.0), ((*SPEED, "stale_after_s"), 5.0))
    assert signal_of(compile_profile(told), Vss.SPEED).stale_after_s == 5.0


@pytest.mark.parametrize(("modulo", "written", "largest"), [(16, None, 3), (16, 1, 1), (16, 15, 15), (3, None, 2)])
def test_the_largest_step_of_a_counter(tmp_path: Path, modulo: int, written: int | None, largest: int) -> None:
    key = ("messages", "ESC_Speed", "counter")
    changes: list[tuple[Keys, object]] = [((*key, "modulo"), modulo)]
    changes += [] if written is None else [((*key, "max_step"), written)]
    counter = message_of(compile_profile(changed(tmp_path, *changes)), "ESC_Speed").counter
    assert counter is not None
    assert (counter.modulo, counter.max_step) == (modulo, largest)


# Several DBC files --------------------------------------------------------------------------


def test_several_files_and_the_first_wins(tmp_path: Path) -> None:
    line = 'BO_ {} M: 1 X\n SG_ V : 0|8@1+ (1,0) [0|0] "" X\n'
    (tmp_path / "a.dbc").write_text(line.format(1), encoding="ascii")
    (tmp_path / "b.dbc").write_text(line.format(2) + line.replace("M:", "N:").format(3), encoding="ascii")
    signals = {
        "Vehicle.Speed": {"message": "M", "signal": "V", "unit": "km/h"},
        "Vehicle.Powertrain.CombustionEngine.Speed": {"message": "N", "signal": "V", "unit": "rpm"},
    }
    table = shipped("reference-combustion") | {"signals": signals, "hazard": {"readback": "none"}}
    del table["display"]
    table |= {"messages": {"M": {"cycle_s": 0.1}, "N": {"cycle_s": 0.1}}}

    def ids(*names: str) -> dict[str, int]:
        plan = compile_profile(write(tmp_path / "car.toml", table | {"dbc": list(names)}))
        return {message.name: message.can_id for message in plan.messages}

    assert ids("a.dbc", "b.dbc") == {"M": 1, "N": 3}
    assert ids("b.dbc", "a.dbc") == {"M": 2, "N": 3}


# Testers ------------------------------------------------------------------------------------


def two_buses(folder: Path, *changes: tuple[Keys, object]) -> Path:
    """The polled car with satellites, which has two buses, with these changes."""
    table = shipped("obd2-gnss") | {"dbc": [str(FOLDERS[1] / "obd2.dbc"), str(FOLDERS[1] / "gnss.dbc")]}
    for keys, value in changes:
        change(table, keys, value)
    return write(folder / "car.toml", table)


def test_a_tester_is_known_by_the_ids_of_the_standard_on_every_bus(tmp_path: Path) -> None:
    assert TESTER_IDS == (0x7DF, 0x7E0, 0x7E1, 0x7E2, 0x7E3, 0x7E4, 0x7E5, 0x7E6, 0x7E7)
    for path, buses in ((changed(tmp_path), ["main"]), (find_profile("obd2-gnss"), ["obd", "gnss"])):
        assert compile_profile(path).workshop == tuple((bus, can_id) for bus in buses for can_id in TESTER_IDS)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ([], ()),
        ([{"ids": [0x7E0]}], (("obd", 0x7E0), ("gnss", 0x7E0))),
        ([{"bus": "gnss", "ids": [0x7E0, 0x7E0]}], (("gnss", 0x7E0),)),
        (
            [{"bus": "obd", "ids": [0x7FF, 0x800, 0x18DB33F1]}, {"ids": [0x7FF]}],
            (("obd", 0x7FF), ("obd", 0x800 | EXTENDED), ("obd", 0x18DB33F1 | EXTENDED), ("gnss", 0x7FF)),
        ),
    ],
)
def test_a_car_with_other_testers(tmp_path: Path, requests: object, expected: object) -> None:
    assert compile_profile(two_buses(tmp_path, (("diagnostics", "requests"), requests))).workshop == expected


# OBD-II -------------------------------------------------------------------------------------

VALUES = {0x0C: Vss.ENGINE_SPEED, 0x0D: Vss.SPEED, 0x2F: Vss.FUEL_LEVEL, 0x42: Vss.SUPPLY_VOLTAGE}


def test_answers_of_the_engine() -> None:
    plan = OBD_PLAN
    assert said(plan, "obd", OBD, bytes.fromhex("04410C16F0000000")) == {Vss.ENGINE_SPEED: 1468.0}
    assert said(plan, "obd", OBD, bytes.fromhex("03410D2100000000")) == {Vss.SPEED: 33.0}
    assert said(plan, "obd", OBD, bytes.fromhex("0441423434000000")) == {Vss.SUPPLY_VOLTAGE: pytest.approx(13.364)}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("037F011200000000", "refused by the control unit"),
        ("03410C16F0000000", "engine speed with one byte"),
        ("04410D2100000000", "speed with two bytes"),
        ("04420C0016F00000", "a freeze frame"),
        ("06410D210C16F000", "several PIDs at once"),
        ("1008410D210C16F0", "the beginning of a longer answer"),
        ("0341110D00000000", "another PID"),
        ("30000D2100000000", "flow control"),
    ],
)
def test_what_is_no_answer_to_our_question(answer: str, why: str) -> None:
    assert said(OBD_PLAN, "obd", OBD, bytes.fromhex(answer)) == {}, why


def read_by_cantools(answer: bytes) -> dict[str, float]:
    """The values in an answer; none where it is no answer that the file knows."""
    try:
        decoded = OBD_MESSAGE.decode(answer, decode_choices=False)
    except cantools.database.errors.DecodeError:
        return {}
    assert isinstance(decoded, dict)
    return {name: float(value) for name, value in decoded.items() if isinstance(value, int | float)}


@given(data=st.binary(min_size=8, max_size=8), length=st.integers(2, 7), pid=st.sampled_from(sorted(VALUES)))
def test_cantools_reads_the_same_out_of_every_answer(data: bytes, length: int, pid: int) -> None:
    answer = bytes((length, 0x41, pid)) + data[3:]
    oracle = read_by_cantools(answer)
    names = {"VehicleSpeed": Vss.SPEED, "EngineSpeed": Vss.ENGINE_SPEED}
    names |= {"ModuleVoltage": Vss.SUPPLY_VOLTAGE, "FuelLevel": Vss.FUEL_LEVEL}
    expected = {names[name]: pytest.approx(value) for name, value in oracle.items() if name in names}
    lowest_v, highest_v, highest_rpm = 4.0, 36.0, 12000.0
    if not lowest_v <= oracle.get("ModuleVoltage", 12.0) <= highest_v:
        del expected[Vss.SUPPLY_VOLTAGE]
    if oracle.get("EngineSpeed", 0.0) > highest_rpm:
        del expected[Vss.ENGINE_SPEED]
    assert said(OBD_PLAN, "obd", OBD, answer) == expected
