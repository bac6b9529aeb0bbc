"""What one fault run came to."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """Counted by the run itself.

    incidents_in: breakdowns that happened. faults: how often each began; unacknowledged: how many of them while an
    incident was on its way. passed, struck: places at which a process may end, and did. complaints: how the sentence
    was broken; empty when it held.
    """

    seed: int
    incidents_in: int = 0
    incidents_at_fleet: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    unacknowledged: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
