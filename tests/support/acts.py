"""What happens to a board and the car around it: the driver, the drive, the supply, the daemon."""

from hardshoulder_sim.reference import Value
from support.pair import INCIDENT, Pair

DRIVES: dict[str, dict[str, Value]] = {
    "ESC_Speed": {"VehicleSpeed": 50.0, "Standstill": 0},
    "PCM_Drive": {"DriveReady": "READY"},
}


def drive(pair: Pair) -> None:
    """The car says that it moves and that its drive lives."""
    for name, values in DRIVES.items():
        pair.car[name] |= values


def stand(pair: Pair) -> None:
    pair.car["ESC_Speed"] |= {"VehicleSpeed": 0.0, "Standstill": 1}


def press(pair: Pair) -> None:
    """The driver presses the switch, and the car says so on its bus."""
    pair.car["BCM_Lamps"]["HazardSwitch"] = "PRESSED"
    pair.run(0.1)
    pair.car["BCM_Lamps"]["HazardSwitch"] = "RELEASED"
    pair.run(0.1)


def press_pin(pair: Pair) -> None:
    """The driver presses the switch, and its pin says so."""
    pair.board.switch(down=True)
    pair.run(0.1)
    pair.board.switch(down=False)
    pair.run(0.1)


def drive_on(pair: Pair) -> None:
    drive(pair)
    pair.run(10.2)


def drop_supply(pair: Pair) -> None:
    pair.board.supply(8.9)
    pair.run(2.1)


def silence(pair: Pair) -> None:
    pair.stop()
    pair.run(0.6)


def flash(pair: Pair) -> None:
    """The car says that its hazards flash."""
    pair.car["BCM_Lamps"]["HazardActive"] = "ACTIVE"
    pair.run(0.1)
    pair.car["BCM_Lamps"]["HazardActive"] = "INACTIVE"


def come_back(pair: Pair) -> None:
    """A daemon without memory."""
    pair.start()
    pair.run(0.3)


def release(pair: Pair) -> None:
    pair.want(INCIDENT)
    pair.run(0.05)
