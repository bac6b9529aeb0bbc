"""The courier's parts that need no broker: when to send again, and what the loop hands over."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.core.actions import State
from hardshoulder.edge.mailbox import Mailbox
from hardshoulder.edge.resend import JITTER, LONGEST_DELAY_S, ResendSchedule, resend_delay_s
from hardshoulder_sim.processes import free_port
from support.car import Said, fast, make_courier
from support.incidents import report, status_report

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


@pytest.mark.parametrize(
    ("attempts", "delay_s"), [(1, 10.0), (2, 20.0), (3, 40.0), (5, 160.0), (6, 300.0), (7, 300.0), (10**6, 300.0)]
)
def test_the_delay_doubles_up_to_five_minutes(attempts: int, delay_s: float) -> None:
    assert resend_delay_s(attempts, 10.0, chance=0.0) == delay_s


@given(
    st.integers(min_value=1, max_value=10_000),
    st.floats(min_value=0.01, max_value=1000.0),
    st.floats(min_value=0.0, max_value=1.0),
)
def test_chance_takes_at_most_its_part_of_the_delay(attempts: int, first_s: float, chance: float) -> None:
    whole_s = resend_delay_s(attempts, first_s, 0.0)
    assert whole_s * (1 - JITTER) * 0.999 <= resend_delay_s(attempts, first_s, chance) <= whole_s <= LONGEST_DELAY_S


def test_the_schedule_knows_what_is_due() -> None:
    schedule = ResendSchedule(10.0)
    assert schedule.is_due("a", 100.0)
    assert schedule.next_due_at_s() is None
    schedule.sent("a", 100.0, chance=0.0)
    schedule.sent("b", 104.0, chance=1.0)
    assert not schedule.is_due("a", 109.9)
    assert schedule.is_due("a", 110.0)
    assert schedule.next_due_at_s() == 110.0
    schedule.sent("a", 110.0, chance=0.0)
    assert not schedule.is_due("a", 129.9)
    assert schedule.next_due_at_s() == 112.0
    schedule.forget("b")
    assert schedule.next_due_at_s() == 130.0


def test_a_new_connection_makes_everything_due_and_begins_with_the_first_delay() -> None:
    schedule = ResendSchedule(10.0)
    for at_s in (0.0, 10.0, 30.0):
        schedule.sent("a", at_s, chance=0.0)
    schedule.reconnected()
    assert schedule.is_due("a", 30.0)
    schedule.sent("a", 31.0, chance=0.0)
    assert schedule.next_due_at_s() == 41.0


def test_the_mailbox_keeps_only_the_newest_status() -> None:
    mailbox = Mailbox()
    for state in (State.DRIVING, State.ROLLING):
        mailbox.put(status_report(state))
    newest = mailbox.take().status
    assert newest is not None
    assert newest.status.state is State.ROLLING
    assert mailbox.take().status is None


def test_a_full_mailbox_drops_what_a_later_report_tells_again() -> None:
    mailbox = Mailbox(limit=2)
    for incident_id, sequence in (("a", 1), ("b", 1), ("a", 2), ("c", 1)):
        mailbox.put(report(incident_id, sequence))
    left = [(each.incident.incident_id, each.incident.sequence) for each in mailbox.take().reports]
    assert left == [("b", 1), ("a", 2), ("c", 1)]


def test_what_was_taken_counts_until_it_is_stored() -> None:
    mailbox = Mailbox()
    mailbox.put(report())
    assert len(mailbox) == 1
    mailbox.take()
    assert len(mailbox) == 1
    mailbox.settle()
    assert len(mailbox) == 0


def test_handing_over_waits_for_nothing(folder: Path) -> None:
    """A courier whose thread never runs takes thousands of reports and is still bounded."""
    courier = make_courier(fast(free_port()), folder, Said())
    begin_s = time.monotonic()
    for sequence in range(3000):
        courier.submit(report(sequence=sequence))
        courier.submit(status_report())
    assert time.monotonic() - begin_s < 5.0
    assert courier.depth() == 1000
    assert list(folder.iterdir()) == []


def test_the_courier_is_light_to_import() -> None:
    code = (
        "import sys, hardshoulder.edge.courier\n"
        "heavy = {'paho', 'pydantic', 'sqlite3', 'ssl', 'hardshoulder.wire'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "daemon")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
