"""Messages from outside: acknowledgements at the car; a car's events, and the provider's reports, at the fleet.

What the fleet takes is kept in a real database and shown on the real pages, for a message that is kept and then breaks
the operator's list is worse than one that is refused.
"""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote as in_path
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from sqlalchemy import delete

from hardshoulder.events import incident_event, presence_event, status_event
from hardshoulder.wire import Event, IncidentEvent, WireError, ack_event, encode, parse_ack, parse_event, topic
from hardshoulder_fleet.assistance.webhook import PATH, SIGNATURE_HEADER, sign
from hardshoulder_fleet.core.checkin import Happening, Tow
from hardshoulder_fleet.desk import DeskError
from hardshoulder_fleet.store.contacts import Word
from hardshoulder_fleet.store.tables import Base, ChangeRow
from hardshoulder_fleet.web.app import WebSettings, create_app
from hardshoulder_fuzz.target import Check, Target
from support.browser import SECRET, Web
from support.desks import car_says
from support.incidents import BEGIN, IDENTITY, report, status, wall_time

REFERENCE = "order-1"


def _ack(data: bytes) -> bool:
    try:
        parse_ack(data)
    except WireError as error:
        return _is_a_line(str(error))
    return True


def _is_a_line(reason: str) -> bool:
    """False, as what was refused: but its reason goes into the log."""
    assert reason.isprintable(), "a reason of more than a line"
    return False


class Fleet:
    """A desk on a database file, and the pages on it."""

    def __init__(self, folder: Path) -> None:
        self.web = Web(folder)
        # Far from UTC, so that a time at the end of the calendar leaves it.
        settings = WebSettings(None, SECRET, self.web.clock, time_zone=ZoneInfo("Pacific/Auckland"))
        self.client = TestClient(create_app(self.web.desk, self.web.links, self.web.provider, settings))

    def empty(self) -> None:
        """Forgets everything, as a new file would."""
        with self.web.database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                if table is not ChangeRow.__table__:
                    session.execute(delete(table))

    def take(self, data: bytes) -> bool:
        """What `ingest` and `contacts` do with a message, and then the pages that show it."""
        try:
            event = parse_event(data)
            topic(event.data.vehicle, "incident")
            if isinstance(event, IncidentEvent):
                self.web.desk.take_event(event, self.web.clock())
            else:
                self.web.desk.hear([Word(event, kept=False)], self.web.clock())
        except (WireError, DeskError) as error:
            self._reject(data, str(error))
            return False
        self._show("/operator")
        if isinstance(event, IncidentEvent):
            self._show(f"/operator/incident/{in_path(event.data.incident_id, safe='')}")
            self._show(self.web.links.make(event.data.incident_id, self.web.clock()))
        return True

    def _reject(self, data: bytes, reason: str) -> None:
        assert len(reason) < 2000, "a reason is a sentence"
        self.web.desk.reject("hardshoulder/v1/car-7/incident", data, reason, self.web.clock())

    def _show(self, address: str) -> None:
        answer = self.client.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"

    def order_tow(self) -> None:
        """A tow is on its way, so that a report means something."""
        now = self.web.clock()
        self.web.break_down()
        self.web.desk.answer("incident-1", Happening.WANTS_TOW, now)
        quote = self.web.provider.quote("incident-1", None, None, "car-7", "engine-stopped")
        self.web.desk.keep_quote("incident-1", quote, now)
        tow = self.web.desk.order("incident-1", quote.quote_id, "I order a tow.", now).tow
        assert tow is not None
        self.web.desk.requested(tow.number, REFERENCE, now)

    def report(self, body: bytes) -> bool:
        """The provider calls back."""
        answer = self.client.post(PATH, content=body, headers={SIGNATURE_HEADER: sign(body, SECRET)})
        assert answer.status_code in (200, 202, 404, 413, 422), f"the webhook answers {answer.status_code}"
        self._show("/operator/incident/incident-1")
        return answer.status_code in (200, 202)


def _events(folder: Path) -> Check:
    fleet = Fleet(folder)

    def check(data: bytes) -> bool:
        fleet.empty()
        return fleet.take(data)

    return check


def _webhook(folder: Path) -> Check:
    fleet = Fleet(folder)

    def check(data: bytes) -> bool:
        fleet.empty()
        fleet.order_tow()
        return fleet.report(data)

    return check


def _webhook_lasting(folder: Path) -> Check:
    fleet = Fleet(folder)
    fleet.order_tow()
    return fleet.report


def _event_seeds() -> list[bytes]:
    said: list[Event] = [
        car_says(),
        incident_event(IDENTITY, report(), wall_time, clock_trusted=False),
        presence_event(IDENTITY.vehicle, online=True, at=BEGIN),
        status_event(
            IDENTITY, status(), wall_time, clock_trusted=True, buses={"main": True, "body": False},
            invalid_frames={"checksum": 3}, outbox_depth=2, storage_ok=True,
        ),
    ]  # fmt: skip
    return [encode(event) for event in said]


def _reports() -> list[bytes]:
    told = [{"order_ref": REFERENCE, "state": state.value, "sequence": 1} for state in Tow if state != Tow.REQUESTED]
    return [json.dumps(one | {"eta_minutes": 12}).encode() for one in told]


def _fixed(check: Check) -> Callable[[Path], Check]:
    return lambda _folder: check


ACK = Target(
    "ack", "read, or WireError in one line", lambda: [encode(ack_event(car_says(), "/fleet", BEGIN))], _fixed(_ack)
)
EVENTS = Target(
    "events",
    "kept and shown on every page, or WireError or DeskError",
    _event_seeds,
    _events,
    lambda folder: Fleet(folder).take,
    most_bytes=8192,
)
WEBHOOK = Target("webhook", "taken, or a status below 500 with a sentence", _reports, _webhook, _webhook_lasting)
