"""Makes pages of templates; everything a template shows is escaped."""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from hardshoulder_fleet.messages import EMERGENCY_NUMBER

_FOLDER = Path(__file__).parent

STATIC = _FOLDER / "static"


def _clock_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%H:%M:%S")


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock_time"] = _clock_time
    environment.filters["minute"] = _minute
    environment.globals["emergency_number"] = EMERGENCY_NUMBER
    return environment


_TEMPLATES = _environment()


def text_of(template: str, **values: object) -> str:
    """A template's HTML, for a page or a piece of one."""
    return _TEMPLATES.get_template(template).render(**values)


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A whole page."""
    return HTMLResponse(text_of(template, **values), status)


def error_page(status: int, sentence: str, back: str | None = None) -> HTMLResponse:
    """What went wrong in words, the way back, and the emergency number whatever it was."""
    return page("error.html", status, sentence=sentence, back=back)
