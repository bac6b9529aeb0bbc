"""The fleet's processes around a simulated car: the fleet, a towing provider, and the driver's phone."""

import json
import queue
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from hardshoulder_sim.processes import Child, free_port

TIME_ZONE = "Europe/Berlin"
"""Where the simulated cars drive."""

_LINK = re.compile(r"https?://\S+/c/[\w.~-]+")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


class Phone:
    """Receives the fleet's messages as the driver's phone would, over HTTP on loopback.

    links: every check-in link that a message carried. rings: called for each, in a thread of the phone.
    """

    def __init__(self, rings: Callable[[], None] = lambda: None) -> None:
        self.links: queue.Queue[str] = queue.Queue()
        self._rings = rings
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                phone._take(body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The demo tells its own story."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, name="phone", daemon=True).start()

    @property
    def url(self) -> str:
        """Where the fleet sends messages, as Apprise writes it."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/"

    def _take(self, body: bytes) -> None:
        match = _LINK.search(str(json.loads(body).get("message", "")))
        if match:
            self._rings()
            self.links.put(match[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class ProviderProcess(Child):
    """`hardshoulder-fleet provider`, quick enough to watch. pause_s: between two states of a tow."""

    def __init__(self, folder: Path, secret_file: Path, pause_s: float) -> None:
        super().__init__(folder / "provider.log")
        self.port = free_port()
        self._options = ["--database", str(folder / "provider.sqlite3"), "--secret-file", str(secret_file)]
        self._options += ["--pause-s", str(pause_s)]

    def command(self) -> list[str]:
        return [sys.executable, "-m", "hardshoulder_fleet", "provider", "--port", str(self.port), *self._options]

    def ready(self) -> bool:
        return _listens(self.port)


class FleetProcess(Child):
    """`hardshoulder-fleet serve` with a configuration of its own in this folder."""

    def __init__(
        self,
        folder: Path,
        broker_port: int,
        provider_port: int,
        secret_file: Path,
        phone: Phone,
        answer_within_s: float,
        grace_s: float = 180.0,
    ) -> None:
        """grace_s: for a car that falls silent on the road."""
        super().__init__(folder / "fleet.log")
        self.port = free_port()
        self.database = folder / "fleet.sqlite3"
        self._config = folder / "fleet.toml"
        self._config.write_text(f"""\
format = 1
base_url = "{self.address}"
database = "{self.database.name}"
answer_within_s = {answer_within_s}
time_zone = "{TIME_ZONE}"

[listen]
host = "127.0.0.1"
port = {self.port}

[mqtt]
host = "127.0.0.1"
port = {broker_port}

[notify]
urls = ["{phone.url}"]

[provider]
url = "http://127.0.0.1:{provider_port}"
webhook_secret_file = "{secret_file.name}"

[lost_contact]
grace_s = {grace_s}
""")

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "hardshoulder_fleet", "serve", "--config", str(self._config)]

    def ready(self) -> bool:
        return _listens(self.port)


def make_secret(folder: Path) -> Path:
    """A file with what fleet and provider share, readable for its owner alone."""
    path = folder / "webhook.secret"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    return path
