"""Raw frames around an incident, from a ring in memory onto the disk, by a thread of its own.

loop ─▶ one deque ─▶ thread: pieces of half a second ─▶ ring (so many seconds, so many bytes) ─▶ file of the incident

The loop pays for one append a frame and never waits. The thread works in small bites, because whoever holds Python's
interpreter keeps the loop from it, and whatever the disk does to it the loop goes on.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hardshoulder.core.actions import Incident, Recording, State
from hardshoulder.core.frame import Frame
from hardshoulder.edge.recording import CHUNK_S, Head, Kind, Moment, Own, end_body, head_body, pieces
from hardshoulder.edge.shelf import Shelf, name_of
from hardshoulder.edge.surroundings import Clock, Say
from hardshoulder.edge.tape import Ring, Tape
from hardshoulder.settings import Identity, RecorderSettings

MEGABYTE = 1_000_000
FRESH_FRAMES = 65_536
"""Frames that wait for the thread; a disk that hangs for longer costs the oldest of them and no more memory."""

BITE_FRAMES = 128
BREATH_S = 0.0005
SHARE = 2
"""One recording gets one such part of what all may take: a car that breaks down all day must not push out the rest."""

TIDY_EVERY_S = 3600.0
RESTS_FOR_S = 600.0


@dataclass(frozen=True, slots=True)
class _Order:
    """What the loop asks for. until_s: when the recording of this incident may end."""

    incident_id: str
    until_s: float


class Recorder:
    """Records what is heard around every incident. `hear`, `sent` and `follow` return at once, from one thread."""

    def __init__(
        self, settings: RecorderSettings, storage: Path, who: Identity, buses: tuple[str, ...], clock: Clock, say: Say
    ) -> None:
        """storage: the folder of `[storage]`; buses: their names, in the order of the configuration."""
        self._settings, self._who, self._buses, self._clock, self._say = settings, who, buses, clock, say
        self._numbers = {name: number for number, name in enumerate(buses)}
        self._shelf = Shelf(storage)
        self._fresh: deque[Frame] = deque(maxlen=FRESH_FRAMES if settings.enabled else 0)
        self.hear = self._fresh.append
        """Takes a frame that was received."""
        self._orders: deque[_Order] = deque()
        self._followed: Incident | None = None
        self._ends_s = 0.0
        self._ring = Ring(settings.before_s, settings.memory_mb * MEGABYTE)
        self._tape: Tape | None = None
        self._wanted: _Order | None = None
        self._last_incident = ""
        self._written = 0
        self._complaint = ""
        self._tidy_at_s = 0.0
        self._every_s = CHUNK_S
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    # The loop's side ----------------------------------------------------------------------

    def sent(self, frame: Frame, now_s: float) -> None:
        """Takes a frame that the daemon put on the bus."""
        self.hear(Own(now_s, frame.bus, frame.can_id, frame.data))

    def follow(self, incident: Incident, at_s: float) -> Recording | None:
        """The incident changed: begins its recording, or goes on with it when the car broke anew.

        Returns what the alert says of it; None where nothing is recorded.
        """
        settings, before = self._settings, self._followed
        if not settings.enabled:
            return None
        known = before is not None and before.incident_id == incident.incident_id
        if not known and incident.state is State.CLOSED:
            # It ended while the daemon was away: whatever there is of it is in the file already.
            self._ends_s = incident.opened_at_s + settings.after_s
        elif not known or (
            incident.state is State.ROLLING and before is not None and before.state is not State.ROLLING
        ):
            self._ends_s = at_s + settings.after_s
            self._orders.append(_Order(incident.incident_id, self._ends_s))
            self._wake.set()
        self._followed = incident
        return Recording(name_of(incident.incident_id), incident.opened_at_s - settings.before_s, self._ends_s)

    def rest(self, resting: bool) -> None:
        """The module sleeps: the thread looks seldom, and what few frames come wait for it."""
        self._every_s = RESTS_FOR_S if resting else CHUNK_S
        if not resting:
            self._wake.set()

    def start(self) -> None:
        """Starts the thread."""
        if self._settings.enabled:
            self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Writes what is left and ends the thread. False: that took too long, and the recording is cut."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # The thread's side --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            last = self._stopping.is_set()
            try:
                self._turn()
            except Exception as error:  # a defect in here must not cost the next incident its recording
                self._complain(f"the recorder stumbled and goes on: {type(error).__name__}: {error}")
            if last:
                self._finish("the daemon ended")
                return
            self._wake.wait(self._every_s)
            self._wake.clear()

    def _turn(self) -> None:
        now_s = self._clock.now_s()
        for piece in pieces(self._heard(), self._numbers):
            self._ring.add(piece)
        while self._orders:
            self._obey(self._orders.popleft())
        wanted = self._wanted
        if wanted is not None:
            self._guarded(self._record)
            if now_s >= wanted.until_s:
                self._finish("complete")
        elif now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + TIDY_EVERY_S
            self._guarded(self._tidy)
        self._ring.forget(now_s)

    def _heard(self) -> Iterator[Frame]:
        """What was heard since the last time; between two bites the loop gets the interpreter if it wants it."""
        waiting = len(self._fresh)
        if waiting == FRESH_FRAMES:
            self._say("warning", f"the recorder was held up; frames before the last {FRESH_FRAMES} are missing")
        for number in range(waiting):
            yield self._fresh.popleft()
            if number % BITE_FRAMES == BITE_FRAMES - 1 and not self._stopping.is_set():
                time.sleep(BREATH_S)

    def _obey(self, order: _Order) -> None:
        if order.incident_id != self._last_incident:
            self._finish("another incident began")
            self._last_incident, self._written = order.incident_id, 0
        self._wanted = order

    def _record(self) -> None:
        """Writes what the ring has and the file has not. Raises OSError; then it is tried again in the next turn."""
        assert self._wanted is not None, "there is something to record"
        if self._tape is None:
            self._tape = Tape(self._shelf, name_of(self._wanted.incident_id))
        tape, entries = self._tape, self._ring.after(self._written)
        limit = self._settings.max_mb * MEGABYTE
        self._say_gone(self._shelf.make_room(sum(len(piece.body) for _, piece in entries), limit, tape.name))
        if not tape.begun:
            tape.write(Kind.HEAD, self._moment(self._clock.now_s()), head_body(self._head(self._wanted.incident_id)))
        for serial, piece in entries:
            if tape.size + len(piece.body) > limit / SHARE:
                self._finish(f"full: one recording gets {limit / SHARE / MEGABYTE:g} MB")
                return
            tape.write(Kind.FRAMES, self._moment(piece.base_us / 1e6), piece.body, piece.frames)
            self._written = serial
        tape.sync()
        self._complaint = ""

    def _finish(self, why: str) -> None:
        tape, self._tape, self._wanted = self._tape, None, None
        if tape is None:
            return

        def end() -> None:
            tape.write(Kind.END, self._moment(self._clock.now_s()), end_body(why))
            tape.sync()

        self._guarded(end)
        tape.close()
        self._say("info", f"recording={tape.name} bytes={tape.size} ended: {why}")

    def _tidy(self) -> None:
        """Retention. Whoever does not know the day throws nothing away for its age."""
        days, now_s = self._settings.keep_days, self._clock.now_s()
        self._say_gone(self._shelf.make_room(0, self._settings.max_mb * MEGABYTE, ""))
        if days and self._clock.trusted():
            old = self._shelf.older_than(days, self._clock.wall_time(now_s).timestamp())
            self._say_gone([path.name for path in old if self._shelf.remove(path)])

    def _say_gone(self, names: list[str]) -> None:
        for name in names:
            self._say("info", f"recording={name} is removed: its time is over, or its room is needed")

    def _head(self, incident_id: str) -> Head:
        who = self._who
        return Head(incident_id, who.profile, who.profile_digest, who.software, self._buses)

    def _moment(self, at_s: float) -> Moment:
        wall_us = round(self._clock.wall_time(at_s).timestamp() * 1e6)
        return Moment(max(0, round(at_s * 1e6)), wall_us, self._clock.trusted())

    def _guarded(self, deed: Callable[[], None]) -> None:
        try:
            deed()
        except OSError as error:
            self._complain(
                f"{self._shelf.folder}: cannot be written: {error.strerror or error}; "
                "the car is watched as before, and a recording lacks what could not be kept"
            )

    def _complain(self, text: str) -> None:
        """Says a fault once, not at every turn."""
        if text != self._complaint:
            self._complaint = text
            self._say("error", text)
