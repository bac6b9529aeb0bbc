"""The driver's page. Looking changes nothing; each tap is a form that is answered with a redirect to the page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote as escaped

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from hardshoulder_fleet.assistance.interface import Assistance, NoHelp
from hardshoulder_fleet.core.checkin import CheckIn, Happening
from hardshoulder_fleet.core.views import CheckInView
from hardshoulder_fleet.desk import Desk, DeskError
from hardshoulder_fleet.links import LinkError, LinkFault, Links
from hardshoulder_fleet.messages import headline
from hardshoulder_fleet.web import words
from hardshoulder_fleet.web.pages import error_page, page
from hardshoulder_fleet.web.settings import WebSettings

ANSWERS = {"safe": Happening.SAYS_SAFE, "tow": Happening.WANTS_TOW, "emergency": Happening.SAYS_EMERGENCY}

_NOTES = {
    "changed": "The price has changed in the meantime. Nothing was ordered. Please look again.",
    "late": "Things have changed since this price was shown. Nothing was ordered. Please look again.",
    "none": "No towing price can be had right now. Nothing was ordered.",
}
_TOLD_TO_HER = frozenset({"driver", "provider"})
_REFRESH_S = {CheckIn.TOW_ORDERED: 5, CheckIn.TOW_WANTED: 20, CheckIn.CLOSED: 0}
_REFRESH_ELSE_S = 15
_HINT = "Nothing was changed. Please go back to your page and tap again."

Text = Annotated[str, Form(max_length=1024)]


@dataclass(frozen=True, slots=True)
class DriversPage:
    """Everything behind the routes. Calls block, so they are made from threads that may wait."""

    desk: Desk
    links: Links
    assistance: Assistance
    settings: WebSettings

    def show(self, token: str, note: str) -> Response:
        """The page as things stand."""
        now = self.settings.clock()
        view = self._view(token, now)
        quote = view.quote if view.quote and view.quote.valid_until > now else None
        return page(
            "driver.html",
            view=view,
            state=view.state.name,
            base=_base(token),
            form=self.links.make_form(view.incident_id, now),
            # All notes say that nothing was ordered; an address that still carries one may not.
            note=_NOTES.get(note, "") if view.tow is None else "",
            headline=headline(view),
            noticed=words.noticed(view),
            told=[entry for entry in view.story if entry.who in _TOLD_TO_HER],
            lamps=words.lamps(view),
            to_do=words.what_to_do(view),
            place=words.place(view),
            quote=quote,
            consent=words.consent_text(quote) if quote else "",
            minutes_left=words.counted(_minutes(quote.valid_until, now), "minute") if quote else "",
            arrival=words.arrival(view.tow, view.quote, now) if view.tow else "",
            tows=words.TOWS,
            steps=words.TOW_STEPS,
            refresh_s=_REFRESH_S.get(view.state, _REFRESH_ELSE_S),
        )

    def answer(self, token: str, form: str, answer: str) -> Response:
        """One of the three large answers."""
        now = self.settings.clock()
        view = self._view(token, now)
        self.links.check_form(form, view.incident_id, now)
        if answer not in ANSWERS:
            return error_page(422, _HINT, _base(token))
        after = self.desk.answer(view.incident_id, ANSWERS[answer], now)
        if ANSWERS[answer] is Happening.WANTS_TOW and after.state is CheckIn.TOW_WANTED:
            return _to(token, "" if self._has_price(after, now) else "none")
        return _to(token)

    def order(self, token: str, form: str, quote_id: str) -> Response:
        """The explicit yes to the price that was shown."""
        now = self.settings.clock()
        view = self._view(token, now)
        self.links.check_form(form, view.incident_id, now)
        if view.state is not CheckIn.TOW_WANTED:
            return _to(token, "late" if view.tow is None else "")
        if view.quote is None or view.quote.quote_id != quote_id:
            return _to(token, "changed")
        try:
            self.desk.order(view.incident_id, quote_id, words.consent_text(view.quote), now)
        except DeskError:
            # Expired or replaced between two taps: the page itself says which.
            return _to(token)
        return _to(token)

    def _view(self, token: str, now: datetime) -> CheckInView:
        view = self.desk.view(self.links.read(token, now))
        if view is None:
            raise LinkError(LinkFault.FORGED)
        return view

    def _has_price(self, view: CheckInView, now: datetime) -> bool:
        """Asks for a price unless there is one that holds. False: none can be had, and a person is called."""
        if view.quote and view.quote.valid_until > now:
            return True
        try:
            quote = self.assistance.quote(view.incident_id, view.latitude, view.longitude, view.vehicle, view.kind)
        except NoHelp as error:
            # Another tab may have ordered while this one waited: a price that cannot be had ends no order.
            now_view = self.desk.view(view.incident_id)
            if now_view is not None and now_view.state is CheckIn.TOW_WANTED:
                self.desk.no_help(view.incident_id, str(error), self.settings.clock())
                return False
            return True
        self.desk.keep_quote(view.incident_id, quote, self.settings.clock())
        return True


def drivers_routes(drivers_page: DriversPage) -> APIRouter:
    """The routes below /c; plain functions, which FastAPI runs in threads."""
    router = APIRouter()

    @router.api_route("/c/{token}", methods=["GET", "HEAD"])
    def show(token: str, note: str = "") -> Response:
        return drivers_page.show(token, note)

    @router.post("/c/{token}/answer")
    def answer(token: str, form: Text, answer: Text) -> Response:
        return drivers_page.answer(token, form, answer)

    @router.post("/c/{token}/order")
    def order(token: str, form: Text, quote_id: Text) -> Response:
        return drivers_page.order(token, form, quote_id)

    return router


def link_refused(request: Request, error: Exception) -> Response:
    """The page for a link or a form that opens nothing."""
    assert isinstance(error, LinkError)
    if request.method == "POST":
        token = request.path_params.get("token")
        return error_page(403, _HINT, _base(token) if token else "/operator")
    return error_page(410 if error.kind is LinkFault.EXPIRED else 404, str(error))


def _base(token: str) -> str:
    return f"/c/{escaped(token, safe='')}"


def _to(token: str, note: str = "") -> RedirectResponse:
    """See other: reloading the page afterwards must not send the answer again."""
    return RedirectResponse(_base(token) + (f"?note={note}" if note else ""), 303)


def _minutes(until: datetime, now: datetime) -> int:
    return max(1, int((until - now).total_seconds()) // 60)
