"""Every target takes what is meant, and bears a few inputs that are not; `scripts/fuzz` tries many."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardshoulder_fuzz.mutate import near
from hardshoulder_fuzz.table import ALL
from hardshoulder_fuzz.target import Target

SLOW = {"frames", "events", "webhook", "config", "profile"}
EXAMPLES = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    "target",
    [pytest.param(one, id=one.name, marks=pytest.mark.slow if one.name in SLOW else ()) for one in ALL],
)
def test_a_target_takes_what_is_meant_and_bears_the_rest(target: Target, tmp_path: Path) -> None:
    seeds, check = target.seeds(), target.make(tmp_path)
    assert check(seeds[0]), "what is meant is taken"
    assert all(len(seed) <= target.most_bytes for seed in seeds)

    @EXAMPLES
    @given(st.data())
    def bears(data: st.DataObject) -> None:
        check(data.draw(near(target, seeds)))

    bears()


def test_names_are_said_once() -> None:
    assert len({target.name for target in ALL}) == len(ALL)
