"""Recorded drives of real cars, and drives written by hand for the cars whose profiles ship with their DBC."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hardshoulder.compile import compile_profile
from hardshoulder.core.bits import insert
from hardshoulder.core.plan import CarPlan, MessagePlan
from hardshoulder.core.protection import protect
from hardshoulder.core.vocabulary import WHEELS, Value, Vss
from hardshoulder.profile import Profile, find_profile, load_profile
from hardshoulder_sim.recordings.logs import LogFrame
from hardshoulder_sim.recordings.rewrite import guarded_messages, raw_of

START_S = 1_700_000_000.0

CRUISING: dict[Vss, Value] = {
    Vss.SPEED: 80.0,
    Vss.POWER_STATE: "ON",
    Vss.SUPPLY_VOLTAGE: 14.2,
    Vss.ENGINE_RUNNING: True,
    Vss.ENGINE_SPEED: 2000.0,
    Vss.POWER_CONNECTED: True,
    Vss.DRIVE_READY: True,
    Vss.PEDAL_POSITION: 15.0,
    Vss.SELECTED_GEAR: "DRIVE",
    Vss.FUEL_LEVEL: 50.0,
    Vss.STATE_OF_CHARGE: 60.0,
    Vss.DRIVE_TORQUE: 150.0,
    Vss.IGNITION_SWITCH: "ON",
    Vss.GNSS_SPEED: 80.0,
    **dict.fromkeys(WHEELS, 80.0),
}


@dataclass(frozen=True, slots=True)
class RecordedCar:
    """A real car's profile with one of its DBC files, and its drive; paths inside the folder of recordings.

    dbc: empty where the profile has its own.
    """

    profile: str
    dbc: str
    log: str

    def dbc_files(self, drives: Path) -> tuple[Path, ...]:
        """The files to compile the profile with."""
        return (drives / self.dbc,) if self.dbc else ()


RECORDED_CARS = (
    RecordedCar("tesla-model3", "tesla-model3/Model3CAN.dbc", "tesla-model3/drive.log"),
    RecordedCar("alfa-giulia", "alfa-giulia/fca_giorgio.sanitized.dbc", "alfa-giulia/drive.log.gz"),
    RecordedCar("alfa-giulia", "alfa-giulia/fca_giorgio.dbc", "alfa-giulia/drive.log.gz"),
    RecordedCar("ford-mustang-s550", "ford-mustang/ford_lincoln_base_pt.dbc", "ford-mustang/drive.log.gz"),
)

DRIVEN_CARS = (
    *RECORDED_CARS,
    RecordedCar("subaru-brz", "subaru-brz/subaru_outback_2015_generated.dbc", "subaru-brz/drive.log.gz"),
    RecordedCar("obd2", "", "obd-trip164/drive.log.gz"),
    RecordedCar("obd2-gnss", "", "obd-trip164/drive.log.gz"),
)
"""Every profile of a car that was recorded while it drove."""

STANDING_CAR = RecordedCar("hyundai-kona-ev", "kona-ev/kona_pcan.dbc", "kona-ev/power-cycle.csv.gz")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A profile and what became of it."""

    profile: Profile
    plan: CarPlan
    guarded: frozenset[str]


@cache
def compiled(profile: str, dbc: tuple[Path, ...] = ()) -> Compiled:
    """The shipped profile of that name, compiled with these DBC files."""
    path = find_profile(profile)
    loaded = load_profile(path)
    return Compiled(loaded, compile_profile(path, dbc), guarded_messages(loaded, path, dbc))


def payload(message: MessagePlan, number: int, values: Mapping[Vss, Value]) -> bytes:
    """The frame with that running number; a signal without a value says zero."""
    data = bytearray(message.length)
    # Two signals may be read from one field: what is said wins over what is not.
    for signal in sorted(message.signals, key=lambda signal: signal.vss in values):
        insert(data, signal.field, raw_of(signal, values.get(signal.vss, 0.0)) or 0)
    counter = None if message.counter is None else (message.counter, number)
    return protect(message.can_id, bytes(data), counter, message.checksum)


def drive(
    plan: CarPlan,
    duration_s: float,
    values: Mapping[Vss, Value] = CRUISING,
    without: frozenset[str] = frozenset(),
    begin_s: float = 0.0,
) -> Iterator[LogFrame]:
    """Every message at its cycle time on channel can0, with an unwanted frame each millisecond between.

    begin_s: the part of a drive that begins there and goes on with its counters.
    """
    due_s = {message.name: 0.0003 * place for place, message in enumerate(plan.messages)}
    numbers = dict.fromkeys(due_s, 0)
    begin, end = round(begin_s * 1000), round((begin_s + duration_s) * 1000)
    for tick in range(end):
        now_s = tick / 1000
        if tick >= begin:
            yield LogFrame(START_S + now_s, "can0", 0x7F0, bytes((tick & 0xFF,)))
        for message in plan.messages:
            if now_s >= due_s[message.name] and message.name not in without:
                if tick >= begin:
                    data = payload(message, numbers[message.name], values)
                    yield LogFrame(START_S + now_s, "can0", message.can_id, data)
                numbers[message.name] += 1
                due_s[message.name] += message.cycle_s
