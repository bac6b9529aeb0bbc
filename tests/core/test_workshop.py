"""A tester on the bus: which requests are one, how long a session lasts, and what rests meanwhile."""

from dataclasses import replace
from math import nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import Finding, Health, ReportStatus, State
from hardshoulder.core.frame import EXTENDED, Frame
from hardshoulder.core.workshop import SESSION_S, Workshop, opens_session
from support.driven import Driven, driving
from support.plain import TESTER, plain_car

PLAN = plain_car()
CHANGING = {0x10, 0x11, 0x27, 0x28, 0x2E, 0x2F, 0x31, 0x34, 0x35, 0x36, 0x3E, 0x85}
EXTENDED_SESSION = bytes([0x02, 0x10, 0x03, 0, 0, 0, 0, 0])
TESTER_PRESENT = bytes([0x02, 0x3E, 0x80, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("service", range(256))
def test_services_that_change_something_open_a_session(service: int) -> None:
    assert opens_session(bytes([0x02, service, 0x03])) is (service in CHANGING)
    assert opens_session(bytes([0x10, 0x14, service, 0x03, 1, 2, 3, 4])) is (service in CHANGING), "a first frame"
    assert opens_session(bytes([0x21, service, 0x03])) is False, "a consecutive frame"
    assert opens_session(bytes([0x30, service, 0x03])) is False, "a flow control"


@pytest.mark.parametrize(("session", "opens"), [(0x01, False), (0x81, False), (0x02, True), (0x03, True), (0x40, True)])
def test_the_default_session_is_none(session: int, opens: bool) -> None:
    assert opens_session(bytes([0x02, 0x10, session])) is opens
    assert opens_session(bytes([0x02, 0x11, session])) is True, "a reset is one, of whatever kind"


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x3e", b"\x02", b"\x10", b"\x10\x02", b"\x01\x22", b"\xff\x3e"])
def test_what_is_no_request_opens_nothing(data: bytes) -> None:
    assert opens_session(data) is False


def test_the_length_says_where_the_request_ends() -> None:
    assert opens_session(b"\x01\x10\x01") is True, "without the session's number it is not known to be the default"
    assert opens_session(b"\x01\x3e") is True
    assert opens_session(b"\x0f\x3e") is True


@given(st.binary(max_size=64))
def test_no_frame_is_too_strange(data: bytes) -> None:
    assert opens_session(data) in (True, False)


def test_a_session_lasts_five_seconds_after_the_last_request() -> None:
    workshop = Workshop(PLAN)
    assert SESSION_S == 5.0 and not workshop.at_work(0.0)
    assert workshop.hears(Frame(1.0, *TESTER, EXTENDED_SESSION), 1.0)
    assert workshop.hears(Frame(4.0, *TESTER, TESTER_PRESENT), 4.0)
    assert not workshop.hears(Frame(5.0, *TESTER, b"\x02\x01\x0c"), 5.0)
    assert workshop.at_work(nextafter(9.0, 0.0)) and not workshop.at_work(9.0)


@pytest.mark.parametrize(
    ("bus", "can_id"), [("body", TESTER[1]), ("main", TESTER[1] + 1), ("main", TESTER[1] | EXTENDED)]
)
def test_only_the_testers_own_frames_are_heard(bus: str, can_id: int) -> None:
    workshop = Workshop(PLAN)
    assert not workshop.hears(Frame(1.0, bus, can_id, EXTENDED_SESSION), 1.0)
    assert workshop.wanted == {TESTER}


# The car at the tester ----------------------------------------------------------------------


def ask(driven: Driven, data: bytes = EXTENDED_SESSION) -> None:
    driven.take(driven.responder.receive(Frame(driven.now_s, *TESTER, data)))


def health(driven: Driven) -> Health:
    return driven.of(ReportStatus)[-1].health


def stop_engine(driven: Driven) -> None:
    driven.say(engine_speed=0.0, engine_running=False, drive_ready=False, drive_torque=0.0)


def test_the_testers_ids_are_received() -> None:
    wanted = Driven(PLAN).responder.wanted
    assert TESTER in wanted and len(wanted) == 1 + len(PLAN.messages)


def test_nothing_is_judged_while_a_tester_asks_and_all_of_it_afterwards() -> None:
    driven = driving(PLAN)
    ask(driven)
    began_s = driven.now_s
    assert health(driven) is Health.RESTING
    stop_engine(driven)
    driven.run(4.5)
    assert not driven.incidents and driven.is_in(State.DRIVING)
    driven.run(1.5)
    assert health(driven) is Health.WATCHING
    assert driven.incident.opened_at_s >= began_s + SESSION_S


def test_reading_the_fault_memory_on_the_road_is_no_session() -> None:
    driven = driving(PLAN)
    ask(driven, b"\x02\x19\x02\xff\x00\x00\x00\x00")
    ask(driven, b"\x02\x01\x0c\x00\x00\x00\x00\x00")
    assert health(driven) is Health.WATCHING
    stop_engine(driven)
    assert driven.run(1).incidents


def test_the_rest_ends_to_the_microsecond_without_a_frame() -> None:
    driven = driving(PLAN)
    ask(driven)
    driven.muted = {message.name for message in PLAN.messages}
    until_s = driven.now_s + SESSION_S
    driven.run(4.9)
    ends = driven.responder.tick(nextafter(until_s, 0.0))
    assert not [action for action in ends if isinstance(action, ReportStatus) and action.health is not Health.RESTING]
    assert [a.health for a in driven.responder.tick(until_s) if isinstance(a, ReportStatus)] == [Health.BLIND]


def test_what_was_suspected_is_the_testers_doing() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(0.2)
    assert driven.is_in(State.SUSPECT)
    ask(driven)
    assert driven.is_in(State.DRIVING)
    driven.say(engine_speed=2000.0, engine_running=True, drive_ready=True, drive_torque=300.0)
    driven.run(10)
    assert not driven.incidents


def test_an_incident_that_is_open_goes_on() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    driven.run(1)
    sent = len(driven.sent)
    ask(driven)
    driven.run(4)
    assert driven.is_in(State.ROLLING) and len(driven.sent) == sent + 40
    driven.say(speed=0.0)
    driven.run(2)
    assert driven.is_in(State.STRANDED), "a tow truck's tester changes nothing in what the car does"


def test_a_tester_that_stays_keeps_the_car_at_rest() -> None:
    driven = driving(PLAN)
    stop_engine(driven)
    for _ in range(20):
        ask(driven, TESTER_PRESENT)
        driven.run(2)
    assert not driven.incidents
    driven.run(6)
    assert driven.incident.kind is Finding.ENGINE_STOPPED


def test_a_car_whose_profile_names_no_tester_hears_none() -> None:
    driven = driving(replace(PLAN, workshop=()))
    ask(driven)
    assert health(driven) is Health.WATCHING
