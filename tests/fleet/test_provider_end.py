"""How `hardshoulder-fleet provider` ends: told to, it leaves in order and says so by its exit status."""

import signal
import socket
from pathlib import Path

import pytest

from hardshoulder_fleet.assistance.http import HttpProvider
from hardshoulder_fleet.core.checkin import Tow
from hardshoulder_sim.fleet_processes import ProviderProcess, make_secret
from hardshoulder_sim.processes import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_leaves_with_0_and_keeps_its_orders(tmp_path: Path, number: signal.Signals) -> None:
    secret = make_secret(tmp_path)
    with (
        ProviderProcess(tmp_path, secret, 0.2) as provider,
        socket.create_server(("127.0.0.1", 0)) as receiver,
        HttpProvider(
            f"http://127.0.0.1:{provider.port}",
            f"http://127.0.0.1:{receiver.getsockname()[1]}/hooks/provider",
            secret.read_bytes().strip(),
        ) as client,
    ):
        order_ref = client.request(client.quote("incident-1", 48.27, 11.64, "car-1", "crash").quote_id, "incident-1")
        # A report hangs at a receiver that never answers, and a client keeps its line open.
        report, _ = receiver.accept()
        with report, socket.create_connection(("127.0.0.1", provider.port)):
            assert provider._end(lambda process: process.send_signal(number)) == 0
        assert provider.log().splitlines()[-1].endswith("stopped")
        assert "Traceback" not in provider.log() and "ERROR" not in provider.log()
        provider.start()
        wait_until(lambda: client.status(order_ref).state is Tow.COMPLETED, "the tow went on")
        assert provider.stop() == 0
