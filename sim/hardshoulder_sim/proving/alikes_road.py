"""Look-alikes that happen to car and driver: what a healthy car does that looks like a breakdown."""

from hardshoulder_sim.interference import ALL_NODES, Distortion, Lie
from hardshoulder_sim.physics.course import Act, Ground, Spell
from hardshoulder_sim.physics.vehicle_spec import Fault, PowerMode
from hardshoulder_sim.proving.composer import ACC, OFF, ON, START, Composer

WHEELS = ("WheelSpeedFrontLeft", "WheelSpeedFrontRight", "WheelSpeedRearLeft", "WheelSpeedRearRight")


def start_stop_halt(drive: Composer) -> None:
    """The engine stops on the way to a halt at the lights, and starts when the foot leaves the brake."""
    drive.cruise(25.0, 60.0)
    with drive.marked("start-stop-halt"):
        drive.reach(0.0)
        drive.wait(drive.some(2.0, 8.0))
        drive.reach(drive.some(20.0, 50.0))


def start_stop_rolling(drive: Composer) -> None:
    """The lights turn green before the car stands: the engine stopped and starts again while it rolls."""
    drive.cruise(25.0, 50.0)
    with drive.marked("start-stop-rolling"):
        drive.reach(drive.some(4.0, 10.0))
        drive.ramp(drive.some(3.0, 6.0), drive.some(1.0, 2.0))
        drive.reach(drive.some(25.0, 45.0))


def coast_engine_off(drive: Composer) -> None:
    """No pedal at 60 to 130 km/h: the engine stops, and starts when the pedal comes back."""
    drive.cruise(70.0, 130.0)
    drive.wait(drive.some(2.0, 4.0))
    with drive.marked("coast-engine-off"):
        seconds = drive.some(4.0, 15.0)
        drive.act(Act.LIFT, seconds)
        back_kph = drive.kph
        drive.ramp(max(drive.kph - 1.2 * seconds, 55.0), seconds)
        drive.reach(back_kph)
        drive.wait(2.0)


def drive_without_engine(drive: Composer) -> None:
    """A hybrid's engine, or no engine at all, while the car drives in town and lifts at speed."""
    drive.cruise(30.0, 110.0)
    with drive.marked("drive-without-engine"):
        drive.act(Act.LIFT, 4.0)
        drive.ramp(max(drive.kph - 10.0, 25.0), 4.0)
        drive.ramp(drive.kph + 3.0, 6.0)
        drive.wait(drive.some(2.0, 6.0))


def neutral_downhill(drive: Composer) -> None:
    """The selector in neutral on a hill; some play with the pedal meanwhile."""
    drive.cruise(40.0, 90.0)
    with drive.marked("neutral-downhill"):
        seconds = drive.some(4.0, 12.0)
        drive.slopes.append(Spell(drive.some(-0.05, -0.02), drive.now_s, drive.now_s + seconds))
        drive.act(drive.random.choice((Act.NEUTRAL, Act.BLIP)), seconds)
        drive.ramp(drive.kph + drive.some(-5.0, 5.0), seconds)
        drive.wait(2.0)


def learner_stall(drive: Composer) -> None:
    """The engine dies at walking speed, the car lurches, and is started again; the bus may hiccup."""
    drive.halt()
    with drive.marked("learner-stall"):
        drive.ramp(drive.some(4.0, 8.0), drive.some(1.5, 2.5))
        drive.faults.append(Spell(Fault.FUEL_CUT, drive.now_s, drive.now_s + 1.5))
        if drive.random.random() < 0.5:
            drive.out(ALL_NODES, 0.36, after_s=0.5)
            drive.lie(Distortion("ESC_Speed", "VehicleSpeed", Lie.STUCK), 0.5, after_s=0.4)
        drive.ramp(0.0, 1.0)
        drive.wait(drive.some(2.0, 12.0))
        drive.turn(START)
        drive.wait(1.0)
        drive.turn(ON)
        drive.wait(2.5)
        drive.reach(drive.some(20.0, 40.0))


def wheel_spin(drive: Composer) -> None:
    """The wheels spin on ice while the car pulls away."""
    drive.halt()
    with drive.marked("wheel-spin"):
        _slip(drive, drive.some(25.0, 90.0), drive.some(0.8, 3.0), after_s=0.8)
        drive.ramp(drive.some(8.0, 15.0), 3.5)
        drive.reach(drive.some(25.0, 45.0))


def wheel_lock(drive: Composer) -> None:
    """The wheels lock on ice under the brake, and turn again."""
    drive.cruise(50.0, 100.0)
    with drive.marked("wheel-lock"):
        _slip(drive, -2.0 * drive.kph, drive.some(0.3, 1.2), after_s=0.5)
        drive.ramp(drive.kph - drive.some(10.0, 20.0), 2.5)
        drive.wait(1.5)


def _slip(drive: Composer, amount_kph: float, seconds: float, after_s: float) -> None:
    """All that the brake controller says of the wheels is that much off, swelling and ebbing."""
    drive.lie(Distortion("ESC_Speed", "VehicleSpeed", Lie.SWELL, amount_kph), seconds, after_s)
    for wheel in WHEELS:
        drive.lie(Distortion("ESC_Wheels", wheel, Lie.SWELL, amount_kph), seconds, after_s)


def car_wash(drive: Composer) -> None:
    """A belt pushes the car along in neutral; half of the drivers switch the engine off."""
    drive.halt()
    with drive.marked("car-wash"):
        begin_s, off = drive.now_s, drive.random.random() < 0.5
        drive.wait(2.0)
        if off:
            drive.turn(ACC)
        seconds = drive.some(8.0, 15.0)
        belt = Ground(pull_mps=drive.some(0.2, 0.8))
        drive.grounds.append(Spell(belt, drive.now_s, drive.now_s + seconds))
        drive.wait(seconds)
        drive.wait(1.0)
        if off:
            drive.start()
        drive.acts.append(Spell(Act.NEUTRAL, begin_s, drive.now_s))
        drive.wait(1.0)


def ferry(drive: Composer) -> None:
    """The car is parked on a ship that sails; satellites see it move."""
    _carried(drive, "ferry", drive.some(5.0, 12.0))


def tow_flatbed(drive: Composer) -> None:
    """The car stands on a truck, its ignition off or on with nothing running."""
    _carried(drive, "tow-flatbed", drive.some(12.0, 26.0), ignition=drive.random.choice((OFF, ACC, ON)))


def _carried(drive: Composer, name: str, carrier_mps: float, ignition: PowerMode = OFF) -> None:
    """Nobody drives onto a ship or is loaded onto a truck within seconds of switching off."""
    with drive.parked(), drive.marked(name):
        drive.turn(OFF)
        drive.wait(drive.some(8.0, 12.0))
        if ignition is not OFF:
            drive.turn(ignition)
        seconds = drive.some(20.0, 30.0)
        drive.wakes.append(Spell(None, drive.now_s + 8.0, drive.now_s + drive.some(9.0, 14.0)))
        drive.carry(carrier_mps, seconds)
        drive.wait(seconds + 1.0)
        drive.start()


def tow_wheels_down(drive: Composer) -> None:
    """A truck pulls the car on its own wheels, the key in accessory or on, after it was parked and made fast."""
    drive.halt()
    with drive.marked("tow-wheels-down"):
        begin_s = drive.now_s
        drive.wait(1.0)
        drive.turn(OFF)
        drive.wait(drive.some(8.0, 14.0))
        drive.turn(drive.random.choice((ACC, ON)))
        drive.wait(1.0)
        seconds = drive.some(10.0, 18.0)
        rope = Ground(pull_mps=drive.some(6.0, 16.0))
        drive.grounds.append(Spell(rope, drive.now_s, drive.now_s + seconds))
        drive.grounds.append(Spell(Ground(pull_mps=0.0), drive.now_s + seconds, drive.now_s + seconds + 8.0))
        drive.wait(seconds + 8.0)
        drive.turn(OFF)
        drive.wait(1.0)
        drive.start()
        drive.acts.append(Spell(Act.NEUTRAL, begin_s, drive.now_s))
        drive.wait(1.0)


def dynamometer(drive: Composer) -> None:
    """Rollers turn the wheels; with a tester on the bus the ignition is switched off at speed."""
    drive.halt()
    with drive.marked("dynamometer"):
        begin_s, tester = drive.now_s, drive.random.random() < 0.5
        if tester:
            drive.testers.append(Spell(None, begin_s, begin_s + 60.0))
            drive.wait(2.0)
        drive.ramp(drive.some(60.0, 120.0), 10.0)
        drive.wait(2.0)
        if tester:
            drive.act(Act.NEUTRAL, 15.0)
            drive.wait(1.0)
            drive.turn(OFF)
            drive.ramp(0.0, 6.0)
        else:
            drive.reach(0.0)
        drive.wait(2.0)
        drive.grounds.append(Spell(Ground(rollers=True), begin_s, drive.now_s))
        if tester:
            drive.grounds.append(Spell(Ground(pull_mps=0.0, rollers=True), drive.now_s, drive.now_s + 8.0))
            drive.wait(9.0)
            drive.start()
            drive.testers[-1] = Spell(None, begin_s, drive.now_s)
            drive.wait(1.0)
