"""Vehicle profiles: every misuse of a key is told with file, key and remedy."""

from pathlib import Path

import pytest

from hardshoulder.compile import compile_profile
from support.written import (
    GONE,
    REFERENCE_DBC,
    Keys,
    changed,
    config_table,
    hardshoulder_command,
    problems_of,
    write,
)

SPEED = ("signals", "Vehicle.Speed")
POWER = ("signals", "Vehicle.LowVoltageSystemState")
AIRBAG = ("signals", "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed")
COMMAND = ("hazard", "command")
CRC = {"signal": "Checksum", "kind": "crc8-sae-j1850"}

# What is changed -> the key that is named, and the remedy.
MISUSE: dict[str, tuple[list[tuple[Keys, object]], str, str]] = {
    "unknown key": ([(("colour",), "red")], "colour", "unknown key; remove it or correct its spelling"),
    "unknown key below": ([((*SPEED, "Unit"), "mph")], 'signals."Vehicle.Speed".Unit', "unknown key; remove it"),
    "missing key": ([(("propulsion",), GONE)], "propulsion", "required and not there; add it"),
    "other format": ([(("format",), 2)], "format", "Input should be 1"),
    "name with a capital": ([(("name",), "Car")], "name", "String should match pattern"),
    "propulsion of none": ([(("propulsion",), "steam")], "propulsion", "'combustion', 'hybrid' or 'electric'"),
    "unknown signal": (
        [(("signals", "Vehicle.Sped"), {"message": "ESC_Speed", "signal": "VehicleSpeed", "unit": "km/h"})],
        'signals."Vehicle.Sped"',
        "Input should be 'Vehicle.Speed', ",
    ),
    "no signals": ([(("signals",), {}), (("hazard",), GONE)], "signals", "at least 1 item"),
    "text for a number": ([((*SPEED, "scale"), "1")], 'signals."Vehicle.Speed".scale', "should be a valid number"),
    "not a number": ([((*SPEED, "scale"), float("nan"))], 'signals."Vehicle.Speed".scale', "a finite number"),
    "wrong unit": ([((*SPEED, "unit"), "rpm")], 'signals."Vehicle.Speed"', "use one of: km/h, m/s, mph"),
    "no unit": ([((*SPEED, "unit"), GONE)], 'signals."Vehicle.Speed"', "use one of: km/h, m/s, mph"),
    "values for a number": (
        [((*SPEED, "values"), {"0": True})],
        'signals."Vehicle.Speed"',
        "this is a number; give `unit` instead of `values`",
    ),
    "no values for a word": ([((*POWER, "values"), GONE)], 'signals."Vehicle.LowVoltageSystemState"', "give `values`"),
    "unit for a word": (
        [((*POWER, "unit"), "V"), ((*POWER, "scale"), 2.0)],
        'signals."Vehicle.LowVoltageSystemState"',
        "scale, unit: only for numbers; this one has `values`",
    ),
    "word that is no state": (
        [((*POWER, "values"), {"0": "RUN"})],
        'signals."Vehicle.LowVoltageSystemState"',
        "'RUN' is no state of it; use ACC, LOCK, OFF, ON, START, UNDEFINED",
    ),
    "word for a truth": (
        [(("signals", "Vehicle.Chassis.ParkingBrake.IsEngaged", "values"), {"0": "OFF"})],
        'signals."Vehicle.Chassis.ParkingBrake.IsEngaged"',
        "`values` must be true or false",
    ),
    "number for a word": (
        [((*POWER, "values"), {"0": 5})],
        'signals."Vehicle.LowVoltageSystemState".values.0',
        "Input should be a valid boolean, or: Input should be a valid string",
    ),
    "raw that is no number": (
        [((*POWER, "values"), {"--1": "ON"})],
        'signals."Vehicle.LowVoltageSystemState"',
        "values maps raw whole numbers like 7, or 1..6; '--1' is none",
    ),
    "raw with two spellings": ([((*POWER, "values"), {"01": "ON"})], 'signals."Vehicle.Low', "'01' is none"),
    "raws with one end": ([((*POWER, "values"), {"1..": "ON"})], 'signals."Vehicle.Low', "'1..' is none"),
    "raws backwards": ([((*POWER, "values"), {"6..1": "ON"})], 'signals."Vehicle.Low', "'6..1' runs backwards"),
    "raw said twice": (
        [((*POWER, "values"), {"1..3": "ON", "3": "OFF"})],
        'signals."Vehicle.LowVoltageSystemState"',
        "values names the raw number 3 twice",
    ),
    "raws without end": (
        [((*POWER, "values"), {"0..99999999999999999999": "ON"})],
        'signals."Vehicle.LowVoltageSystemState"',
        "lists more than 4096 raw numbers",
    ),
    "raws without end, in parts": (
        [((*POWER, "values"), {"0..4095": "ON", "4096": "OFF"})],
        'signals."Vehicle.LowVoltageSystemState"',
        "values lists 4097 raw numbers; at most 4096",
    ),
    "raws that cannot be": (
        [((*POWER, "values"), {"5..8": "ON"})],
        'signals."Vehicle.LowVoltageSystemState".values',
        "8 can never be read: the raw number is between 0 and 7",
    ),
    "flag that the DBC has not": (
        [((*SPEED, "valid_while"), {"Valid": [1]})],
        'signals."Vehicle.Speed".valid_while',
        "has no signal 'Valid'",
    ),
    "flag that cannot be": (
        [((*SPEED, "valid_while"), {"Standstill": [4]})],
        'signals."Vehicle.Speed".valid_while.Standstill',
        "4 can never be read: the raw number is between 0 and 3",
    ),
    "flag that says nothing": (
        [((*SPEED, "valid_while"), {"Standstill": []})],
        'signals."Vehicle.Speed".valid_while.Standstill',
        "at least 1 item",
    ),
    "signal that never comes": ([((*SPEED, "cycle_s"), 0)], 'signals."Vehicle.Speed".cycle_s', "greater than 0"),
    "raw that cannot be": (
        [((*POWER, "values"), {"8": "ON"})],
        'signals."Vehicle.LowVoltageSystemState".values',
        "8 can never be read: the raw number is between 0 and 7",
    ),
    "no reading that cannot be": (
        [((*SPEED, "not_available"), [65536])],
        'signals."Vehicle.Speed".not_available',
        "65536 can never be read: the raw number is between 0 and 65535",
    ),
    "unsigned raw of a signed signal": (
        [(("signals", "Vehicle.CurrentLocation.Latitude", "not_available"), [0xFFFFFFFF])],
        'signals."Vehicle.CurrentLocation.Latitude".not_available',
        "4294967295 can never be read: the raw number is between -2147483648 and 2147483647",
    ),
    "range upside down": ([((*SPEED, "valid"), [5.0, 5.0])], 'signals."Vehicle.Speed"', "5 is not below 5"),
    "range of one": ([((*SPEED, "valid"), [5.0])], 'signals."Vehicle.Speed".valid', "at least 2 items"),
    "scale of nothing": ([((*SPEED, "scale"), 0.0)], 'signals."Vehicle.Speed"', "VehicleSpeed is 0: every reading"),
    "stale at once": ([((*SPEED, "stale_after_s"), 0)], 'signals."Vehicle.Speed".stale_after_s', "greater than 0"),
    "stale too late": (
        [((*SPEED, "stale_after_s"), 61)],
        'signals."Vehicle.Speed".stale_after_s',
        "less than or equal",
    ),
    "signal that the DBC has not": (
        [((*SPEED, "signal"), "Speed")],
        'signals."Vehicle.Speed".signal',
        "has no signal 'Speed'; it has Checksum, Counter, VehicleSpeed, Standstill",
    ),
    "message that the DBC has not": (
        [(("signals", "Vehicle.CurrentLocation.Heading", "message"), "Compass")],
        "message Compass",
        f"not in {REFERENCE_DBC}; name the DBC file that has it",
    ),
    "message that nobody uses": (
        [(("messages", "TCU_Wheels"), {"cycle_s": 0.02})],
        "messages.TCU_Wheels",
        "no signal and no command uses this message; remove it or mend its name",
    ),
    "DBC file that is not there": ([(("dbc",), "gone.dbc")], "", "gone.dbc: No such file or directory; check the path"),
    "second DBC file that is not there": (
        [(("dbc",), [str(REFERENCE_DBC), "gone.dbc"])],
        "",
        "gone.dbc: No such file or directory; check the path",
    ),
    "no DBC file": ([(("dbc",), GONE)], "dbc", "ships without its DBC file; name it: `dbc` in the configuration"),
    "DBC of a package": ([(("dbc",), "opendbc:no_such_file")], "dbc", "or name the file: `dbc` in the configuration"),
    "threshold too low": ([(("thresholds", "alert_above_kph"), -1)], "thresholds.alert_above_kph", "greater than 0"),
    "threshold too high": ([(("thresholds", "crash_hold_s"), 61)], "thresholds.crash_hold_s", "less than or equal to"),
    "unknown threshold": ([(("thresholds", "alert_kph"), 1)], "thresholds.alert_kph", "unknown key"),
    "thresholds out of order": (
        [(("thresholds", "alert_above_kph"), 7.0)],
        "thresholds",
        "impossible: standstill_below_kph < arm_above_kph <= alert_above_kph must hold, got 2, 8, 7",
    ),
    "start-stop at any speed": ([(("traits", "start_stop_below_kph"), 61)], "traits.start_stop_below_kph", "less than"),
    "unknown finding": ([(("rules", "engine-stoped"), False)], "rules.engine-stoped", "unknown key"),
    "switch of none": ([(("rules", "engine-stopped"), "off")], "rules.engine-stopped", "should be a valid boolean"),
    "ruleset with a space": ([(("rules", "ruleset"), "my rules")], "rules.ruleset", "should match pattern"),
    "tester on an unknown bus": (
        [(("diagnostics", "requests"), [{"ids": [0x7E0]}, {"bus": "body", "ids": [0x7DF]}])],
        "diagnostics.requests[1].bus",
        "no bus is called 'body'; there is main",
    ),
    "tester on no id": (
        [(("diagnostics", "requests"), [{"ids": []}])],
        "diagnostics.requests[0].ids",
        "at least 1 item",
    ),
    "tester on an id that CAN has not": (
        [(("diagnostics", "requests"), [{"ids": [0x20000000]}])],
        "diagnostics.requests[0].ids[0]",
        "less than or equal to 536870911",
    ),
    "no bus": ([(("bus",), [])], "bus", "at least 1 item"),
    "bus twice": ([(("bus",), [{"name": "a"}, {"name": "a"}])], "bus", "the name 'a' stands twice"),
    "unknown bus": (
        [(("messages", "ESC_Speed", "bus"), "body")],
        "messages.ESC_Speed.bus",
        "no bus is called 'body'; there is main",
    ),
    "counter that the DBC has not": (
        [(("messages", "ESC_Speed", "counter"), {"signal": "Alive", "modulo": 16})],
        "messages.ESC_Speed.counter.signal",
        "has no signal 'Alive'",
    ),
    "counter modulo too large": (
        [(("messages", "ESC_Speed", "counter", "modulo"), 17)],
        "messages.ESC_Speed.counter.modulo",
        "17 does not fit into 4 bits; at most 16",
    ),
    "counter that is the checksum": (
        [(("messages", "ESC_Speed", "counter", "signal"), "Checksum")],
        "messages.ESC_Speed.counter.signal",
        "Checksum is the checksum already",
    ),
    "counter with every step": (
        [(("messages", "ESC_Speed", "counter", "max_step"), 16)],
        "messages.ESC_Speed.counter",
        "`max_step` 16 lets every count pass; give less than the modulo",
    ),
    "checksum of no kind": (
        [(("messages", "ESC_Speed", "checksum", "kind"), "crc32")],
        "messages.ESC_Speed.checksum.kind",
        "'crc8-sae-j1850', 'crc8-h2f', 'sum8'",
    ),
    "data id of 17 bits": (
        [(("messages", "ESC_Speed", "checksum", "data_id"), 65536)],
        "messages.ESC_Speed.checksum.data_id",
        "less than or equal to 65535",
    ),
    "fields for a CRC": (
        [(("messages", "ESC_Speed", "checksum", "covers"), ["VehicleSpeed"])],
        "messages.ESC_Speed.checksum",
        "`covers` lists the summed fields for kind sum8-fields-inverted, and only for that",
    ),
    "sum of no fields": (
        [(("messages", "ESC_Speed", "checksum"), CRC | {"kind": "sum8-fields-inverted"})],
        "messages.ESC_Speed.checksum",
        "`covers` lists the summed fields",
    ),
    "data id in a sum of fields": (
        [
            (
                ("messages", "ESC_Speed", "checksum"),
                CRC | {"kind": "sum8-fields-inverted", "covers": ["Counter"], "data_id": 1},
            )
        ],
        "messages.ESC_Speed.checksum",
        "`data_id` has no part in kind sum8-fields-inverted",
    ),
    "sum of an unknown field": (
        [(("messages", "ESC_Speed", "checksum"), CRC | {"kind": "sum8-fields-inverted", "covers": ["X"]})],
        "messages.ESC_Speed.checksum.covers",
        "has no signal 'X'",
    ),
    "sum of itself": (
        [(("messages", "ESC_Speed", "checksum"), CRC | {"kind": "sum8-fields-inverted", "covers": ["Checksum"]})],
        "messages.ESC_Speed.checksum.covers",
        "a checksum cannot cover itself; remove Checksum",
    ),
    "payload cut short": (
        [(("messages", "GNS_Motion"), {"length": 3})],
        'signals."Vehicle.CurrentLocation.Speed"',
        "signal GnssSpeed does not fit into the 3 bytes of GNS_Motion",
    ),
    "payload of 65 bytes": ([(("messages", "ESC_Speed", "length"), 65)], "messages.ESC_Speed.length", "equal to 64"),
    "no English text": ([(("hazard_button", "en"), GONE)], "hazard_button", "the English text `en` is the fallback"),
    "readback without a signal": (
        [(("signals", "Vehicle.Body.Lights.Hazard.IsSignaling"), GONE)],
        "hazard.readback",
        "status needs the signal Vehicle.Body.Lights.Hazard.IsSignaling; map it",
    ),
    "command without a value": (
        [((*COMMAND, "off"), {})],
        "hazard.command.off",
        "say what Request shall be: every signal is sent",
    ),
    "command of an unknown signal": ([((*COMMAND, "on", "X"), 1)], "hazard.command.on", "has no signal 'X'"),
    "command value too large": (
        [((*COMMAND, "on", "Request"), 4)],
        "hazard.command.on.Request",
        "4 does not fit; give 0 to 3",
    ),
    "command writes its checksum": (
        [((*COMMAND, "on", "Checksum"), 4)],
        "hazard.command.on.Checksum",
        "counter and checksum are written for every frame; leave it out",
    ),
    "command that changes nothing": (
        [((*COMMAND, "off"), {"Request": 1})],
        "hazard.command",
        "on and off are the same frame; they have to differ in a signal",
    ),
    "command of an unknown message": (
        [((*COMMAND, "message"), "Lamps"), (("messages", "HSR_HazardRequest"), GONE)],
        "message Lamps",
        "name the DBC file that has it",
    ),
    "command in a long frame": (
        [(("messages", "HSR_HazardRequest", "length"), 12)],
        "hazard.command.message",
        "HSR_HazardRequest has 12 bytes; a frame that is sent has at most 8",
    ),
    "command of no style": ([((*COMMAND, "style"), "blink")], "hazard.command.style", "'level', 'pulse' or 'toggle'"),
    "command too fast": ([((*COMMAND, "period_s"), 0.001)], "hazard.command.period_s", "greater than or equal to 0.01"),
    "unused bits of two": ([((*COMMAND, "unused_bits"), 2)], "hazard.command.unused_bits", "Input should be 0 or 1"),
}


@pytest.mark.parametrize("misuse", MISUSE)
def test_misuse_is_told_in_one_line_with_file_key_and_remedy(tmp_path: Path, misuse: str) -> None:
    changes, key, remedy = MISUSE[misuse]
    path = changed(tmp_path, *changes)
    (problem,) = problems_of(lambda: compile_profile(path))
    assert problem.startswith(f"{path}: {key}" if key else str(tmp_path))
    assert remedy in problem
    assert "\n" not in problem


def test_several_misuses_are_all_told(tmp_path: Path) -> None:
    path = changed(tmp_path, (("colour",), "red"), (("name",), "A B"), ((*SPEED, "valid"), [2.0, 1.0]))
    assert len(problems_of(lambda: compile_profile(path))) == 3
    path = changed(tmp_path, ((*SPEED, "unit"), "V"), ((*POWER, "values"), {"0": "X", "1": "Y"}), (("bus",), []))
    assert len(problems_of(lambda: compile_profile(path))) == 1  # the shape comes first
    path = changed(tmp_path, ((*SPEED, "unit"), "V"), ((*POWER, "values"), {"0": "X", "1": "Y"}))
    assert len(problems_of(lambda: compile_profile(path))) == 3
    path = changed(
        tmp_path,
        ((*SPEED, "signal"), "X"),
        ((*AIRBAG, "message"), "Y"),
        ((*COMMAND, "on", "Request"), 9),
        (("messages", "BCM_Power", "counter", "modulo"), 99),
    )
    # The airbag's message was described and is no longer used, so that is told too.
    assert len(problems_of(lambda: compile_profile(path))) == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"format = ", "not valid TOML: Invalid value (at end of document)"),
        (b"format = 1\nformat = 2", "not valid TOML: "),
        (b"x = " + b"[" * 100_000, "not valid TOML: "),
        (b"x = " + b"1" * 100_000, "not valid TOML: "),
        (b'name = "caf\xe9"', "byte 11 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "car.toml"
    path.write_bytes(text)
    (told,) = problems_of(lambda: compile_profile(path))
    assert told.startswith(f"{path}: {problem}")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "compile"])
def test_the_command_tells_every_misuse_and_exits_with_2(tmp_path: Path, command: str) -> None:
    path = changed(tmp_path, ((*SPEED, "signal"), "X"), (("messages", "TCU_Gear", "counter", "modulo"), 99))
    config = write(tmp_path / "config.toml", config_table(str(path)))
    ended = hardshoulder_command(tmp_path / "cache", command, "--config", str(config))
    assert ended.returncode == 2
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["hardshoulder", str(path), 'signals."Vehicle.Speed".signal'],
        ["hardshoulder", str(path), "messages.TCU_Gear.counter.modulo"],
    ]
