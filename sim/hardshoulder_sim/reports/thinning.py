"""Makes a few thousand points of any number of readings, in one pass and bounded memory, without losing an extreme.

Time is cut into buckets. Of each bucket its first, lowest, highest and last reading stay, with their own times, so a
line drawn through them covers what a line through all would. When there are too many buckets, two become one.
"""

from collections.abc import Iterator

Point = tuple[float, float]
"""A reading: seconds, value."""

BUCKETS = 2000
FIRST_WIDTH_S = 0.05


class Buckets:
    """The readings of one signal, thinned. limit: how many buckets there may be."""

    __slots__ = ("_buckets", "_limit", "_places", "count", "width_s")

    def __init__(self, limit: int = BUCKETS) -> None:
        self.count = 0
        """Readings that came, kept or not."""
        self.width_s = FIRST_WIDTH_S
        self._limit = limit
        self._places: list[int] = []
        self._buckets: list[list[Point]] = []  # first, lowest, highest, last

    def add(self, at_s: float, value: float) -> None:
        """Takes the next reading; times do not run backwards."""
        self.count += 1
        point, place = (at_s, value), int(at_s / self.width_s)
        if not self._places or place != self._places[-1]:
            self._places.append(place)
            self._buckets.append([point, point, point, point])
            while len(self._places) > self._limit:
                self._halve()
            return
        bucket = self._buckets[-1]
        bucket[3] = point
        if value < bucket[1][1]:
            bucket[1] = point
        elif value > bucket[2][1]:
            bucket[2] = point

    def _halve(self) -> None:
        self.width_s *= 2
        places: list[int] = []
        buckets: list[list[Point]] = []
        for place, bucket in zip(self._places, self._buckets, strict=True):
            if places and place // 2 == places[-1]:
                buckets[-1] = _merged(buckets[-1], bucket)
            else:
                places.append(place // 2)
                buckets.append(bucket)
        self._places, self._buckets = places, buckets

    def points(self) -> Iterator[Point]:
        """What was kept, in the order of time; a reading that is first and lowest comes twice."""
        for bucket in self._buckets:
            yield from sorted(bucket)


def _merged(one: list[Point], other: list[Point]) -> list[Point]:
    lowest = one[1] if one[1][1] <= other[1][1] else other[1]
    highest = one[2] if one[2][1] >= other[2][1] else other[2]
    return [one[0], lowest, highest, other[3]]
