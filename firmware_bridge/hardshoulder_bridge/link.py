"""The link over a serial port: opened with pyserial, read and written without ever waiting."""

import contextlib
import os
import secrets
import time
from math import inf

import serial

from hardshoulder_bridge.session import Heard, LinkFault, Session

BAUD = 921_600
READ_AT_ONCE = 4096
WRITE_AGAIN_AFTER_S = 0.005
"""When a port that took no more is tried again."""


class SerialLink:
    """A port with a session on it; the text of every LinkFault names the port.

    fileno() becomes readable when something came; `tick` is to be called then and at `next_due_s()`.
    """

    def __init__(self, device: str, baud: int = BAUD) -> None:
        """Opens the port for ourselves alone and greets; who answers is seen later. Raises LinkFault."""
        self._where = f"{device}@{baud}"
        try:
            self._port = serial.Serial(device, baud, timeout=0, write_timeout=0, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise LinkFault(f"{self._where}: cannot open the port: {_reason(error)}") from None
        os.set_blocking(self._port.fileno(), False)
        self.session = Session(lambda: secrets.randbelow(0xFFFF_FFFF) + 1, time.monotonic())
        self._write_again_s = inf

    def fileno(self) -> int:
        """The port's descriptor."""
        return int(self._port.fileno())

    def receive(self) -> list[Heard]:
        """The frames that wait now. Raises LinkFault when the port is gone or the session at its end."""
        try:
            data = os.read(self.fileno(), READ_AT_ONCE)
        except BlockingIOError:
            return []
        except OSError as error:
            raise LinkFault(f"{self._where}: the port is gone: {error.strerror}") from None
        if not data:
            raise LinkFault(f"{self._where}: the port is gone: its other end hung up")
        now_s = time.monotonic()
        with self._named():
            heard = self.session.receive(data, now_s)
        self.tick(now_s)
        return heard

    def tick(self, now_s: float) -> None:
        """Lets the session work and writes what it says. Raises LinkFault."""
        with self._named():
            self.session.tick(now_s)
        out = self.session.take_outgoing()
        written = self._write(out) if out else 0
        self.session.put_back(out[written:])
        self._write_again_s = now_s + WRITE_AGAIN_AFTER_S if written < len(out) else inf

    def _write(self, out: bytes) -> int:
        try:
            return os.write(self.fileno(), out)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkFault(f"{self._where}: the port is gone: {error.strerror}") from None

    def _named(self) -> "_Named":
        return _Named(self._where)

    def next_due_s(self) -> float:
        """When `tick` has something to do."""
        return min(self.session.next_due_s(), self._write_again_s)

    def close(self) -> None:
        """Gives the port back. The board takes it for silence."""
        # A device that was pulled out cannot be given back in order.
        with contextlib.suppress(OSError):
            self._port.close()


class _Named:
    """Puts the port's name before what a session complains of."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LinkFault):
            raise LinkFault(f"{self._where}: {error}") from None


def _reason(error: Exception) -> str:
    """Why, without pyserial's own repetition of the port."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
