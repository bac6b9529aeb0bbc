"""The kept bundle: what goes in comes out, it is used only while all of it is true, and it costs no start."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.config import make_bundle
from hardshoulder.core.permit import Allowed
from hardshoulder.core.plan import HazardPlan, MessagePlan, Thresholds
from hardshoulder.plan_cache import FORMAT, Source, cache_file, decode, dump, encode, load_bundle, parse, seal, unseal
from hardshoulder.profile import shipped_profiles
from hardshoulder.settings import Settings
from support.written import FOLDERS, Keys, change, config_table, environment, problems_of, shipped, write

pytestmark = pytest.mark.slow

MARK = "from-the-cache"
START = """\
import sys
from pathlib import Path
from hardshoulder.plan_cache import load_bundle
import hardshoulder.app
print(load_bundle(Path(sys.argv[1])).settings.vehicle)
print(*sorted({"cantools", "pydantic"} & sys.modules.keys()))
"""


# Without this hypothesis knows but one path.
st.register_type_strategy(Path, st.text(st.characters(exclude_characters="\0")).map(Path))


class Car:
    """A configuration with a profile and a DBC file of its own, and a checkout of its own to start it."""

    def __init__(self, folder: Path) -> None:
        self.config, self.profile, self.dbc = (folder / name for name in ("config.toml", "car.toml", "car.dbc"))
        self.cache, self.checkout = folder / "cache", folder / "checkout"
        for source in FOLDERS:
            shutil.copytree(source, self.checkout / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        self.texts = self.checkout / "hardshoulder" / "texts" / "en.toml"
        shutil.copy(self.checkout / "hardshoulder_dbc" / "reference.dbc", self.dbc)
        write(self.profile, shipped("reference-combustion") | {"dbc": "car.dbc"})
        write(self.config, config_table("car.toml"))

    @property
    def kept(self) -> Path:
        """The one file in the cache."""
        (kept,) = (self.cache / "hardshoulder").iterdir()
        return kept

    def begin(self) -> subprocess.Popen[str]:
        """Starts a process that loads the bundle as the daemon does."""
        variables = environment(self.cache) | {"PYTHONPATH": str(self.checkout)}
        command = [sys.executable, "-c", START, str(self.config)]
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def start(self) -> str:
        """The vehicle that a start finds in its bundle."""
        return ended(self.begin())[0]

    def mark(self) -> None:
        """Plants a bundle that tells its use, as true as the one that was there."""
        text = unseal(self.kept.read_text("utf-8"))
        assert text is not None
        bundle = parse(text)
        assert bundle is not None
        marked = replace(bundle, settings=replace(bundle.settings, vehicle=MARK))
        self.kept.write_text(seal(dump(marked)), encoding="utf-8")


def ended(process: subprocess.Popen[str]) -> list[str]:
    """The lines of a process that has to end well."""
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return out.split("\n")


@pytest.fixture
def car(tmp_path: Path) -> Car:
    """A car that was never started."""
    return Car(tmp_path)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration to be loaded in this process, with a cache of its own."""
    for name, value in environment(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    return write(tmp_path / "config.toml", config_table())


FULL: list[tuple[Keys, object]] = [
    (("mode",), "armed"),
    (("bus", 0, "bitrate"), 500_000),
    (("mqtt",), {"host": "broker.example", "username": "car", "ca_file": "ca.pem", "resend_after_s": 1.5}),
    (("notice",), {"command": ["say", "-v", "Ä"]}),
    (("thresholds",), {"alert_above_kph": 20.5}),
]


@pytest.mark.parametrize("profile", [name for name in shipped_profiles() if name.startswith("reference-")])
@pytest.mark.parametrize("changes", [[], FULL])
def test_a_bundle_comes_back_equal(tmp_path: Path, profile: str, changes: list[tuple[Keys, object]]) -> None:
    table = config_table(profile)
    for keys, value in changes:
        change(table, keys, value)
    bundle = make_bundle(write(tmp_path / "config.toml", table))
    assert parse(dump(bundle)) == bundle
    assert "\n" not in dump(bundle)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [MessagePlan, HazardPlan, Thresholds, Settings, Allowed, Source])
@given(data=st.data())
def test_whatever_the_types_allow_comes_back_equal(kind: type[object], data: st.DataObject) -> None:
    value = data.draw(st.from_type(kind))
    back = decode(kind, json.loads(json.dumps(encode(value))))
    assert repr(back) == repr(value)  # a NaN is not equal to itself, but looks the same


def test_a_second_start_uses_what_the_first_one_kept(car: Car) -> None:
    assert car.start() == "car-7"
    car.mark()
    assert car.start() == MARK


def rewrite(old: str, new: str) -> Callable[[Path], None]:
    """A change of a file that really changes it."""

    def change_file(path: Path) -> None:
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change_file


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "happens"),
    [
        ("config", rewrite("socketcan:can0", "socketcan:can1")),
        ("profile", rewrite("Reference car", "My car")),
        ("dbc", rewrite("(0.01,0)", "(0.02,0)")),
        ("texts", rewrite("Steer to", "Drive to")),
    ],
)
def test_a_change_of_any_source_is_seen(car: Car, source: str, happens: Callable[[Path], None]) -> None:
    assert car.start() == "car-7"
    car.mark()
    happens(getattr(car, source))
    assert car.start() == "car-7"
    car.mark()
    assert car.start() == MARK


def test_a_source_that_has_gone_is_told(config: Path) -> None:
    load_bundle(config)
    config.unlink()
    (problem,) = problems_of(lambda: load_bundle(config))
    assert problem == f"{config}: No such file or directory; check the path and its permissions"


def test_a_change_that_breaks_the_configuration_is_told(config: Path) -> None:
    load_bundle(config)
    write(config, config_table() | {"mode": "arm", "colour": "red"})
    assert problems_of(lambda: load_bundle(config)) == (
        f"{config}: mode: Input should be 'monitor' or 'armed'",
        f"{config}: colour: unknown key; remove it or correct its spelling",
    )


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda sealed: b"",
    "half": lambda sealed: sealed[: len(sealed) // 2],
    "no seal": lambda sealed: sealed.partition(b"\n")[2],
    "one digit": lambda sealed: sealed.replace(b'"alert_above_kph":15.0', b'"alert_above_kph":75.0'),
    "no text": lambda sealed: bytes(range(256)),
    "other version": lambda sealed: resealed(sealed, '"version":"', '"version":"0'),
    "other format": lambda sealed: resealed(sealed, f'"format":{FORMAT}', f'"format":{FORMAT + 1}'),
    "unknown field": lambda sealed: resealed(sealed, '{"format"', '{"colour":1,"format"'),
    "field that is missing": lambda sealed: resealed(sealed, ',"texts":{', ',"text":{'),
    "word of no kind": lambda sealed: resealed(sealed, '"combustion"', '"steam"'),
    "a list": lambda sealed: seal("[1]").encode(),
    "depth": lambda sealed: seal("[" * 100_000).encode(),
}


def resealed(sealed: bytes, old: str, new: str) -> bytes:
    """A whole file with other words in it."""
    text = unseal(sealed.decode())
    assert text is not None
    assert old in text
    return seal(text.replace(old, new, 1)).encode()


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_cache_costs_only_time(config: Path, damage: str) -> None:
    expected = load_bundle(config)
    whole = cache_file(config).read_bytes()
    damaged = DAMAGED[damage](whole)
    assert damaged != whole
    cache_file(config).write_bytes(damaged)
    assert load_bundle(config) == expected
    assert cache_file(config).read_bytes() == whole


@given(st.data())
def test_one_wrong_bit_is_seen(data: st.DataObject) -> None:
    sealed = seal(json.dumps({"text": "ä", "number": 15.0})).encode()
    flip = data.draw(st.integers(0, len(sealed) * 8 - 1))
    wrong = (int.from_bytes(sealed, "little") ^ 1 << flip).to_bytes(len(sealed), "little")
    assert unseal(wrong.decode("utf-8", "replace")) is None
    assert unseal(sealed.decode()) is not None


@pytest.mark.slow
@pytest.mark.parametrize("place", ["file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_costs_only_time(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    expected = load_bundle(config)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / place))
    assert load_bundle(config) == expected
    assert not cache_file(config).exists()


def test_the_cache_is_where_systemd_says(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    load_bundle(config)
    assert cache_file(config).parent.parent == tmp_path / "one"
    assert cache_file(config).is_file()


def test_two_configurations_are_kept_apart(config: Path) -> None:
    other = write(config.with_name("other.toml"), config_table() | {"vehicle": "car-8"})
    assert [load_bundle(path).settings.vehicle for path in (config, other, config)] == ["car-7", "car-8", "car-7"]
    assert cache_file(config) != cache_file(other)


@pytest.mark.parametrize("start", ["first", "second"])
def test_the_watching_process_carries_neither_cantools_nor_pydantic(car: Car, start: str) -> None:
    if start == "second":
        car.start()
        car.mark()
    vehicle, libraries = ended(car.begin())[:2]
    assert vehicle == ("car-7" if start == "first" else MARK)
    assert libraries == ""


@pytest.mark.slow
def test_starts_at_the_same_time_do_not_disturb_each_other(car: Car) -> None:
    starts = [car.begin() for _ in range(4)]
    assert [ended(start)[0] for start in starts] == ["car-7"] * 4
    car.mark()  # fails unless one whole file is all that is left
    assert car.start() == MARK


def test_the_cache_is_kept_whole_or_not_at_all(config: Path) -> None:
    load_bundle(config)
    assert list(cache_file(config).parent.iterdir()) == [cache_file(config)]
    assert unseal(cache_file(config).read_text("utf-8")) == dump(make_bundle(config)) + "\n"
