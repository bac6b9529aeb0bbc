"""Times from before the wall clock was set: who says that it is, what is corrected, and what never is."""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardshoulder.edge.clocks import Trust, boot_id, kernel_says_set, since_boot_s
from hardshoulder.edge.delivery import Delivery
from hardshoulder.edge.mailbox import Mailbox
from hardshoulder.edge.outbox import Outbox
from hardshoulder.edge.outbox_file import MIGRATIONS
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder.edge.surroundings import Clock
from hardshoulder.events import incident_event, presence_event
from hardshoulder.settings import MqttSettings, StorageSettings
from hardshoulder.stamps import corrected
from hardshoulder.wire import WireError, encode
from hardshoulder_sim.processes import Broker, free_port, wait_until, write_config
from support.car import Said
from support.fleet import Fleet
from support.incidents import BEGIN, IDENTITY, report, wall_time
from support.live_car import LiveCar
from support.stepped_daemon import SteppedDaemon

WOKE = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)


class Times:
    """Clocks that a test sets. The wall clock is `wall_at` when the monotonic one says 0."""

    def __init__(self, wall_at: datetime) -> None:
        self.now_s = 100.0
        self.slept_s = 0.0
        self.wall_at = wall_at
        self.set = False

    def clock(self, boot: str = "this") -> Clock:
        return Clock(
            now_s=lambda: self.now_s,
            wall_time=lambda at_s: self.wall_at + timedelta(seconds=at_s + self.slept_s),
            trusted=lambda: self.set,
            since_boot_s=lambda: self.now_s + self.slept_s,
            boot=boot,
        )


def delivery(folder: Path, times: Times, mailbox: Mailbox, *, boot: str = "this", said: Said | None = None) -> Delivery:
    broker = MqttSettings(host="127.0.0.1", port=free_port())
    return Delivery(mailbox, IDENTITY, broker, StorageSettings(folder), times.clock(boot), said or Said())


def waiting(folder: Path) -> list[dict[str, object]]:
    outbox = Outbox.open(folder / FILE_NAME)
    try:
        return [json.loads(event.payload) for event in outbox.pending(100)]
    finally:
        outbox.close()


def closed(courier: Delivery) -> None:
    courier.close(1.0)


# Who says that the clock is set ------------------------------------------------------------


class Says:
    """A witness that a test speaks for."""

    def __init__(self) -> None:
        self.set = False

    def __call__(self) -> bool:
        return self.set


def test_a_clock_is_trusted_once_somebody_has_set_it() -> None:
    now, kernel = [WOKE], Says()
    trust = Trust(wall=lambda: now[0], witnesses=(kernel,))
    assert not trust() and not trust.plausible
    now[0] = BEGIN
    assert not trust() and trust.plausible, "a date that can be is no proof"
    kernel.set = True
    assert trust()
    kernel.set = False
    assert trust(), "it goes on with the time that it was given"
    now[0] = WOKE
    kernel.set = True
    assert not trust(), "no car drove in 1970, whoever says so"
    kernel.set, now[0] = False, BEGIN
    assert not trust(), "and after that it has to be set anew"


def test_a_clock_on_a_battery_is_trusted_by_its_date() -> None:
    now = [BEGIN]
    trust = Trust(True, wall=lambda: now[0], witnesses=())
    assert trust()
    now[0] = WOKE
    assert not trust()


def test_satellites_vouch_for_a_clock_that_agrees() -> None:
    trust = Trust(wall=lambda: BEGIN, witnesses=())
    trust.compare(BEGIN - timedelta(seconds=2.1))
    assert not trust()
    trust.compare(BEGIN - timedelta(seconds=1.9))
    assert trust()
    unset = Trust(wall=lambda: WOKE, witnesses=())
    unset.compare(WOKE)
    assert not unset(), "two that are wrong alike prove nothing"


def test_the_kernel_is_asked_and_not_set() -> None:
    """The real call: the same answer as from time to time, and a clock that goes on as before."""
    before = time.time() - time.monotonic()
    assert kernel_says_set() is kernel_says_set()
    assert abs(time.time() - time.monotonic() - before) < 0.5
    assert len(boot_id()) == 36
    awake_s = time.monotonic()
    assert since_boot_s() >= awake_s


# What is corrected --------------------------------------------------------------------------


def test_an_alert_from_before_gets_its_right_times_under_its_own_id(tmp_path: Path) -> None:
    times, mailbox, said = Times(WOKE), Mailbox(), Said()
    courier = delivery(tmp_path, times, mailbox, said=said)
    mailbox.put(report(at_s=90.0))
    courier.turn()
    [before] = waiting(tmp_path)
    data = before["data"]
    assert isinstance(data, dict) and data["clock_trusted"] is False and data["clock_corrected_by_s"] is None
    assert str(before["time"]).startswith("1970-01-01T00:01:50")
    # Half an hour later, ten minutes of it asleep, a time source sets the clock.
    times.now_s, times.slept_s = 1300.0, 600.0
    times.wall_at, times.set = BEGIN - timedelta(seconds=600.0), True
    courier.turn()
    [after] = waiting(tmp_path)
    told = after["data"]
    assert isinstance(told, dict) and told["clock_trusted"] is True
    # Now is BEGIN + 1300 s; the report was stamped for a moment 1810 s before that.
    right = BEGIN + timedelta(seconds=1300.0 - 1810.0)
    assert datetime.fromisoformat(str(after["time"])) == right
    assert datetime.fromisoformat(told["opened_at"]) == right + timedelta(seconds=10.5 - 90.0)
    assert datetime.fromisoformat(told["evidence"][0]["at"]) == right + timedelta(seconds=10.0 - 90.0)
    assert told["clock_corrected_by_s"] == pytest.approx((right - WOKE).total_seconds() - 90.0)
    assert after["id"] == before["id"] and told["sequence"] == data["sequence"]
    assert said.count("1 waiting events have their right times now") == 1
    times.wall_at += timedelta(days=1)
    courier.turn()
    assert waiting(tmp_path) == [after], "once is enough"
    closed(courier)


def test_nothing_is_corrected_across_a_boot(tmp_path: Path) -> None:
    times, mailbox = Times(WOKE), Mailbox()
    first = delivery(tmp_path, times, mailbox, boot="before")
    mailbox.put(report())
    first.turn()
    closed(first)
    [before] = waiting(tmp_path)
    times.wall_at, times.set = BEGIN, True
    second = delivery(tmp_path, times, Mailbox(), boot="after")
    second.turn()
    closed(second)
    assert waiting(tmp_path) == [before]


def test_what_another_process_of_this_boot_left_is_corrected(tmp_path: Path) -> None:
    times, mailbox = Times(WOKE), Mailbox()
    first = delivery(tmp_path, times, mailbox)
    mailbox.put(report())
    first.turn()
    closed(first)
    times.wall_at, times.set = BEGIN, True
    second = delivery(tmp_path, times, Mailbox())
    second.turn()
    closed(second)
    [told] = waiting(tmp_path)
    assert datetime.fromisoformat(str(told["time"])) == BEGIN + timedelta(seconds=10.5)


def test_times_of_another_boot_that_nobody_knows_stay_doubted(tmp_path: Path) -> None:
    """An incident that outlived a boot whose clock was not set, told by a daemon whose clock is."""
    times, mailbox = Times(BEGIN), Mailbox()
    times.set = True
    courier = delivery(tmp_path, times, mailbox)
    mailbox.put(replace(report(), dated=False))
    courier.turn()
    courier.turn()
    closed(courier)
    [told] = waiting(tmp_path)
    data = told["data"]
    assert isinstance(data, dict) and (data["clock_trusted"], data["clock_corrected_by_s"]) == (False, None)


def test_what_waits_in_memory_is_corrected_too(tmp_path: Path) -> None:
    folder, times, mailbox = tmp_path / "later", Times(WOKE), Mailbox()
    courier = delivery(folder, times, mailbox)
    mailbox.put(report())
    courier.turn()
    times.wall_at, times.set = BEGIN, True
    courier.turn()
    folder.mkdir()
    times.now_s += 10.0
    courier.turn()
    closed(courier)
    [told] = waiting(folder)
    assert datetime.fromisoformat(str(told["time"])) == BEGIN + timedelta(seconds=10.5)


def test_an_outbox_of_the_first_schema_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO event VALUES (1, 'a', 't', 's', x'7b7d', 0, 1000.0, 0, NULL, 0)")
    outbox = Outbox.open(path)
    [event] = outbox.pending(10)
    assert (event.event_id, event.boot, event.ahead_s) == ("a", None, None)
    assert outbox.to_correct("") == []
    outbox.close()


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_every_time_moves_by_the_same_and_nothing_else_changes(by_s: float) -> None:
    event = incident_event(IDENTITY, report(), wall_time, clock_trusted=False)
    before, after = json.loads(encode(event)), json.loads(corrected(encode(event), by_s))
    moved = [0]

    def compare(one: object, other: object) -> None:
        if isinstance(one, dict):
            assert isinstance(other, dict) and one.keys() == other.keys()
            for key in one.keys() - {"clock_trusted", "clock_corrected_by_s"}:
                compare(one[key], other[key])
        elif isinstance(one, list):
            assert isinstance(other, list)
            for left, right in zip(one, other, strict=True):
                compare(left, right)
        elif one != other or (isinstance(one, str) and one.endswith("Z")):
            moved[0] += 1
            assert isinstance(one, str) and isinstance(other, str)
            distance = datetime.fromisoformat(other) - datetime.fromisoformat(one)
            assert distance.total_seconds() == pytest.approx(by_s, abs=1e-5)

    compare(before, after)
    assert moved[0] == 7, "the envelope, suspected, opened, requested, one piece of evidence, two lines of the story"


def test_what_cannot_be_corrected_is_refused() -> None:
    event = encode(incident_event(IDENTITY, report(), wall_time, clock_trusted=False))
    with pytest.raises(WireError, match="cannot be moved"):
        corrected(event, 1e13)
    with pytest.raises(WireError, match="tells no incident"):
        corrected(encode(presence_event("car-7", online=True, at=BEGIN)), 1.0)
    with pytest.raises(WireError):
        corrected(b"{", 1.0)


# A real daemon whose clock is stepped ----------------------------------------------------------


@pytest.mark.slow
def test_a_daemon_that_wakes_in_1970_corrects_its_alert_when_its_clock_is_set(tmp_path: Path) -> None:
    """Breakdown in 1970, no broker; the clock is set; then the fleet hears it, with the right times and one id."""
    broker = Broker(tmp_path)
    config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
    config.write_text(config.read_text() + '\n[clock]\ntrusted_by = "date"\n')
    daemon = SteppedDaemon(config, datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    with LiveCar(tmp_path / "can0", "electric") as car, daemon:
        wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
        broke = datetime.now(UTC)
        car.lose_drive()
        wait_until(lambda: bool(waiting_or_none(tmp_path / "storage")), "the alert waits")
        before = waiting_or_none(tmp_path / "storage")
        assert all(data_of(event)["clock_trusted"] is False for event in before)
        assert str(before[0]["time"]).startswith("1970-01-01T00:0")
        daemon.set_wall(datetime.now(UTC))
        wait_until(lambda: "have their right times now" in daemon.log(), "they are corrected")
        with broker, Fleet(broker.port, acknowledge=True) as fleet:
            wait_until(lambda: bool(fleet.incidents()), "the fleet hears it")
            told = min(fleet.incidents(), key=lambda event: event.data.sequence)
            assert told.id == before[0]["id"]
            assert told.data.clock_trusted and told.data.clock_corrected_by_s is not None
            assert timedelta(0) < told.data.opened_at - broke < timedelta(seconds=60), "now, and not in 1970"


def data_of(event: dict[str, object]) -> dict[str, object]:
    data = event["data"]
    assert isinstance(data, dict)
    return data


def waiting_or_none(folder: Path) -> list[dict[str, object]]:
    path = folder / FILE_NAME
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return [json.loads(row[0]) for row in connection.execute("SELECT payload FROM event ORDER BY number")]
    except sqlite3.OperationalError:
        return []
