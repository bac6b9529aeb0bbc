"""What the app lends to the edges that run beside its loop: its clocks and its voice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from hardshoulder.edge.clocks import boot_id, since_boot_s

Say = Callable[[Literal["info", "warning", "error"], str], None]
"""Tells a person something; called from more than one thread."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The times of an edge; all are called from more than one thread.

    now_s: the monotonic clock by which the core's values are stamped.
    wall_time: the wall time of a moment of that clock, with a time zone.
    trusted: whether the wall clock has been set by a time source.
    since_boot_s: like now_s, and counts on while the machine sleeps; within one `boot` it tells how far a wall clock
    was wrong that has been set since.
    """

    now_s: Callable[[], float]
    wall_time: Callable[[float], datetime]
    trusted: Callable[[], bool]
    since_boot_s: Callable[[], float] = since_boot_s
    boot: str = field(default_factory=boot_id)
