"""The fleet's two times, with real processes: car, daemon, broker, fleet, provider.

Commit: from the first hazard frame (which leaves in the same turn of the loop as the decision) to the
fleet's acknowledgement on the broker, which follows its database commit. Row: from the driver's tap
(the form is sent) to the operator's list that shows it, over server-sent events.
"""

import argparse
import re
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from hardshoulder.core.vocabulary import Vss
from hardshoulder.wire import parse_ack
from hardshoulder_sim.fleet_processes import FleetProcess, Phone, ProviderProcess, make_secret
from hardshoulder_sim.processes import Broker, DaemonProcess, wait_until, write_config
from hardshoulder_sim.slcan_port import SlcanPort
from reaction import GIVE_UP_AFTER_S, SHORT, Car, row

_FORM = re.compile(r'name="form" value="([^"]+)"')


class Acknowledgements:
    """Hears when the fleet first acknowledged each incident."""

    def __init__(self, port: int) -> None:
        self.first_s: dict[str, float] = {}
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("hardshoulder/v1/+/ack", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        wait_until(self._ready.is_set, "the witness has subscribed")

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        self.first_s.setdefault(parse_ack(bytes(message.payload)).incident_id, now_s)

    def close(self) -> None:
        """Ends the connection."""
        self._client.loop_stop()


class Board:
    """The operator's list as it comes over server-sent events: when each text was first on it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._html = ""
        self._at_s = 0.0
        threading.Thread(target=self._listen, name="operator", daemon=True).start()

    def _listen(self) -> None:
        lines: list[str] = []
        with httpx.stream("GET", f"{self._address}/operator/events", timeout=None) as response:
            for line in response.iter_lines():
                if line.startswith("data:"):
                    lines.append(line)
                elif not line and lines:
                    with self._changed:
                        self._html, self._at_s, lines = "\n".join(lines), time.monotonic(), []
                        self._changed.notify_all()

    def wait_for(self, count: int, text: str) -> float:
        """When the list first shows the text so many times; monotonic seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._html.count(text) >= count, GIVE_UP_AFTER_S):
                raise RuntimeError(f"the operator's list never showed {text!r} {count} times; see fleet.log")
            return self._at_s


def _tap_safe(link: str) -> float:
    """The driver opens her page and taps; the moment of the tap, monotonic seconds."""
    with httpx.Client(follow_redirects=False) as client:
        form = _FORM.search(client.get(link).text)
        assert form, "the page has its form"
        tapped_s = time.monotonic()
        answer = client.post(f"{link}/answer", data={"form": form[1], "answer": "safe"})
        assert answer.status_code == 303, answer.text
    return tapped_s


def measure(trials: int) -> tuple[list[float], list[float]]:
    """(commit, row) in seconds, one of each for every trial."""
    commits, rows = [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hs-")))
        broker = stack.enter_context(Broker(folder))
        phone = stack.enter_context(Phone())
        secret = make_secret(folder)
        provider = stack.enter_context(ProviderProcess(folder, secret, 1.0))
        fleet = stack.enter_context(FleetProcess(folder, broker.port, provider.port, secret, phone, 3600.0))
        acknowledgements = Acknowledgements(broker.port)
        stack.callback(acknowledgements.close)
        board = Board(fleet.address)
        car = Car(SlcanPort(folder / "can0"))
        config = write_config(folder, "reference-electric", broker.port, f"slcan:{folder / 'can0'}", thresholds=SHORT)
        stack.enter_context(DaemonProcess(config))
        car.drive(2.0)
        for trial in range(1, trials + 1):
            _, hazard_s = car.crash()
            while len(acknowledgements.first_s) < trial:
                car.drive(0.02)
            commits.append(list(acknowledgements.first_s.values())[-1] - hazard_s)
            taps: list[float] = []
            tap = threading.Thread(target=lambda: taps.append(_tap_safe(phone.links.get(timeout=GIVE_UP_AFTER_S))))  # noqa: B023 - joined in this turn
            tap.start()
            while tap.is_alive():
                car.drive(0.02)
            rows.append(board.wait_for(1, "safe") - taps[0])
            car.talker.values[Vss.AIRBAG_DEPLOYED] = False
            while car.drive(0.5):
                pass  # until the daemon says OFF: the incident, and with it the check-in, is closed
            car.drive(0.3)
    return commits, rows


def main() -> int:
    """Prints the two rows."""
    parser = argparse.ArgumentParser(description="from detection to the fleet's commit, from a tap to the operator")
    parser.add_argument("--trials", type=int, default=50, help="breakdowns to measure (default 50)")
    commits, rows = measure(parser.parse_args().trials)
    print("| what | n | p50 | p99 | worst | budget |\n|---|---|---|---|---|---|")
    print(row("hazard frame (detection) to alert committed at the fleet", commits, 200))
    print(row("driver's tap to operator's row", rows, 500))
    return 0


if __name__ == "__main__":
    sys.exit(main())
