"""The fleet's pages as a test needs them: a real desk on a real file, served for real."""

import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from hardshoulder.core.actions import HazardState, Incident, Report, State
from hardshoulder.events import incident_event
from hardshoulder.wire import IncidentEvent
from hardshoulder_fleet.assistance.interface import NoHelp, Why
from hardshoulder_fleet.core.views import CheckInView, Order, Price, Quote
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.links import Links
from hardshoulder_fleet.store.database import open_database
from hardshoulder_fleet.web.app import WebSettings, create_app
from hardshoulder_sim.processes import wait_until
from support.incidents import IDENTITY, incident
from support.silence import comes, goes, status_says, word

SECRET = b"a secret that only tests know"
TERMS = "Up to 40 km to a garage of your choice. Cancelling is free until the truck is there."


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **passed: float) -> None:
        """Let this much time pass."""
        self.now += timedelta(**passed)


@dataclass
class Provider:
    """Gives one price after another, or fails as a test wants it. asked: how often it was asked."""

    clock: Clock
    fails: Why | None = None
    asked: int = 0
    valid: timedelta = field(default_factory=lambda: timedelta(minutes=10))
    terms: str = TERMS

    def quote(
        self, incident_id: str, latitude: float | None, longitude: float | None, vehicle: str, kind: str
    ) -> Quote:
        """The next price."""
        self.asked += 1
        if self.fails:
            raise NoHelp("The towing provider does not answer.", self.fails)
        price = Price(12900 + 100 * (self.asked - 1), "EUR")
        return Quote(f"quote-{self.asked}", price, self.terms, 35, self.clock() + self.valid)

    def request(self, quote_id: str, reference: str) -> str:
        """The pages never call it: an errand does."""
        raise AssertionError(quote_id, reference)

    def status(self, order_ref: str) -> Order:
        """The pages never call it."""
        raise AssertionError(order_ref)

    def cancel(self, order_ref: str) -> Order:
        """The pages never call it."""
        raise AssertionError(order_ref)

    def find(self, reference: str) -> Order | None:
        """The pages never call it."""
        raise AssertionError(reference)


class Web:
    """The application on a desk of its own; its clock stands unless the test moves it."""

    def __init__(self, folder: Path, base_url: str = "http://testserver", operator_token: str | None = None) -> None:
        self.clock = Clock(datetime.now(UTC).replace(microsecond=0))
        self.database = open_database(f"sqlite:///{folder / 'fleet.sqlite'}")
        self.desk = Desk(self.database)
        self.links = Links(SECRET, base_url, valid_s=3600)
        self.provider = Provider(self.clock)
        self.stopping = threading.Event()
        settings = WebSettings(operator_token, SECRET, self.clock, self.stopping.is_set)
        self.app: FastAPI = create_app(self.desk, self.links, self.provider, settings)

    def break_down(self, what: Incident | None = None, vehicle: str = IDENTITY.vehicle) -> str:
        """A car's alert comes in; the address of its driver's page."""
        event = _event(what or stranded(), vehicle, self.clock())
        self.desk.take_event(event, self.clock())
        return self.links.make(event.data.incident_id, self.clock())

    def fall_silent(self, vehicle: str = IDENTITY.vehicle, speed_kph: float = 110.0) -> CheckInView:
        """A driving car is heard, its line breaks, and the grace passes; its check-in."""
        self.desk.listening(self.clock())
        drives = status_says(speed_kph=speed_kph, vehicle=vehicle, at=self.clock())
        self.desk.hear([word(comes(vehicle=vehicle)), word(drives), word(goes(vehicle=vehicle))], self.clock())
        self.clock.move(seconds=180)
        [view] = self.desk.claim_lost(self.clock())
        return view


def stranded(
    incident_id: str = "incident-1", sequence: int = 1, hazards: HazardState = HazardState.CONFIRMED
) -> Incident:
    """A car that stands at the roadside."""
    return dataclasses.replace(incident(incident_id, sequence), state=State.STRANDED, hazards=hazards)


def _event(what: Incident, vehicle: str, now: datetime) -> IncidentEvent:
    identity = dataclasses.replace(IDENTITY, vehicle=vehicle)
    begin = now - timedelta(seconds=12)
    return incident_event(
        identity, Report(what, 10.5), lambda at_s: begin + timedelta(seconds=at_s), clock_trusted=True
    )


@contextmanager
def served(folder: Path, operator_token: str | None = None) -> Iterator[tuple[Web, str]]:
    """The application behind a real server; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        web = Web(folder, address, operator_token)
        server = uvicorn.Server(uvicorn.Config(web.app, access_log=False, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until(lambda: server.started, "the server has started")
            yield web, address
        finally:
            web.stopping.set()
            server.should_exit = True
            thread.join(10)
            web.database.close()
        assert not thread.is_alive(), "open lists keep the server from ending"
