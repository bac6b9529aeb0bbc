"""Errands and deadlines: claimed once by many, taken up again after a SIGKILL, tried again with growing pauses."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.deeds import ATTEMPTS, Deeds
from hardshoulder_fleet.desk import Desk, ErrandKind
from hardshoulder_fleet.errands import Errands
from hardshoulder_sim.processes import wait_until
from support.desks import ANSWER_WITHIN, CONSENT, LEASE, car_says, make_desk, order_tow, quote
from support.tows import NOW, FakeProvider, World, refusal, slow


def together(work: Callable[[], None], threads: int) -> None:
    """The same in many threads that begin at once."""
    begin = threading.Barrier(threads)

    def run() -> None:
        begin.wait()
        work()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_a_deadline_is_claimed_exactly_once(path: Path) -> None:
    desk = make_desk(path)
    for number in range(40):
        desk.take_event(car_says(incident_id=f"incident-{number}"), NOW)
    claimed: list[str] = []

    def claim() -> None:
        own = make_desk(path)
        while late := own.claim_deadlines(NOW + ANSWER_WITHIN, limit=3):
            claimed.extend(view.incident_id for view in late)
        own._database.close()

    together(claim, 2)
    assert len(claimed) == len(set(claimed)) == 40
    board = desk.board(NOW)
    assert {view.state for view in board} == {CheckIn.ESCALATED}
    assert {[entry.what for entry in view.story].count("No answer in time; a person is called.") for view in board} == {
        1
    }
    desk._database.close()


def test_a_deadline_waits_for_its_time_and_goes_with_an_answer(world: World) -> None:
    world.desk.take_event(car_says(), NOW)
    world.now = NOW + ANSWER_WITHIN - timedelta(seconds=1)
    assert world.errands.watch_deadlines() == 0
    world.desk.answer("incident-1", Happening.SAYS_SAFE, world.now)
    world.now = NOW + 2 * ANSWER_WITHIN
    assert world.errands.watch_deadlines() == 0
    assert world.view().state is CheckIn.SAFE


def test_an_errand_is_claimed_by_one(path: Path) -> None:
    desk = make_desk(path)
    for number in range(20):
        desk.take_event(car_says(incident_id=f"incident-{number}"), NOW)
    claimed: list[str] = []

    def claim() -> None:
        own = make_desk(path)
        while errands := own.claim_errands(NOW, limit=2):
            claimed.extend(errand.incident_id for errand in errands)
        own._database.close()

    together(claim, 4)
    assert len(claimed) == len(set(claimed)) == 20
    desk._database.close()


@pytest.mark.slow
def test_what_a_killed_process_had_claimed_is_taken_up_again(path: Path) -> None:
    desk = make_desk(path)
    order_tow(desk, NOW)
    program = (
        "import sys, pathlib\n"
        "from support.desks import make_desk, after\n"
        "desk = make_desk(pathlib.Path(sys.argv[1]))\n"
        "print([errand.kind.value for errand in desk.claim_errands(after(11))], flush=True)\n"
        "sys.stdin.read()\n"
    )
    with python(program, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().decode().strip() == "['send-link', 'request-tow']"
        process.kill()
    assert desk.claim_errands(NOW) == []
    assert desk.next_due() == NOW + LEASE
    again = desk.claim_errands(NOW + LEASE)
    assert [(errand.kind, errand.attempt) for errand in again] == [
        (ErrandKind.SEND_LINK, 2),
        (ErrandKind.REQUEST_TOW, 2),
    ]
    for errand in again:
        desk.errand_done(errand, NOW + LEASE)
    assert desk.claim_errands(NOW + 10 * LEASE) == []
    desk._database.close()


def test_the_only_fleet_on_a_database_need_not_wait_for_a_dead_one(path: Path) -> None:
    desk = make_desk(path)
    order_tow(desk, NOW)
    assert len(desk.claim_errands(NOW)) == 2
    assert desk.claim_errands(NOW) == []
    desk.take_over(NOW)
    assert [errand.attempt for errand in desk.claim_errands(NOW)] == [2, 2]
    desk._database.close()


@contextmanager
def python(program: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of its own that knows our packages."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_link_is_sent_and_a_tow_is_requested(world: World) -> None:
    order_tow(world.desk, NOW)
    world.run_all()
    world.run_all()
    assert world.sent == ["incident-1"]
    assert world.provider.asked == [("request", "quote-1 incident-1/1")]
    view = world.view()
    assert view.tow is not None and view.tow.order_ref == "order-1"
    assert [entry.what for entry in view.story if entry.who in ("fleet", "provider")] == [
        "Check-in opened.",
        "Asked the driver.",
        "Tow requested, order order-1.",
    ]
    assert world.desk.next_due() == NOW + world.desk.patience.ask_tow


def test_a_deed_that_was_not_noted_is_asked_for_again_with_the_same_words(world: World) -> None:
    order_tow(world.desk, NOW)
    [link, tow] = world.desk.claim_errands(NOW)
    assert tow.tow is not None
    world.provider.request(tow.tow.quote_id, tow.tow.reference)
    # It dies here, before it can note the answer.
    world.now = NOW + LEASE
    world.run_all()
    assert world.provider.asked == [("request", "quote-1 incident-1/1")] * 2
    # The slow one was not dead after all: it says the same, and that changes nothing.
    before, due = world.view(), world.desk.next_due()
    world.desk.requested(1, "order-1", world.now)
    world.desk.errand_failed(link, "slow", world.now, world.now)
    world.desk.errand_again(tow, world.now)
    world.desk.errand_done(tow, world.now)
    assert (world.view(), world.desk.next_due()) == (before, due)


def test_what_fails_is_tried_again_with_growing_pauses(world: World) -> None:
    world.desk.take_event(car_says(), NOW)
    world.desk.answer("incident-1", Happening.SAYS_SAFE, NOW)
    world.link_fails = [OSError("channel away")] * 8
    pauses_s = []
    while not world.sent:
        world.run_all()
        if due_at := world.desk.next_due():
            pauses_s.append((due_at - world.now).total_seconds())
            world.now = due_at
    assert pauses_s == [1, 2, 4, 8, 16, 32, 60, 60]
    told = [entry.what for entry in world.view().story if entry.who == "fleet"]
    assert told == ["Check-in opened.", "Asking the driver did not work at first: channel away", "Asked the driver."]


@pytest.mark.parametrize(
    ("failure", "attempts", "fate"),
    [
        (refusal("No."), 1, "The order failed"),
        (slow(), ATTEMPTS[ErrandKind.REQUEST_TOW], "The order failed, and it may have been heard"),
        (OSError("away"), ATTEMPTS[ErrandKind.REQUEST_TOW], "The order failed, and it may have been heard"),
    ],
)
def test_a_tow_that_cannot_be_requested_calls_a_person(
    world: World, failure: Exception, attempts: int, fate: str
) -> None:
    world.break_down()
    world.say_yes()
    world.provider.fails = [failure] * 100
    for _ in range(attempts):
        assert world.view().state is CheckIn.TOW_ORDERED
        world.now = world.desk.next_due() or world.now
        world.run_all()
    view = world.view()
    assert view.state is CheckIn.ESCALATED
    assert view.tow is not None and view.tow.state is Tow.FAILED
    assert view.story[-1].what == f"{fate}; a person is called: {failure}"
    assert len(world.provider.fails) == 100 - attempts


def test_an_emergency_does_not_take_the_tow_away(world: World) -> None:
    order_tow(world.desk, NOW)
    world.desk.answer("incident-1", Happening.SAYS_EMERGENCY, NOW)
    world.run_all()
    assert world.provider.calls("request") == ["quote-1 incident-1/1"]


@pytest.mark.slow
def test_the_threads_wake_by_themselves(path: Path) -> None:
    desk, provider, sent = make_desk(path), FakeProvider(), threading.Event()

    def clock() -> datetime:
        return datetime.now(UTC)

    errands = Errands(desk, Deeds(desk, lambda _view: sent.set(), provider, clock), clock)
    errands.start()
    now = clock()
    # The answer is due a second from now.
    desk.take_event(car_says(), now - ANSWER_WITHIN + timedelta(seconds=1))
    assert sent.wait(20)
    wait_until(lambda: state_of(desk) is CheckIn.ESCALATED, "a person is called")
    desk.answer("incident-1", Happening.WANTS_TOW, now)
    desk.keep_quote("incident-1", quote(valid_until=now + timedelta(hours=1)), now)
    desk.order("incident-1", "quote-1", CONSENT, now)
    wait_until(lambda: bool((view := desk.view("incident-1")) and view.tow and view.tow.order_ref), "it is noted")
    desk.call_off("incident-1", CallOff.DRIVER, clock())
    wait_until(lambda: state_of(desk) is CheckIn.SAFE, "the tow is called off")
    errands.stop()
    desk._database.close()


def state_of(desk: Desk) -> CheckIn:
    view = desk.view("incident-1")
    assert view is not None
    return view.state
