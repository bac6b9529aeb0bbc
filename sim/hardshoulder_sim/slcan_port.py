"""A pseudo-terminal that behaves as an slcan adapter, so that a program can talk to the simulated bus.

The protocol is the LAWICEL one, as CANable adapters speak it: ASCII lines that end in a carriage return.

    S0 .. S8     bit rate, while the channel is closed; S6 is 500 kbit/s
    O / L / C    open / open for listening only / close
    V / N / F    version, serial number, status flags (bit 3: frames were lost)
    tIIILDD..    data frame, 11-bit identifier, length, data; T: 29 bits in eight digits
    rIIIL, R     remote frame

A command is answered with its reply and a carriage return, or with BEL when it is wrong.
Sources: LAWICEL CANUSB manual; drivers/net/can/slcan of Linux; python-can's slcan interface.
"""

import errno
import fcntl
import os
import re
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

from hardshoulder.core.frame import EXTENDED, EXTENDED_ID_MAX, STANDARD_ID_MAX, Frame

OK = b"\r"
ERROR = b"\a"
VERSION = b"V1013"
SERIAL_NUMBER = b"NHS01"
LOST_FRAMES_FLAG = 0x08
BUS_BIT_RATE = 6
"""The simulated bus runs at 500 kbit/s; at another rate nothing gets through, either way."""

FRAMES_MAX = 1024
REPLIES_MAX = 64
COMMAND_MAX = 32
CHUNK = 4096

_DATA_FRAME = re.compile(rb"(?:t([0-7][0-9A-F]{2})|T([01][0-9A-F]{7}))([0-8])((?:[0-9A-F]{2})*)", re.IGNORECASE)
_REMOTE_FRAME = re.compile(rb"(?:r[0-7][0-9A-F]{2}|R[01][0-9A-F]{7})[0-8]", re.IGNORECASE)


def to_line(frame: Frame) -> bytes:
    """The frame as a line; raises ValueError for more than 8 bytes or an identifier out of range."""
    if len(frame.data) > 8:
        raise ValueError("slcan carries no CAN FD")
    if frame.can_id & EXTENDED:
        head = f"T{frame.can_id & EXTENDED_ID_MAX:08X}"
    elif 0 <= frame.can_id <= STANDARD_ID_MAX:
        head = f"t{frame.can_id:03X}"
    else:
        raise ValueError(f"{frame.can_id:#x} is no identifier")
    return f"{head}{len(frame.data)}{frame.data.hex().upper()}\r".encode("ascii")


def from_command(command: bytes, at_s: float, bus: str) -> Frame | None:
    """The data frame that a `t` or `T` command asks to send; None when it is malformed."""
    match = _DATA_FRAME.fullmatch(command)
    if match is None:
        return None
    standard, extended, length, data = match.groups()
    if len(data) != 2 * int(length):
        return None
    can_id = int(standard, 16) if standard is not None else int(extended, 16) | EXTENDED
    return Frame(at_s, bus, can_id, bytes.fromhex(data.decode("ascii")))


class SlcanPort:
    """One adapter at the end of a pseudo-terminal.

    Never blocks: with nobody reading, the oldest frames are dropped. The terminal's own far end is kept
    open here, so a reader may go and another come at any time.

    dropped: frames that found no reader. received: frames that came in.
    """

    def __init__(self, link: Path, bus: str = "main", clock: Callable[[], float] = time.monotonic) -> None:
        """Makes the terminal and a symbolic link to it.

        Raises FileExistsError when something that is no symbolic link is in the way.
        """
        self._link, self._bus, self._clock = link, bus, clock
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.device = Path(os.ttyname(self._theirs))
        self._open = False
        self._listen_only = False
        self._bit_rate = BUS_BIT_RATE
        self._command = bytearray()
        self._overlong = False
        self._partial = b""
        self._replies: deque[bytes] = deque(maxlen=REPLIES_MAX)
        self._frames: deque[bytes] = deque()
        self._lost_since_status = False
        self.dropped = 0
        self.received = 0
        try:
            self._make_link()
        except OSError:
            self._close_terminal()
            raise

    def _make_link(self) -> None:
        if self._link.is_symlink():
            self._link.unlink()
        self._link.symlink_to(self.device)

    def fileno(self) -> int:
        """Readable (for select) when a command has come."""
        return self._ours

    @property
    def channel_open(self) -> bool:
        """Whether the reader has opened the channel."""
        return self._open

    @property
    def wants_write(self) -> bool:
        """Whether something still waits to be written."""
        return bool(self._partial or self._replies or self._frames)

    def send(self, frame: Frame) -> None:
        """Hands the frame to the reader, or to nobody when the channel is closed.

        Raises ValueError for a frame that slcan cannot carry.
        """
        line = to_line(frame)
        if not (self._open and self._bit_rate == BUS_BIT_RATE):
            return
        if len(self._frames) >= FRAMES_MAX:
            self._frames.popleft()
            self.dropped += 1
            self._lost_since_status = True
        self._frames.append(line)
        self.flush()

    def flush(self) -> None:
        """Writes as much as the terminal takes; whole lines stay whole."""
        while True:
            if not self._partial:
                if self._replies:
                    self._partial = self._replies.popleft()
                elif self._frames:
                    self._partial = self._frames.popleft()
                else:
                    return
            try:
                written = os.write(self._ours, self._partial)
            except BlockingIOError:
                return
            self._partial = self._partial[written:]

    def receive_ready(self) -> list[Frame]:
        """The frames that have come in since; answers every other command on the way."""
        frames: list[Frame] = []
        while True:
            try:
                chunk = os.read(self._ours, CHUNK)
            except OSError as error:
                # EIO: the terminal was hung up; a new reader makes it whole again.
                if error.errno not in (errno.EAGAIN, errno.EIO):
                    raise
                break
            for byte in chunk:
                frame = self._take(byte)
                if frame is not None:
                    frames.append(frame)
            if len(chunk) < CHUNK:
                break
        self.received += len(frames)
        self.flush()
        return frames

    def _take(self, byte: int) -> Frame | None:
        if byte != 0x0D:
            self._overlong = self._overlong or len(self._command) >= COMMAND_MAX
            if not self._overlong:
                self._command.append(byte)
            return None
        command, overlong = bytes(self._command), self._overlong
        self._command.clear()
        self._overlong = False
        frame = None if overlong else self._frame_of(command)
        self._replies.append(ERROR if overlong else OK if frame is not None else self._answer(command))
        return frame

    def _frame_of(self, command: bytes) -> Frame | None:
        """The frame to put on the bus; None for another command or when sending is not possible now."""
        if not self._open or self._listen_only or self._bit_rate != BUS_BIT_RATE:
            return None
        return from_command(command, self._clock(), self._bus)

    def _answer(self, command: bytes) -> bytes:
        """Carries out a command that is no data frame to send, and gives the reply."""
        match command:
            case b"":
                return OK
            case b"O" | b"L":
                self._open, self._listen_only = True, command == b"L"
                return OK
            case b"C":
                self._shut()
                return OK
            case b"V":
                return VERSION + OK
            case b"N":
                return SERIAL_NUMBER + OK
            case b"F":
                return self._status()
        if len(command) == 2 and command[:1] == b"S" and command[1:] in b"012345678" and not self._open:
            self._bit_rate = command[1] - ord("0")
            return OK
        sends = self._open and not self._listen_only
        return OK if sends and _REMOTE_FRAME.fullmatch(command) else ERROR

    def _status(self) -> bytes:
        if not self._open:
            return ERROR
        flags = LOST_FRAMES_FLAG if self._lost_since_status else 0
        self._lost_since_status = False
        return f"F{flags:02X}\r".encode("ascii")

    def _shut(self) -> None:
        """Closes the channel; what the last reader left unread is not for the next one."""
        self._open = False
        self._frames.clear()
        unread = fcntl.ioctl(self._theirs, termios.FIONREAD, bytes(4))
        if any(unread):
            # The line that was half written loses its beginning here, so its end must not follow.
            termios.tcflush(self._theirs, termios.TCIFLUSH)
            self._partial = b""

    def _close_terminal(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)

    def close(self) -> None:
        """Removes the link, unless another port has taken its place, and the terminal."""
        if self._link.is_symlink() and self._link.readlink() == self.device:
            self._link.unlink()
        self._close_terminal()
