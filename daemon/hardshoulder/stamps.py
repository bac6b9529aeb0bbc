"""Stamps from before the wall clock was set, corrected when it is: the same event, with all its times moved."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from hardshoulder.wire import IncidentEvent, WireError, encode, parse_event


def corrected(payload: bytes, by_s: float) -> bytes:
    """The incident event with every time moved by so many seconds, under the same id.

    Times within one event keep their distances: all of them come from the monotonic clock. Raises WireError for what
    is no incident event, or whose times would leave the calendar.
    """
    event = parse_event(payload)
    if not isinstance(event, IncidentEvent):
        raise WireError(f"{event.type} tells no incident.")
    try:
        moved = _moved(event, timedelta(seconds=by_s))
    except OverflowError:
        raise WireError(f"The times of {event.id} cannot be moved by {by_s:g} s.") from None
    data = moved.data.model_copy(update={"clock_trusted": True, "clock_corrected_by_s": by_s})
    return encode(moved.model_copy(update={"data": data}))


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + by
    if isinstance(value, tuple):
        return tuple(_moved(item, by) for item in value)
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _moved(held, by) for name, held in value})
    return value
