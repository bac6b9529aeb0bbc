"""The few statistics an evaluation needs: quantiles, and what so many occurrences without an event can prove."""

import math
from collections.abc import Sequence

CONFIDENCE = 0.95
_STEPS = 200


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least that share of the values does not exceed; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def poisson_upper(events: int, confidence: float = CONFIDENCE) -> float:
    """Upper bound of the mean of a Poisson count of which `events` were seen; exact, one-sided.

    With none seen it is -ln(1 - confidence), 2.996 at 95 %: the rule of three.
    """
    low, high = 0.0, 10.0 + 3.0 * (events + 1)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if _at_most(events, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, mean: float) -> float:
    """Chance of seeing at most so many events."""
    term = total = math.exp(-mean)
    for number in range(1, events + 1):
        term *= mean / number
        total += term
    return total


def recall_lower(found: int, of: int, confidence: float = CONFIDENCE) -> float | None:
    """Lower bound of the true recall (Clopper-Pearson, one-sided); None without a trial."""
    if of == 0:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if _at_least(found, of, middle) < 1.0 - confidence:
            low = middle
        else:
            high = middle
    return low


def _at_least(found: int, of: int, chance: float) -> float:
    """Chance of at least `found` successes; summed over the misses, of which there are few."""
    if chance <= 0.0:
        return 0.0 if found else 1.0
    total = 0.0
    for misses in range(of - found + 1):
        log = math.lgamma(of + 1) - math.lgamma(misses + 1) - math.lgamma(of - misses + 1)
        log += (of - misses) * math.log(chance) + (misses * math.log1p(-chance) if misses else 0.0)
        total += math.exp(log)
    return total
