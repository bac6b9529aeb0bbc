"""The command itself, in real processes: it finds what is there, keeps it as a file, and shows it again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("daemon", "dbc", "firmware_bridge", "fleet", "sim", "fuzz", "tests", ".cache/atheris")
ENGINES = ["hypothesis"] + (["atheris"] if (ROOT / ".cache" / "atheris" / "atheris").is_dir() else [])
"""The guided one once scripts/fuzz has fetched it, which few machines can."""


def fuzz(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([*(str(ROOT / folder) for folder in FOLDERS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "hardshoulder_fuzz.run", "--table", "support.broken_targets", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "said"), [("crashes", "KeyError: 'a defect'"), ("hangs", "time.sleep(0.1)")])
def test_a_defect_is_kept_as_a_file_that_shows_it_again(tmp_path: Path, engine: str, name: str, said: str) -> None:
    done = fuzz(name, "--seconds", "5", "--engine", engine, "--findings", tmp_path)
    assert done.returncode == 1
    assert f"1 of 1 targets found something, in {tmp_path}" in done.stderr
    [kept] = tmp_path.glob(f"{name}-*")
    assert b"!" in kept.read_bytes()[:4]
    assert f"again: scripts/fuzz {name} --input {kept}" in done.stderr
    again = fuzz(name, "--input", kept)
    assert again.returncode != 0
    assert said in again.stderr or "broken_targets.py" in again.stderr


@pytest.mark.slow
def test_what_stays_in_memory_is_found_and_what_does_not_is_fine(tmp_path: Path) -> None:
    done = fuzz("grows", "sound", "--seconds", "1", "--engine", "hypothesis", "--findings", tmp_path)
    assert done.returncode == 1
    assert "grows: grows with the inputs of" in done.stderr and "broken_targets.py" in done.stderr
    assert "sound" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["grows-growth"]


@pytest.mark.slow
def test_what_is_asked_wrongly_is_one_line(tmp_path: Path) -> None:
    done = fuzz("nonsense", "--findings", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no target nonsense; there is crashes, hangs, grows, sound" in done.stderr
