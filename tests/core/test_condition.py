"""What the signals say together: motion and its doubts, a living drive, the unanswered pedal, silence."""

from math import nextafter

import pytest

from hardshoulder.core.vocabulary import Propulsion, Value, Vss
from support.bench import Bench
from support.plain import plain_car

COMBUSTION, HYBRID, ELECTRIC = (plain_car(propulsion) for propulsion in Propulsion)
PLANS = {"combustion": COMBUSTION, "hybrid": HYBRID, "electric": ELECTRIC}
WHEELS_KPH = {"wheel_front_left": 60.0, "wheel_front_right": 60.0, "wheel_rear_left": 60.0, "wheel_rear_right": 60.0}


# Whether the drive lives --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("propulsion", "readings", "alive"),
    [
        ("combustion", {}, None),
        ("combustion", {"engine_speed": 800.0}, True),
        ("combustion", {"engine_speed": 0.0}, False),
        ("combustion", {"engine_running": True}, True),
        ("combustion", {"engine_running": True, "engine_speed": 0.0}, None),
        ("combustion", {"engine_speed": 800.0, "power_state": "OFF"}, False),
        ("combustion", {"engine_speed": 800.0, "power_state": "ON"}, True),
        ("electric", {"power_connected": True}, True),
        ("electric", {"power_connected": True, "drive_ready": False}, False),
        ("electric", {}, None),
        ("hybrid", {"engine_speed": 0.0, "power_connected": True}, True),
        ("hybrid", {"engine_speed": 900.0, "power_connected": False}, True),
        ("hybrid", {"engine_speed": 0.0, "power_connected": False}, False),
        ("hybrid", {"engine_speed": 0.0}, None),
        ("hybrid", {"power_connected": True, "drive_ready": False}, False),
    ],
)
def test_whether_the_drive_lives(propulsion: str, readings: dict[str, Value], alive: bool | None) -> None:
    assert Bench(PLANS[propulsion]).say(1.0, **readings).car.drive_alive(1.0) is alive


@pytest.mark.parametrize(
    ("propulsion", "readings", "alive"),
    [
        ("combustion", {"engine_speed": 0.0, "engine_rests": True}, True),
        ("combustion", {"engine_speed": 0.0, "engine_rests": False}, False),
        ("combustion", {"engine_rests": True, "power_state": "OFF"}, False),
        ("combustion", {"drive_ready": True}, True),
        ("combustion", {"drive_ready": False}, False),
        ("combustion", {"engine_speed": 800.0, "drive_ready": False}, True),
        ("combustion", {"engine_speed": 0.0, "drive_ready": True}, False),
        ("hybrid", {"power_connected": True}, True),
        ("hybrid", {"power_connected": False}, None),
        ("hybrid", {"drive_ready": True, "power_connected": False, "engine_speed": 0.0}, True),
        ("electric", {"power_connected": False}, False),
        ("electric", {"drive_ready": True, "power_connected": False}, True),
        ("electric", {"power_connected": True, "power_state": "LOCK"}, False),
        ("electric", {"power_connected": True, "power_state": "UNDEFINED"}, True),
    ],
)
def test_rest_readiness_and_power_mode_have_their_say(
    propulsion: str, readings: dict[str, Value], alive: bool | None
) -> None:
    assert Bench(PLANS[propulsion]).say(1.0, **readings).car.drive_alive(1.0) is alive


@pytest.mark.parametrize(
    ("state", "up"),
    [("ON", True), ("START", True), ("OFF", False), ("LOCK", False), ("ACC", False), ("UNDEFINED", None)],
)
def test_power_mode_and_the_drivers_hand(state: str, up: bool | None) -> None:
    car = Bench(COMBUSTION).say(1.0, power_state=state, ignition_switch=state).car
    assert car.power_up(1.0) is up
    assert car.switched_off(1.0) is (None if up is None else not up)
    assert car.power_up(1.5) is None and car.switched_off(1.5) is None, "stale is neither"


@pytest.mark.parametrize(
    ("rpm", "flag", "turns"),
    [
        (nextafter(400.0, 0.0), None, False),
        (400.0, None, True),
        (None, True, True),
        (None, False, False),
        (400.0, True, True),
        (399.0, False, False),
        (400.0, False, None),
        (399.0, True, None),
        (None, None, None),
    ],
)
def test_whether_the_engine_turns(rpm: float | None, flag: bool | None, turns: bool | None) -> None:
    said = {"engine_speed": rpm, "engine_running": flag}
    car = Bench(COMBUSTION).say(1.0, **{name: value for name, value in said.items() if value is not None}).car
    assert car.engine_turns(1.0) is turns


# The unanswered pedal -----------------------------------------------------------------------


def test_an_engine_at_rest_whose_pedal_goes_unanswered_rests_no_more() -> None:
    bench = Bench(COMBUSTION).say(0.9, pedal_position=0.0).press(1.0, 25.0, engine_rests=True)
    bench.keep(3.0)
    assert bench.car.engine_rests(nextafter(3.0, 0.0)) is True
    assert bench.car.engine_rests(3.0) is False
    assert bench.keep(3.1).car.engine_rests(3.1) is False
    bench.say(3.1, pedal_position=nextafter(25.0, 0.0))
    assert bench.car.engine_rests(3.1) is True


def test_a_pedal_that_falls_silent_while_it_is_down_is_not_known_to_be_down() -> None:
    bench = Bench(COMBUSTION).say(1.0, engine_rests=True, pedal_position=60.0).say(3.0, engine_rests=True)
    assert bench.car.engine_rests(3.0) is True


def test_an_engine_that_does_not_rest_does_not_begin_to_with_a_pedal() -> None:
    bench = Bench(COMBUSTION).say(1.0, pedal_position=60.0).say(3.2, engine_rests=False, pedal_position=60.0)
    assert bench.car.engine_rests(3.2) is False
    assert bench.car.engine_rests(9.0) is None


def pressed(excuse: dict[str, Value] | None = None, kph: float = 80.0) -> Bench:
    """A car whose pedal went down at 10 s."""
    bench = Bench(COMBUSTION).say(10.0, speed=kph, drive_torque=0.0, brake_pressed=False, selected_gear="DRIVE")
    bench.say(10.0, pedal_position=0.0)
    return bench.say(10.0, **({"pedal_position": 25.0} | (excuse or {})))


def lost(kph: float, at_s: float) -> Bench:
    """The pedal has been down since 10 s, the speed of 64 km/h goes down by so much in the end."""
    return pressed(kph=64.0).keep(at_s).say(at_s, speed=64.0 - kph)


@pytest.mark.parametrize("loss_kph", [0.0, nextafter(0.5, 0.0), 0.5, nextafter(0.5, 2.0), 5.0])
@pytest.mark.parametrize("at_s", [10.0, nextafter(10.7, 0.0), 10.7, 11.5])
def test_no_torque_needs_its_time_and_its_loss(loss_kph: float, at_s: float) -> None:
    assert lost(loss_kph, at_s).car.no_torque(at_s) is (at_s >= 10.7 and 64.0 - (64.0 - loss_kph) >= 0.5)


@pytest.mark.parametrize(("percent", "torque"), [(95.0, True), (94.9, False)])
def test_a_pedal_on_the_floor_need_not_move(percent: float, torque: bool) -> None:
    bench = pressed({"pedal_position": 60.0}).press(10.1, percent)
    for tenth in range(2, 16):
        values: dict[str, Value] = {"pedal_position": percent, "drive_torque": -1.0 * (tenth % 2)}
        bench.say(10.0 + tenth / 10, speed=80.0 - tenth, **values)
    assert bench.car.no_torque(11.5) is torque


@pytest.mark.parametrize("still", ["pedal_position", "drive_torque", None])
def test_what_never_moves_is_no_witness_that_there_is_no_torque(still: str | None) -> None:
    bench = pressed()
    for tenth in range(1, 16):
        restless = {"pedal_position": 25.0 + tenth % 2, "drive_torque": -1.0 * (tenth % 2)}
        if still is not None:
            restless[still] = 25.0 if still == "pedal_position" else 0.0
        bench.say(10.0 + tenth / 10, speed=80.0 - tenth, **restless)
    assert bench.car.no_torque(11.5) is (still is None)


@pytest.mark.parametrize("loss_kph", [0.0, nextafter(4.0, 0.0), 4.0, 5.0])
@pytest.mark.parametrize("at_s", [11.0, nextafter(12.0, 0.0), 12.0, 12.5])
def test_no_drive_needs_its_time_and_its_loss(loss_kph: float, at_s: float) -> None:
    assert lost(loss_kph, at_s).car.no_drive(at_s) is (at_s >= 12.0 and 64.0 - (64.0 - loss_kph) >= 4.0)


@pytest.mark.parametrize(
    "excuse",
    [
        {"pedal_position": nextafter(25.0, 0.0)},
        {"brake_pressed": True},
        {"selected_gear": "NEUTRAL"},
        {"selected_gear": "REVERSE"},
        {"selected_gear": "PARK"},
    ],
)
def test_what_explains_a_pedal_without_answer(excuse: dict[str, Value]) -> None:
    assert pressed().keep(11.0).say(11.0, speed=75.0).car.no_torque(11.0) is True, "without excuse it is one"
    assert pressed(excuse).keep(11.0).say(11.0, speed=75.0).car.no_torque(11.0) is False


@pytest.mark.parametrize("torque_nm", [nextafter(20.0, 0.0), 20.0])
def test_weak_is_sharp(torque_nm: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=80.0, pedal_position=0.0)
    bench.say(10.0, pedal_position=60.0, drive_torque=torque_nm)
    bench.keep(10.9).say(10.9, speed=75.0)
    assert bench.car.no_torque(10.9) is (torque_nm < 20.0)
    assert bench.car.pushes(10.9) is (torque_nm >= 20.0)


@pytest.mark.parametrize("torque_nm", [-40.0, nextafter(-40.0, -41.0)])
@pytest.mark.parametrize(("pedal", "rpm"), [(34.9, 1600.0), (35.0, 1600.0), (34.9, 0.0)])
def test_an_engine_with_little_pedal_may_just_bear_its_friction(torque_nm: float, pedal: float, rpm: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=80.0, pedal_position=0.0, engine_speed=rpm)
    bench.say(10.0, pedal_position=pedal - 0.01).say(10.0, pedal_position=pedal, drive_torque=torque_nm)
    bench.keep(10.9).say(10.9, speed=75.0)
    assert bench.car.no_torque(10.9) is (torque_nm < -40.0 or pedal >= 35.0 or rpm == 0.0)


@pytest.mark.parametrize(
    ("nm", "before", "pedal", "rpm", "kph", "held_back"),
    [
        (-80.1, 16.0, 17.0, 1600.0, 50.0, True),
        (-79.9, 16.0, 17.0, 1600.0, 50.0, False),
        (-200.0, 16.0, 16.9, 1600.0, 50.0, False),
        (-200.0, 16.0, 17.0, 0.0, 50.0, False),
        (-200.0, 16.0, 17.0, 1600.0, 50.2, False),
        (-200.0, 9.0, 17.0, 1600.0, 50.0, False),
    ],
)
def test_an_engine_that_pushed_with_less_pedal_has_to_push_with_more(
    nm: float, before: float, pedal: float, rpm: float, kph: float, held_back: bool
) -> None:
    bench = Bench(COMBUSTION).say(9.8, speed=50.0, pedal_position=before, engine_speed=rpm, drive_torque=20.0)
    bench.keep(9.9).say(10.0, drive_torque=nm).say(10.0, speed=kph, pedal_position=pedal)
    bench.keep(10.8).say(10.8, speed=kph - 0.6)
    assert bench.car.no_torque(10.8) is held_back


@pytest.mark.parametrize("doubt", ["hybrid", "spins", "hole"])
def test_nothing_is_compared_where_the_engine_is_not_alone_or_the_wheels_spin(doubt: str) -> None:
    bench = Bench(HYBRID if doubt == "hybrid" else COMBUSTION)
    bench.say(9.8, speed=50.0, pedal_position=16.0, engine_speed=1600.0, drive_torque=20.0).keep(9.9)
    if doubt == "hole":
        bench.car.forget()
    if doubt == "spins":
        bench.say(9.95, **(WHEELS_KPH | {"wheel_front_left": 90.0, "wheel_front_right": 90.0}))
    for tenth in range(10):
        bench.say(10.0 + tenth / 10, speed=50.0 - tenth, pedal_position=17.0 + tenth / 10, drive_torque=-200.0 - tenth)
    assert bench.car.no_torque(10.9) is False


@pytest.mark.parametrize("hole_s", [0.4, 0.6])
def test_nobody_knows_what_a_pedal_did_while_it_was_silent(hole_s: float) -> None:
    bench = Bench(COMBUSTION).say(10.0, speed=80.0, pedal_position=0.0).say(10.0, pedal_position=60.0).keep(11.0)
    back_s = 11.0 + hole_s
    bench.say(back_s, speed=74.0).say(back_s, pedal_position=60.0).keep(12.2)
    assert bench.car.no_drive(12.2) is (hole_s < 0.5)


@pytest.mark.parametrize("at_s", [nextafter(11.5, 0.0), 11.5])
@pytest.mark.parametrize("pedal", [nextafter(10.0, 0.0), 10.0])
def test_an_engine_that_stands_for_longer_than_a_start_takes_ignores_the_pedal(at_s: float, pedal: float) -> None:
    bench = Bench(COMBUSTION).say(9.9, speed=60.0, engine_speed=0.0, pedal_position=0.0).press(10.0, pedal)
    assert bench.keep(11.4).car.engine_ignores_pedal(at_s) is (at_s >= 11.5 and pedal >= 10.0)
    assert bench.say(11.5, engine_speed=900.0, pedal_position=pedal + 0.1).car.engine_ignores_pedal(11.5) is False
    hybrid = Bench(HYBRID).say(9.9, speed=60.0, engine_speed=0.0, pedal_position=0.0).press(10.0, pedal)
    assert hybrid.keep(11.4).car.engine_ignores_pedal(12.0) is False


@pytest.mark.parametrize(("gained_kph", "ignores"), [(3.5, True), (3.7, False)])
def test_an_engine_that_stands_in_a_car_that_gets_faster_is_its_sensor(gained_kph: float, ignores: bool) -> None:
    bench = Bench(COMBUSTION).say(9.9, speed=60.0, engine_speed=0.0, pedal_position=0.0).press(10.0, 30.0)
    bench.keep(11.0).say(11.0, speed=60.0 + gained_kph).keep(12.0)
    assert bench.car.engine_ignores_pedal(12.0) is ignores


@pytest.mark.parametrize(("pedal", "rpm", "slow"), [(34.9, 1600.0, False), (35.0, 1600.0, True), (34.9, 0.0, True)])
def test_an_engine_that_turns_may_hold_the_car_back_with_little_pedal(pedal: float, rpm: float, slow: bool) -> None:
    """In a low gear it does; the weakest car's is credited with nothing then."""
    bench = Bench(COMBUSTION).say(9.9, speed=22.0, engine_speed=rpm, pedal_position=0.0).press(10.0, pedal - 0.05)
    for tenth in range(1, 51):
        bench.say(10.0 + tenth / 10, speed=22.0 - 0.16 * tenth, engine_speed=rpm)
        bench.say(10.0 + tenth / 10, pedal_position=pedal + 0.05 * (tenth % 2))
    assert bench.car.on_no_hill(15.0) is slow


@pytest.mark.parametrize("kph", [79.5, nextafter(79.5, 80.0)])
@pytest.mark.parametrize("pedal", [24.0, 30.0])
def test_an_engine_drives_a_hybrid_that_answers_the_pedal(kph: float, pedal: float) -> None:
    bench = Bench(HYBRID).say(9.9, speed=80.0, pedal_position=0.0, engine_speed=1800.0, power_connected=True)
    bench.say(10.0, power_connected=False).press(10.0, pedal).keep(10.6)
    assert bench.car.engine_drives(10.6) is True
    bench.keep(10.7).say(10.7, speed=kph)
    assert bench.car.engine_drives(10.7) is (kph > 79.5 or pedal < 25.0)
    assert bench.say(10.8, engine_speed=0.0).car.engine_drives(10.8) is False
    assert Bench(HYBRID).say(10.0, engine_speed=1800.0).car.engine_drives(10.0) is False, "at no known speed"


def test_nobody_knows_without_speed_pedal_or_torque() -> None:
    bench = pressed().keep(11.0).say(11.0, speed=75.0)
    assert (bench.car.no_torque(11.0), bench.car.no_torque(11.5)) == (True, None), "the torque is stale"
    assert (bench.car.no_drive(11.4), bench.car.no_drive(11.5)) == (False, None), "the pedal is stale"
    silent = Bench(COMBUSTION).say(10.0, pedal_position=60.0, drive_torque=0.0).keep(11.0)
    assert silent.car.no_torque(11.0) is None and silent.car.no_drive(11.0) is None
    assert silent.say(11.2, speed=50.0).say(11.3, speed=40.0).car.no_torque(11.3) is False, "from no known speed"


def test_a_pedal_let_go_in_between_starts_anew() -> None:
    bench = pressed().keep(10.5).say(10.5, pedal_position=0.0).press(10.6, 60.0).keep(11.29)
    assert bench.say(11.29, speed=75.0).car.no_torque(11.29) is False
    assert bench.say(11.31, speed=75.0, pedal_position=60.0).car.no_torque(11.31) is True


def test_a_car_that_says_nothing_but_pedal_and_speed_is_asked_all_the_same() -> None:
    plain = plain_car(only=frozenset({Vss.SPEED, Vss.PEDAL_POSITION}))
    bench = Bench(plain).say(10.0, speed=60.0, pedal_position=0.0).say(10.0, pedal_position=60.0)
    assert bench.keep(12.0).say(12.0, speed=55.0).car.no_drive(12.0) is True


@pytest.mark.parametrize("at_s", [nextafter(12.5, 0.0), 12.5])
def test_a_pedal_that_stays_where_it_is_to_the_last_bit_hangs(at_s: float) -> None:
    bench = Bench(COMBUSTION).say(9.9, speed=64.0, pedal_position=0.0).press(10.0, 60.0)
    for again_s in (10.4, 10.8, 11.2, 11.6, 12.0, 12.4, at_s):
        bench.say(again_s, pedal_position=60.0)
    bench.say(at_s, speed=58.0)
    assert bench.car.no_drive(at_s) is (at_s < 12.5)


@pytest.mark.parametrize(("percent", "hangs"), [(nextafter(95.0, 0.0), True), (95.0, False), (100.0, False)])
def test_a_pedal_that_is_floored_is_still_and_does_not_hang(percent: float, hangs: bool) -> None:
    bench = Bench(COMBUSTION).say(9.9, speed=64.0, pedal_position=0.0)
    for tenth in range(40):
        bench.say(10.0 + tenth / 10, pedal_position=percent)
    bench.say(13.9, speed=58.0)
    assert bench.car.no_drive(13.9) is not hangs
