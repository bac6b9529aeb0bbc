"""A condition that has to last."""

from math import inf


class Hold:
    """Becomes due when a condition has held for `lasting_s` without a break.

    It is a deadline and not a count of samples, so live stepping and replay agree to the
    microsecond: due exactly at since_s + lasting_s.
    """

    __slots__ = ("lasting_s", "since_s")

    def __init__(self, lasting_s: float) -> None:
        self.lasting_s = lasting_s
        self.since_s: float | None = None

    def update(self, condition: bool, now_s: float) -> bool:
        """Takes the condition as it stands; True once it has lasted."""
        if not condition:
            self.since_s = None
            return False
        if self.since_s is None:
            self.since_s = now_s
        return now_s >= self.since_s + self.lasting_s

    def deadline_after(self, now_s: float) -> float:
        """When it becomes due, if that is still to come; infinity otherwise."""
        if self.since_s is None or now_s >= self.since_s + self.lasting_s:
            return inf
        return self.since_s + self.lasting_s
