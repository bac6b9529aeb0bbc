"""The seconds before an incident as small drawings: a line for each signal, broken where the car said nothing."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from hardshoulder_fleet.core.views import Track

WIDTH, HEIGHT = 200, 24
_MARGIN = 2
_WORDS_SHOWN = 4

_Value = bool | float | str | None


class Drawn(NamedTuple):
    """One signal. name: the end of its long name; said: from what to what; lines: points for SVG, none for words."""

    name: str
    signal: str
    said: str
    lines: tuple[str, ...]


def draw(track: Track) -> Drawn:
    """The signal as a page shows it."""
    name = track.signal.removeprefix("Vehicle.")
    known = [value for value in track.values if value is not None]
    said = list(_changes(known))
    words = " → ".join(said if len(said) <= _WORDS_SHOWN else (said[0], "…", said[-1]))
    if any(isinstance(value, str) for value in known):
        return Drawn(name, track.signal, words, ())
    return Drawn(name, track.signal, words, tuple(_lines(track.values)))


def _changes(known: Sequence[_Value]) -> Iterator[str]:
    for value, _ in groupby(known):
        if isinstance(value, bool):
            yield "yes" if value else "no"
        else:
            yield f"{value:g}" if isinstance(value, float) else str(value)


def _lines(values: Sequence[_Value]) -> Iterator[str]:
    numbers = [None if value is None else float(value) for value in values]
    known = [number for number in numbers if number is not None]
    if not known:
        return
    low, span = min(known), max(known) - min(known)
    across = WIDTH / max(1, len(numbers) - 1)
    room = HEIGHT - 2 * _MARGIN
    for there, run in groupby(enumerate(numbers), lambda entry: entry[1] is not None):
        if there:
            points = ((place * across, (number or 0.0) - low) for place, number in run)
            yield " ".join(f"{x:.1f},{HEIGHT - _MARGIN - room * (up / span if span else 0.5):.1f}" for x, up in points)
