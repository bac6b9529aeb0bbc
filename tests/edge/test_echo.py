"""Own frames come back on some buses; a frame that nobody here sent is another sender's."""

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.frame import Frame
from hardshoulder.edge.bus import Bus, PythonCanBus, open_bus
from hardshoulder.edge.echo import ECHO_WITHIN_S, KEPT, Echoes

OURS = Frame(0.0, "main", 0x2A0, b"\x01\x10")
THEIRS = Frame(0.0, "main", 0x2A0, b"\x02\x20")


class Loud(PythonCanBus):
    """Opens an interface of python-can that gives its own frames back, as some adapters do."""

    def __init__(self, channel: str) -> None:
        inner = can.Bus(interface="virtual", channel=channel, receive_own_messages=True)
        super().__init__("main", f"virtual:{channel}", inner, frozenset({0x2A0}))


def drained(bus: Bus) -> list[bytes]:
    return [frame.data for frame in bus.receive_ready()]


def test_an_echo_is_kept_back_and_another_senders_frame_is_not() -> None:
    bus = Loud("echo")
    with can.Bus(interface="virtual", channel="echo") as stranger:
        bus.send(OURS)
        assert drained(bus) == []
        stranger.send(can.Message(arbitration_id=0x2A0, data=THEIRS.data, is_extended_id=False))
        assert drained(bus) == [THEIRS.data]
        bus.send(OURS)
        stranger.send(can.Message(arbitration_id=0x2A0, data=OURS.data, is_extended_id=False))
        assert drained(bus) == [OURS.data], "one sent frame excuses one heard frame"
    bus.close()


def test_a_bus_without_echo_hears_another_sender() -> None:
    bus = open_bus("main", "virtual:quiet", frozenset({0x2A0}))
    with can.Bus(interface="virtual", channel="quiet") as stranger:
        bus.send(OURS)
        stranger.send(can.Message(arbitration_id=0x2A0, data=THEIRS.data, is_extended_id=False))
        heard: list[bytes] = []
        while not heard:
            heard = drained(bus)
        assert heard == [THEIRS.data]
    bus.close()


def test_what_was_sent_long_ago_is_no_echo_any_more() -> None:
    echoes = Echoes()
    echoes.sent(1, b"a", 0.0)
    assert not echoes.is_own(1, b"a", ECHO_WITHIN_S + 0.001)
    echoes.sent(1, b"a", 1.0)
    assert echoes.is_own(1, b"a", 1.0 + ECHO_WITHIN_S)


@pytest.mark.parametrize("heard", [(1, b"b"), (2, b"a"), (1, b""), (1, b"aa")])
def test_only_the_very_frame_is_an_echo(heard: tuple[int, bytes]) -> None:
    echoes = Echoes()
    echoes.sent(1, b"a", 0.0)
    assert not echoes.is_own(*heard, 0.0)


def test_what_is_remembered_is_bounded() -> None:
    echoes = Echoes()
    for number in range(KEPT + 1):
        echoes.sent(number, b"", 0.0)
    assert not echoes.is_own(0, b"", 0.0)
    assert echoes.is_own(KEPT, b"", 0.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=KEPT))
def test_never_more_own_frames_are_heard_than_were_sent(story: list[tuple[bool, int]]) -> None:
    echoes = Echoes()
    balance = dict.fromkeys(range(3), 0)
    for sends, can_id in story:
        if sends:
            echoes.sent(can_id, b"", 0.0)
            balance[can_id] += 1
        else:
            assert echoes.is_own(can_id, b"", 0.0) is (balance[can_id] > 0)
            balance[can_id] = max(0, balance[can_id] - 1)
