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
    BOOLEAN = "boolean"
    STATE = "state"


class Vss(StrEnum):
    """A signal the core can use."""

    SPEED = "Vehicle.Speed"
    POWER_STATE = "Vehicle.LowVoltageSystemState"
    SUPPLY_VOLTAGE = "Vehicle.LowVoltageBattery.CurrentVoltage"
    ENGINE_RUNNING = "Vehicle.Powertrain.CombustionEngine.IsRunning"
    ENGINE_SPEED = "Vehicle.Powertrain.CombustionEngine.Speed"
    POWER_CONNECTED = "Vehicle.Powertrain.TractionBattery.IsPowerConnected"
    STATE_OF_CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
    DRIVE_READY = "Vehicle.Powertrain.IsDriveReady"  # overlay: the drive can answer the pedal
    FUEL_LEVEL = "Vehicle.Powertrain.FuelSystem.RelativeLevel"
    SELECTED_GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
    PEDAL_POSITION = "Vehicle.Chassis.Accelerator.PedalPosition"
    PARKING_BRAKE = "Vehicle.Chassis.ParkingBrake.IsEngaged"
    HAZARD_SIGNALING = "Vehicle.Body.Lights.Hazard.IsSignaling"
    INDICATOR_LEFT = "Vehicle.Body.Lights.DirectionIndicator.Left.IsSignaling"
    INDICATOR_RIGHT = "Vehicle.Body.Lights.DirectionIndicator.Right.IsSignaling"
    AIRBAG_DEPLOYED = "Vehicle.Cabin.Seat.Row1.DriverSide.Airbag.IsDeployed"
    LATITUDE = "Vehicle.CurrentLocation.Latitude"
    LONGITUDE = "Vehicle.CurrentLocation.Longitude"
    HEADING = "Vehicle.CurrentLocation.Heading"


UNITS: dict[Vss, Unit] = {
    Vss.SPEED: Unit.KPH,
    Vss.POWER_STATE: Unit.STATE,
    Vss.SUPPLY_VOLTAGE: Unit.VOLT,
    Vss.ENGINE_RUNNING: Unit.BOOLEAN,
    Vss.ENGINE_SPEED: Unit.RPM,
    Vss.POWER_CONNECTED: Unit.BOOLEAN,
    Vss.STATE_OF_CHARGE: Unit.PERCENT,
    Vss.DRIVE_READY: Unit.BOOLEAN,
    Vss.FUEL_LEVEL: Unit.PERCENT,
    Vss.SELECTED_GEAR: Unit.STATE,
    Vss.PEDAL_POSITION: Unit.PERCENT,
    Vss.PARKING_BRAKE: Unit.BOOLEAN,
    Vss.HAZARD_SIGNALING: Unit.BOOLEAN,
    Vss.INDICATOR_LEFT: Unit.BOOLEAN,
    Vss.INDICATOR_RIGHT: Unit.BOOLEAN,
    Vss.AIRBAG_DEPLOYED: Unit.BOOLEAN,
    Vss.LATITUDE: Unit.DEGREE,
    Vss.LONGITUDE: Unit.DEGREE,
    Vss.HEADING: Unit.DEGREE,
}

STATES: dict[Vss, frozenset[str]] = {
    Vss.POWER_STATE: frozenset({"UNDEFINED", "LOCK", "OFF", "ACC", "ON", "START"}),
    Vss.SELECTED_GEAR: frozenset({"PARK", "REVERSE", "NEUTRAL", "DRIVE"}),
}
"""The words that a state signal may take; the power states are those of VSS."""

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
