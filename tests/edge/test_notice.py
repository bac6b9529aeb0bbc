"""The driver is told: in the log always, and by a real program where one is configured."""

import logging
import os
import time
from pathlib import Path

import pytest

from hardshoulder.config import LANGUAGES, load_texts
from hardshoulder.core.actions import Notice
from hardshoulder.core.plan import Side
from hardshoulder.edge.notice import RUNNING_AT_MOST, Cabin

BUTTON = "the red triangle on the dashboard"
LONGEST = 160
"""Characters that a driver takes in at a glance and a head unit shows on two lines."""


def wait_for(path: Path) -> str:
    """The file's text once another process has written it."""
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        if path.is_file() and (text := path.read_text("utf-8")):
            return text
        os.sched_yield()
    raise AssertionError(f"{path} was not written")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("notice", Notice)
@pytest.mark.parametrize("side", Side)
def test_every_notice_has_words_of_bearable_length(language: str, notice: Notice, side: Side) -> None:
    text = Cabin((), load_texts(language), BUTTON, side).text(notice)
    assert 10 < len(text) <= LONGEST
    assert "{" not in text
    assert (BUTTON in text) is (notice is Notice.HAZARD_BUTTON)


@pytest.mark.parametrize(
    ("language", "right", "left"),
    [("en", "right", "left"), ("de", "rechts", "links"), ("es", "derecha", "izquierda"), ("fr", "droite", "gauche")],
)
def test_who_gets_out_is_told_the_side_away_from_traffic(language: str, right: str, left: str) -> None:
    texts = {side: Cabin((), load_texts(language), BUTTON, side).text(Notice.STOPPED).lower() for side in Side}
    assert right in texts[Side.RIGHT] and left not in texts[Side.RIGHT]
    assert left in texts[Side.LEFT] and right not in texts[Side.LEFT]


def test_four_languages_ship() -> None:
    assert LANGUAGES == ("de", "en", "es", "fr")


def test_without_a_program_the_log_has_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Cabin((), load_texts("en"), BUTTON, Side.RIGHT).show(Notice.HAZARD_BUTTON)
    assert BUTTON in caplog.text


def test_the_program_gets_the_words_and_the_name(tmp_path: Path) -> None:
    out = tmp_path / "said"
    script = f'printf "%s|%s" "$HARDSHOULDER_NOTICE" "$1" > {out}.part && mv {out}.part {out}'
    cabin = Cabin(("sh", "-c", script, "speak"), load_texts("en"), BUTTON, Side.RIGHT)
    cabin.show(Notice.HAZARD_BUTTON)
    name, text = wait_for(out).split("|")
    assert (name, text) == ("hazard-button", cabin.text(Notice.HAZARD_BUTTON))


def test_a_program_that_is_not_there_is_said(caplog: pytest.LogCaptureFixture) -> None:
    Cabin(("/nowhere/speak",), load_texts("en"), BUTTON, Side.RIGHT).show(Notice.STOPPED)
    assert "not shown: /nowhere/speak: No such file" in caplog.text


def test_programs_that_hang_do_not_pile_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    cabin = Cabin(("sh", "-c", f"read line < {gate}"), load_texts("en"), BUTTON, Side.RIGHT)
    for _ in range(RUNNING_AT_MOST + 1):
        cabin.show(Notice.STOPPED)
    assert f"{RUNNING_AT_MOST} notice programs still run" in caplog.text
    # Held open until the last of them has come to it: whoever comes to a closed gate waits for ever.
    with gate.open("r+b", buffering=0) as release:
        release.write(b"\n" * RUNNING_AT_MOST)
        for process in cabin._running:
            assert process.wait(timeout=30) == 0
