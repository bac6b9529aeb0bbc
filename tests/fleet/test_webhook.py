"""A provider's reports: signed, and read strictly."""

import hashlib
import hmac

import pytest

from hardshoulder_fleet.assistance.http import HttpProvider
from hardshoulder_fleet.assistance.webhook import LIMIT_BYTES, BadReportError, read_report, sign
from hardshoulder_fleet.core.checkin import Tow

SECRET = b"between the two of us"


def test_a_report_is_read_when_its_signature_is_right() -> None:
    body = b'{"order_ref": "o1", "state": "en-route", "sequence": 2, "eta_minutes": 20, "new": 1}'
    signature = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    with HttpProvider("http://127.0.0.1:1", "http://127.0.0.1:1/hooks/provider", SECRET) as client:
        report = client.hear(body, signature)
    assert (report.order_ref, report.state, report.sequence, report.eta_minutes) == ("o1", Tow.EN_ROUTE, 2, 20)


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=é", "0" * 64, sign(b"{}", b"another secret")])
def test_a_forged_report_is_refused(signature: str) -> None:
    with pytest.raises(BadReportError, match="signature is wrong"):
        read_report(b"{}", signature, SECRET)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{}", "order_ref: Field required"),
        (b'{"order_ref": "o1", "state": "lost", "sequence": 1}', "state: "),
        (b'{"order_ref": "o1", "state": "requested", "sequence": 1}', "does not report what it was asked"),
        (b'{"order_ref": "o1", "state": "assigned", "sequence": 0}', "sequence: "),
        (b'{"order_ref": "o1", "state": "assigned", "sequence": "1"}', "sequence: "),
        (b'{"order_ref": "o1", "state": "assigned", "sequence": 1, "eta_minutes": -1}', "eta_minutes: "),
        (b" " * (LIMIT_BYTES + 1), "are the limit"),
    ],
)
def test_a_signed_report_can_be_wrong_too(body: bytes, sentence: str) -> None:
    with pytest.raises(BadReportError, match=sentence):
        read_report(body, sign(body, SECRET), SECRET)
