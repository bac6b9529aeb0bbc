"""Processes on one database: the second is refused, and one that was killed costs nobody its lease."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hardshoulder_fleet.core.checkin import CheckIn, Happening
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.store.database import open_database
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, make_secret
from hardshoulder_sim.processes import free_port, wait_until
from support.desks import CONSENT, car_says, quote

pytestmark = pytest.mark.slow

LEASE_S = 30.0


class Provider:
    """Takes orders. While `holds` is set it answers none of them."""

    def __init__(self) -> None:
        self.references: list[str] = []
        self.holds = threading.Event()
        self.freed = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.references.append(order["reference"])
                if provider.holds.is_set():
                    provider.freed.wait(60)
                    return
                body = b'{"order_ref": "order-1", "state": "assigned", "eta_minutes": 12}'
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.freed.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def order_a_tow(database: Path) -> None:
    """A yes in the database, before any fleet runs."""
    now = datetime.now(UTC)
    opened = open_database(f"sqlite:///{database}")
    desk = Desk(opened)
    desk.take_event(car_says(), now)
    desk.answer("incident-1", Happening.WANTS_TOW, now)
    desk.keep_quote("incident-1", quote(valid_until=now + timedelta(hours=1)), now)
    desk.order("incident-1", "quote-1", CONSENT, now)
    opened.close()


def test_a_killed_fleet_has_its_errands_taken_up_at_once(tmp_path: Path, provider: Provider) -> None:
    order_a_tow(tmp_path / "fleet.sqlite3")
    provider.holds.set()
    with (
        Phone() as phone,
        FleetProcess(tmp_path, free_port(), provider.port, make_secret(tmp_path), phone, 3600.0) as fleet,
    ):
        wait_until(lambda: bool(provider.references), "the request is in somebody's hands")
        fleet.kill()
        provider.holds.clear()
        began_s = time.monotonic()
        fleet.start()
        wait_until(lambda: len(provider.references) == 2, "it is asked for again", LEASE_S)
        assert time.monotonic() - began_s < LEASE_S / 2, "it did not wait for the dead one's lease"
        assert provider.references == ["incident-1/1"] * 2
        reading = open_database(f"sqlite:///{tmp_path / 'fleet.sqlite3'}")
        wait_until(lambda: order_ref(Desk(reading)) == "order-1", "the answer is noted")
        view = Desk(reading).view("incident-1")
        assert view and view.state is CheckIn.TOW_ORDERED
        reading.close()


def order_ref(desk: Desk) -> str:
    view = desk.view("incident-1")
    return view.tow.order_ref if view and view.tow else ""


def test_a_second_fleet_on_one_database_is_refused(tmp_path: Path, provider: Provider) -> None:
    with (
        Phone() as phone,
        FleetProcess(tmp_path, free_port(), provider.port, make_secret(tmp_path), phone, 3600.0) as fleet,
    ):
        other = tmp_path / "other.toml"
        first = (tmp_path / "fleet.toml").read_text()
        other.write_text(first.replace(str(fleet.port), str(free_port())))
        command = [sys.executable, "-m", "hardshoulder_fleet", "serve", "--config", str(other)]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, len(second.stderr.splitlines())) == (2, 1)
        assert f"{tmp_path / 'fleet.sqlite3'} is in use by another fleet; end that one first." in second.stderr
