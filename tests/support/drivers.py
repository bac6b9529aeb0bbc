"""A driver and an operator before the fleet's pages, without a browser."""

import re
from urllib.parse import quote

from fastapi.testclient import TestClient
from httpx import Response

from hardshoulder_fleet.core.views import CheckInView
from support.browser import Web


class Driver:
    """Somebody with a link and thumbs."""

    def __init__(self, web: Web, link: str, incident_id: str = "incident-1") -> None:
        self.web = web
        self.incident_id = incident_id
        self.path = link.removeprefix("http://testserver")
        self.client = TestClient(web.app, raise_server_exceptions=False)

    def page(self) -> str:
        """The page as it stands."""
        answer: Response = self.client.get(self.path)
        assert answer.status_code == 200
        return answer.text

    def hidden(self, name: str) -> str:
        """A hidden field of the page's forms."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.page())
        assert found, name
        return found[1]

    def tap(self, answer: str) -> Response:
        """One of the answers; follows the redirect as a browser does."""
        data = {"form": self.hidden("form"), "answer": answer}
        went: Response = self.client.post(f"{self.path}/answer", data=data)
        return went

    def order(self, quote_id: str | None = None) -> Response:
        """The yes to a price."""
        page = self.page()
        data = {name: hidden(page, name) for name in ("form", "shown") if f'name="{name}"' in page}
        data["quote_id"] = quote_id or hidden(page, "quote_id")
        went: Response = self.client.post(f"{self.path}/order", data=data)
        return went

    def view(self) -> CheckInView:
        """What the desk knows."""
        found = self.web.desk.view(self.incident_id)
        assert found
        return found

    def call_off(self) -> Response:
        """Both steps of calling off her tow."""
        form = self.client.get(f"{self.path}/call-off").text
        data = {name: hidden(form, name) for name in ("form", "tow")}
        went: Response = self.client.post(f"{self.path}/call-off", data=data)
        return went


class Operator:
    """Somebody at the list, with one incident open."""

    def __init__(self, web: Web, incident_id: str = "incident-1") -> None:
        self.client = TestClient(web.app, raise_server_exceptions=False)
        self.address = f"/operator/incident/{quote(incident_id, safe='')}"

    def board(self) -> str:
        """The list."""
        text: str = self.client.get("/operator").text
        return text

    def page(self) -> str:
        """The incident's page."""
        answer: Response = self.client.get(self.address)
        assert answer.status_code == 200
        return answer.text

    def post(self, what: str, **fields: str) -> Response:
        """One of the page's buttons."""
        data = {"form": hidden(self.page(), "form")} | fields
        went: Response = self.client.post(f"{self.address}/{what}", data=data)
        return went


def hidden(page: str, name: str) -> str:
    """A hidden field of a page's forms."""
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]
