"""A process that ends at a chosen place: everything it held is gone, its files stay as they were."""

import random
from collections import Counter
from collections.abc import Callable


class Crash(BaseException):
    """SIGKILL, where it strikes. No handler of the program catches it. fuse: of the process that ends."""

    def __init__(self, place: str, fuse: "Fuse") -> None:
        super().__init__(place)
        self.fuse = fuse


class Fuse:
    """Counts the places that a process passes, and strikes at one of them.

    passed: how often each place was passed in all runs of the process. struck: where it ended.
    """

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.struck: list[str] = []
        self._left = -1
        self.spared: Callable[[], bool] = lambda: False
        """Whether the process must not end now, because a second fault in this moment is one too many."""

    def light(self, chance: random.Random, at_most: int) -> None:
        """Strikes at one of the next `at_most` places."""
        self._left = chance.randrange(at_most)

    def put_out(self) -> None:
        """It does not strike any more."""
        self._left = -1

    def here(self, place: str) -> None:
        """The process is at this place. Raises Crash."""
        self.passed[place] += 1
        if self._left < 0 or self.spared():
            return
        self._left -= 1
        if self._left < 0:
            self.struck.append(place)
            raise Crash(place, self)
