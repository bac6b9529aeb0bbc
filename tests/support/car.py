"""A courier with short times; as a program it is a car that a test can take the power from."""

import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from hardshoulder.edge.courier import Clock, Courier
from hardshoulder.edge.storage import FILE_NAME
from hardshoulder.settings import MqttSettings, StorageSettings
from support.incidents import IDENTITY, report

BEGIN_S = time.monotonic()
BEGIN = datetime.now(UTC).timestamp()


def wall_time(at_s: float) -> datetime:
    """The machine's wall time of a moment of its monotonic clock."""
    return datetime.fromtimestamp(BEGIN + at_s - BEGIN_S, UTC)


class Said:
    """Collects what is said, from any thread."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str) -> None:
        self.lines.append((level, text))

    def count(self, part: str) -> int:
        """How many lines contain this."""
        return sum(part in text for _, text in list(self.lines))


def make_courier(
    settings: MqttSettings, folder: Path, said: Said, map_time: Callable[[float], datetime] = wall_time
) -> Courier:
    """A courier for the car that all tests share; not started."""
    clock = Clock(now_s=time.monotonic, wall_time=map_time, trusted=lambda: True)
    return Courier(IDENTITY, settings, StorageSettings(folder), clock, said)


def fast(port: int) -> MqttSettings:
    """A broker on the loopback address, and a car that asks again soon."""
    return MqttSettings(host="127.0.0.1", port=port, keepalive_s=5, resend_after_s=0.3)


@contextmanager
def running(
    settings: MqttSettings, folder: Path, said: Said | None = None, map_time: Callable[[float], datetime] = wall_time
) -> Iterator[Courier]:
    """A courier that is started here and stopped at the end."""
    courier = make_courier(settings, folder, said or Said(), map_time)
    courier.start()
    try:
        yield courier
    finally:
        assert courier.stop(10.0), "the courier did not stop in time"


def stored_depth(folder: Path) -> int:
    """How many events the file holds, seen by somebody who only reads; -1 while it is not there."""
    try:
        with closing(sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM event").fetchone()[0])
    except sqlite3.OperationalError:
        return -1


def main(port: int, folder: Path, incident_id: str) -> None:
    """Run until the power is taken; reports one incident, if one is named."""
    courier = make_courier(fast(port), folder, Said())
    courier.start()
    if incident_id:
        courier.submit(report(incident_id))
    print("running", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
