"""The file-descriptor store, against a manager that speaks as systemd does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hardshoulder.edge.descriptors import DescriptorStore

TAKES = """
import os
from hardshoulder.edge.descriptors import DescriptorStore
store = DescriptorStore()
kept = store.take("hazards-can0")
print(os.read(kept, 9).decode(), os.get_inheritable(kept), store.take("hazards-can0"), store.take("other"))
store.clear()
print(sorted(key for key in os.environ if key.startswith("LISTEN_")))
try:
    os.fstat(4)
except OSError:
    print("closed")
"""


class Manager:
    """What is told to a service manager: its words, and the descriptors that came with them."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(5)

    def told(self) -> tuple[str, list[int]]:
        text, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
        return text.decode(), list(descriptors)

    def close(self) -> None:
        self._socket.close()


def test_a_descriptor_is_left_under_its_name_in_the_place_of_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    store = DescriptorStore()
    read_end, write_end = os.pipe()
    store.leave("hazards-can0", read_end)
    assert manager.told() == ("FDSTOREREMOVE=1\nFDNAME=hazards-can0", [])
    text, [copy] = manager.told()
    assert text == "FDSTORE=1\nFDNAME=hazards-can0"
    os.write(write_end, b"the same")
    assert os.read(copy, 9) == b"the same"
    for descriptor in (read_end, write_end, copy):
        os.close(descriptor)
    manager.close()


@pytest.mark.parametrize("address", ["", "{folder}/nobody", "@nobody-listens-{folder}"])
def test_without_a_manager_nothing_is_left_and_nothing_fails(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address.format(folder=tmp_path))
    store = DescriptorStore()
    store.leave("hazards-can0", 0)
    store.forget("hazards-can0")
    assert store.take("hazards-can0") is None


def test_what_was_left_is_taken_once_and_no_child_inherits_it(tmp_path: Path) -> None:
    """Descriptor 3 as systemd hands it over; of two with one name the later counts, and nobody's is closed."""
    (tmp_path / "kept").write_text("from then")
    (tmp_path / "old").write_text("too old")
    start = f'LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=hazards-can0:nobodys:hazards-can0 exec {sys.executable} -c "$0"'
    files = f"3<{tmp_path / 'old'} 4<{tmp_path / 'old'} 5<{tmp_path / 'kept'}"
    done = subprocess.run(["sh", "-c", f"{start} {files}", TAKES], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["from then False None None", "[]", "closed"]


def test_what_was_left_for_somebody_else_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "hazards-can0"}.items():
        monkeypatch.setenv(key, value)
    assert DescriptorStore().take("hazards-can0") is None
    assert "LISTEN_FDS" not in os.environ
