"""Every shipped profile of a real car on a recording of it: no alarm, every signal read, and what it says is true."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import mean, median

import pytest

from hardshoulder.core.decode import Decoder, Fault
from hardshoulder.core.frame import Frame
from hardshoulder.core.vocabulary import WHEELS, Value, Vss
from hardshoulder.profile import shipped_profiles
from hardshoulder_sim.recordings.channels import SURVEY_FRAMES, Channels, log_channels
from hardshoulder_sim.recordings.logs import open_log
from hardshoulder_sim.recordings.replay import ReplayOptions, replay
from support.recorded import DRIVEN_CARS, STANDING_CAR, Compiled, RecordedCar, compiled

pytestmark = pytest.mark.slow

CARS = (*DRIVEN_CARS, STANDING_CAR)
Said = tuple[float, float] | set[Value]
"""Lowest and highest number, a little apart from what was seen; or all the words."""
FALSE: Said = {False}
TRUE: Said = {True}
EITHER: Said = {False, True}


def wheels(highest_kph: float) -> dict[Vss, Said]:
    """Four wheels that stood and went as fast as that."""
    return dict.fromkeys(WHEELS, (0.0, highest_kph))


POLLED: dict[Vss, Said] = {
    Vss.SPEED: (0.0, 88.0),
    Vss.ENGINE_SPEED: (0.0, 3114.0),
    Vss.SUPPLY_VOLTAGE: (11.8, 15.0),
    Vss.FUEL_LEVEL: (51.0, 55.0),
}
SATELLITES: dict[Vss, Said] = {Vss.GNSS_SPEED: (0.0, 88.0), Vss.HEADING: (0.0, 360.0)}

SEEN: dict[str, dict[Vss, Said]] = {
    "tesla-model3": {
        Vss.SPEED: (71.0, 103.0),
        Vss.DRIVE_READY: TRUE,
        Vss.SELECTED_GEAR: {"DRIVE"},
        Vss.PEDAL_POSITION: (0.0, 30.0),
        Vss.BRAKE_PRESSED: FALSE,
    },
    "alfa-giulia": {
        Vss.SPEED: (0.0, 92.3),
        Vss.ENGINE_SPEED: (690.0, 4170.0),
        Vss.PEDAL_POSITION: (0.0, 101.61),
        Vss.BRAKE_PRESSED: EITHER,
        **wheels(93.0),
    },
    "ford-mustang-s550": {
        Vss.SPEED: (0.0, 57.3),
        Vss.ENGINE_SPEED: (620.0, 5780.0),
        Vss.ENGINE_RUNNING: TRUE,
        Vss.ENGINE_RESTS: FALSE,
        Vss.DRIVE_READY: TRUE,
        Vss.DRIVE_TORQUE: (-530.0, 4940.0),
        Vss.PEDAL_POSITION: (0.0, 100.0),
        Vss.BRAKE_PRESSED: EITHER,
        Vss.BRAKE_FAILING: FALSE,
        Vss.PARKING_BRAKE: FALSE,
        Vss.SELECTED_GEAR: {"PARK", "REVERSE", "NEUTRAL", "DRIVE"},
        Vss.POWER_STATE: {"ON"},
        Vss.SUPPLY_VOLTAGE: (14.1, 14.3),
        Vss.INDICATOR_LEFT: FALSE,
        Vss.INDICATOR_RIGHT: FALSE,
        Vss.AIRBAG_DEPLOYED: FALSE,
        Vss.MALFUNCTION: FALSE,
        Vss.OIL_PRESSURE_LOW: FALSE,
        Vss.OVERHEATED: FALSE,
        **wheels(58.5),  # the rear ones spin
    },
    "subaru-brz": {
        Vss.SPEED: (0.0, 130.5),
        Vss.ENGINE_SPEED: (640.0, 6040.0),
        Vss.PEDAL_POSITION: (0.0, 100.01),
        Vss.BRAKE_PRESSED: EITHER,
        Vss.INDICATOR_LEFT: EITHER,
        Vss.INDICATOR_RIGHT: FALSE,
        **wheels(131.0),
    },
    "obd2": POLLED,
    "obd2-gnss": POLLED | SATELLITES,
    "hyundai-kona-ev": {
        Vss.SPEED: (0.0, 0.0),
        Vss.POWER_STATE: {"OFF", "ON"},
        Vss.IGNITION_SWITCH: {"OFF", "START", "ON"},
        Vss.POWER_CONNECTED: EITHER,
        Vss.STATE_OF_CHARGE: (36.0, 37.0),
        Vss.SUPPLY_VOLTAGE: (12.0, 13.5),
        Vss.SELECTED_GEAR: {"PARK"},
        Vss.BRAKE_PRESSED: TRUE,
        **wheels(0.0),
    },
}
NOT_RECORDED: dict[str, set[Vss]] = {
    "tesla-model3": {Vss.POWER_CONNECTED, Vss.HAZARD_SIGNALING},  # an excerpt of three ids
    "obd2-gnss": {Vss.LATITUDE, Vss.LONGITUDE},  # taken out, to tell nobody where it was
}


@dataclass(frozen=True, slots=True)
class Drive:
    """A recording as its profile reads it: (seconds since its first frame, value) by signal, and what was wrong."""

    car: RecordedCar
    made: Compiled
    readings: dict[Vss, list[tuple[float, Value]]]
    faults: dict[tuple[str, Fault], int]
    others: dict[int, list[tuple[float, bytes]]]

    def numbers(self, vss: Vss) -> list[tuple[float, float]]:
        """The readings of a number."""
        return [(at_s, float(value)) for at_s, value in self.readings[vss]]

    def story(self, vss: Vss) -> list[Value]:
        """The values one after the other, each once until it changes."""
        values = [value for _, value in self.readings[vss]]
        return values[:1] + [after for before, after in pairwise(values) if before != after]


WITNESSES = {0x101, 0x202, 0x257}
"""Frames in which a car says its speed once more, whether the profile reads them or not."""


def read(car: RecordedCar, drives: Path) -> Drive:
    """Decodes the whole recording."""
    made = compiled(car.profile, car.dbc_files(drives))
    channels, decoder = Channels(made.plan, log_channels(made.profile), {}), Decoder(made.plan)
    drive = Drive(car, made, {}, {}, {can_id: [] for can_id in WITNESSES})
    frames = open_log(drives / car.log)
    first = list(islice(frames, SURVEY_FRAMES))
    channels.survey(first)
    start_s = first[0].at_s
    for frame in chain(first, frames):
        bus, at_s = channels.routes.get((frame.channel, frame.can_id)), frame.at_s - start_s
        if frame.can_id in WITNESSES:
            drive.others[frame.can_id].append((at_s, frame.data))
        decoded = None if bus is None else decoder.decode(Frame(at_s, bus, frame.can_id, frame.data))
        for vss, value in decoded.readings if decoded is not None else ():
            drive.readings.setdefault(vss, []).append((at_s, value))
    drive.faults.update(decoder.faults)
    return drive


@pytest.fixture(scope="module", params=CARS, ids=lambda car: f"{car.profile} {car.dbc}")
def drive(request: pytest.FixtureRequest, drives: Path) -> Drive:
    assert isinstance(request.param, RecordedCar)
    return read(request.param, drives)


@pytest.fixture(scope="module")
def drive_of(drives: Path) -> dict[str, Drive]:
    """Those that are looked at more closely, read when they are asked for."""
    return {}


def one(found: dict[str, Drive], name: str, drives: Path) -> Drive:
    """The recording of one profile."""
    if name not in found:
        found[name] = read(next(car for car in CARS if car.profile == name), drives)
    return found[name]


def test_every_profile_of_a_real_car_has_its_recording() -> None:
    real = {name for name in shipped_profiles() if not name.startswith("reference-")}
    assert {car.profile for car in CARS} == real == SEEN.keys()


def test_no_alarm(drive: Drive, drives: Path) -> None:
    options = ReplayOptions(log_channels(drive.made.profile))
    result = replay(drives / drive.car.log, drive.made.plan, options)
    assert result.incidents == ()
    assert result.notices == ()
    assert result.holes == ()
    armed = any("driving" in line.what for line in result.lines)
    assert armed is (drive.car is not STANDING_CAR), "it never armed, so it proves nothing"


def test_every_signal_is_read_and_nothing_else_than_what_was_seen(drive: Drive) -> None:
    seen, absent = SEEN[drive.car.profile], NOT_RECORDED.get(drive.car.profile, set())
    assert set(drive.made.profile.signals) == seen.keys() | absent
    assert drive.readings.keys() == seen.keys()
    for vss, expected in seen.items():
        values = [value for _, value in drive.readings[vss]]
        assert len(values) > 20, vss
        if isinstance(expected, set):
            assert set(values) == expected, vss
        else:
            numbers = [float(value) for value in values]
            assert expected[0] <= min(numbers) <= max(numbers) <= expected[1], vss
            assert max(numbers) >= expected[1] * 0.9 or vss in (Vss.HEADING, Vss.SUPPLY_VOLTAGE), vss


def test_no_frame_is_refused(drive: Drive) -> None:
    """Lengths, checksums and counters are those of the car, and no raw comes that has no meaning."""
    # A logger that loses sixteen frames in a row lets the counter seem to stand; one does, once.
    lost = {key: count for key, count in drive.faults.items() if key[1] in (Fault.COUNTER, Fault.NOT_AVAILABLE)}
    assert drive.faults.keys() == lost.keys()
    assert sum(count for key, count in lost.items() if key[1] is Fault.COUNTER) <= 1
    # 0 V for "switched off", in the standing car alone.
    absent = {key[0] for key in lost if key[1] is Fault.NOT_AVAILABLE}
    assert absent == ({"BatteryCharging"} if drive.car is STANDING_CAR else set())


def test_signals_come_as_often_as_the_profile_says(drive: Drive) -> None:
    """The usual distance is the cycle, and no ordinary one lets a value grow stale."""
    for message in drive.made.plan.messages:
        for signal in message.signals:
            times_s = [at_s for at_s, _ in drive.readings.get(signal.vss, ())]
            gaps_s = sorted(after - before for before, after in pairwise(times_s))
            if gaps_s:
                assert 0.4 <= median(gaps_s) / signal.cycle_s <= 2.0, signal.vss
                assert gaps_s[int(len(gaps_s) * 0.98)] < signal.stale_after_s, signal.vss


# What is said is true -----------------------------------------------------------------------


def nearest(times_and_values: list[tuple[float, float]], at_s: Iterable[float]) -> list[float]:
    """The last value at each of these ascending times."""
    found, place = [], 0
    for now_s in at_s:
        while place + 1 < len(times_and_values) and times_and_values[place + 1][0] <= now_s:
            place += 1
        found.append(times_and_values[place][1])
    return found


def ratios(said: list[tuple[float, float]], witness: list[tuple[float, float]], above_kph: float = 20.0) -> list[float]:
    """What is said in parts of what the witness says, where that is fast."""
    beside = nearest(witness, [at_s for at_s, _ in said])
    return [kph / other for (_, kph), other in zip(said, beside, strict=True) if other > above_kph]


@pytest.mark.parametrize("name", ["alfa-giulia", "ford-mustang-s550", "subaru-brz"])
def test_wheels_agree_with_the_speed(name: str, drive_of: dict[str, Drive], drives: Path) -> None:
    drive = one(drive_of, name, drives)
    for wheel in WHEELS:
        beside = ratios(drive.numbers(wheel), drive.numbers(Vss.SPEED))
        assert len(beside) > 500
        assert median(beside) == pytest.approx(1.0, abs=0.025), wheel


def bits(data: bytes, start: int, length: int) -> int:
    """Bits of the payload counted from its first one, most significant first."""
    return int.from_bytes(data, "big") >> len(data) * 8 - start - length & (1 << length) - 1


@pytest.mark.parametrize(
    ("name", "can_id", "start", "length", "scale"),
    [
        ("alfa-giulia", 0x101, 8, 11, 0.017 * 3.6),  # ABS_6.VEHICLE_SPEED, which ends at 125 km/h
        ("ford-mustang-s550", 0x202, 48, 16, 0.01),  # EngVehicleSpThrottle2.Veh_V_ActlEng
        ("tesla-model3", 0x257, 24, 8, 1.0),  # UIspeed_abs257, what the driver reads
    ],
)
def test_the_speed_is_what_another_field_says(
    name: str, can_id: int, start: int, length: int, scale: float, drive_of: dict[str, Drive], drives: Path
) -> None:
    drive = one(drive_of, name, drives)
    witness = [(at_s, bits(data, start, length) * scale) for at_s, data in drive.others[can_id]]
    beside = ratios(drive.numbers(Vss.SPEED), witness)
    assert len(beside) > 300
    assert median(beside) == pytest.approx(1.0, abs=0.025)


def test_satellites_agree_with_a_polled_speed(drive_of: dict[str, Drive], drives: Path) -> None:
    drive = one(drive_of, "obd2-gnss", drives)
    satellites = drive.numbers(Vss.GNSS_SPEED)
    beside = nearest(drive.numbers(Vss.SPEED), [at_s for at_s, _ in satellites])
    apart = [kph - other for (_, kph), other in zip(satellites, beside, strict=True) if other > 20]
    assert len(apart) > 1500
    assert abs(mean(apart)) < 1.5
    assert median(abs(kph) for kph in apart) < 1.5


def test_brakes_slow_the_car_and_the_pedal_does_not(drive_of: dict[str, Drive], drives: Path) -> None:
    for name in ("alfa-giulia", "ford-mustang-s550", "subaru-brz"):
        drive = one(drive_of, name, drives)
        seconds = [second / 2 for second in range(2, int(drive.readings[Vss.SPEED][-1][0] * 2) - 2)]
        speeds = nearest(drive.numbers(Vss.SPEED), seconds)
        later = nearest(drive.numbers(Vss.SPEED), [at_s + 0.5 for at_s in seconds])
        brakes = nearest([(at_s, float(value)) for at_s, value in drive.readings[Vss.BRAKE_PRESSED]], seconds)
        pedals = nearest(drive.numbers(Vss.PEDAL_POSITION), seconds)
        rows = list(zip(speeds, later, brakes, pedals, strict=True))
        braked = [after - before for before, after, brake, _ in rows if brake and before > 10]
        pushed = [after - before for before, after, brake, pedal in rows if not brake and pedal > 40]
        assert pushed, name
        assert median(pushed) > 0, name
        assert name == "subaru-brz" or median(braked) < -1, name  # that one brakes only while it stands
        assert not any(brake and pedal > 20 for _, _, brake, pedal in rows), name


def test_torque_follows_the_pedal(drive_of: dict[str, Drive], drives: Path) -> None:
    drive = one(drive_of, "ford-mustang-s550", drives)
    torques = drive.numbers(Vss.DRIVE_TORQUE)
    pedals = nearest(drive.numbers(Vss.PEDAL_POSITION), [at_s for at_s, _ in torques])
    pressed = [torque for (_, torque), pedal in zip(torques, pedals, strict=True) if pedal > 50]
    released = [torque for (_, torque), pedal in zip(torques, pedals, strict=True) if pedal == 0]
    assert median(pressed) > 2000
    assert median(released) < 50


def test_a_polled_engine_never_stands_while_the_car_moves(drive_of: dict[str, Drive], drives: Path) -> None:
    drive = one(drive_of, "obd2-gnss", drives)
    speeds = nearest(drive.numbers(Vss.SPEED), [at_s for at_s, _ in drive.readings[Vss.ENGINE_SPEED]])
    assert min(rpm for (_, rpm), kph in zip(drive.numbers(Vss.ENGINE_SPEED), speeds, strict=True) if kph > 2) > 600


def test_the_standing_car_is_switched_on_and_off_on_the_right_bus(drive_of: dict[str, Drive], drives: Path) -> None:
    drive = one(drive_of, STANDING_CAR.profile, drives)
    # On the other bus the same id says OFF all the time; taken for one, the two flap 126 times.
    assert drive.story(Vss.POWER_STATE) == ["OFF", "ON", "OFF"]
    assert drive.story(Vss.IGNITION_SWITCH) == ["OFF", "START", "ON", "OFF"]
    assert drive.story(Vss.POWER_CONNECTED) == [False, True, False]
    volts = drive.numbers(Vss.SUPPLY_VOLTAGE)
    assert volts[0][1] < 12.3 < 13.2 < volts[-1][1]  # charged from the traction battery meanwhile
