"""`hardshoulder-fleet serve` as a process: what it refuses to start with, and how it ends."""

import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from hardshoulder_fleet.config import ConfigError, load_config, read_or_make_secret, read_secret
from hardshoulder_sim.processes import Child, free_port

pytestmark = pytest.mark.slow

GOOD = """\
format = 1
base_url = "http://127.0.0.1:{port}"
[listen]
port = {port}
[mqtt]
host = "127.0.0.1"
port = {broker}
[notify]
urls = ["json://127.0.0.1:{broker}/"]
[provider]
url = "http://127.0.0.1:{broker}"
webhook_secret_file = "hook.secret"
"""


def written(folder: Path, text: str) -> Path:
    (folder / "hook.secret").write_text("0123456789abcdef")
    path = folder / "fleet.toml"
    path.write_text(text)
    return path


class Serving(Child):
    """The command, ready when its list is served; nothing it wants to talk to is there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "fleet.log")
        self.port = free_port()
        self.config = written(folder, GOOD.format(port=self.port, broker=free_port()))

    def command(self) -> list[str]:
        return [sys.executable, "-m", "hardshoulder_fleet", "serve", "--config", str(self.config)]

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/operator", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def serve(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "hardshoulder_fleet", "serve", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_serves_without_broker_and_ends_cleanly_with_a_list_open(tmp_path: Path) -> None:
    with Serving(tmp_path) as fleet:
        begun = threading.Event()

        def watch() -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{fleet.port}/operator/events", timeout=60) as events:
                events.readline()
                begun.set()
                events.read()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        assert begun.wait(20)
        assert fleet.stop() == 0
        watcher.join(20)
        assert not watcher.is_alive()
        log = fleet.log()
    assert log.count("cannot be reached") == 1
    assert "ERROR" not in log and "Traceback" not in log
    assert "stopped; taken=0 rejected=0" in log
    # What holds people's places and what signs their links is nobody else's.
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("fleet.sqlite3", "links.secret")} == {0o600}


def test_a_second_one_on_the_same_address_is_told(tmp_path: Path) -> None:
    with Serving(tmp_path) as fleet:
        second = serve(fleet.config)
    assert second.returncode == 2
    assert f"listen: 127.0.0.1:{fleet.port} cannot be used" in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_every_problem_of_the_file_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, 'format = 2\nbase_url = "ftp://x"\nfoo = 1\n[mqtt]\nport = "a"\n[notify]\nurls = [""]\n')
    refused = serve(path)
    assert refused.returncode == 2
    lines = refused.stderr.splitlines()
    assert all(line.startswith(f"hardshoulder-fleet: {path}: ") for line in lines)
    keys = [line.removeprefix(f"hardshoulder-fleet: {path}: ").partition(":")[0] for line in lines]
    assert sorted(keys) == ["base_url", "foo", "format", "mqtt.host", "mqtt.port", "notify.urls[0]", "provider"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[listen]", '[listen]\nhost = "0.0.0.0"', "operator_token_file: needed when others can reach 0.0.0.0"),
        (
            "format = 1",
            "format = 1\nanswer_within_s = 0",
            "answer_within_s: Input should be greater than or equal to 1",
        ),
        ("format = 1", "format = 1\nlink_valid_h = nan", "link_valid_h: Input should be a finite number"),
        ("format = 1", "format = ", "not valid TOML"),
    ],
)
def test_a_problem_names_its_key(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = written(tmp_path, GOOD.format(port=8080, broker=1883).replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    [line] = caught.value.problems
    assert line.startswith(f"{path}: {problem}")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file or directory; check the path"):
        load_config(tmp_path / "fleet.toml")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.sqlite3").write_bytes(b"no database, but long enough to be looked at as one" * 20)
    refused = serve(written(tmp_path, GOOD.format(port=free_port(), broker=free_port())))
    assert refused.returncode == 2
    assert "file is not a database" in refused.stderr


def test_the_secret_of_the_links_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "links.secret"
    made = read_or_make_secret(path)
    assert len(made) == 64
    assert read_or_make_secret(path) == made == read_secret(path)
    path.write_text("short\n")
    with pytest.raises(ConfigError, match="a secret has at least 16 bytes, this one 5; make a longer one"):
        read_or_make_secret(path)
