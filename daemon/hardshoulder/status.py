"""`hardshoulder status`: asks the running daemon over its local socket, and tells a person or a program."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from hardshoulder.config import find_status_socket
from hardshoulder.edge.status_socket import reachable
from hardshoulder.errors import UserError

WITHIN_S = 5.0
HANGS_AFTER_S, HANGS_ASLEEP_AFTER_S = 5.0, 60.0
"""A loop that has not gone round for so long; it does so each second at least."""


class _Local(http.client.HTTPConnection):
    """HTTP to a socket that is a file."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=WITHIN_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with reachable(self._path) as name:
            self.sock.connect(name)


def ask(path: Path, page: str) -> str:
    """What the daemon answers. Raises UserError when there is none, or it says nothing."""
    connection = _Local(path)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        text = response.read().decode()
    except PermissionError:
        raise UserError(f"{path}: you may not ask; ask as root or as a member of the daemon's group") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise UserError(f"{path}: no daemon answers here; start it with: hardshoulder run --config FILE") from None
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the daemon does not answer: {error}; look into its log") from None
    finally:
        connection.close()
    if response.status != 200:
        raise UserError(f"{path}: the daemon answers {response.status}: {text.strip()}; ask again")
    return text


def status(config: Path, *, as_json: bool, metrics: bool) -> int:
    """Prints it; returns 1 when the daemon's loop hangs or the car is not watched, else 0."""
    path = find_status_socket(config)
    if metrics:
        print(ask(path, "/metrics"), end="")
        return 0
    told: dict[str, Any] = json.loads(ask(path, "/status"))
    hangs = told["turned_s_ago"] > (HANGS_ASLEEP_AFTER_S if told.get("power") == "asleep" else HANGS_AFTER_S)
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(_lines(told, hangs=hangs)))
    return 1 if hangs else 0


def _lines(told: dict[str, Any], *, hangs: bool) -> list[str]:
    buses = [f"{name} {'up' if up else 'down'}" for name, up in told["buses"].items()]
    turned = f"hangs: its loop went round {told['turned_s_ago']:g} s ago" if hangs else "watches"
    lines = [
        f"vehicle   {told['vehicle']}, mode {told['mode']}",
        f"daemon    {turned}; process {told['process']}, up for {told['uptime_s']:g} s",
        f"state     {told['state']}, health {told['health']}",
        f"buses     {', '.join(buses) or 'none'}",
        f"power     {told.get('power', 'awake')}",
        f"broker    {'connected' if told['broker_connected'] else 'not connected'}",
        f"outbox    {told['outbox']} alerts wait for the fleet's acknowledgement",
        f"incident  {_incident(told['last_incident'])}",
        f"versions  hardshoulder {told['software']}, profile {told['profile']} ({told['profile_digest'][:12]}), "
        f"ruleset {told['ruleset']}",
    ]
    counts = {**told["bus_errors"], **told["invalid_frames"]}
    if told["missing"]:
        lines.append(f"missing   {', '.join(told['missing'])}")
    if counts:
        lines.append(f"refused   {', '.join(f'{name} {count}' for name, count in counts.items())}")
    return lines


def _incident(last: dict[str, Any] | None) -> str:
    if last is None:
        return "none since the start"
    told = f"{last['incident_id']}, {last['kind']}, {last['state']}, hazards {last['hazards']}"
    return f"{'open' if last['open'] else 'closed'}: {told}"
