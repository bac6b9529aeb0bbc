"""Both sessions on one line: meeting, numbers, acks, credit, heartbeats, and what each end makes of silence."""

import random
from collections.abc import Callable
from itertools import pairwise
from math import inf

import pytest

from hardshoulder.core.frame import EXTENDED
from hardshoulder_bridge.codec import Decoder, Packet, encode
from hardshoulder_bridge.messages import Heartbeat, Hello, Record, Status, Welcome, pack_records
from hardshoulder_bridge.protocol import HASH, REPORT_CREDIT, VERSION, End, Kind, Seen, Verdict, Wants
from hardshoulder_bridge.session import LinkFault, Session
from support.firmware import Board
from support.pair import ASKS, CONFIRMS, Pair, clean, request

pytestmark = pytest.mark.slow

HAZARD_ID = 0x2A0


@pytest.fixture
def pair() -> Pair:
    return Pair()


def packets(data: bytes, kind: Kind) -> list[Packet]:
    return [packet for packet in Decoder().feed(data) if packet.kind == kind]


def lossy(seed: int, share: float) -> Callable[[bytes], bytes]:
    """A line that loses single bytes."""
    chance = random.Random(seed)
    return lambda data: bytes(byte for byte in data if chance.random() >= share)


# Meeting ------------------------------------------------------------------------------------


def test_they_meet_and_tell_who_they_are(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    assert pair.session.welcome is not None
    assert (pair.session.welcome.name, pair.session.welcome.deadline_ms, pair.session.welcome.window) == (
        "host/reference", 500, 8,
    )  # fmt: skip
    pair.board.supply(12.5)
    pair.run(0.11)
    status = pair.session.status
    assert status is not None
    assert (status.supply_mv, status.seen, status.end) == (12_500, Seen(0), End.NEVER)


@pytest.mark.parametrize(("version", "digest"), [(VERSION, b"12345678"), (VERSION + 1, HASH)])
def test_a_board_refuses_another_protocol_and_does_nothing_for_it(version: int, digest: bytes) -> None:
    board = Board()
    board.tell(encode(Packet(Kind.HELLO, 0, Hello(version, 64, 7, digest).pack())))
    board.tell(encode(Packet(Kind.HEARTBEAT, 0, Heartbeat(7, CONFIRMS, 64, 1000).pack())))
    board.tell(encode(Packet(Kind.LAMP, 0, b"\0\1")))
    board.turn()
    board.turn()
    said = board.said()
    (answer,) = packets(said, Kind.WELCOME)
    welcome = Welcome.read(answer.payload)
    assert welcome is not None
    assert (welcome.refused, welcome.session, welcome.hash) == (True, 7, HASH)
    assert not packets(said, Kind.ACK)
    assert board.lights == 0


@pytest.mark.parametrize(("refused", "digest"), [(1, HASH), (0, b"12345678")])
def test_linux_refuses_another_protocol_with_one_sentence(refused: int, digest: bytes) -> None:
    session = Session(lambda: 7, 0.0)
    payload = bytes((VERSION, refused)) + (7).to_bytes(4, "little") + digest + bytes((0, 1, 0, 8, 0xF4, 1)) + b"x/y"
    with pytest.raises(LinkFault) as fault:
        session.receive(encode(Packet(Kind.WELCOME, 0, payload)), 0.0)
    assert str(fault.value) == (
        f"the firmware (x/y 0.1.0) speaks protocol 1 with hash {digest.hex()}, "
        f"this daemon protocol 1 with hash {HASH.hex()}; flash the firmware of this release"
    )


def test_what_comes_before_the_welcome_is_somebody_elses(pair: Pair) -> None:
    pair.link()
    pair.run(0.5)
    assert len(pair.heard) > 50
    before = pair.board.said()
    pair.talk()
    pair.board.turn(0.002)
    before += pair.board.said()
    assert packets(before, Kind.RECEIVED)
    session = pair.start()
    assert session.receive(before, pair.now_s) == []
    assert not session.linked


def test_nobody_there_is_one_sentence_after_two_seconds() -> None:
    session = Session(lambda: 7, 0.0)
    for ms in range(0, 1990, 10):
        session.tick(ms / 1000)
    hellos = packets(session.take_outgoing(), Kind.HELLO)
    assert 19 <= len(hellos) <= 20
    with pytest.raises(LinkFault, match=r"^nobody answers within 2 s; check that the microcontroller has power"):
        session.tick(2.0)


def test_noise_instead_of_an_answer_is_said_as_that() -> None:
    session = Session(lambda: 7, 0.0)
    chance = random.Random(1)
    for _ in range(20):
        assert session.receive(chance.randbytes(500), 0.1) == []
    with pytest.raises(LinkFault, match=r"^noise came within 2 s and no answer in it; check the baud rate"):
        session.tick(2.0)


@pytest.mark.parametrize(("noise", "what"), [(b"", "has fallen silent"), (b"\x55\xaa\x00", "sends nothing but noise")])
def test_a_board_that_falls_silent_or_mad_is_given_up(pair: Pair, noise: bytes, what: str) -> None:
    pair.link()
    pair.to_linux = lambda data: noise
    pair.run(0.9)
    with pytest.raises(LinkFault, match=what):
        pair.run(0.2)


def test_a_board_that_hears_nothing_is_given_up(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.to_board = lambda data: b""
    pair.session.transmit(HAZARD_ID, request(0))
    with pytest.raises(LinkFault, match="acknowledges no command"):
        pair.run(1.0)


def test_a_board_that_restarts_is_greeted_anew(pair: Pair) -> None:
    pair.link()
    pair.run(0.3)
    assert pair.session is not None
    session = pair.session
    pair.board = Board(pair.now_s)
    pair.run_until(lambda: not session.linked, within_s=0.2)
    pair.run_until(lambda: session.linked, within_s=0.2)
    pair.heard.clear()
    pair.run(0.1)
    assert pair.heard


def test_a_daemon_that_slept_is_missed_and_welcomed_back(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    session, pair.session = pair.session, None
    pair.run(0.6)
    pair.session = session
    pair.run(0.25)
    assert session.linked
    assert session.status is not None
    assert session.status.session != 0


# CAN frames -----------------------------------------------------------------------------------


def test_frames_come_with_the_time_at_which_the_board_heard_them(pair: Pair) -> None:
    pair.car_talks = False
    pair.link()
    told = []
    for number in range(300):
        can_id = (0x18FEF100 | EXTENDED) if number % 3 else number
        data = bytes(number % 9)
        pair.board.hear(can_id, data)
        pair.board.turn(0.00025)
        told.append((pair.now_s, can_id, data))
        if number % 8 == 7:
            pair.step(0.001)
    pair.run(0.01)
    assert [(can_id, data) for _, can_id, data in told] == [(h.can_id, h.data) for h in pair.heard]
    late = [heard.at_s - at_s for (at_s, _, _), heard in zip(told, pair.heard, strict=True)][20:]
    assert max(late) - min(late) < 0.0001, "how long each waited for its packet is taken out again"
    assert min(late) > -0.001


def test_frames_travel_several_to_a_packet_within_the_budget(pair: Pair) -> None:
    """4,000 frames a second with 29-bit identifiers and 8 bytes: below 23 bytes each, status and all."""
    pair.car_talks = False
    pair.link()
    counted = 0

    def count(data: bytes) -> bytes:
        nonlocal counted
        counted += len(data)
        return data

    pair.to_linux = count
    for number in range(4000):
        pair.board.hear(0x18FEF100 | EXTENDED, number.to_bytes(8, "big"))
        pair.step(0.00025)
    assert 15 < counted / 4000 <= 23
    pair.run(0.01)
    assert [int.from_bytes(heard.data, "big") for heard in pair.heard] == list(range(4000))


def test_without_credit_the_oldest_frames_go_and_are_counted(pair: Pair) -> None:
    pair.car_talks = False
    pair.link()
    assert pair.session is not None
    session = pair.session
    taken = bytearray()
    for number in range(REPORT_CREDIT * 16 + 500):
        pair.board.hear(1, number.to_bytes(8, "big"))
        pair.board.turn(0.0001)
        taken.extend(pair.board.said())
    assert len(packets(bytes(taken), Kind.RECEIVED)) == REPORT_CREDIT
    pair.to_linux = clean
    pair.heard += session.receive(bytes(taken), pair.now_s)
    pair.run(0.3)
    numbers = [int.from_bytes(heard.data, "big") for heard in pair.heard]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == REPORT_CREDIT * 16 + 499, "the newest word counts"
    assert session.status is not None
    assert session.status.can_dropped == REPORT_CREDIT * 16 + 500 - len(numbers) > 0
    assert session.lost_reports == 0


def test_lost_packets_are_counted_and_give_their_credit_back(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.to_linux = lambda data: b"".join(
        encode(packet) for packet in Decoder().feed(data) if packet.kind != Kind.RECEIVED
    )
    pair.run(REPORT_CREDIT * 0.02 + 1.0)
    lost = pair.session.lost_reports
    assert lost > REPORT_CREDIT, "the board never stopped for want of credit"
    pair.to_linux = clean
    pair.heard.clear()
    pair.run(0.2)
    assert len(pair.heard) >= 25
    assert pair.session.lost_reports - lost <= 5


def test_a_full_line_delays_frames_and_loses_none(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.board.limit_line(400)
    for number in range(100):
        pair.board.hear(1, number.to_bytes(8, "big"))
    for _ in range(5):
        pair.board.turn(0.002)
    pair.run(0.1)
    assert [int.from_bytes(h.data, "big") for h in pair.heard if h.can_id == 1] == list(range(100))


# Commands -------------------------------------------------------------------------------------


def test_a_frame_passes_with_a_lease_and_the_verdict_comes_back(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.session.transmit(HAZARD_ID, request(0))
    pair.run(0.01)
    assert pair.session.refusals == [Verdict.CLOSED]
    pair.want(ASKS)
    pair.session.transmit(HAZARD_ID, request(1))
    pair.session.transmit(0x111, request(1))
    pair.run(0.01)
    assert [(frame.can_id, frame.data) for frame in pair.board.sent()] == [(HAZARD_ID, request(1))]
    assert pair.session.refusals == [Verdict.CLOSED, Verdict.NOT_LISTED]
    pair.board.controller(takes=False)
    pair.run(0.1)
    pair.session.transmit(HAZARD_ID, request(2))
    pair.run(0.1)
    pair.board.controller(takes=True)
    pair.run(0.2)
    assert pair.board.sent() == [], "a frame that the controller did not take is gone and not late"
    assert pair.session.refusals[-1] == Verdict.BUSY


@pytest.mark.parametrize("seed", range(6))
def test_on_a_bad_line_every_command_is_carried_out_once_and_in_order(pair: Pair, seed: int) -> None:
    pair.car_talks = False
    pair.link()
    assert pair.session is not None
    pair.want(ASKS)
    pair.to_board, pair.to_linux = lossy(seed, 0.004), lossy(seed + 100, 0.004)
    for number in range(200):
        assert pair.session.transmit(HAZARD_ID, request(number))
        pair.run(0.1)
    pair.to_board = pair.to_linux = clean
    pair.run(1.0)
    sent = [frame.data[1] & 0x0F for frame in pair.board.sent()]
    status = pair.session.status
    assert status is not None
    assert len(sent) + status.refused == 200, "those that a repetition brought together are too fast, and said to be"
    assert len(sent) > 150
    assert all(1 <= (after - before) % 16 <= 4 for before, after in pairwise(sent))
    assert pair.session.repeated > 0


def test_commands_wait_in_a_window_and_not_for_ever(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.session.take_outgoing()
    taken = [pair.session.transmit(HAZARD_ID, request(number)) for number in range(40)]
    assert taken.count(True) == 16
    pair.session.tick(pair.now_s)
    assert len(packets(pair.session.take_outgoing(), Kind.TRANSMIT)) == 8


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (Packet(Kind.LAMP, 0, b"\1\1"), Verdict.MALFORMED),
        (Packet(Kind.LAMP, 0, b"\0\2"), Verdict.MALFORMED),
        (Packet(Kind.LAMP, 0, b"\0"), Verdict.MALFORMED),
        (Packet(Kind.LAMP, 0, b"\0\1"), Verdict.CLOSED),
        (Packet(Kind.LAMP, 0, b"\0\0"), Verdict.DONE),
        (Packet(Kind.LAMP, 1, b"\0\0"), Verdict.NOT_DONE),
        (Packet(Kind.TRANSMIT, 0, b"\0\0\0\0"), Verdict.MALFORMED),
        (Packet(Kind.TRANSMIT, 0, pack_records([Record(0, 1, bytes(8))] * 5)), Verdict.MALFORMED),
    ],
)
def test_a_command_that_is_wrong_is_answered_with_what_is_wrong(pair: Pair, packet: Packet, verdict: Verdict) -> None:
    pair.link()
    pair.board.tell(encode(packet))
    pair.board.turn()
    (ack,) = packets(pair.board.said(), Kind.ACK)
    assert ack.payload == bytes((1 if verdict is not Verdict.NOT_DONE else 0, packet.number, verdict))
    assert pair.board.sent() == []


@pytest.mark.parametrize(
    "packet",
    [Packet(0x7F, 0, b""), Packet(Kind.HELLO, 0, b"1"), Packet(Kind.HEARTBEAT, 0, b"1"), Packet(Kind.WELCOME, 0, b"1")],
)
def test_a_packet_that_makes_no_sense_is_counted_and_changes_nothing(pair: Pair, packet: Packet) -> None:
    pair.link()
    pair.board.tell(encode(packet) + b"noise\0")
    pair.board.tell(encode(Packet(Kind.LAMP, 0, b"\0\0"))[:-2] + b"\x77\0")
    pair.run(0.11)
    assert pair.session is not None
    assert pair.session.status is not None
    assert (pair.session.status.malformed, pair.session.status.crc_errors) == (2, 1)
    assert pair.session.linked


def test_the_lease_of_frames_ends_with_its_time_and_with_the_sender(pair: Pair) -> None:
    pair.link()
    assert pair.session is not None
    pair.want(Wants.INCIDENT, pair.now_s + 0.25)
    pair.run(0.2)
    pair.session.transmit(HAZARD_ID, request(0))
    pair.run(0.1)
    pair.session.transmit(HAZARD_ID, request(1))
    pair.run(0.01)
    assert [frame.data for frame in pair.board.sent()] == [request(0)]
    assert pair.session.refusals == [Verdict.CLOSED]
    pair.want(Wants.INCIDENT, inf)
    pair.run(0.01)
    pair.stop()
    for ms, passes in ((490, True), (20, False)):
        pair.run(ms / 1000)
        number = 1 if passes else 2
        pair.board.tell(
            encode(Packet(Kind.TRANSMIT, 1 + number, pack_records([Record(0, HAZARD_ID, request(number))])))
        )
        pair.board.turn()
        assert bool(pair.board.sent()) is passes


def test_a_status_with_something_unknown_in_it_is_not_believed() -> None:
    payload = bytes(34)
    assert Status.read(payload) is not None
    assert Status.read(payload[:-1]) is None
    assert Status.read(payload[:4] + b"\xff" + payload[5:]) is None
    assert Status.read(payload[:5] + b"\x07" + payload[6:]) is None
