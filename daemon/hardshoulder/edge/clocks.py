"""The module's clocks: which boot this is, and whether somebody who knows the time has set the wall clock.

A car's module wakes with a wall clock of 1970, or with the one of its last sleep, and is set when a network or
satellites are there. Whoever stamps says so; stamps from before are corrected afterwards (`hardshoulder.stamps`).
"""

import ctypes
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

TRUSTED_FROM = datetime(2026, 1, 1, tzinfo=UTC)
"""No car was ever driven before this; a wall clock that says so has not been set yet."""

AGREES_WITHIN_S = 2.0
"""A receiver's sentence is up to a second old when it is read, and another may be the line's and ours."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")
# struct timex of linux/timex.h as far as its status: modes, offset, freq, maxerror, esterror, status.
_TIMEX = struct.Struct("@Illlli")
_TIMEX_BYTES = 512
_STA_UNSYNC = 0x0040

_libc = ctypes.CDLL(None)


def boot_id() -> str:
    """What this boot of the machine is called; "" where the kernel does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def since_boot_s() -> float:
    """Seconds since the machine started, those counted in which it slept (CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall_time(at_s: float) -> datetime:
    """The wall time of a moment of the monotonic clock, as the wall clock stands now."""
    return datetime.now(UTC) + timedelta(seconds=at_s - time.monotonic())


def kernel_says_set() -> bool:
    """Whether a time daemon keeps the kernel's clock: adjtimex(2) without STA_UNSYNC. It asks, and sets nothing."""
    answer = ctypes.create_string_buffer(_TIMEX_BYTES)
    if _libc.adjtimex(answer) < 0:
        return False
    return not _TIMEX.unpack_from(answer.raw)[-1] & _STA_UNSYNC


def timesyncd_says_set() -> bool:
    """Whether systemd-timesyncd has heard a server since the boot."""
    return _TIMESYNCD.exists()


class Trust:
    """Whether the wall clock was set by a time source. Called from more than one thread.

    Once it was, it stays so until the clock says a time in which no car drove: a module that has lost its network
    goes on with a clock that drifts by seconds in a day.
    """

    def __init__(
        self,
        by_date_alone: bool = False,
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        witnesses: tuple[Callable[[], bool], ...] = (kernel_says_set, timesyncd_says_set),
    ) -> None:
        """by_date_alone: the module has a clock that runs on a battery, so a date that can be is right."""
        self._by_date_alone = by_date_alone
        self._wall = wall
        self._witnesses = witnesses
        self._set = False

    @property
    def plausible(self) -> bool:
        """Whether the wall clock says a time that can be."""
        return self._wall() >= TRUSTED_FROM

    def __call__(self) -> bool:
        """Whether stamps of this moment can be trusted."""
        if not self.plausible:
            self._set = False
        elif not self._set:
            self._set = self._by_date_alone or any(says_set() for says_set in self._witnesses)
        return self._set

    def compare(self, told: datetime) -> None:
        """Satellites have just told this time: a wall clock that agrees has been set, whoever did it."""
        if self.plausible and abs((self._wall() - told).total_seconds()) <= AGREES_WITHIN_S:
            self._set = True
