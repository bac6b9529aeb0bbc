"""What the driver is told next, and how her display shows it."""

from dataclasses import replace
from itertools import pairwise, product
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import HazardState, Lease, Notice, Notify, State, Transmit, Use
from hardshoulder.core.display import CLEAR_FRAMES, Display
from hardshoulder.core.notices import GAP_S, TEXT_KEYS, Board, text_key
from hardshoulder.core.plan import DisplayPlan, Side
from support.driven import DEAD, Driven, broken, driving
from support.plain import plain_car, with_limits

DISPLAY = DisplayPlan(
    "main", 0x3C0, 1.0, b"\x00", (("hazards-on", b"\x01"), ("hazard-button", b"\x02"), ("stopped", b"\x03")), None, None
)
PLAN = replace(plain_car(), display=DISPLAY)
LAMPS = {Notice.HAZARDS_ON, Notice.HAZARD_BUTTON}
CAR = {Notice.STOPPED, Notice.RECOVERED}


# The board ------------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", Notice)
def test_the_first_notice_is_shown_at_once(notice: Notice) -> None:
    board = Board()
    board.post(notice)
    assert board.take(0.0) is notice
    assert board.take(0.0) is None and board.next_deadline() == inf


def test_two_notices_are_three_seconds_apart() -> None:
    board = Board()
    board.post(Notice.HAZARDS_ON)
    board.take(1.0)
    board.post(Notice.STOPPED)
    assert board.next_deadline() == 1.0 + GAP_S
    assert board.take(3.999) is None
    assert board.take(4.0) is Notice.STOPPED
    assert GAP_S == 3.0


@pytest.mark.parametrize(("first", "second"), list(product(Notice, Notice)))
def test_of_one_matter_the_newest_counts_and_of_two_none_is_lost(first: Notice, second: Notice) -> None:
    board = Board()
    board.post(first)
    board.post(second)
    shown = [board.take(0.0), board.take(3.0)]
    same = first is second or {first, second} in (LAMPS, CAR)
    assert [notice for notice in shown if notice] == ([second] if same else sorted(shown, key=shown.index))
    assert same or {first, second} == set(shown)


def test_the_most_important_goes_first() -> None:
    board = Board()
    for notice in (Notice.HELP_ASKED, Notice.STOPPED, Notice.HAZARD_BUTTON):
        board.post(notice)
    assert [board.take(at_s) for at_s in (0.0, 3.0, 6.0, 9.0)] == [
        Notice.HAZARD_BUTTON, Notice.STOPPED, Notice.HELP_ASKED, None,
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.9, 3.1]), st.sampled_from(Notice)), max_size=30))
def test_whatever_comes_the_last_word_of_each_matter_is_shown(story: list[tuple[float, Notice]]) -> None:
    board, now_s, shown = Board(), 0.0, list[tuple[float, Notice]]()
    for wait_s, notice in [*story, *((3.0, None) for _ in range(4))]:
        now_s += wait_s
        if notice is not None:
            board.post(notice)
        taken = board.take(now_s)
        if taken is not None:
            shown.append((now_s, taken))
    assert all(later - earlier >= GAP_S - 1e-9 for (earlier, _), (later, _) in pairwise(shown))
    for matter in (LAMPS, CAR, {Notice.HELP_ASKED}):
        said = [notice for _, notice in story if notice in matter]
        told = [notice for _, notice in shown if notice in matter]
        assert (told[-1:] == said[-1:]) and len(told) <= len(said)


def test_every_text_has_a_name() -> None:
    assert set(TEXT_KEYS) == {
        "hazards-on", "hazard-button", "stopped-left", "stopped-right", "help-asked", "recovered",
    }  # fmt: skip
    assert text_key(Notice.STOPPED, Side.LEFT) == "stopped-left"


# The display ----------------------------------------------------------------------------------


def frames(display: Display, until_s: float) -> list[tuple[float, bytes]]:
    shown = []
    while display.due_s <= until_s:
        shown += [(frame.at_s, frame.data) for frame in display.due(display.due_s)]
    return shown


def test_a_notice_is_shown_at_once_and_every_period() -> None:
    display = Display(DISPLAY)
    display.show("hazards-on", 1.0)
    assert frames(display, 3.5) == [(1.0, b"\x01"), (2.0, b"\x01"), (3.0, b"\x01")]


def test_another_notice_comes_soon_and_not_too_soon() -> None:
    display = Display(DISPLAY)
    display.show("hazards-on", 1.0)
    frames(display, 1.0)
    display.show("stopped-right", 1.1)
    shown = frames(display, 3.0)
    assert [data for _, data in shown] == [b"\x03"] * 2
    assert [at_s for at_s, _ in shown] == pytest.approx([1.6, 2.6])


def test_a_notice_that_the_car_cannot_show_changes_nothing() -> None:
    display = Display(DISPLAY)
    display.show("recovered", 1.0)
    assert display.due_s == inf and display.due(2.0) == []


def test_clearing_says_so_a_few_times_and_then_nothing() -> None:
    display = Display(DISPLAY)
    display.show("stopped", 1.0)
    frames(display, 1.0)
    over_s = display.clear(2.0)
    assert frames(display, 60.0) == [(2.0 + number, b"\x00") for number in range(CLEAR_FRAMES)]
    assert over_s > 2.0 + CLEAR_FRAMES - 1
    assert display.clear(10.0) > 10.0 and display.due_s == inf, "nothing is shown, so nothing is cleared"


def test_who_slept_through_the_end_sends_nothing() -> None:
    display = Display(DISPLAY)
    display.show("stopped", 1.0)
    over_s = display.clear(2.0)
    assert display.due(over_s) == [] and display.due_s == inf


def test_a_car_without_a_display_is_shown_nothing() -> None:
    display = Display(None)
    display.show("stopped", 1.0)
    assert display.clear(2.0) == 2.0 and display.due(3.0) == []


# In the story ---------------------------------------------------------------------------------


def shown_by(driven: Driven) -> list[bytes]:
    sent = [action for action in driven.of(Transmit) if action.use is Use.DISPLAY]
    return list(dict.fromkeys(action.frame.data for action in sent))


def test_a_breakdown_is_told_stage_by_stage() -> None:
    driven = broken(PLAN)
    driven.run(5)
    assert driven.notices == ["hazards-on"]
    driven.say(speed=0.0)
    driven.run(2)
    driven.take(driven.responder.acknowledged(driven.incident.incident_id, driven.now_s))
    driven.take(driven.responder.acknowledged(driven.incident.incident_id, driven.now_s))
    driven.run(10)
    assert driven.notices == ["hazards-on", "stopped", "help-asked"]
    times_s = [action.at_s for action in driven.of(Notify)]
    assert all(later - earlier >= GAP_S - 1e-9 for earlier, later in pairwise(times_s))
    assert shown_by(driven) == [b"\x01", b"\x03"]


def test_nobody_is_told_to_read_a_phone_while_she_steers() -> None:
    driven = broken(PLAN)
    driven.take(driven.responder.acknowledged(driven.incident.incident_id, driven.now_s))
    driven.run(10)
    assert driven.is_in(State.ROLLING) and "help-asked" not in driven.notices
    driven.say(speed=0.0)
    driven.run(10)
    assert driven.notices[-2:] == ["stopped", "help-asked"]


def test_an_acknowledgement_of_another_incident_is_nothing() -> None:
    driven = broken(PLAN)
    driven.say(speed=0.0)
    driven.run(5)
    driven.take(driven.responder.acknowledged("incident-0", driven.now_s))
    driven.run(5)
    assert "help-asked" not in driven.notices
    healthy = driving(PLAN)
    assert healthy.responder.acknowledged("incident-1", healthy.now_s) == []


def test_an_acknowledgement_lets_time_pass_as_a_tick_does() -> None:
    late, ticked = broken(PLAN), broken(PLAN)
    at_s = late.now_s + 0.35
    done = late.responder.acknowledged("another", at_s)
    assert done == ticked.responder.tick(at_s) and done


def test_the_display_has_a_lease_while_the_incident_is_open() -> None:
    driven = broken(PLAN)
    assert [lease.until_s for lease in driven.of(Lease) if lease.use is Use.DISPLAY] == [inf]
    driven.say(engine_speed=2000.0, engine_running=True, drive_ready=True, drive_torque=300.0)
    driven.run(14)
    driven.say(hazard_signaling=False)
    driven.run(62)
    assert driven.incident.state is State.CLOSED
    last = [lease for lease in driven.of(Lease) if lease.use is Use.DISPLAY][-1]
    sent = [action.frame for action in driven.of(Transmit) if action.use is Use.DISPLAY]
    driven.run(5)
    assert [frame.data for frame in sent][-1:] == [b"\x00"] and sent[-1].at_s < last.until_s


def test_a_display_says_what_hazards_cannot() -> None:
    driven = broken(replace(PLAN, hazard=replace(PLAN.hazard, command=None)), **DEAD)
    assert driven.incident.hazards in (HazardState.UNAVAILABLE, HazardState.DRIVERS)
    assert shown_by(driven)[:1] == [b"\x02"]


def test_a_notice_whose_turn_comes_after_the_end_is_told_and_not_displayed() -> None:
    quick = with_limits(PLAN, recovered_after_s=0.1, drove_on_after_s=0.1, closed_after_s=0.1, clear_after_s=0.1)
    driven = broken(quick)
    driven.say(engine_speed=2000.0, engine_running=True, drive_ready=True, drive_torque=300.0)
    driven.run(1.5)
    assert driven.responder.incident is None and driven.notices == ["hazards-on"]
    driven.run(4)
    assert driven.notices == ["hazards-on", "recovered"]
    assert shown_by(driven) == [b"\x01", b"\x00"]
