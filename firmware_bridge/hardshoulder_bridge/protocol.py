"""The numbers of docs/PROTOCOL.md; `scripts/firmware hash` writes the hash of that page here and into the firmware."""

from enum import IntEnum, IntFlag

VERSION = 1
HASH = bytes.fromhex("7f7386a16008f766")
"""The first 8 bytes of the SHA-256 of docs/PROTOCOL.md, down to "End of what is hashed"."""

BODY_MIN, BODY_MAX = 6, 250
"""Bytes of a decoded frame: type, number, payload, CRC."""
TO_BOARD_MAX = 64
"""Bytes of a decoded frame towards the board."""
REPORT_CREDIT = 64
COMMAND_WINDOW = 8
HEARTBEAT_EVERY_S = 0.1
HELLO_EVERY_S = 0.1
ANSWER_WITHIN_S = 2.0
"""For a WELCOME; boards that reboot when the port is opened need some of it."""
BOARD_SILENT_AFTER_S = 1.0
RETRY_AFTER_S = (0.02, 0.04, 0.08, 0.16, 0.32)
NO_END_MS = 0xFFFF_FFFF
"""A lease until told otherwise."""
UNKNOWN_MV = 0xFFFF
EXTENDED = 0x8000_0000
"""Set in a CAN id for a 29-bit identifier, as in linux/can.h."""


class Kind(IntEnum):
    """The type byte of a frame."""

    HELLO = 0x01
    HEARTBEAT = 0x02
    CREDIT = 0x03
    TRANSMIT = 0x10
    LAMP = 0x11
    WELCOME = 0x81
    STATUS = 0x82
    RECEIVED = 0x83
    ACK = 0x84


class Wants(IntFlag):
    """The flags of a heartbeat: what Linux says of the incident."""

    INCIDENT = 1
    HAZARDS = 2
    CONFIRMED = 4


class Seen(IntFlag):
    """The flags of a status: what the board says of itself and the car."""

    HAZARDS_ON = 1
    HELD = 2
    SWITCH = 4
    FLASHING = 8
    PERMIT_OPEN = 16


class End(IntEnum):
    """Why the board's hazards last ended."""

    NEVER = 0
    RELEASED = 1
    SILENT = 2
    SWITCH = 3
    DROVE_ON = 4
    SUPPLY = 5
    LEASE = 6


class Verdict(IntEnum):
    """What the board made of a command."""

    DONE = 0
    CLOSED = 1
    NOT_LISTED = 2
    WRONG_LENGTH = 3
    WRONG_BITS = 4
    TOO_FAST = 5
    MALFORMED = 6
    BUSY = 7
    NOT_DONE = 0xFF
