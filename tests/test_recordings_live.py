"""A real daemon on a real line: what it records is what was on the line, and the alert names it."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from hardshoulder.core.frame import Frame
from hardshoulder.edge.recorded import Recorded
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from hardshoulder_sim.recordings.logs import open_log
from support.fleet import Fleet
from support.live_car import REQUEST_ID, LiveCar
from support.written import hardshoulder_command

Seen = tuple[int, bytes]


def overheard(car: LiveCar) -> list[Seen]:
    """Takes down what the car puts on its line, from now on."""
    said: list[Seen] = []
    send = car._port.send

    def note(frame: Frame) -> None:
        said.append((frame.can_id, frame.data))
        send(frame)

    car._port.send = note  # type: ignore[method-assign]
    return said


def is_in_order(part: list[Seen], whole: list[Seen]) -> bool:
    """Whether the frames are those of the line without one missing in between."""
    places = [place for place, seen in enumerate(whole) if seen == part[0]]
    return any(whole[place : place + len(part)] == part for place in places)


@pytest.mark.slow
def test_a_breakdown_is_recorded_as_it_was_on_the_line(tmp_path: Path) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path))
        fleet = stack.enter_context(Fleet(broker.port, acknowledge=True))
        car = LiveCar(tmp_path / "can0", "electric")
        said = overheard(car)
        stack.enter_context(car)
        config = write_config(tmp_path, "reference-electric", broker.port, f"slcan:{tmp_path / 'can0'}")
        config.write_text(config.read_text() + "\n[recorder]\nafter_s = 1.0\n")
        daemon = stack.enter_context(DaemonProcess(config))
        wait_until(lambda: "state=driving" in daemon.log(), "the car is known to drive")
        car.lose_drive()
        wait_until(lambda: "ended: complete" in daemon.log(), "the recording is at its end")
        wait_until(lambda: len(fleet.incidents()) > 1, "the fleet knows")
        assert daemon.stop() == 0
        requests = list(car.heard)
    first, *later = [event.data for event in {event.id: event for event in fleet.incidents()}.values()]
    assert first.sequence == 1 and first.recording is not None and first.evidence_window is not None
    assert all(data.evidence_window is None and data.recording is not None for data in later)
    path = tmp_path / "storage" / "recordings" / first.recording.name
    recorded = Recorded(path.read_bytes())
    assert recorded.state == "whole" and recorded.head is not None
    assert recorded.head.incident == first.incident_id and recorded.head.buses == ("main",)

    to = tmp_path / "export.log"
    done = hardshoulder_command(
        tmp_path / "cache", "recordings", "export", first.recording.name, "--to", str(to), "--config", str(config)
    )
    assert done.returncode == 0, done.stderr
    frames: list[Seen] = [(frame.can_id, frame.data) for frame in open_log(to)]
    ours = {frame.can_id for frame in requests}
    heard = [seen for seen in frames if seen[0] not in ours]
    wanted = {can_id for can_id, _ in heard}
    assert is_in_order(heard, [seen for seen in said if seen[0] in wanted])
    sent = Counter(seen for seen in frames if seen[0] == REQUEST_ID)
    assert sent and not sent - Counter((frame.can_id, frame.data) for frame in requests)
