"""The web of the fleet, put together."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from hardshoulder_fleet.assistance.interface import Assistance
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.links import LinkError, Links
from hardshoulder_fleet.web.driver import DriversPage, drivers_routes, link_refused
from hardshoulder_fleet.web.guard import Guard
from hardshoulder_fleet.web.hooks import hook_routes
from hardshoulder_fleet.web.operator import Bell, OperatorsList, operators_routes
from hardshoulder_fleet.web.pages import STATIC
from hardshoulder_fleet.web.refusals import not_served, not_understood
from hardshoulder_fleet.web.settings import WebSettings

__all__ = ["WebSettings", "create_app"]


def create_app(desk: Desk, links: Links, assistance: Assistance, settings: WebSettings) -> FastAPI:
    """The application. Serve it without an access log: a driver's address is her key."""
    bell = Bell()
    desk.listen(bell.ring)
    # No redirect for a slash too many: it would repeat the driver's key, at whatever host the request names.
    app = FastAPI(title="Hardshoulder fleet", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(drivers_routes(DriversPage(desk, links, assistance, settings)))
    app.include_router(operators_routes(OperatorsList(desk, links, settings, bell)))
    app.include_router(hook_routes(desk, settings))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(LinkError, link_refused)
    app.add_exception_handler(RequestValidationError, not_understood)
    app.add_exception_handler(HTTPException, not_served)
    app.add_middleware(Guard, settings=settings)
    return app
