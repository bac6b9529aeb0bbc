"""The word in memory that outlives a process which was killed before its journal could write."""

import os
from pathlib import Path

import pytest

from hardshoulder.core.resume import Snapshot, Terms
from hardshoulder.edge import journal, last_word
from hardshoulder.edge.journal import Journal, load
from hardshoulder.edge.last_word import LastWord, place
from support.car import Said
from support.incidents import report

OPEN = Snapshot(report("incident-7").incident, overruled=False)


def test_what_was_kept_is_known_before_any_thread_has_written(tmp_path: Path) -> None:
    word = LastWord(tmp_path / "word")
    Journal(tmp_path / "storage", Said(), "run", word).keep(OPEN)  # its thread never begins
    found = load(tmp_path / "storage", Said(), clock_trusted=False, word=word)
    assert found is not None and (found.snapshot, found.terms) == (OPEN, Terms.AT_ONCE)


def test_an_incident_that_is_over_leaves_no_word_behind(tmp_path: Path) -> None:
    word = LastWord(tmp_path / "word")
    kept = Journal(tmp_path, Said(), "run", word)
    kept.keep(OPEN)
    kept.keep(None)
    assert load(tmp_path, Said(), clock_trusted=True, word=word) is None, "even before the file says so"
    kept.start()
    assert kept.stop(10.0)
    assert not (tmp_path / "word").exists()
    assert load(tmp_path, Said(), clock_trusted=True, word=word) is None


def test_the_word_of_another_boot_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = LastWord(tmp_path / "word")
    Journal(tmp_path, Said(), "run", word).keep(OPEN)
    monkeypatch.setattr(journal, "boot_id", lambda: "another")
    assert load(tmp_path, Said(), clock_trusted=True, word=word) is None


@pytest.mark.parametrize("content", [b"", b"half a li", bytes(range(256))])
def test_a_word_that_cannot_be_read_leaves_the_file_to_count(tmp_path: Path, content: bytes) -> None:
    kept = Journal(tmp_path, Said(), "run")
    kept.keep(OPEN)
    kept.start()
    assert kept.stop(10.0)
    (tmp_path / "word").write_bytes(content)
    found = load(tmp_path, Said(), clock_trusted=True, word=LastWord(tmp_path / "word"))
    assert found is not None and found.snapshot == OPEN


def test_no_name_of_somebody_else_is_followed(tmp_path: Path) -> None:
    word, elsewhere = LastWord(tmp_path / "word"), tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    for name in ("word", "word.part"):
        (tmp_path / name).symlink_to(elsewhere)
    assert word.read() == b""
    word.keep(b"line")
    assert elsewhere.read_bytes() == b"precious" and word.read() == b"line"
    assert (tmp_path / "word").stat().st_mode & 0o777 == 0o600


def test_no_memory_is_no_trouble(tmp_path: Path) -> None:
    for word in (LastWord(None), LastWord(tmp_path / "nowhere" / "word")):
        word.keep(b"line")
        assert word.read() == b""
        word.drop()


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/other")
    mine, other = place(tmp_path / "a"), place(tmp_path / "b")
    assert mine is not None and mine.parent == tmp_path and mine != other
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    monkeypatch.setattr(last_word, "SHARED_MEMORY", tmp_path)
    shared = place(tmp_path / "a")
    assert shared is not None and shared.parent == tmp_path and str(os.geteuid()) in shared.name
    monkeypatch.setattr(last_word, "SHARED_MEMORY", tmp_path / "none")
    assert place(tmp_path / "a") is None
