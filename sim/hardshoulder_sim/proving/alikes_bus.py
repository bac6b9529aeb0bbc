"""Look-alikes that happen to the messages: garbled frames, nodes that start anew, sensors that lie."""

from collections.abc import Sequence

from hardshoulder_sim.interference import ALL_NODES, Distortion, Garble, Garbling, Lie
from hardshoulder_sim.nodes import messages_of
from hardshoulder_sim.physics.course import Spell
from hardshoulder_sim.physics.vehicle_spec import Fault
from hardshoulder_sim.proving.alikes_road import WHEELS
from hardshoulder_sim.proving.composer import Composer
from hardshoulder_sim.proving.variants import Variant, plan_of

_GARBAGE = (Garble.RANDOM, Garble.ZEROS, Garble.ONES, Garble.SHORT)
_SPEED = Distortion("ESC_Speed", "VehicleSpeed", Lie.FROZEN)
_RPM = Distortion("PCM_Engine", "EngineSpeed", Lie.FROZEN)
_PEDAL = Distortion("PCM_Drive", "AcceleratorPedal", Lie.FROZEN)
_TORQUE = Distortion("PCM_Drive", "DriveTorque", Lie.FROZEN)
_VOLTS = Distortion("SUP_Supply", "SupplyVoltage", Lie.FROZEN)
_GNSS = Distortion("GNS_Motion", "GnssSpeed", Lie.FROZEN)
_FROZEN = (_SPEED, _RPM, _PEDAL, _TORQUE, _VOLTS, _GNSS)
_NOISES = {_SPEED: 2.0, _RPM: 150.0, _PEDAL: 4.0, _TORQUE: 60.0, _VOLTS: 1.2, _GNSS: 6.0}


def _messages(drive: Composer) -> list[str]:
    """The messages that this car's profile reads."""
    return [message.name for message in plan_of(drive.kind, drive.variant).messages]


def _on_the_move(drive: Composer) -> None:
    if drive.kph < 30.0:
        drive.cruise(35.0, 130.0)


def _garble(drive: Composer, name: str, garbles: Sequence[Garble], most: int, least: int = 1) -> None:
    """So many frames in a row of one of the messages that the profile reads."""
    _on_the_move(drive)
    with drive.marked(name):
        garbling = Garbling(
            drive.random.choice(_messages(drive)), drive.random.choice(garbles), drive.random.randint(least, most)
        )
        drive.garblings.append(Spell(garbling, drive.now_s, drive.now_s + 2.0))
        drive.wait(2.5)


def corrupt_frame(drive: Composer) -> None:
    """One frame that says anything."""
    _garble(drive, "corrupt-frame", _GARBAGE, 1)


def corrupt_frames(drive: Composer) -> None:
    """Two in a row that say the same nonsense."""
    _garble(drive, "corrupt-frames", (Garble.ZEROS, Garble.ONES), 2, 2)


def counter_error(drive: Composer) -> None:
    """A counter stands still, or jumps."""
    _garble(drive, "counter-error", (Garble.COUNTER, Garble.SKIP), 20)


def checksum_error(drive: Composer) -> None:
    """Checksums that do not hold, for up to a second."""
    _garble(drive, "checksum-error", (Garble.CHECKSUM,), 20)


def doubled_frames(drive: Composer) -> None:
    """Frames that come twice."""
    _garble(drive, "doubled-frames", (Garble.DOUBLED,), 20)


def late_frames(drive: Composer) -> None:
    """Frames that come after those which were sent later."""
    _garble(drive, "late-frames", (Garble.LATE,), 20)


def node_reset(drive: Composer) -> None:
    """Any control unit but the drive's starts anew, and is back within two seconds."""
    _on_the_move(drive)
    with drive.marked("node-reset"):
        present = {_node(name) for name in messages_of(plan_of(drive.kind, drive.variant).propulsion)} - {"PCM"}
        drive.out(frozenset({drive.random.choice(sorted(present))}), drive.some(0.3, 2.0))
        drive.wait(4.0)


def drive_reset(drive: Composer) -> None:
    """The drive's control unit starts anew; half of them let the drive go meanwhile."""
    drive.cruise(60.0, 130.0)
    with drive.marked("drive-reset"):
        seconds = drive.some(0.5, 2.0)
        if drive.random.random() < 0.5:
            drive.faults.append(Spell(Fault.DRIVE_NODE_RESETS, drive.now_s, drive.now_s + seconds))
        else:
            drive.out(frozenset({"PCM"}), seconds)
        drive.wait(5.0)


def gateway_asleep(drive: Composer) -> None:
    """A gateway between us and the car falls asleep: nothing at all comes through for a while."""
    _on_the_move(drive)
    with drive.marked("gateway-asleep"):
        seconds = drive.some(3.0, 15.0)
        drive.out(ALL_NODES, seconds)
        drive.wait(seconds + 3.0)


def sensor_frozen(drive: Composer) -> None:
    """A sensor says the same for a while, to the bit."""
    _steadily(drive)
    with drive.marked("sensor-frozen"):
        frozen = drive.random.choice([lie for lie in _FROZEN if _has(drive, lie)])
        _lies_for_a_while(drive, frozen)


def sensor_stuck(drive: Composer) -> None:
    """A sensor is stuck at an end of its range, where others contradict it."""
    _steadily(drive)
    with drive.marked("sensor-stuck"):
        stuck = [
            Distortion("SUP_Supply", "SupplyVoltage", Lie.STUCK),
            Distortion("ESC_Wheels", drive.random.choice(WHEELS), Lie.STUCK),
            Distortion("ESC_Speed", "VehicleSpeed", Lie.STUCK),
            Distortion("PCM_Drive", "AcceleratorPedal", Lie.STUCK),
            Distortion("PCM_Drive", "AcceleratorPedal", Lie.STUCK, 60.0),
            Distortion("PCM_Drive", "AcceleratorPedal", Lie.STUCK, 100.0),
            Distortion("PCM_Drive", "DriveTorque", Lie.STUCK),
            Distortion("GNS_Motion", "GnssSpeed", Lie.STUCK),
        ]
        if drive.variant is not Variant.LEAN:
            stuck.append(Distortion("PCM_Engine", "EngineSpeed", Lie.STUCK))
        _lies_for_a_while(drive, drive.random.choice([lie for lie in stuck if _has(drive, lie)]))


def sensor_noisy(drive: Composer) -> None:
    """A sensor with a bad contact."""
    _steadily(drive)
    with drive.marked("sensor-noisy"):
        lie = drive.random.choice([lie for lie in _FROZEN if _has(drive, lie)])
        _lies_for_a_while(drive, Distortion(lie.message, lie.signal, Lie.NOISY, _NOISES[lie]))


def same_id_on_two_buses(drive: Composer) -> None:
    """Each bus has a message under an identifier that means something else on the other, all the time."""
    _on_the_move(drive)
    with drive.marked("same-id-on-two-buses"):
        drive.wait(3.0)


def _steadily(drive: Composer) -> None:
    _on_the_move(drive)
    drive.wait(1.0)


def _lies_for_a_while(drive: Composer, distortion: Distortion) -> None:
    seconds = drive.some(3.0, 12.0)
    drive.lie(distortion, seconds)
    drive.ramp(max(drive.kph + drive.some(-12.0, 8.0), 30.0), seconds)
    drive.wait(2.0)


def _has(drive: Composer, distortion: Distortion) -> bool:
    """Whether this car's profile reads the message."""
    return distortion.message in _messages(drive)


def _node(message: str) -> str:
    return message.partition("_")[0]
