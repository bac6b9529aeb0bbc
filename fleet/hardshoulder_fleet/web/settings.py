"""What the web has to know besides the desk."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from hardshoulder_fleet.config import EMERGENCY_NUMBER


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class WebSettings:
    """operator_token: what an operator signs in with; None leaves the list open, for one machine alone.

    webhook_secret: shared with the provider. clock: the time, with a time zone.
    stopping: whether the process wants to end; the operators' endless responses end with it.
    emergency_number: what every page tells people to call in danger. time_zone: in which all pages tell times.
    """

    operator_token: str | None
    webhook_secret: bytes
    clock: Callable[[], datetime]
    stopping: Callable[[], bool] = _never
    emergency_number: str = EMERGENCY_NUMBER
    time_zone: tzinfo = UTC
