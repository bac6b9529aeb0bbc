"""The web of the fleet, put together."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from hardshoulder_fleet.assistance.interface import Assistance
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.links import LinkError, Links
from hardshoulder_fleet.web.driver import DriversPage, drivers_routes, link_refused
from hardshoulder_fleet.web.guard import Guard
from hardshoulder_fleet.web.hooks import hook_routes
from hardshoulder_fleet.web.operator import Bell, OperatorsList, operators_routes
from hardshoulder_fleet.web.pages import STATIC, error_page
from hardshoulder_fleet.web.settings import WebSettings

__all__ = ["WebSettings", "create_app"]

_SENTENCES = {
    404: "There is no such page.",
    405: "This page cannot do that.",
}


def create_app(desk: Desk, links: Links, assistance: Assistance, settings: WebSettings) -> FastAPI:
    """The application. Serve it without an access log: a driver's address is her key."""
    bell = Bell()
    desk.listen(bell.ring)
    app = FastAPI(title="Hardshoulder fleet", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(drivers_routes(DriversPage(desk, links, assistance, settings)))
    app.include_router(operators_routes(OperatorsList(desk, links, settings, bell)))
    app.include_router(hook_routes(desk, settings))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(LinkError, link_refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_middleware(Guard)
    return app


def _not_understood(_request: Request, _error: Exception) -> Response:
    return error_page(422, "Something was missing. Please go back and tap again.")


def _no_page(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_page(error.status_code, _SENTENCES.get(error.status_code, "This page cannot be shown."))
