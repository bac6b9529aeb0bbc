"""Vehicle profiles that compile: the shipped ones, units, buses and cycles, and the real cars on their recordings."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from hardshoulder.compile import compile_profile
from hardshoulder.config import LANGUAGES
from hardshoulder.core.decode import Decoder, Fault
from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan, SignalPlan
from hardshoulder.core.vocabulary import DRIVE_EVIDENCE, Vss
from hardshoulder.profile import find_profile, load_profile, shipped_profiles
from support.written import GONE, REFERENCE_DBC, Keys, change, changed, problems_of, shipped, write

REFERENCE = [name for name in shipped_profiles() if name.startswith("reference-")]
REAL = {
    "alfa-giulia": ("alfa-giulia/fca_giorgio.dbc", "alfa-giulia/drive.log.gz"),
    "ford-mustang-s550": ("ford-mustang/ford_lincoln_base_pt.dbc", "ford-mustang/drive.log.gz"),
    "tesla-model3": ("tesla-model3/Model3CAN.dbc", "tesla-model3/drive.log"),
}
SPEED = ("signals", "Vehicle.Speed")
COMMAND = ("hazard", "command")
CANDUMP = re.compile(r"\(([0-9.]+)\) \S+ ([0-9A-F]{3})#([0-9A-F]*)$")


def signal_of(plan: CarPlan, vss: Vss) -> SignalPlan:
    """The plan of one signal."""
    return next(signal for message in plan.messages for signal in message.signals if signal.vss is vss)


def two_buses(folder: Path, **named: str) -> Path:
    """The reference car with a second bus; `named` puts messages on a bus."""
    table = shipped("reference-combustion")
    table["bus"] = [{"name": "main"}, {"name": "body"}]
    used = {keys["message"] for keys in table["signals"].values()} | {"HSR_HazardRequest", "HSR_Display"}
    for message in used:
        change(table, ("messages", message, "bus"), named.get(message, "main"))
    for message, bus in named.items():
        if not bus:
            change(table, ("messages", message, "bus"), GONE)
    return write(folder / "car.toml", table)


def test_two_buses(tmp_path: Path) -> None:
    plan = compile_profile(two_buses(tmp_path, BCM_Lamps="body", HSR_HazardRequest="body"))
    assert plan.buses == ("main", "body")
    assert {message.name for message in plan.messages if message.bus == "body"} == {"BCM_Lamps"}
    assert plan.hazard.command is not None
    assert plan.hazard.command.bus == "body"


def test_two_buses_and_a_message_on_neither(tmp_path: Path) -> None:
    path = two_buses(tmp_path, BCM_Lamps="", HSR_HazardRequest="")
    remedy = "the profile has several buses; say on which this message is"
    assert set(problems_of(lambda: compile_profile(path))) == {
        f"{path}: messages.BCM_Lamps.bus: {remedy}",
        f"{path}: messages.HSR_HazardRequest.bus: {remedy}",
    }


@pytest.mark.parametrize(("bus", "right"), [("main", False), ("body", True)])
def test_two_messages_with_one_id_need_two_buses(tmp_path: Path, bus: str, right: bool) -> None:
    dbc = tmp_path / "twins.dbc"
    dbc.write_text(REFERENCE_DBC.read_text("ascii").replace("BO_ 852 ", "BO_ 848 "), encoding="ascii")
    path = two_buses(tmp_path, GNS_Motion=bus)
    if right:
        plan = compile_profile(path, (dbc,))
        assert {message.bus for message in plan.messages if message.can_id == 848} == {"main", "body"}
    else:
        (problem,) = problems_of(lambda: compile_profile(path, (dbc,)))
        assert problem.startswith(f"{path}: message GNS_Motion: has the id of GNS_Position on bus main; say on which")


@pytest.mark.parametrize("name", REFERENCE)
def test_every_reference_profile_compiles(name: str) -> None:
    plan = compile_profile(find_profile(name))
    mapped = {signal.vss for message in plan.messages for signal in message.signals}
    assert plan.profile == name
    assert mapped == set(load_profile(find_profile(name)).signals)
    assert mapped >= {Vss.SPEED, Vss.POWER_STATE}
    assert mapped & set(DRIVE_EVIDENCE)
    assert plan.dropped == ()


@pytest.mark.parametrize("name", REFERENCE)
def test_a_reference_profile_asks_for_hazards_bit_by_bit(name: str) -> None:
    command = compile_profile(find_profile(name)).hazard.command
    assert command is not None
    assert (command.on.hex(), command.off.hex()) == ("0010000000000000", "0020000000000000")
    assert (command.bus, command.can_id) == ("main", 0x2A0)


def test_unused_bits_are_what_the_profile_says(tmp_path: Path) -> None:
    command = compile_profile(changed(tmp_path, ((*COMMAND, "unused_bits"), 1))).hazard.command
    assert command is not None
    assert (command.on.hex(), command.off.hex()) == ("00d0ffffffffffff", "00e0ffffffffffff")


def test_a_damaged_signal_of_the_command_is_no_excuse(tmp_path: Path) -> None:
    dbc = tmp_path / "damaged.dbc"
    text = REFERENCE_DBC.read_text("ascii")
    dbc.write_text(text.replace(" SG_ Request", " SG_ Horn : 99|2@1+ (1,0)\n SG_ Request"), encoding="ascii")
    path = changed(tmp_path)
    problems = problems_of(lambda: compile_profile(path, (dbc,)))
    assert [problem.split(": ")[1:3] for problem in problems] == [
        [f"hazard.command.{which}", "say what Horn shall be"] for which in ("on", "off")
    ]


def test_a_cycle_time_that_nobody_gives(tmp_path: Path) -> None:
    dbc = tmp_path / "cycle.dbc"
    text = REFERENCE_DBC.read_text("ascii")
    dbc.write_text(text.replace('BA_ "GenMsgCycleTime" BO_ 272 20;', ""), encoding="ascii")
    path = changed(tmp_path)
    (problem,) = problems_of(lambda: compile_profile(path, (dbc,)))
    assert problem.startswith(f"{path}: messages.ESC_Speed.cycle_s: neither profile nor DBC gives the cycle time")
    path = changed(tmp_path, (("messages", "ESC_Speed", "cycle_s"), 0.04))
    (speed,) = (message for message in compile_profile(path, (dbc,)).messages if message.name == "ESC_Speed")
    assert speed.cycle_s == 0.04


@pytest.mark.parametrize(("cycle_s", "stale_s", "expected"), [(0.02, None, 0.5), (1.0, None, 4.0), (1.0, 6.0, 6.0)])
def test_slow_signals_grow_stale_late(tmp_path: Path, cycle_s: float, stale_s: float | None, expected: float) -> None:
    changes: list[tuple[Keys, object]] = [(("messages", "ESC_Speed", "cycle_s"), cycle_s)]
    changes += [] if stale_s is None else [((*SPEED, "stale_after_s"), stale_s)]
    assert signal_of(compile_profile(changed(tmp_path, *changes)), Vss.SPEED).stale_after_s == expected


def read_at(tmp_path: Path, vss: Vss, unit: str, raw: int) -> float:
    """What a raw number of one byte is in the unit of the signal."""
    (tmp_path / "units.dbc").write_text('BO_ 1 M: 1 X\n SG_ S : 0|8@1+ (0.5,10) [0|0] "" X\n', encoding="ascii")
    keys = {"message": "M", "signal": "S", "unit": unit, "scale": 2.0, "offset": -21.0}
    table = shipped("reference-combustion") | {"signals": {str(vss): keys}, "dbc": "units.dbc"}
    table |= {"messages": {"M": {"cycle_s": 1.0}}, "hazard": {"readback": "none"}}
    del table["display"]
    decoder = Decoder(compile_profile(write(tmp_path / "units.toml", table)))
    decoded = decoder.decode(Frame(0.0, "main", 1, bytes([raw + 1])))
    assert decoded is not None
    ((found, value),) = decoded[1]
    assert found is vss
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(
    ("vss", "unit", "raw", "expected"),
    [
        (Vss.SPEED, "km/h", 100, 100.0),
        (Vss.SPEED, "m/s", 100, 360.0),
        (Vss.SPEED, "mph", 100, 160.9344),
        (Vss.ENGINE_SPEED, "rpm", 100, 100.0),
        (Vss.ENGINE_SPEED, "rad/s", 100, 954.9296585513721),
        (Vss.SUPPLY_VOLTAGE, "V", 12, 12.0),
        (Vss.SUPPLY_VOLTAGE, "mV", 120, 0.12),
        (Vss.PEDAL_POSITION, "%", 100, 100.0),
        (Vss.PEDAL_POSITION, "ratio", 1, 100.0),
        (Vss.HEADING, "deg", 100, 100.0),
        (Vss.HEADING, "rad", 3, 171.88733853924697),
    ],
)
def test_units(tmp_path: Path, vss: Vss, unit: str, raw: int, expected: float) -> None:
    # The file says raw * 0.5 + 10; the profile's own scale and offset make that raw - 1, and raw + 1 is sent.
    assert read_at(tmp_path, vss, unit, raw) == pytest.approx(expected, rel=1e-12)


def test_the_valid_range_is_in_the_profiles_unit(tmp_path: Path) -> None:
    changes = (((*SPEED, "unit"), "m/s"), ((*SPEED, "valid"), [1.0, 50.0]))
    speed = signal_of(compile_profile(changed(tmp_path, *changes)), Vss.SPEED)
    assert (speed.minimum, speed.maximum) == (3.6, 180.0)
    assert speed.scale == pytest.approx(0.036)


@pytest.mark.parametrize("name", REAL)
def test_a_real_car_is_only_listened_to(name: str) -> None:
    profile = load_profile(find_profile(name))
    assert profile.hazard.command is None
    assert profile.hazard_button.keys() == set(LANGUAGES)
    assert len(set(profile.hazard_button.values())) == len(LANGUAGES)


@pytest.mark.parametrize("name", shipped_profiles())
def test_every_profile_says_in_every_language_where_the_button_is(name: str) -> None:
    assert load_profile(find_profile(name)).hazard_button.keys() == set(LANGUAGES)


@pytest.mark.parametrize("name", REAL)
def test_the_plan_of_a_real_car_sends_nothing(drives: Path, name: str) -> None:
    path, dbc = find_profile(name), (drives / REAL[name][0],)
    profile = load_profile(path)
    for language in LANGUAGES:
        plan = compile_profile(path, dbc, language)
        assert plan.hazard.command is None
        assert plan.hazard_button == profile.hazard_button[language]


def recorded(path: Path, bus: str) -> Iterator[Frame]:
    """The frames of a candump log, all from one bus."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as log:
        for line in log:
            if match := CANDUMP.match(line.strip()):
                yield Frame(float(match[1]), bus, int(match[2], 16), bytes.fromhex(match[3]))


@pytest.mark.parametrize("name", REAL)
def test_protection_and_length_are_those_of_the_recorded_car(drives: Path, name: str) -> None:
    dbc, log = REAL[name]
    plan = compile_profile(find_profile(name), (drives / dbc,))
    decoder, seen = Decoder(plan), Counter[str]()
    for frame in islice(recorded(drives / log, plan.buses[0]), 50_000):
        if (decoded := decoder.decode(frame)) is not None:
            seen[decoded[0].name] += 1
    protected = [message.name for message in plan.messages if message.checksum is not None and seen[message.name]]
    assert protected
    assert min(seen[message] for message in protected) > 500
    assert not [key for key in decoder.faults if key[1] in (Fault.CHECKSUM, Fault.LENGTH)]
    # A logger that loses sixteen frames in a row lets the counter seem to stand; one does, once.
    assert sum(count for key, count in decoder.faults.items() if key[1] is Fault.COUNTER) <= 1
