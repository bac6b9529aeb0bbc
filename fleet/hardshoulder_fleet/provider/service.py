"""The provider as a process: a socket, a secret, a database."""

import logging
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from hardshoulder_fleet.assistance.webhook import SECRET_MIN_BYTES
from hardshoulder_fleet.provider.app import create_provider
from hardshoulder_fleet.provider.ledger import LedgerError
from hardshoulder_fleet.provider.settings import Pauses, ProviderSettings

HOST = "127.0.0.1"
_LEAVE_S = 2
_log = logging.getLogger(__name__)


class CannotServeError(Exception):
    """Why the provider does not start; the text is one sentence."""


def serve(port: int, database: Path, secret: bytes, pauses: Pauses, quote_valid_s: float | None = None) -> None:
    """Serves on loopback until a signal ends it. quote_valid_s: None for the usual. Raises CannotServeError.

    The orders it knows are taken up before the first request is answered.
    """
    settings = ProviderSettings(database, secret, pauses)
    if quote_valid_s is not None:
        settings = ProviderSettings(database, secret, pauses, quote_valid_s=quote_valid_s)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    # Each request of the client would be a line otherwise.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with _listen(port) as listener:
        try:
            app = create_provider(settings)
        except LedgerError as error:
            raise CannotServeError(str(error)) from None
        _log.info("provider on http://%s:%d, database %s", HOST, port, database)
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_LEAVE_S)
        _run(uvicorn.Server(config), listener)
        _log.info("stopped")


def read_secret(path: Path) -> bytes:
    """The file's content without white space around it. Raises CannotServeError."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise CannotServeError(f"The secret in {path} cannot be read: {error.strerror or error}.") from None
    if len(secret) < SECRET_MIN_BYTES:
        raise CannotServeError(f"The secret in {path} has {len(secret)} bytes; {SECRET_MIN_BYTES} are the least.")
    return secret


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    """Until SIGTERM or SIGINT."""

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises a signal again after its own end: without these the process would die of it instead of returning.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    # A restarted provider gets its port back at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise CannotServeError(f"Port {port} of {HOST} cannot be used: {error.strerror or error}.") from None
    return listener
