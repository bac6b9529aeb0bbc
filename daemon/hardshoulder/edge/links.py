"""The car's buses while the daemon runs: opened, watched, lost, and opened again."""

import logging
import selectors
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass

from hardshoulder.core.frame import Frame
from hardshoulder.edge.bus import Bus, BusError, open_bus
from hardshoulder.edge.can_errors import BUS_OFF, ReportingBus
from hardshoulder.edge.tended import TendedBus, Wish
from hardshoulder.settings import BusSettings

log = logging.getLogger("hardshoulder.bus")

RETRY_AFTER_S = 1.0

Opener = Callable[[str, str, frozenset[int], int | None], Bus]
"""Opens a bus by name, URL, ids and bit rate, as `open_bus` does."""


@dataclass(slots=True)
class _Link:
    """One configured bus, open or waiting for its next try."""

    settings: BusSettings
    ids: frozenset[int]
    bus: Bus | None = None
    up: bool = False
    retry_at_s: float = 0.0
    complaint: str = ""


class Links:
    """All buses of one car behind one selector. A bus that is not there never stops the others."""

    def __init__(
        self, settings: tuple[BusSettings, ...], wanted: frozenset[tuple[str, int]], opener: Opener = open_bus
    ) -> None:
        self._opener = opener
        self.selector = selectors.DefaultSelector()
        self.errors: Tally[str] = Tally()
        """What the controllers reported since the start, as `bus.kind`; a bus that is opened again goes on counting."""
        self._lost: list[str] = []
        self._links = {
            entry.name: _Link(entry, frozenset(can_id for bus, can_id in wanted if bus == entry.name))
            for entry in settings
        }

    @property
    def up(self) -> dict[str, bool]:
        """Which buses are open, and answered where there is somebody to answer."""
        return {name: link.up for name, link in self._links.items()}

    def open_missing(self, now_s: float) -> None:
        """Tries to open what is closed, each at its own pace."""
        for link in self._links.values():
            if link.bus is None and now_s >= link.retry_at_s:
                self._open(link, now_s)

    def _open(self, link: _Link, now_s: float) -> None:
        entry = link.settings
        try:
            link.bus = self._opener(entry.name, entry.url, link.ids, entry.bitrate)
        except BusError as error:
            self._complain(link, str(error), now_s)
            return
        self.selector.register(link.bus, selectors.EVENT_READ, link)
        self._note_up(link)

    def _note_up(self, link: _Link) -> None:
        """A bus with a microcontroller behind it is up when that has answered, and down while it has to answer anew.

        One whose controller went off the bus is down until something is heard on it again.
        """
        up = not isinstance(link.bus, TendedBus) or link.bus.ready
        if isinstance(link.bus, ReportingBus):
            up = up and not link.bus.off
        if up and not link.up:
            link.complaint = ""
            log.info("bus=%s state=up url=%s", link.settings.name, link.settings.url)
        link.up = up

    def _complain(self, link: _Link, text: str, now_s: float) -> None:
        """Says a fault once, not every second."""
        link.retry_at_s = now_s + RETRY_AFTER_S
        if text != link.complaint:
            link.complaint = text
            log.error("%s; trying again every %g s", text, RETRY_AFTER_S)

    def next_retry_s(self) -> float:
        """When the next closed bus is tried or an open one kept alive; infinity when neither will be."""
        return min(map(_due_s, self._links.values()), default=float("inf"))

    def keep_alive(self, wish: Wish, now_s: float) -> None:
        """Tells the wish to everybody who acts for us; one who does not answer is closed and tried again."""
        for link in self._links.values():
            if isinstance(link.bus, TendedBus):
                try:
                    link.bus.keep_alive(wish, now_s)
                    self._note_up(link)
                except BusError as error:
                    self._lose(link, error, now_s)

    def hush(self, bus: str, can_id: int) -> None:
        """Ends at once what somebody sends for us on this id."""
        link = self._links.get(bus)
        if link is not None and isinstance(link.bus, TendedBus):
            link.bus.hush(can_id)

    def receive(self, link: object, now_s: float) -> list[Frame]:
        """The frames that wait on a selected link; a bus that went away is closed and tried again."""
        assert isinstance(link, _Link)
        if link.bus is None:
            return []
        try:
            frames = link.bus.receive_ready()
        except BusError as error:
            self._lose(link, error, now_s)
            return []
        if isinstance(link.bus, ReportingBus):
            self._count(link, link.bus.take_errors())
        return frames

    def _count(self, link: _Link, kinds: list[str]) -> None:
        """Error frames of a controller; one that left the bus is as good as a pulled plug."""
        name = link.settings.name
        self.errors.update(f"{name}.{kind}" for kind in kinds)
        if BUS_OFF in kinds:
            if link.up:
                log.error("bus=%s state=bus-off: its controller has left the bus; nothing is heard or sent", name)
            link.up = False
            self._lost.append(name)
        if not link.up:
            self._note_up(link)

    def send(self, frame: Frame, now_s: float) -> bool:
        """Puts the frame on its bus; False when that bus is not there."""
        link = self._links.get(frame.bus)
        if link is None or link.bus is None:
            return False
        try:
            link.bus.send(frame)
        except BusError as error:
            self._lose(link, error, now_s)
            return False
        return True

    def _lose(self, link: _Link, error: BusError, now_s: float) -> None:
        assert link.bus is not None
        self.selector.unregister(link.bus)
        if isinstance(link.bus, TendedBus):
            # What is opened next begins anew, and two must not ask side by side.
            link.bus.hush(None)
        link.bus.close()
        link.bus, link.up = None, False
        self._lost.append(link.settings.name)
        self._complain(link, str(error), now_s)

    def take_lost(self) -> list[str]:
        """The buses that went away since the last call."""
        lost, self._lost = self._lost, []
        return lost

    def close(self) -> None:
        """Gives all buses back."""
        for link in self._links.values():
            if link.bus is not None:
                self.selector.unregister(link.bus)
                link.bus.close()
                link.bus, link.up = None, False
        self.selector.close()


def _due_s(link: _Link) -> float:
    if link.bus is None:
        return link.retry_at_s
    return link.bus.next_due_s() if isinstance(link.bus, TendedBus) else float("inf")
