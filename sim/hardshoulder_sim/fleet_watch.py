"""An operator at the demo's fleet: her list is open, and every change on it is read up in the fleet's own story."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from hardshoulder_fleet.core.checkin import CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import CheckInView, Entry
from hardshoulder_fleet.desk import ANSWERS, Desk
from hardshoulder_fleet.store.database import Database, open_database
from hardshoulder_fleet.web.words import STATES, TOWS
from hardshoulder_sim.story import Stage, Tell

_ANSWERED = {
    ANSWERS[Happening.WANTS_TOW]: "answered",
    ANSWERS[Happening.SAYS_SAFE]: "says safe",
    ANSWERS[Happening.SAYS_EMERGENCY]: "emergency",
}
_TOWED = {f"Tow {tow.value}.": tow for tow in Tow}
_BEGINNINGS = {
    ("driver", "Yes to a tow"): "tow ordered",
    ("driver", "Call off"): "called off",
    ("operator", "Call off"): "called off",
    ("operator", "Closed"): "closed by operator",
    ("provider", "Tow requested"): "tow requested",
}
_PERSON = "a person is called"
_TOLD_BY_OTHERS = frozenset({("fleet", "Check-in opened."), ("fleet", "Asked the driver.")})

_FOR_THE_OPERATOR = frozenset({CheckIn.SAFE, CheckIn.TOW_ORDERED, CheckIn.EMERGENCY, CheckIn.ESCALATED})

_ENDINGS = {
    CheckIn.SAFE: "the driver says that she is safe",
    CheckIn.EMERGENCY: "an emergency stands at the top of the operator's list until a person closes it",
    CheckIn.ESCALATED: "a person is called, and the check-in stands at the top of the operator's list",
    CheckIn.CLOSED: "the check-in is closed",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the story could end here. line: how many lines it has; the same end may be left and come again."""

    why: str
    line: int


class FleetWatch:
    """Tells every line of every check-in's story, as it comes.

    ending: where the story stands could be its end; None while more has to come.
    """

    def __init__(self, address: str, database: Path, tell: Tell) -> None:
        """address: of the fleet. database: its SQLite file, which is only read here."""
        self._address = address
        self._path = database
        self._tell = tell
        self._database: Database | None = None
        self._thread = threading.Thread(target=self._listen, name="operator", daemon=True)
        self._entries: set[tuple[str, Entry]] = set()
        self._prices: set[str] = set()
        self._seen: set[CheckIn] = set()
        self.ending: Ending | None = None

    def start(self) -> None:
        """Begin; the fleet has to serve its pages."""
        self._database = open_database(f"sqlite:///{self._path}")
        self._desk = Desk(self._database)
        self._thread.start()

    def close(self) -> None:
        """After the fleet has ended, which ends the list."""
        if self._database is not None:
            self._thread.join()
            self._database.close()

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", f"{self._address}/operator/events", timeout=None) as response:
                for board in _boards(response.iter_lines()):
                    self._look(board, time.time())
        except httpx.TransportError:
            # The fleet has gone; whoever runs the processes notices that and says so.
            return

    def _look(self, board: str, at_s: float) -> None:
        """board: the list's HTML as it came in at this time."""
        views = self._desk.board(datetime.now(UTC))
        for view in views:
            self._tell_price(view)
            for entry in view.story:
                self._tell_entry(view.incident_id, entry)
            self._tell_operator(view, board, at_s)
        endings = [ending for view in views if (ending := ending_of(view)) is not None]
        ended = bool(endings) and len(endings) == len(views)
        self.ending = Ending(endings[0], len(self._entries)) if ended else None

    def _tell_price(self, view: CheckInView) -> None:
        if view.quote is None or view.quote.quote_id in self._prices:
            return
        self._prices.add(view.quote.quote_id)
        detail = f"A tow costs {view.quote.price.text()}."
        self._tell(Stage("price shown", view.changed_at.timestamp(), detail, again=True))

    def _tell_entry(self, incident_id: str, entry: Entry) -> None:
        if entry.who == "car" or (incident_id, entry) in self._entries:
            return
        self._entries.add((incident_id, entry))
        if (entry.who, entry.what) not in _TOLD_BY_OTHERS:
            self._tell(stage_of(entry))

    def _tell_operator(self, view: CheckInView, board: str, at_s: float) -> None:
        """What an operator has to know stands on her list, and how soon after it happened."""
        if view.state not in _FOR_THE_OPERATOR or view.state in self._seen or STATES[view.state] not in board:
            return
        self._seen.add(view.state)
        cause = next(entry for entry in reversed(view.story) if entry.who in ("driver", "fleet"))
        after = "after the tap" if cause.who == "driver" else "later"
        passed_ms = (at_s - cause.at.timestamp()) * 1000
        detail = f"“{STATES[view.state]}”, {passed_ms:.0f} ms {after}, without reloading"
        self._tell(Stage("operator sees it", at_s, detail, again=True))


def ending_of(view: CheckInView) -> str | None:
    """Why the story could end here; None: more has to come."""
    tow = None if view.tow is None else view.tow.state
    if view.state is CheckIn.CLOSED and tow is Tow.COMPLETED:
        return "the tow is completed"
    if view.state is CheckIn.SAFE and tow is Tow.CANCELLED:
        return "the tow is called off, and the driver is safe"
    return _ENDINGS.get(view.state)


def stage_of(entry: Entry) -> Stage:
    """A line of the fleet's story; one that is not known here is called after who told it."""
    name, detail = _ANSWERED.get(entry.what, f"the {entry.who}"), entry.what
    if (tow := _TOWED.get(entry.what)) is not None:
        name, detail = f"tow {tow.value.replace('-', ' ')}", f"{TOWS[tow]}."
    elif _PERSON in entry.what:
        name = _PERSON
    for (who, what), begins in _BEGINNINGS.items():
        if entry.who == who and entry.what.startswith(what):
            name, detail = begins, entry.what.partition(", order ")[0].removesuffix(".") + "."
    return Stage(name, entry.at.timestamp(), detail, again=True)


def _boards(lines: Iterable[str]) -> Iterator[str]:
    """The data of each server-sent event that has any."""
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:"))
        elif not line and data:
            yield "\n".join(data)
            data = []
