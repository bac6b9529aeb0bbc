"""The line that fails as asked, on real sockets; and the daemon's courier with a real broker behind it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hardshoulder_sim.faults.proxy import Proxy
from hardshoulder_sim.processes import Broker, wait_until
from support.car import Said, fast, running
from support.fleet import Fleet
from support.incidents import report


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def ends(server: socket.socket, proxy: Proxy) -> tuple[socket.socket, socket.socket]:
    """Both ends of one connection through the proxy, which knows of it."""
    before = proxy.accepted
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10.0)
    other, _ = server.accept()
    other.settimeout(10.0)
    wait_until(lambda: proxy.accepted > before, "the proxy has joined them")
    return client, other


def test_bytes_pass_both_ways_and_an_end_is_passed_on(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, other = ends(server, proxy)
        client.sendall(b"up")
        assert other.recv(10) == b"up"
        other.sendall(b"down")
        assert client.recv(10) == b"down"
        other.close()
        assert client.recv(10) == b""
        assert proxy.accepted == 1
        client.close()


def test_a_reset_is_a_reset_and_the_next_connection_is_fine(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, other = ends(server, proxy)
        client.sendall(b"up")
        assert other.recv(10) == b"up", "and both ends are read by now"
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(10)
        with pytest.raises(ConnectionResetError):
            other.recv(10)
        again, _ = ends(server, proxy)
        again.close()


def test_a_stall_holds_bytes_up_and_lets_them_go(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, other = ends(server, proxy)
        proxy.stall()
        client.sendall(b"late")
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.recv(10)
        proxy.mend()
        other.settimeout(10.0)
        assert other.recv(10) == b"late"


def test_half_open_swallows_and_tells_nobody(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, other = ends(server, proxy)
        proxy.half_open()
        client.sendall(b"lost")
        other.settimeout(0.2)
        with pytest.raises(TimeoutError):
            other.recv(10)
        proxy.mend()
        other.settimeout(10.0)
        client.sendall(b"heard")
        assert other.recv(10) == b"heard"


def test_a_cut_line_takes_nobody_until_it_is_mended(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, _ = ends(server, proxy)
        proxy.cut()
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10.0) as refused, suppress(OSError):
            assert refused.recv(10) == b""
        server.accept()  # what the refused one left behind
        proxy.mend()
        ends(server, proxy)[0].close()


def test_late_and_narrow(server: socket.socket) -> None:
    with Proxy(server.getsockname()[1]) as proxy:
        client, other = ends(server, proxy)
        proxy.slow(delay_s=0.3)
        began_s = time.monotonic()
        client.sendall(b"x")
        assert other.recv(10) == b"x"
        assert time.monotonic() - began_s >= 0.3
        proxy.slow(bits_per_s=64_000.0)
        began_s = time.monotonic()
        client.sendall(bytes(4000))
        received = 0
        while received < 4000:
            received += len(other.recv(4000))
        assert time.monotonic() - began_s >= 0.4, "4000 bytes at 64 kbit/s take half a second"


def test_a_proxy_without_a_server_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with Proxy(port) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10.0)
        with suppress(ConnectionResetError):
            assert client.recv(10) == b""
        client.close()


def cut(line: Proxy) -> None:
    line.cut()


def stalled(line: Proxy) -> None:
    line.stall()


def reset(line: Proxy) -> None:
    line.reset()


def half_open(line: Proxy) -> None:
    line.half_open()


def late(line: Proxy) -> None:
    line.slow(delay_s=2.0)


def narrow(line: Proxy) -> None:
    line.slow(bits_per_s=64_000.0)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [cut, stalled, reset, half_open, late, narrow], ids=lambda fault: fault.__name__)
def test_alerts_outlive_a_bad_line_to_a_real_broker(tmp_path: Path, fault: Callable[[Proxy], None]) -> None:
    """Alerts before, in and after the fault: each is there, under one id, and the car is told of each."""
    (tmp_path / "storage").mkdir()
    with Broker(tmp_path) as broker, Fleet(broker.port, acknowledge=True) as fleet, Proxy(broker.port) as line:
        with running(fast(line.port), tmp_path / "storage", Said()) as courier:
            wait_until(lambda: courier.connected, "the connection")
            courier.submit(report("before"))
            wait_until(lambda: courier.depth() == 0, "the first is acknowledged")
            fault(line)
            for number in range(3):
                courier.submit(report(f"meanwhile-{number}"))
            time.sleep(1.0)
            line.mend()
            courier.submit(report("after"))
            wait_until(lambda: courier.depth() == 0, "all are acknowledged")
        ids_of = {event.subject: set[str]() for event in fleet.incidents()}
        for event in fleet.incidents():
            ids_of[event.subject].add(event.id)
    assert {name: len(ids) for name, ids in ids_of.items()} == dict.fromkeys(
        ("before", "meanwhile-0", "meanwhile-1", "meanwhile-2", "after"), 1
    )
