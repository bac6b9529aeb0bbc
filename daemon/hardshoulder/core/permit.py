"""The last gate before the bus: rules ask, this allows.

It knows nothing of rules, incidents or signals and shares no code with them. It is built once
from an explicit list of what may ever be sent, it starts closed, and it opens only for a lease.
"""

from dataclasses import dataclass
from enum import Enum


class Refusal(Enum):
    """Why a frame may not pass, in the words of the log."""

    MONITOR = "mode is monitor: nothing is ever sent"
    CLOSED = "no lease is open"
    NOT_LISTED = "bus and id are not on the list"
    WRONG_LENGTH = "the length is not the listed one"
    WRONG_BITS = "a fixed bit differs from the list"
    TOO_FAST = "faster than the listed rate"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One frame that may pass.

    can_id: with bit 31 set for a 29-bit identifier. Payload bits that are one in `mask` must
    equal those of one of `payloads` (all as long as mask). min_gap_s: shortest time
    between two frames.
    """

    bus: str
    can_id: int
    mask: bytes
    payloads: tuple[bytes, ...]
    min_gap_s: float


class Permit:
    """The gate. Everything is refused until it is armed and a lease is open."""

    def __init__(self, allowed: tuple[Allowed, ...], *, armed: bool) -> None:
        for entry in allowed:
            assert all(len(payload) == len(entry.mask) for payload in entry.payloads), "payload and mask differ"
        self._allowed = {(entry.bus, entry.can_id): entry for entry in allowed}
        self._armed = armed
        self._open_until_s: float | None = None
        self._last_s: dict[tuple[str, int], float] = {}

    def open_until(self, until_s: float) -> None:
        """Opens, or prolongs, the lease up to that time."""
        self._open_until_s = until_s

    def close(self) -> None:
        """Shuts the gate at once."""
        self._open_until_s = None

    def check(self, bus: str, can_id: int, data: bytes, now_s: float) -> Refusal | None:
        """None when the frame may pass (and then counts against the rate); else why not."""
        if not self._armed:
            return Refusal.MONITOR
        if self._open_until_s is None or now_s >= self._open_until_s:
            return Refusal.CLOSED
        entry = self._allowed.get((bus, can_id))
        if entry is None:
            return Refusal.NOT_LISTED
        refusal = self._check_payload(entry, data) or self._check_rate(entry, now_s)
        if refusal is None:
            self._last_s[bus, can_id] = now_s
        return refusal

    def _check_payload(self, entry: Allowed, data: bytes) -> Refusal | None:
        if len(data) != len(entry.mask):
            return Refusal.WRONG_LENGTH
        seen = _masked(data, entry.mask)
        if all(seen != _masked(payload, entry.mask) for payload in entry.payloads):
            return Refusal.WRONG_BITS
        return None

    def _check_rate(self, entry: Allowed, now_s: float) -> Refusal | None:
        last_s = self._last_s.get((entry.bus, entry.can_id))
        return Refusal.TOO_FAST if last_s is not None and now_s < last_s + entry.min_gap_s else None


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(byte & keep for byte, keep in zip(data, mask, strict=True))
