"""Every state times every happening, against a table written down separately; tows late, doubled, out of order."""

from itertools import permutations, product

import pytest

from hardshoulder_fleet.core.checkin import (
    NEEDS_A_PERSON,
    CallOff,
    CheckIn,
    Happening,
    Tow,
    happening_of,
    next_step,
    next_tow,
)

# A dot: it means nothing there. Read from the text of the check-in, not from its table.
TABLE = """
                 asked      safe       tow-wanted  tow-ordered emergency escalated   closed
says-safe        safe       .          safe        .           .         safe        .
wants-tow        tow-wanted tow-wanted .           .           .         tow-wanted  .
says-yes         .          .          tow-ordered .           .         tow-ordered .
says-emergency   emergency  emergency  emergency   emergency   .         emergency   emergency
no-answer        escalated  .          escalated   .           .         .           .
no-price         .          .          escalated   .           .         .           .
tow-lost         .          .          .           escalated   .         .           .
tow-doubtful     .          escalated  escalated   escalated   .         .           escalated
tow-heard        .          .          tow-ordered .           .         tow-ordered .
called-off       .          .          .           safe        .         safe        .
help-done        .          .          .           closed      .         closed      .
car-closed       closed     closed     closed      .           .         closed      .
car-heard        closed     closed     .           .           .         closed      .
operator-done    closed     closed     closed      closed      closed    closed      .
"""
HEAD, *LINES = [line.split() for line in TABLE.strip().splitlines()]
EXPECTED = {
    (CheckIn(before), Happening(words[0])): CheckIn(before if after == "." else after)
    for words in LINES
    for before, after in zip(HEAD, words[1:], strict=True)
}


def test_the_table_is_whole() -> None:
    assert EXPECTED.keys() == set(product(CheckIn, Happening))


@pytest.mark.parametrize(("before", "happening"), EXPECTED)
def test_every_state_and_happening(before: CheckIn, happening: Happening) -> None:
    assert next_step(before, happening) is EXPECTED[before, happening]


@pytest.mark.parametrize(("before", "happening"), EXPECTED)
def test_the_second_of_two_changes_nothing(before: CheckIn, happening: Happening) -> None:
    once = next_step(before, happening)
    assert next_step(once, happening) is once


@pytest.mark.parametrize("before", CheckIn)
def test_an_emergency_is_never_refused(before: CheckIn) -> None:
    assert next_step(before, Happening.SAYS_EMERGENCY) is CheckIn.EMERGENCY
    assert CheckIn.EMERGENCY in NEEDS_A_PERSON


@pytest.mark.parametrize("happening", [each for each in Happening if each is not Happening.OPERATOR_DONE])
def test_only_a_person_ends_an_emergency(happening: Happening) -> None:
    assert next_step(CheckIn.EMERGENCY, happening) is CheckIn.EMERGENCY


MAY_SHOW_A_PRICE = (CheckIn.TOW_WANTED, CheckIn.ESCALATED)


@pytest.mark.parametrize("before", [each for each in CheckIn if each not in MAY_SHOW_A_PRICE])
def test_nothing_is_ordered_before_a_price_is_shown(before: CheckIn) -> None:
    assert next_step(before, Happening.SAYS_YES) is before


def test_everything_can_be_ended() -> None:
    assert {next_step(before, Happening.OPERATOR_DONE) for before in CheckIn} == {CheckIn.CLOSED}


REPORTS = (Tow.ASSIGNED, Tow.EN_ROUTE, Tow.ON_SITE, Tow.COMPLETED)


@pytest.mark.parametrize("order", list(permutations(REPORTS)))
def test_a_tow_never_goes_backwards(order: tuple[Tow, ...]) -> None:
    tow, seen = Tow.REQUESTED, [Tow.REQUESTED]
    for reported in order:
        tow = next_tow(tow, reported)
        assert next_tow(tow, reported) is tow
        seen.append(tow)
    assert seen == sorted(seen, key=list(Tow).index)
    assert tow is Tow.COMPLETED


@pytest.mark.parametrize(("end", "reported"), list(product((Tow.COMPLETED, Tow.CANCELLED, Tow.FAILED), Tow)))
def test_an_end_stays_the_end(end: Tow, reported: Tow) -> None:
    assert next_tow(end, reported) is end


@pytest.mark.parametrize(("before", "end"), list(product((Tow.REQUESTED, *REPORTS[:-1]), (Tow.CANCELLED, Tow.FAILED))))
def test_a_tow_can_fail_at_any_time(before: Tow, end: Tow) -> None:
    assert next_tow(before, end) is end


NOT_WITH_A_TOW = {"says-safe", "wants-tow", "says-yes", "no-answer", "no-price", "car-closed", "car-heard"}


@pytest.mark.parametrize(("before", "happening"), EXPECTED)
def test_with_a_tow_on_its_way_an_old_page_moves_nothing(before: CheckIn, happening: Happening) -> None:
    expected = before if happening.value in NOT_WITH_A_TOW else EXPECTED[before, happening]
    assert next_step(before, happening, tow_open=True) is expected


def test_what_a_tow_means_for_its_check_in() -> None:
    meanings = {tow: happening_of(tow) for tow in Tow}
    assert meanings == {
        Tow.REQUESTED: None,
        Tow.ASSIGNED: None,
        Tow.EN_ROUTE: None,
        Tow.ON_SITE: None,
        Tow.COMPLETED: Happening.HELP_DONE,
        Tow.CANCELLED: Happening.TOW_LOST,
        Tow.FAILED: Happening.TOW_LOST,
    }


@pytest.mark.parametrize("end", [Tow.CANCELLED, Tow.FAILED])
def test_what_the_end_of_a_tow_means_that_was_called_off(end: Tow) -> None:
    assert {by: happening_of(end, by) for by in CallOff} == {
        CallOff.DRIVER: Happening.CALLED_OFF,
        CallOff.OPERATOR: Happening.TOW_LOST,
        CallOff.CLOSING: None,
        CallOff.SPARE: None,
    }
    assert {happening_of(Tow.COMPLETED, by) for by in CallOff} == {Happening.HELP_DONE}
