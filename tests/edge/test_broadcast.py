"""The kernel's broadcast manager, without a kernel that has one: what it is told. What it does is on the rig."""

import errno
import time
from collections.abc import Iterator
from dataclasses import replace
from math import inf

import pytest

from hardshoulder.core.asking import OFF_FRAMES, Cycle, whole_cycle
from hardshoulder.core.frame import Frame
from hardshoulder.core.permit import Allowed
from hardshoulder.edge import broadcast
from hardshoulder.edge.broadcast import OUTLIVES_S, QUIET_PERIODS, BroadcastBus, Manager, admitted
from hardshoulder.edge.bus import BusError
from hardshoulder.edge.links import Links
from hardshoulder.edge.tended import QUIET, Wish
from hardshoulder.settings import BusSettings
from support.kernel_cycle import KernelCycle
from support.stamped_pair import classic, stamped_pair
from support.talker import reference_plan

COMMAND = reference_plan("electric").hazard.command
assert COMMAND is not None
MASK = bytes.fromhex("00f0ffffffffffff")
ALLOWED = Allowed(COMMAND.bus, COMMAND.can_id, MASK, (COMMAND.on, COMMAND.off), COMMAND.period_s / 2)
ASKS = Wish(incident=True, hazards=True, confirmed=False, lease_until_s=inf)
ROUNDS = round(OUTLIVES_S / COMMAND.period_s)


def the_cycle() -> Cycle:
    cycle = whole_cycle(COMMAND)
    assert cycle is not None
    return cycle


CYCLE = the_cycle()


class Car:
    """A bus on which the kernel sends the requests; `kernel` is what it holds. leased: whether a lease is known."""

    def __init__(self, kernel: KernelCycle, *, leased: bool = True) -> None:
        self.kernel = kernel
        receiver, self.other = stamped_pair()
        self.other.settimeout(5)
        manager = Manager(CYCLE, kernel)  # type: ignore[arg-type]
        wanted = frozenset({CYCLE.can_id, 0x110})
        self.bus = BroadcastBus("main", "can0", wanted, receiver, CYCLE, manager)
        if leased:
            self.bus.keep_alive(ASKS, time.monotonic())

    def ask(self, *, on: bool, count: int = 9) -> None:
        """As the core does: with a counter of its own."""
        row = CYCLE.on if on else CYCLE.off
        self.bus.send(Frame(0.0, "main", CYCLE.can_id, row[count % len(row)]))

    def close(self) -> None:
        self.bus.close()
        self.other.close()


@pytest.fixture
def car() -> Iterator[Car]:
    car = Car(KernelCycle())
    yield car
    car.close()


def test_the_first_request_goes_out_at_once_and_the_kernel_goes_on(car: Car) -> None:
    car.ask(on=True)
    assert car.kernel.sent == [CYCLE.on[0]]
    assert (car.kernel.can_id, car.kernel.period_us) == (CYCLE.can_id, round(CYCLE.period_s * 1e6))
    car.kernel.tick(20)
    assert car.kernel.sent == [*CYCLE.on, *CYCLE.on[:5]]


def test_every_request_renews_the_count_and_disturbs_no_series(car: Car) -> None:
    for _ in range(30):
        car.ask(on=True)
        car.kernel.tick()
    assert car.kernel.sent == [*CYCLE.on, *CYCLE.on[:15]]
    assert car.kernel.count == ROUNDS - 1


def test_without_a_word_it_ends_by_itself_and_a_late_word_begins_anew(car: Car) -> None:
    car.ask(on=True)
    car.kernel.tick(10 * ROUNDS)
    assert len(car.kernel.sent) == ROUNDS
    car.ask(on=True)
    assert len(car.kernel.sent) == ROUNDS + 1 and car.kernel.sent[-1] == CYCLE.on[ROUNDS % len(CYCLE.on)]
    car.kernel.tick()
    assert len(car.kernel.sent) == ROUNDS + 2


def test_a_request_that_is_taken_back_stays_in_series_and_ends(car: Car) -> None:
    car.ask(on=True)
    car.kernel.tick(3)
    for _ in range(OFF_FRAMES):
        car.ask(on=False)
        car.kernel.tick()
    car.kernel.tick(50)
    assert car.kernel.sent == [*CYCLE.on[:4], *CYCLE.off[4:7]]
    car.ask(on=False)
    assert len(car.kernel.sent) == 7


def test_an_edge_is_one_off_between_two_ons_however_the_periods_fall(car: Car) -> None:
    car.ask(on=True)
    car.kernel.tick()
    car.ask(on=False)
    car.ask(on=True)
    assert car.kernel.frames == list(CYCLE.off), "no off has gone out yet"
    car.kernel.tick()
    car.ask(on=True)
    car.kernel.tick()
    assert car.kernel.sent == [*CYCLE.on[:2], CYCLE.off[2], CYCLE.on[3]]


def test_the_kernel_goes_on_for_no_longer_than_the_lease(car: Car) -> None:
    now_s = time.monotonic()
    car.bus.keep_alive(ASKS._replace(lease_until_s=now_s + 1.0), now_s)
    car.ask(on=True)
    assert 1 <= car.kernel.count <= 10
    car.bus.keep_alive(ASKS._replace(lease_until_s=now_s + 1.0), now_s + 1.0)
    assert car.kernel.frames == []


def test_a_bus_that_was_just_opened_and_knows_no_lease_sends_what_is_asked_for_and_no_more() -> None:
    car = Car(KernelCycle(), leased=False)
    for asked in range(1, 4):
        car.ask(on=True)
        car.kernel.tick(5)
        assert car.kernel.sent == list(CYCLE.on[:asked])
    car.close()


def test_what_is_not_asked_for_any_more_ends_soon(car: Car) -> None:
    car.ask(on=True)
    due_s = car.bus.next_due_s()
    assert due_s == pytest.approx(time.monotonic() + QUIET_PERIODS * CYCLE.period_s, abs=0.05)
    car.bus.keep_alive(ASKS, due_s - 0.01)
    assert car.kernel.frames
    car.bus.keep_alive(ASKS, due_s)
    assert car.kernel.frames == []
    assert car.bus.next_due_s() == inf


def test_another_sender_ends_it_at_once_on_its_own_id_alone(car: Car) -> None:
    car.ask(on=True)
    car.bus.hush(0x3C0)
    assert car.kernel.frames
    car.bus.hush(CYCLE.can_id)
    assert car.kernel.frames == []
    car.bus.hush(CYCLE.can_id)


def test_a_bus_that_is_lost_leaves_no_cycle_beside_the_next(car: Car) -> None:
    car.ask(on=True)
    links = Links((BusSettings("main", "socketcan:can0"),), frozenset(), lambda *_: car.bus)
    links.open_missing(0.0)
    car.kernel.sticks = True
    assert not links.send(Frame(0.0, "main", CYCLE.can_id, CYCLE.on[0]), 0.0)
    assert car.kernel.frames == [] and links.up == {"main": False}
    links.close()


@pytest.mark.parametrize("asked_for", [True, False])
def test_what_the_last_start_left_goes_on_when_it_is_asked_for(asked_for: bool) -> None:
    kernel = KernelCycle()
    before = Car(kernel)
    before.ask(on=True)
    kernel.tick(5)
    before.close()
    after = Car(kernel)
    if asked_for:
        after.ask(on=True)
        assert kernel.count == ROUNDS
        kernel.tick()
        assert kernel.sent == list(CYCLE.on[:7])
    else:
        after.bus.keep_alive(QUIET, time.monotonic())
        assert kernel.frames == []
    after.close()


def test_frames_of_others_and_other_frames_of_ours_pass_as_on_any_bus(car: Car) -> None:
    receiver, sender = stamped_pair()
    plain = BroadcastBus("main", "can0", frozenset(), sender, CYCLE, Manager(CYCLE, KernelCycle()))  # type: ignore[arg-type]
    plain.send(Frame(0.0, "main", 0x3C0, b"\x01"))
    receiver.setblocking(True)
    receiver.settimeout(5)
    assert receiver.recv(72) == classic(0x3C0, b"\x01")
    plain.close()
    receiver.close()
    # The very payload, but no socket of this machine sent it: loopback sets no such mark.
    car.other.send(classic(CYCLE.can_id, CYCLE.on[3]))
    assert [frame.data for frame in car.bus.receive_ready()] == [CYCLE.on[3]]


@pytest.mark.parametrize("on", [True, False])
def test_an_interface_that_is_gone_is_a_lost_bus(car: Car, on: bool) -> None:
    car.ask(on=True)
    car.kernel.gone = errno.ENODEV
    with pytest.raises(BusError, match="bus main: can0: cannot send: "):
        car.ask(on=not on)
    with pytest.raises(BusError, match="can0"):
        car.bus.keep_alive(QUIET, time.monotonic())
    car.bus.hush(CYCLE.can_id)


def test_a_cycle_is_admitted_as_a_whole_or_not_at_all() -> None:
    assert admitted(CYCLE, (ALLOWED,))
    assert not admitted(CYCLE, ())
    assert not admitted(CYCLE, (replace(ALLOWED, bus="body"),))
    assert not admitted(CYCLE, (replace(ALLOWED, min_gap_s=CYCLE.period_s * 1.01),))
    assert not admitted(CYCLE, (replace(ALLOWED, payloads=(COMMAND.on,)),)) if COMMAND is not None else False
    broken = (*CYCLE.on[:-1], bytes.fromhex("0030000000000000"))
    assert not admitted(replace(CYCLE, on=broken), (ALLOWED,))


def test_the_kernels_head_is_as_long_as_on_this_machine() -> None:
    assert broadcast._HEAD.size == 56
