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
        last_us = self._unwrap(records[-1].at_us, arrived_s)
        # Within a packet time goes on, so each is told by how long it lies before the last.
        unwrapped = [last_us - (records[-1].at_us - record.at_us) % _WRAP_US for record in records]
        fits_s = arrived_s - unwrapped[-1] / 1e6
        if self._last_us is None:
            self._offset_s = fits_s
        else:
            self._offset_s = min(fits_s, self._offset_s + DRIFT * (arrived_s - self._arrived_s))
        self._last_us, self._arrived_s = unwrapped[-1], arrived_s
        # The sum may round up, and nothing is heard before it comes.
        return [min(at_us / 1e6 + self._offset_s, arrived_s) for at_us in unwrapped]

    def _unwrap(self, at_us: int, arrived_s: float) -> int:
        """The board's time without the wrap of its 32 bits: the one nearest to where our clock expects it.

        A parked car's bus is silent for hours, and the stamp wraps unseen every 71 minutes.
        """
        if self._last_us is None:
            return at_us
        expected_us = self._last_us + round((arrived_s - self._arrived_s) * 1e6)
        return expected_us + (at_us - expected_us + _WRAP_US // 2) % _WRAP_US - _WRAP_US // 2
