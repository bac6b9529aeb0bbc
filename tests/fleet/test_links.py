"""Links: only ours, only in time, only for their own incident."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hardshoulder_fleet.links import LinkError, LinkFault, Links

SECRET = b"a secret that only tests know"
NOW = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)
LINKS = Links(SECRET, "https://fleet.example/", valid_s=3600)


def token_of(incident_id: str = "incident-1", links: Links = LINKS, now: datetime = NOW) -> str:
    """The part of a link that is signed."""
    return links.make(incident_id, now).rpartition("/")[2]


def fault(token: str, now: datetime = NOW) -> LinkFault:
    """Why this token opens nothing."""
    with pytest.raises(LinkError) as caught:
        LINKS.read(token, now)
    assert str(caught.value).endswith(".")
    return caught.value.kind


def test_a_link_names_its_incident_and_may_be_opened_again() -> None:
    link = LINKS.make("incident-1", NOW)
    assert link.startswith("https://fleet.example/c/")
    assert [LINKS.read(token_of(), NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 60)] == ["incident-1"] * 3


def test_a_link_expires() -> None:
    assert fault(token_of(), NOW + timedelta(seconds=3601)) is LinkFault.EXPIRED


def test_a_clock_that_was_put_back_locks_nobody_out() -> None:
    assert LINKS.read(token_of(), NOW - timedelta(hours=5)) == "incident-1"


def test_another_secret_or_another_purpose_is_a_forgery() -> None:
    assert (
        fault(token_of(links=Links(b"another secret of some length", "https://fleet.example", 3600)))
        is LinkFault.FORGED
    )
    assert fault(LINKS.make_form("incident-1", NOW)) is LinkFault.FORGED
    with pytest.raises(LinkError):
        LINKS.check_form(token_of(), "incident-1", NOW)


def test_a_form_belongs_to_one_incident() -> None:
    form = LINKS.make_form("incident-1", NOW)
    LINKS.check_form(form, "incident-1", NOW)
    with pytest.raises(LinkError):
        LINKS.check_form(form, "incident-2", NOW)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes"):
        Links(b"short", "https://fleet.example", 3600)


@pytest.mark.slow
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=100))
def test_every_incident_comes_back(incident_id: str) -> None:
    assert LINKS.read(token_of(incident_id), NOW) == incident_id


@given(st.text(max_size=2000))
def test_whatever_somebody_types_is_a_forgery(token: str) -> None:
    assert fault(token) is LinkFault.FORGED


@given(st.data())
def test_a_changed_letter_is_a_forgery(data: st.DataObject) -> None:
    token = token_of()
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    assume(letter != token[at])
    assert fault(token[:at] + letter + token[at + 1 :]) is LinkFault.FORGED
