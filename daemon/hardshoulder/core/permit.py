"""The last gate before the bus: rules ask, this allows.

It knows nothing of rules, signals or profiles and shares no code with them. It is built once from an explicit list
of what may ever be sent, it starts closed, and it opens only for a lease that names who it is for: an open incident,
or a driver who tests the lamps. What it cannot know it cannot mistake: no stale signal and no silent bus ends a lease.

Everything is compared so that "not a number" refuses.
"""

from dataclasses import dataclass
from enum import Enum

from hardshoulder.core.actions import Use

OTHER_SENDER_QUIET_S = 10.0
"""An id on which somebody else was heard stays shut until he has been silent for this long: two senders of one id
destroy each other's frames, and a slow one (some repeat every few seconds) has to have had his chance to be heard."""

TEST_AT_MOST_S = 10.0
"""Nobody tests lamps for longer; a test that hangs ends by itself."""


class Refusal(Enum):
    """Why a frame may not pass, in the words of the log."""

    MONITOR = "mode is monitor: nothing is ever sent"
    CLOSED = "no lease is open"
    NOT_LISTED = "bus and id are not on the list"
    OTHER_SENDER = "another sender was heard on this id"
    WRONG_LENGTH = "the length is not the listed one"
    WRONG_BITS = "a fixed bit differs from the list"
    TOO_FAST = "faster than the listed rate"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One frame that may pass.

    can_id: with bit 31 set for a 29-bit identifier. Payload bits that are one in `mask` must
    equal those of one of `payloads` (all as long as mask). min_gap_s: shortest time
    between two frames. use: whose lease opens it.
    """

    bus: str
    can_id: int
    mask: bytes
    payloads: tuple[bytes, ...]
    min_gap_s: float
    use: Use = Use.HAZARDS


class Permit:
    """The gate. Everything is refused until it is armed and a lease is open."""

    def __init__(self, allowed: tuple[Allowed, ...], *, armed: bool) -> None:
        for entry in allowed:
            assert all(len(payload) == len(entry.mask) for payload in entry.payloads), "payload and mask differ"
        self._allowed = {(entry.bus, entry.can_id): entry for entry in allowed}
        assert len(self._allowed) == len(allowed), "an id stands on the list twice"
        self._armed = armed
        self._leases: dict[Use, tuple[str, float]] = {}
        """Who holds the lease, and until when."""
        self._last_s: dict[tuple[str, int], float] = {}
        self._strangers_s: dict[tuple[str, int], float] = {}

    @property
    def listed(self) -> frozenset[tuple[str, int]]:
        """(bus, id) of all that may ever be sent: what has to be listened to, because another may send it too."""
        return frozenset(self._allowed)

    def open_until(self, until_s: float, holder: str, use: Use = Use.HAZARDS) -> None:
        """Opens, or prolongs, the lease for an open incident (its id) up to that time."""
        assert holder, "a lease is for somebody"
        self._leases[use] = (holder, until_s)

    def open_for_test(self, now_s: float, seconds: float) -> None:
        """Opens for a driver who sits in the car and tests the hazard lights."""
        self.open_until(now_s + min(seconds, TEST_AT_MOST_S), "test")

    def close(self) -> None:
        """Shuts the gate at once."""
        self._leases.clear()

    def overhear(self, bus: str, can_id: int, now_s: float) -> bool:
        """Somebody else sent a frame. True when he is news: on an id of the list, and not heard of late."""
        key = (bus, can_id)
        if key not in self._allowed:
            return False
        news = not self._contested(key, now_s)
        self._strangers_s[key] = now_s
        return news

    def _contested(self, key: tuple[str, int], now_s: float) -> bool:
        heard_s = self._strangers_s.get(key)
        return heard_s is not None and not now_s >= heard_s + OTHER_SENDER_QUIET_S

    def check(self, bus: str, can_id: int, data: bytes, now_s: float) -> Refusal | None:
        """None when the frame may pass (and then counts against the rate); else why not."""
        if not self._armed:
            return Refusal.MONITOR
        key = (bus, can_id)
        entry = self._allowed.get(key)
        if entry is None:
            return Refusal.NOT_LISTED
        lease = self._leases.get(entry.use)
        if lease is None or not now_s < lease[1]:
            return Refusal.CLOSED
        if self._contested(key, now_s):
            return Refusal.OTHER_SENDER
        refusal = _check_payload(entry, data) or self._check_rate(entry, now_s)
        if refusal is None:
            self._last_s[key] = now_s
        return refusal

    def _check_rate(self, entry: Allowed, now_s: float) -> Refusal | None:
        last_s = self._last_s.get((entry.bus, entry.can_id))
        return Refusal.TOO_FAST if last_s is not None and not now_s >= last_s + entry.min_gap_s else None


def _check_payload(entry: Allowed, data: bytes) -> Refusal | None:
    if len(data) != len(entry.mask):
        return Refusal.WRONG_LENGTH
    seen = _masked(data, entry.mask)
    if all(seen != _masked(payload, entry.mask) for payload in entry.payloads):
        return Refusal.WRONG_BITS
    return None


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(byte & keep for byte, keep in zip(data, mask, strict=True))
