"""What a CAN controller reports about its bus, in words: the error frames of linux/can/error.h.

An error frame is no frame of the car. Its identifier says which classes of trouble the controller met, and for trouble
of the controller itself the second byte says which.
"""

from abc import ABC, abstractmethod

ERROR_MASK = 0x1FFF_FFFF
"""CAN_ERR_MASK: every class of error."""

BUS_OFF = "bus-off"

_CONTROLLER = 0x004  # CAN_ERR_CRTL: details in the second byte
_CLASSES = (
    (0x001, "tx-timeout"),
    (0x002, "lost-arbitration"),
    (0x008, "protocol"),
    (0x010, "transceiver"),
    (0x020, "ack"),
    (0x040, BUS_OFF),
    (0x080, "bus-error"),
    (0x100, "restarted"),
)
_DETAILS = ((0x03, "overflow"), (0x0C, "error-warning"), (0x30, "error-passive"), (0x40, "error-active"))


class ReportingBus(ABC):
    """What a bus whose controller reports errors has beside the methods of `Bus`."""

    @property
    @abstractmethod
    def off(self) -> bool:
        """Whether the controller has left the bus, and nothing has been heard since.

        A controller that was restarted is not back: on a shorted line it leaves again at once.
        """

    @abstractmethod
    def take_errors(self) -> list[str]:
        """The kinds that were reported since the last call, in order."""


def kinds_of(can_id: int, data: bytes) -> list[str]:
    """What one error frame reports; `other` for classes that have no word here."""
    kinds = [word for bit, word in _CLASSES if can_id & bit]
    if can_id & _CONTROLLER:
        detail = data[1] if len(data) > 1 else 0
        kinds += [word for bits, word in _DETAILS if detail & bits] or ["controller"]
    return kinds or ["other"]
