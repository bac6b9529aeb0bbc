"""The weakest car on the steepest road: what is slower than it, with its pedal down, is not on a hill."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.pedal import ANSWERS_WITHIN_S, Answered, Foot, WeakestCar
from hardshoulder.core.plan import CarPlan
from hardshoulder.core.vocabulary import Vss
from support.bench import Bench
from support.driven import driving
from support.plain import plain_car

PEDAL: CarPlan = plain_car(only=frozenset({Vss.SPEED, Vss.PEDAL_POSITION, Vss.ENGINE_SPEED}))


def weakest(kph: float, percent: float, cycle_s: float, seconds: float) -> float:
    """How fast it would be after so long, told so often; beside a car that never holds its speed."""
    car = WeakestCar()
    for number in range(round(seconds / cycle_s) + 1):
        car.update(percent, 10.0 + number * cycle_s, kph - 2.5 * (number % 2))
    return reached_kph(car)


def reached_kph(car: WeakestCar) -> float:
    """How fast it is; from outside only the difference to a car can be seen, and not to one that braked."""
    return car._mps * 3.6


def plain_kph(kph: float, percent: float, seconds: float) -> float:
    """The same in other words: forces on 1,800 kg, a thousand times a second, and never faster than it came."""
    mass_kg, mps, step_s = 1800.0, kph / 3.6, 0.001
    for number in range(round(seconds / step_s)):
        power_w = 45_000.0 * percent / 100.0 if number * step_s >= 0.7 - 0.1 else 0.0
        force_n = power_w / max(mps, 1.0) - mass_kg * 9.81 * (0.013 + 0.08) - mass_kg * 3.2e-4 * mps * mps
        mps = min(kph / 3.6, max(0.0, mps + force_n / mass_kg * step_s))
    return mps * 3.6


@given(st.floats(15.0, 150.0), st.floats(25.0, 100.0), st.sampled_from([1.0, 3.0, 8.0]))
def test_it_is_the_plain_model(kph: float, percent: float, seconds: float) -> None:
    assert weakest(kph, percent, 0.1, seconds) == pytest.approx(plain_kph(kph, percent, seconds), abs=1.0)


@pytest.mark.parametrize("cycle_s", [0.02, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(("kph", "percent"), [(15.0, 100.0), (15.0, 25.0), (30.0, 100.0), (120.0, 100.0)])
def test_a_car_that_is_asked_seldom_is_not_faster_for_it(kph: float, percent: float, cycle_s: float) -> None:
    """A step that ends behind the answer counts as answered, which is at most one cycle too early."""
    told = weakest(kph, percent, cycle_s, 6.0)
    exact_kph = plain_kph(kph, percent, 6.0)
    assert exact_kph - 2.0 < told < max(exact_kph, plain_kph(kph, percent, 6.0 + cycle_s)) + 2.0


def test_until_a_drive_can_have_answered_it_only_gets_slower() -> None:
    car = WeakestCar()
    speeds = []
    for number in range(12):
        car.update(100.0, 10.0 + number * 0.1, 50.0)
        speeds.append(reached_kph(car))
    falling = [later < before for before, later in pairwise(speeds)]
    assert falling == [True] * 6 + [False] * 5 and ANSWERS_WITHIN_S == 0.7
    for number in range(12, 60):
        car.update(100.0, 10.0 + number * 0.1, 50.0)
    assert reached_kph(car) == pytest.approx(50.0), "and never faster than it came"


@pytest.mark.parametrize(("percent", "kph"), [(None, 50.0), (100.0, None), (None, None)])
def test_nothing_asked_or_known_is_nothing_compared(percent: float | None, kph: float | None) -> None:
    car = WeakestCar()
    assert car.faster_kph(0.0) == 0.0
    car.update(100.0, 10.0, 50.0)
    assert car.faster_kph(48.0) == pytest.approx(2.0)
    car.update(percent, 10.1, kph)
    assert car.faster_kph(48.0) == 0.0
    car.update(100.0, 20.0, 80.0)
    assert car.faster_kph(78.0) == pytest.approx(2.0), "from where it is asked anew"


def test_it_rolls_to_a_standstill_and_not_backwards() -> None:
    car = WeakestCar()
    car.update(0.0, 10.0, 5.0)
    car.update(0.0, 10.6, 5.0)
    car.update(0.0, 60.0, 5.0)
    assert car.faster_kph(0.0) == 0.0


@pytest.mark.parametrize(("faster_kph", "driven"), [(3.5, False), (3.7, True)])
def test_what_got_faster_first_was_driven(faster_kph: float, driven: bool) -> None:
    car = WeakestCar()
    for number, kph in enumerate((50.0, 50.0 + faster_kph, 49.0)):
        car.update(100.0, 10.0 + number, kph)
    assert car.faster_kph(49.0) == (0.0 if driven else pytest.approx(reached_kph(car) - 49.0))
    car.update(None, 13.0, 49.0)
    for number in range(3):
        car.update(25.0, 14.0 + number, 49.0)
    assert car.faster_kph(48.0) != 0.0, "asked anew"


def grip(kph: float) -> WeakestCar:
    """Its wheels spun, and grip again within a second: from 60 km/h by its wheels down to this."""
    car = WeakestCar()
    for number, by_its_wheels in enumerate((60.0, kph, kph, kph, kph)):
        car.update(25.0, 10.0 + number, by_its_wheels)
    return car


@pytest.mark.parametrize(("kph", "braked"), [(45.5, True), (45.7, False)])
def test_what_plunged_once_is_explained_while_the_pedal_is_down(kph: float, braked: bool) -> None:
    """From 60 km/h a car without brakes loses 3 m/s in a second at most, and 1 m/s are given away."""
    car = grip(kph)
    assert (car.faster_kph(40.0) == 0.0) is braked
    car.update(None, 15.0, kph)
    car.update(25.0, 16.0, kph)
    car.update(25.0, 18.0, kph)
    assert car.faster_kph(kph - 20.0) != 0.0, "asked anew"


@pytest.mark.parametrize(("step_kph", "explained"), [(6.4, False), (6.6, True), (-6.4, False), (-6.6, True)])
def test_a_speed_that_steps_as_no_car_does_explains_the_rest(step_kph: float, explained: bool) -> None:
    """In a tenth of a second a car loses or wins 0.8 m/s at most, and 1 m/s are given away; it was asked for 9 s."""
    car = WeakestCar()
    for number in range(91):
        car.update(25.0, 10.0 + number / 10, 60.0 - number / 10)
    car.update(25.0, 19.1, 51.0 - step_kph)
    car.update(25.0, 19.2, 51.0)
    assert (car.faster_kph(0.0) == 0.0) is explained


def behind(*kph: float) -> WeakestCar:
    """Asked from 50 km/h on, with so little that it gets slower by 3.3 km/h a second; told these, a tenth apart."""
    car = WeakestCar()
    for number, speed_kph in enumerate((50.0, *kph)):
        car.update(10.0, 10.0 + number / 10, speed_kph)
    return car


def test_it_is_faster_when_it_has_been_so_for_a_while() -> None:
    slow = behind(47.0, 45.0, 44.0, 43.0, 43.0, 43.0)
    assert slow.faster_kph(43.0) >= 3.0
    assert slow.is_faster(10.34, 43.0) is False, "behind since the second word"
    assert slow.is_faster(10.36, 43.0) is True
    assert slow.is_faster(10.36, 46.0) is False, "and is not now"
    trembling = behind(47.0, 45.0, 44.0, 43.0, 48.0, 43.0, 43.0)
    assert trembling.is_faster(10.74, 43.0) is False


def holding(mps_each_s: float, percent: float, seconds: float, cycle_s: float = 0.1) -> WeakestCar:
    """Beside a car at 20 m/s whose wheels spun up at first and that then gets faster by so much, told so often."""
    car = WeakestCar()
    car.update(percent, 9.0, 54.0)
    car.update(percent, 10.0, 72.0)
    for number in range(1, round(seconds / cycle_s) + 1):
        car.update(percent, 10.0 + number * cycle_s, (20.0 + mps_each_s * number * cycle_s) * 3.6)
    return car


@pytest.mark.parametrize(
    ("mps_each_s", "percent", "seconds", "proven"),
    [
        (0.0, 35.0, 3.0, True),
        (0.0, 35.0, 2.9, False),
        (0.0, 34.9, 9.0, False),
        (0.9, 60.0, 3.0, True),
        (1.2, 60.0, 4.0, False),
        (-0.1, 60.0, 2.4, False),
        (-0.1, 60.0, 9.0, False),
    ],
)
def test_a_car_that_holds_its_speed_under_the_pedal_answers_it(
    mps_each_s: float, percent: float, seconds: float, proven: bool
) -> None:
    car = holding(mps_each_s, percent, seconds)
    kph = (20.0 + mps_each_s * seconds) * 3.6
    assert (car.faster_kph(kph - 1.0) > 0.0) is proven, "until then the wheels that spun up explain everything"


def test_what_follows_is_measured_from_where_the_car_still_held_its_speed() -> None:
    car = holding(0.0, 60.0, 5.0)
    assert car.faster_kph(71.0) == pytest.approx(1.0)
    for number, mps in enumerate((19.9, 19.8, 19.7, 19.6)):
        car.update(60.0, 15.1 + number / 10, mps * 3.6)
    # 0.2 m/s of loss are still holding; for the next 0.2 s the car that sets off there rolls, with no answer yet.
    assert reached_kph(car) / 3.6 == pytest.approx(19.8 - 0.2 * (0.093 * 9.81 + 3.2e-4 * 19.8**2), abs=0.01)


def test_it_rises_with_a_car_that_gets_faster_gently() -> None:
    car = holding(0.9, 60.0, 8.0)
    assert reached_kph(car) == pytest.approx((20.0 + 0.9 * 8.0) * 3.6)


@pytest.mark.parametrize(("eased", "explained"), [(35.0, False), (34.9, True)])
def test_a_foot_that_eases_explains_a_car_that_gets_slower(eased: float, explained: bool) -> None:
    car = holding(0.0, 60.0, 4.0)
    car.update(eased, 14.1, 71.0)
    car.update(60.0, 14.2, 70.0)
    assert (car.faster_kph(68.0) == 0.0) is explained


# What was answered ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "kph", "asks_more"),
    [
        ([16.9], 50.0, False),
        ([17.0], 50.0, True),
        ([17.0], 50.1, False),
        ([17.0], None, False),
        ([15.9, 17.0], 50.0, False),
        ([9.9, 17.0], 50.0, False),
        ([16.0, 20.0], 40.0, True),
    ],
)
def test_more_than_what_was_answered_has_to_be_answered(later: list[float], kph: float | None, asks_more: bool) -> None:
    answered = Answered()
    answered.update(16.0, True, 50.0)
    for percent in later:
        answered.update(percent, False, kph)
    assert answered.asks_more(later[-1], kph) is asks_more


def test_the_last_push_is_what_counts_and_less_than_a_hill_needs_is_none() -> None:
    answered = Answered()
    assert not answered.asks_more(99.0, 50.0), "nothing was answered yet"
    answered.update(30.0, True, 60.0)
    answered.update(12.0, True, 50.0)
    assert answered.asks_more(13.0, 50.0)
    answered.update(9.9, True, 50.0)
    assert not answered.asks_more(20.0, 50.0)


# The foot -----------------------------------------------------------------------------------


def stepping(*readings: tuple[float, float]) -> Foot:
    """A pedal that said this: percent, at seconds."""
    foot = Foot()
    for percent, at_s in readings:
        foot.update(percent, at_s)
    return foot


@pytest.mark.parametrize(
    ("percent", "believed"), [(29.9, True), (30.0, False), (60.0, False), (10.1, True), (10.0, False)]
)
def test_a_pedal_that_leaps_is_believed_when_it_moves_again(percent: float, believed: bool) -> None:
    foot = stepping((20.0, 10.0), (percent, 10.1), (percent, 10.2))
    assert foot.believed(10.2, 2.5) is believed
    foot.update(percent + 0.4, 10.3)
    assert foot.believed(10.3, 2.5)


@pytest.mark.parametrize(
    ("before", "percent", "after_s", "believed"),
    [
        (0.0, 100.0, 0.02, False),
        (0.0, 100.0, 0.08, False),
        (0.0, 100.0, 0.09, True),
        (39.0, 100.0, 0.02, False),
        (41.0, 100.0, 0.02, True),
        (30.0, 95.0, 0.02, False),
        (30.0, 94.9, 0.2, False),
    ],
)
def test_the_floor_is_reached_quickly_but_not_at_once(
    before: float, percent: float, after_s: float, believed: bool
) -> None:
    foot = stepping((before, 9.0), (before, 10.0), (percent, 10.0 + after_s))
    assert foot.believed(10.0 + after_s, 2.5) is believed
    assert foot.moved_s == 10.0 + after_s


@pytest.mark.parametrize("percent", [60.0, 100.0])
def test_where_a_pedal_is_found_is_where_it_is(percent: float) -> None:
    foot = stepping((percent, 10.0))
    assert foot.believed(12.4, 2.5) and foot.believed(12.5, 2.5) is (percent == 100.0)
    foot = stepping((20.0, 10.0), (percent, 10.01))
    foot.forget()
    assert foot.moved_s < 0.0
    foot.update(percent, 10.02)
    assert foot.believed(10.02, 2.5), "nobody saw it leap"


# In the car -----------------------------------------------------------------------------------


def floored() -> Bench:
    """A pedal down for three seconds while the car slows down at 2 m/s², less than a foot on the brake would do."""
    bench = Bench(PEDAL).say(9.9, speed=80.0, pedal_position=0.0)
    for tenth in range(31):
        bench.say(10.0 + tenth / 10, speed=80.0 - 0.72 * tenth, pedal_position=95.0 + tenth % 2)
    return bench


@pytest.mark.parametrize(("behind_kph", "certain"), [(2.9, False), (3.1, True)])
def test_three_behind_the_weakest_car_is_on_no_hill(behind_kph: float, certain: bool) -> None:
    bench = floored()
    kph = reached_kph(bench.car._weakest) - behind_kph
    bench.say(13.0, speed=kph).say(13.0, speed=kph)
    assert bench.car.on_no_hill(13.0) is certain
    assert bench.car.on_no_hill(99.0) is False, "nobody knows how fast it is"


def test_what_got_slower_than_any_car_does_without_brakes_was_braked() -> None:
    bench = floored()
    assert bench.car.on_no_hill(13.0) is True
    # 3 m/s² for 3 s from 80 km/h, and 1 m/s of margin.
    for kph, certain in ((44.1, True), (43.9, False)):
        bench.say(13.0, speed=kph).say(13.0, speed=kph)
        assert bench.car.on_no_hill(13.0) is certain


@pytest.mark.parametrize(("kph_per_s", "found"), [(-1.0, False), (-7.0, True)])
def test_a_pedal_that_is_floored_while_the_car_slows_down_is_enough_by_itself(kph_per_s: float, found: bool) -> None:
    driven = driving(PEDAL, 100.0)
    driven.say(pedal_position=100.0)
    for tenth in range(80):
        driven.say(speed=100.0 + kph_per_s * tenth / 10)
        driven.run(0.1)
    assert bool(driven.incidents) is found


def test_a_hole_ends_the_comparison() -> None:
    bench = floored()
    assert bench.car.on_no_hill(13.0) is True
    bench.car.forget()
    assert bench.car.on_no_hill(13.0) is False
