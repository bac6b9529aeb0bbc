"""The names of the signals the rules understand, as the COVESA Vehicle Signal Specification gives them.

Source: COVESA VSS 4/5. Names marked "overlay" are not in the catalogue; they follow its
rules for overlays so that a fleet that knows VSS can place them.
"""

from enum import Enum, StrEnum

Value = bool | float | str


class Unit(StrEnum):
    """The unit in which a signal's value is held, or the shape of a value that has none."""

    KPH = "km/h"
    RPM = "rpm"
    VOLT = "V"
    PERCENT = "%"
    DEGREE = "deg"
    NEWTON_METRE = "Nm"
    BOOLEAN = "boolean"
    STATE = "state"


class Vss(StrEnum):
    """A signal the core can use."""

    SPEED = "Vehicle.Speed"
    POWER_STATE = "Vehicle.LowVoltageSystemState"
    SUPPLY_VOLTAGE = "Vehicle.LowVoltageBattery.CurrentVoltage"
    ENGINE_RUNNING = "Vehicle.Powertrain.CombustionEngine.IsRunning"
    ENGINE_SPEED = "Vehicle.Powertrain.CombustionEngine.Speed"
    ENGINE_RESTS = "Vehicle.Powertrain.CombustionEngine.IsAutoStopped"  # overlay: stopped on purpose, will start again
    POWER_CONNECTED = "Vehicle.Powertrain.TractionBattery.IsPowerConnected"
    STATE_OF_CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
    DRIVE_READY = "Vehicle.Powertrain.IsDriveReady"  # overlay: the drive can answer the pedal
    DRIVE_TORQUE = "Vehicle.Powertrain.Torque"  # overlay: what pushes the car, negative while it brakes
    LIMP_HOME = "Vehicle.Powertrain.IsLimpHome"  # overlay: the drive answers with reduced power
    OVERHEATED = "Vehicle.Powertrain.IsOverheated"  # overlay: the red coolant lamp
    OIL_PRESSURE_LOW = "Vehicle.Powertrain.CombustionEngine.EngineOil.IsPressureLow"  # overlay: the red oil lamp
    MALFUNCTION = "Vehicle.OBD.Status.IsMILOn"
    FUEL_LEVEL = "Vehicle.Powertrain.FuelSystem.RelativeLevel"
    SELECTED_GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
    PEDAL_POSITION = "Vehicle.Chassis.Accelerator.PedalPosition"
    BRAKE_PRESSED = "Vehicle.Chassis.Brake.IsPedalPressed"  # overlay
    BRAKE_FAILING = "Vehicle.Chassis.Brake.IsFailing"  # overlay: the red brake lamp, not that of the parking brake
    PARKING_BRAKE = "Vehicle.Chassis.ParkingBrake.IsEngaged"
    WHEEL_FRONT_LEFT = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"
    WHEEL_FRONT_RIGHT = "Vehicle.Chassis.Axle.Row1.Wheel.Right.Speed"
    WHEEL_REAR_LEFT = "Vehicle.Chassis.Axle.Row2.Wheel.Left.Speed"
    WHEEL_REAR_RIGHT = "Vehicle.Chassis.Axle.Row2.Wheel.Right.Speed"
    IGNITION_SWITCH = "Vehicle.Body.IgnitionSwitch"  # overlay: what the driver's hand asks for
    HAZARD_SIGNALING = "Vehicle.Body.Lights.Hazard.IsSignaling"
    HAZARD_SWITCH = "Vehicle.Body.Lights.Hazard.IsSwitchPressed"  # overlay: the driver's finger is on it
    INDICATOR_STALK = "Vehicle.Body.Lights.DirectionIndicator.Stalk"  # overlay: what the driver's hand asks for
    INDICATOR_LEFT = "Vehicle.Body.Lights.DirectionIndicator.Left.IsSignaling"
    INDICATOR_RIGHT = "Vehicle.Body.Lights.DirectionIndicator.Right.IsSignaling"
    AIRBAG_DEPLOYED = "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed"
    LATITUDE = "Vehicle.CurrentLocation.Latitude"
    LONGITUDE = "Vehicle.CurrentLocation.Longitude"
    HEADING = "Vehicle.CurrentLocation.Heading"
    GNSS_SPEED = "Vehicle.CurrentLocation.Speed"  # overlay: speed over ground by satellites


UNITS: dict[Vss, Unit] = {
    Vss.SPEED: Unit.KPH,
    Vss.POWER_STATE: Unit.STATE,
    Vss.SUPPLY_VOLTAGE: Unit.VOLT,
    Vss.ENGINE_RUNNING: Unit.BOOLEAN,
    Vss.ENGINE_SPEED: Unit.RPM,
    Vss.ENGINE_RESTS: Unit.BOOLEAN,
    Vss.POWER_CONNECTED: Unit.BOOLEAN,
    Vss.STATE_OF_CHARGE: Unit.PERCENT,
    Vss.DRIVE_READY: Unit.BOOLEAN,
    Vss.DRIVE_TORQUE: Unit.NEWTON_METRE,
    Vss.LIMP_HOME: Unit.BOOLEAN,
    Vss.OVERHEATED: Unit.BOOLEAN,
    Vss.OIL_PRESSURE_LOW: Unit.BOOLEAN,
    Vss.MALFUNCTION: Unit.BOOLEAN,
    Vss.FUEL_LEVEL: Unit.PERCENT,
    Vss.SELECTED_GEAR: Unit.STATE,
    Vss.PEDAL_POSITION: Unit.PERCENT,
    Vss.BRAKE_PRESSED: Unit.BOOLEAN,
    Vss.BRAKE_FAILING: Unit.BOOLEAN,
    Vss.PARKING_BRAKE: Unit.BOOLEAN,
    Vss.WHEEL_FRONT_LEFT: Unit.KPH,
    Vss.WHEEL_FRONT_RIGHT: Unit.KPH,
    Vss.WHEEL_REAR_LEFT: Unit.KPH,
    Vss.WHEEL_REAR_RIGHT: Unit.KPH,
    Vss.IGNITION_SWITCH: Unit.STATE,
    Vss.HAZARD_SIGNALING: Unit.BOOLEAN,
    Vss.HAZARD_SWITCH: Unit.BOOLEAN,
    Vss.INDICATOR_STALK: Unit.STATE,
    Vss.INDICATOR_LEFT: Unit.BOOLEAN,
    Vss.INDICATOR_RIGHT: Unit.BOOLEAN,
    Vss.AIRBAG_DEPLOYED: Unit.BOOLEAN,
    Vss.LATITUDE: Unit.DEGREE,
    Vss.LONGITUDE: Unit.DEGREE,
    Vss.HEADING: Unit.DEGREE,
    Vss.GNSS_SPEED: Unit.KPH,
}

_POWER_STATES = frozenset({"UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"})

STATES: dict[Vss, frozenset[str]] = {
    Vss.POWER_STATE: _POWER_STATES,
    Vss.IGNITION_SWITCH: _POWER_STATES,
    Vss.INDICATOR_STALK: frozenset({"NEUTRAL", "LEFT", "RIGHT"}),
    Vss.SELECTED_GEAR: frozenset({"PARK", "REVERSE", "NEUTRAL", "DRIVE"}),
}
"""The words that a state signal may take; the power states are those of VSS."""

WHEELS = (Vss.WHEEL_FRONT_LEFT, Vss.WHEEL_FRONT_RIGHT, Vss.WHEEL_REAR_LEFT, Vss.WHEEL_REAR_RIGHT)
"""Front axle first."""

DRIVE_EVIDENCE = (
    Vss.ENGINE_RUNNING,
    Vss.ENGINE_SPEED,
    Vss.POWER_CONNECTED,
    Vss.DRIVE_READY,
)
"""Signals that say whether the drive is alive; the messages that carry them are the drive's."""


class Propulsion(Enum):
    """`Vehicle.Powertrain.Type`."""

    COMBUSTION = "combustion"
    HYBRID = "hybrid"
    ELECTRIC = "electric"
