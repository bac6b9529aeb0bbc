"""The driver's page. Looking changes nothing; each tap is a form that is answered with a redirect to the page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote as escaped

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from hardshoulder_fleet.assistance.interface import Assistance, NoHelp
from hardshoulder_fleet.core.checkin import CallOff, CheckIn, Happening, Tow
from hardshoulder_fleet.core.views import CheckInView, Quote
from hardshoulder_fleet.desk import Desk, DeskError
from hardshoulder_fleet.links import LinkError, LinkFault, Links
from hardshoulder_fleet.messages import headline
from hardshoulder_fleet.web import words
from hardshoulder_fleet.web.pages import error_page, page
from hardshoulder_fleet.web.settings import WebSettings

ANSWERS = {"safe": Happening.SAYS_SAFE, "tow": Happening.WANTS_TOW, "emergency": Happening.SAYS_EMERGENCY}

_NOTHING_ORDERED = {
    "changed": "The price or its terms have changed in the meantime. Nothing was ordered. Please look again.",
    "late": "Things have changed since this price was shown. Nothing was ordered. Please look again.",
    "none": "No towing price can be had right now. Nothing was ordered.",
}
_ONE_IS_ENOUGH = {"one": "You have a tow already. A second one was not ordered."}
_REFRESH_S = {CheckIn.TOW_ORDERED: 5, CheckIn.TOW_WANTED: 20, CheckIn.CLOSED: 60}
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
        quote = _offered(view, now)
        consent = words.consent_text(quote, self.settings.time_zone) if quote else ""
        return page(
            "driver.html",
            view=view,
            state=view.state.name,
            base=_base(token),
            form=self.links.make_form(view.incident_id, now),
            note=_note(view, note),
            headline=headline(view),
            noticed=words.noticed(view),
            told=words.told_to_her(view),
            lamps=words.lamps(view),
            to_do=words.what_to_do(view),
            place=words.place(view),
            last_heard_doing=words.last_heard_doing(view),
            quote=quote,
            consent=consent,
            consent_mark=words.mark_of(consent),
            time_left=words.time_left(quote.valid_until, now) if quote else "",
            arrival=words.arrival(view.tow, view.quote, now) if view.tow else None,
            tow_open=view.tow is not None and not view.tow.ended,
            may_call_off=_may_call_off(view),
            tow_says=words.tow_says(view.tow) if view.tow else "",
            ago=lambda time: words.ago(time, now),
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

    def order(self, token: str, form: str, quote_id: str, shown: str) -> Response:
        """The explicit yes to the price that was shown. shown: the mark of the words it was shown with."""
        now = self.settings.clock()
        view = self._view(token, now)
        self.links.check_form(form, view.incident_id, now)
        if view.quote is None or view.quote.quote_id != quote_id:
            return _to(token, "one" if _on_its_way(view) else "changed")
        consent = words.consent_text(view.quote, self.settings.time_zone)
        if shown != words.mark_of(consent) and not _on_its_way(view):
            return _to(token, "changed")
        try:
            self.desk.order(view.incident_id, quote_id, consent, now)
        except DeskError:
            return _to(token, "late")
        return _to(token)

    def ask_call_off(self, token: str) -> Response:
        """The first of two steps: what calling off means, and nothing is changed."""
        now = self.settings.clock()
        view = self._view(token, now)
        if view.tow is None or not _may_call_off(view):
            return _to(token)
        return page(
            "call_off.html",
            view=view,
            base=_base(token),
            form=self.links.make_form(view.incident_id, now),
            arrival=words.arrival(view.tow, view.quote, now),
            tow_says=words.tow_says(view.tow),
        )

    def call_off(self, token: str, form: str, tow: int) -> Response:
        """The second step. tow: the one that was shown; another one is left alone."""
        now = self.settings.clock()
        view = self._view(token, now)
        self.links.check_form(form, view.incident_id, now)
        self.desk.call_off(view.incident_id, CallOff.DRIVER, now, tow)
        return _to(token)

    def _view(self, token: str, now: datetime) -> CheckInView:
        view = self.desk.view(self.links.read(token, now))
        if view is None:
            raise LinkError(LinkFault.FORGED)
        return view

    def _has_price(self, view: CheckInView, now: datetime) -> bool:
        """Asks for a price unless there is one that holds. False: none can be had, and a person is called."""
        if _offered(view, now):
            return True
        try:
            quote = self.assistance.quote(view.incident_id, view.latitude, view.longitude, view.vehicle, view.kind)
        except NoHelp as error:
            return not self.desk.no_price(view.incident_id, str(error), self.settings.clock())
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
    def order(token: str, form: Text, quote_id: Text, shown: Text = "") -> Response:
        return drivers_page.order(token, form, quote_id, shown)

    @router.api_route("/c/{token}/call-off", methods=["GET", "HEAD"])
    def ask_call_off(token: str) -> Response:
        return drivers_page.ask_call_off(token)

    @router.post("/c/{token}/call-off")
    def call_off(token: str, form: Text, tow: Annotated[int, Form()]) -> Response:
        return drivers_page.call_off(token, form, tow)

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


def _offered(view: CheckInView, now: datetime) -> Quote | None:
    """A price that she may still say yes to."""
    if view.quote is None or view.quote.valid_until <= now or _on_its_way(view):
        return None
    return view.quote


def _on_its_way(view: CheckInView) -> bool:
    return view.tow is not None and not view.tow.ended


def _may_call_off(view: CheckInView) -> bool:
    """Not twice, and not when the truck is there: its driver is the one to speak to then."""
    tow = view.tow
    if tow is None or tow.ended or tow.state is Tow.ON_SITE or view.state is CheckIn.CLOSED:
        return False
    return tow.called_off is None


def _note(view: CheckInView, name: str) -> str:
    """What the last tap did not do. An address may still carry a note that is not true any more."""
    if _on_its_way(view):
        return _ONE_IS_ENOUGH.get(name, "")
    return "" if view.tow and view.tow.unsettled else _NOTHING_ORDERED.get(name, "")
