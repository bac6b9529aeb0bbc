"""The outbox on the disk, with one in memory for as long as the disk does not take events."""

import math

from hardshoulder.edge.outbox import DamagedError, Outbox, OutboxError, PendingEvent
from hardshoulder.edge.surroundings import Say
from hardshoulder.settings import StorageSettings

FILE_NAME = "outbox.sqlite3"
RETRY_AFTER_S = 3.0
_MOVED_AT_ONCE = 256
_REMEMBERED = 256
"""Events on the disk that are kept in memory beside it, in case that the file is damaged under way; some MB at most."""


class Storage:
    """Takes every event, on the disk if it can; to be used from one thread.

    Trouble with the disk is said once, and once more when it is over. While there is some,
    new events stay in memory and what is on the disk can still be read and sent.
    """

    def __init__(self, settings: StorageSettings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._memory = Outbox.in_memory(settings.max_events)
        self._disk: Outbox | None = None
        self._trouble: str | None = None
        self._retry_at_s = -math.inf
        self._remembered: dict[str, PendingEvent] = {}

    @property
    def ok(self) -> bool:
        """Whether events are on the disk, as far as we know."""
        return self._disk is not None and self._trouble is None

    def depth(self) -> int:
        """How many events wait."""
        return self._memory.depth() + (self._disk.depth() if self._disk else 0)

    def tend(self, now_s: float) -> None:
        """Open the disk's outbox, or see whether it works again, if that is due."""
        self._look()
        if self.ok or now_s < self._retry_at_s:
            return
        self._retry_at_s = now_s + RETRY_AFTER_S
        try:
            self._move_to(self._disk or self._open())
        except OutboxError as error:
            self._complain(error)
            return
        if self._trouble is not None:
            self._say("info", f"Events are kept in {self._settings.folder} again.")
        self._trouble = None

    def add(self, event: PendingEvent) -> None:
        """Keep the event: on the disk, or else in memory."""
        if self._disk is not None and self._trouble is None:
            try:
                self._disk.add(event)
                self._remember(event)
                return
            except OutboxError as error:
                self._complain(error)
        self._memory.add(event)

    def pending(self, limit: int) -> list[PendingEvent]:
        """Up to `limit` events of each place, those that wait longest for their turn first."""
        events = self._memory.pending(limit)
        if self._disk is not None:
            try:
                on_disk = self._disk.pending(limit)
            except OutboxError as error:
                self._complain(error)
                return self._memory.pending(limit)
            for event in on_disk:
                self._remember(event)
            events += on_disk
        return events

    def mark_sent(self, event_ids: list[str], at: float) -> None:
        """Note that these were published, with one commit. at: seconds since 1970."""
        for outbox in (self._memory, self._disk):
            if outbox is not None:
                self._mark_sent_in(outbox, event_ids, at)

    def forget(self, event_id: str) -> bool:
        """Drop the event, because the fleet has it. False: it was not here, or the disk refuses.

        A refusal does no harm: the event is sent again, acknowledged again and then dropped.
        """
        self._remembered.pop(event_id, None)
        if self._memory.forget(event_id):
            return True
        if self._disk is None:
            return False
        try:
            return self._disk.forget(event_id)
        except OutboxError as error:
            self._complain(error)
            return False

    def close(self) -> None:
        """Leave the files alone; what could not be moved to the disk is lost, and that is said."""
        if lost := self._memory.depth():
            self._say("error", f"{lost} events were not acknowledged and are not on the disk: they are lost.")
        self._leave_disk()
        self._memory.close()

    def _remember(self, event: PendingEvent) -> None:
        self._remembered[event.event_id] = event
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _look(self) -> None:
        if self._disk is not None:
            try:
                self._disk.look()
            except OutboxError as error:
                self._complain(error)

    def _open(self) -> Outbox:
        self._disk = Outbox.open(self._settings.folder / FILE_NAME, self._settings.max_events)
        self._disk.look()
        if self._disk.remark is not None:
            self._say("error", self._disk.remark)
        return self._disk

    def _move_to(self, disk: Outbox) -> None:
        """Move what is in memory to the disk; an event is dropped here when it is safe there."""
        disk.probe()
        while events := self._memory.pending(_MOVED_AT_ONCE):
            with disk.together():
                for event in events:
                    disk.add(event)
            for event in events:
                self._memory.forget(event.event_id)

    def _mark_sent_in(self, outbox: Outbox, event_ids: list[str], at: float) -> None:
        try:
            with outbox.together():
                for event_id in event_ids:
                    outbox.mark_sent(event_id, at)
        except OutboxError as error:
            self._complain(error)

    def _complain(self, error: OutboxError) -> None:
        text = str(error)
        if text != self._trouble:
            self._say("error", f"{text} Until then events are kept in memory and are lost with the power.")
        self._trouble = text
        # A damaged file is closed, so that the next `tend` opens a sound one. Any other trouble
        # leaves it open: what a full disk holds can still be read and sent.
        if isinstance(error, DamagedError):
            self._leave_disk()
            # Nobody knows what of these can be read of it; one that is there already is kept once.
            for event in self._remembered.values():
                self._memory.add(event)
            self._remembered.clear()

    def _leave_disk(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk = None
