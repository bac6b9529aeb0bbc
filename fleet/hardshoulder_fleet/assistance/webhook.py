"""The provider's own word: a report over HTTP, signed with the secret that both sides know."""

import hashlib
import hmac
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hardshoulder_fleet.core.checkin import Tow

SIGNATURE_HEADER = "X-Hardshoulder-Signature"
PATH = "/hooks/provider"
"""Where the fleet hears it, below its base URL."""

LIMIT_BYTES = 8 * 1024
SECRET_MIN_BYTES = 16

_SCHEME = "sha256="


class BadReportError(ValueError):
    """A report that is forged or cannot be read; the text is one sentence."""


class ReportData(BaseModel):
    """One report. sequence: 1, 2, … within an order; the same number is the same report, sent again."""

    # A newer provider may say more than this fleet understands.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    order_ref: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    state: Tow
    sequence: Annotated[int, Field(ge=1, lt=2**31)]
    eta_minutes: Annotated[int, Field(ge=0, le=24 * 60)] | None = None

    @field_validator("state")
    @classmethod
    def _is_news(cls, state: Tow) -> Tow:
        if state is Tow.REQUESTED:
            raise ValueError("a provider does not report what it was asked")
        return state


def sign(body: bytes, secret: bytes) -> str:
    """The header's value for this body: `sha256=` and the HMAC in hexadecimal digits."""
    return _SCHEME + hmac.new(secret, body, hashlib.sha256).hexdigest()


def read_report(body: bytes, signature: str, secret: bytes) -> ReportData:
    """A report whose signature is right. Raises BadReportError for everything else."""
    if len(body) > LIMIT_BYTES:
        raise BadReportError(f"The report has {len(body)} bytes, and {LIMIT_BYTES} are the limit.")
    # As bytes: compare_digest refuses text outside ASCII, and a header may carry it.
    if not hmac.compare_digest(signature.encode(), sign(body, secret).encode()):
        raise BadReportError("The report's signature is wrong.")
    try:
        return ReportData.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "body"
        raise BadReportError(f"The report cannot be read: {place}: {first['msg']}.") from None
