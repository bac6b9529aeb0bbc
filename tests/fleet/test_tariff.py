"""The provider's figures: distances, prices, its pace and its patience."""

from itertools import pairwise

import pytest

from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_fleet.provider.settings import Pauses, Retry
from hardshoulder_fleet.provider.tariff import OutOfReachError, Position, Tariff, distance_km


def test_distances_are_those_of_the_globe() -> None:
    munich, berlin = Position(48.137, 11.575), Position(52.520, 13.405)
    assert distance_km(munich, berlin) == pytest.approx(504, abs=2)
    assert distance_km(munich, munich) == 0
    assert distance_km(Position(0, 0), Position(0, 180)) == pytest.approx(20015, abs=1)
    assert distance_km(Position(0, 179.9), Position(0, -179.9)) == pytest.approx(22.2, abs=0.1)


def test_farther_is_dearer_and_later_until_nobody_goes() -> None:
    tariff = Tariff()
    places = [Position(tariff.depot.latitude + degrees, tariff.depot.longitude) for degrees in (0, 0.1, 0.5, 1.2)]
    offers = [tariff.offer(place) for place in places]
    assert all(near.price.amount_minor < far.price.amount_minor for near, far in pairwise(offers))
    assert all(near.arrives_within_minutes < far.arrives_within_minutes for near, far in pairwise(offers))
    assert "your position is not known" in tariff.offer(None).terms
    with pytest.raises(OutOfReachError, match="our trucks go 150 km"):
        tariff.offer(Position(0, 0))


def test_the_pace_is_realistic_unless_told_otherwise_and_patience_has_an_end() -> None:
    assert [Pauses().after(state) for state in Tow] == [60, 180, 1200, 1500, None, None, None]
    assert Pauses.all(0.2).after(Tow.EN_ROUTE) == 0.2
    assert [Retry().after(attempts) for attempts in (1, 2, 3, 8, 100_000)] == [0.5, 1.0, 2.0, 60.0, 60.0]
