"""Whether a workshop's tester is at work on the bus: then nothing is judged.

Sources: ISO 14229-1 (the services that change what a control unit does), ISO 14229-2 (a session ends 5 s
after the last request, S3Server), ISO 15765-2 (where the service stands in a frame). Reading data and
fault memories goes on in any car with a plug in its socket, and changes nothing.
"""

from math import inf

from hardshoulder.core.frame import Frame
from hardshoulder.core.plan import CarPlan

SESSION_S = 5.0

_DEFAULT_SESSION = 0x01
_SESSION_CONTROL = 0x10
_SERVICES = frozenset({_SESSION_CONTROL, 0x11, 0x27, 0x28, 0x2E, 0x2F, 0x31, 0x34, 0x35, 0x36, 0x3E, 0x85})
"""Session control, reset, security access, communication control, writing, actuator tests, routines,
down- and upload, tester present, and switching fault memories off."""


def _request(data: bytes) -> bytes:
    """The beginning of the request in a single or first frame; empty for any other."""
    kind = data[0] >> 4 if data else -1
    if kind == 0:
        return data[1 : 1 + (data[0] & 0x0F)]
    return data[2:] if kind == 1 else b""


def opens_session(data: bytes) -> bool:
    """Whether this request makes control units do something else than drive."""
    request = _request(data)
    if not request or request[0] not in _SERVICES:
        return False
    default = len(request) > 1 and request[1] & 0x7F == _DEFAULT_SESSION
    return request[0] != _SESSION_CONTROL or not default


class Workshop:
    """Listens for a tester."""

    def __init__(self, plan: CarPlan) -> None:
        self.wanted = frozenset(plan.workshop)
        self.until_s = -inf

    def hears(self, frame: Frame, at_s: float) -> bool:
        """Takes a frame; True when it is a request that keeps a session open."""
        if (frame.bus, frame.can_id) not in self.wanted or not opens_session(frame.data):
            return False
        self.until_s = at_s + SESSION_S
        return True

    def at_work(self, now_s: float) -> bool:
        """Whether a session is open."""
        return now_s < self.until_s
