"""config.toml: every misuse told with file, key and remedy."""

from pathlib import Path

import pytest

from hardshoulder.config import LANGUAGES, load_texts, make_bundle
from hardshoulder.core.actions import Use
from hardshoulder.core.notices import TEXT_KEYS
from hardshoulder.core.permit import Permit, Refusal
from hardshoulder.core.plan import Release, Side
from hardshoulder.settings import BusSettings, MqttSettings, Settings, StorageSettings
from support.written import (
    GONE,
    REFERENCE_DBC,
    Keys,
    change,
    config_table,
    hardshoulder_command,
    problems_of,
    shipped,
    write,
)

MQTT = {"host": "broker.example"}

MISUSE: dict[str, tuple[list[tuple[Keys, object]], str, str]] = {
    "unknown key": ([(("mod",), "armed")], "mod", "unknown key; remove it or correct its spelling"),
    "unknown section": ([(("mqqt",), MQTT)], "mqqt", "unknown key; remove it"),
    "unknown key below": ([(("mqtt",), MQTT | {"keepalive": 30})], "mqtt.keepalive", "unknown key; remove it"),
    "no vehicle": ([(("vehicle",), GONE)], "vehicle", "required and not there; add it"),
    "vehicle with a wildcard": ([(("vehicle",), "car+7")], "vehicle", "should match pattern '^[A-Za-z0-9_-]{1,64}$'"),
    "vehicle for all": ([(("vehicle",), "#")], "vehicle", "should match pattern"),
    "vehicle of two levels": ([(("vehicle",), "fleet/7")], "vehicle", "should match pattern"),
    "vehicle and a line end": ([(("vehicle",), "car\n")], "vehicle", "should match pattern"),
    "vehicle too long": ([(("vehicle",), "c" * 65)], "vehicle", "should match pattern"),
    "mode misspelt": ([(("mode",), "arm")], "mode", "Input should be 'monitor' or 'armed'"),
    "mode as a truth": ([(("mode",), True)], "mode", "Input should be 'monitor' or 'armed'"),
    "language unknown": ([(("language",), "it")], "language", "no texts in 'it'; there is de, en, es, fr"),
    "other format": ([(("format",), 2)], "format", "Input should be 1"),
    "no profile": ([(("profile",), GONE)], "profile", "required and not there; add it"),
    "no bus": ([(("bus",), [])], "bus", "at least 1 item"),
    "bus without a channel": ([(("bus", 0, "url"), "can0")], "bus[0].url", "String should match pattern"),
    "bus at no rate": ([(("bus", 0, "bitrate"), 5)], "bus[0].bitrate", "greater than or equal to 10000"),
    "bus not in the profile": (
        [(("bus", 0, "name"), "body")],
        "bus",
        "profile reference-combustion has no bus 'body'; it has main",
    ),
    "bus twice": (
        [(("bus",), [{"name": "main", "url": "socketcan:can0"}, {"name": "main", "url": "socketcan:can1"}])],
        "bus",
        "'main' is configured twice; remove one",
    ),
    "no host": ([(("mqtt",), {})], "mqtt.host", "required and not there; add it"),
    "port as a text": ([(("mqtt",), MQTT | {"port": "1883"})], "mqtt.port", "should be a valid integer"),
    "port of 17 bits": ([(("mqtt",), MQTT | {"port": 65536})], "mqtt.port", "less than or equal to 65535"),
    "resend at no time": ([(("mqtt",), MQTT | {"resend_after_s": float("inf")})], "mqtt.resend_after_s", "finite"),
    "no folder": ([(("storage",), {})], "storage.folder", "required and not there; add it"),
    "room for nothing": ([(("storage", "max_events"), 1)], "storage.max_events", "greater than or equal to 100"),
    "notice of no program": ([(("notice",), {"command": []})], "notice.command", "at least 1 item"),
    "threshold unknown": ([(("thresholds", "speed"), 5)], "thresholds.speed", "unknown key; remove it"),
    "threshold impossible": ([(("thresholds", "alert_above_kph"), 200)], "thresholds.alert_above_kph", "equal to 150"),
    "thresholds out of order": (
        [(("thresholds", "arm_above_kph"), 16.0)],
        "thresholds",
        "impossible: standstill_below_kph < arm_above_kph <= alert_above_kph must hold, got 2, 16, 15",
    ),
}


def configured(folder: Path, *changes: tuple[Keys, object]) -> Path:
    """A configuration with these changes."""
    table = config_table()
    for keys, value in changes:
        change(table, keys, value)
    return write(folder / "config.toml", table)


@pytest.mark.parametrize("misuse", MISUSE)
def test_misuse_is_told_in_one_line_with_file_key_and_remedy(tmp_path: Path, misuse: str) -> None:
    changes, key, remedy = MISUSE[misuse]
    path = configured(tmp_path, *changes)
    (problem,) = problems_of(lambda: make_bundle(path))
    assert problem.startswith(f"{path}: {key}: ")
    assert remedy in problem
    assert "\n" not in problem


def test_several_misuses_are_all_told(tmp_path: Path) -> None:
    path = configured(tmp_path, (("mode",), "arm"), (("vehicle",), "+"), (("mqtt",), {}), (("x",), 1))
    assert len(problems_of(lambda: make_bundle(path))) == 4
    twice = [{"name": name, "url": "socketcan:can0"} for name in ("body", "main", "main")]
    path = configured(tmp_path, (("bus",), twice), (("thresholds", "alert_above_kph"), 7.0))
    assert len(problems_of(lambda: make_bundle(path))) == 3


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    path = configured(tmp_path, (("profile",), "reference-steam"))
    (problem,) = problems_of(lambda: make_bundle(path))
    assert problem.startswith("reference-steam: no such profile file, and none shipped by that name; shipped: alfa-")


def test_thresholds_are_judged_with_those_of_the_profile(tmp_path: Path) -> None:
    profile = shipped("reference-combustion") | {"thresholds": {"arm_above_kph": 4.0, "alert_above_kph": 5.0}}
    write(tmp_path / "slow.toml", profile)
    slower = ((("profile",), "slow.toml"), (("thresholds", "alert_above_kph"), 4.5))
    thresholds = make_bundle(configured(tmp_path, *slower)).plan.thresholds
    assert (thresholds.arm_above_kph, thresholds.alert_above_kph) == (4.0, 4.5)
    path = configured(tmp_path, slower[0], (("thresholds", "standstill_below_kph"), 4.0))
    (problem,) = problems_of(lambda: make_bundle(path))
    assert problem.startswith(f"{path}: thresholds: impossible: ")
    assert problem.endswith("got 4, 4, 5")


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    profile = shipped("reference-combustion")
    del profile["dbc"]
    write(folder / "car.toml", profile)
    (folder / "car.dbc").write_bytes(REFERENCE_DBC.read_bytes())
    files = {f"{name}_file": f"secret/{name}" for name in ("password", "ca", "cert", "key")}
    changes = ((("profile",), "car.toml"), (("dbc",), ["car.dbc"]), (("mqtt",), MQTT | files))
    path = configured(folder, *changes)
    monkeypatch.chdir(tmp_path)
    bundle = make_bundle(Path("etc/config.toml"))
    assert bundle == make_bundle(path)
    assert bundle.settings.storage.folder == folder / "state"
    mqtt = bundle.settings.mqtt
    assert mqtt is not None
    assert [mqtt.password_file, mqtt.ca_file, mqtt.cert_file, mqtt.key_file] == [
        folder / "secret" / name for name in ("password", "ca", "cert", "key")
    ]
    names = {source.path.name for source in bundle.sources}
    assert names >= {"config.toml", "car.toml", "car.dbc", "en.toml"}
    assert names >= {"compile.py", "plan.py"}, "a mended compiler makes the bundle untrue too"
    assert all(source.path.is_absolute() for source in bundle.sources)


def test_what_is_not_written_has_a_default(tmp_path: Path) -> None:
    bundle = make_bundle(configured(tmp_path))
    bus = BusSettings("main", "socketcan:can0", None)
    storage = StorageSettings(tmp_path / "state", 10_000)
    assert bundle.settings == Settings("car-7", False, "en", (bus,), None, storage, ())
    settings = make_bundle(configured(tmp_path, (("mqtt",), MQTT))).settings
    assert settings.mqtt == MqttSettings("broker.example", 1883)


def test_the_language_chooses_texts_and_the_buttons_place(tmp_path: Path) -> None:
    bundles = {name: make_bundle(configured(tmp_path, (("language",), name))) for name in LANGUAGES}
    assert len({bundle.plan.hazard_button for bundle in bundles.values()}) == len(LANGUAGES)
    assert len({bundle.texts["stopped-right"] for bundle in bundles.values()}) == len(LANGUAGES)
    for language, bundle in bundles.items():
        assert bundle.texts == load_texts(language)
        assert bundle.texts.keys() == set(TEXT_KEYS)
        assert "{button}" in bundle.texts["hazard-button"]


@pytest.mark.parametrize(("drives_on", "get_out"), [("right", Side.RIGHT), ("left", Side.LEFT)])
def test_who_gets_out_is_told_the_side_of_the_market(tmp_path: Path, drives_on: str, get_out: Side) -> None:
    assert make_bundle(configured(tmp_path, (("market", "drives_on"), drives_on))).plan.get_out is get_out


def test_the_law_of_the_market_wins_over_the_profile(tmp_path: Path) -> None:
    assert make_bundle(configured(tmp_path)).plan.hazard.until is Release.DRIVE_ON
    lawful = make_bundle(configured(tmp_path, (("market", "hazards_until"), "drive-returns")))
    assert lawful.plan.hazard.until is Release.DRIVE_RETURNS


def test_only_the_frames_of_the_profile_are_allowed(tmp_path: Path) -> None:
    entry, display = make_bundle(configured(tmp_path)).allowed
    assert (display.bus, display.can_id, display.mask.hex(), display.use) == ("main", 0x3C0, "ff" * 8, Use.DISPLAY)
    assert [payload.hex() for payload in display.payloads] == [f"0{code}" + "00" * 7 for code in range(6)]
    assert (entry.bus, entry.can_id, entry.mask.hex()) == ("main", 0x2A0, "00f0ffffffffffff")
    assert [payload.hex() for payload in entry.payloads] == ["0010000000000000", "0020000000000000"]
    permit = Permit((entry,), armed=True)
    permit.open_until(10.0, "incident-1")
    assert permit.check("main", 0x2A0, bytes.fromhex("ab1f000000000000"), 1.0) is None
    assert permit.check("main", 0x2A0, bytes.fromhex("ab3f000000000000"), 2.0) is Refusal.WRONG_BITS
    assert permit.check("main", 0x2A0, bytes.fromhex("ab1f000000000001"), 2.0) is Refusal.WRONG_BITS


def test_a_car_without_a_command_is_allowed_nothing(tmp_path: Path) -> None:
    profile = shipped("reference-combustion") | {"hazard": {"readback": "status"}}
    del profile["messages"]["HSR_HazardRequest"], profile["display"]
    write(tmp_path / "silent.toml", profile)
    assert make_bundle(configured(tmp_path, (("profile",), "silent.toml"))).allowed == ()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "compile", "run"])
def test_bad_input_ends_with_2_and_a_line_for_each_problem(tmp_path: Path, command: str) -> None:
    path = configured(tmp_path, (("mode",), "arm"), (("x",), 1))
    ended = hardshoulder_command(tmp_path / "cache", command, "--config", str(path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        f"hardshoulder: {path}: mode: Input should be 'monitor' or 'armed'",
        f"hardshoulder: {path}: x: unknown key; remove it or correct its spelling",
    ]


@pytest.mark.slow
def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    ended = hardshoulder_command(tmp_path / "cache", "check", "--config", str(tmp_path / "gone.toml"))
    assert ended.returncode == 2
    text = f"hardshoulder: {tmp_path / 'gone.toml'}: No such file or directory; check the path and its permissions\n"
    assert ended.stderr == text
