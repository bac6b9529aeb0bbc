"""The way to the service manager: the socket of systemd's sd_notify(3)."""

import socket


def connected(address: str) -> socket.socket | None:
    """A socket to this address: a path, or `@` and an abstract name. None: there is none, or nobody is there."""
    if address[:1] not in ("/", "@"):
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        line.connect("\0" + address[1:] if address[0] == "@" else address)
    except OSError:
        line.close()
        return None
    return line
