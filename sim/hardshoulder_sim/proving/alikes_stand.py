"""Look-alikes around the key: switching off, sleeping, waking, cranking."""

from hardshoulder_sim.interference import ALL_NODES, Distortion, Lie
from hardshoulder_sim.physics.course import Act, Spell
from hardshoulder_sim.proving.alikes_road import WHEELS
from hardshoulder_sim.proving.cars import CarKind
from hardshoulder_sim.proving.composer import LOCK, OFF, ON, START, Composer

SLEEPS_S = (1.4, 4.1, 13.8)
"""Silences between a real car's wake-up bursts after key-off."""

_ORDERS = (
    Distortion("BCM_Power", "PowerMode", Lie.STUCK, word="OFF"),
    Distortion("BCM_Power", "PowerMode", Lie.FROZEN),
    Distortion("PCM_Engine", "EngineState", Lie.STUCK, word="OFF"),
    Distortion("PCM_Engine", "EngineState", Lie.FROZEN),
    Distortion("PCM_Engine", "EngineSpeed", Lie.STUCK),
    Distortion("PCM_Engine", "EngineSpeed", Lie.FROZEN),
    Distortion("PCM_Drive", "DriveReady", Lie.STUCK, word="NOT_READY"),
    Distortion("PCM_Drive", "DriveReady", Lie.FROZEN),
    Distortion("BMS_Contactors", "ContactorState", Lie.STUCK, word="OPEN"),
    Distortion("BMS_Contactors", "ContactorState", Lie.FROZEN),
)
"""Who says early or late that it is all over."""


def key_off_orders(drive: Composer) -> None:
    """Key-off at standstill: some signals go ahead of the key, some lag, and nodes leave in any order."""
    drive.halt()
    with drive.marked("key-off-orders"):
        begin_s = drive.now_s
        drive.wait(drive.some(0.3, 1.0))
        for order in drive.random.sample(_ORDERS, 5):
            early = order.lie is Lie.STUCK
            drive.lie(order, drive.some(0.1, 1.2), after_s=0.0 if early else drive.some(0.4, 0.8))
        drive.wait(drive.some(0.2, 1.0))
        drive.turn(OFF)
        for node in drive.random.sample(sorted(ALL_NODES), 3):
            drive.out(frozenset({node}), drive.some(1.0, 4.0), after_s=drive.some(0.0, 1.0))
        drive.wait(drive.some(3.0, 9.0))
        drive.start()
        drive.acts.append(Spell(Act.PARKED, begin_s + 0.2, drive.now_s))
        drive.wait(0.5)


def bus_sleeps(drive: Composer) -> None:
    """After key-off the whole bus falls silent and wakes in bursts."""
    with drive.parked(), drive.marked("bus-sleeps"):
        drive.turn(OFF)
        drive.wait(drive.some(0.5, 2.0))
        drive.turn(LOCK)
        drive.wait(drive.some(0.5, 4.0))
        for sleep_s in drive.random.sample(SLEEPS_S, drive.random.choice((1, 2, 3))):
            drive.out(ALL_NODES, sleep_s)
            drive.wait(sleep_s)
            burst_s = drive.some(0.2, 2.0)
            drive.wakes.append(Spell(None, drive.now_s - 0.1, drive.now_s + burst_s))
            drive.wait(burst_s)
        drive.start()


def cranking(drive: Composer) -> None:
    """A weak start: the ignition line drops, 12 V falls to 6 V, and the speeds say that they have none."""
    with drive.parked(), drive.marked("cranking"):
        drive.turn(OFF)
        drive.wait(drive.some(0.5, 3.0))
        drive.turn(ON)
        drive.wait(drive.some(0.5, 1.0))
        _brown_out(drive, drive.some(0.4, 0.8), to_v=6.0)
        drive.turn(START)
        drive.wait(drive.some(0.7, 1.3))
        drive.turn(ON)
        drive.wait(2.5)


def cranking_while_rolling(drive: Composer) -> None:
    """The start-stop system cranks while the car rolls, with the same brown-out."""
    if drive.kind is CarKind.MILD_HYBRID:
        drive.cruise(70.0, 120.0)
        drive.wait(2.0)
    else:
        drive.cruise(25.0, 45.0)
    with drive.marked("cranking-while-rolling"):
        if drive.kind is CarKind.MILD_HYBRID:
            seconds = drive.some(4.0, 8.0)
            drive.act(Act.LIFT, seconds)
            drive.ramp(max(drive.kph - 1.2 * seconds, 55.0), seconds)
        else:
            drive.reach(drive.some(6.0, 10.0))
            drive.ramp(drive.some(4.0, 6.0), 1.0)
        _brown_out(drive, drive.some(0.3, 0.5), to_v=7.0, after_s=0.1)
        drive.reach(drive.kph + 20.0)


def _brown_out(drive: Composer, seconds: float, to_v: float, after_s: float = 0.0) -> None:
    drive.lie(Distortion("BCM_Power", "PowerMode", Lie.STUCK, word="ACC"), seconds, after_s)
    drive.lie(Distortion("SUP_Supply", "SupplyVoltage", Lie.STUCK, to_v), seconds, after_s)
    drive.lie(Distortion("ESC_Speed", "VehicleSpeed", Lie.ABSENT), 0.5, after_s)
    for wheel in WHEELS:
        drive.lie(Distortion("ESC_Wheels", wheel, Lie.ABSENT), 0.5, after_s)
