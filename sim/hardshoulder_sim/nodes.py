"""The simulated control units: who is awake, and what each says about the car."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from hardshoulder.core.vocabulary import Propulsion
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.physics.driver import Selector
from hardshoulder_sim.physics.journey import Journey
from hardshoulder_sim.physics.vehicle import ignition_on
from hardshoulder_sim.physics.vehicle_spec import IGNITION, DriveReady, Fault, PowerMode
from hardshoulder_sim.reference import Value

NOT_AVAILABLE = "NOT_AVAILABLE"
RPM_PER_RAD_S = 30.0 / math.pi
STANDING_BELOW_MPS = 0.05
SELF_TEST_S = 0.5
DRIVE_SELF_TEST_S = 0.2
OIL_NEEDS_RAD_S = 30.0


def roughly_normal(chance: Callable[[], float]) -> float:
    """A number of mean 0 and deviation 1, never beyond 3: the sum of three uniform ones, and cheap.

    chance: uniform from 0 to 1.
    """
    return 2.0 * (chance() + chance() + chance()) - 3.0


class Sensors:
    """The small errors of the sensors; a sensor of something that stands or is off reads nothing.

    noise: how many times worse than new ones they are.
    """

    def __init__(self, random: Random, noise: float = 1.0) -> None:
        self._random, self._chance = random, random.random
        self._noise = noise
        self._tyres = tuple(1.0 + random.gauss(0.0, 0.0015) for _ in range(4))
        self._satellites = random.randint(9, 14)
        self._heading_deg = 0.0

    def noisy(self, value: float, deviation: float, low: float, high: float) -> float:
        """The value with its noise, within what the signal can hold."""
        read = value + roughly_normal(self._chance) * deviation * self._noise
        return low if read < low else high if read > high else read

    def speed_kph(self, speed_mps: float) -> float:
        """Speed from wheel pulses; exactly zero at standstill, where there are none."""
        return 0.0 if speed_mps < STANDING_BELOW_MPS else self.noisy(speed_mps * 3.6, 0.03, 0.0, 400.0)

    def wheels_kph(self, speed_mps: float) -> tuple[float, ...]:
        """Front left, front right, rear left, rear right."""
        return tuple(self.speed_kph(speed_mps * tyre) for tyre in self._tyres)

    def heading_deg(self, heading_rad: float, speed_mps: float) -> float:
        """Course over ground; a receiver holds the last one while the car stands."""
        if speed_mps > 0.5:
            self._heading_deg = math.degrees(heading_rad) + self._random.gauss(0.0, 0.4)
        return min(round(self._heading_deg % 360.0, 2), 359.99)

    def satellites(self) -> int:
        """Satellites in use; one comes or goes now and then."""
        if self._random.random() < 0.02:
            self._satellites = min(max(self._satellites + self._random.choice((-1, 1)), 6), 18)
        return self._satellites


@dataclass(slots=True)
class Instant:
    """What a node can look at when it sends. awake_s: how long it has been awake itself.

    One for each car, changed in place: it is looked at a million times in an hour and kept by nobody.
    """

    at_s: float
    awake_s: float
    journey: Journey
    body: BodyController
    sensors: Sensors


Values = dict[str, Value]


def _pcm_engine(now: Instant) -> Values:
    engine = now.journey.vehicle.engine
    assert engine is not None
    rpm = engine.speed_rad_s * RPM_PER_RAD_S
    if now.awake_s < DRIVE_SELF_TEST_S:
        return {"EngineState": NOT_AVAILABLE, "EngineSpeed": NOT_AVAILABLE, "FuelLevel": NOT_AVAILABLE}
    return {
        "EngineState": engine.phase.value,
        "EngineSpeed": 0.0 if rpm < 1.0 else now.sensors.noisy(rpm, 4.0, 0.0, 16000.0),
        "FuelLevel": now.journey.vehicle.fuel * 100.0,
    }


def _pcm_drive(now: Instant) -> Values:
    vehicle = now.journey.vehicle
    if now.awake_s < DRIVE_SELF_TEST_S:
        return {"DriveReady": NOT_AVAILABLE, "AcceleratorPedal": NOT_AVAILABLE, "DriveTorque": NOT_AVAILABLE}
    return {
        "DriveReady": vehicle.drive.value,
        "AcceleratorPedal": now.journey.driver.pedal * 100.0,
        "DriveTorque": now.sensors.noisy(vehicle.drive_nm, 2.0, -8000.0, 8000.0),
    }


def _pcm_warnings(now: Instant) -> Values:
    """The oil lamp is lit whenever the engine does not turn, as in any car."""
    engine, faults = now.journey.vehicle.engine, now.journey.controls.faults
    low = engine is not None and (engine.speed_rad_s < OIL_NEEDS_RAD_S or Fault.OIL_LOW in faults)
    lit = now.journey.vehicle.drive in (DriveReady.FAULT, DriveReady.LIMP)
    return {
        "OilPressure": "LOW" if low else "NORMAL",
        "CoolantTemperature": "TOO_HOT" if Fault.TOO_HOT in faults else "NORMAL",
        "MalfunctionLamp": "LIT" if lit else "DARK",
    }


def _bms_contactors(now: Instant) -> Values:
    traction = now.journey.vehicle.traction
    assert traction is not None
    return {
        "ContactorState": traction.contactors.value,
        "StateOfCharge": traction.state_of_charge * 100.0,
        "HvVoltage": now.sensors.noisy(traction.voltage_v, 0.3, 0.0, 1000.0),
    }


def _acu_crash(now: Instant) -> Values:
    driving = now.journey.driver.selector is Selector.DRIVE
    return {
        "AirbagDeployed": "DEPLOYED" if now.journey.vehicle.airbag else "NOT_DEPLOYED",
        "BeltState": "FASTENED" if driving else "OPEN",
    }


def _esc_speed(now: Instant) -> Values:
    """Not available while the controller tests itself after it woke up."""
    speed_mps = now.journey.vehicle.speed_mps
    testing = now.awake_s < SELF_TEST_S
    standing = "STANDING" if speed_mps < STANDING_BELOW_MPS else "MOVING"
    return {
        "VehicleSpeed": NOT_AVAILABLE if testing else now.sensors.speed_kph(speed_mps),
        "Standstill": NOT_AVAILABLE if testing else standing,
        "BrakePedal": "PRESSED" if now.journey.driver.brake > 0.01 else "RELEASED",
        "BrakeSystem": "FAULT" if Fault.BRAKES_FAIL in now.journey.controls.faults else "NORMAL",
    }


_WHEELS = ("WheelSpeedFrontLeft", "WheelSpeedFrontRight", "WheelSpeedRearLeft", "WheelSpeedRearRight")


def _esc_wheels(now: Instant) -> Values:
    if now.awake_s < SELF_TEST_S:
        return dict.fromkeys(_WHEELS, NOT_AVAILABLE)
    return dict(zip(_WHEELS, now.sensors.wheels_kph(now.journey.vehicle.speed_mps), strict=True))


def _bcm_power(now: Instant) -> Values:
    """OFF, whatever the key says, when the ignition line has no voltage left."""
    asked = now.journey.controls.power_mode
    collapsed = asked in IGNITION and not ignition_on(now.journey.vehicle, now.journey.controls)
    return {
        "PowerMode": PowerMode.OFF.value if collapsed else asked.value,
        "KeyPresent": "ABSENT" if asked is PowerMode.LOCK else "PRESENT",
        "IgnitionSwitch": now.journey.key.value,
    }


def _bcm_lamps(now: Instant) -> Values:
    left, right = now.body.lamps(now.at_s)
    return {
        "HazardActive": "ACTIVE" if now.body.hazard_active else "INACTIVE",
        "LampLeft": "LIT" if left else "DARK",
        "LampRight": "LIT" if right else "DARK",
        "HazardSwitch": "PRESSED" if now.body.button_pressed(now.at_s) else "RELEASED",
        "IndicatorStalk": now.body.indicator.value,
    }


def _sup_supply(now: Instant) -> Values:
    supply = now.journey.vehicle.supply
    return {
        "SupplyVoltage": now.sensors.noisy(supply.voltage_v, 0.015, 0.0, 60.0),
        "SupplyCurrent": now.sensors.noisy(supply.current_a, 0.3, -3000.0, 3000.0),
    }


def _tcu_gear(now: Instant) -> Values:
    driver = now.journey.driver
    return {
        "SelectedGear": driver.selector.value,
        "ParkingBrake": "ENGAGED" if driver.parking_brake else "RELEASED",
    }


def _gns_position(now: Instant) -> Values:
    vehicle = now.journey.vehicle
    return {
        "Latitude": now.sensors.noisy(vehicle.latitude, 3e-6, -90.0, 90.0),
        "Longitude": now.sensors.noisy(vehicle.longitude, 4e-6, -180.0, 180.0),
    }


def _gns_motion(now: Instant) -> Values:
    vehicle = now.journey.vehicle
    return {
        "Heading": now.sensors.heading_deg(vehicle.heading_rad, now.journey.ground_mps),
        "GnssSpeed": now.sensors.noisy(now.journey.ground_mps * 3.6, 0.15, 0.0, 600.0),
        "FixAge": now.sensors.noisy(0.08, 0.02, 0.02, 1.0),
        "Satellites": float(now.sensors.satellites()),
    }


SENDERS: dict[str, Callable[[Instant], Values]] = {
    "PCM_Engine": _pcm_engine,
    "PCM_Drive": _pcm_drive,
    "PCM_Warnings": _pcm_warnings,
    "BMS_Contactors": _bms_contactors,
    "ACU_Crash": _acu_crash,
    "ESC_Speed": _esc_speed,
    "ESC_Wheels": _esc_wheels,
    "BCM_Power": _bcm_power,
    "BCM_Lamps": _bcm_lamps,
    "SUP_Supply": _sup_supply,
    "TCU_Gear": _tcu_gear,
    "GNS_Position": _gns_position,
    "GNS_Motion": _gns_motion,
}
"""Every message that the car itself sends; those of HSR come from the responder."""

_ABSENT = {Propulsion.ELECTRIC: "PCM_Engine", Propulsion.COMBUSTION: "BMS_Contactors"}


def messages_of(propulsion: Propulsion) -> list[str]:
    """The names of the messages that a car with this drive sends."""
    return [name for name in SENDERS if name != _ABSENT.get(propulsion)]
