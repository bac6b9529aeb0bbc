"""What somebody is told whose request cannot be served: a page for people, JSON for programs, a sentence for both."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote as escaped

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from hardshoulder_fleet.web.pages import error_page

_PROGRAMS = "/hooks/"
_FORMS = ("/c/", "/operator/")

_SENTENCES = {
    400: "This form cannot be read; nothing was changed. Please go back and try again.",
    404: "There is no such page.",
    405: "This page cannot do that.",
}
_INCOMPLETE = "This form is not complete; nothing was changed. Please go back and try again."
# What people write themselves; whatever else is in a form comes from the page.
_WRITTEN = {"note": "The note", "token": "The token"}


def refusal(scope: Mapping[str, Any], status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to this request. scope: as ASGI has it."""
    path: str = scope["path"]
    answer: Response
    if path.startswith(_PROGRAMS):
        answer = JSONResponse({"detail": sentence}, status)
    else:
        answer = error_page(status, sentence, _page_of(path) if scope["method"] == "POST" else None)
    answer.headers.update(headers or {})
    return answer


def not_understood(request: Request, error: Exception) -> Response:
    """For a form that lacks a field, or holds one that cannot be."""
    assert isinstance(error, RequestValidationError)
    return refusal(request.scope, 422, _wrong(error.errors()))


def not_served(request: Request, error: Exception) -> Response:
    """For whatever the framework refuses: no such page, not this way, no form at all."""
    assert isinstance(error, HTTPException)
    sentence = _SENTENCES.get(error.status_code, "This page cannot be shown.")
    return refusal(request.scope, error.status_code, sentence, error.headers)


def _wrong(problems: Sequence[Any]) -> str:
    """What is wrong with what a person wrote, or else with the form."""
    for problem in problems:
        field = _WRITTEN.get(str(problem["loc"][-1]))
        if field and problem["type"] == "string_too_long":
            return f"{field} is longer than {problem['ctx']['max_length']} characters; nothing was changed."
    return _INCOMPLETE


def _page_of(path: str) -> str | None:
    """The page that has this form: a form's address is one step below it."""
    if not path.startswith(_FORMS):
        return None
    return escaped(path.rstrip("/").rpartition("/")[0])
