"""When a frame was heard, on our clock: the board stamps it on its own, and the line varies. Pure."""

from hardshoulder_bridge.messages import Record

DRIFT = 200e-6
"""How fast two quartz clocks may part, generously: 100 ppm each."""

_WRAP_US = 1 << 32


class BoardClock:
    """Matches the board's microseconds with our seconds by the packets that came quickest.

    The line can only delay, so the smallest difference seen is the nearest to the truth; it is let grow by the
    drift that two clocks may have.
    """

    def __init__(self) -> None:
        self._last_us: int | None = None
        self._offset_s = 0.0
        self._arrived_s = 0.0

    def times(self, records: list[Record], arrived_s: float) -> list[float]:
        """When each frame of a packet was heard, never later than the packet arrived; at least one record."""
        unwrapped = [self._unwrap(record.at_us) for record in records]
        fits_s = arrived_s - unwrapped[-1] / 1e6
        if self._last_us is None:
            self._offset_s = fits_s
        else:
            self._offset_s = min(fits_s, self._offset_s + DRIFT * (arrived_s - self._arrived_s))
        self._last_us, self._arrived_s = unwrapped[-1], arrived_s
        return [at_us / 1e6 + self._offset_s for at_us in unwrapped]

    def _unwrap(self, at_us: int) -> int:
        """The board's time without the wrap of its 32 bits; a packet is never older than half of them."""
        if self._last_us is None:
            return at_us
        step = (at_us - self._last_us) % _WRAP_US
        return self._last_us + (step if step < _WRAP_US // 2 else step - _WRAP_US)
