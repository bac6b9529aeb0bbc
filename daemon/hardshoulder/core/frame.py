"""One CAN frame as the core sees it."""

from typing import NamedTuple

EXTENDED = 0x8000_0000
"""Set in `Frame.can_id` for a 29-bit identifier, as CAN_EFF_FLAG in linux/can.h."""

STANDARD_ID_MAX = 0x7FF
EXTENDED_ID_MAX = 0x1FFF_FFFF


class Frame(NamedTuple):
    """A data frame.

    A named tuple and not a dataclass: one is made for every frame on the bus, and a tuple
    costs a third of a frozen dataclass.

    at_s: seconds on a clock that never runs backwards (live: monotonic; replay: since the log began).
    bus: the profile's name for the bus.
    can_id: 11-bit identifier, or 29-bit identifier with `EXTENDED` set.
    data: 0 to 64 bytes of payload.
    """

    at_s: float
    bus: str
    can_id: int
    data: bytes


def id_text(can_id: int) -> str:
    """The identifier as candump prints it: three hex digits, or eight for 29 bits."""
    if can_id & EXTENDED:
        return f"{can_id & EXTENDED_ID_MAX:08X}"
    return f"{can_id:03X}"
