"""Makes pages of templates; everything a template shows is escaped."""

from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from hardshoulder_fleet.config import EMERGENCY_NUMBER

_FOLDER = Path(__file__).parent

STATIC = _FOLDER / "static"

emergency_number: ContextVar[str] = ContextVar("emergency_number", default=EMERGENCY_NUMBER)
"""What the page that is being made tells people to call; the guard sets it for each request."""

time_zone: ContextVar[tzinfo] = ContextVar("time_zone", default=UTC)
"""In which it tells times; set likewise."""


def _local(time: datetime) -> datetime:
    """In the time zone of the pages. A car whose clock is wrong may say a time that leaves the calendar there."""
    try:
        return time.astimezone(time_zone.get())
    except OverflowError:
        return time


def _clock_time(time: datetime) -> str:
    return _local(time).strftime("%H:%M:%S")


def _moment(time: datetime) -> str:
    """With its zone, for times that stand alone."""
    return _local(time).strftime("%H:%M:%S %Z")


def _minute(time: datetime) -> str:
    return _local(time).strftime("%Y-%m-%d %H:%M %Z")


def as_path_step(name: str) -> str:
    """A name as one step of an address, whatever is in it."""
    return quote(name, safe="")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock_time"] = _clock_time
    environment.filters["moment"] = _moment
    environment.filters["minute"] = _minute
    environment.filters["path_step"] = as_path_step
    return environment


_TEMPLATES = _environment()


def text_of(template: str, **values: object) -> str:
    """A template's HTML, for a page or a piece of one."""
    return _TEMPLATES.get_template(template).render(emergency_number=emergency_number.get(), **values)


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A whole page."""
    return HTMLResponse(text_of(template, **values), status)


def error_page(status: int, sentence: str, back: str | None = None) -> HTMLResponse:
    """What went wrong in words, the way back, and the emergency number whatever it was."""
    return page("error.html", status, sentence=sentence, back=back)
