"""The rig itself: what the tests of our own code may rely on."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rig.machine import CHECKOUT, PYTHON, Rig
from rig.tools import RigError
from rig.witness import Witness

pytestmark = [pytest.mark.full, pytest.mark.timeout(120, func_only=True)]

_FILTERED = """
import json, socket, struct
with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as sock:
    only = struct.pack("=II", 0x123, socket.CAN_EFF_FLAG | socket.CAN_RTR_FLAG | socket.CAN_SFF_MASK)
    sock.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, only)
    sock.bind(("can1",))
    print("bound")
    raw = sock.recv(16)
    can_id, length = struct.unpack_from("=IB", raw)
    print(json.dumps([can_id, raw[8:8 + length].hex()]))
"""

_OWNER = """
from rig.machine import Rig
machine = Rig()
print(machine.pid, flush=True)
machine.run(["sleep", "60"])
"""


def test_boots_debians_kernel_and_not_the_hosts(rig: Rig) -> None:
    version = Path("/proc/version").read_text()
    inside = rig.run(["cat", "/proc/version"], check=True).stdout
    assert "debian-kernel" in inside
    assert inside != version


def test_a_command_gives_code_output_and_errors(rig: Rig) -> None:
    done = rig.run(["sh", "-c", "echo ü; echo worse >&2; exit 3"])
    assert (done.returncode, done.stdout, done.stderr) == (3, "ü\n", "worse\n")


def test_output_of_any_size_arrives(rig: Rig) -> None:
    done = rig.run(["seq", "100000"])
    assert done.stdout.split() == [str(number) for number in range(1, 100_001)]


def test_a_command_that_is_not_there(rig: Rig) -> None:
    done = rig.run(["no-such-command"])
    assert done.returncode == 127
    assert "no-such-command" in done.stderr


def test_a_command_that_must_succeed(rig: Rig) -> None:
    with pytest.raises(RigError, match="No such file"):
        rig.run(["cat", "/nowhere"], check=True)


def test_a_command_that_takes_too_long_is_killed(rig: Rig) -> None:
    with pytest.raises(TimeoutError, match="begun"):
        rig.run(["sh", "-c", "echo begun; exec sleep 61.25"], timeout_s=2)
    assert "61.25" not in rig.run(["busybox", "ps"], check=True).stdout


def test_a_process_can_be_watched_and_signalled(rig: Rig) -> None:
    process = rig.start(["sh", "-c", "trap 'echo bye; exit 4' TERM; echo hello; while true; do sleep 0.01; done"])
    process.wait_for("hello")
    assert process.returncode is None
    process.signal(signal.SIGTERM)
    assert process.wait() == 4
    assert process.stdout == "hello\nbye\n"


def test_a_killed_process_says_so(rig: Rig) -> None:
    assert rig.start(["sleep", "60"]).kill() == -signal.SIGKILL


def test_the_checkout_is_there_and_stays_as_it_is(rig: Rig) -> None:
    written = CHECKOUT / "written-inside"
    rig.run(["sh", "-c", "test -f pyproject.toml && touch written-inside && test -e written-inside"], check=True)
    assert not written.exists()


def test_our_python_runs_inside_with_our_packages(rig: Rig) -> None:
    done = rig.run([PYTHON, "-c", "import can, hardshoulder; print(hardshoulder.__file__)"], check=True)
    assert done.stdout.strip() == str(CHECKOUT / "daemon" / "hardshoulder" / "__init__.py")


def test_can_controllers_are_active_at_our_bit_rate(rig: Rig, can_pair: tuple[str, str]) -> None:
    for interface in can_pair:
        done = rig.run(["ip", "-details", "-json", "link", "show", interface], check=True)
        [link] = json.loads(done.stdout)
        data = link["linkinfo"]["info_data"]
        assert (data["state"], data["bittiming"]["bitrate"]) == ("ERROR-ACTIVE", 500_000)


@pytest.mark.usefixtures("can_pair")
def test_frames_cross_the_bus(rig: Rig) -> None:
    with Witness(rig, "can1") as witness:
        for frame in ("123#0102", "1ABCDEF0#", "7FF#1122334455667788"):
            rig.run(["cansend", "can0", frame], check=True)
        seen = witness.wait_for(3)
    assert [(entry.interface, entry.frame) for entry in seen] == [
        ("can1", "123#0102"),
        ("can1", "1ABCDEF0#"),
        ("can1", "7FF#1122334455667788"),
    ]


@pytest.mark.usefixtures("can_pair")
def test_the_kernel_stamps_a_frame_when_it_comes_and_not_when_it_is_read(rig: Rig) -> None:
    with Witness(rig, "can1") as witness:
        witness.process.signal(signal.SIGSTOP)
        done = rig.run(["sh", "-c", "date +%s.%N; cansend can0 123#; date +%s.%N; sleep 0.2"], check=True)
        witness.process.signal(signal.SIGCONT)
        [seen] = witness.wait_for(1)
    before_s, after_s = map(float, done.stdout.split())
    assert before_s - 1e-6 <= seen.at_s <= after_s


def test_frames_cross_the_virtual_bus(rig: Rig, vcan0: str) -> None:
    with Witness(rig, vcan0) as witness:
        rig.run(["cansend", vcan0, "321#AA"], check=True)
        [seen] = witness.wait_for(1)
    assert (seen.interface, seen.frame) == ("vcan0", "321#AA")


@pytest.mark.usefixtures("can_pair")
def test_an_interface_goes_down_and_comes_up(rig: Rig) -> None:
    send = ["cansend", "can0", "123#"]
    rig.run(["ip", "link", "set", "can0", "down"], check=True)
    assert "Network is down" in rig.run(send).stderr
    rig.run(["ip", "link", "set", "can0", "up"], check=True)
    with Witness(rig, "can1") as witness:
        rig.run(send, check=True)
        witness.wait_for(1)


@pytest.mark.usefixtures("can_pair")
def test_a_raw_socket_in_the_guests_python_filters(rig: Rig) -> None:
    receiver = rig.start([PYTHON, "-c", _FILTERED])
    receiver.wait_for("bound")
    for frame in ("124#01", "00000123#02", "123#R", "123#03"):
        rig.run(["cansend", "can0", frame], check=True)
    assert receiver.wait() == 0
    assert json.loads(receiver.stdout.splitlines()[-1]) == [0x123, "03"]


def test_a_machine_that_stops_says_so_and_leaves_nothing_behind() -> None:
    with Rig() as machine:
        pid = machine.pid
        assert _command_line(pid).startswith("qemu-system")
        with pytest.raises(RigError, match="has stopped"):
            machine.run(["sh", "-c", "echo b >/proc/sysrq-trigger; sleep 60"])
        with pytest.raises(RigError, match="has stopped"):
            machine.run(["true"])
    assert _command_line(pid) == ""


def test_a_machine_dies_with_its_owner() -> None:
    """Even with one that is killed and cannot tidy up."""
    with subprocess.Popen([PYTHON, "-c", _OWNER], cwd=CHECKOUT / "tests", stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert _command_line(pid).startswith("qemu-system")
        owner.kill()
    deadline = time.monotonic() + 10
    while _command_line(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _command_line(pid: int) -> str:
    """Nothing for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""
