"""What the loop hands to the courier's thread: takes a report at once, whatever the thread is doing."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hardshoulder.core.actions import Location, Report, ReportStatus
from hardshoulder.core.power import PowerReport

if TYPE_CHECKING:
    from hardshoulder.core.shadow import ShadowStatus

REPORTS_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The core's status and what only the edges know.

    buses: by name, whether the interface is up. invalid_frames: how many were refused, by reason.
    shadow: how a candidate ruleset does; None where none is configured. bus_errors: what CAN controllers reported,
    as `bus.kind`. power: the module's own. place: only where the driver agreed that it is told.
    """

    status: ReportStatus
    buses: Mapping[str, bool]
    invalid_frames: Mapping[str, int]
    shadow: "ShadowStatus | None" = None
    bus_errors: Mapping[str, int] = field(default_factory=dict)
    power: PowerReport | None = None
    place: Location | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """What was handed over since the last time."""

    reports: tuple[Report, ...]
    status: StatusReport | None


class Mailbox:
    """A bounded hand-over between two threads; nothing in here waits for a disk or a network.

    Of the status only the newest is kept. Reports are kept up to a limit; over it the oldest
    goes of which a later one about the same incident is here, since that one tells the whole
    incident again. The last report about an incident always stays.
    """

    def __init__(self, limit: int = REPORTS_LIMIT) -> None:
        self.wake = threading.Event()
        """Set when there is something for the thread to do."""
        self._limit = limit
        self._lock = threading.Lock()
        self._reports: deque[Report] = deque()
        self._status: StatusReport | None = None
        self._taken = 0
        self.rests: Literal["asleep", "low-supply"] | None = None
        """Why the radio is not to be used for now; `rest` sets it."""

    def rest(self, why: Literal["asleep", "low-supply"] | None) -> None:
        """Lets the radio go, or takes it up again."""
        if why != self.rests:
            self.rests = why
            self.wake.set()

    def __len__(self) -> int:
        """The reports that are not known to be stored: here, or taken and not yet settled."""
        with self._lock:
            return len(self._reports) + self._taken

    def put(self, mail: Report | StatusReport) -> None:
        """Hand something over."""
        with self._lock:
            if isinstance(mail, StatusReport):
                self._status = mail
            else:
                self._reports.append(mail)
                if len(self._reports) > self._limit:
                    self._drop_superseded()
        self.wake.set()

    def take(self) -> Mail:
        """Everything that was handed over; `settle` says that it is stored."""
        with self._lock:
            mail = Mail(tuple(self._reports), self._status)
            self._taken += len(self._reports)
            self._reports.clear()
            self._status = None
        return mail

    def settle(self) -> None:
        """What was taken is stored."""
        with self._lock:
            self._taken = 0

    def _drop_superseded(self) -> None:
        last = {report.incident.incident_id: place for place, report in enumerate(self._reports)}
        for place, report in enumerate(self._reports):
            if last[report.incident.incident_id] != place:
                del self._reports[place]
                return
