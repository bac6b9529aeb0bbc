"""`bridge:/dev/ttyS1@921600`: the car's bus behind a microcontroller on a serial port (docs/PROTOCOL.md)."""

import logging
import time

from hardshoulder.core.frame import Frame
from hardshoulder.edge.bus import BusError
from hardshoulder.edge.tended import TendedBus, Wish
from hardshoulder_bridge.link import BAUD, SerialLink
from hardshoulder_bridge.messages import Status
from hardshoulder_bridge.protocol import Seen, Verdict, Wants
from hardshoulder_bridge.session import LinkFault, Session

log = logging.getLogger("hardshoulder.bus")

COMPLAIN_EVERY_S = 10.0


def split_port(channel: str) -> tuple[str, int]:
    """(device, baud) of `/dev/ttyS1@921600`; without `@`, 921,600. Raises ValueError."""
    device, at, baud = channel.partition("@")
    if not device or (at and not (baud.isdecimal() and int(baud) > 0)):
        raise ValueError(f"{channel!r} is no port; write /dev/ttyS1 or /dev/ttyS1@921600")
    return device, int(baud) if at else BAUD


class BridgeBus(TendedBus):
    """One bus of the car through the microcontroller. `ready` once it has welcomed us."""

    def __init__(self, name: str, channel: str, ids: frozenset[int]) -> None:
        self.name = name
        self._ids = ids
        self._welcomed = False
        self._held = False
        self._refusals: set[Verdict] = set()
        self._faults = (0, 0, 0)
        self._complain_s = 0.0
        try:
            self._link = SerialLink(*split_port(channel))
        except (LinkFault, ValueError) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> BusError:
        return BusError(f"bus {self.name}: bridge:{error}")

    @property
    def session(self) -> Session:
        """The link's state, to be looked at only."""
        return self._link.session

    @property
    def ready(self) -> bool:
        return self._link.session.linked

    def fileno(self) -> int:
        return self._link.fileno()

    def receive_ready(self) -> list[Frame]:
        try:
            heard = self._link.receive()
        except LinkFault as error:
            raise self._error(error) from None
        self._tell(time.monotonic())
        return [Frame(at_s, self.name, can_id, data) for at_s, can_id, data in heard if can_id in self._ids]

    def send(self, frame: Frame) -> None:
        # What the session does not take is a busy link and not a lost one; the next period tries again.
        self._link.session.transmit(frame.can_id, frame.data)
        self._tick(time.monotonic())

    def keep_alive(self, wish: Wish, now_s: float) -> None:
        wants = Wants(0)
        wants |= Wants.INCIDENT if wish.incident else 0
        wants |= Wants.HAZARDS if wish.hazards else 0
        wants |= Wants.CONFIRMED if wish.confirmed else 0
        self._link.session.want(wants, wish.lease_until_s, now_s)
        self._tick(now_s)

    def _tick(self, now_s: float) -> None:
        try:
            self._link.tick(now_s)
        except LinkFault as error:
            raise self._error(error) from None

    def next_due_s(self) -> float:
        return self._link.next_due_s()

    def close(self) -> None:
        self._link.close()

    # What the log is told ---------------------------------------------------------------------

    def _tell(self, now_s: float) -> None:
        session = self._link.session
        welcome, status = session.welcome, session.status
        if welcome is not None and not self._welcomed:
            firmware = ".".join(map(str, welcome.firmware))
            log.info("bus=%s microcontroller=%s firmware=%s", self.name, welcome.name, firmware)
        self._welcomed = welcome is not None
        if status is not None and (Seen.HELD in status.seen) != self._held:
            self._held = not self._held
            log.warning("bus=%s the microcontroller %s", self.name, _hold_text(status))
        for verdict in set(session.refusals) - self._refusals:
            # Once each: a request that is refused comes ten times a second.
            log.warning("bus=%s the microcontroller refused: %s", self.name, verdict.name)
            self._refusals.add(verdict)
        session.refusals.clear()
        if now_s >= self._complain_s:
            self._complain(now_s)

    def _complain(self, now_s: float) -> None:
        """Losses, when there are new ones; not more often than anybody wants to read of them."""
        session = self._link.session
        if session.status is None:
            return
        faults = (session.status.can_dropped, session.status.crc_errors + session.status.overruns, session.lost_reports)
        if faults != self._faults and any(faults):
            log.warning("bus=%s lost so far: %d frames by the board, %d packets to it, %d from it", self.name, *faults)
            self._complain_s = now_s + COMPLAIN_EVERY_S
        self._faults = faults


def _hold_text(status: Status) -> str:
    """What became of hazards that the microcontroller held by itself, or holds now."""
    if Seen.HELD in status.seen:
        return "keeps the hazard lights on by itself"
    if Seen.HAZARDS_ON in status.seen:
        return "hands the hazard lights back to us"
    return f"let the hazard lights go: {status.end.name}"
