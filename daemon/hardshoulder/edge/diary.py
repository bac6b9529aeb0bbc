"""Reports on their way out: each is kept in the journal first, and then handed to the courier.

In this order, because a number that was sent and not kept would be given to another report by the next start. What was
kept and perhaps not sent is sent again by the next start, under the same id.
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from hardshoulder.core.actions import Report
from hardshoulder.core.resume import Snapshot
from hardshoulder.edge.courier import Courier
from hardshoulder.edge.journal import Journal, Kept, load
from hardshoulder.edge.last_word import LastWord, place
from hardshoulder.edge.surroundings import Say


class Diary:
    """What the daemon keeps and tells of its incidents; to be used from one thread. courier: None where none is."""

    def __init__(self, folder: Path, courier: Courier | None, say: Say) -> None:
        self._folder, self._courier, self._say = folder, courier, say
        self._run = os.urandom(8).hex()
        self._word = LastWord(place(folder))
        self._journal = Journal(folder, say, self._run, self._word)
        self._told_all = True

    def start(self) -> None:
        """Starts the journal's thread."""
        self._journal.start()

    def reopen(self, *, clock_trusted: bool) -> Kept | None:
        """The incident that was open when the daemon ended. The last report that was kept is told again."""
        kept = load(self._folder, self._say, clock_trusted=clock_trusted, word=self._word)
        if kept is None:
            return None
        incident, self._told_all = kept.snapshot.incident, False
        if kept.run:
            self._submit(Report(incident, incident.timeline[-1].at_s, run=kept.run))
        return kept if incident.closed_at_s is None else None

    def tell(self, report: Report, snapshot: Snapshot | None) -> None:
        """A report goes out. snapshot: of the open incident; None: this report closes it."""
        kept = snapshot or Snapshot(report.incident, overruled=False)
        self._told_all = False
        self._journal.keep(kept, partial(self._submit, replace(report, run=self._run)))

    def forget_told(self) -> None:
        """No incident is open: once the fleet has all of the last one, no later start tells it again."""
        if self._told_all or self._courier is None:
            return
        if self._journal.idle and self._courier.depth() == 0:
            self._told_all = True
            self._journal.keep(None)

    def stop(self, timeout_s: float) -> bool:
        """Writes what is left. False: that took too long."""
        return self._journal.stop(timeout_s)

    def _submit(self, report: Report) -> None:
        if self._courier is not None:
            self._courier.submit(report)
