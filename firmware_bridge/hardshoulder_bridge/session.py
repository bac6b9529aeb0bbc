"""One end of the link as a state: greets, keeps alive, numbers, repeats, gives credit. Pure; time is an argument.

Bytes that came go into `receive`, bytes to send come out of `take_outgoing`; whoever has the port moves them.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from hardshoulder_bridge.clock import BoardClock
from hardshoulder_bridge.codec import Decoder, Packet, encode
from hardshoulder_bridge.commands import Commands
from hardshoulder_bridge.messages import Ack, Heartbeat, Hello, Record, Status, Welcome, pack_records, read_records
from hardshoulder_bridge.protocol import (
    ANSWER_WITHIN_S,
    BOARD_SILENT_AFTER_S,
    HASH,
    HEARTBEAT_EVERY_S,
    HELLO_EVERY_S,
    NO_END_MS,
    REPORT_CREDIT,
    VERSION,
    Kind,
    Verdict,
    Wants,
)

OUT_MAX = 4096
"""Bytes that wait for the port; a heartbeat that would wait behind more is out of date before it leaves."""

_NO_ANSWER = (
    f"nobody answers within {ANSWER_WITHIN_S:g} s; check that the microcontroller has power and its firmware, "
    "and that the lines are not crossed wrongly (our TX to its RX)"
)
_NO_ANSWER_BUT_NOISE = (
    f"noise came within {ANSWER_WITHIN_S:g} s and no answer in it; "
    "check the baud rate on both ends, and whether something else speaks on this line"
)


class Heard(NamedTuple):
    """A CAN frame of the car. at_s: on our clock; can_id: with `EXTENDED` for 29 bits; data: at most 8 bytes."""

    at_s: float
    can_id: int
    data: bytes


class LinkFault(Exception):
    """The other end is not there, not ours, or went away; the text says what, and the remedy."""


class Session:
    """Greets at once, and again whenever the board has forgotten us.

    new_session: gives a random number from 1 to 0xFFFFFFFF. welcome, status: what the board said last.
    refusals: verdicts on our commands other than DONE, for the caller to clear. lost_reports: packets that never came.
    """

    def __init__(self, new_session: Callable[[], int], now_s: float) -> None:
        self._new_session = new_session
        self._decoder = Decoder()
        self._out = bytearray()
        self._wants, self._lease_until_s = Wants(0), -inf
        self._asked = False
        self.status: Status | None = None
        self.refusals: list[Verdict] = []
        self.lost_reports = 0
        self._greet(now_s)

    def _greet(self, now_s: float) -> None:
        """Begins a session; nothing of the one before counts any more."""
        self._session = self._new_session()
        self.welcome: Welcome | None = None
        self._commands = Commands()
        self._clock = BoardClock()
        self._next_report = self._granted = 0
        self._greeted_s = self._heard_s = now_s
        self._noise_before = self._decoder.faults.noise
        self._due_s = now_s

    @property
    def linked(self) -> bool:
        """Whether the board has welcomed us."""
        return self.welcome is not None

    @property
    def repeated(self) -> int:
        """Commands of this session that had to be sent again."""
        return self._commands.repeated

    @property
    def unanswered(self) -> int:
        """Commands that the board has not acknowledged yet."""
        return len(self._commands)

    # What comes -----------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> list[Heard]:
        """Takes bytes of the line. Raises LinkFault when they say that this end cannot talk to that one."""
        heard: list[Heard] = []
        for packet in self._decoder.feed(data):
            if self.linked:
                self._take(packet, now_s, heard)
            elif packet.kind == Kind.WELCOME:
                self._take_welcome(Welcome.read(packet.payload), now_s)
        return heard

    def _take_welcome(self, welcome: Welcome | None, now_s: float) -> None:
        if welcome is None or welcome.session != self._session:
            return
        if welcome.refused or (welcome.version, welcome.hash) != (VERSION, HASH):
            firmware = f"{welcome.name} {'.'.join(map(str, welcome.firmware))}"
            raise LinkFault(
                f"the firmware ({firmware}) speaks protocol {welcome.version} with hash {welcome.hash.hex()}, "
                f"this daemon protocol {VERSION} with hash {HASH.hex()}; flash the firmware of this release"
            )
        self.welcome = welcome
        self._heard_s = now_s
        self._due_s = now_s
        if self._asked:
            # It may hold hazards that we asked for before it lost us; whether they are still wanted is for us to say.
            self._send_heartbeat(now_s)
            self._lamp(on=Wants.HAZARDS in self._wants)

    def _take(self, packet: Packet, now_s: float, heard: list[Heard]) -> None:
        self._heard_s, self._noise_before = now_s, self._decoder.faults.noise
        if packet.kind == Kind.RECEIVED:
            self._take_report(packet, now_s, heard)
        elif packet.kind == Kind.STATUS and (status := Status.read(packet.payload)) is not None:
            self._take_status(status, now_s)
        elif packet.kind == Kind.ACK and (ack := Ack.read(packet.payload)) is not None:
            self._commands.acknowledged(ack, now_s)
            if ack.verdict not in (Verdict.DONE, Verdict.NOT_DONE):
                self.refusals.append(ack.verdict)

    def _take_report(self, packet: Packet, now_s: float, heard: list[Heard]) -> None:
        self._count_reports(packet.number, packet.number + 1)
        records = read_records(packet.payload)
        if records is not None:
            times = self._clock.times(records, now_s)
            heard += (Heard(at_s, r.can_id, r.data) for at_s, r in zip(times, records, strict=True))
        if (self._credit() - self._granted) % 256 >= REPORT_CREDIT // 2:
            self._granted = self._credit()
            self._send(Kind.CREDIT, 0, bytes((self._granted,)))

    def _count_reports(self, came: int, expected: int) -> None:
        """Packets up to `came` are here or lost; `expected` comes next."""
        self.lost_reports += (came - self._next_report) % 256
        self._next_report = expected % 256

    def _credit(self) -> int:
        return (self._next_report + REPORT_CREDIT) % 256

    def _take_status(self, status: Status, now_s: float) -> None:
        if status.session != self._session:
            # It restarted, or did not hear us for too long.
            self._greet(now_s)
            return
        self.status = status
        self._count_reports(status.next_report, status.next_report)

    # What goes ------------------------------------------------------------------------------

    def transmit(self, can_id: int, data: bytes) -> bool:
        """Asks the board to send a frame on the car's bus; False when it is not linked or takes no more."""
        return self.linked and self._commands.put(Kind.TRANSMIT, pack_records([Record(0, can_id, data)]))

    def want(self, wants: Wants, lease_until_s: float, now_s: float) -> None:
        """What the incident wants now. lease_until_s: when frames and hazards end without further word."""
        if lease_until_s <= now_s:
            wants &= ~Wants.HAZARDS
        changed = wants ^ self._wants
        if changed or lease_until_s != self._lease_until_s:
            self._due_s = now_s
        self._wants, self._lease_until_s = wants, lease_until_s
        self._asked = self._asked or Wants.HAZARDS in wants
        if self.linked and Wants.HAZARDS in changed:
            # The lease stands in the heartbeat, and a lamp needs one.
            self._send_heartbeat(now_s)
            self._lamp(on=Wants.HAZARDS in wants)

    def _lamp(self, *, on: bool) -> None:
        self._commands.put(Kind.LAMP, bytes((0, on)))

    def tick(self, now_s: float) -> None:
        """Lets time pass: greets, keeps alive, sends and repeats commands. Raises LinkFault when the board is gone."""
        self._complain(now_s)
        if now_s >= self._due_s:
            if self.linked:
                self._send_heartbeat(now_s)
            else:
                self._send_hello(now_s)
        for packet in self._commands.due(now_s):
            self._out += encode(packet)

    def _complain(self, now_s: float) -> None:
        noisy = self._decoder.faults.noise > self._noise_before
        if not self.linked and now_s - self._greeted_s >= ANSWER_WITHIN_S:
            raise LinkFault(_NO_ANSWER_BUT_NOISE if noisy else _NO_ANSWER)
        quiet_s = now_s - self._heard_s
        if self.linked and quiet_s >= BOARD_SILENT_AFTER_S:
            what = "sends nothing but noise" if noisy else "has fallen silent"
            raise LinkFault(f"the microcontroller {what}, for {BOARD_SILENT_AFTER_S:g} s now")
        # One that says nothing at all is silent first of all.
        if self._commands.exhausted(now_s) and quiet_s < BOARD_SILENT_AFTER_S / 2:
            raise LinkFault("the microcontroller acknowledges no command; check the line towards it (our TX)")

    def _send_hello(self, now_s: float) -> None:
        # A zero first: whatever noise stands before it belongs to no frame.
        self._out += b"\0"
        self._granted = REPORT_CREDIT
        self._send(Kind.HELLO, 0, Hello(VERSION, REPORT_CREDIT, self._session, HASH).pack())
        self._due_s = now_s + HELLO_EVERY_S

    def _send_heartbeat(self, now_s: float) -> None:
        self._granted = self._credit()
        lease_ms = _lease_ms(self._lease_until_s - now_s)
        self._send(Kind.HEARTBEAT, 0, Heartbeat(self._session, self._wants, self._granted, lease_ms).pack())
        self._due_s = now_s + HEARTBEAT_EVERY_S

    def _send(self, kind: Kind, number: int, payload: bytes) -> None:
        if len(self._out) < OUT_MAX:
            self._out += encode(Packet(kind, number, payload))

    def take_outgoing(self) -> bytes:
        """What is to be written to the port now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def put_back(self, rest: bytes) -> None:
        """What the port did not take."""
        self._out[:0] = rest

    def next_due_s(self) -> float:
        """When `tick` has something to do."""
        return min(self._due_s, self._commands.next_due_s())


def _lease_ms(left_s: float) -> int:
    """A lease as it stands in a heartbeat; one beyond 49 days has no end."""
    if left_s <= 0:
        return 0
    return NO_END_MS if left_s * 1000 >= NO_END_MS else round(left_s * 1000)
