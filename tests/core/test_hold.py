"""A hold is a deadline: due exactly at its time, however often anybody looks."""

from math import inf, nextafter

from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.hold import Hold


@given(st.floats(0, 1e6), st.floats(0.001, 100))
def test_due_exactly_at_its_deadline(since_s: float, lasting_s: float) -> None:
    hold = Hold(lasting_s)
    assert hold.update(True, since_s) is False
    deadline_s = hold.deadline_after(since_s)
    assert deadline_s == since_s + lasting_s
    assert hold.update(True, nextafter(deadline_s, -inf)) is False
    assert hold.update(True, deadline_s) is True
    assert hold.deadline_after(deadline_s) == inf


def test_a_break_starts_it_anew() -> None:
    hold = Hold(1.0)
    assert not hold.update(True, 0.0)
    assert not hold.update(False, 0.9)
    assert hold.deadline_after(0.9) == inf
    assert not hold.update(True, 1.0)
    assert hold.deadline_after(1.5) == 2.0


def test_no_time_at_all_is_due_at_once() -> None:
    assert Hold(0.0).update(True, 5.0)
