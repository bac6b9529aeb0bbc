"""systemd's file-descriptor store: what one start of the daemon leaves for the next (sd_notify(3), sd_listen_fds(3)).

Outside systemd there is no store: nothing is taken, and what is left goes with the process.
"""

import contextlib
import os
import socket

from hardshoulder.edge.manager import connected

_FIRST = 3  # SD_LISTEN_FDS_START


class DescriptorStore:
    """What the last start left, and a place for what the next one shall find."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._taken = _inherited()

    def take(self, name: str) -> int | None:
        """The descriptor that was left under this name, now the caller's; None when there is none, or no more."""
        return self._taken.pop(name, None)

    def leave(self, name: str, descriptor: int) -> None:
        """Keeps a copy for the next start, in the place of what has this name. Names: printable ASCII without `:`."""
        self.forget(name)
        self._tell(f"FDSTORE=1\nFDNAME={name}", [descriptor])

    def forget(self, name: str) -> None:
        """Lets go of what has this name."""
        self._tell(f"FDSTOREREMOVE=1\nFDNAME={name}", [])

    def clear(self) -> None:
        """Lets go of what the last start left and nobody took."""
        for name, descriptor in self._taken.items():
            self.forget(name)
            os.close(descriptor)
        self._taken.clear()

    def _tell(self, text: str, descriptors: list[int]) -> None:
        manager = connected(self._address)
        if manager is None:
            return
        # One that does not listen keeps nothing, and that is all.
        with contextlib.suppress(OSError), manager:
            if descriptors:
                socket.send_fds(manager, [text.encode("ascii")], descriptors)
            else:
                manager.send(text.encode("ascii"))


def _inherited() -> dict[str, int]:
    """By name; no child of ours inherits them, nor the words that tell of them."""
    pid, count, names = (os.environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    taken: dict[str, int] = {}
    for descriptor, name in zip(range(_FIRST, _FIRST + int(count)), names.split(":"), strict=False):
        os.set_inheritable(descriptor, False)
        if name in taken:
            os.close(taken[name])
        taken[name] = descriptor
    return taken
