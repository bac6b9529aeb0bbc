"""The simulated car on the bus: lawful frames, on time, and a body controller that is not easily fooled."""

import gzip
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardshoulder.core.bits import extract
from hardshoulder.core.frame import Frame
from hardshoulder.core.protection import checksum_holds
from hardshoulder_sim.body import BodyController
from hardshoulder_sim.car import SimulatedCar
from hardshoulder_sim.drive import EPOCH_S, drive, open_port
from hardshoulder_sim.node_power import NodePower
from hardshoulder_sim.physics.driver import Indicator
from hardshoulder_sim.reference import BUS, ReferenceMessage, database, reference_messages
from hardshoulder_sim.scenarios import SCENARIOS, Scenario

REQUEST = reference_messages()["HSR_HazardRequest"]
PERIOD_S = REQUEST.cycle_s


@cache
def frames_of(name: str, seed: int = 1) -> tuple[Frame, ...]:
    scenario = SCENARIOS[name]
    return tuple(SimulatedCar(scenario, seed).step_until(scenario.duration_s))


def short(name: str, duration_s: float) -> Scenario:
    return replace(SCENARIOS[name], duration_s=duration_s)


def by_message(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    sorted_out: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        sorted_out[database().get_message_by_frame_id(frame.can_id).name].append(frame)
    return sorted_out


def words(frame: Frame) -> dict[str, str]:
    """The frame's signals as text."""
    decoded = database().decode_message(frame.can_id, frame.data)
    assert isinstance(decoded, dict)
    return {name: str(value) for name, value in decoded.items()}


def request(at_s: float, count: int, word: str = "ON") -> Frame:
    return REQUEST.frame(at_s, count, {"Request": word})


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_frames_come_in_order_and_are_all_in_the_dbc(name: str) -> None:
    frames = frames_of(name)
    assert all(earlier.at_s <= later.at_s for earlier, later in pairwise(frames))
    assert {frame.bus for frame in frames} == {BUS}
    assert 0.0 <= frames[0].at_s < 1.0
    for frame in frames[::17]:
        words(frame)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ordinary-drive", "motorway-shutdown-hybrid", "motorway-shutdown-electric"])
def test_every_counter_counts_and_every_checksum_holds(name: str) -> None:
    for message_name, frames in by_message(frames_of(name)).items():
        message = reference_messages()[message_name]
        if message.counter is None or message.checksum is None:
            continue
        assert all(checksum_holds(frame.can_id, frame.data, message.checksum) for frame in frames)
        counts = [extract(frame.data, message.counter.field) for frame in frames]
        assert all((later - earlier) % 16 == 1 for earlier, later in pairwise(counts)), message_name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_messages_keep_their_cycle_with_a_little_jitter(seed: int) -> None:
    for name, frames in by_message(frames_of("start-stop-traffic", seed)).items():
        cycle_s = reference_messages()[name].cycle_s
        gaps = [later.at_s - earlier.at_s for earlier, later in pairwise(frames)]
        assert sum(gaps) / len(gaps) == pytest.approx(cycle_s, rel=0.002)
        assert all(0.9 * cycle_s < gap < 1.1 * cycle_s for gap in gaps)
        assert len({round(gap, 6) for gap in gaps}) > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("ordinary-drive", {"BMS_Contactors"}),
        ("hybrid-drive", set[str]()),
        ("electric-drive", {"PCM_Engine"}),
    ],
)
def test_which_messages_exist_depends_on_the_drive(name: str, absent: set[str]) -> None:
    sent_by_car = {message for message, plan in reference_messages().items() if plan.sender != "HSR"}
    assert set(by_message(frames_of(name))) == sent_by_car - absent


@pytest.mark.slow
@settings(max_examples=15)
@given(cuts=st.lists(st.floats(0.0, 6.0), max_size=12))
def test_the_slicing_of_time_changes_nothing(cuts: list[float]) -> None:
    scenario = SCENARIOS["ordinary-drive"]
    car = SimulatedCar(scenario, 5)
    frames = [frame for cut in (*sorted(cuts), 6.0) for frame in car.step_until(cut)]
    assert frames == SimulatedCar(scenario, 5).step_until(6.0)


def test_another_seed_gives_another_drive() -> None:
    scenario = SCENARIOS["city-stall"]
    assert SimulatedCar(scenario, 1).step_until(6.0) != SimulatedCar(scenario, 2).step_until(6.0)


# The body controller


def believed(frames: Sequence[Frame]) -> BodyController:
    body = BodyController()
    for frame in frames:
        body.receive(frame)
    return body


def test_three_missed_frames_drop_the_request() -> None:
    body = believed([request(count * PERIOD_S, count) for count in range(10)])
    last_s = 9 * PERIOD_S
    for missed in (1, 2):
        body.step(last_s + missed * PERIOD_S + 0.05, Indicator.NEUTRAL)
        assert body.hazard_active
    body.step(last_s + 3 * PERIOD_S + 0.001, Indicator.NEUTRAL)
    assert not body.hazard_active
    assert body.lamps(last_s + 0.5) == (False, False)


def test_two_missed_frames_are_forgiven_and_more_are_not() -> None:
    assert believed([request(0.0, 0), request(0.29, 3)]).rejected == 0
    assert believed([request(0.0, 0), request(0.29, 4)]).rejected == 1
    assert believed([request(0.0, 0), request(0.31, 9)]).rejected == 0, "a new series"


@pytest.mark.parametrize("word", ["OFF", "NONE"])
def test_a_request_is_taken_back_at_once(word: str) -> None:
    body = believed([request(0.0, 0), request(0.1, 1)])
    assert body.hazard_active
    body.receive(request(0.2, 2, word))
    assert not body.hazard_active
    assert body.rejected == 0


@given(position=st.integers(0, 7), flip=st.integers(1, 255))
def test_a_corrupt_request_is_not_believed(position: int, flip: int) -> None:
    good = request(0.0, 3)
    data = bytearray(good.data)
    data[position] ^= flip
    body = believed([good._replace(data=bytes(data))])
    assert body.rejected == 1
    assert not body.hazard_active


def with_reserved_bit(plan: ReferenceMessage, position: int) -> Frame:
    """A request with a reserved bit set, and its checksum right."""
    assert plan.checksum is not None
    data = bytearray(request(0.0, 0).data)
    data[position] |= 0x80
    for guess in range(256):
        data[0] = guess
        if checksum_holds(plan.can_id, bytes(data), plan.checksum):
            return Frame(0.0, BUS, plan.can_id, bytes(data))
    raise AssertionError("no checksum fits")


@pytest.mark.parametrize("position", range(1, 8))
def test_a_reserved_bit_spoils_the_request(position: int) -> None:
    assert believed([with_reserved_bit(REQUEST, position)]).rejected == 1


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_request_of_another_length_is_not_believed(length: int) -> None:
    good = request(0.0, 0)
    assert believed([good._replace(data=good.data[:length])]).rejected == 1


def test_the_word_for_no_reading_asks_for_nothing() -> None:
    assert believed([request(0.0, 0, "NOT_AVAILABLE")]).rejected == 1


def test_a_frozen_counter_times_out_like_silence() -> None:
    body = BodyController()
    for repeat in range(20):
        body.receive(request(repeat * 0.055, 7))
        assert body.hazard_active == (repeat * 0.055 < 0.3)
    assert body.rejected == 19


@pytest.mark.parametrize("rate", [60.0, 90.0, 120.0])
def test_the_lamps_flash_as_often_as_the_law_says(rate: float) -> None:
    body = BodyController(rate)
    body.press_button(0.0)
    lit = [body.lamps(milli / 1000.0) for milli in range(60_000)]
    assert all(left == right for left, right in lit)
    assert lit[0] == (True, True), "the first flash comes at once"
    assert sum(later[0] > earlier[0] for earlier, later in pairwise(lit)) + 1 == pytest.approx(rate, abs=1.0)
    assert 0.45 < sum(left for left, _ in lit) / len(lit) < 0.55


@pytest.mark.parametrize("rate", [0.0, 59.0, 121.0])
def test_an_unlawful_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="lawful"):
        BodyController(rate)


def test_the_button_latches_and_ends_what_it_latched() -> None:
    body = BodyController()
    body.press_button(0.05)
    assert body.button_pressed(0.1)
    assert not body.button_pressed(1.0)
    body.step(2.0, Indicator.NEUTRAL)
    assert body.hazard_active, "the button is latched"
    body.press_button(2.05)
    assert not body.hazard_active


def test_the_button_ends_what_the_bus_asked_for_until_it_is_asked_for_anew() -> None:
    body = believed([request(0.0, 0)])
    body.press_button(0.05)
    assert not body.hazard_active
    body.receive(request(0.1, 1))
    assert body.requested and not body.hazard_active, "a standing request does not count against her hand"
    body.receive(request(0.2, 2, "OFF"))
    body.receive(request(0.3, 3))
    assert body.hazard_active, "one that was made anew does"


def test_an_indicator_flashes_one_side_and_hazards_override_it() -> None:
    body = BodyController()
    body.step(1.0, Indicator.RIGHT)
    assert body.lamps(1.0) == (False, True)
    assert not body.hazard_active
    body.press_button(1.4)
    assert body.lamps(1.4) == (True, True)


# The car as a whole


def drive_with_request(car: SimulatedCar, from_s: float, to_s: float, end_s: float) -> list[Frame]:
    """Asks for the hazards between two times, a frame each period, as a responder would."""
    frames: list[Frame] = []
    for count in range(round(end_s / PERIOD_S)):
        at_s = count * PERIOD_S
        frames += car.step_until(at_s)
        if from_s <= at_s < to_s:
            car.receive(request(at_s, count))
    return frames


def test_the_bus_shows_the_lamps_as_they_are_asked_for() -> None:
    frames = drive_with_request(SimulatedCar(SCENARIOS["city-stall"], 1), 2.0, 22.0, 26.0)
    lamps = [(frame.at_s, words(frame)) for frame in by_message(frames)["BCM_Lamps"]]
    active = [at_s for at_s, values in lamps if values["HazardActive"] == "ACTIVE"]
    assert 2.0 <= active[0] <= 2.2
    assert 22.0 <= active[-1] <= 22.4
    lit = [values["LampLeft"] for at_s, values in lamps if 2.2 < at_s < 22.0]
    flashes = sum(later == "LIT" and earlier == "DARK" for earlier, later in pairwise(lit))
    assert 60.0 <= flashes / 19.8 * 60.0 <= 120.0
    assert all(values["LampLeft"] == values["LampRight"] for _, values in lamps)


def test_the_drivers_button_shows_on_the_bus() -> None:
    car = SimulatedCar(replace(SCENARIOS["city-stall"], hazard_switch_at_s=(1.0, 4.0)), 1)
    lamps = [(frame.at_s, words(frame)) for frame in by_message(car.step_until(6.0))["BCM_Lamps"]]
    pressed = [at_s for at_s, values in lamps if values["HazardSwitch"] == "PRESSED"]
    active = [at_s for at_s, values in lamps if values["HazardActive"] == "ACTIVE"]
    assert len(pressed) in (5, 6, 7)
    assert 0.99 < active[0] < 1.15
    assert 3.85 < active[-1] < 4.05


def test_the_display_shows_what_it_is_told_and_other_buses_do_not_count() -> None:
    car = SimulatedCar(SCENARIOS["city-stall"], 1)
    notice = reference_messages()["HSR_Display"].frame(0.0, 0, {"NoticeCode": "STOPPED"})
    car.receive(notice._replace(bus="other"))
    assert car.notice_code == 0
    car.receive(notice)
    assert car.notice_code == 3
    car.receive(Frame(0.0, BUS, 0x123, b""))


def last_heard_s(name: str, seed: int) -> dict[str, float]:
    """When each node was heard last, by the clock of the fault."""
    scenario = SCENARIOS[name]
    car = SimulatedCar(scenario, seed)
    assert car.run.fault_at_s is not None
    heard: dict[str, float] = {}
    for message, frames in by_message(car.step_until(scenario.duration_s)).items():
        node = reference_messages()[message].sender
        heard[node] = max(heard.get(node, 0.0), frames[-1].at_s - car.run.fault_at_s)
    return heard


@pytest.mark.slow
def test_nodes_fall_asleep_one_after_the_other_when_the_ignition_goes() -> None:
    orders = set()
    for seed in range(5):
        heard = last_heard_s("motorway-ignition-lost", seed)
        assert 0.45 < heard["PCM"] < 2.1
        assert heard["BCM"] > 75.0, "the body controller stays awake"
        assert heard["ESC"] > 20.0, "the brake controller stays awake while the car rolls"
        orders.add(tuple(sorted(heard, key=heard.__getitem__)))
    assert len(orders) > 1


def test_the_brake_controller_speaks_for_as_long_as_the_car_rolls() -> None:
    scenario = SCENARIOS["motorway-ignition-lost"]
    frames = by_message(SimulatedCar(scenario, 3).step_until(scenario.duration_s))["ESC_Speed"]
    assert words(frames[-1])["Standstill"] == "STANDING"
    assert float(words(frames[-1])["VehicleSpeed"]) == 0.0


def test_a_collapsed_supply_silences_the_drive_and_shows_as_power_off() -> None:
    frames = by_message(frames_of("motorway-supply-loose"))
    assert words(frames["BCM_Power"][0])["PowerMode"] == "ON"
    assert words(frames["BCM_Power"][-1])["PowerMode"] == "OFF"
    assert frames["PCM_Drive"][-1].at_s < 40.0


def test_a_waking_brake_controller_has_no_reading_yet() -> None:
    speeds = [words(frame)["VehicleSpeed"] for frame in by_message(frames_of("ordinary-drive"))["ESC_Speed"]]
    assert 20 <= [speed != "NOT_AVAILABLE" for speed in speeds].index(True) <= 30
    assert set(speeds[:20]) == {"NOT_AVAILABLE"}


def test_nodes_wake_with_the_ignition() -> None:
    power = NodePower(Random(1), awake=False)
    assert power.awake_s("PCM", 0.0) is None
    assert power.awake_s("BCM", 0.0) is not None
    power.step(1.0, ignition=True, standing=True, voltage_v=12.0)
    assert power.awake_s("PCM", 1.0) is None
    assert power.awake_s("PCM", 1.3) is not None
    power.step(2.0, ignition=True, standing=True, voltage_v=5.0)
    assert power.awake_s("PCM", 2.0) is None
    assert power.awake_s("BCM", 2.0) is not None


# Drives


@pytest.mark.parametrize("ending", ["log", "log.gz"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    logs = []
    for turn in range(2):
        path = tmp_path / f"{turn}.{ending}"
        drive(short("city-stall", 5.0), 11, path, None, realtime=False)
        logs.append(path.read_bytes())
    assert logs[0] == logs[1]
    assert len(logs[0]) > 1000


def test_a_log_reads_back_as_what_was_driven(tmp_path: Path) -> None:
    scenario = short("city-stall", 5.0)
    seen_s: list[float] = []
    report = drive(
        scenario, 11, tmp_path / "drive.log.gz", None, realtime=False, watch=lambda now_s, _: seen_s.append(now_s)
    )
    assert seen_s == sorted(seen_s)
    assert seen_s[-1] == 5.0
    (tmp_path / "drive.log").write_bytes(gzip.decompress((tmp_path / "drive.log.gz").read_bytes()))
    with can.CanutilsLogReader(tmp_path / "drive.log") as reader:
        messages = list(reader)
    frames = SimulatedCar(scenario, 11).step_until(5.0)
    assert report.sent == len(messages) == len(frames)
    for message, frame in zip(messages, frames, strict=True):
        assert message.timestamp - EPOCH_S == pytest.approx(frame.at_s, abs=2e-6)
        assert (message.arbitration_id, bytes(message.data)) == (frame.can_id, frame.data)


@pytest.mark.parametrize("url", ["", "nothing", ":channel", "interface:"])
def test_a_malformed_bus_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="interface:channel"):
        open_port(url)
