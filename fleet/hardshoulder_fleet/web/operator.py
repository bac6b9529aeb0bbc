"""The operator's list and one incident's whole story; the list renews itself by server-sent events."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hardshoulder_fleet.core.checkin import NEEDS_A_PERSON, CallOff, CheckIn
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk
from hardshoulder_fleet.links import Links
from hardshoulder_fleet.web import words
from hardshoulder_fleet.web.pages import as_path_step, error_page, page, text_of
from hardshoulder_fleet.web.settings import WebSettings
from hardshoulder_fleet.web.tracks import draw

COOKIE = "operator"
LOOK_EVERY_S = 0.05
HEARTBEAT_S = 15.0

# The form on the list's side names no incident of a driver.
_DONE = "done:"


class Bell:
    """Counts the changes, so that a hundred open lists cost no query while nothing happens."""

    def __init__(self) -> None:
        self.rings = 0

    def ring(self) -> None:
        """Something has changed. Two at once may count as one: whoever looks afterwards sees both."""
        self.rings += 1


@dataclass(frozen=True, slots=True)
class OperatorsList:
    """Everything behind the routes."""

    desk: Desk
    links: Links
    settings: WebSettings
    bell: Bell

    def admits(self, request: Request) -> bool:
        """Whether the request comes from an operator."""
        token = self.settings.operator_token
        if token is None:
            return True
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return _same(shown, token) or _same(request.cookies.get(COOKIE, ""), _cookie_value(token))

    def board(self) -> str:
        """The list as HTML, for the page and for every event."""
        now = self.settings.clock()
        views = self.desk.board(now)
        silent = [view for view in views if words.is_merely_silent(view)]
        heard = [view for view in views if not words.is_merely_silent(view)]
        return text_of(
            "board.html",
            now=now,
            words=words,
            outage=self.desk.outage(),
            urgent=[view for view in heard if view.state in NEEDS_A_PERSON],
            running=[view for view in heard if view.state not in NEEDS_A_PERSON and view.state is not CheckIn.CLOSED],
            silent=silent,
            waiting=sum(view.state in NEEDS_A_PERSON for view in views),
            closed=[view for view in heard if view.state is CheckIn.CLOSED],
        )

    def show(self) -> Response:
        """The list's page."""
        return page("operator.html", board=self.board())

    def incident(self, incident_id: str) -> Response:
        """One incident's page."""
        view, now = self.desk.view(incident_id), self.settings.clock()
        if view is None:
            return error_page(404, "There is no such incident.", "/operator")
        form = self.links.make_form(_DONE + incident_id, now)
        urgent = view.state in NEEDS_A_PERSON and not words.is_merely_silent(view)
        tow = view.tow if view.tow and not view.tow.ended else None
        return page(
            "incident.html",
            view=view,
            tracks=[draw(track) for track in self.desk.tracks(incident_id)],
            state=view.state.name,
            urgent=urgent,
            now=now,
            words=words,
            zone=self.settings.time_zone,
            form=form,
            calling_off=tow is not None and tow.called_off is not None and not tow.refusal,
            still_comes=tow is not None and bool(tow.refusal),
            tow_open=tow is not None,
        )

    def done(self, incident_id: str, form: str, note: str, tow: int | None) -> Response:
        """A person says that this is over. tow: the one on its way as the button said it, 0 for none."""
        now = self.settings.clock()
        self.links.check_form(form, _DONE + incident_id, now)
        view = self.desk.view(incident_id)
        if view is None:
            return error_page(404, "There is no such incident.", "/operator")
        if tow is not None and tow != _tow_on_its_way(view):
            # Closing calls off a tow, and she did not see that there is one.
            sentence = "The tow has changed since you looked. Nothing was closed. Please look again."
            return error_page(409, sentence, _address(incident_id))
        self.desk.operator_done(incident_id, note.strip(), now)
        return RedirectResponse("/operator", 303)

    def call_off(self, incident_id: str, form: str, tow: int) -> Response:
        """A person calls the tow off and stays at the incident. tow: the one that was shown."""
        now = self.settings.clock()
        self.links.check_form(form, _DONE + incident_id, now)
        if self.desk.view(incident_id) is None:
            return error_page(404, "There is no such incident.", "/operator")
        self.desk.call_off(incident_id, CallOff.OPERATOR, now, tow)
        return RedirectResponse(_address(incident_id), 303)

    def sign_in(self, token: str, secure: bool) -> Response:
        """Exchanges the token for a cookie that holds only its digest."""
        wanted = self.settings.operator_token
        if wanted is None or not _same(token, wanted):
            return page("sign_in.html", 401, wrong=True)
        response = RedirectResponse("/operator", 303)
        response.set_cookie(COOKIE, _cookie_value(wanted), httponly=True, samesite="strict", secure=secure)
        return response

    async def events(self) -> AsyncIterator[str]:
        """The list at once, again after every change, and at every heartbeat, because ages grow by themselves."""
        loop = asyncio.get_running_loop()
        while not self.settings.stopping():
            seen, sent_at = self.bell.rings, loop.time()
            yield _event("board", await run_in_threadpool(self.board))
            while seen == self.bell.rings and loop.time() < sent_at + HEARTBEAT_S and not self.settings.stopping():
                await asyncio.sleep(LOOK_EVERY_S)
            yield ": heartbeat\n\n"


def operators_routes(operators_list: OperatorsList) -> APIRouter:
    """The routes below /operator; plain functions, which FastAPI runs in threads."""
    router = APIRouter()

    @router.get("/operator")
    def show(request: Request) -> Response:
        return operators_list.show() if operators_list.admits(request) else page("sign_in.html", 401, wrong=False)

    @router.post("/operator/sign-in")
    def sign_in(request: Request, token: Annotated[str, Form(max_length=256)] = "") -> Response:
        return operators_list.sign_in(token, request.url.scheme == "https")

    @router.get("/operator/events")
    async def events(request: Request) -> Response:
        if not operators_list.admits(request):
            return error_page(401, "Please sign in first.", "/operator")
        return StreamingResponse(operators_list.events(), media_type="text/event-stream")

    router.include_router(_incidents_routes(operators_list))
    return router


def _incidents_routes(operators_list: OperatorsList) -> APIRouter:
    """Below a step of their own, so that no name of an incident leads to another page."""
    router = APIRouter()

    @router.get("/operator/incident/{incident_id:path}")
    def incident(request: Request, incident_id: str) -> Response:
        if not operators_list.admits(request):
            return page("sign_in.html", 401, wrong=False)
        return operators_list.incident(incident_id)

    @router.post("/operator/incident/{incident_id:path}/done")
    def done(
        request: Request,
        incident_id: str,
        form: Annotated[str, Form(max_length=1024)],
        note: Annotated[str, Form(max_length=1000)] = "",
        tow: Annotated[int | None, Form()] = None,
    ) -> Response:
        if not operators_list.admits(request):
            return error_page(401, "Please sign in first.", "/operator")
        return operators_list.done(incident_id, form, note, tow)

    @router.post("/operator/incident/{incident_id:path}/call-off")
    def call_off(
        request: Request,
        incident_id: str,
        form: Annotated[str, Form(max_length=1024)],
        tow: Annotated[int, Form()],
    ) -> Response:
        if not operators_list.admits(request):
            return error_page(401, "Please sign in first.", "/operator")
        return operators_list.call_off(incident_id, form, tow)

    return router


def _tow_on_its_way(view: CheckInView) -> int:
    return view.tow.number if view.tow and not view.tow.ended else 0


def _address(incident_id: str) -> str:
    return f"/operator/incident/{as_path_step(incident_id)}"


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode(), wanted.encode())


def _cookie_value(token: str) -> str:
    return hmac.new(token.encode(), b"hardshoulder-fleet operator", sha256).hexdigest()


def _event(name: str, text: str) -> str:
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
