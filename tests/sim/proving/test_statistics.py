"""The bounds are the textbook's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder_sim.proving.statistics import poisson_upper, quantile, recall_lower


@pytest.mark.parametrize(
    ("events", "bound"),
    # Chi-squared tables: half the 95 % point with 2 (k + 1) degrees of freedom.
    [(0, 2.9957), (1, 4.7439), (2, 6.2958), (3, 7.7537), (5, 10.5130), (10, 16.9622)],
)
def test_the_poisson_bound_is_that_of_the_tables(events: int, bound: float) -> None:
    assert poisson_upper(events) == pytest.approx(bound, abs=1e-4)


def test_with_no_event_it_is_the_rule_of_three() -> None:
    assert poisson_upper(0) == pytest.approx(-math.log(0.05))
    assert poisson_upper(0, 0.99) == pytest.approx(-math.log(0.01))


@given(events=st.integers(0, 200))
def test_more_events_never_lower_the_bound(events: int) -> None:
    assert events < poisson_upper(events) < poisson_upper(events + 1)


@pytest.mark.parametrize(
    ("found", "of", "bound"),
    # Clopper-Pearson; without a miss it is 0.05 ** (1 / n).
    [(3000, 3000, 0.05 ** (1 / 3000)), (10, 10, 0.05**0.1), (9, 10, 0.60584), (95, 100, 0.89775), (0, 10, 0.0)],
)
def test_the_bound_of_the_recall_is_that_of_the_tables(found: int, of: int, bound: float) -> None:
    assert recall_lower(found, of) == pytest.approx(bound, abs=1e-4)


def test_nothing_tried_proves_nothing() -> None:
    assert recall_lower(0, 0) is None
    assert quantile([], 0.5) is None


@given(values=st.lists(st.floats(0.0, 100.0), min_size=1), share=st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_value_that_covers_its_share(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9
